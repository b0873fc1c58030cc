from __future__ import annotations

import gzip
import os
import resource
import subprocess
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.errors import Corrupt, InvalidArgument, NoSpace, NotFound
from nbcontainer.linux import syscalls
from nbcontainer.spec.digest import Digest, sha256
from nbcontainer.store import jobs
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.layout import Layout
from nbcontainer.store.snapshots import is_unpacked
from nbcontainer.store.tree import open_directory, remove_tree
from tests.tars import listing, member, tar

ROOT = os.geteuid() == 0
OPTIONS: dict[str, Any] = {"userxattr": not ROOT, "id_mode": "root" if ROOT else "single"}
LAYER = tar(
    [member("etc/passwd", data=b"root"), member("bin/sh", data=b"x" * 5000), member(".wh.old")]
)
CHAIN = sha256(LAYER)


def unpack(layout: Layout, data: bytes = LAYER, **more: Any) -> dict[str, Any]:
    digest = Blobs(layout).put(data).digest
    values = {"chain_id": CHAIN, "digest": digest, "diff_id": CHAIN, "below": []} | OPTIONS | more
    return jobs.unpack_layer(layout, [], **values)


def test_every_job_is_found_by_its_name() -> None:
    for name, job in jobs.JOBS.items():
        assert getattr(jobs, name) is job
        assert (job.__doc__ or "").strip()
    assert {"unpack_layer", "remove_tree", "diff", "commit_layer", "export"} < jobs.JOBS.keys()


def test_a_compressed_layer_is_checked_against_its_diff_id(layout: Layout) -> None:
    done = unpack(layout, gzip.compress(LAYER))
    assert (done["was_there"], done["entries"], done["size_bytes"]) == (False, 3, 5004)
    assert is_unpacked(layout, CHAIN, "overlay")
    assert unpack(layout)["was_there"]


def test_a_layer_without_its_blob_is_said(layout: Layout) -> None:
    with pytest.raises(NotFound):
        jobs.unpack_layer(
            layout, [], chain_id=CHAIN, digest="sha256:" + "1" * 64, diff_id=CHAIN, below=[]
        )
    assert os.listdir(layout.tmp) == []


def test_a_layer_whose_lower_layer_is_missing_is_said(layout: Layout) -> None:
    with pytest.raises(Corrupt, match="below"):
        unpack(layout, below=["sha256:" + "1" * 64])
    assert os.listdir(layout.tmp) == []


@pytest.mark.parametrize("chain_id", ["sha256:../../../../tmp/x", "../x", "", "sha256:" + "G" * 64])
def test_a_chain_id_that_is_none_is_refused(layout: Layout, chain_id: str) -> None:
    with pytest.raises(Corrupt):
        unpack(layout, chain_id=chain_id)


def test_two_workers_that_unpack_one_layer_at_once_both_succeed(
    layout: Layout, all_at_once: Callable[[list[Callable[[], object]]], None]
) -> None:
    all_at_once([lambda: unpack(layout)] * 4)
    assert is_unpacked(layout, CHAIN, "overlay")
    assert os.listdir(layout.tmp) == []


def test_a_worker_killed_anywhere_leaves_no_half_layer(
    layout: Layout, killed_at: Callable[[int, Callable[[], object]], bool]
) -> None:
    data = Blobs(layout).put(LAYER).digest

    def work() -> None:
        jobs.unpack_layer(
            layout, [], chain_id=CHAIN, digest=data, diff_id=CHAIN, below=[], **OPTIONS
        )

    step = 1
    while killed_at(step, work):
        there = os.path.exists(layout.layer(CHAIN))
        assert there == is_unpacked(layout, CHAIN, "overlay"), step
        step += 1
        if there:
            break
    work()
    assert is_unpacked(layout, CHAIN, "overlay")
    assert step > 5


def test_a_bomb_of_a_gibibyte_in_a_mebibyte_ends_soon_and_leaves_nothing(layout: Layout) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = zlib.compressobj(9, zlib.DEFLATED, -15)
    info = tar([member("bomb", data=b"")])[:512]
    info = info[:124] + b"%011o\0" % (1 << 30) + info[136:148] + b" " * 8 + info[156:]
    info = info[:148] + b"%06o\0 " % sum(info) + info[156:]
    data = bytes.fromhex("1f8b0800000000000003") + head.compress(info)
    data += head.flush(zlib.Z_FULL_FLUSH) + one * 1024
    assert len(data) < 1.2 * (1 << 20)
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        # what it holds in memory is measured in a process of its own
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))
            unpack(layout, data, limits={"layer_bytes": 100 << 20, "ratio": 0})
        except Corrupt:
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert time.monotonic() - started < 2
    with pytest.raises(Corrupt, match="200 times"):
        unpack(layout, data)
    assert os.listdir(layout.tmp) + os.listdir(layout.layers) == []


@pytest.mark.needs("root")
def test_a_full_disk_gives_a_typed_error_and_nothing_is_left(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(place)], check=True)
    try:
        layout = Layout(str(place / "home"), str(tmp_path / "run"))
        layout.make()
        data = tar([member("big", data=os.urandom(2 << 20))])
        with pytest.raises(NoSpace):
            unpack(layout, data, chain_id=sha256(data), diff_id=sha256(data),
                   limits={"keep_free_percent": 0})  # fmt: skip
        assert os.listdir(layout.tmp) + os.listdir(layout.layers) == []
        with pytest.raises(NoSpace, match="free"):
            unpack(layout, limits={"keep_free_percent": 50})
        unpack(layout, limits={"keep_free_percent": 0})
        assert is_unpacked(layout, CHAIN, "overlay")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_only_entries_of_tmp_are_removed(layout: Layout) -> None:
    os.makedirs(f"{layout.tmp}/1-gone/deep/deeper")
    jobs.remove_tree(layout, [], names=["1-gone", "2-never-there"])
    assert os.listdir(layout.tmp) == []
    for name in ("../layers", "/etc", "", "..", "."):
        with pytest.raises(InvalidArgument):
            jobs.remove_tree(layout, [], names=[name])


