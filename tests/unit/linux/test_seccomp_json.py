"""Docker's JSON profiles: what they mean, and what is refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.errors import InvalidArgument
from nbcontainer.linux import seccomp
from nbcontainer.linux.capabilities import ALL, DEFAULT
from nbcontainer.linux.seccomp import ALLOW, ARCHITECTURES, ERRNO, KILL_PROCESS, KILL_THREAD
from nbcontainer.linux.seccomp_json import parse_profile
from nbcontainer.linux.syscall_numbers import NUMBERS
from tests.needs import check, lacks
from tests.oracles.filters import MACHINES, Filter, edges, libseccomp_program, model

PODMANS = Path("/usr/share/containers/seccomp.json")


def compiled(document: object, capabilities: tuple[str, ...] = DEFAULT, linux: str = "") -> Filter:
    text = document if isinstance(document, str) else json.dumps(document)
    return Filter(seccomp.profile_program(text, capabilities, "x86_64", linux))


def denying(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": list(rules), **more}


def allow(*names: str, **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": "SCMP_ACT_ALLOW", **more}


def ask(program: Filter, name: str, *arguments: int) -> int:
    return program.run(ARCHITECTURES["x86_64"], NUMBERS["x86_64"][name], arguments).action


def test_the_smallest_profile_answers_eperm() -> None:
    program = compiled(denying(allow("read", "exit_group")))
    assert ask(program, "read") == ALLOW
    assert ask(program, "open") == ERRNO | 1


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("SCMP_ACT_KILL", KILL_THREAD),
        ("SCMP_ACT_KILL_THREAD", KILL_THREAD),
        ("SCMP_ACT_KILL_PROCESS", KILL_PROCESS),
        ("SCMP_ACT_TRAP", 0x30000),
        ("SCMP_ACT_ERRNO", ERRNO | 1),
        ("SCMP_ACT_TRACE", 0x7FF00001),
        ("SCMP_ACT_LOG", 0x7FFC0000),
        ("SCMP_ACT_ALLOW", ALLOW),
    ],
)
def test_actions_are_those_of_linux(name: str, action: int) -> None:
    document = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["bpf"], "action": name}]}
    assert ask(compiled(document), "bpf") == action
    assert ask(compiled({"defaultAction": name}), "read") == action


def test_errno_is_what_the_rule_says() -> None:
    document = denying(
        {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
        {"name": "mount", "action": "SCMP_ACT_ERRNO", "errnoRet": 0},
        allow("statx"),
        defaultErrnoRet=13,
    )
    program = compiled(document)
    assert (ask(program, "bpf"), ask(program, "mount")) == (ERRNO | 38, ERRNO)
    assert ask(program, "open") == ERRNO | 13


def test_masked_comparisons_take_the_mask_first_as_docker_does() -> None:
    args = [{"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]
    program = compiled(denying(allow("clone", args=args)))
    assert ask(program, "clone", 0x3D0F00) == ALLOW
    assert ask(program, "clone", 0x10000011) == ERRNO | 1


def test_two_comparisons_of_one_argument_are_joined_by_or_as_in_runc() -> None:
    args = [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"} for value in (1, 2)]
    program = compiled(denying(allow("socket", args=args)))
    assert [ask(program, "socket", family) for family in (1, 2)] == [ALLOW, ALLOW]
    assert ask(program, "socket", 3) == ERRNO | 1


def test_includes_need_everything_and_excludes_need_one() -> None:
    def answer(rule: dict[str, Any], capabilities: tuple[str, ...] = DEFAULT) -> int:
        # a younger call beside it, or a rule that does not count would make mount unknown
        return ask(compiled(denying(rule, allow("statx")), capabilities), "mount")

    rule = allow("mount", includes={"caps": ["CAP_SYS_ADMIN", "CAP_KILL"], "arches": ["amd64"]})
    assert answer(rule) == ERRNO | 1
    assert answer(rule, ALL) == ALLOW
    assert answer(rule, ("CAP_SYS_ADMIN",)) == ERRNO | 1
    rule = allow("mount", excludes={"caps": ["CAP_SYS_ADMIN"], "arches": ["s390x"]})
    assert answer(rule) == ALLOW
    assert answer(rule, ALL) == ERRNO | 1
    rule = allow("mount", excludes={"caps": ["CAP_SYS_ADMIN"], "arches": ["amd64"]})
    assert answer(rule) == ERRNO | 1


@pytest.mark.parametrize(
    ("linux", "expected"),
    [("4.7.9", False), ("4.8", True), ("4.19.0-1-amd64", True), ("6.18.44-fc", True), ("", True)],
)
def test_minimum_releases_are_compared_by_number(linux: str, expected: bool) -> None:
    rule = allow("ptrace", includes={"minKernel": "4.8"})
    assert (ask(compiled(denying(rule), linux=linux), "ptrace") == ALLOW) == expected
    rule = allow("ptrace", excludes={"minKernel": "4.8"})
    assert (ask(compiled(denying(rule), linux=linux), "ptrace") != ALLOW) == expected


def test_a_listed_32_bit_architecture_opens_nothing() -> None:
    entry = {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}
    program = compiled(denying(allow("read"), archMap=[entry]))
    assert program.run(0x40000003, 3).action == KILL_PROCESS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("capabilities", [DEFAULT, ALL, ()], ids=["default", "all", "none"])
def test_podmans_own_profile_compiles_to_what_libseccomp_makes_of_it(
    machine: str, capabilities: tuple[str, ...]
) -> None:
    if not PODMANS.exists():
        lacks("podman", f"no {PODMANS} here (package golang-github-containers-common)")
    check("pyseccomp")
    profile = parse_profile(PODMANS.read_text(), capabilities, machine)
    ours = Filter(seccomp.compile_profile(profile, machine))
    program, unknown = libseccomp_program(profile, machine)
    theirs = Filter(program)
    table, arch = NUMBERS[machine], ARCHITECTURES[machine]
    names = {name for rule in profile.rules for name in rule.names}
    last = max(table[name] for name in names if name in table)
    by_number = {number: name for name, number in table.items()}
    assert not unknown
    for number in range(last + 1):
        for arguments in edges(profile, by_number.get(number, "")):
            mine = ours.run(arch, number, arguments).action
            assert mine == theirs.run(arch, number, arguments).action, (number, arguments)
            assert mine == model(profile, table, number, arguments)


DEEP = "[" * 100_000

BAD: list[tuple[Any, str]] = [
    ("", "Expecting value"),
    ("{", "Expecting property name"),
    (DEEP, "nested too deeply"),
    ('{"defaultAction": ' + "1" * 5000 + "}", "Exceeds the limit|expected a text"),
    ([], "expected an object, found list"),
    ({}, "defaultAction: expected a text, found NoneType"),
    ({"defaultAction": "ALLOW"}, "string ALLOW is not a valid action for seccomp"),
    ({"defaultAction": "SCMP_ACT_NOTIFY"}, "string SCMP_ACT_NOTIFY is not a valid action"),
    (denying("read"), r"syscalls\[0\]: expected an object, found str"),
    (denying({"names": ["read"]}), r"syscalls\[0\].action: expected a text"),
    (denying(allow("read", name="write")), "use either 'name' or 'names'"),
    (denying({"names": "read", "action": "SCMP_ACT_ALLOW"}), "names: expected a list, found str"),
    (denying(allow("read", include={"caps": []})), "unknown field 'include'"),
    (denying(allow("read", includes={"cap": []})), "unknown field 'cap'"),
    (denying(allow("read", includes={"minKernel": "new"})), "'new' is no release of Linux"),
    (denying(allow("read", args=[{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}])), "from 0 to 5"),
    (denying(allow("read", args=[{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}])), "-1"),
    (denying(allow("read", args=[{"index": 0, "value": 1 << 64, "op": "SCMP_CMP_EQ"}])), "found 1"),
    (denying(allow("read", args=[{"index": 0, "value": 1.0, "op": "SCMP_CMP_EQ"}])), "1.0"),
    (denying(allow("read", args=[{"index": True, "value": 1, "op": "SCMP_CMP_EQ"}])), "True"),
    (denying(allow("read", args=[{"index": 0, "value": 1, "op": "EQ"}])), "not a valid operator"),
    (denying(allow("read", args=[{"index": 0, "value": 1, "op": "SCMP_CMP_XX"}])), "SCMP_CMP_XX"),
    (denying(defaultErrnoRet=5000), "from 0 to 4095"),
    (denying(listenerPath="/run/x"), "listenerPath is not supported"),
    (
        denying(architectures=["SCMP_ARCH_X86_64"], archMap=[{}]),
        "use either 'architectures' or 'archMap'",
    ),
]


@pytest.mark.parametrize(("document", "reason"), BAD, ids=range(len(BAD)))
def test_a_bad_profile_is_refused_with_its_place(document: Any, reason: str) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(InvalidArgument, match="decoding seccomp profile failed: .*" + reason):
        parse_profile(text, DEFAULT, "x86_64")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
keys = st.sampled_from(["names", "name", "action", "args", "includes", "excludes", "errnoRet"])


@settings(max_examples=200, deadline=None)
@given(json_values, st.dictionaries(keys, json_values))
def test_any_json_is_a_profile_or_a_clean_refusal(anything: Any, rule: dict[str, Any]) -> None:
    for document in (anything, denying({"action": "SCMP_ACT_ALLOW", "names": ["read"], **rule})):
        try:
            program = parse_profile(json.dumps(document), DEFAULT, "x86_64")
        except InvalidArgument:
            continue
        Filter(seccomp.compile_profile(program, "x86_64"))
