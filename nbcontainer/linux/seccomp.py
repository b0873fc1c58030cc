"""Seccomp profiles to BPF programs: which answer each system call of a machine gets.

A program checks the architecture, then finds the number in a balanced tree of ranges, then the
arguments where the answer depends on them.  The shape matters: at installation Linux (5.11 and later)
runs the filter once for every number to learn which are always allowed, so a long chain costs at each
start of a container, and a deep tree does not.

Only 64-bit x86 and ARM calls are answered.  A foreign call (i386, x32, 32-bit ARM) kills the process,
since such a call would go round the rules: `socketcall` hides its arguments in memory.

Where rules overlap: one without conditions decides alone (as in libseccomp); of those with conditions
that hold, the strictest counts, as Linux decides between filters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import HostLacks, InvalidArgument
from .bpf import MAX_INSTRUCTIONS, Answer, Assembler, Case, Condition

KILL_PROCESS = 0x80000000
KILL_THREAD = 0x00000000
TRAP = 0x00030000
ERRNO = 0x00050000
TRACE = 0x7FF00000
LOG = 0x7FFC0000
ALLOW = 0x7FFF0000

EPERM = 1
EINVAL = 22
ENOSYS = 38

# AUDIT_ARCH_*: ELF machine number, 64-bit and little-endian flags
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_SKIPPED = 0xFFFFFFFF

# Part of the cache's key: raised whenever the default profile or the compiler answers differently.
EDITION = 1


class Rule(NamedTuple):
    """What the calls `names` are answered where all `conditions` hold."""

    names: tuple[str, ...]
    action: int
    conditions: tuple[Condition, ...] = ()


class Profile(NamedTuple):
    """Rules that already fit the container's capabilities and the machine."""

    default_action: int
    rules: tuple[Rule, ...]


def digest_of(profile: str, capabilities: Iterable[str], machine: str, linux: str = "") -> str:
    """Return the key under which the program of `profile_program` may be kept; cheap.

    It changes with everything that the program depends on.
    """
    from hashlib import sha256

    parts = (str(EDITION), machine, linux, " ".join(sorted(capabilities)), profile)
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def profile_program(
    profile: str, capabilities: Iterable[str], machine: str, linux: str = ""
) -> bytes:
    """Return the program for `Security.seccomp`: "" means the default profile, else Docker's JSON.

    `linux` is the release (`uname -r`) that a profile's minKernel is compared with.
    Raises: InvalidArgument for a profile that cannot be understood.  HostLacks for another machine.
    """
    from .seccomp_json import parse_profile
    from .seccomp_profile import default_profile

    if profile:
        return compile_profile(parse_profile(profile, capabilities, machine, linux), machine)
    return compile_profile(default_profile(capabilities), machine)


def default_program(machine: str, capabilities: Iterable[str]) -> bytes:
    """Return the program of the default profile for a container with these capabilities."""
    return profile_program("", capabilities, machine)


def compile_profile(profile: Profile, machine: str) -> bytes:
    """Return the filter as Linux takes it, an array of struct sock_filter.

    A call newer than all that the profile names is answered ENOSYS instead of a refusal, as runc does:
    a C library then falls back to what it did before the call existed.
    Raises: InvalidArgument where the program would be longer than Linux takes.
    """
    arch = _architecture(machine)
    answers = _answers(profile, machine)
    runs = _runs(answers, profile.default_action)
    if answers and _is_refusal(profile.default_action):
        _extend(runs, max(answers) + 1, ERRNO | ENOSYS)
    if machine == "x86_64":
        _extend(runs, _X32_BIT, KILL_PROCESS)
        # a tracer that skips a call leaves -1 as its number
        _extend(runs, _SKIPPED, profile.default_action)
    assembler = Assembler(profile.default_action)
    program = assembler.program(assembler.tree(runs), arch, KILL_PROCESS)
    if len(assembler) > MAX_INSTRUCTIONS:
        raise InvalidArgument(
            f"seccomp profile: {len(assembler)} instructions, Linux takes {MAX_INSTRUCTIONS}"
        )
    return program