def overlay(layout: Layout, container: str = "c" * 64) -> str:
    """Make the directories of a container on one layer, and return the upper one."""
    unpack(layout)
    base = layout.container(container)
    os.makedirs(f"{base}/upper", exist_ok=True)
    os.makedirs(f"{base}/work", exist_ok=True)
    return f"{base}/upper"


@pytest.mark.needs("root")
def test_a_commit_takes_the_containers_shift_off_owners_and_capabilities(layout: Layout) -> None:
    upper = overlay(layout)
    with open(f"{upper}/tool", "w") as file:
        file.write("x")
    os.chown(f"{upper}/tool", 200_033, 200_044)
    capability = bytes.fromhex("0100000300040000") + bytes(12)
    os.setxattr(
        f"{upper}/tool", "security.capability", capability + (200_000).to_bytes(4, "little")
    )
    made = jobs.commit_layer(layout, [], container="c" * 64, layers=[CHAIN], id_base=200_000)
    data = Blobs(layout).read(Digest(made["digest"]))
    again = Layout(layout.home + "2", layout.run)
    again.make()
    unpack(again, data, chain_id=sha256(data), diff_id=sha256(data))
    status = os.stat(f"{again.layer(sha256(data))}/fs/tool")
    assert (status.st_uid, status.st_gid) == (33, 44)
    found = os.getxattr(f"{again.layer(sha256(data))}/fs/tool", "security.capability")
    assert found == b"\1\0\0\2" + capability[4:]


def test_a_container_that_flips_directory_and_link_does_not_lead_a_commit_outside(
    layout: Layout, tmp_path: Path
) -> None:
    upper = overlay(layout)
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "f").write_text("the host's secret")
    os.makedirs(f"{upper}/real")
    for number in range(50):
        with open(f"{upper}/real/{number}", "w") as file:
            file.write("inside")
    with open(f"{upper}/real/f", "w") as file:
        file.write("inside")
    os.symlink(str(tmp_path / "victim"), f"{upper}/link")
    for number in range(50):
        with open(f"{upper}/y{number}", "w") as file:
            file.write("inside")
        os.symlink(str(tmp_path / "victim" / "f"), f"{upper}/x{number}")
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            os.rename(f"{upper}/real", f"{upper}/aside")
            os.rename(f"{upper}/link", f"{upper}/real")
            os.rename(f"{upper}/real", f"{upper}/link")
            os.rename(f"{upper}/aside", f"{upper}/real")
            for number in range(50):
                syscalls.renameat2(
                    -1, f"{upper}/x{number}", -1, f"{upper}/y{number}", syscalls.RENAME_EXCHANGE
                )

    flipper = threading.Thread(target=flip)
    flipper.start()
    try:
        for _ in range(60):
            made = jobs.commit_layer(
                layout, [], container="c" * 64, layers=[CHAIN], userxattr=not ROOT
            )
            if made["digest"]:
                assert b"secret" not in Blobs(layout).read(Digest(made["digest"]), 1 << 30)
    finally:
        stop.set()
        flipper.join()


def test_a_commit_of_a_thousand_files_writes_them_all(layout: Layout) -> None:
    upper = overlay(layout)
    os.mkdir(f"{upper}/data")
    for number in range(1000):
        with open(f"{upper}/data/{number:04}", "wb") as file:
            file.write(os.urandom(1) * 20_000)
    made = jobs.commit_layer(
        layout, [], container="c" * 64, layers=[CHAIN], userxattr=not ROOT, id_base=os.geteuid()
    )
    assert made["changes"] == 1001
    data = Blobs(layout).read(Digest(made["digest"]), 1 << 30)
    again = Layout(layout.home + "2", layout.run)
    again.make()
    unpack(again, data, chain_id=sha256(data), diff_id=sha256(data))
    wanted = listing(f"{upper}/data")
    assert listing(f"{again.layer(sha256(data))}/fs/data") == wanted


def test_a_volume_with_files_in_it_is_left_alone(layout: Layout) -> None:
    unpack(layout)
    path = layout.volume("v", "_data")
    os.makedirs(path)
    with open(f"{path}/mine", "w") as file:
        file.write("mine")
    assert not jobs.copy_up_volume(layout, [], volume="v", target="/etc", layers=[CHAIN])["copied"]
    assert os.listdir(path) == ["mine"]
    for name in ("../v", "", ".", ".."):
        with pytest.raises(InvalidArgument):
            jobs.copy_up_volume(layout, [], volume=name, target="/etc", layers=[CHAIN])


def test_an_export_whose_reader_leaves_is_a_clean_error(layout: Layout) -> None:
    overlay(layout)
    read_end, write_end = os.pipe()
    os.close(read_end)
    with pytest.raises(Exception, match="went away"):
        jobs.export(layout, [write_end], container="c" * 64, layers=[CHAIN], userxattr=not ROOT)
    os.close(write_end)


@pytest.fixture(autouse=True)
def _emptied(layout: Layout) -> Any:
    yield
    fd = open_directory(os.path.dirname(layout.home))
    for name in os.listdir(fd):
        remove_tree(fd, name)
    os.close(fd)
