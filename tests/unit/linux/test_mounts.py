"""The parser on texts; mounts for real in a child with its own user and mount namespace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nbcontainer.linux import mounts

TABLE = (
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "40 22 0:40 /a\\040b /mnt/with\\040space\\134x ro,nosuid shared:2 master:1 - fuse.x s\\011t rw\n"
    "41 22 0:41 / /mnt/empty rw - tmpfs  rw\n"
)

PRELUDE = """
import os, sys
from nbcontainer.linux import mounts, namespaces, syscalls as s
uid, gid = os.getuid(), os.getgid()
def inside(work):
    pid = s.clone_process(s.CLONE_NEWUSER | s.CLONE_NEWNS)
    if pid == 0:
        code = 1
        try:
            namespaces.write_maps("self", ((0, uid, 1),), ((0, gid, 1),), setgroups=False)
            mounts.make_private()
            work()
            code = 0
        except BaseException:
            import traceback; traceback.print_exc()
        sys.stdout.flush()
        os._exit(code)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def run(code: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, *args], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_fields_are_read_and_unescaped() -> None:
    root, cgroup, odd, empty = mounts.parse(TABLE)
    assert (root.target, root.fstype, root.propagation) == ("/", "ext4", ("shared:1",))
    assert cgroup.propagation == ()
    assert (odd.root, odd.target, odd.source) == ("/a b", "/mnt/with space\\x", "s\tt")
    assert odd.propagation == ("shared:2", "master:1")
    assert (empty.source, empty.super_options) == ("", ("rw",))


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/etc/passwd", "/"),
        ("/sys/fs/cgroup", "/sys/fs/cgroup"),
        ("/sys/fs/cgroup/x", "/sys/fs/cgroup"),
        ("/sys/fs/cgroups", "/"),
    ],
)
def test_the_mount_that_holds_a_path_is_found(path: str, target: str) -> None:
    entry = mounts.holding(path, mounts.parse(TABLE))
    assert entry is not None
    assert entry.target == target


def test_the_later_of_two_mounts_on_one_place_counts() -> None:
    entries = mounts.parse("1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / / rw - tmpfs b rw\n")
    held = mounts.holding("/x", entries)
    assert held is not None
    assert held.source == "b"


def test_the_own_table_has_a_root() -> None:
    assert any(entry.target == "/" for entry in mounts.table())


def test_a_detached_tmpfs_is_attached_by_descriptor(tmp_path: Path) -> None:
    out = run(
        """
def work():
    fd = mounts.detached("tmpfs", {"mode": "700"}, s.MOUNT_ATTR_NODEV)
    target = os.open(sys.argv[1], os.O_PATH)
    mounts.attach(fd, "", dirfd=target)
    entry = mounts.table()[-1]
    print(entry.target == sys.argv[1], entry.fstype, "nodev" in entry.options)
inside(work)
""",
        str(tmp_path),
    )
    assert out == "True tmpfs True"


def test_a_flag_without_a_value_is_set() -> None:
    run('inside(lambda: mounts.detached("tmpfs", {"ro": ""}))')


OVERLAY = """
base = sys.argv[1]
lowers = []
def work():
    mounts.attach(mounts.detached("tmpfs", {"mode": "755"}), base)
    os.chdir(base)
    for n in range(int(sys.argv[2])):
        name = f"{base}/{sys.argv[3]}{n}"
        os.makedirs(name); open(f"{name}/f{n}", "w").close(); open(f"{name}/who", "w").write(str(n))
        lowers.insert(0, name)
    up = f"{base}/{sys.argv[3]}-up"
    os.mkdir(up); os.mkdir("work"); os.mkdir("merged")
    fd = OVER(lowers, up, f"{base}/work", userxattr=True)
    mounts.attach(fd, "merged")
    os.mkdir("merged/new")
    print(len(os.listdir("merged")), open("merged/who").read(), os.listdir(up), os.getcwd() == base)
    print(len(os.listdir("/proc/self/fd")) - 1)
inside(work)
"""


@pytest.mark.parametrize("name", ["plain", "a:b,c\\d e", "n" * 250], ids=["plain", "odd", "long"])
@pytest.mark.parametrize("count", [1, 40])
def test_an_overlay_takes_any_number_of_layers_of_any_name(
    tmp_path: Path, name: str, count: int
) -> None:
    code = OVERLAY.replace("OVER", "mounts.overlay")
    first, fds = run(code, str(tmp_path), str(count), name).split("\n")
    assert first == f"{count + 2} {count - 1} ['new'] True"
    assert int(fds) <= 6  # nothing beyond the overlay, the tmpfs, and standard streams stays open


@pytest.mark.parametrize("count", [1, 40])
def test_an_older_linux_is_given_all_layers_in_one_value(tmp_path: Path, count: int) -> None:
    code = OVERLAY.replace(
        'OVER(lowers, up, f"{base}/work", userxattr=True)',
        'mounts._overlay_joined(lowers, {"upperdir": up, "workdir": base + "/work"},'
        ' ["userxattr"], 0)',
    )
    assert run(code, str(tmp_path), str(count), "l").startswith(f"{count + 2} {count - 1} ['new']")


def test_a_refused_overlay_says_why_and_leaves_no_descriptor(tmp_path: Path) -> None:
    out = run(
        """
def work():
    before = len(os.listdir("/proc/self/fd"))
    try: mounts.overlay(["/no/such/layer"])
    except OSError as error: print(error.errno)
    print(len(os.listdir("/proc/self/fd")) - before)
inside(work)
"""
    )
    assert out.split() == ["2", "0"]
