import os

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.runtime.users import Identity, identify

PASSWD = """root:x:0:0:root:/root:/bin/sh
web:x:33:34:web:/var/www:/bin/sh
1000:x:7:7:a name of digits:/digits:/bin/sh
bad line
nogroup:x:50:none::/:/bin/sh
"""
GROUP = """root:x:0:
web:x:34:
extra:x:40:other,web
huge:x:99999999999:web
wheel:x:10:web
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text(PASSWD)
    (tmp_path / "etc" / "group").write_text(GROUP)
    return str(tmp_path)


def test_nobody_named_is_root(root):
    assert identify("", root) == Identity(0, 0, (), "/root")


def test_a_name_has_its_ids_its_home_and_the_images_groups(root):
    assert identify("web", root) == Identity(33, 34, (10, 40), "/var/www")


def test_a_number_is_an_id_and_never_a_name(root):
    # CVE-2026-46680: a user called "1000" must not become uid 7
    assert identify("1000", root) == Identity(1000, 0, (), "/")


def test_a_known_number_has_its_home_and_groups(root):
    assert identify("33", root) == Identity(33, 34, (10, 40), "/var/www")


def test_a_group_that_is_named_is_the_only_one(root):
    assert identify("web:extra", root) == Identity(33, 40, (), "/var/www")
    assert identify("5:6", root) == Identity(5, 6, (), "/")


def test_leading_zeros_are_the_same_number(root):
    assert identify("00", root).uid == 0


@pytest.mark.parametrize(
    "user", ["4294967296", "-1", "2147483648", "9" * 5000, "0:-1", "1:4294967296"]
)
def test_an_id_out_of_range_is_refused(root, user):
    with pytest.raises(InvalidArgument, match="must be in range 0-2147483647"):
        identify(user, root)


def test_who_is_not_there_is_refused_in_dockers_words(root):
    with pytest.raises(
        InvalidArgument, match="unable to find user no: no matching entries in passwd"
    ):
        identify("no", root)
    with pytest.raises(
        InvalidArgument, match="unable to find group no: no matching entries in group"
    ):
        identify("web:no", root)


def test_an_image_without_the_files_still_has_numbers(tmp_path):
    assert identify("1000", str(tmp_path)) == Identity(1000, 0, (), "/")
    with pytest.raises(InvalidArgument):
        identify("web", str(tmp_path))


def test_files_that_would_make_us_wait_or_swallow_memory_are_not_read(tmp_path):
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc" / "passwd")
    with open(tmp_path / "etc" / "group", "wb") as file:
        file.truncate(1 << 30)
    assert identify("1000", str(tmp_path)) == Identity(1000, 0, (), "/")


def test_a_directory_in_place_of_the_file_holds_nobody(tmp_path):
    (tmp_path / "etc" / "passwd").mkdir(parents=True)
    assert identify("7", str(tmp_path)).uid == 7
