"""What containers use: read from their cgroups when it is asked for, and never otherwise."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from ..linux import cgroup, usage
from ..results import Table
from ..spec.lifecycle import State
from ..spec.runtime import RuntimeConfig
from ..views import stats as view
from .host import Host

INTERVAL_S = 1.0
_FIRST_S = 0.25  # long enough for a share of a processor that means something


class Meter:
    """Reads the use of the named containers, or of all that run; each reading knows the one before it."""

    def __init__(
        self,
        host: Host,
        containers: Sequence[str] = (),
        *,
        all: bool = False,
        no_trunc: bool = False,
    ) -> None:
        self._host = host
        self._ids = [host.containers.resolve(name) for name in containers]
        self._all = all
        self._no_trunc = no_trunc
        self._before: dict[str, view.Sample] = {}

    def read(self) -> Table:
        """Return a table of now; shares of a processor are those since the last reading."""
        rows = []
        seen: dict[str, view.Sample] = {}
        for config, state, name in self._chosen():
            if state.status.is_alive:
                sample = self._sample(config, state, name)
                seen[config.id] = sample
                before = self._before.get(config.id)
                rows.append(view.stats_row(before, sample, no_trunc=self._no_trunc))
            else:
                rows.append(view.still_row(config.id, name, no_trunc=self._no_trunc))
        self._before = seen
        return Table("stats", view.COLUMNS, rows)

    def tables(self) -> Iterator[Table]:
        """Return a table a second, the first after a moment, without end."""
        self.read()
        time.sleep(_FIRST_S)
        while True:
            yield self.read()
            time.sleep(INTERVAL_S)

    def _chosen(self) -> Iterator[tuple[RuntimeConfig, State, str]]:
        known = {config.id: (config, state, name) for config, state, name in self._host.listing()}
        if self._ids:
            # one that was removed meanwhile has no line any more
            yield from (known[id] for id in self._ids if id in known)
            return
        for found in known.values():
            if self._all or found[1].status.is_alive:
                yield found

    def _sample(self, config: RuntimeConfig, state: State, name: str) -> view.Sample:
        group = self._host.features.cgroup
        try:
            used = cgroup.stats(group.mode, group.parents, state.sandbox)
        except OSError:
            # it ends at this moment, and its groups with it
            used = cgroup.Usage(None, None, None, None, None)
        shared = config.namespaces.network not in ("", "none", "bridge")
        return view.Sample(
            id=config.id,
            name=name,
            at_ns=time.monotonic_ns(),
            cpu_ns=used.cpu_ns,
            memory_bytes=used.memory_bytes,
            memory_limit_bytes=used.memory_limit_bytes or _all_memory(),
            pids=used.pids,
            # as in Docker, what goes through the host's network is nobody's
            network=(0, 0) if shared else usage.network_bytes(state.pid),
            block=usage.block_bytes(self._pids(state)),
        )

    def _pids(self, state: State) -> list[int]:
        group = self._host.features.cgroup
        return cgroup.procs(group.mode, group.parents, state.sandbox) or [state.pid]


def once(meter: Meter) -> Table:
    """Return one table whose shares are those of a moment."""
    return next(meter.tables())


def _all_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