def fake_root_program(machine: str, own_uid: int = 0, own_gid: int = 0) -> bytes:
    """Return a filter under which changes of owner and identity seem to succeed.

    For a user namespace with a single id: a package manager gives files to ids that do not exist there
    and Linux answers EINVAL.  A change to the own id or to -1 ("leave") is really done, so that a
    missing file still is an error.  To be installed before the main filter: of two equal answers
    Linux takes the later filter's, so a refusal there stays a refusal.
    """
    numbers = _numbers(machine)
    answers: dict[int, Answer] = {}
    for name, arguments in _IDENTITY_CALLS.items():
        if name in numbers:
            answers[numbers[name]] = tuple(_really_done(arguments, own_uid, own_gid))
    runs = _runs(answers, ALLOW)
    assembler = Assembler(ERRNO | 0)
    return assembler.program(assembler.tree(runs), _architecture(machine), ALLOW)


# name: its arguments that are user ids (u) and group ids (g) by place; a - is none
_IDENTITY_CALLS = {
    "chown": "-ug",
    "lchown": "-ug",
    "fchown": "-ug",
    "fchownat": "--ug",
    "setuid": "u",
    "setreuid": "uu",
    "setresuid": "uuu",
    "setgid": "g",
    "setregid": "gg",
    "setresgid": "ggg",
    # never possible with a single id: setgroups is denied in such a namespace
    "setgroups": "",
}


def _really_done(arguments: str, own_uid: int, own_gid: int) -> Iterable[Case]:
    if not arguments:
        return
    low = 0xFFFFFFFF  # ids are 32 bits wide; Linux ignores what stands above
    choices: list[tuple[Condition, ...]] = [()]
    for index, kind in enumerate(arguments):
        if kind == "-":
            continue
        own = own_uid if kind == "u" else own_gid
        values = (own,) if arguments == kind else (own, low)
        choices = [
            (*chosen, Condition(index, "MASKED_EQ", value, low))
            for chosen in choices
            for value in values
        ]
    for conditions in choices:
        yield Case(conditions, ALLOW)


def _answers(profile: Profile, machine: str) -> dict[int, Answer]:
    numbers = _numbers(machine)
    always: dict[int, int] = {}
    cases: dict[int, list[Case]] = {}
    for rule in profile.rules:
        for name in rule.names:
            number = numbers.get(name)
            if number is None:
                continue  # a call of another machine or a misspelt one: libseccomp passes over both
            if rule.conditions:
                cases.setdefault(number, []).append(Case(rule.conditions, rule.action))
            elif rule.action != profile.default_action:
                always.setdefault(number, rule.action)
            else:
                cases.setdefault(number, [])
    answers: dict[int, Answer] = dict(always)
    for number, found in cases.items():
        if number not in always:
            found.sort(key=lambda case: _strictness(case.action))
            answers[number] = tuple(found) or profile.default_action
    return answers


def _strictness(action: int) -> int:
    """Order actions as Linux does between filters: the whole-process kill is the strictest."""
    kind = action & 0xFFFF0000
    return kind - (1 << 32) if kind & KILL_PROCESS else kind


def _is_refusal(action: int) -> bool:
    return _strictness(action) <= ERRNO and action != ERRNO | ENOSYS


def _runs(answers: dict[int, Answer], default: int) -> list[tuple[int, Answer]]:
    runs: list[tuple[int, Answer]] = [(0, default)]
    for number in sorted(answers):
        _extend(runs, number, answers[number])
        _extend(runs, number + 1, default)
    return runs


def _extend(runs: list[tuple[int, Answer]], start: int, answer: Answer) -> None:
    if runs[-1][0] == start:
        runs.pop()
    if not runs or runs[-1][1] != answer:
        runs.append((start, answer))


def _numbers(machine: str) -> dict[str, int]:
    from .syscall_numbers import NUMBERS

    _architecture(machine)
    return NUMBERS[machine]


def _architecture(machine: str) -> int:
    if machine not in ARCHITECTURES:
        raise HostLacks(f"seccomp: no profile for the machine {machine!r}", feature="seccomp")
    return ARCHITECTURES[machine]
