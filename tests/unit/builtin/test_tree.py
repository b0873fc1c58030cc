import io
import os
import tarfile

import pytest

from nbcontainer.builtin.tree import EPOCH_S, Tree, canonical


def written(tree):
    out = io.BytesIO()
    tree.write(out)
    return out.getvalue()


def members(tree):
    with tarfile.open(fileobj=io.BytesIO(written(tree))) as tar:
        return {member.name: member for member in tar.getmembers()}


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("/bin/sh", "usr/bin/sh"),
        ("/sbin/ip", "usr/bin/ip"),
        ("/usr/sbin/ip", "usr/bin/ip"),
        ("/lib64/ld.so", "usr/lib64/ld.so"),
        ("/lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"),
        ("bin", "bin"),
        ("/usr/local/../lib/a", "usr/lib/a"),
        ("/../etc/passwd", "etc/passwd"),
    ],
)
def test_paths_are_led_into_usr(path, stored):
    assert canonical(path) == stored


def test_the_order_of_adding_changes_no_byte():
    one, two = Tree(), Tree()
    one.file("/b", "b")
    one.link("/a", "b")
    two.link("/a", "b")
    two.file("/b", "b")
    assert written(one) == written(two)


def test_parents_come_before_what_lies_in_them():
    tree = Tree()
    tree.file("/var/lib/deep/file", "x")
    tree.file("/var/lib.txt", "x")
    names = list(members(tree))
    for name in names:
        parent = os.path.dirname(name)
        assert not parent or names.index(parent) < names.index(name)


def test_files_carry_one_date_no_owner_and_no_set_id_bits(tmp_path):
    source = tmp_path / "su"
    source.write_text("program")
    source.chmod(0o6755)
    tree = Tree()
    assert tree.copy("/usr/bin/su", str(source))
    member = members(tree)["usr/bin/su"]
    assert (member.mode, member.uid, member.gid, member.mtime) == (0o755, 0, 0, EPOCH_S)


def test_two_names_of_one_inode_are_two_whole_files(tmp_path):
    (tmp_path / "a").write_text("text")
    os.link(tmp_path / "a", tmp_path / "b")
    tree = Tree()
    tree.copy("/a", str(tmp_path / "a"))
    tree.copy("/b", str(tmp_path / "b"))
    assert all(member.isreg() and member.size == 4 for member in members(tree).values())


def test_what_cannot_be_read_or_is_no_file_is_left_out(tmp_path):
    tree = Tree()
    assert not tree.copy("/a", str(tmp_path / "absent"))
    assert not tree.copy("/b", str(tmp_path))
    assert list(tree) == []


def test_a_layer_above_another_holds_the_difference_and_its_parents_as_they_were():
    below, above = Tree(), Tree()
    below.directory("/tmp", 0o1777)
    below.file("/etc/passwd", "root")
    above.file("/etc/passwd", "root")
    above.file("/tmp/new", "x")
    layer = above.without(below)
    assert list(layer) == ["tmp", "tmp/new"]
    assert layer["/tmp"].mode & 0o7777 == 0o1777


def test_a_name_longer_than_a_tar_header_is_kept():
    tree = Tree()
    name = "usr/" + "d" * 200 + "/" + "f" * 200
    tree.file(name, "x")
    assert name in members(tree)
