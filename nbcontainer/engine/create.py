"""Create a container: the image, its layers on disk, the configuration, the volumes, the plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..builtin import ensure
from ..errors import ImageNotFound, InvalidArgument, NameInUse, flag_error
from ..linux import capabilities, cgroup_limits, seccomp
from ..results import Container
from ..runtime.networks import store_key
from ..runtime.plan import Places, Plan, shared_id
from ..runtime.planner import plan_for
from ..runtime.planner_network import host_hosts, host_resolvers
from ..spec.create import Outside, runtime_config
from ..spec.flags_mounts import check_bind_sources
from ..spec.host import HostFeatures
from ..spec.image import chain_ids
from ..spec.names import random_name
from ..spec.network import HOST, Network
from ..spec.reference import Reference
from ..spec.runtime import RuntimeConfig
from ..store.files import dump_json, read_bytes, write_atomic
from ..store.images import Image
from ..store.snapshots import is_unpacked
from ..store.volumes import ANONYMOUS_LABEL
from ..values import replace
from . import addressing, joined, missing, networking
from .host import Host

_ENV_FILE_LIMIT = 1 << 20


def find_image(host: Host, text: str) -> Image:
    """Return a stored image, or make a built-in one of that name.

    Raises: ImageNotFound, ReferenceInvalid.
    """
    found = host.images.find(text)
    if found is None:
        found = ensure(text, host.blobs, host.images)
    if found is None:
        shown = Reference.parse(text).familiar
        raise ImageNotFound(
            f"No such image: {shown}",
            "`images` shows what is here; hello-world, toolbox, python and nginx are built in.",
        )
    return found


def unpack(host: Host, image: Image) -> tuple[str, ...]:
    """See that every layer of the image lies unpacked; return the chain ids, lowest first."""
    chain = tuple(str(c) for c in chain_ids(image.config.diff_ids))
    for number, (chain_id, layer) in enumerate(zip(chain, image.layers, strict=True)):
        if not _is_there(host, chain_id):
            features = host.features
            host.runtime.job(
                "unpack_layer",
                chain_id=chain_id,
                digest=str(layer.digest),
                diff_id=str(image.config.diff_ids[number]),
                below=list(chain[:number]),
                id_mode=features.id_mode,
                id_count=features.id_count,
                **host.backend(),
            )
            host.unpacked.add(chain_id)
    return chain


def _is_there(host: Host, chain_id: str) -> bool:
    # what was seen once is looked at again: another process may have removed the image since
    if chain_id in host.unpacked:
        return os.path.exists(f"{host.layout.layer(chain_id)}/fs")
    if is_unpacked(host.layout, chain_id, host.features.snapshotter):
        host.unpacked.add(chain_id)
        return True
    return False


def unpack_layers(host: Host, config: RuntimeConfig) -> None:
    """See that a container's layers lie unpacked, where its image still is here."""
    if all(_is_there(host, chain_id) for chain_id in config.layers):
        return
    image = host.images.find(config.image_id)
    if image is not None:
        unpack(host, image)


def create(
    host: Host, image_text: str, command: Sequence[str], flags: Any, *, detached: bool = False
) -> RuntimeConfig:
    """Make a container that can be started; with `detached` its input stays open for who comes later.

    An image that is not here is fetched first, as `pull` ("missing", "always", "never") says.

    If it fails nothing is left.  Raises: InvalidArgument, ImageNotFound, NameInUse, NoSpace; what a pull
    raises.
    """
    flags, image_text = dict(flags), str(image_text or "")
    policy, quiet = str(flags.pop("pull", "") or ""), bool(flags.pop("quiet", False))
    pulling = missing.session(
        host, image_text, policy=policy, platform=str(flags.get("platform") or ""), quiet=quiet
    )
    if pulling is not None:
        pulling.result()
    path = str(flags.get("cidfile") or "")
    if not path:
        return _create(host, image_text, command, flags, detached)
    # before anything else: a file that cannot be made is no reason to have a container
    try:
        file = open(path, "x")
    except FileExistsError:
        raise InvalidArgument(
            f"container ID file found, make sure the other container isn't running or delete {path}"
        ) from None
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise InvalidArgument(f"failed to create the container ID file: open {path}: {words}")
    try:
        with file:
            config = _create(host, image_text, command, flags, detached)
            file.write(config.id)
    except BaseException:
        os.unlink(path)
        raise
    return config


