"""The numbers against another source, where one is at hand: Debian's libseccomp."""

from __future__ import annotations

import ctypes
import ctypes.util

from nbcontainer.linux.numbers import NUMBERS
from tests.needs import lacks

_X86_64, _AARCH64 = 0xC000003E, 0xC00000B7
# Calls that are younger than the libseccomp of a stable distribution may be unknown to it.
_UNKNOWN = -1


def test_the_numbers_are_those_of_libseccomp() -> None:
    path = ctypes.util.find_library("seccomp")
    if path is None:
        lacks("pyseccomp", "libseccomp is not installed")
    resolve = ctypes.CDLL(path).seccomp_syscall_resolve_name_arch
    resolve.argtypes = (ctypes.c_uint32, ctypes.c_char_p)
    compared = 0
    for name, pair in NUMBERS.items():
        for architecture, number in zip((_X86_64, _AARCH64), pair, strict=True):
            found = resolve(architecture, name.encode())
            if found != _UNKNOWN:
                assert found == number, name
                compared += 1
    assert compared > len(NUMBERS)
