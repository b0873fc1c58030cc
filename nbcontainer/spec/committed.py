"""The config of an image that is made of a container: what the container was told, without what only runs."""

from __future__ import annotations

from collections.abc import Collection

from ..values import replace
from .digest import Digest
from .image import History, ImageConfig
from .runtime import Healthcheck, RuntimeConfig

# members of Docker's older config documents that describe the build step before
_STALE = frozenset(("container", "container_config", "docker_version", "id", "parent", "throwaway"))


def container_image(
    config: RuntimeConfig, base: ImageConfig, default_path: str, without: Collection[str] = ()
) -> ImageConfig:
    """Return `base`, the image that the container was made of, with what the container was given.

    `without` names labels that are not inherited.  ONBUILD triggers are not: they were for those who
    build on `base` directly.
    """
    anonymous = {m.target for m in config.mounts if m.type == "volume" and m.anonymous}
    signal = config.stop_signal
    return replace(
        base,
        env=_environment(config, base, default_path),
        cmd=config.cmd,
        entrypoint=config.entrypoint,
        working_dir=config.cwd if base.working_dir or config.cwd != "/" else "",
        user=config.user,
        labels={key: value for key, value in config.labels.items() if key not in without},
        exposed_ports=tuple(sorted({*base.exposed_ports, *config.exposed_ports})),
        volumes=tuple(sorted({*base.volumes, *anonymous})),
        stop_signal=base.stop_signal if signal == (base.stop_signal or "SIGTERM") else signal,
        healthcheck=config.healthcheck or (base.healthcheck and Healthcheck(test=("NONE",))),
        on_build=(),
        extra={key: value for key, value in base.extra.items() if key not in _STALE},
    )


def _environment(config: RuntimeConfig, base: ImageConfig, default_path: str) -> tuple[str, ...]:
    """Return the variables that the user or the image set, not those that a start adds."""
    added = {f"HOSTNAME={config.hostname}", f"PATH={default_path}"}
    if config.tty:
        added.add("TERM=xterm")
    return tuple(entry for entry in config.env if entry not in added or entry in base.env)


def with_layer(
    config: ImageConfig,
    diff_id: Digest | None,
    *,
    created: str,
    author: str,
    comment: str,
    created_by: str,
) -> ImageConfig:
    """Return `config` with one more layer (None: nothing changed) and its line of history."""
    entry = History(created, created_by, author, comment, empty_layer=diff_id is None)
    return replace(
        config,
        created=created,
        author=author,
        diff_ids=config.diff_ids if diff_id is None else (*config.diff_ids, diff_id),
        history=(*config.history, entry),
    )
