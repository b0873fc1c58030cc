"""Images made for a test: a built-in one with a layer of any tar entries on top, by `save` and `load`.

The layer is written by tarfile, which lets through whatever an attacker would put there.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar"
REF_NAME = "org.opencontainers.image.ref.name"

Entry = tuple[tarfile.TarInfo, bytes]


def file(name: str, data: bytes | str = b"", mode: int = 0o644) -> Entry:
    info = tarfile.TarInfo(name)
    body = data.encode() if isinstance(data, str) else data
    info.size, info.mode = len(body), mode
    return info, body


def directory(name: str, mode: int = 0o755) -> Entry:
    return _plain(name, tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> Entry:
    return _plain(name, tarfile.SYMTYPE, linkname=target, mode=0o777)


def hard_link(name: str, target: str) -> Entry:
    return _plain(name, tarfile.LNKTYPE, linkname=target)


def device(name: str, major: int, minor: int) -> Entry:
    return _plain(name, tarfile.CHRTYPE, devmajor=major, devminor=minor, mode=0o666)


def gone(name: str) -> Entry:
    """The whiteout that removes `name` of the layers below."""
    folder, _, last = name.rpartition("/")
    return file(f"{folder}/.wh.{last}".lstrip("/"))


def _plain(name: str, kind: bytes, **fields: Any) -> Entry:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info, b""


def tar_of(entries: Iterable[Entry]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def derive(
    engine: Any,
    folder: Path,
    name: str,
    entries: Iterable[Entry] = (),
    *,
    base: str = "toolbox",
    **config: Any,
) -> str:
    """Load `base` with one more layer, and `config` (Entrypoint=…, User=…) laid over its own."""
    engine.run(base, ["true"], rm=True)
    saved = folder / "base.tar"
    engine.save(base, output=str(saved))
    blobs = _members(saved)
    index = json.loads(blobs["index.json"])
    manifest = json.loads(_blob(blobs, index["manifests"][0]["digest"]))
    if "manifests" in manifest:
        manifest = json.loads(_blob(blobs, manifest["manifests"][0]["digest"]))
    image = json.loads(_blob(blobs, manifest["config"]["digest"]))
    layer = tar_of(entries)
    image["rootfs"]["diff_ids"].append(_digest(layer))
    image.setdefault("history", []).append({"created_by": "a test"})
    image["config"] = {**image.get("config", {}), **config}
    image["config"].pop("Labels", None)
    new: dict[str, bytes] = {
        key: data for key, data in blobs.items() if key.startswith("blobs/sha256/")
    }
    descriptor = _add(new, layer, LAYER)
    manifest["layers"].append(descriptor)
    manifest["config"] = _add(new, _json(image), manifest["config"]["mediaType"])
    listed = _add(new, _json(manifest), manifest["mediaType"])
    listed["annotations"] = {
        REF_NAME: name,
        "io.containerd.image.name": f"docker.io/library/{name}:latest",
    }
    index = {"schemaVersion": 2, "manifests": [listed]}
    new["index.json"] = _json(index)
    new["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    target = folder / f"{name}.tar"
    target.write_bytes(tar_of([file(key, data) for key, data in new.items()]))
    engine.load(input=str(target))
    return name


def _members(path: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isreg():
                reader = archive.extractfile(member)
                assert reader is not None
                found[member.name] = reader.read()
    return found


def _blob(blobs: dict[str, bytes], digest: str) -> bytes:
    return blobs["blobs/" + digest.replace(":", "/")]


def _add(blobs: dict[str, bytes], data: bytes, media_type: str) -> dict[str, Any]:
    digest = _digest(data)
    blobs["blobs/" + digest.replace(":", "/")] = data
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
