"""The assembler: jumps of any distance, conditions, and trees, judged by the interpreter."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.linux.bpf import Answer, Assembler, Case, Condition
from tests.oracles.filters import Filter

ARCH = 0xC000003E
OTHER = 0x40000003
ALLOW, KILL, DENY = 0x7FFF0000, 0x80000000, 0x00050001
OPERATORS = ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"]


def assembled(runs: list[tuple[int, Answer]], default: int = DENY) -> Filter:
    assembler = Assembler(default)
    return Filter(assembler.program(assembler.tree(runs), ARCH, KILL))


def test_the_smallest_program_answers_and_refuses_a_foreign_architecture() -> None:
    program = assembled([(0, ALLOW)])
    assert program.run(ARCH, 17).action == ALLOW
    assert program.run(OTHER, 17).action == KILL
    assert len(program.code) == 5


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 255, 256, 300, 700])
def test_every_number_gets_its_answer_however_far_the_jumps(count: int) -> None:
    # a different answer each, so that nothing can be shared and jumps grow beyond 255
    runs: list[tuple[int, Answer]] = [(3 * place, 0x50000 + place) for place in range(count)]
    program = assembled(runs)
    for number in range(3 * count + 3):
        assert program.run(ARCH, number).action == 0x50000 + min(number // 3, count - 1)


def test_a_tree_is_as_deep_as_the_logarithm_of_its_ranges() -> None:
    program = assembled([(place, (ALLOW, DENY)[place % 2]) for place in range(1024)])
    steps = [program.run(ARCH, number).steps for number in range(1024)]
    assert max(steps) <= 10 + 4 + 4  # halvings, prelude and return, far jumps


def test_a_single_exception_within_a_range_is_one_comparison() -> None:
    program = assembled([(0, ALLOW), (5, DENY), (6, ALLOW)])
    assert [program.run(ARCH, number).action for number in (4, 5, 6)] == [ALLOW, DENY, ALLOW]
    assert len(program.code) == 3 + 1 + 3  # prelude, comparison, three returns


words = st.sampled_from([0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x12345678])
values = st.builds(lambda high, low: high << 32 | low, words, words)
conditions = st.builds(Condition, st.integers(0, 5), st.sampled_from(OPERATORS), values, values)


def holds(condition: Condition, arguments: list[int]) -> bool:
    given_value = arguments[condition.argument]
    if condition.operator == "MASKED_EQ":
        return given_value & condition.mask == condition.value & condition.mask
    return {
        "EQ": given_value == condition.value,
        "NE": given_value != condition.value,
        "LT": given_value < condition.value,
        "LE": given_value <= condition.value,
        "GT": given_value > condition.value,
        "GE": given_value >= condition.value,
    }[condition.operator]


@settings(max_examples=300, deadline=None)
@given(
    cases=st.lists(
        st.builds(
            Case,
            st.lists(conditions, max_size=3).map(tuple),
            st.sampled_from([ALLOW, 0x50026, 0x50016]),
        ),
        max_size=4,
    ),
    arguments=st.lists(values, min_size=6, max_size=6),
)
def test_the_first_case_that_holds_decides(cases: list[Case], arguments: list[int]) -> None:
    program = assembled([(0, tuple(cases))])
    expected = next(
        (case.action for case in cases if all(holds(c, arguments) for c in case.conditions)), DENY
    )
    assert program.run(ARCH, 1, arguments).action == expected


def test_every_operator_is_right_on_both_sides_of_every_word() -> None:
    sides = [0, 1, 0xFFFFFFFF, 0x100000000, 0x100000001, 0xFFFFFFFFFFFFFFFF]
    for operator, value, argument in itertools.product(OPERATORS, sides, sides):
        condition = Condition(2, operator, value, mask=0xFFFFFFFF)
        program = assembled([(0, (Case((condition,), ALLOW),))])
        expected = ALLOW if holds(condition, [argument] * 6) else DENY
        assert program.run(ARCH, 0, [argument] * 6).action == expected, (condition, argument)


def test_long_conditions_far_from_the_tree_are_reached() -> None:
    def cases(seed: int) -> Answer:
        return tuple(
            Case((Condition(0, "EQ", seed * 100 + at), Condition(1, "NE", at)), ALLOW)
            for at in range(30)
        )

    program = assembled([(seed, cases(seed)) for seed in range(12)])
    assert len(program.code) > 600
    for seed, at in itertools.product(range(12), range(30)):
        assert program.run(ARCH, seed, (seed * 100 + at, at + 1)).action == ALLOW
        assert program.run(ARCH, seed, (seed * 100 + at, at)).action == DENY
