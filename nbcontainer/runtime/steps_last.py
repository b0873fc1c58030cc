"""The steps by which a process gives up its rights and becomes the program.

They run in the container's own root, in the order of the plan; `exec` runs the same ones.  What they
may fail with is told in Docker's words: 126 for what cannot be executed, 127 for what is not there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import signal
import socket
import stat
import struct
import termios
from collections.abc import Callable
from typing import Any

from ..errors import CommandNotFound, EngineError, NotExecutable
from ..linux import capabilities as caps
from ..linux import process, syscalls
from . import steps_inside, wire
from .users import Identity, identify

_TIOCGPTN, _TIOCSPTLCK = 0x80045430, 0x40045431
_SOME_ACCOUNTS = "/etc/passwd"
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Last:
    """What the last steps share: the shim's socket, who we become, the programs read beforehand."""

    __slots__ = ("console", "identity", "is_root", "is_sealed", "programs", "sock")

    def __init__(self, sock: socket.socket, programs: dict[str, bytes], console: bool) -> None:
        self.sock = sock
        self.identity: Identity | None = None
        self.is_root = True
        self.programs = programs
        self.console = console
        self.is_sealed = False


def rehearse() -> None:
    """Do now, while nobody waits, what costs most when it is done for the first time after a fork."""
    box = Last(socket.socket(), {}, False)
    with box.sock:
        if os.path.exists(_SOME_ACCOUNTS) and os.path.getsize(_SOME_ACCOUNTS) < 1 << 16:
            box.identity = identify("0")
        sum(1 << caps.BITS[name] & syscalls.capget()[1] for name in caps.BITS)
        limit_resources(box, {"limits": {}})
        _environment(["A=b"], box.identity)


def terminal(box: Last, args: dict[str, Any]) -> None:
    """Open a terminal of the container's own devpts, hand its master to the shim, take the slave."""
    master = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
    number = struct.unpack("i", fcntl.ioctl(master, _TIOCGPTN, struct.pack("i", 0)))[0]
    slave = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    wire.send(box.sock, wire.Done("terminal"), (master,))
    os.close(master)
    if args.get("rows"):
        size = struct.pack("HHHH", args["rows"], args["columns"], 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    if box.console:
        os.close(os.open("/dev/console", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        syscalls.mount(f"/dev/pts/{number}", "/dev/console", None, syscalls.MS_BIND)
    if os.getsid(0) != os.getpid():
        os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(slave, descriptor)
    os.close(slave)


def change_directory(box: Last, args: dict[str, Any]) -> None:
    path = args["path"] or "/"
    # never through a magic link: descriptors of the host are still open (CVE-2024-21626)
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    target = steps_inside.open_target(root, path, is_made=args.get("is_made", True))
    os.fchdir(target)
    os.close(target)
    os.close(root)
    # a directory outside the root has no absolute name here
    if not os.getcwd().startswith("/"):
        raise OSError(errno.EPERM, "the working directory is not inside the container", path)


def limit_resources(box: Last, args: dict[str, Any]) -> None:
    """Set the limits, never above what the host allows: without CAP_SYS_RESOURCE none can be raised."""
    for name, (soft, hard) in args["limits"].items():
        number = getattr(resource, f"RLIMIT_{name.upper()}")
        ceiling = resource.getrlimit(number)[1]
        soft, hard = _clamp(soft, ceiling), _clamp(hard, ceiling)
        resource.setrlimit(number, (min(soft, hard) if hard != -1 else soft, hard))


def _clamp(value: int, ceiling: int) -> int:
    if ceiling == resource.RLIM_INFINITY:
        return value
    return ceiling if value == resource.RLIM_INFINITY else min(value, ceiling)


def bound_capabilities(box: Last, args: dict[str, Any]) -> None:
    steps_inside.drop_from_bounding_set(args["keep"])


def become_user(box: Last, args: dict[str, Any]) -> None:
    identity = identify(args["user"])
    box.is_root = identity.uid == 0
    if args["single_id"]:
        # there is no other id to become; the name keeps its home
        identity = Identity(0, 0, (), identity.home)
    else:
        os.setgroups(identity.groups)
    box.identity = identity
    for descriptor in (0, 1, 2):
        try:
            found = os.fstat(descriptor)
            # /dev/null and what belongs to somebody else outside stay as they are
            if found.st_uid == identity.uid:
                continue
            if stat.S_ISFIFO(found.st_mode) or os.isatty(descriptor):
                os.fchown(descriptor, identity.uid, -1)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EINVAL, errno.EROFS, errno.EBADF):
                raise
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
    # a change of ids clears it: the program shall not outlive its shim
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)


def capabilities(box: Last, args: dict[str, Any]) -> None:
    """Leave root its chosen capabilities and anybody else none; nothing is inherited."""
    syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL)
    assert box.identity is not None
    if not box.is_root:
        if box.identity.uid == 0:
            # another user in name only: that it is root gives it nothing, now or by a later execve
            syscalls.prctl(syscalls.PR_SET_SECUREBITS, syscalls.SECBIT_NOROOT_FOR_EVER)
        syscalls.capset(0, 0, 0)
        return
    keep = caps.ALL if args["keep"] == ["ALL"] else args["keep"]
    bits = 0
    for name in keep:
        bits |= 1 << caps.BITS[name]
    bits &= syscalls.capget()[1]
    syscalls.capset(bits, bits, 0)


