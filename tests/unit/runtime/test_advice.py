import errno
import os

import pytest

from nbcontainer.errors import NoSpace, StepFailed
from nbcontainer.runtime.advice import refused


def error(number, path=None):
    return OSError(number, os.strerror(number), path)


def test_a_refusal_names_step_path_and_what_linux_said():
    told = refused("mount_tmpfs", error(errno.EPERM, "/tmp"))
    assert isinstance(told, StepFailed)
    assert told.message == "mount tmpfs: /tmp: Operation not permitted"
    assert (told.step, told.errno) == ("mount_tmpfs", errno.EPERM)


def test_a_known_refusal_ends_in_one_thing_to_do():
    assert "doctor" in (refused("clone", error(errno.EPERM)).hint or "")
    assert refused("clone", error(errno.EIO)).hint is None


def test_a_missing_bind_source_is_told_in_dockers_words():
    told = refused("open_source", error(errno.ENOENT, "/no"))
    assert told.message == "bind source path does not exist: /no"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_its_own_kind_of_error(number):
    assert isinstance(refused("write_files", error(number)), NoSpace)
    # ENOSPC of clone is a limit, not a disk
    assert isinstance(refused("clone", error(number)), StepFailed)


def test_words_of_our_own_win_over_the_numbers():
    told = refused("enter", OSError(errno.EPERM, "hidepid forbids it", "/proc"))
    assert "hidepid forbids it" in told.message


def test_an_error_without_a_number_is_told_by_its_text():
    assert refused("enter", OSError("odd")).message == "enter: odd"
