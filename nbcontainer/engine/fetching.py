"""Fetch an image's layers: several come at once, and each is unpacked while it comes.

    downloads   three threads, lowest layer first: claim the blob, fetch what is missing of it
    unpackers   a thread a processor, lowest first: decompress, hash, send to a worker

It runs in a process of its own (the carrier), never in the notebook's.  A layer that somebody else fetches
at this moment is waited for, and then is here; so is one that somebody else unpacks.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from ..errors import HostLacks, Unavailable
from ..registry.client import Client
from ..registry.transfer import download
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..store.incoming import Claim, GivenUp, Growing, Incoming
from ..store.sending import LayerPipes
from ..store.snapshots import is_unpacked
from ..under_way import LayerProgress
from ..values import value
from .host import Host

DOWNLOADS = 3
Tell = Callable[[LayerProgress], None]


@value
class Layer:
    """A layer to have: its blob, what it holds, and the name of the stack that it completes."""

    descriptor: Descriptor
    diff_id: Digest
    chain_id: Digest


class _Task:
    """One layer on its way."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.begun = threading.Event()  # the blob is here, or arrives
        self.here = threading.Event()  # the blob is here
        self.incoming: Incoming | None = None
        self.pipes: LayerPipes | None = None
        self.is_done = False
        self.was_there = False

    @property
    def shown(self) -> str:
        return self.layer.descriptor.digest.short


class Fetch:
    """Everything that is fetched for one image."""

    def __init__(
        self, host: Host, client: Client, repository: str, layers: list[Layer], tell: Tell
    ) -> None:
        self._host = host
        self._client = client
        self._repository = repository
        self._tasks = [_Task(layer) for layer in layers]
        self._tell = tell
        self._lock = threading.Lock()
        self._outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._jobs: dict[str, Any] | None = _unpack_arguments(host)

    def run(self) -> None:
        """Fetch and unpack all.

        Raises: what failed first.  The threads go on then, until the process ends: what is complete, and what
        has arrived, stays for the next time.
        """
        unpackers = max(1, len(os.sched_getaffinity(0)))
        _start(DOWNLOADS, self._tasks, self._guarded(self._download))
        _start(unpackers, self._tasks, self._guarded(self._unpack))
        for _ in self._tasks:
            outcome = self._outcomes.get()
            if outcome is not None:
                raise outcome

    def _guarded(self, act: Callable[[_Task], None]) -> Callable[[_Task], None]:
        def run(task: _Task) -> None:
            try:
                act(task)
            except BaseException as error:
                self._outcomes.put(error)

        return run

    # downloads

    def _download(self, task: _Task) -> None:
        about = task.layer.descriptor
        incoming = Incoming(self._host.layout, about.digest, about.size)
        self._tell(LayerProgress(task.shown, "Waiting"))
        if not incoming.claim():
            task.was_there = True
            task.begun.set()
            task.here.set()
            return
        task.incoming = incoming
        task.begun.set()
        try:
            self._tell(LayerProgress(task.shown, "Downloading", incoming.size, about.size))

            def report(done: int) -> None:
                self._tell(LayerProgress(task.shown, "Downloading", done, about.size))

            download(self._client, self._repository, about, incoming, report)
        finally:
            incoming.release()
        self._tell(LayerProgress(task.shown, "Download complete", about.size, about.size))
        task.here.set()

    # unpacking

    def _unpack(self, task: _Task) -> None:
        task.begun.wait()
        if self._jobs is not None:
            # nobody else unpacks what we unpack: they wait, and find it
            claim = Claim(self._host.layout.unpacking(task.layer.chain_id))
            claim.acquire()
            try:
                self._unpack_claimed(task)
            finally:
                claim.release(remove=True)
        task.here.wait()
        self._finished(task)

    def _unpack_claimed(self, task: _Task) -> None:
        assert self._jobs is not None
        if is_unpacked(self._host.layout, task.layer.chain_id, self._jobs["backend"]):
            return
        task.was_there = False
        if task.incoming is not None and not task.here.is_set():
            try:
                growing = Growing(self._host.layout, task.incoming)
            except FileNotFoundError:
                pass  # it became a blob a moment ago
            else:
                try:
                    self._send(task, growing.read)
                    return
                except GivenUp:
                    pass  # it began anew, or failed; what the download says counts
                finally:
                    growing.close()
        task.here.wait()
        with self._host.blobs.open(task.layer.descriptor.digest) as blob:
            self._send(task, blob.read)

    def _send(self, task: _Task, read: Callable[[int], bytes]) -> None:
        """Have a worker unpack what `read` gives."""
        layer = task.layer
        pipes = LayerPipes()
        outcome: list[BaseException] = []
        with self._lock:
            task.pipes = pipes
        self._say_what_is_ready()
        worker = threading.Thread(target=self._job, args=(task, pipes, outcome), daemon=True)
        worker.start()
        done = 0

        def counted(count: int) -> bytes:
            nonlocal done
            data = read(count)
            done += len(data)
            if task.here.is_set():
                self._tell(LayerProgress(task.shown, "Extracting", done, layer.descriptor.size))
            return data

        try:
            pipes.send(counted, layer.descriptor.digest, layer.diff_id)
            # it may still wait to hear that the layers below are there
            worker.join()
        finally:
            with self._lock:
                task.pipes = None
            pipes.close()
            worker.join()
        if outcome:
            raise outcome[0]

    def _job(self, task: _Task, pipes: LayerPipes, outcome: list[BaseException]) -> None:
        layer = task.layer
        below = self._tasks[: self._tasks.index(task)]
        try:
            self._host.runtime.job(
                "unpack_layer",
                pipes.given,
                chain_id=layer.chain_id,
                digest=layer.descriptor.digest,
                diff_id=layer.diff_id,
                below=[one.layer.chain_id for one in below],
                **(self._jobs or {}),
            )
        except BaseException as error:
            outcome.append(error)
        finally:
            pipes.close_given()

    def _say_what_is_ready(self) -> None:
        """Tell the workers whose lower layers are all there."""
        with self._lock:
            for task in self._tasks:
                if task.pipes is not None:
                    task.pipes.below_is_ready()
                if not task.is_done:
                    return

    def _finished(self, task: _Task) -> None:
        with self._lock:
            task.is_done = True
        self._say_what_is_ready()
        status = "Already exists" if task.was_there else "Pull complete"
        size = task.layer.descriptor.size
        self._tell(LayerProgress(task.shown, status, size, size))
        self._outcomes.put(None)


def _start(count: int, tasks: list[_Task], act: Callable[[_Task], None]) -> None:
    """Start threads that take the tasks in their order; the lowest is never behind a higher one."""
    left = iter(tasks)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                task = next(left, None)
            if task is None:
                return
            act(task)

    for _ in range(min(count, len(tasks))):
        threading.Thread(target=work, daemon=True).start()


def _unpack_arguments(host: Host) -> dict[str, Any] | None:
    """Return what unpacking needs to know of this host; None where no container can run anyway."""
    try:
        features = host.features
    except (HostLacks, Unavailable):
        return None
    return {"id_mode": features.id_mode, "id_count": features.id_count, **host.backend()}
