from __future__ import annotations

import os
import random
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbcontainer.errors import Corrupt, NoSpace
from nbcontainer.store.layers import unpack
from nbcontainer.store.tree import remove_tree
from nbcontainer.store.unpack_options import Unpacked, UnpackOptions
from tests.tars import Member, block, fingerprint, listing, member, padded, reader, tar

ROOT = os.geteuid() == 0
OPTIONS = UnpackOptions(userxattr=not ROOT, id_mode="root" if ROOT else "single", devices=ROOT)
root_only = pytest.mark.needs("root")


def into(folder: Path, data: bytes, options: UnpackOptions = OPTIONS) -> Unpacked:
    folder.mkdir(exist_ok=True)
    fd = os.open(folder, os.O_RDONLY)
    try:
        return unpack(reader(data), fd, options)
    finally:
        os.close(fd)


@pytest.fixture
def layer(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "layer"
    # pytest's own clean-up recurses, and fails on the deepest of these trees
    fd = os.open(tmp_path, os.O_RDONLY)
    remove_tree(fd, "layer")
    os.close(fd)


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A tree beside the layer that no unpacking may change in any way."""
    folder = tmp_path / "victim"
    (folder / "inner").mkdir(parents=True)
    (folder / "file").write_text("secret")
    (folder / "inner" / "file").write_text("secret too")
    (folder / "link").symlink_to("file")
    before = fingerprint(str(folder))
    names = sorted(os.listdir(tmp_path))
    yield folder
    assert fingerprint(str(folder)) == before
    assert sorted(set(os.listdir(tmp_path)) - {"layer"}) == sorted(set(names) - {"layer"})


# What an ordinary layer becomes


def test_files_keep_content_mode_and_time(layer: Path) -> None:
    data = tar([member("bin/tool", data=b"x" * 100_000, mode=0o755, mtime=1_234_567_890)])
    done = into(layer, data)
    status = (layer / "bin/tool").stat()
    assert (layer / "bin/tool").read_bytes() == b"x" * 100_000
    assert stat.S_IMODE(status.st_mode) == 0o755
    assert status.st_mtime == 1_234_567_890
    assert (done.entries, done.size_bytes) == (1, 100_000)


def test_times_keep_their_nanoseconds_and_directories_theirs(layer: Path) -> None:
    data = tar(
        [
            member("d", "dir", pax={"mtime": "5.123456789"}),
            member("d/f", pax={"mtime": "-1.5"}),
            member("d/l", "link", linkname="f", pax={"mtime": "7.25"}),
        ]
    )
    into(layer, data)
    assert (layer / "d").stat().st_mtime_ns == 5_123_456_789
    assert (layer / "d/f").stat().st_mtime_ns == -1_500_000_000
    assert (layer / "d/l").lstat().st_mtime_ns == 7_250_000_000


@root_only
def test_owners_setuid_bits_and_devices_are_kept_as_root(layer: Path) -> None:
    data = tar(
        [
            member("su", mode=0o6755, uid=33, gid=44),
            member("dev/null", "char", devmajor=1, devminor=3, mode=0o666),
            member("dev/sda", "block", devmajor=8, devminor=0),
            member("pipe", "fifo", mode=0o600, uid=7),
            member("link", "link", linkname="su", uid=9, gid=10),
        ]
    )
    into(layer, data)
    su = (layer / "su").stat()
    assert (su.st_uid, su.st_gid, stat.S_IMODE(su.st_mode)) == (33, 44, 0o6755)
    assert (layer / "dev/null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_ISBLK((layer / "dev/sda").stat().st_mode)
    assert stat.S_ISFIFO((layer / "pipe").stat().st_mode)
    assert (layer / "link").lstat().st_uid == 9


def test_devices_are_skipped_and_counted_where_they_cannot_be_made(layer: Path) -> None:
    data = tar([member("null", "char", devmajor=1, devminor=3), member("f", data=b"1")])
    done = into(layer, data, UnpackOptions(devices=False, id_mode="single"))
    assert done.skipped_devices == 1
    assert os.listdir(layer) == ["f"]


def test_a_single_id_store_keeps_true_owners_beside_the_file(layer: Path) -> None:
    data = tar([member("d", "dir", uid=3), member("d/f", uid=33, gid=44, mode=0o400)])
    into(layer, data, UnpackOptions(id_mode="single", id_count=1))
    assert os.getxattr(layer / "d/f", "user.nbcontainer.owner") == b"33:44"
    assert os.getxattr(layer / "d", "user.nbcontainer.owner") == b"3:0"
    assert (layer / "d/f").stat().st_uid == os.geteuid()


def test_hard_links_share_an_inode(layer: Path) -> None:
    data = tar([member("a", data=b"1"), member("d/b", "hard", linkname="a"),
                member("c", "hard", linkname="/./a")])  # fmt: skip
    into(layer, data)
    assert (
        (layer / "a").stat().st_ino == (layer / "d/b").stat().st_ino == (layer / "c").stat().st_ino
    )


def test_a_hard_link_to_itself_changes_nothing(layer: Path) -> None:
    into(layer, tar([member("a", data=b"1"), member("a", "hard", linkname="a")]))
    assert (layer / "a").read_text() == "1"


def test_user_attributes_and_capabilities_are_kept(layer: Path) -> None:
    records = {"SCHILY.xattr.user.note": "hello"}
    into(layer, tar([member("f", pax=records), member("d", "dir", pax=records)]))
    assert os.getxattr(layer / "f", "user.note") == b"hello"
    assert os.getxattr(layer / "d", "user.note") == b"hello"


@root_only
def test_a_file_capability_is_kept(layer: Path) -> None:
    value = bytes.fromhex("0100000200040000") + bytes(12)
    into(
        layer,
        tar([member("ping", pax={"SCHILY.xattr.security.capability": value.decode("latin1")})]),
    )
    assert os.getxattr(layer / "ping", "security.capability") == value


def test_a_directory_without_entry_is_made_as_the_layers_below_have_it(
    layer: Path, tmp_path: Path
) -> None:
    below = tmp_path / "below"
    (below / "srv" / "data").mkdir(parents=True)
    os.chmod(below / "srv", 0o2710)
    os.utime(below / "srv", ns=(0, 77))
    os.chmod(below, 0o751)
    fd = os.open(below, os.O_RDONLY)
    try:
        options = UnpackOptions(
            below=lambda: (fd,), id_mode=OPTIONS.id_mode, userxattr=OPTIONS.userxattr
        )
        into(layer, tar([member("srv/data/f"), member("new/f")]), options)
    finally:
        os.close(fd)
    assert stat.S_IMODE((layer / "srv").stat().st_mode) == 0o2710
    assert (layer / "srv").stat().st_mtime_ns == 77
    assert stat.S_IMODE((layer / "new").stat().st_mode) == 0o755
    assert (layer / "new").stat().st_mtime == 0
    assert stat.S_IMODE(layer.stat().st_mode) == 0o751


# Whiteouts


def opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, OPTIONS.opaque_xattr()) == b"y"
    except OSError:
        return False


def test_a_whiteout_becomes_the_overlays_mark(layer: Path) -> None:
    done = into(layer, tar([member("d/.wh.gone"), member("d/kept")]))
    status = (layer / "d/gone").stat()
    assert stat.S_ISCHR(status.st_mode)
    assert status.st_rdev == 0
    assert done.whiteouts == 1
    assert not opaque(layer / "d")


def test_an_opaque_mark_hides_what_lies_below_the_directory(layer: Path) -> None:
    into(layer, tar([member("d/.wh..wh..opq"), member("d/kept")]))
    assert opaque(layer / "d")
    assert os.listdir(layer / "d") == ["kept"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_whiteout_spares_what_the_same_layer_has(layer: Path, order: int) -> None:
    into(layer, tar([member("f", data=b"new"), member(".wh.f")][::order]))
    assert (layer / "f").read_text() == "new"


@pytest.mark.parametrize("order", [1, -1])
def test_a_whiteout_and_a_directory_of_one_name_make_it_opaque(layer: Path, order: int) -> None:
    into(layer, tar([member("d", "dir"), member(".wh.d")][::order] + [member("d/f")]))
    assert opaque(layer / "d")
    assert (layer / "d/f").is_file()


def test_a_whiteout_and_a_file_inside_the_same_name_make_it_opaque(layer: Path) -> None:
    into(layer, tar([member(".wh.d"), member("d/f")]))
    assert opaque(layer / "d")


def test_whiteouts_stay_files_for_a_store_that_cannot_hold_marks(layer: Path) -> None:
    options = UnpackOptions(whiteouts="files", id_mode=OPTIONS.id_mode)
    into(layer, tar([member("d/.wh.gone"), member("d/.wh..wh..opq")]), options)
    assert sorted(os.listdir(layer / "d")) == [".wh..wh..opq", ".wh.gone"]


def test_aufs_notes_are_left_out(layer: Path) -> None:
    into(layer, tar([member(".wh..wh.plnk/99.1", data=b"x"), member(".wh..wh.aufs"), member("f")]))
    assert os.listdir(layer) == ["f"]


@pytest.mark.parametrize(
    "name", [".wh.", "d/.wh.", ".wh..", ".wh...", "d/.wh.../x", ".wh.a/b", "d/.wh.a/b"]
)
def test_a_malformed_whiteout_is_refused(layer: Path, victim: Path, name: str) -> None:
    with pytest.raises(Corrupt, match="malformed whiteout"):
        into(layer, tar([member(name)]))


def test_a_whiteout_device_is_never_written_raw(layer: Path) -> None:
    done = into(layer, tar([member("etc", "char", devmajor=0, devminor=0)]))
    assert done.skipped_devices == 1
    assert os.listdir(layer) == []


def test_a_hard_link_to_a_whiteout_is_refused(layer: Path) -> None:
    with pytest.raises(Corrupt, match="has no file as its target"):
        into(layer, tar([member(".wh.a"), member("etc", "hard", linkname="a")]))
    with pytest.raises(Corrupt, match="hard link to a whiteout"):
        into(layer, tar([member("etc", "hard", linkname=".wh.a")]))


# Hostile layers: contain


@pytest.mark.parametrize(
    "name",
    ["../victim/new", "../../../../{victim}/new", "{victim}/new", "a/../../victim/new", "./../x"],
)
def test_cve_2026_17106_names_that_climb_out_stay_inside(
    layer: Path, victim: Path, name: str
) -> None:
    into(layer, tar([member(name.format(victim=victim), data=b"x")]))
    assert sum(len(files) for _, _, files in os.walk(layer)) == 1


@pytest.mark.parametrize("target", ["../victim", "{victim}", "../../../../../..{victim}", "/"])
def test_cve_2021_32760_a_link_made_earlier_does_not_lead_outside(
    layer: Path, victim: Path, target: str
) -> None:
    data = tar(
        [
            member("out", "link", linkname=target.format(victim=victim)),
            member("out/file", data=b"overwritten"),
            member("out/inner", "dir", mode=0o777),
            member("out/.wh.link"),
            member("out/.wh..wh..opq"),
        ]
    )
    into(layer, data)


@pytest.mark.parametrize("kind", ["file", "dir", "link", "hard", "fifo"])
def test_cve_2019_10152_an_entry_replaces_a_link_and_never_follows_it(
    layer: Path, victim: Path, kind: str
) -> None:
    data = tar(
        [
            member("target", data=b"t"),
            member("l", "link", linkname=f"{victim}/file"),
            member("l", kind, data=b"", linkname="target", mode=0o777),
        ]
    )
    into(layer, data)
    status = (layer / "l").lstat()
    expected = {"file": stat.S_ISREG, "dir": stat.S_ISDIR, "link": stat.S_ISLNK,
                "hard": stat.S_ISREG, "fifo": stat.S_ISFIFO}[kind]  # fmt: skip
    assert expected(status.st_mode)


def test_a_mode_is_never_set_through_a_link(layer: Path, victim: Path) -> None:
    data = tar([member("l", "link", linkname=f"{victim}/file", mode=0o777, mtime=1)])
    into(layer, data)


def test_a_link_that_turns_round_is_refused(layer: Path, victim: Path) -> None:
    data = [member("a", "link", linkname="b"), member("b", "link", linkname="a"), member("a/f")]
    with pytest.raises(Corrupt, match="refused"):
        into(layer, tar(data))


def test_links_full_of_dots_cost_no_square(layer: Path) -> None:
    deep = "d/" * 400
    data = [member(deep, "dir"), member("l", "link", linkname=deep + "../" * 400 + deep)]
    data += [member(f"l{n}", "link", linkname=f"l/l{n - 1}" if n else "l") for n in range(38)]
    started = time.monotonic()
    with pytest.raises(Corrupt):
        into(layer, tar([*data, member("l37/l36/l35/x")]))
    assert time.monotonic() - started < 2


def test_a_directory_replaced_by_a_link_keeps_no_way_in(layer: Path, victim: Path) -> None:
    data = tar(
        [
            member("d/inner", "dir", mtime=3),
            member("d/inner/x", data=b"1"),
            member("d", "link", linkname=str(victim)),
            member("d/inner/file", data=b"overwritten"),
        ]
    )
    into(layer, data)
    assert (layer / "d").is_symlink()


def test_a_link_replaced_by_a_directory_is_no_link_any_more(layer: Path, victim: Path) -> None:
    data = tar(
        [
            member("d", "link", linkname=str(victim)),
            member("d/seen", data=b"1"),
            member("d", "dir"),
            member("d/file", data=b"1"),
        ]
    )
    into(layer, data)
    assert (layer / "d/file").read_text() == "1"
    assert not (layer / "d").is_symlink()


def test_the_last_of_two_entries_of_one_name_wins(layer: Path) -> None:
    data = [member("a", data=b"1"), member("a/", "dir"), member("a/b"), member("a", data=b"2")]
    into(layer, tar(data))
    assert (layer / "a").read_text() == "2"


def test_a_directory_over_a_directory_keeps_what_is_in_it(layer: Path) -> None:
    into(layer, tar([member("a/b", data=b"1"), member("a", "dir", mode=0o700)]))
    assert (layer / "a/b").read_text() == "1"
    assert stat.S_IMODE((layer / "a").stat().st_mode) == 0o700


# Hostile layers: refuse


@pytest.mark.parametrize(
    "target", ["../victim/file", "a/../../victim/file", "..", "x/../../layer/x"]
)
def test_a_hard_link_that_leaves_the_layer_is_refused(
    layer: Path, victim: Path, target: str
) -> None:
    with pytest.raises(Corrupt, match="leaves the layer"):
        into(layer, tar([member("h", "hard", linkname=target)]))


@pytest.mark.parametrize("target", ["{victim}/file", "out/file", "missing", "d", "/"])
def test_a_hard_link_to_what_the_layer_lacks_is_refused(
    layer: Path, victim: Path, target: str
) -> None:
    data = [member("d", "dir"), member("out", "link", linkname=str(victim)),
            member("h", "hard", linkname=target.format(victim=victim))]  # fmt: skip
    with pytest.raises(Corrupt, match="hard link h"):
        into(layer, tar(data))


def test_a_hard_link_to_a_link_does_not_reach_its_target(layer: Path, victim: Path) -> None:
    data = [member("l", "link", linkname=f"{victim}/file"), member("h", "hard", linkname="l"),
            member("h", data=b"overwritten")]  # fmt: skip
    into(layer, tar(data))
    assert (layer / "h").read_text() == "overwritten"


def test_a_file_as_parent_is_refused(layer: Path) -> None:
    with pytest.raises(Corrupt, match="a parent of it is no directory"):
        into(layer, tar([member("f"), member("f/g")]))


def test_a_root_that_is_no_directory_is_refused(layer: Path, victim: Path) -> None:
    for kind in ("file", "link", "hard", "fifo"):
        with pytest.raises(Corrupt, match="root"):
            into(layer, tar([member("./", kind, linkname=str(victim))]))


def test_empty_names_and_nul_are_refused(layer: Path) -> None:
    for data in (
        block(b""),
        padded(block(b"x", b"x", 14) + b"14 path=a\0/b\n\n")[:1024] + block(b"f"),
    ):
        with pytest.raises(Corrupt):
            into(layer, data)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("n" * 256, "longer than 255"),
        ("d/" * 1025 + "f", "deeper"),
        (("d" * 200 + "/") * 21, "4095"),
    ],
)
def test_names_that_linux_cannot_hold_are_a_clean_error(layer: Path, name: str, why: str) -> None:
    with pytest.raises(Corrupt, match=why):
        into(layer, tar([member(name)]))


def test_the_deepest_allowed_tree_unpacks(layer: Path) -> None:
    into(layer, tar([member("d/" * 1023 + "f", data=b"deep"), member("d/" * 1023 + "g")]))
    path = layer
    for _ in range(1023):
        path = path / "d"
    fd = os.open(layer, os.O_RDONLY)
    for _ in range(1023):
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    assert sorted(os.listdir(fd)) == ["f", "g"]
    os.close(fd)


@pytest.mark.parametrize(
    "name",
    ["trusted.overlay.opaque", "user.overlay.opaque", "trusted.overlay.redirect", "user.overlay.metacopy",
     "user.nbcontainer.owner", "security.selinux", "trusted.anything"],
)  # fmt: skip
def test_attributes_that_steer_an_overlay_or_the_host_are_dropped(layer: Path, name: str) -> None:
    pax = {f"SCHILY.xattr.{name}": "y"}
    into(layer, tar([member("d", "dir", pax=pax), member("f", pax=pax)]))
    for path in (layer / "d", layer / "f"):
        assert name not in os.listxattr(path)


def test_ids_and_times_out_of_range_are_clamped(layer: Path) -> None:
    big = str(2**64)
    data = tar([member("f", pax={"uid": big, "gid": "70000", "mtime": "9" * 18})])
    into(layer, data, UnpackOptions(id_mode="single"))
    assert os.getxattr(layer / "f", "user.nbcontainer.owner") == b"65534:70000"
    assert (layer / "f").stat().st_mtime > 2**33 / 2


def test_impossible_numbers_are_a_clean_error(layer: Path) -> None:
    for pax in ({"mtime": "1e9"}, {"size": "-1"}, {"uid": "x"}, {"mtime": "9" * 5000}):
        with pytest.raises(Corrupt):
            into(layer, tar([member("f", pax=pax)]))


def test_control_characters_are_escaped_in_messages(layer: Path) -> None:
    with pytest.raises(Corrupt) as caught:
        into(layer, tar([member("a\x1b]52;c;x\x07", "hard", linkname="../x")]))
    assert "\x1b" not in str(caught.value)
    assert "\\x1b" in str(caught.value)


# Bombs


def test_a_layer_over_the_bound_of_bytes_is_refused(layer: Path) -> None:
    with pytest.raises(Corrupt, match="more than 1000 bytes"):
        into(layer, tar([member("a", data=b"x" * 600), member("b", data=b"x" * 600)]),
             UnpackOptions(layer_bytes=1000, id_mode=OPTIONS.id_mode))  # fmt: skip


def test_more_entries_than_the_bound_are_refused(layer: Path) -> None:
    with pytest.raises(Corrupt, match="more than 10 entries"):
        into(layer, tar([member(f"f{n}") for n in range(11)]),
             UnpackOptions(entries=10, id_mode=OPTIONS.id_mode))  # fmt: skip


def test_a_sparse_file_of_an_exbibyte_is_refused(layer: Path) -> None:
    records = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "f",
        "GNU.sparse.realsize": str(2**60),
    }  # fmt: skip
    with pytest.raises(Corrupt, match="unpacks to more than"):
        into(layer, tar([member("x", data=padded(b"0\n"), pax=records)]))


def test_a_huge_extended_header_is_refused(layer: Path) -> None:
    with pytest.raises(Corrupt, match="extended header"):
        into(layer, tar([member("f", pax={"comment": "x" * (2 << 20)})]))


def test_a_disk_that_would_be_too_full_is_said_before_it_is(layer: Path) -> None:
    options = UnpackOptions(keep_free_percent=100, keep_free_bytes=1 << 60, id_mode=OPTIONS.id_mode)
    with pytest.raises(NoSpace, match="free"):
        into(layer, tar([member("f", data=b"1")]), options)


# Everything at once


def _hostile(rng: random.Random, victim: str) -> bytes:
    names = ["a", "b", "a/b", "a/b/c", "b/a", ".", "a/.", "../victim/file", "../victim", "a/../..",
             victim, f"{victim}/file", f"{victim}/inner", ".wh.a", "a/.wh.b", ".wh..wh.opq",
             "a/.wh..wh..opq", "a/b/../../..", "b/inner/file", "a/file", "a/link"]  # fmt: skip
    targets = ["../victim", "../../victim", victim, f"{victim}/file", "a", "b", "a/b", "/", "..", ".",
               "../victim/file", "../victim/link", "a/link", "b/file", "/a", "/b/.."]  # fmt: skip
    kinds = ["file", "dir", "dir", "link", "link", "hard", "fifo", "char"]
    members: list[Member] = []
    for _ in range(rng.randint(2, 6)):
        name, kind, target = rng.choice(names), rng.choice(kinds), rng.choice(targets)
        if rng.random() < 0.95:
            # mostly what is allowed, so that the rest of the archive has its turn
            if name in (".", "a/.", "a/../..", "a/b/../../.."):
                kind = "dir"
            if kind == "hard":
                files = [m for m in members if m[1] == "file" and ".wh." not in m[0]]
                kind, target = ("hard", files[-1][0].lstrip("./")) if files else ("file", "")
        more = {
            "linkname": target,
            # without root's power nothing can be put into a directory of mode 0
            "mode": rng.choice((0 if ROOT else 0o700, 0o777, 0o4755)),
            "mtime": rng.randint(0, 9),
            "uid": rng.choice((0, 5)),
            "devmajor": rng.randint(0, 1),
            "devminor": rng.randint(0, 1),
        }
        members.append(member(name, kind, rng.choice((b"", b"x", b"y" * 700)), **more))
    data = bytearray(tar(members, rng.choice((0, 1, 2))))
    if rng.random() < 0.1:
        del data[rng.randrange(len(data)) :]
    if rng.random() < 0.1:
        data[rng.randrange(len(data) or 1)] ^= 1 << rng.randrange(8)
    return bytes(data)


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: a disk makes a directory in 0.1 ms, and thousands are made."""
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="nbc-", dir=shm) as folder:
        yield Path(folder)


