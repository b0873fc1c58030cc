"""Settings: what can be chosen for an engine; the only module that reads the environment.

NBCONTAINER_HOME              the store's folder; two folders are two hosts
NBCONTAINER_LAB               1 = names, ids and clocks come from a seed (for tutorials)
NBCONTAINER_LAB_SEED          another seed
NBCONTAINER_DEBUG             1 = tracebacks of internal errors
NBCONTAINER_PUBLISH_ADDRESS   where published ports listen, unless -p names an address
NBCONTAINER_PULL              when run and create fetch an image: missing, always or never
NBCONTAINER_MIRRORS           registries that are asked before docker.io, with commas between
NBCONTAINER_INSECURE_REGISTRIES   registries (or networks) that may be asked without TLS
NBCONTAINER_AUTH_REALMS       token servers that may see the accounts of registries elsewhere
NBCONTAINER_CA_FILE           certificates to trust in place of the usual ones
DOCKER_CONFIG                 the folder of Docker's config.json, where accounts are kept
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from .errors import InvalidArgument
from .values import value

_TRUE = ("1", "true", "yes", "on")
PULL_POLICIES = ("always", "missing", "never")


@value
class Settings:
    """`home` and `run` are absolute folders: the store, and the sockets of the running.

    `docker_config` is the folder of Docker's config.json, `pull` one of PULL_POLICIES.
    """

    home: str
    run: str
    lab: bool = False
    lab_seed: str = "lab"
    debug: bool = False
    publish_address: str = "0.0.0.0"
    environ: Mapping[str, str] | None = None
    docker_config: str = ""
    pull: str = "missing"
    mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    auth_realms: tuple[str, ...] = ()
    ca_file: str = ""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, home: str | None = None) -> Settings:
        """Read the environment; `home` overrides NBCONTAINER_HOME."""
        env = os.environ if environ is None else environ
        chosen = os.path.abspath(home or env.get("NBCONTAINER_HOME") or _default_home(env))
        return cls(
            home=chosen,
            run=_run_directory(env, chosen),
            lab=env.get("NBCONTAINER_LAB", "").lower() in _TRUE,
            lab_seed=env.get("NBCONTAINER_LAB_SEED") or "lab",
            debug=env.get("NBCONTAINER_DEBUG", "").lower() in _TRUE,
            publish_address=_address(env.get("NBCONTAINER_PUBLISH_ADDRESS") or "0.0.0.0"),
            environ=dict(env),
            docker_config=env.get("DOCKER_CONFIG") or f"{_home(env, chosen)}/.docker",
            pull=_pull_policy(env.get("NBCONTAINER_PULL") or "missing"),
            mirrors=_words(env, "NBCONTAINER_MIRRORS"),
            insecure_registries=_words(env, "NBCONTAINER_INSECURE_REGISTRIES"),
            auth_realms=_words(env, "NBCONTAINER_AUTH_REALMS"),
            ca_file=env.get("NBCONTAINER_CA_FILE") or "",
        )


def _words(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(env.get(name, "").replace(",", " ").split())


def _pull_policy(text: str) -> str:
    if text not in PULL_POLICIES:
        raise InvalidArgument(
            f"NBCONTAINER_PULL: invalid pull option: '{text}': must be one of \"always\", "
            '"missing" or "never"'
        )
    return text


def _address(text: str) -> str:
    from .spec.flags_values import is_address

    if text != "0.0.0.0" and not is_address(text):
        raise InvalidArgument(f"NBCONTAINER_PUBLISH_ADDRESS: invalid IP address: {text}")
    return text


def _home(env: Mapping[str, str], store: str) -> str:
    """Return the user's home; of a user without one, the store."""
    try:
        return env.get("HOME") or _home_of_user()
    except InvalidArgument:
        return store


def _default_home(env: Mapping[str, str]) -> str:
    if os.getuid() == 0:
        return "/var/lib/nbcontainer"
    data = env.get("XDG_DATA_HOME") or f"{env.get('HOME') or _home_of_user()}/.local/share"
    return f"{data}/nbcontainer"


def _home_of_user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        raise InvalidArgument(
            f"HOME is not set, and nobody knows a home of user {os.getuid()}",
            "set NBCONTAINER_HOME to a folder",
        ) from None


def _run_directory(env: Mapping[str, str], home: str) -> str:
    """Return the runtime directory of a store: one a store, and never on a disk that may be shared."""
    base = env.get("XDG_RUNTIME_DIR") or ("/run" if os.getuid() == 0 else "")
    if not base or not os.access(base, os.W_OK):
        return f"{home}/run"
    # two stores are two hosts, so the folder carries the store's path: FNV-1a, as ids are chosen
    value = 14695981039346656037
    for byte in os.fsencode(home):
        value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{base}/nbcontainer-{value:016x}"
