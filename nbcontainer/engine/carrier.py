"""The carrier: a process that fetches or delivers one image, for a notebook that does not wait for it.

    engine --one JSON line on stdin--> carrier --JSON lines on stdout--> engine
                                         {"layer": [id, status, done, total]}   progress, thinned out
                                         {"done": value} or {"error": …}        the last line

It ends when its stdin does: whoever asked has left, and what has arrived stays for the next time.  Accounts
are read here from Docker's config.json; none comes with the order.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import EngineError, to_wire
from ..registry.access import Access
from ..registry.client import Client
from ..registry.endpoints import Endpoint
from ..settings import Settings
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..store.files import refused
from ..under_way import LayerProgress
from .delivering import Delivery
from .fetching import Fetch, Layer
from .host import Host
from .registries import options_of

_INTERVAL_S = 0.08


class _Teller:
    """Writes progress, of each layer's bytes no more often than a person can see."""

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._last: dict[str, tuple[str, float]] = {}

    def __call__(self, progress: LayerProgress) -> None:
        now = time.monotonic()
        with self._lock:
            status, moment = self._last.get(progress.id, ("", 0.0))
            if status == progress.status and now - moment < _INTERVAL_S:
                return
            self._last[progress.id] = progress.status, now
            self.say({"layer": list(progress)})

    def say(self, document: Any) -> None:
        self._write((json.dumps(document) + "\n").encode())


def main() -> NoReturn:
    """Carry out the order on stdin, tell how it goes on stdout, and end."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()

    def write(data: bytes) -> None:
        try:
            os.write(1, data)
        except BrokenPipeError:
            os._exit(0)  # nobody listens

    teller = _Teller(write)
    try:
        done = _VERBS[order["verb"]](order, teller)
    except EngineError as error:
        teller.say({"error": to_wire(error)})
    except OSError as error:
        teller.say({"error": to_wire(refused(error, order["verb"]))})
    else:
        teller.say({"done": done})
    os._exit(0)


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _parts(order: dict[str, Any]) -> tuple[Host, Client]:
    host = Host(Settings.load(home=order["home"]))
    access = Access(options_of(host.settings, host.layout))
    endpoint = Endpoint(*order["endpoint"])
    account = access.credentials.get(endpoint.host if endpoint.is_mirror else order["registry"])
    return host, access.client(endpoint, account)


def _fetch(order: dict[str, Any], tell: _Teller) -> None:
    host, client = _parts(order)
    layers = [
        Layer(Descriptor.from_json(blob), Digest.parse(diff_id), Digest.parse(chain_id))
        for blob, diff_id, chain_id in order["layers"]
    ]
    Fetch(host, client, order["repository"], layers, tell).run()


def _deliver(order: dict[str, Any], tell: _Teller) -> list[tuple[str, str, int]]:
    host, client = _parts(order)
    image = host.images.resolve(order["image"])
    target = order["registry"], order["repository"]
    mounts = {digest: tuple(names) for digest, names in order["mounts"].items()}
    done = Delivery(host, client, target, image, mounts, tell).run(order["tags"])
    return [(tag, str(digest), size) for tag, digest, size in done]


_VERBS: dict[str, Callable[[dict[str, Any], _Teller], Any]] = {"pull": _fetch, "push": _deliver}
