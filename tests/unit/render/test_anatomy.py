from nbcontainer.render.anatomy import headline, limit_text, lines, shared
from nbcontainer.spec.anatomy import Limit
from nbcontainer.values import replace
from tests.anatomies import CROWDED, ENDED, EVERY, RUNNING

TEXT = """\
web (aaaaaaaaaaaa, python, running)
web is 1 process of this host's 120, on the same Linux kernel (6.1), seen through 1 namespaces of its own

Processes
  inside   outside   user inside   user outside   command
  1        4711      0             200000         python3 -m http.server

Namespaces
  kind   inode   whose        what it hides
  pid    2       its own      which processes there are
  net    7       the host's   interfaces, addresses, ports

Users
  inside   outside   how many
  0        200000    65536

Limits
  what         use
  memory       64MiB of 128MiB
  processors   0.5

Rights
  kept (1): CHOWN
  dropped (1): SYS_ADMIN
  system calls: filtered by the default profile, and no program inside can gain rights

Files, the topmost layer first
  layer          size   made by
  upper          12B    this container's own changes
  llllllllllll   2MB    COPY tools /

Mounts
  where   type    may be written
  /proc   proc    yes
  /sys    sysfs   no

The way of a packet
  outside -> no way in (only lo here) -x- process (python3)"""


def test_the_text_says_what_the_picture_says():
    assert "\n".join(lines(RUNNING)) == TEXT


def test_one_that_does_not_run_is_files_and_a_note():
    text = "\n".join(lines(ENDED))
    assert headline(ENDED) == "old is exited: files in layers, and a note of what to start"
    assert "Processes" not in text
    assert "COPY tools /" in text


def test_two_are_told_what_they_share():
    other = replace(RUNNING, name="db", namespaces=(RUNNING.namespaces[1],))
    assert shared(RUNNING, other) == ["net"]
    assert (
        lines(RUNNING, other)[-1] == "web and db share the Linux kernel and these namespaces: net"
    )
    assert lines(RUNNING, ENDED)[-1] == "web and old share the Linux kernel and no namespace"


def test_what_was_relaxed_is_said():
    text = "\n".join(lines(CROWDED))
    assert "system calls: all allowed" in text
    assert len(EVERY) == 3


def test_a_limit_reads_as_use_of_what_is_allowed():
    assert limit_text(Limit("memory", 1 << 20, 0, "bytes")) == "1MiB, no limit"
    assert limit_text(Limit("processes", 3, 4096)) == "3 of 4096"
    assert limit_text(Limit("processors", None, 0, "cpus")) == "no limit"
