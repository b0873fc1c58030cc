"""The system calls that Python has no function for; the only module that uses ctypes.

Thin and without policy: names, argument order and flags are those of section 2 of the manual; every
failure is an OSError that carries Linux's errno and the path it is about.  A text may be str or
bytes; a text with a NUL in it is EINVAL, since Linux would silently see less of it.  On a machine
other than x86-64 and aarch64 each call is ENOSYS.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from .numbers import NUMBERS

_MACHINE = os.uname().machine
_COLUMN = {"x86_64": 0, "aarch64": 1}.get(_MACHINE)
# -1 is no system call: Linux answers ENOSYS.
_NR = {name: -1 if _COLUMN is None else pair[_COLUMN] for name, pair in NUMBERS.items()}

AT_FDCWD = -100
AT_RECURSIVE = 0x8000
AT_EMPTY_PATH = 0x1000

CLONE_NEWTIME = 0x80
CLONE_PARENT = 0x8000
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x2000000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_CLONE_CHILD_CLEARTID = 0x200000
_CLONE_INTO_CGROUP = 0x200000000
_CLONE_CHILD_SETTID = 0x1000000
_SIGCHLD = 17

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_NOATIME = 1024
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_RELATIME = 1 << 21

MNT_DETACH = 2

OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x4
MOVE_MOUNT_T_EMPTY_PATH = 0x40
FSOPEN_CLOEXEC = 1
FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 0, 1, 6

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR_IDMAP = 0x100000


PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
_PR_GET_TID_ADDRESS = 40
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECBIT_NOROOT_FOR_EVER = 1 | 2  # with its lock

SECCOMP_SET_MODE_FILTER = 1
SECCOMP_GET_ACTION_AVAIL = 2

RESOLVE_NO_MAGICLINKS = 0x2
RESOLVE_NO_SYMLINKS = 0x4
RESOLVE_BENEATH = 0x8
RESOLVE_IN_ROOT = 0x10

RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
RENAME_WHITEOUT = 4

IN_MODIFY = 0x2
IN_CLOSE_WRITE = 0x8
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_NONBLOCK = os.O_NONBLOCK
IN_CLOEXEC = os.O_CLOEXEC

_KEYCTL_JOIN_SESSION_KEYRING = 1
_CAPABILITY_VERSION_3 = 0x20080522

Text = str | bytes

# One prototype for all: c_void_p takes an int of 64 bits, bytes or None, and costs one conversion.
_ARGTYPES = (ctypes.c_long,) + (ctypes.c_void_p,) * 5
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = _ARGTYPES
# The same call with the interpreter's lock held, as os.fork holds it.
_syscall_locked = ctypes.PyDLL(None, use_errno=True).syscall
_syscall_locked.restype = ctypes.c_long
_syscall_locked.argtypes = _ARGTYPES
_BeforeFork = ctypes.pythonapi.PyOS_BeforeFork
_AfterForkChild = ctypes.pythonapi.PyOS_AfterFork_Child
_AfterForkParent = ctypes.pythonapi.PyOS_AfterFork_Parent
for _hook in (_BeforeFork, _AfterForkChild, _AfterForkParent):
    _hook.restype = None
    _hook.argtypes = ()

_Argument = int | bytes | None


def _call(
    name: str,
    path: Text | None,
    a: _Argument = 0,
    b: _Argument = 0,
    c: _Argument = 0,
    d: _Argument = 0,
    e: _Argument = 0,
) -> int:
    result: int = _syscall(_NR[name], a, b, c, d, e)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def _bytes(text: Text) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise OSError(errno.EINVAL, "a NUL in a text", text)
    return encoded


def _bytes_or_null(text: Text | None) -> bytes | None:
    return None if text is None else _bytes(text)


def mount(
    source: Text | None,
    target: Text,
    fstype: Text | None,
    flags: int = 0,
    data: Text | None = None,
) -> None:
    """Mount, bind, move, remount or change propagation; see mount(2)."""
    _call(
        "mount",
        target,
        _bytes_or_null(source),
        _bytes(target),
        _bytes_or_null(fstype),
        flags,
        _bytes_or_null(data),
    )


def umount2(target: Text, flags: int = 0) -> None:
    """Take a mount away; see umount2(2)."""
    _call("umount2", target, _bytes(target), flags)


def pivot_root(new_root: Text, put_old: Text) -> None:
    """Change the root mount of this mount namespace; see pivot_root(2)."""
    _call("pivot_root", new_root, _bytes(new_root), _bytes(put_old))


def unshare(flags: int) -> None:
    """Leave namespaces for new ones; CLONE_NEWUSER is EINVAL in a process with threads."""
    _call("unshare", None, flags)


def setns(fd: int, flags: int = 0) -> None:
    """Enter the namespace of a descriptor, or with a pidfd those that `flags` name."""
    _call("setns", None, fd, flags)


def clone_process(flags: int = 0, cgroup_fd: int = -1) -> int:
    """Fork straight into new namespaces; return 0 in the child, its pid in the parent.

    With the descriptor of a v2 cgroup directory the child begins in that group (Linux 5.7).
    Only for a process without other threads: Python's fork hooks run, those of libc do not.  One
    call instead of fork, unshare, fork takes a third off a container's start.
    """
    tid = ctypes.c_ulong(0)
    # libc keeps the thread's id in memory and os.fork has Linux renew it there.
    if _syscall(_NR["prctl"], _PR_GET_TID_ADDRESS, ctypes.addressof(tid), 0, 0, 0) == 0:
        flags |= _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
    arguments: tuple[int | bytes, ...]
    if cgroup_fd >= 0:
        flags |= _CLONE_INTO_CGROUP
        # flags, pidfd, child_tid, parent_tid, exit_signal, stack (2), tls, set_tid (2), cgroup
        pack = struct.pack("=11Q", flags, 0, tid.value, 0, _SIGCHLD, 0, 0, 0, 0, 0, cgroup_fd)
        arguments = (_NR["clone3"], pack, len(pack), 0, 0, 0)
    else:
        # The last two arguments, tls and child_tid, change places between the two machines.
        last = (0, tid.value) if _MACHINE == "aarch64" else (tid.value, 0)
        arguments = (_NR["clone"], flags | _SIGCHLD, 0, 0, *last)
    _BeforeFork()
    pid: int = _syscall_locked(*arguments)
    if pid == 0:
        _AfterForkChild()
        return 0
    number = ctypes.get_errno()
    _AfterForkParent()
    if pid < 0:
        raise OSError(number, os.strerror(number), "clone")
    return pid


def open_tree(dirfd: int, path: Text, flags: int) -> int:
    """Open a mount, or with OPEN_TREE_CLONE a detached copy; the descriptor closes on exec."""
    return _call("open_tree", path, dirfd, _bytes(path), flags | OPEN_TREE_CLOEXEC)


def move_mount(from_fd: int, from_path: Text, to_fd: int, to_path: Text, flags: int) -> None:
    """Attach a detached mount, or move one."""
    _call("move_mount", to_path, from_fd, _bytes(from_path), to_fd, _bytes(to_path), flags)


def mount_setattr(
    dirfd: int,
    path: Text,
    flags: int,
    attr_set: int = 0,
    attr_clr: int = 0,
    propagation: int = 0,
    userns_fd: int = 0,
) -> None:
    """Change a mount's (AT_RECURSIVE: mounts') attributes; MOUNT_ATTR_IDMAP takes `userns_fd`."""
    attributes = struct.pack("=4Q", attr_set, attr_clr, propagation, userns_fd)
    _call("mount_setattr", path, dirfd, _bytes(path), flags, attributes, len(attributes))


def fsopen(fstype: Text, flags: int = FSOPEN_CLOEXEC) -> int:
    """Begin a filesystem; the descriptor also yields Linux's messages on it."""
    return _call("fsopen", fstype, _bytes(fstype), flags)


