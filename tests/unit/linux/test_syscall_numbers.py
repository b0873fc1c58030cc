"""The numbers, against this host's headers and libseccomp's own table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nbcontainer.linux.syscall_numbers import NUMBERS
from tests.needs import needs

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_are_those_of_the_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"no {HEADERS[machine]} on this host")
    text = HEADERS[machine].read_text()
    told = {name: int(n) for name, n in re.findall(r"^#define __NR_(\w+)\s+(\d+)$", text, re.M)}
    shared = told.keys() & NUMBERS[machine].keys()
    assert len(shared) > 250
    assert {name: NUMBERS[machine][name] for name in shared} == {n: told[n] for n in shared}


@needs("pyseccomp")
@pytest.mark.parametrize("machine", NUMBERS)
def test_numbers_are_those_of_libseccomp(machine: str) -> None:
    import pyseccomp

    arch = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}[machine]
    agreed = 0
    for name, number in NUMBERS[machine].items():
        try:
            told = pyseccomp.resolve_syscall(arch, number)
        except ValueError:
            assert number in (335, 336) or number > 450, f"{name} is not new, and not known"
            continue
        assert (told.decode() if isinstance(told, bytes) else told) == name
        agreed += 1
    assert agreed > 300


def test_no_number_is_given_twice() -> None:
    for table in NUMBERS.values():
        assert len(set(table.values())) == len(table)


def test_new_calls_have_the_same_number_everywhere() -> None:
    for name, number in NUMBERS["x86_64"].items():
        assert number < 424 or NUMBERS["aarch64"][name] == number