def no_new_privileges(box: Last, args: dict[str, Any]) -> None:
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)


def seccomp(box: Last, args: dict[str, Any]) -> None:
    # a profile need not know the calls that sealing takes
    _seal(box)
    syscalls.seccomp_install(box.programs[args["program"]])


def new_keyring(box: Last, args: dict[str, Any]) -> None:
    """Leave the session keyring that exec was called from."""
    steps_inside.join_new_keyring()


def execute(box: Last, args: dict[str, Any]) -> None:
    """Become the program, or its parent where --init was asked for."""
    _seal(box)
    argv, env = list(args["args"]), _environment(args["env"], box.identity)
    if args.get("reap"):
        _reap_for(argv, env, box)
    _exec(argv, env)


def _seal(box: Last) -> None:
    """Set signals as a program expects them, and close what is not its own; once.

    Of descriptors only 0, 1, 2 and the shim's socket stay, so that nothing of ours can be reached by
    /proc/self/fd even while a script's interpreter is looked up (CVE-2024-21626).
    """
    if box.is_sealed:
        return
    box.is_sealed = True
    wire.send_bytes(box.sock, wire.EXECUTING)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    kept = box.sock.fileno()
    if kept > 3:
        syscalls.close_range(3, kept - 1)
    syscalls.close_range(kept + 1)


def _environment(lines: list[str], identity: Identity | None) -> dict[str, str]:
    env = dict(line.partition("=")[::2] for line in lines)
    if not env.get("HOME"):
        env["HOME"] = identity.home if identity else "/"
    return env


def _exec(argv: list[str], env: dict[str, str]) -> None:
    name = argv[0]
    if not name:
        raise _refusal(name, None)
    if "/" in name:
        candidates = [name]
    else:
        path = env.get("PATH", _DEFAULT_PATH)
        candidates = [f"{directory or '.'}/{name}" for directory in path.split(":")]
    refused: OSError | None = None
    for candidate in candidates:
        try:
            os.execve(candidate, argv, env)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                if os.path.exists(candidate):
                    refused = OSError(errno.ENOENT, "its interpreter does not exist")
                continue
            if os.path.isdir(candidate) and "/" not in name:
                continue
            refused = error
            if error.errno == errno.EACCES and os.path.isdir(candidate):
                refused = OSError(errno.EISDIR, "is a directory")
            if "/" in name or error.errno != errno.EACCES:
                break
    raise _refusal(name, refused)


def _refusal(name: str, refused: OSError | None) -> EngineError:
    """Return the error in Docker's words: 127 for what is not there, 126 for what cannot run."""
    step = {"step": "execute"}
    if refused is None:
        if "/" in name:
            return CommandNotFound(
                f'exec: "{name}": stat {name}: no such file or directory',
                "Look for the file with `run IMAGE ls`.",
                errno=errno.ENOENT,
                **step,
            )
        return CommandNotFound(
            f'exec: "{name}": executable file not found in $PATH',
            "Give the command's full path, or one that the image holds.",
            errno=errno.ENOENT,
            **step,
        )
    code = refused.errno or 0
    if code == errno.ENOENT:
        return CommandNotFound(
            f"exec {name}: no such file or directory: {refused.strerror}",
            "Install the interpreter that the file's first line names.",
            errno=code,
            **step,
        )
    words = {
        errno.EACCES: ("permission denied", "Make it executable with chmod +x in the image."),
        errno.EISDIR: ("is a directory", "Name a file."),
        errno.ENOEXEC: ("exec format error", "Use an image built for this processor."),
        errno.E2BIG: ("argument list too long", "Pass fewer or shorter arguments."),
    }
    text, hint = words.get(code, (refused.strerror or str(refused), None))
    return NotExecutable(f'exec: "{name}": {text}', hint, errno=code, **step)


def _reap_for(argv: list[str], env: dict[str, str], box: Last) -> None:
    """As pid 1: run the program as a child, hand it every signal, collect orphans, end with its code.

    Returns only in the child.
    """
    everything = signal.valid_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        if os.isatty(0):
            # ours is a background group now, and it may not stop for taking the terminal
            os.tcsetpgrp(0, os.getpid())
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return
    box.sock.close()
    syscalls.close_range(3)
    # ours would tell the container about the host's paths
    with contextlib.suppress(OSError):
        process.call_itself(("init", "--", *argv))
    while True:
        number = signal.sigwait(everything)
        if number != signal.SIGCHLD:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                pass
            continue
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                os._exit(0)
            if pid == 0:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)


APPLY: dict[str, Callable[[Last, dict[str, Any]], None]] = {
    "new_keyring": new_keyring,
    "terminal": terminal,
    "change_directory": change_directory,
    "limit_resources": limit_resources,
    "bound_capabilities": bound_capabilities,
    "become_user": become_user,
    "capabilities": capabilities,
    "no_new_privileges": no_new_privileges,
    "fake_owners": seccomp,
    "seccomp": seccomp,
    "execute": execute,
}
