"""The default profile: judged by its words, by libseccomp, by Podman's profile, and by Linux."""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcontainer.linux import seccomp, syscalls
from nbcontainer.linux.capabilities import ALL, DEFAULT
from nbcontainer.linux.seccomp import ALLOW, ARCHITECTURES, ENOSYS, EPERM, ERRNO, KILL_PROCESS
from nbcontainer.linux.seccomp_profile import default_profile
from nbcontainer.linux.syscall_numbers import NUMBERS
from tests.needs import check, lacks
from tests.oracles.filters import (
    ARM,
    I386,
    MACHINES,
    NO_ARCH,
    Filter,
    edges,
    libseccomp_program,
    model,
)

PODMANS = Path("/usr/share/containers/seccomp.json")
MACHINE = os.uname().machine
CAPABILITY_SETS = {
    "default": DEFAULT,
    "none": (),
    "all": ALL,
    **{name: (*DEFAULT, name) for name in ("CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_AUDIT_WRITE")},
    "CAP_SYS_ADMIN": (*DEFAULT, "CAP_SYS_ADMIN"),
}

# refused to a container with the default capabilities; each has been a way out, or into Linux
REFUSED = """
    io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key bpf userfaultfd
    perf_event_open fsopen fsconfig fsmount fspick open_tree move_mount mount_setattr mount umount2
    pivot_root unshare setns kexec_load kexec_file_load init_module finit_module delete_module
    open_by_handle_at swapon swapoff reboot acct syslog settimeofday clock_settime quotactl
    sethostname setdomainname fanotify_init lookup_dcookie iopl ioperm modify_ldt kcmp pidfd_getfd
    process_madvise move_pages migrate_pages mbind set_mempolicy vhangup nfsservctl uselib ustat
    sysfs _sysctl personality
""".split()

ORDINARY = """
    read write openat close mmap execve wait4 futex epoll_wait clock_gettime chown fchownat setuid
    setgroups mknod chroot ptrace seccomp prctl rseq statx getrandom memfd_create renameat2
    copy_file_range openat2 close_range faccessat2 landlock_create_ruleset fchmodat2 io_setup
""".split()


def filter_for(machine: str, capabilities: tuple[str, ...] = DEFAULT) -> Filter:
    return Filter(seccomp.default_program(machine, capabilities))


def ask(program: Filter, machine: str, name: str, *arguments: int) -> int:
    return program.run(ARCHITECTURES[machine], NUMBERS[machine][name], arguments).action


def newest(machine: str) -> int:
    table = NUMBERS[machine]
    names = [name for rule in default_profile(DEFAULT).rules for name in rule.names]
    return max(table[name] for name in names if name in table)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("held", CAPABILITY_SETS)
def test_all_numbers_and_argument_edges_are_answered_as_the_words_say(
    machine: str, held: str
) -> None:
    profile = default_profile(CAPABILITY_SETS[held])
    program = Filter(seccomp.compile_profile(profile, machine))
    table, arch = NUMBERS[machine], ARCHITECTURES[machine]
    by_number = {number: name for name, number in table.items()}
    for number in range(600):
        for arguments in edges(profile, by_number.get(number, "")):
            expected = model(profile, table, number, arguments)
            if number > newest(machine):
                expected = ERRNO | ENOSYS
            assert program.run(arch, number, arguments).action == expected, (number, arguments)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("held", CAPABILITY_SETS)
def test_libseccomps_program_answers_alike_everywhere(machine: str, held: str) -> None:
    check("pyseccomp")
    profile = default_profile(CAPABILITY_SETS[held])
    ours = Filter(seccomp.compile_profile(profile, machine))
    compiled, unknown = libseccomp_program(profile, machine)
    theirs = Filter(compiled)
    table = NUMBERS[machine]
    by_number = {number: name for name, number in table.items()}
    assert all(table[name] > 456 or name == "uretprobe" for name in unknown)
    last = newest(machine)
    for arch in (*ARCHITECTURES.values(), I386, ARM, NO_ARCH):
        numbers = [n for n in range(last + 1) if by_number.get(n) not in unknown]
        high = [0x40000000, 0x40000000 + 41, 0x40000000 + 547, 0xFFFFFFFF]
        for number in numbers + (high if machine == "x86_64" else []):
            native = arch == ARCHITECTURES[machine]
            name = by_number.get(number, "") if native else ""
            for arguments in edges(profile, name):
                mine = ours.run(arch, number, arguments).action
                assert mine == theirs.run(arch, number, arguments).action, (number, arguments)


