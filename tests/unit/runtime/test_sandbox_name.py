import os

import pytest

from nbcontainer.linux import process
from nbcontainer.runtime.sandbox_name import is_foreign, is_owned, name_of, owner_of


def test_a_name_is_owned_while_its_process_runs():
    name = name_of(os.getpid())
    assert is_owned(name)
    assert not is_foreign(name)
    assert owner_of(name) == (os.getpid(), process.start_time(os.getpid()))


def test_a_pid_used_again_owns_nothing():
    space = name_of(os.getpid()).split(".")[2]
    start = process.start_time(os.getpid())
    again = f"{os.getpid()}.{start + 1:x}.{space}"
    assert not is_owned(again)
    assert not is_foreign(again)
    assert not is_owned(f"4194304.1.{space}")


@pytest.mark.parametrize(
    "name", ["", "x", "1.", ".1", "x.y.z", "1.zz.1", "1.1", "1.1.1.1", "1-1-1", "².1.1"]
)
def test_a_name_that_is_not_understood_is_left_alone(name):
    assert not is_owned(name)
    assert is_foreign(name)
    assert owner_of(name) == (0, 0)


def test_a_name_of_another_pid_namespace_says_nothing_of_its_owner():
    pid, start, space = name_of(os.getpid()).split(".")
    foreign = f"{pid}.{start}.{int(space, 16) + 1:x}"
    assert is_foreign(foreign)
    assert not is_owned(foreign)