def _fsconfig(fd: int, command: int, key: bytes | None, value: bytes | None) -> None:
    try:
        _call("fsconfig", key, fd, command, key, value, 0)
    except OSError as error:
        said = fs_messages(fd)
        if not said:
            raise
        raise OSError(error.errno, f"{error.strerror} ({said})", error.filename) from None


def fsconfig_string(fd: int, key: Text, value: Text) -> None:
    """Set an option that has a value."""
    _fsconfig(fd, _FSCONFIG_SET_STRING, _bytes(key), _bytes(value))


def fsconfig_flag(fd: int, key: Text) -> None:
    """Set an option that has none."""
    _fsconfig(fd, _FSCONFIG_SET_FLAG, _bytes(key), None)


def fsconfig_create(fd: int) -> None:
    """Make the filesystem; an OSError's text carries Linux's own reason where it gave one."""
    _fsconfig(fd, _FSCONFIG_CMD_CREATE, None, None)


def fs_messages(fd: int) -> str:
    """Return what Linux wrote on a filesystem under construction, "" where it is silent."""
    found = []
    try:
        while text := os.read(fd, 4096):
            # "e overlay: …": the first letter is the level.
            found.append(text.decode(errors="replace").strip()[2:])
    except OSError:
        pass  # ENODATA: all read; anything else: there is no log.
    return "; ".join(found)


