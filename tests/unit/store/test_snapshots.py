"""One suite judges every backend, in every kind of store that can be played here."""

from __future__ import annotations

import functools
import io
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.errors import Corrupt, DigestMismatch, NotFound
from nbcontainer.linux import process, syscalls
from nbcontainer.spec.digest import Digest, sha256
from nbcontainer.spec.image import chain_ids
from nbcontainer.store import jobs
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.layout import Layout
from nbcontainer.store.snapshots import UNSYNCED, Snapshot, is_unpacked, layer_files, snapshotter
from nbcontainer.store.tree import open_directory, remove_tree
from tests.idmaps import modes, outside, run_as
from tests.needs import lacks
from tests.tars import listing, member, tar

CONTAINER = "c" * 64
LOWER = tar(
    [
        member("etc", "dir", mtime=100),
        member("etc/passwd", data=b"root:x:0:0\n", mtime=1, uid=33, gid=44),
        member("etc/old", data=b"old", mtime=2),
        member("gone", "dir"),
        member("gone/with", data=b"all"),
        member("again", "dir", mode=0o700),
        member("again/first", data=b"1"),
        member("swap", data=b"a file"),
        member("bin", "link", linkname="usr/bin", mtime=3),
        member("usr/bin", "dir", mode=0o755, mtime=4),
        member("usr/bin/su", data=b"su", mode=0o4755, mtime=5),
        member("usr/bin/sudo", "hard", linkname="usr/bin/su"),
        member("tmp", "dir", mode=0o1777, mtime=6),
    ]
)
UPPER = tar(
    [
        member("etc/.wh.old"),
        member("etc/new", data=b"new", mtime=7),
        member(".wh.gone"),
        member("again/.wh..wh..opq"),
        member("again/second", data=b"2", mtime=8),
        member("swap", "dir", mtime=9),
        member("swap/inner", data=b"in", mtime=10),
    ]
)
JOINED = [
    ".", "again", "again/second", "bin", "etc", "etc/new", "etc/passwd", "swap", "swap/inner", "tmp",
    "usr", "usr/bin", "usr/bin/su", "usr/bin/sudo",
]  # fmt: skip


class Case:
    """A store in one mode with one backend; every method runs in a process with the store's ids."""

    def __init__(self, mode: str, backend: str, home: str) -> None:
        self.mode = mode
        self.backend = backend
        self.layout = Layout(f"{home}/home", f"{home}/run")
        self.options: dict[str, Any] = {"backend": backend, "userxattr": mode != "root"}
        run_as(mode, self.layout.make)

    def run(self, work: Callable[[], Any]) -> Any:
        return run_as(self.mode, work)

    def unpack(self, *tars: bytes) -> tuple[str, ...]:
        """Store and unpack the layers; return their chain ids."""
        diff_ids = [sha256(data) for data in tars]
        chain = tuple(str(c) for c in chain_ids(diff_ids))

        def work() -> None:
            for number, data in enumerate(tars):
                jobs.unpack_layer(
                    self.layout,
                    [],
                    chain_id=chain[number],
                    digest=Blobs(self.layout).put(data).digest,
                    diff_id=diff_ids[number],
                    below=list(chain[:number]),
                    id_mode=self.mode,
                    **self.options,
                )

        self.run(work)
        return chain

    def inside(
        self, chain: tuple[str, ...], work: Callable[[str], Any], container: str = CONTAINER
    ) -> Any:
        """Prepare a container on the layers and return `work(its root)`."""

        def child() -> Any:
            os.makedirs(self.layout.container(container), exist_ok=True)
            snapshot = snapshotter(self.layout, self.backend).prepare(container, chain)
            if snapshot.root:
                return work(snapshot.root)
            if self.mode == "root":
                syscalls.unshare(syscalls.CLONE_NEWNS)
                syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
            return work(self._mounted(snapshot))

        return self.run(child)

    def _mounted(self, snapshot: Snapshot) -> str:
        target = f"{self.layout.home}/mnt"
        os.makedirs(target, exist_ok=True)
        data = f"lowerdir={':'.join(snapshot.lowers)},upperdir={snapshot.upper},workdir={snapshot.work}"
        data += ",userxattr" if self.mode != "root" else ""
        syscalls.mount("overlay", target, "overlay", 0, data)
        return target

    def job(self, name: str, chain: tuple[str, ...], **more: Any) -> Any:
        arguments = {"container": CONTAINER, "layers": list(chain), **self.options, **more}
        return self.run(lambda: jobs.JOBS[name](self.layout, [], **arguments))


