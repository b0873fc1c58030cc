"""From rules to programs: overlaps, foreign calls, new calls, and the filter that fakes owners."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.errors import HostLacks, InvalidArgument
from nbcontainer.linux import capabilities, seccomp, syscalls
from nbcontainer.linux.bpf import Condition
from nbcontainer.linux.seccomp import (
    ALLOW,
    ARCHITECTURES,
    ENOSYS,
    EPERM,
    ERRNO,
    KILL_PROCESS,
    LOG,
    Profile,
    Rule,
    compile_profile,
    default_program,
    digest_of,
    fake_root_program,
)
from nbcontainer.linux.syscall_numbers import NUMBERS
from tests.oracles.filters import ARM, I386, MACHINES, NO_ARCH, Filter, edges, model

REFUSED = ERRNO | EPERM
UNKNOWN = ERRNO | ENOSYS


def filter_of(*rules: Rule, default: int = REFUSED, machine: str = "x86_64") -> Filter:
    return Filter(compile_profile(Profile(default, rules), machine))


def answer(program: Filter, name: str, *arguments: int, machine: str = "x86_64") -> int:
    return program.run(ARCHITECTURES[machine], NUMBERS[machine][name], arguments).action


@pytest.mark.parametrize("machine", MACHINES)
def test_what_no_rule_names_gets_the_default(machine: str) -> None:
    program = filter_of(Rule(("read", "statx"), ALLOW), machine=machine)
    assert answer(program, "read", machine=machine) == ALLOW
    assert answer(program, "write", machine=machine) == REFUSED


def test_a_call_newer_than_the_profile_does_not_exist() -> None:
    program = filter_of(Rule(("read", "clone3"), ALLOW))
    assert answer(program, "clone3") == ALLOW
    assert answer(program, "close_range") == UNKNOWN
    assert program.run(ARCHITECTURES["x86_64"], 9999).action == UNKNOWN


def test_a_rule_that_repeats_the_default_still_makes_its_call_known() -> None:
    program = filter_of(Rule(("read",), ALLOW), Rule(("bpf",), REFUSED))
    assert answer(program, "bpf") == REFUSED
    assert answer(program, "execveat") == UNKNOWN


def test_a_profile_that_allows_by_default_allows_new_calls_too() -> None:
    program = filter_of(Rule(("bpf",), REFUSED), default=ALLOW)
    assert answer(program, "clone3") == ALLOW
    assert answer(program, "bpf") == REFUSED


@pytest.mark.parametrize("default", [ALLOW, LOG, REFUSED])
@pytest.mark.parametrize("machine", MACHINES)
def test_a_foreign_call_kills_whatever_the_profile_says(machine: str, default: int) -> None:
    program = filter_of(Rule(("read",), ALLOW), default=default, machine=machine)
    native = ARCHITECTURES[machine]
    for arch in {I386, ARM, NO_ARCH, *ARCHITECTURES.values()} - {native}:
        for number in (0, 1, 102, 4000, 0x40000000, 0xFFFFFFFF):
            assert program.run(arch, number).action == KILL_PROCESS


@pytest.mark.parametrize("default", [ALLOW, REFUSED])
def test_an_x32_call_kills_whatever_the_profile_says(default: int) -> None:
    program = filter_of(Rule(tuple(NUMBERS["x86_64"]), ALLOW), default=default)
    for number in (0, 1, 41, 512, 547, 0x3FFFFFFE):
        found = program.run(ARCHITECTURES["x86_64"], 0x40000000 | number)
        assert found.action == KILL_PROCESS
    skipped_by_a_tracer = program.run(ARCHITECTURES["x86_64"], 0xFFFFFFFF)
    assert skipped_by_a_tracer.action == default


def test_a_rule_without_conditions_decides_alone() -> None:
    narrow = Rule(("socket",), ERRNO | 22, (Condition(0, "EQ", 16),))
    for rules in ((narrow, Rule(("socket",), ALLOW)), (Rule(("socket",), ALLOW), narrow)):
        assert answer(filter_of(*rules), "socket", 16) == ALLOW


def test_of_conditions_that_overlap_the_strictest_counts() -> None:
    wide = Rule(("socket",), ALLOW, (Condition(0, "EQ", 16),))
    narrow = Rule(("socket",), ERRNO | 22, (Condition(0, "EQ", 16), Condition(2, "EQ", 9)))
    kill = Rule(("socket",), KILL_PROCESS, (Condition(2, "GE", 9),))
    for rules in ((wide, narrow), (narrow, wide)):
        program = filter_of(*rules)
        assert answer(program, "socket", 16, 0, 9) == ERRNO | 22
        assert answer(program, "socket", 16, 0, 0) == ALLOW
    assert answer(filter_of(wide, narrow, kill), "socket", 16, 0, 9) == KILL_PROCESS


def test_names_of_another_machine_are_passed_over() -> None:
    program = filter_of(Rule(("open", "openat", "s390_pci_mmio_read"), ALLOW), machine="aarch64")
    assert answer(program, "openat", machine="aarch64") == ALLOW


def test_a_profile_without_rules_refuses_everything() -> None:
    program = filter_of()
    for number in (0, 1, 9999):
        assert program.run(ARCHITECTURES["x86_64"], number).action == REFUSED


def test_a_profile_that_grows_too_long_is_refused() -> None:
    rules = [Rule(("read",), ALLOW, (Condition(0, "EQ", value),)) for value in range(2000)]
    with pytest.raises(InvalidArgument, match="instructions, Linux takes 4096"):
        compile_profile(Profile(REFUSED, tuple(rules)), "x86_64")


def test_a_machine_without_a_table_is_named() -> None:
    for call in (default_program, lambda machine, _: fake_root_program(machine)):
        with pytest.raises(HostLacks, match="'riscv64'"):
            call("riscv64", ())


names = st.sampled_from(["read", "write", "socket", "clone", "bpf", "clone3", "statx", "nosuch"])
conditions = st.builds(
    Condition,
    st.integers(0, 2),
    st.sampled_from(["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"]),
    st.sampled_from([0, 1, 2, 9, 16, 0xFFFFFFFF, 0x100000000, 0xFFFFFFFFFFFFFFFF]),
    st.sampled_from([0, 1, 0x7E020000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF]),
)
actions = st.sampled_from([ALLOW, REFUSED, UNKNOWN, KILL_PROCESS, LOG])
rules = st.builds(
    Rule,
    st.lists(names, min_size=1, max_size=3).map(tuple),
    actions,
    st.lists(conditions, max_size=2, unique_by=lambda c: c.argument).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(st.builds(Profile, actions, st.lists(rules, max_size=6).map(tuple)))
def test_any_profile_answers_as_its_words_say(profile: Profile) -> None:
    program = Filter(compile_profile(profile, "x86_64"))
    table = NUMBERS["x86_64"]
    known = {table[name] for rule in profile.rules for name in rule.names if name in table}
    for name in ("read", "write", "open", "socket", "clone", "bpf", "clone3", "statx"):
        if table[name] > max(known, default=0):
            continue
        for place, arguments in enumerate(edges(profile, name)):
            if place > 200:
                break
            found = program.run(ARCHITECTURES["x86_64"], table[name], arguments).action
            assert found == model(profile, table, table[name], arguments)


def test_the_key_changes_with_all_that_the_program_depends_on() -> None:
    keys = {
        digest_of("", capabilities.DEFAULT, "x86_64"),
        digest_of("", capabilities.DEFAULT, "aarch64"),
        digest_of("", capabilities.ALL, "x86_64"),
        digest_of("{}", capabilities.DEFAULT, "x86_64"),
        digest_of("{}", capabilities.DEFAULT, "x86_64", "6.1"),
        digest_of("{}\udc80", capabilities.DEFAULT, "x86_64"),
    }
    assert len(keys) == 6
    assert digest_of("", ["CAP_KILL", "CAP_CHOWN"], "x86_64") == digest_of(
        "", ["CAP_CHOWN", "CAP_KILL"], "x86_64"
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_fake_root_answers_success_to_foreign_ids_and_lets_own_ones_through(machine: str) -> None:
    program = Filter(fake_root_program(machine))
    done, fake, leave = ALLOW, ERRNO | 0, 0xFFFFFFFF

    def ask(name: str, *arguments: int) -> int:
        return answer(program, name, *arguments, machine=machine)

    assert ask("fchownat", 3, 1, 33, 33, 0) == fake
    assert ask("fchownat", 3, 1, 0, 33, 0) == fake
    assert ask("fchownat", 3, 1, 0, 0, 0) == done
    assert ask("fchown", 3, leave, 0) == done
    assert ask("fchown", 3, leave | 0xFFFFFFFF00000000, 0) == done
    assert ask("setuid", 33) == fake
    assert ask("setuid", 0) == done
    assert ask("setresuid", leave, 100, leave) == fake
    assert ask("setresuid", leave, 0, leave) == done
    assert ask("setregid", 0, 65534) == fake
    assert ask("setgroups", 0, 0) == fake
    for name in ("read", "mknodat", "fchmod", "getuid", "execve", "capset", "fsetxattr"):
        assert ask(name, 33, 33, 33, 33) == done
    # it is stacked with the main filter, which decides about foreign calls
    assert program.run(I386, 5).action == ALLOW


def test_fake_root_of_another_own_id_lets_that_through() -> None:
    program = Filter(fake_root_program("x86_64", own_uid=1000, own_gid=100))
    assert answer(program, "setuid", 1000) == ALLOW
    assert answer(program, "setuid", 0) == ERRNO | 0
    assert answer(program, "chown", 1, 1000, 100) == ALLOW


def test_the_main_filter_leaves_every_faked_call_to_the_other() -> None:
    main = Filter(default_program("x86_64", capabilities.DEFAULT))
    for name in seccomp._IDENTITY_CALLS:
        assert answer(main, name, 33, 33, 33, 33) == ALLOW


def in_a_child(body: object) -> int:
    """Run `body` in a fork and return its exit code, or minus the signal that ended it."""
    assert callable(body)
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(body())
        except BaseException:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_linux_takes_both_filters_and_answers_success_to_a_foreign_owner() -> None:
    machine = os.uname().machine
    if machine not in MACHINES:
        pytest.skip(f"no profile for the machine {machine}")
    fake, main = fake_root_program(machine), default_program(machine, capabilities.DEFAULT)

    def body() -> int:
        syscalls.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        syscalls.seccomp_install(fake)
        syscalls.seccomp_install(main)
        os.chown("/proc/self/no-such-file", 4242, 4242)
        os.setgroups([4242])
        os.setresgid(4242, 4242, 4242)
        os.setresuid(4242, 4242, 4242)
        unchanged = 4242 not in (os.getuid(), os.getgid(), *os.getgroups())
        try:
            os.chown("/proc/self/no-such-file", os.getuid(), 2**32 - 1)
        except FileNotFoundError:
            return 0 if unchanged else 1
        except PermissionError:
            return 0 if os.getuid() and unchanged else 2
        return 0 if os.getuid() and unchanged else 3

    assert in_a_child(body) == 0
