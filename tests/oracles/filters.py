"""Two judges of a seccomp program: an interpreter of classic BPF, and libseccomp's own compiler."""

from __future__ import annotations

import itertools
import struct
import tempfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nbcontainer.linux import seccomp
from nbcontainer.linux.bpf import Condition
from nbcontainer.linux.seccomp import Profile
from nbcontainer.linux.syscall_numbers import NUMBERS

I386, ARM, NO_ARCH = 0x40000003, 0x40000028, 0
MACHINES = tuple(seccomp.ARCHITECTURES)
_LIMIT = 10_000


class Verdict(NamedTuple):
    """What a program answered, which arguments it looked at, how many instructions it took."""

    action: int
    arguments: frozenset[int]
    steps: int


class Filter:
    """A program, decoded; `run` does what Linux does with it, and refuses what Linux refuses."""

    def __init__(self, program: bytes) -> None:
        assert len(program) % 8 == 0
        self.code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
        assert 0 < len(self.code) <= 4096
        assert self.code[-1][0] == 0x06, "a program ends with a return"

    def run(self, arch: int, number: int, arguments: Iterable[int] = ()) -> Verdict:
        given = [*arguments, 0, 0, 0, 0, 0, 0][:6]
        data = struct.pack("=IIQ6Q", number, arch, 0, *given)
        place = accumulator = steps = 0
        seen: set[int] = set()
        while True:
            operation, yes, no, value = self.code[place]
            place += 1
            steps += 1
            assert steps < _LIMIT
            if operation == 0x06:
                return Verdict(value, frozenset(seen), steps)
            if operation == 0x20:
                assert value % 4 == 0
                (accumulator,) = struct.unpack_from("=I", data, value)
                if value >= 16:
                    seen.add((value - 16) // 8)
            elif operation == 0x54:
                accumulator &= value
            elif operation == 0x05:
                place += value
            else:
                holds = {
                    0x15: accumulator == value,
                    0x25: accumulator > value,
                    0x35: accumulator >= value,
                    0x45: accumulator & value != 0,
                }[operation]
                place += yes if holds else no


def model(profile: Profile, names: dict[str, int], number: int, arguments: tuple[int, ...]) -> int:
    """Answer as the words of `nbcontainer.linux.seccomp` say, without any program."""
    rules = [rule for rule in profile.rules for name in rule.names if names.get(name) == number]
    for rule in rules:
        if not rule.conditions and rule.action != profile.default_action:
            return rule.action
    found = [rule.action for rule in rules if rule.conditions and _holds(rule, arguments)]
    found.sort(key=lambda action: struct.unpack("=i", struct.pack("=I", action & 0xFFFF0000))[0])
    return found[0] if found else profile.default_action


def _holds(rule: seccomp.Rule, arguments: tuple[int, ...]) -> bool:
    for condition in rule.conditions:
        value, wanted = arguments[condition.argument], condition.value
        if not {
            "EQ": value == wanted,
            "NE": value != wanted,
            "LT": value < wanted,
            "LE": value <= wanted,
            "GT": value > wanted,
            "GE": value >= wanted,
            "MASKED_EQ": value & condition.mask == wanted & condition.mask,
        }[condition.operator]:
            return False
    return True


def edges(profile: Profile, name: str) -> Iterator[tuple[int, ...]]:
    """Yield arguments on both sides of every value that the profile compares for this call."""
    values: dict[int, set[int]] = {}
    for rule in profile.rules:
        if name in rule.names:
            for condition in rule.conditions:
                near = values.setdefault(condition.argument, {0, 1, (1 << 31), (1 << 32) - 1})
                near |= {condition.value - 1, condition.value, condition.value + 1}
                if condition.operator == "MASKED_EQ":
                    near |= {1 << bit for bit in range(64) if condition.mask >> bit & 1}
                    near.add(condition.mask)
    for argument, near in values.items():
        high = {value | (1 << 32) for value in near} | {value | (1 << 63) for value in near}
        values[argument] = {value & ((1 << 64) - 1) for value in near | high | {(1 << 64) - 1}}
    places = sorted(values)
    for chosen in itertools.product(*(sorted(values[place]) for place in places)):
        arguments = [0] * 6
        for place, value in zip(places, chosen, strict=True):
            arguments[place] = value
        yield tuple(arguments)


def libseccomp_program(profile: Profile, machine: str) -> tuple[bytes, set[str]]:
    """Compile with libseccomp what it knows of `profile`; the other names are returned."""
    import pyseccomp

    built = pyseccomp.SyscallFilter(defaction=profile.default_action)
    built.set_attr(pyseccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    target = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}[machine]
    if not built.exist_arch(target):
        built.add_arch(target)
    for other in (pyseccomp.Arch.X86_64, pyseccomp.Arch.AARCH64):
        if other != target and built.exist_arch(other):
            built.remove_arch(other)
    unknown = set()
    for rule in profile.rules:
        if rule.action == profile.default_action:
            continue  # libseccomp takes such a rule for a mistake; runc leaves it out as well
        for name in rule.names:
            if name not in NUMBERS[machine]:
                continue
            try:
                built.add_rule(rule.action, name, *[_argument(c) for c in rule.conditions])
            except OSError:
                unknown.add(name)  # younger than this libseccomp
    with tempfile.TemporaryFile() as file:
        built.export_bpf(file)
        file.seek(0)
        return file.read(), unknown


def _argument(condition: Condition) -> object:
    import pyseccomp

    operator = getattr(pyseccomp, condition.operator)
    if condition.operator == "MASKED_EQ":
        return pyseccomp.Arg(condition.argument, operator, condition.mask, condition.value)
    return pyseccomp.Arg(condition.argument, operator, condition.value)
