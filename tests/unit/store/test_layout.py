from __future__ import annotations

import os

from nbcontainer.spec.digest import sha256
from nbcontainer.store.layout import Layout


def test_every_path_lies_in_the_store_or_its_runtime_directory() -> None:
    layout = Layout("/h", "/r")
    digest = sha256(b"x")
    for name in dir(Layout):
        if isinstance(getattr(Layout, name), property):
            assert getattr(layout, name).startswith(("/h/", "/r/")), name
    assert layout.blob(digest) == f"/h/blobs/sha256/{digest.hex}"
    assert layout.layer(digest) == f"/h/layers/{digest.hex}"
    assert layout.container("a" * 64) == f"/h/containers/{'a' * 64}"
    assert layout.container("a" * 64, "config.json") == f"/h/containers/{'a' * 64}/config.json"
    assert layout.volume("data", "_data") == "/h/volumes/data/_data"
    assert layout.shim_socket("x") == "/r/c/x"


def test_make_gives_the_store_to_its_owner_alone_and_can_be_repeated(layout: Layout) -> None:
    layout.make()
    for path in (layout.home, layout.run):
        assert os.stat(path).st_mode & 0o077 == 0 or path == layout.run
    assert os.stat(f"{layout.run}/c").st_mode & 0o777 == 0o700
    assert os.path.isdir(layout.tmp)
