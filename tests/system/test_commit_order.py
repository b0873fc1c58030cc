"""What a power cut could undo: judged from strace's log of the real calls."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nbcontainer.store.layout import Layout
from tests.needs import lacks

pytestmark = pytest.mark.needs("strace")

WORK = """
import sys
sys.path[:0] = {path!r}
from nbcontainer.spec.descriptor import OCI_CONFIG, OCI_MANIFEST
from nbcontainer.spec.image import ImageConfig
from nbcontainer.spec.manifest import Manifest
from nbcontainer.spec.reference import Reference
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.containers import Containers
from nbcontainer.store.images import Images
from nbcontainer.store.layout import Layout
from nbcontainer.store.version import open_store
from nbcontainer.store.volumes import Volumes

layout = Layout({home!r}, {run!r})
open_store(layout)
blobs = Blobs(layout)
config = blobs.put(ImageConfig().to_json(), OCI_CONFIG)
manifest = blobs.put(Manifest(config, ()).to_json(), OCI_MANIFEST)
Images(layout, blobs).tag(Reference.parse("x"), manifest)
Containers(layout).create(RuntimeConfig("a" * 64, "web", "x", "x", 1, (), ("sh",)))
Volumes(layout).create("data")
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    made.make()
    return made


def test_every_rename_into_the_store_follows_its_fsync_and_precedes_its_folders(
    layout: Layout, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    code = WORK.format(path=sys.path, home=layout.home, run=layout.run)
    traced = ["strace", "-f", "-y", "-s", "4096", "-o", str(log), "-e", "trace=/rename.*,fsync"]
    done = subprocess.run(
        [*traced, sys.executable, "-c", code], capture_output=True, timeout=120, check=False
    )
    if b"ptrace" in done.stderr:
        lacks("strace", "this host lets us trace nothing")
    assert done.returncode == 0, done.stderr.decode()
    calls = log.read_text().splitlines()
    synced: list[str] = []
    waiting: list[str] = []
    seen = 0
    for call in calls:
        if found := re.search(
            r'rename\w*\((?:AT_FDCWD[^,]*, )?"([^"]+)", (?:AT_FDCWD[^,]*, )?"([^"]+)"', call
        ):
            source, target = found.groups()
            if not target.startswith(layout.home):
                continue
            seen += 1
            inside = [path for path in synced if path == source or path.startswith(f"{source}/")]
            assert inside, f"renamed before it was safe: {call}"
            waiting.append(os.path.dirname(target))
        elif found := re.search(r"fsync\(\d+<([^>]+)>", call):
            path = found[1].removesuffix(" (deleted)")
            synced.append(path)
            waiting = [folder for folder in waiting if folder != path]
    assert seen >= 6
    assert waiting == [], "a folder was not made safe after a rename into it"
