from __future__ import annotations

import os
from pathlib import Path

from nbcontainer.store.files import dump_json
from nbcontainer.store.layout import Layout
from nbcontainer.store.measure import container_size, tree_size

ID = "c" * 64


def make(path: str, size: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"x" * size)


def layout_with(tmp_path: Path, *layers: int) -> Layout:
    layout = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    layout.make()
    chain = [f"sha256:{number:064x}" for number, _ in enumerate(layers)]
    for chain_id, size in zip(chain, layers, strict=True):
        os.makedirs(layout.layer(chain_id))
        Path(layout.layer(chain_id), "layer.json").write_bytes(dump_json({"size_bytes": size}))
    os.makedirs(layout.container(ID))
    Path(layout.container(ID, "config.json")).write_bytes(dump_json({"layers": chain}))
    return layout


def test_a_tree_counts_each_file_once_and_no_link_leads_outside(tmp_path: Path) -> None:
    make(f"{tmp_path}/t/a/b/f", 1000)
    make(f"{tmp_path}/t/g", 24)
    make(f"{tmp_path}/outside/big", 5000)
    os.link(tmp_path / "t/g", tmp_path / "t/a/again")
    os.symlink(tmp_path / "outside", tmp_path / "t/link")
    os.mkfifo(tmp_path / "t/pipe")
    assert tree_size(f"{tmp_path}/t") == 1024


def test_what_is_not_there_takes_no_room(tmp_path: Path) -> None:
    assert tree_size(f"{tmp_path}/nope") == 0
    make(f"{tmp_path}/file", 5)
    assert tree_size(f"{tmp_path}/file") == 0


def test_an_overlay_container_is_its_upper_directory_and_its_layers(tmp_path: Path) -> None:
    layout = layout_with(tmp_path, 700, 30)
    make(layout.container(ID, "upper/f"), 12)
    assert container_size(layout, ID, "overlay") == (12, 742)


def test_a_copied_container_is_its_tree_less_the_layers(tmp_path: Path) -> None:
    layout = layout_with(tmp_path, 700)
    assert container_size(layout, ID, "copy") == (0, 700)
    make(layout.container(ID, "rootfs/f"), 750)
    assert container_size(layout, ID, "copy") == (50, 750)


def test_a_container_that_is_gone_has_no_size(tmp_path: Path) -> None:
    layout = layout_with(tmp_path)
    assert container_size(layout, "d" * 64, "overlay") == (0, 0)