def _create(
    host: Host, image_text: str, command: Sequence[str], flags: dict[str, Any], detached: bool
) -> RuntimeConfig:
    # until config.json names them, only this keeps a sweep from the image's layers
    with host.blobs.adding():
        config = configure(host, image_text, command, flags)
        if detached:
            config = replace(config, stdin_once=False)
        made = _make_volumes(host, config)
        try:
            check_bind_sources(config.mounts, os.path.exists, lambda path: os.makedirs(path, 0o755))
            host.containers.create(config)
        except BaseException as error:
            for name in made:
                host.discard(host.volumes.remove(name))
            if isinstance(error, NameInUse) and not flags.get("name"):
                # another process was given the same free name, and was first
                return _create(host, image_text, command, flags, detached)
            raise
    about = {**config.labels, "image": config.image, "name": config.name}
    host.publish("container", "create", config.id, **about)
    return config


def configure(
    host: Host, image_text: str, command: Sequence[str], flags: dict[str, Any]
) -> RuntimeConfig:
    """Decide everything about a container and make nothing."""
    for name in ("pull", "quiet"):
        flags.pop(name, None)
    image = find_image(host, image_text)
    container_id = host.chance.new_id(lambda text: os.path.lexists(host.layout.container(text)))
    config = runtime_config(
        flags,  # type: ignore[arg-type]
        image.config,
        id=container_id,
        name=str(flags.get("name") or "") or _free_name(host),
        image_text=image_text,
        image_id=str(image.id),
        layers=unpack(host, image),
        created_ns=host.now_ns(),
        outside=_outside(host),
        command=command,
    )
    return _settle(host, config)


def read_text(path: str) -> str:
    """Return a file that a flag names (--env-file, --label-file, a seccomp profile).

    Raises: InvalidArgument where it cannot be read.
    """
    try:
        return read_bytes(path, _ENV_FILE_LIMIT).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise flag_error(f"open {path}: {(error.strerror or str(error)).lower()}") from error


def _outside(host: Host) -> Outside:
    return Outside(
        environ=host.settings.environ or {},
        read_text=read_text,
        new_name=lambda: host.chance.new_id(lambda text: os.path.lexists(host.layout.volume(text))),
        cwd=_working_directory(),
        cpus_online=os.cpu_count() or 0,
        host_name=os.uname().nodename,
    )


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"  # it was removed


def _free_name(host: Host) -> str:
    return random_name(host.chance.below, lambda name: os.path.lexists(host.layout.name(name)))


def _settle(host: Host, config: RuntimeConfig) -> RuntimeConfig:
    """Resolve what only this host can know: other containers, capabilities, limits that it can keep."""
    features = host.features
    spaces = joined.resolve(host, config.namespaces)
    mode, wishes = networking.settle(host, config)
    if mode != spaces.network and not shared_id(spaces.network):
        spaces = replace(spaces, network=mode)
    if not spaces.user and not joined.joins(spaces) and _needs_host_ids(features):
        # without idmapped mounts root inside must be root outside; `ps` and `doctor` say so
        spaces = replace(spaces, user="host")
    security = config.security
    keep = capabilities.resolve(
        security.cap_add, security.cap_drop, security.privileged, features.last_capability
    )
    cgroup_limits.require(config.resources, features.cgroup)
    return replace(
        joined.with_its_hostname(host, config, shared_id(spaces.network)),
        namespaces=spaces,
        networks=wishes,
        security=replace(
            security,
            capabilities=keep,
            user_hidden=features.id_mode == "single"
            and config.user.partition(":")[0] not in ("", "0", "root"),
        ),
    )


def _needs_host_ids(features: HostFeatures) -> bool:
    return (
        not features.is_rootless
        and not features.idmapped_mounts
        and features.snapshotter == "overlay"
    )


