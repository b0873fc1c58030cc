"""Entering a user namespace for real, with the helpers of this host or without them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nbcontainer.linux import rootless
from tests.needs import needs

CODE = """
import os, sys
from nbcontainer.linux import namespaces, rootless, syscalls as s
{before}
note = rootless.enter(s.CLONE_NEWNS | s.CLONE_NEWUTS)
s.sethostname("inside")
print(os.getuid(), os.getgid(), s.capget()[0] > 0)
for own in namespaces.own_maps(): print(*own)
print(note)
"""


# Root keeps CAP_SETFCAP, without which Linux lets nobody map uid 0.
PLAIN = "os.geteuid() or s.capset(1 << 31, 1 << 31, 0)"


def enter(before: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(before=before)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_without_the_helpers_there_is_one_id_and_the_reason() -> None:
    lines = enter(f"rootless._PATH = (); {PLAIN}")
    assert lines == [
        "0 0 True",
        f"(0, {os.getuid()}, 1)",
        f"(0, {os.getgid()}, 1)",
        "newuidmap is not installed",
    ]


@needs("newgidmap")
def test_a_helper_that_refuses_leaves_one_id_and_its_own_words() -> None:
    # A range that nobody was given, claimed by a file that is not the host's.
    before = (
        "rootless._text = lambda p: open(p).read() if p[:5] == '/proc' else 'x:2000000000:9'\n"
        "rootless.user_name = lambda uid: 'x'\n"
        f"s.prctl(s.PR_SET_NO_NEW_PRIVS, 1); {PLAIN}"
    )
    lines = enter(before)
    assert lines[:2] == ["0 0 True", f"(0, {os.getuid()}, 1)"]
    assert lines[-1].startswith("newgidmap: ")


def test_with_the_helpers_there_are_all_granted_ids() -> None:
    uid_map, _, note = rootless.granted_maps(os.getuid(), os.getgid())
    if note or os.getuid() == 0:
        pytest.skip(note or "root is granted none")
    lines = enter("")
    assert lines[1] == " ".join(map(str, uid_map))
    assert lines[3:] == [""]


def test_root_that_may_set_ids_gives_them_without_helpers() -> None:
    if os.getuid() or not rootless._gives_ids():
        pytest.skip("this process is not root, or may not set ids")
    lines = enter("rootless._PATH = ()")
    assert lines[1].startswith("(0, 0, 1) (1, ")
    assert lines[3:] == [""]


def test_in_a_namespace_of_one_id_there_is_one_and_the_reason() -> None:
    uid, gid = os.getuid(), os.getgid()
    before = (
        "s.unshare(s.CLONE_NEWUSER); namespaces.write_maps("
        f"'self', ((0, {uid}, 1),), ((0, {gid}, 1),), setgroups=False)"
    )
    assert enter(before) == ["0 0 True", "(0, 0, 1)", "(0, 0, 1)", rootless.SURROUNDED]


def test_a_granted_map_starts_with_the_user() -> None:
    uid_map, gid_map, _ = rootless.granted_maps(os.getuid(), os.getgid())
    assert uid_map[0] == (0, os.getuid(), 1)
    assert gid_map[0] == (0, os.getgid(), 1)


def test_a_user_without_a_name_is_known_by_number() -> None:
    assert rootless.user_name(1 << 30) == str(1 << 30)


def test_programs_are_not_looked_up_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert rootless.which("sh") == "/usr/bin/sh"
    assert rootless.which("no-such-program") is None


def test_root_of_a_small_namespace_is_no_root() -> None:
    code = """
import os
from nbcontainer.linux import namespaces, rootless, syscalls as s
uid, gid = os.getuid(), os.getgid()
s.unshare(s.CLONE_NEWUSER)
namespaces.write_maps("self", ((0, uid, 1),), ((0, gid, 1),), setgroups=False)
print(os.getuid(), rootless.is_root())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout == "0 False\n", done.stderr
