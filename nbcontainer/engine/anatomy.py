"""Look a container over: what of it is the kernel's, what is files, what is only a number in a table."""

from __future__ import annotations

import os

from ..errors import EngineError, HelperGone, ImageNotFound
from ..linux import anatomy as facts
from ..linux import capabilities, cgroup
from ..runtime import wire
from ..spec.anatomy import Anatomy, Hop, Layer, Limit
from ..spec.lifecycle import State
from ..spec.ports import ports_text
from ..spec.runtime import RuntimeConfig
from ..values import replace
from ..views.container import command_text
from . import queries
from .host import Host


def anatomy(host: Host, name: str) -> Anatomy:
    """Return what a container is made of now.  Raises: ContainerNotFound."""
    container_id = host.containers.resolve(name)
    config = host.containers.config(container_id)
    state = host.state(container_id)
    found = Anatomy(
        id=config.id,
        name=host.containers.name(container_id),
        image=config.image,
        status=state.status.value,
        command=command_text(config.args),
        linux=os.uname().release,
        host_processes=facts.count_processes(),
        kept=config.security.capabilities,
        seccomp=_profile(config),
        no_new_privileges=config.security.no_new_privileges,
        layers=_layers(host, config),
        upper_bytes=_upper_bytes(host, config),
    )
    if state.status.is_alive and state.pid:
        try:
            found = _living(host, config, state, found)
        except (OSError, HelperGone):
            pass  # it ended while we looked: what it was made from is still true
    last = host.features.last_capability
    every = capabilities.ALL[: last + 1]
    return replace(found, dropped=tuple(name for name in every if name not in found.kept))


def _living(host: Host, config: RuntimeConfig, state: State, found: Anatomy) -> Anatomy:
    kept, mode, is_held = facts.rights(state.pid)
    uid_map = facts.uid_map(state.pid)
    pids = host.runtime.ask(state.sandbox, wire.Top())
    group = host.features.cgroup
    return replace(
        found,
        processes=facts.processes(pids, uid_map),
        namespaces=facts.namespaces_of(state.pid),
        uid_map=tuple(uid_map),
        limits=_limits(host, config, state),
        cgroup=f"{group.parents[0][1]}/{state.sandbox}" if group.parents else "",
        kept=kept,
        seccomp="none" if mode == "none" else found.seccomp,
        no_new_privileges=is_held,
        mounts=facts.mounts_of(state.pid),
        hops=_hops(config, state),
    )


def _profile(config: RuntimeConfig) -> str:
    text = config.security.seccomp
    if config.security.privileged or text == "unconfined":
        return "none"
    return "a profile of its own" if text else "the default profile"


def _limits(host: Host, config: RuntimeConfig, state: State) -> tuple[Limit, ...]:
    group = host.features.cgroup
    used = cgroup.stats(group.mode, group.parents, state.sandbox)
    asked = config.resources
    period = asked.cpu_period_us or 100_000
    cpus = asked.cpu_quota_us / period if asked.cpu_quota_us > 0 else 0.0
    found = [
        Limit("memory", used.memory_bytes, float(used.memory_limit_bytes or 0), "bytes"),
        Limit("processes", used.pids, float(used.pids_limit or 0)),
        Limit("processors", None, cpus, "cpus"),
    ]
    if asked.cpuset_cpus:
        found.append(Limit(f"on {asked.cpuset_cpus}", None, 0.0, "cpus"))
    return tuple(found)


def _layers(host: Host, config: RuntimeConfig) -> tuple[Layer, ...]:
    """Return the layers with what made each, where the image is still there to say so."""
    chains = [chain.partition(":")[2][:12] or chain[:12] for chain in config.layers]
    try:
        image = host.images.resolve(config.image_id)
    except (ImageNotFound, EngineError):
        return tuple(Layer(chain, "") for chain in chains)
    made = [
        entry.created_by or entry.comment for entry in image.config.history if not entry.empty_layer
    ]
    sizes = host.images.layer_sizes(image)
    padded = [*made, *[""] * len(chains)]
    return tuple(
        Layer(chain, padded[at], sizes[at] if at < len(sizes) else -1)
        for at, chain in enumerate(chains)
    )


def _upper_bytes(host: Host, config: RuntimeConfig) -> int:
    try:
        return queries.sizes(host, [config])[config.id][0]
    except (EngineError, KeyError):
        return -1


def _hops(config: RuntimeConfig, state: State) -> tuple[Hop, ...]:
    """Return the stations between the outside and the first process."""
    first = Hop("process", config.args[0].rpartition("/")[2] if config.args else "")
    network = config.namespaces.network
    if network == "host":
        return (Hop("outside"), Hop("the host's network", "shared: every port of the host"), first)
    names = facts.interfaces(state.pid)
    reachable = facts.addresses(state.pid)
    if not reachable:
        alone = f"only {', '.join(names) or 'nothing'} here"
        return (Hop("outside"), Hop("no way in", alone, is_end=True), first)
    # Linux lists interfaces and addresses each in an order of its own: endpoints have both
    endpoints = [each for each in state.endpoints if each.address or each.address6]
    if endpoints:
        reachable = tuple(each.address or each.address6 for each in endpoints)
        names = tuple(each.interface for each in endpoints)
    outer = ", ".join(name for name in names if name != "lo")
    inner = (Hop(outer, ", ".join(reachable)), first)
    if network.startswith("container:"):
        return (Hop("outside"), Hop("another container's network", "its ports are its own"), *inner)
    on = ", ".join(endpoint.network for endpoint in state.endpoints)
    if not state.ports:
        return (Hop("outside"), Hop("the host", "no port published", is_end=True), Hop(on), *inner)
    return (Hop("outside"), Hop("the host", ports_text(state.ports)), Hop(on), *inner)