def test_nothing_is_allowed_that_podmans_profile_refuses_except_what_is_younger() -> None:
    if not PODMANS.exists():
        lacks("podman", f"no {PODMANS} here (package golang-github-containers-common)")
    text = PODMANS.read_text()
    reference = Filter(seccomp.profile_program(text, DEFAULT, "x86_64"))
    ours = filter_for("x86_64")
    known = {name for rule in json.loads(text)["syscalls"] for name in rule["names"]}
    for name in NUMBERS["x86_64"]:
        if ask(ours, "x86_64", name) == ALLOW and name in known:
            # vmsplice and io_pgetevents: Podman refuses, Docker's newest allows again
            looser = name in ("vmsplice", "io_pgetevents")
            assert ask(reference, "x86_64", name) == ALLOW or looser, name


@pytest.mark.parametrize("machine", MACHINES)
def test_the_attackers_calls_are_refused(machine: str) -> None:
    program = filter_for(machine)
    for name in REFUSED:
        if name in NUMBERS[machine]:
            assert ask(program, machine, name, 1 << 40) == ERRNO | EPERM, name
    assert ask(program, machine, "clone3") == ERRNO | ENOSYS
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert ask(program, machine, "clone", flag | 17) == ERRNO | EPERM
    assert ask(program, machine, "clone", 0x3D0F00) == ALLOW  # a thread


@pytest.mark.parametrize("machine", MACHINES)
def test_ordinary_programs_calls_are_allowed(machine: str) -> None:
    program = filter_for(machine)
    for name in ORDINARY:
        if name in NUMBERS[machine]:
            assert ask(program, machine, name) == ALLOW, name


@pytest.mark.parametrize("machine", MACHINES)
def test_only_four_socket_families_are_open_and_no_high_bits_get_round(machine: str) -> None:
    program = filter_for(machine)
    open_families = {f for f in range(64) if ask(program, machine, "socket", f, 1, 0) == ALLOW}
    assert open_families == {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
    for family in (17, 38, 40):  # AF_PACKET, AF_ALG, AF_VSOCK
        for high in (0, 1 << 32, 0xFFFFFFFF << 32):
            assert ask(program, machine, "socket", high | family) == ERRNO | EPERM


def test_every_promised_call_needs_its_capability() -> None:
    for capability, name in {
        "CAP_SYS_ADMIN": "mount",
        "CAP_BPF": "bpf",
        "CAP_PERFMON": "perf_event_open",
        "CAP_SYS_MODULE": "init_module",
        "CAP_SYS_TIME": "settimeofday",
        "CAP_SYS_PTRACE": "pidfd_getfd",
        "CAP_DAC_READ_SEARCH": "open_by_handle_at",
        "CAP_SYS_NICE": "mbind",
        "CAP_SYSLOG": "syslog",
        "CAP_SYS_BOOT": "reboot",
        "CAP_SYS_CHROOT": "chroot",
    }.items():
        with_it = filter_for("x86_64", (*DEFAULT, capability))
        without = filter_for("x86_64", tuple(held for held in DEFAULT if held != capability))
        assert ask(with_it, "x86_64", name) == ALLOW
        assert ask(without, "x86_64", name) == ERRNO | EPERM
    raw = filter_for("x86_64", (*DEFAULT, "CAP_NET_RAW"))
    assert ask(raw, "x86_64", "socket", 17) == ALLOW


def test_nobody_gets_what_no_capability_opens() -> None:
    program = filter_for("x86_64", ALL)
    for name in ("io_uring_setup", "keyctl", "userfaultfd", "kexec_load", "pivot_root", "swapon"):
        assert ask(program, "x86_64", name) == ERRNO | EPERM
    for family in (38, 40):
        assert ask(program, "x86_64", "socket", family) == ERRNO | EPERM
    assert ask(program, "x86_64", "clone3") == ALLOW


def test_every_name_of_the_profile_is_a_call_of_a_machine_we_know() -> None:
    names = {name for rule in default_profile(ALL).rules for name in rule.names}
    assert names <= NUMBERS["x86_64"].keys() | NUMBERS["aarch64"].keys()


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_stays_small_and_shallow(machine: str) -> None:
    program = filter_for(machine)
    assert len(program.code) < 200
    arch = ARCHITECTURES[machine]
    assert max(program.run(arch, number).steps for number in range(600)) < 50


# what follows runs under Linux's own interpreter, in a child


def _exit_code(body: Callable[[], int]) -> int:
    program = seccomp.default_program(MACHINE, DEFAULT)
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
            syscalls.seccomp_install(program)
            os._exit(body())
        except BaseException:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


needs_machine = pytest.mark.skipif(
    MACHINE not in ARCHITECTURES, reason=f"no profile for the machine {MACHINE}"
)
libc = ctypes.CDLL(None, use_errno=True)


def _errno_of(name: str, *arguments: int) -> int:
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(NUMBERS[MACHINE][name]), *map(ctypes.c_long, arguments))
    return ctypes.get_errno() if result == -1 else 0