@pytest.fixture(params=[(m, b) for m in modes() for b in ("overlay", "copy")], ids="-".join)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    mode, backend = request.param
    folder = tempfile.mkdtemp(prefix="nbc-")
    os.chmod(folder, 0o755)
    os.makedirs(f"{folder}/store")
    os.chown(f"{folder}/store", outside(mode), outside(mode) if os.geteuid() == 0 else -1)
    made = Case(mode, backend, f"{folder}/store")
    try:
        if backend == "overlay":
            try:
                made.inside((), lambda root: None, "probe")
            except OSError as error:
                lacks("overlay", str(error))
        yield made
    finally:

        def clean() -> None:
            fd = open_directory(folder + "/store")
            for name in os.listdir(fd):
                remove_tree(fd, name)

        run_as(mode, clean)
        shutil.rmtree(folder)


def test_a_container_sees_its_layers_joined(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)
    seen = case.inside(chain, listing)
    assert sorted(seen) == JOINED
    assert stat.filemode(0o104755) == seen["usr/bin/su"][0] == seen["usr/bin/sudo"][0]
    assert seen["tmp"][0] == "drwxrwxrwt"
    assert seen["again"][0] == "drwx------", (
        "the layer did not describe it, so the lower one's mode stays"
    )
    assert seen["etc"][3] == 100 * 10**9
    if case.mode != "single":
        assert seen["etc/passwd"][1:3] == (33, 44)


def test_every_backend_shows_the_same_tree(case: Case) -> None:
    other = Case(case.mode, "copy", os.path.dirname(case.layout.home) + "/other")
    seen = [c.inside(c.unpack(LOWER, UPPER), listing) for c in (case, other)]

    def plain(tree: dict[str, Any]) -> dict[str, Any]:
        return {
            path: (*entry[:5], [x for x in entry[5] if ".overlay." not in x[0]])
            for path, entry in tree.items()
            if path != "."
        }

    assert plain(seen[0]) == plain(seen[1])


def change(root: str) -> None:
    """What a container may do to its tree, one of each."""
    with open(f"{root}/etc/passwd", "a") as file:
        file.write("me:x:1:1\n")
    with open(f"{root}/etc/added", "w") as file:
        file.write("added")
    os.utime(f"{root}/etc/added", ns=(0, 1_500_000_001))
    os.unlink(f"{root}/etc/new")
    shutil.rmtree(f"{root}/again")
    os.mkdir(f"{root}/again")
    with open(f"{root}/again/third", "w") as file:
        file.write("3")
    shutil.rmtree(f"{root}/swap")
    os.symlink("etc", f"{root}/swap")
    os.unlink(f"{root}/bin")
    os.mkdir(f"{root}/bin")
    os.mkfifo(f"{root}/bin/pipe")
    os.chmod(f"{root}/usr", 0o711)
    os.makedirs(f"{root}/deep/" + "d/" * 30)
    os.setxattr(f"{root}/etc/added", "user.note", b"kept")
    with open(f"{root}/sparse", "wb") as file:
        file.truncate(3 << 20)
    for name in ("proc", "dev"):
        os.mkdir(f"{root}/{name}")


CHANGED = [
    ("C", "/again"), ("D", "/again/second"), ("A", "/again/third"), ("C", "/bin"), ("A", "/bin/pipe"),
    ("A", "/deep"), *[("A", "/deep" + "/d" * n) for n in range(1, 31)],
    ("C", "/etc"), ("A", "/etc/added"), ("D", "/etc/new"), ("C", "/etc/passwd"), ("A", "/sparse"),
    ("C", "/swap"), ("C", "/usr"),
]  # fmt: skip


def test_an_untouched_container_has_no_changes(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)
    case.inside(chain, listing)
    assert case.job("diff", chain) == []
    assert case.job("commit_layer", chain)["digest"] == ""


def test_diff_names_what_was_added_changed_and_deleted(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)
    case.inside(chain, change)
    assert [tuple(line) for line in case.job("diff", chain)] == CHANGED