@pytest.mark.slow
def test_ten_thousand_generated_layers_leave_a_victim_outside_unchanged(quick_folder: Path) -> None:
    victim = quick_folder / "victim"
    (victim / "inner").mkdir(parents=True)
    (victim / "file").write_text("secret")
    (victim / "inner" / "file").write_text("secret too")
    (victim / "link").symlink_to("file")
    before = fingerprint(str(victim))
    rng = random.Random(20190)
    base = os.open(quick_folder, os.O_RDONLY)
    unpacked = 0
    for number in range(10_000):
        data = _hostile(rng, str(victim))
        options = (
            OPTIONS if number % 2 else UnpackOptions(whiteouts="files", id_mode=OPTIONS.id_mode)
        )
        try:
            into(quick_folder / "layer", data, options)
            unpacked += 1
        except Corrupt:
            pass
        remove_tree(base, "layer")
        if number % 500 == 0:
            assert fingerprint(str(victim)) == before, number
    os.close(base)
    assert fingerprint(str(victim)) == before
    assert os.listdir(quick_folder) == ["victim"]
    assert unpacked > 2000, "most were refused: the generator tests too little"


def test_the_same_tar_unpacks_to_the_same_tree(tmp_path: Path) -> None:
    data = tar([member("d/f", data=b"1"), member("l", "link", linkname="d/f"), member("e", "dir")])
    for name in ("one", "two"):
        into(tmp_path / name, data)
    assert listing(str(tmp_path / "one")) == listing(str(tmp_path / "two"))