def fsmount(fd: int, flags: int = FSMOUNT_CLOEXEC, attributes: int = 0) -> int:
    """Return a detached mount of the filesystem just made."""
    return _call("fsmount", None, fd, flags, attributes)


def close_range(first: int, last: int = 0xFFFFFFFF, flags: int = 0) -> None:
    """Close, or mark to close on exec, all descriptors from `first` to `last`."""
    _call("close_range", None, first, last, flags)


def prctl(option: int, a: int | bytes = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
    """See prctl(2)."""
    return _call("prctl", None, option, a, b, c, d)


def put_bytes(address: int, data: bytes) -> None:
    """Write into this process's own memory, which must be mapped there and writable."""
    ctypes.memmove(address, data, len(data))


def capget() -> tuple[int, int, int]:
    """Return this process's (effective, permitted, inheritable) capability bits."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    data = ctypes.create_string_buffer(24)
    _call("capget", None, header, ctypes.addressof(data))
    e0, p0, i0, e1, p1, i1 = struct.unpack("=6I", data.raw)
    return e0 | e1 << 32, p0 | p1 << 32, i0 | i1 << 32


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set this process's capability bits."""
    low, high = 0xFFFFFFFF, 32
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    words = [bits & low for bits in (effective, permitted, inheritable)]
    words += [bits >> high for bits in (effective, permitted, inheritable)]
    _call("capset", None, header, struct.pack("=6I", *words))


def seccomp_install(program: bytes, flags: int = 0) -> int:
    """Install a filter (sock_filter instructions of 8 bytes); needs no_new_privs or CAP_SYS_ADMIN.

    The result is a descriptor where `flags` ask for a listener, otherwise 0.
    """
    if not program or len(program) % 8:
        raise OSError(errno.EINVAL, "not a whole number of instructions", "seccomp")
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the pointer stands at its own alignment.
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    return _call("seccomp", None, SECCOMP_SET_MODE_FILTER, flags, head)


def seccomp_action_available(action: int) -> bool:
    """Tell whether Linux knows a filter's return action (seccomp(2), SECCOMP_GET_ACTION_AVAIL)."""
    word = struct.pack("=I", action)
    result: int = _syscall(_NR["seccomp"], SECCOMP_GET_ACTION_AVAIL, 0, word, 0, 0)
    return result == 0


def pidfd_open(pid: int, flags: int = 0) -> int:
    """Return a descriptor that means this very process, even after its number is used again."""
    return _call("pidfd_open", None, pid, flags)


def pidfd_send_signal(pidfd: int, signal: int) -> None:
    """Send a signal through a pidfd; ESRCH once the process has been reaped."""
    _call("pidfd_send_signal", None, pidfd, signal, None, 0)


def keyctl_join_session(name: Text | None = None) -> int:
    """Begin a new session keyring, so that keys of the old one are out of reach."""
    return _call("keyctl", name, _KEYCTL_JOIN_SESSION_KEYRING, _bytes_or_null(name))


def openat2(dirfd: int, path: Text, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """Open with rules on how the path may resolve (RESOLVE_*); the descriptor closes on exec."""
    how = struct.pack("=3Q", flags | os.O_CLOEXEC, mode, resolve)
    return _call("openat2", path, dirfd, _bytes(path), how, len(how))


def renameat2(old_fd: int, old: Text, new_fd: int, new: Text, flags: int) -> None:
    """Rename with RENAME_NOREPLACE, RENAME_EXCHANGE or RENAME_WHITEOUT."""
    _call("renameat2", new, old_fd, _bytes(old), new_fd, _bytes(new), flags)


def inotify_init(flags: int = IN_CLOEXEC | IN_NONBLOCK) -> int:
    """Return a descriptor that reports changes of files."""
    return _call("inotify_init1", None, flags)


def inotify_add_watch(fd: int, path: Text, mask: int) -> int:
    """Watch a path; return the watch's number."""
    return _call("inotify_add_watch", path, fd, _bytes(path), mask)


def inotify_rm_watch(fd: int, watch: int) -> None:
    """End a watch."""
    _call("inotify_rm_watch", None, fd, watch)


def sethostname(name: Text) -> None:
    """Set the host name of this UTS namespace."""
    encoded = _bytes(name)
    _call("sethostname", name, encoded, len(encoded))


def syncfs(fd: int) -> None:
    """Write everything of the filesystem that holds `fd` to the disk."""
    _call("syncfs", None, fd)