def _make_volumes(host: Host, config: RuntimeConfig) -> list[str]:
    """Make the volumes that are missing, filled with what the image holds there; return their names."""
    made = []
    for mount in config.mounts:
        if mount.type != "volume":
            continue
        is_new = not os.path.exists(host.layout.volume(mount.source))
        labels = {ANONYMOUS_LABEL: ""} if mount.anonymous else None
        host.volumes.create(mount.source, labels=labels, now_ns=host.now_ns())
        if is_new:
            made.append(mount.source)
            host.publish("volume", "create", mount.source, driver="local")
        # as in Docker a volume is filled at its first use, however it came into being
        if not mount.no_copy and host.volumes.is_empty(mount.source):
            host.runtime.job(
                "copy_up_volume",
                volume=mount.source,
                target=mount.target,
                layers=list(config.layers),
                id_base=_volume_base(host, config),
                **host.backend(),
            )
    return made


def _volume_base(host: Host, config: RuntimeConfig) -> int:
    """Return by how much ids in a volume are shifted: not at all where its mount can do that."""
    is_plain = host.features.idmapped_mounts or config.namespaces.user == "host"
    return 0 if is_plain else host.features.id_base


def plan(host: Host, config: RuntimeConfig) -> Plan:
    """Return the plan by which this container would start here and now."""
    config = networking.current(host, config)
    return _plan(host, config, networking.definitions(host, config))


def _plan(host: Host, config: RuntimeConfig, networks: tuple[Network, ...]) -> Plan:
    config = replace(config, env=(*config.env, *networking.environment(host, config, networks)))
    features = host.features
    layout = host.layout
    lowers = [f"{layout.layer(chain_id)}/fs" for chain_id in config.layers]
    shared = []
    for kind in ("user", "pid", "ipc", "uts", "network"):
        if target := shared_id(getattr(config.namespaces, kind)):
            state = host.containers.state(target)
            shared.append((target, state.pid, state.pid_start))
    places = Places(
        home=layout.home,
        container=layout.container(config.id),
        lowers=(*lowers, f"{layout.init_layer}/fs"),
        volumes={
            m.source: host.volumes.path(m.source) for m in config.mounts if m.type == "volume"
        },
        seccomp=_seccomp_file(host, config),
        fake_owners=_fake_owners_file(host) if features.id_mode == "single" else "",
        shared=tuple(dict.fromkeys(shared)),
        host_hosts=host_hosts() if config.namespaces.network == HOST else "",
        resolvers=host_resolvers(),
        network_files=joined.network_files(host, config),
        run=layout.run,
        networks=networks,
        network_key=store_key(layout.home),
        publish_address=networking.publish_address(host),
    )
    return plan_for(config, features, places)


def of_today(host: Host, container_id: str) -> RuntimeConfig:
    """Return a container's configuration; it may have been renamed since that was written."""
    config = host.containers.config(container_id)
    return replace(config, name=host.containers.name(container_id))


def write_plan(host: Host, config: RuntimeConfig) -> None:
    """Put the plan on disk, where it must be before its first step; `config` has the name of today.

    Raises: WrongStatus where a container whose namespaces are joined does not run.
    """
    joined.require_running(host, config.namespaces)
    config = networking.current(host, config)
    networks = [addressing.hold(host, n) for n in networking.definitions(host, config)]
    path = host.layout.container(config.id, "plan.json")
    write_atomic(path, dump_json(_plan(host, config, tuple(networks)).to_json()))


def container(host: Host, config: RuntimeConfig) -> Container:
    """Return the value that create and run -d give."""

    def reach(port: str, path: str) -> str:
        from .reach import url

        return url(host, config.id, port, path)

    warnings = networking.warnings(host, config)
    return Container(config.id, config.name, warnings, reach=reach)


def _seccomp_file(host: Host, config: RuntimeConfig) -> str:
    profile = config.security.seccomp
    features = host.features
    if profile == "unconfined" or config.security.privileged or not features.seccomp:
        return ""
    keep = config.security.capabilities
    digest = seccomp.digest_of(profile, keep, features.machine, features.linux)
    return _cached(
        host,
        digest,
        lambda: seccomp.profile_program(profile, keep, features.machine, features.linux),
    )


def _fake_owners_file(host: Host) -> str:
    machine = host.features.machine
    name = f"fake-owners-{seccomp.EDITION}-{machine}"
    return _cached(host, name, lambda: seccomp.fake_root_program(machine))


def _cached(host: Host, name: str, make: Any) -> str:
    path = f"{host.layout.home}/cache/seccomp/{name}"
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        write_atomic(path, make())
    return path
