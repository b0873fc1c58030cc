"""Tars that come in and go out: load and save of images, export of a container's files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from ..errors import EngineError, InvalidArgument
from ..results import Text
from ..spec.descriptor import Platform
from ..spec.reference import Reference
from ..store import archive, archive_save
from ..store.files import no_space
from ..store.images import Image
from .create import find_image, unpack_layers
from .host import Host
from .images import attributes
from .queries import id_base

Source = str | os.PathLike[str] | BinaryIO
_CHUNK = 1 << 20


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Open a file that was given by its path; a stream stays the caller's.

    Raises: InvalidArgument in Docker's words for a file that cannot be opened.
    """
    if not isinstance(source, (str, os.PathLike)):
        yield _stream(source, "read")
        return
    try:
        file = open(source, "rb")
    except OSError as error:
        raise InvalidArgument(f"open {source}: {(error.strerror or str(error)).lower()}") from error
    with file:
        yield file


def _stream(given: BinaryIO, method: str) -> BinaryIO:
    if not hasattr(given, method):
        raise InvalidArgument(
            f"an archive is a path or a stream of bytes, not {type(given).__name__}",
            "io.BytesIO makes a stream of bytes that are in memory.",
        )
    return given


@contextmanager
def created(target: Source) -> Iterator[BinaryIO]:
    """Yield what is written to; a file appears whole under its path, or not at all.

    Raises: InvalidArgument in Docker's words for a path that cannot be written; NoSpace.
    """
    if not isinstance(target, (str, os.PathLike)):
        yield _stream(target, "write")
        return
    path = os.fspath(target)
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise InvalidArgument(
            f'invalid output path: directory "{folder}" does not exist', "Make it first."
        )
    if os.path.isdir(path):
        raise InvalidArgument(f'invalid output path: "{path}" is a directory', "Name a file in it.")
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:  # a device or a pipe is written as it stands
            yield file
        return
    partial = f"{folder}/.{os.path.basename(path)}.{os.getpid()}.part"
    try:
        with no_space(f"write {path}"), open(partial, "xb") as file:
            yield file
        os.rename(partial, path)
    except BaseException as error:
        if os.path.exists(partial):
            os.unlink(partial)
        if isinstance(error, OSError):
            why = (error.strerror or str(error)).lower()
            raise InvalidArgument(f"open {path}: {why}") from error
        raise


def load(host: Host, source: Source) -> Text:
    """Take in the images of an archive; return a line a name, as Docker does.

    Raises: InvalidArgument (no archive of images), Corrupt, DigestMismatch, NoSpace, Unsupported; the
    store is then as it was.
    """
    before = {str(tag): image for image in host.images.list() for tag in image.tags}
    with opened(source) as stream:
        loaded = archive.load(
            host.layout,
            host.blobs,
            host.images,
            stream.read,
            Platform.of("linux", os.uname().machine),
        )
    lines = []
    for one in loaded:
        image = host.images.resolve(str(one.id))
        host.publish("image", "load", str(image.id), **attributes(image, str(image.id)))
        for reference in one.references:
            lines += _replaced(before.get(str(reference)), image, reference)
            lines.append(f"Loaded image: {reference.familiar}")
        if not one.references:
            lines.append(f"Loaded image ID: {image.id}")
    return Text(lines)


def _replaced(old: Image | None, new: Image, reference: Reference) -> list[str]:
    if old is None or old.id == new.id or old.is_builtin:
        return []
    return [
        f"The image {reference.familiar} already exists, renaming the old one with ID {old.id} "
        "to empty string"
    ]


def save(host: Host, names: tuple[str, ...], target: Source) -> int:
    """Write images as one tar that Docker, podman, skopeo and we can load; return its bytes.

    Raises: ImageNotFound before anything is written; DigestMismatch where the store is damaged.
    """
    if not names:
        raise InvalidArgument('"save" requires at least 1 argument.')
    # none of them may be swept while it is written
    with host.blobs.adding():
        for name in names:
            if not _is_repository(host, name):
                find_image(host, name)
        with created(target) as file:
            try:
                size = archive_save.save(host.blobs, host.images, names, file.write)
                file.flush()
            except BrokenPipeError as error:
                raise EngineError("save: the reader of the archive went away") from error
    for image in {image.id: image for name in names for image in _found(host, name)}.values():
        host.publish("image", "save", str(image.id), **attributes(image, str(image.id)))
    return size


def _is_repository(host: Host, name: str) -> bool:
    """Tell whether `name` is a repository that has tags, but perhaps no `latest`."""
    return any(
        name in (tag.name, tag.familiar_name) for image in host.images.list() for tag in image.tags
    )


def _found(host: Host, name: str) -> list[Image]:
    image = host.images.find(name)
    return [] if image is None else [image]


def export(host: Host, name: str, target: Source) -> int:
    """Write a container's files as one tar; return its bytes.  Volumes are not among them.

    Raises: ContainerNotFound, NoSpace, InvalidArgument for a path that cannot be written.
    """
    container_id = host.containers.resolve(name)
    config = host.containers.config(container_id)
    unpack_layers(host, config)
    arguments: dict[str, Any] = {
        "container": container_id,
        "layers": list(config.layers),
        "id_base": id_base(host, config),
        "id_mode": host.features.id_mode,
        **host.backend(),
    }
    with created(target) as file:
        try:
            file.flush()
            descriptor = file.fileno()
        except (AttributeError, OSError, ValueError):
            size = _through_a_pipe(host, file, arguments)
        else:
            size = int(host.runtime.job("export", (descriptor,), **arguments)["size_bytes"])
    host.publish(
        "container",
        "export",
        container_id,
        image=config.image,
        name=host.containers.name(container_id),
    )
    return size


def _through_a_pipe(host: Host, file: BinaryIO, arguments: dict[str, Any]) -> int:
    """Let the worker write into a pipe, and copy that into a stream that is no file."""
    reader, writer = os.pipe()
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(host.runtime.job("export", (writer,), **arguments))
        except BaseException as error:
            outcome.append(error)
        finally:
            os.close(writer)

    thread = threading.Thread(target=work, daemon=True, name="nbcontainer-export")
    thread.start()
    with open(reader, "rb", buffering=0) as pipe:
        while data := pipe.read(_CHUNK):
            file.write(data)
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return int(outcome[0]["size_bytes"])