def test_a_committed_layer_makes_the_same_tree_again(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)

    def work(root: str) -> Any:
        change(root)
        for name in ("proc", "dev"):
            os.rmdir(f"{root}/{name}")
        return listing(root)

    wanted = case.inside(chain, work)
    made = case.job("commit_layer", chain, id_mode=case.mode)
    layer = case.run(lambda: Blobs(case.layout).read(Digest(made["digest"]), 1 << 30))
    assert made["diff_id"] == made["digest"] == sha256(layer)
    again = case.unpack(LOWER, UPPER, layer)
    seen = case.inside(again, listing, "d" * 64)
    for tree in (wanted, seen):
        # the root's own time is not part of a layer that does not name it
        tree.pop(".")
    assert sorted(seen) == sorted(wanted)
    for path, entry in wanted.items():
        kept = [x for x in entry[5] if ".overlay." not in x[0]]
        found = [x for x in seen[path][5] if ".overlay." not in x[0]]
        assert (seen[path][:5], found) == (entry[:5], kept), path


def test_the_same_changes_give_the_same_bytes(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)
    case.inside(chain, change)
    first, second = (case.job("commit_layer", chain)["digest"] for _ in range(2))
    assert first == second


def test_true_owners_are_committed(case: Case) -> None:
    chain = case.unpack(LOWER)
    case.inside(chain, change_owned)
    made = case.job("commit_layer", chain, id_mode=case.mode)
    data = case.run(lambda: Blobs(case.layout).read(Digest(made["digest"]), 1 << 30))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        info = archive.getmember("etc/passwd")
    assert (info.uid, info.gid) == (33, 44)


def change_owned(root: str) -> None:
    with open(f"{root}/etc/passwd", "a") as file:
        file.write("x")


def test_export_writes_the_whole_tree(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)
    case.inside(chain, change)
    path = f"{os.path.dirname(case.layout.home)}/out.tar"

    def work() -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        jobs.export(
            case.layout,
            [fd],
            container=CONTAINER,
            layers=list(chain),
            id_mode=case.mode,
            **case.options,
        )

    case.run(work)
    with tarfile.open(path) as archive:
        members = {info.name: info for info in archive.getmembers()}
        assert archive.extractfile("again/third").read() == b"3"  # type: ignore[union-attr]
    assert {"etc/passwd", "bin/pipe", "usr/bin/su", "swap", "proc"} <= members.keys()
    assert not {"etc/new", "gone", "again/first", "again/second"} & members.keys()
    assert members["swap"].issym()
    links = [members["usr/bin/su"].islnk(), members["usr/bin/sudo"].islnk()]
    assert sorted(links) == [False, True]
    owner = (members["etc/passwd"].uid, members["etc/passwd"].gid)
    assert owner == (33, 44)


def test_a_second_container_does_not_see_the_first_ones_changes(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)
    before = case.inside(chain, listing, "d" * 64)
    case.inside(chain, change)
    assert case.inside(chain, listing, "e" * 64) == before
    assert case.inside(chain, listing, "d" * 64) == before, "nor does one that is prepared again"


def test_an_image_without_layers_gives_an_empty_tree(case: Case) -> None:
    assert sorted(case.inside((), listing)) == ["."]


def test_a_layer_that_is_there_is_not_unpacked_again(case: Case) -> None:
    chain = case.unpack(LOWER)
    assert case.run(lambda: is_unpacked(case.layout, chain[0], case.backend))
    place = os.stat(case.layout.layer(chain[0])).st_ino
    case.unpack(LOWER)
    assert os.stat(case.layout.layer(chain[0])).st_ino == place


def test_a_layer_in_another_backends_form_is_unpacked_anew(case: Case) -> None:
    chain = case.unpack(LOWER)
    other = "copy" if case.backend == "overlay" else "overlay"
    assert not case.run(lambda: is_unpacked(case.layout, chain[0], other))
    case.options["backend"] = other
    case.unpack(LOWER)
    assert case.run(lambda: is_unpacked(case.layout, chain[0], other))
    assert case.run(lambda: os.listdir(case.layout.tmp)) == []


def test_a_layer_that_was_not_on_the_disk_when_the_machine_went_down_is_unpacked_anew(
    case: Case,
) -> None:
    (layer,) = case.unpack(LOWER)
    mark = f"{case.layout.layer(layer)}/{UNSYNCED}"
    files = Path(layer_files(case.layout, layer))
    file = next(path for path in files.rglob("*") if path.is_file() and path.stat().st_size)
    before = file.read_bytes()

    def go_down() -> bool:
        os.truncate(file, 0)
        os.unlink(mark)
        os.symlink("an earlier boot", mark)
        return is_unpacked(case.layout, layer, case.backend)

    assert os.readlink(mark) == process.boot_id()
    assert not case.run(go_down)
    case.unpack(LOWER)
    assert file.read_bytes() == before
    assert case.run(lambda: os.listdir(case.layout.tmp)) == []