@needs_machine
def test_linux_refuses_the_attackers_calls() -> None:
    def body() -> int:
        for name in REFUSED:
            if name in NUMBERS[MACHINE] and _errno_of(name, 1 << 40) != errno.EPERM:
                return 1
        if _errno_of("clone3", 0, 0) != errno.ENOSYS:
            return 2
        if _errno_of("listns", 0, 0) != errno.ENOSYS:
            return 3
        if any(_errno_of("socket", family, 1, 0) != errno.EPERM for family in (17, 38, 40)):
            return 4
        if _errno_of("clone", 0x10000000 | 17) != errno.EPERM:
            return 5
        return 6 if _errno_of("socket", 16, 3, 9) != errno.EINVAL else 0

    assert _exit_code(body) == 0


@needs_machine
def test_linux_lets_ordinary_programs_run() -> None:
    def body() -> int:
        done = []
        thread = threading.Thread(target=lambda: done.append(1))
        thread.start()
        thread.join()
        left, right = socket.socketpair()
        left.sendall(b"x")
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
        said = subprocess.run(["/bin/sh", "-c", "echo a | cat"], capture_output=True, check=True)
        return 0 if done and right.recv(1) == b"x" and said.stdout == b"a\n" else 1

    assert _exit_code(body) == 0


@pytest.mark.skipif(MACHINE != "x86_64", reason="i386 and x32 calls exist on x86-64 only")
def test_linux_kills_a_process_that_makes_a_32_bit_call() -> None:
    def int_0x80() -> int:
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        # mov eax, 20 (getpid of i386); int 0x80; ret
        code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        address = ctypes.addressof(ctypes.c_char.from_buffer(code))
        return int(ctypes.CFUNCTYPE(ctypes.c_int)(address)() <= 0)

    assert _exit_code(int_0x80) == -signal.SIGSYS


@pytest.mark.skipif(MACHINE != "x86_64", reason="i386 and x32 calls exist on x86-64 only")
def test_linux_kills_a_process_that_makes_an_x32_call() -> None:
    def x32_getpid() -> int:
        return int(libc.syscall(ctypes.c_long(0x40000000 | 39)))

    assert _exit_code(x32_getpid) == -signal.SIGSYS


def test_a_change_of_the_default_profile_changes_its_edition() -> None:
    # kept programs are found by a key that holds seccomp.EDITION: raise it together with these
    from hashlib import sha256

    programs = [
        seccomp.default_program(machine, ALL[:place])
        for machine in MACHINES
        for place in range(len(ALL) + 1)
    ]
    assert (seccomp.EDITION, sha256(b"".join(programs)).hexdigest()[:16]) == (1, "7aa48101eaddb5ea")
    assert ask(Filter(programs[0]), "x86_64", "mount") != KILL_PROCESS
