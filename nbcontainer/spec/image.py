"""ImageConfig: the config document of an image; its digest is the image_id.

What this version does not know is kept, and written again in the place where it stood: a config that
passes through us loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import Corrupt
from ..values import field, value
from .descriptor import Platform
from .digest import Digest, sha256
from .document import (
    map_of,
    object_of,
    objects_of,
    parse_document,
    refuse_case_twins,
    serialize,
    text_of,
    texts_of,
)
from .runtime import Healthcheck

MAX_HISTORY = 8192
_NS = 1_000_000_000
_TOP = frozenset(
    ("created", "author", "architecture", "os", "variant", "config", "rootfs", "history")
)
_CONFIG = frozenset(
    ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels",
     "StopSignal", "Healthcheck", "Shell", "OnBuild")
)  # fmt: skip


@value
class History:
    """One line of `history`; `created` is RFC 3339, "" if it is not known."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


@value
class ImageConfig:
    """`created` is RFC 3339 text.  `extra` and `extra_config` hold the members we do not know.

    `diff_ids` are lowest first.  `volumes` and `exposed_ports` are sorted, as Docker writes them.
    """

    architecture: str = "amd64"
    os: str = "linux"
    variant: str = ""
    created: str = ""
    author: str = ""
    env: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    shell: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
    diff_ids: tuple[Digest, ...] = ()
    history: tuple[History, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    extra_config: dict[str, Any] = field(default_factory=dict)

    @property
    def platform(self) -> Platform:
        return Platform.of(self.os, self.architecture, self.variant)

    @classmethod
    def parse(cls, data: bytes) -> ImageConfig:
        """Read a config document.

        Raises: Corrupt.
        """
        what = "image config"
        top = parse_document(data, what)
        refuse_case_twins(top, _TOP, what)
        inner = object_of(top, "config", what)
        rootfs = object_of(top, "rootfs", what)
        for key in ("Env", "Cmd", "Entrypoint"):
            if any("\0" in text for text in texts_of(inner, key, what)):
                raise Corrupt(f"{what}: {key} holds a NUL byte")
        health = object_of(inner, "Healthcheck", what)
        return cls(
            architecture=text_of(top, "architecture", what),
            os=text_of(top, "os", what),
            variant=text_of(top, "variant", what),
            created=text_of(top, "created", what),
            author=text_of(top, "author", what),
            env=texts_of(inner, "Env", what),
            cmd=texts_of(inner, "Cmd", what),
            entrypoint=texts_of(inner, "Entrypoint", what),
            working_dir=text_of(inner, "WorkingDir", what),
            user=text_of(inner, "User", what),
            labels=map_of(inner, "Labels", what),
            exposed_ports=tuple(sorted(object_of(inner, "ExposedPorts", what))),
            volumes=tuple(sorted(object_of(inner, "Volumes", what))),
            stop_signal=text_of(inner, "StopSignal", what),
            healthcheck=_healthcheck(health) if health else None,
            shell=texts_of(inner, "Shell", what),
            on_build=texts_of(inner, "OnBuild", what),
            diff_ids=tuple(map(Digest.parse, texts_of(rootfs, "diff_ids", what))),
            history=tuple(map(_history, objects_of(top, "history", what, MAX_HISTORY))),
            extra={key: value for key, value in top.items() if key not in _TOP},
            extra_config={key: value for key, value in inner.items() if key not in _CONFIG},
        )

    def config_json(self) -> dict[str, Any]:
        """Return the inner `config` object, as `inspect` shows it; what is empty is left out."""
        known: dict[str, Any] = {
            "User": self.user,
            "ExposedPorts": {port: {} for port in self.exposed_ports},
            "Env": list(self.env),
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "Volumes": {path: {} for path in self.volumes},
            "WorkingDir": self.working_dir,
            "Labels": dict(self.labels),
            "StopSignal": self.stop_signal,
            "Healthcheck": _healthcheck_json(self.healthcheck) if self.healthcheck else None,
            "Shell": list(self.shell),
            "OnBuild": list(self.on_build),
        }
        return {key: value for key, value in known.items() if value} | self.extra_config

    def to_json(self) -> bytes:
        """Return the document's bytes, which the image_id is the digest of."""
        data: dict[str, Any] = {
            "created": self.created,
            "author": self.author,
            "architecture": self.architecture,
            "os": self.os,
            "variant": self.variant,
            "config": self.config_json(),
        }
        data = {key: value for key, value in data.items() if value or key == "config"}
        data["rootfs"] = {"type": "layers", "diff_ids": [str(digest) for digest in self.diff_ids]}
        data["history"] = [_history_json(entry) for entry in self.history]
        return serialize(data | self.extra)


def chain_ids(diff_ids: Iterable[Digest]) -> tuple[Digest, ...]:
    """Return the name of each stack of layers, lowest first.  See: image-spec, config.md, ChainID."""
    chain: list[Digest] = []
    for diff_id in diff_ids:
        chain.append(sha256(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)


def _history(data: dict[str, Any]) -> History:
    what = "image config: history"
    return History(
        text_of(data, "created", what),
        text_of(data, "created_by", what),
        text_of(data, "author", what),
        text_of(data, "comment", what),
        data.get("empty_layer") is True,
    )


def _history_json(entry: History) -> dict[str, Any]:
    data = {
        "created": entry.created,
        "created_by": entry.created_by,
        "author": entry.author,
        "comment": entry.comment,
        "empty_layer": entry.empty_layer,
    }
    return {key: value for key, value in data.items() if value}


# the document's name -> ours; whole nanoseconds there, seconds here, 0 there = our default
_HEALTH_TIMES = {
    "Interval": "interval_s",
    "Timeout": "timeout_s",
    "StartPeriod": "start_period_s",
    "StartInterval": "start_interval_s",
}


def _healthcheck(data: dict[str, Any]) -> Healthcheck:
    what = "image config: Healthcheck"
    values: dict[str, Any] = {"test": texts_of(data, "Test", what)}
    for key, name in (*_HEALTH_TIMES.items(), ("Retries", "retries")):
        value = data.get(key) or 0
        if type(value) is not int or not 0 <= value < 2**63:
            raise Corrupt(f"{what}: {key} is no number")
        if value:
            values[name] = value if name == "retries" else value / _NS
    return Healthcheck(**values)


def _healthcheck_json(health: Healthcheck) -> dict[str, Any]:
    usual = Healthcheck()
    data: dict[str, Any] = {"Test": list(health.test)} if health.test else {}
    for key, name in _HEALTH_TIMES.items():
        if getattr(health, name) != getattr(usual, name):
            data[key] = round(getattr(health, name) * _NS)
    if health.retries != usual.retries:
        data["Retries"] = health.retries
    return data
