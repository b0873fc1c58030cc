"""Each call is made for real; what needs privileges happens in a child with its own namespaces."""

from __future__ import annotations

import errno
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from nbcontainer.linux import syscalls as sys_
from nbcontainer.linux.numbers import NUMBERS


def in_child(source: str) -> str:
    """Run source in a fresh single-threaded Python and return what it printed."""
    prelude = "import os\nfrom nbcontainer.linux import syscalls as s\n"
    done = subprocess.run(
        [sys.executable, "-c", prelude + source], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_failure_is_an_oserror_with_errno_and_path() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        sys_.openat2(sys_.AT_FDCWD, "/no/such/path", os.O_RDONLY)
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == "/no/such/path"


def test_a_text_with_a_nul_is_refused_and_not_cut() -> None:
    with pytest.raises(OSError) as caught:
        sys_.openat2(sys_.AT_FDCWD, "/tmp\0/x", os.O_PATH)
    assert caught.value.errno == errno.EINVAL


def test_openat2_in_root_keeps_an_absolute_link_inside(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("inside")
    (tmp_path / "link").symlink_to("/etc/passwd")
    root = os.open(tmp_path, os.O_PATH)
    try:
        fd = sys_.openat2(root, "link", os.O_RDONLY, resolve=sys_.RESOLVE_IN_ROOT)
        assert os.read(fd, 10) == b"inside"
        assert not os.get_inheritable(fd)
        os.close(fd)
        with pytest.raises(OSError) as caught:
            sys_.openat2(root, "../x", os.O_RDONLY, resolve=sys_.RESOLVE_BENEATH)
        assert caught.value.errno == errno.EXDEV
    finally:
        os.close(root)


def test_renameat2_exchanges_and_refuses_to_replace(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    here = sys_.AT_FDCWD
    first, second = str(tmp_path / "a"), str(tmp_path / "b")
    sys_.renameat2(here, first, here, second, sys_.RENAME_EXCHANGE)
    assert (tmp_path / "a").read_text() == "b"
    with pytest.raises(FileExistsError):
        sys_.renameat2(here, first, here, second, sys_.RENAME_NOREPLACE)


def test_a_pidfd_signals_the_process_and_only_while_it_lives() -> None:
    child = subprocess.Popen(["sleep", "100"])
    pidfd = sys_.pidfd_open(child.pid)
    sys_.pidfd_send_signal(pidfd, signal.SIGTERM)
    assert child.wait(10) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        sys_.pidfd_send_signal(pidfd, signal.SIGTERM)
    os.close(pidfd)


def test_inotify_reports_a_written_file(tmp_path: Path) -> None:
    fd = sys_.inotify_init()
    watch = sys_.inotify_add_watch(fd, str(tmp_path), sys_.IN_CLOSE_WRITE)
    (tmp_path / "f").write_text("x")
    found, mask, _, length = struct.unpack_from("iIII", data := os.read(fd, 4096))
    assert (found, mask) == (watch, sys_.IN_CLOSE_WRITE)
    assert data[16 : 16 + length].rstrip(b"\0") == b"f"
    sys_.inotify_rm_watch(fd, watch)
    os.close(fd)


def test_close_range_closes_what_it_is_told() -> None:
    out = in_child("""
a = os.open("/", os.O_PATH); b = os.dup(a)
s.close_range(3)
for fd in (a, b):
    try: os.fstat(fd)
    except OSError as e: print(e.errno)
""")
    assert out.split() == ["9", "9"]


def test_a_cloned_process_has_run_the_fork_hooks_and_lives_in_its_namespaces() -> None:
    out = in_child("""
os.register_at_fork(after_in_child=lambda: print("hook", flush=True))
flags = s.CLONE_NEWUSER | s.CLONE_NEWPID | s.CLONE_NEWUTS | s.CLONE_NEWNS
outside = os.readlink("/proc/self/ns/uts")
pid = s.clone_process(flags)
if pid == 0:
    import threading
    print(os.getpid(), os.readlink("/proc/thread-self/ns/uts") != outside, flush=True)
    t = threading.Thread(target=print, args=("thread",)); t.start(); t.join()
    s.sethostname("inside"); print(os.uname().nodename, flush=True)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""")
    assert out.split("\n") == ["hook", "1 True", "thread", "inside", "7"]


def test_a_clone_that_fails_leaves_the_parent_whole() -> None:
    out = in_child("""
try: s.clone_process(s.CLONE_NEWNS | 0x200)  # CLONE_FS with CLONE_NEWNS is EINVAL
except OSError as e: print(e.errno)
pid = os.fork()
if pid == 0: os._exit(0)
print(os.waitpid(pid, 0)[1])
""")
    assert out.split() == ["22", "0"]


def test_a_filesystem_is_made_detached_and_moved_into_place(tmp_path: Path) -> None:
    out = in_child(f"""
uid, gid = os.getuid(), os.getgid()
pid = s.clone_process(s.CLONE_NEWUSER | s.CLONE_NEWNS)
if pid == 0:
    maps = ("setgroups", "deny"), ("uid_map", f"0 {{uid}} 1"), ("gid_map", f"0 {{gid}} 1")
    for name, text in maps: open("/proc/self/" + name, "w").write(text)
    fs = s.fsopen("tmpfs"); s.fsconfig_string(fs, "mode", "755"); s.fsconfig_create(fs)
    fd = s.fsmount(fs, attributes=s.MOUNT_ATTR_NOSUID)
    s.move_mount(fd, "", s.AT_FDCWD, {str(tmp_path)!r}, s.MOVE_MOUNT_F_EMPTY_PATH)
    os.chdir({str(tmp_path)!r}); open("f", "w").close()
    s.mount_setattr(s.AT_FDCWD, {str(tmp_path)!r}, 0, s.MOUNT_ATTR_RDONLY)
    try: open("g", "w")
    except OSError as e: print(e.errno, flush=True)
    os.chdir("/"); s.umount2({str(tmp_path)!r}, s.MNT_DETACH)
    os._exit(0)
os.waitpid(pid, 0)
""")
    assert out == str(errno.EROFS)
    assert not (tmp_path / "f").exists()


def test_a_refused_filesystem_carries_the_reason_of_linux() -> None:
    out = in_child("""
pid = s.clone_process(s.CLONE_NEWUSER | s.CLONE_NEWNS)
if pid == 0:
    fs = s.fsopen("tmpfs")
    try: s.fsconfig_string(fs, "nonsense", "1")
    except OSError as e: print(e.errno, "nonsense" in e.strerror, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
""")
    assert out == "22 True"


def test_capabilities_are_read_and_dropped() -> None:
    out = in_child("""
pid = s.clone_process(s.CLONE_NEWUSER)
if pid == 0:
    s.capset(1 << 5 | 1 << 40, 1 << 5 | 1 << 40, 0)
    print(s.capget() == (1 << 5 | 1 << 40, 1 << 5 | 1 << 40, 0), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
""")
    assert out == "True"


def test_a_seccomp_program_refuses_the_call_it_names() -> None:
    # load nr; if it is getppid: return ERRNO|EPERM, else ALLOW.
    out = in_child("""
import struct
getppid = {"x86_64": 110, "aarch64": 173}[os.uname().machine]
ins = [(0x20, 0, 0, 0), (0x15, 0, 1, getppid), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
s.prctl(s.PR_SET_NO_NEW_PRIVS, 1)
assert s.prctl(s.PR_GET_NO_NEW_PRIVS) == 1
s.seccomp_install(b"".join(struct.pack("=HBBI", *i) for i in ins))
import ctypes
print(ctypes.CDLL(None, use_errno=True).getppid())
""")
    assert out == "-1"


def test_a_seccomp_program_of_broken_length_is_refused() -> None:
    with pytest.raises(OSError) as caught:
        sys_.seccomp_install(b"1234567")
    assert caught.value.errno == errno.EINVAL


def test_known_seccomp_actions_are_told_from_unknown_ones() -> None:
    assert sys_.seccomp_action_available(0x7FFF0000)
    assert not sys_.seccomp_action_available(0x12340000)


def test_a_session_keyring_is_new_each_time() -> None:
    first, second = in_child("print(s.keyctl_join_session(), s.keyctl_join_session())").split()
    assert first != second


def test_every_call_has_a_number_on_both_machines() -> None:
    for name, (x86_64, aarch64) in NUMBERS.items():
        assert x86_64 > 0, name
        assert aarch64 > 0, name