def test_a_layer_on_the_disk_outlives_the_boot(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    (layer,) = case.unpack(LOWER)
    for was_there in (True, False):
        done = {"chain_id": layer, "was_there": was_there}
        case.run(lambda done=done: jobs.AFTERWARDS["unpack_layer"](case.layout, done))
        assert os.path.islink(f"{case.layout.layer(layer)}/{UNSYNCED}") == was_there
    monkeypatch.setattr(process, "boot_id", lambda: "a later boot")
    assert case.run(lambda: is_unpacked(case.layout, layer, case.backend))


def test_a_missing_layer_is_said_and_leaves_nothing(case: Case) -> None:
    def work() -> list[str]:
        os.mkdir(case.layout.container(CONTAINER))
        with pytest.raises(NotFound, match="layer"):
            snapshotter(case.layout, case.backend).prepare(CONTAINER, ("sha256:" + "0" * 64,))
        return os.listdir(case.layout.container(CONTAINER))

    assert case.run(work) == []


@pytest.mark.parametrize("what", ["diff_id", "cut", "flipped", "not a tar"])
def test_a_damaged_layer_is_refused_and_leaves_nothing(case: Case, what: str) -> None:
    data = {"cut": LOWER[:5000], "not a tar": b"hello" * 500}.get(what, LOWER)
    named = sha256(LOWER) if what == "diff_id" else sha256(data)

    def work() -> list[str]:
        digest = Blobs(case.layout).put(data).digest
        if what == "flipped":
            path = case.layout.blob(digest)
            with open(path, "r+b") as file:
                file.seek(600)
                file.write(b"X")
        with pytest.raises((Corrupt, DigestMismatch)):
            jobs.unpack_layer(
                case.layout,
                [],
                chain_id=named,
                digest=digest,
                diff_id=sha256(b"other") if what == "diff_id" else named,
                below=[],
                id_mode=case.mode,
                **case.options,
            )
        return os.listdir(case.layout.tmp) + os.listdir(case.layout.layers)

    assert case.run(work) == []


def test_a_volume_is_filled_once_with_what_the_image_has(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)

    def volume() -> str:
        path = case.layout.volume("data", "_data")
        os.makedirs(path, exist_ok=True)
        return path

    path = case.run(volume)
    filled = [
        case.run(
            lambda: jobs.copy_up_volume(
                case.layout,
                [],
                volume="data",
                target="/bin/../bin/.",
                layers=list(chain),
                **case.options,
            )
        )
        for _ in range(2)
    ]
    assert [f["copied"] for f in filled] == [True, False]
    seen = case.run(lambda: listing(path))
    assert sorted(seen) == [".", "su", "sudo"]
    assert seen["su"][0] == "-rwsr-xr-x"
    assert seen["."][0] == "drwxr-xr-x"


def test_a_volume_stays_empty_where_the_image_has_no_such_directory(case: Case) -> None:
    chain = case.unpack(LOWER, UPPER)
    for target in ("/missing", "/etc/passwd", "/etc/passwd/x", "/gone"):

        def work(target: str = target) -> Any:
            os.makedirs(case.layout.volume("v", "_data"), exist_ok=True)
            return jobs.copy_up_volume(
                case.layout, [], volume="v", target=target, layers=list(chain), **case.options
            )

        assert case.run(work) == {"copied": False}


def test_a_start_killed_while_it_prepares_is_taken_up_by_the_next(
    case: Case, killed_at: Callable[[int, Callable[[], object]], bool]
) -> None:
    if case.mode != "root":
        pytest.skip("the same code; once is enough")
    chain = case.unpack(LOWER, UPPER)
    wanted = case.inside(chain, listing)
    backend = snapshotter(case.layout, case.backend)
    step, died = 1, True
    while died:
        container = f"{step:064}"
        os.mkdir(case.layout.container(container))
        died = killed_at(step, functools.partial(backend.prepare, container, chain))
        assert case.inside(chain, listing, container) == wanted, step
        step += 1
    assert step > 4
