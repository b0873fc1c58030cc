"""An assembler for seccomp's classic BPF: ranges of numbers and conditions on arguments to bytes.

It writes backwards, the last instruction first.  Every jump of BPF goes forward, so each target is
already there when a jump to it is written and no second pass is needed; a label is the number of
instructions from the target to the end.  A conditional jump reaches 255 instructions; a farther
target gets an unconditional jump of its own in between.

See: linux/Documentation/networking/filter.rst, seccomp(2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP = 0x05  # BPF_JMP | BPF_JA
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_GREATER_EQUAL = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

# struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6], both machines little-endian
_NUMBER_OFFSET = 0
_ARCH_OFFSET = 4
_ARGS_OFFSET = 16

_REACH = 255
MAX_INSTRUCTIONS = 4096
_LOW = 0xFFFFFFFF


class Condition(NamedTuple):
    """Compare an argument, counted from 0 (64 bits, unsigned); `mask` is for MASKED_EQ only."""

    argument: int
    operator: str
    value: int
    mask: int = 0xFFFFFFFFFFFFFFFF


class Case(NamedTuple):
    """Answer `action` if all conditions hold."""

    conditions: tuple[Condition, ...]
    action: int


# what a number is answered: an action, or the first case that holds and else the default action
Answer = int | tuple[Case, ...]


class Assembler:
    """Collects instructions from the last to the first; each method returns the label it made."""

    def __init__(self, default_action: int) -> None:
        self._default = default_action
        self._code: list[tuple[int, int, int, int]] = []
        self._returns: dict[int, int] = {}
        self._cases: dict[tuple[Case, ...], int] = {}

    def __len__(self) -> int:
        return len(self._code)

    def program(self, entry: int, arch: int, foreign_action: int) -> bytes:
        """Close the program: refuse another architecture, load the number, go on at `entry`."""
        number = self._load(_NUMBER_OFFSET, entry)
        refused = self.returns(foreign_action)
        self._load(_ARCH_OFFSET, self._branch(_EQUAL, arch, number, refused))
        from struct import pack

        return b"".join([pack("=HBBI", *instruction) for instruction in reversed(self._code)])

    def returns(self, action: int) -> int:
        """Return the label of an instruction that ends with `action`; near ones are shared."""
        label = self._returns.get(action)
        # half of the reach, so that what is written before the jump to it does not push it away
        if label is None or len(self._code) - label > _REACH // 2:
            label = self._returns[action] = self._put(_RETURN, action)
        return label

    def tree(self, runs: Sequence[tuple[int, Answer]]) -> int:
        """Choose among `runs` (first number, answer) by halving; each ends where the next begins."""
        if len(runs) == 1:
            return self._answer(runs[0][1])
        if len(runs) == 3 and runs[0][1] == runs[2][1] and runs[2][0] == runs[1][0] + 1:
            around, inner = self._answer(runs[0][1]), self._answer(runs[1][1])
            return self._branch(_EQUAL, runs[1][0], inner, around)
        half = len(runs) // 2
        upper = self.tree(runs[half:])
        lower = self.tree(runs[:half])
        return self._branch(_GREATER_EQUAL, runs[half][0], upper, lower)

    def _answer(self, answer: Answer) -> int:
        if isinstance(answer, int):
            return self.returns(answer)
        label = self._cases.get(answer)
        if label is None:
            label = self.returns(self._default)
            for case in reversed(answer):
                label = self._case(case, label)
            self._cases[answer] = label
        return label

    def _case(self, case: Case, otherwise: int) -> int:
        holds = self.returns(case.action)
        for condition in reversed(case.conditions):
            holds = self._condition(condition, holds, otherwise)
        return holds

    def _condition(self, condition: Condition, yes: int, no: int) -> int:
        operator, value = condition.operator, condition.value
        # the four others are these with the answers exchanged
        if operator in ("NE", "LT", "LE"):
            yes, no = no, yes
            operator = {"NE": "EQ", "LT": "GE", "LE": "GT"}[operator]
        offset = _ARGS_OFFSET + 8 * condition.argument
        high, low = value >> 32, value & _LOW
        if operator == "MASKED_EQ":
            label = yes
            for part, mask, at in (
                (low, condition.mask & _LOW, offset),
                (high, condition.mask >> 32, offset + 4),
            ):
                label = self._masked_word(at, part & mask, mask, label, no)
            return label
        if operator == "EQ":
            below = self._load(offset, self._branch(_EQUAL, low, yes, no))
            return self._load(offset + 4, self._branch(_EQUAL, high, below, no))
        test = {"GE": _GREATER_EQUAL, "GT": _GREATER}[operator]
        below = self._load(offset, self._branch(test, low, yes, no))
        equal = self._branch(_EQUAL, high, below, no)
        return self._load(offset + 4, self._branch(_GREATER, high, yes, equal))

    def _masked_word(self, offset: int, value: int, mask: int, yes: int, no: int) -> int:
        if mask == 0:
            return yes
        label = self._branch(_EQUAL, value, yes, no)
        if mask != _LOW:
            self._follow(label)
            label = self._put(_AND, mask)
        return self._load(offset, label)

    def _load(self, offset: int, then: int) -> int:
        self._follow(then)
        return self._put(_LOAD, offset)

    def _branch(self, operation: int, value: int, yes: int, no: int) -> int:
        if yes == no:
            return yes
        yes = self._reachable(yes)
        no = self._reachable(no)
        # `no` may have got a jump in between, which moved `yes` one away: _reachable keeps a spare
        place = len(self._code)
        return self._put(operation, value, place - yes, place - no)

    def _reachable(self, label: int) -> int:
        if len(self._code) - label < _REACH:
            return label
        return self._put(_JUMP, len(self._code) - label)

    def _follow(self, label: int) -> None:
        if label != len(self._code):
            self._put(_JUMP, len(self._code) - label)

    def _put(self, operation: int, value: int, yes: int = 0, no: int = 0) -> int:
        self._code.append((operation, yes, no, value))
        return len(self._code)
