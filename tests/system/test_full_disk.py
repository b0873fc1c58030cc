"""A small disk of its own, in a mount namespace of a child's: full, then freed; then read-only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcontainer.errors import NoSpace
from nbcontainer.linux import syscalls
from nbcontainer.spec.descriptor import OCI_CONFIG, OCI_MANIFEST
from nbcontainer.spec.event import Event
from nbcontainer.spec.image import ImageConfig
from nbcontainer.spec.manifest import Manifest
from nbcontainer.spec.reference import Reference
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.containers import Containers
from nbcontainer.store.events import Events
from nbcontainer.store.files import dump_json, read_json, write_in_any_case
from nbcontainer.store.images import Images
from nbcontainer.store.layout import Layout
from nbcontainer.store.version import open_store
from nbcontainer.store.volumes import Volumes
from tests.needs import lacks

REFUSED = 77


def _mount_small_disk(home: str) -> None:
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        syscalls.unshare(syscalls.CLONE_NEWNS)
    else:
        syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {uid} 1"),
            ("gid_map", f"0 {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", home, "tmpfs", 0, "size=400k")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    made.make()
    return made


@pytest.fixture
def on_a_small_disk(layout: Layout) -> Callable[[Callable[[], object]], None]:
    def run(work: Callable[[], object]) -> None:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                try:
                    _mount_small_disk(layout.home)
                except OSError as error:
                    os.write(2, f"{error}\n".encode())
                    code = REFUSED
                else:
                    open_store(layout)
                    work()
                    code = 0
            except BaseException as error:
                import traceback

                os.write(2, "".join(traceback.format_exception(error)).encode())
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code == REFUSED:
            lacks("userns", "this host lets us mount nothing")
        assert code == 0

    return run


class Store:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.blobs = Blobs(layout)
        self.images = Images(layout, self.blobs)
        self.containers = Containers(layout)
        self.volumes = Volumes(layout)
        self.events = Events(layout)
        config = self.blobs.put(ImageConfig().to_json(), OCI_CONFIG)
        self.manifest = self.blobs.put(Manifest(config, ()).to_json(), OCI_MANIFEST)
        self.images.tag(Reference.parse("x:1"), self.manifest)
        self.containers.create(self.config("a"))
        self.volumes.create("old")
        self.events.publish(Event(1, "image", "tag", "x"))

    def config(self, digit: str) -> RuntimeConfig:
        return RuntimeConfig(digit * 64, f"c{digit}", "x", "x", 1, (), ("sh",), env=("A" * 9000,))

    def changes(self) -> list[Callable[[], object]]:
        return [
            lambda: self.blobs.put(os.urandom(20_000)),
            lambda: self.images.tag(Reference.parse("x:" + "y" * 120), self.manifest),
            lambda: self.containers.create(self.config("b")),
            lambda: self.volumes.create("new", labels={"k": "v" * 9000}),
        ]

    def tree(self) -> dict[str, bytes]:
        found = {}
        for folder, _, names in os.walk(self.layout.home):
            for name in names:
                path = f"{folder}/{name}"
                if os.path.isfile(path) and name not in ("filler", "store.lock"):
                    with open(path, "rb") as file:
                        found[path] = file.read()
        return found

    def look(self) -> None:
        assert [each.tags for each in self.images.list()] == [(Reference.parse("x:1"),)]
        assert [name for _, _, name in self.containers.list()] == ["ca"]
        assert self.containers.resolve("ca") == "a" * 64
        assert [each.name for each in self.volumes.list()] == ["old"]
        assert len(list(self.events.read())) == 1


def _fill(layout: Layout) -> str:
    filler = f"{layout.home}/filler"
    with open(filler, "wb", buffering=0) as file:
        size = 65536
        while size:
            try:
                file.write(b"x" * size)
            except OSError:
                size //= 2
    return filler


def _refuses(store: Store, words: str) -> None:
    before = store.tree()
    for change in store.changes():
        with pytest.raises(NoSpace, match=words):
            change()
        assert store.tree() == before
    assert os.listdir(store.layout.tmp) == []
    store.look()


def test_a_full_disk_refuses_changes_keeps_the_store_and_recovers(
    layout: Layout, on_a_small_disk: Callable[[Callable[[], object]], None]
) -> None:
    def work() -> None:
        store = Store(layout)
        filler = _fill(layout)
        _refuses(store, "no space left on device")
        store.containers.remove("a" * 64)  # frees, so it must work
        store.volumes.remove("old")
        os.unlink(filler)
        for change in store.changes():
            change()

    on_a_small_disk(work)


def test_a_state_is_written_on_a_full_disk_in_the_space_that_it_has(
    layout: Layout, on_a_small_disk: Callable[[Callable[[], object]], None]
) -> None:
    def work() -> None:
        path = f"{layout.home}/state.json"
        write_in_any_case(path, dump_json({"status": "running", "more": "x" * 100}))
        before = os.stat(path).st_ino
        _fill(layout)
        with pytest.raises(NoSpace):
            write_in_any_case(f"{layout.home}/other.json", dump_json({"status": "running"}))
        write_in_any_case(path, dump_json({"status": "exited"}))
        assert read_json(path) == {"status": "exited"}
        longer = {"status": "exited", "more": "x" * 200}
        write_in_any_case(path, dump_json(longer))
        assert read_json(path) == longer
        assert os.stat(path).st_ino == before
        with pytest.raises(NoSpace):
            write_in_any_case(path, dump_json({"more": "x" * 9000}))

    on_a_small_disk(work)


def test_a_read_only_disk_can_be_looked_at_and_refuses_changes_in_words(
    layout: Layout, on_a_small_disk: Callable[[Callable[[], object]], None]
) -> None:
    def work() -> None:
        store = Store(layout)
        flags = syscalls.MS_REMOUNT | syscalls.MS_RDONLY
        syscalls.mount(None, layout.home, None, flags)
        open_store(layout)
        _refuses(store, "read-only file system")
        with pytest.raises(NoSpace, match="read-only file system"):
            store.events.publish(Event(1, "image", "tag", "x"))
        for change in (
            lambda: store.containers.remove("a" * 64),
            lambda: store.containers.rename("a" * 64, "other"),
            lambda: store.volumes.remove("old"),
            lambda: store.images.remove(store.images.resolve("x:1")),
        ):
            with pytest.raises(NoSpace, match="read-only file system"):
                change()
        store.look()

    on_a_small_disk(work)
