"""Docker's config.json: accounts, by registry, in the file or with a helper program.

    auths         registry -> {"auth": base64 of user:password} or {"identitytoken": …}
    credHelpers   registry -> name of a program docker-credential-NAME
    credsStore    the program for all others

Everything else in the file is kept as it stands.  A secret is in the file (mode 0600), or passes through a
pipe to the helper: never an argument, an environment variable, a message or a repr.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import Denied, EngineError, InvalidArgument
from ..spec.reference import DEFAULT_REGISTRY

HUB_KEY = "https://index.docker.io/v1/"
_LIMIT = 1 << 20
_HELPER_S = 60.0
_NOT_FOUND = "credentials not found in native keychain"
_HELPER_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Account:
    """A user and a secret; never shown."""

    __slots__ = ("secret", "token", "user")

    def __init__(self, user: str, secret: str = "", token: str = "") -> None:
        self.user = user
        self.secret = secret
        # an identity token is what a token server gave in place of the password
        self.token = token

    def __repr__(self) -> str:
        return f"Account({self.user!r}, ***)"

    def __reduce__(self) -> Any:
        raise TypeError("an account is not written anywhere")

    def basic(self) -> str:
        """Return the value of an Authorization header."""
        pair = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        return f"Basic {pair}"


class Credentials:
    """The accounts of one config.json; `environ` is what helper programs are run with."""

    def __init__(self, folder: str, environ: Mapping[str, str] | None = None) -> None:
        self.path = f"{folder}/config.json"
        self._environ = dict(environ or {})

    def get(self, registry: str) -> Account | None:
        """Return the account for a registry, None where there is none.

        Raises: InvalidArgument for a file or a helper that cannot be used.
        """
        config = self._read()
        helper = _helper(config, registry)
        if helper:
            return self._ask(helper, registry)
        auths = config.get("auths")
        for known, entry in (auths if isinstance(auths, dict) else {}).items():
            if _same(known, registry) and isinstance(entry, dict):
                account = _from_entry(entry, self.path)
                if account is not None:
                    return account
        return None

    def put(self, registry: str, account: Account) -> str:
        """Keep an account; return where: the helper's name, or "" for the file itself.

        Raises: InvalidArgument, Denied where it cannot be written.
        """
        with self._changing() as config:
            helper = _helper(config, registry)
            if helper:
                secret = account.token or account.secret
                user = "<token>" if account.token else account.user
                self._run(
                    helper,
                    "store",
                    json.dumps({"ServerURL": _key(registry), "Username": user, "Secret": secret}),
                )
                _auths(config)[_key(registry)] = {}
                return helper
            plain = f"{account.user}:{account.secret}"
            entry = {"auth": base64.b64encode(plain.encode()).decode()}
            if account.token:
                entry["identitytoken"] = account.token
            _forget(config, registry)
            _auths(config)[_key(registry)] = entry
        return ""

    def erase(self, registry: str) -> bool:
        """Forget the account of a registry; tell whether there was one."""
        if self.get(registry) is None and not self._is_listed(registry):
            return False
        with self._changing() as config:
            helper = _helper(config, registry)
            if helper:
                self._run(helper, "erase", _key(registry))
            _forget(config, registry)
        return True

    def _is_listed(self, registry: str) -> bool:
        return any(_same(known, registry) for known in _auths(self._read()))

    # the file

    def _read(self) -> dict[str, Any]:
        try:
            with open(self.path, "rb") as file:
                data = file.read(_LIMIT + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise InvalidArgument(f"{self.path}: {(error.strerror or '').lower()}") from None
        try:
            config = json.loads(data) if data.strip() and len(data) <= _LIMIT else {}
        except (ValueError, RecursionError):
            config = None
        if not isinstance(config, dict):
            # not what json says: it quotes the text
            raise InvalidArgument(
                f"{self.path}: this is no JSON object", "Mend or remove the file."
            )
        return config

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Yield the configuration, and write what became of it; one process after the other."""
        folder = os.path.dirname(self.path)
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Denied(f"{folder}: {(error.strerror or '').lower()}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            config = self._read()
            yield config
            self._write(config)
            os.fsync(lock)
        finally:
            os.close(lock)

    def _write(self, config: dict[str, Any]) -> None:
        # a link stays one: people keep this file elsewhere
        target = os.path.realpath(self.path)
        temporary = f"{target}.{os.getpid()}.tmp"
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(fd, "w") as file:
                os.fchmod(fd, 0o600)
                json.dump(config, file, indent="\t")
                file.write("\n")
                file.flush()
                os.fsync(fd)
            os.rename(temporary, target)
        except OSError as error:
            raise Denied(f"{self.path}: {(error.strerror or '').lower()}") from None
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)

    # the helpers

    def _ask(self, helper: str, registry: str) -> Account | None:
        try:
            answer = json.loads(self._run(helper, "get", _key(registry)) or "{}")
            user, secret = str(answer.get("Username", "")), str(answer.get("Secret", ""))
        except (ValueError, AttributeError):
            raise InvalidArgument(
                f"docker-credential-{helper}: its answer is not understood"
            ) from None
        if not secret:
            return None
        return Account("", token=secret) if user == "<token>" else Account(user, secret)

    def _run(self, helper: str, verb: str, given: str) -> str:
        """Run a credential helper.  See: github.com/docker/docker-credential-helpers."""
        if not helper or not _HELPER_NAME.issuperset(helper):
            raise InvalidArgument(f"{self.path}: {helper[:40]!r} is no name of a credential helper")
        program = f"docker-credential-{helper}"
        try:
            done = subprocess.run(
                [program, verb],
                input=given.encode(),
                capture_output=True,
                env=self._environ or None,
                timeout=_HELPER_S,
            )
        except FileNotFoundError:
            raise InvalidArgument(
                f'error getting credentials - err: exec: "{program}": executable file not found in $PATH',
                f"Install it, or take it out of {self.path}.",
            ) from None
        except (OSError, subprocess.TimeoutExpired):
            raise EngineError(f"{program} {verb}: it cannot be run, or does not end") from None
        said = done.stdout.decode(errors="replace")
        if done.returncode == 0:
            return said
        if verb != "store" and _NOT_FOUND in said + done.stderr.decode(errors="replace"):
            return ""
        # what it said is not repeated: it may hold what it was given
        raise EngineError(f"error from {program} {verb}: exit status {done.returncode}")


def _helper(config: dict[str, Any], registry: str) -> str:
    by_registry = config.get("credHelpers")
    if isinstance(by_registry, dict):
        for known, helper in by_registry.items():
            if _same(known, registry):
                return str(helper)
    return str(config.get("credsStore") or "")


def _auths(config: dict[str, Any]) -> dict[str, Any]:
    auths = config.setdefault("auths", {})
    if not isinstance(auths, dict):
        auths = config["auths"] = {}
    return auths


def _forget(config: dict[str, Any], registry: str) -> None:
    auths = _auths(config)
    for known in [known for known in auths if _same(known, registry)]:
        del auths[known]


def _from_entry(entry: dict[str, Any], path: str) -> Account | None:
    token = str(entry.get("identitytoken") or "")
    user, secret = str(entry.get("username") or ""), str(entry.get("password") or "")
    packed = entry.get("auth")
    if packed:
        try:
            text = base64.b64decode(str(packed), validate=True).decode()
        except (binascii.Error, ValueError):
            raise InvalidArgument(f"{path}: invalid auth configuration file") from None
        user, _, secret = text.partition(":")
        secret = secret.rstrip("\0")
    if token:
        return Account(user, token=token)
    return Account(user, secret) if user and secret else None


def _key(registry: str) -> str:
    return HUB_KEY if registry == DEFAULT_REGISTRY else registry


def _same(known: str, registry: str) -> bool:
    """Tell whether an entry is this registry's; Docker once wrote them as URLs with a path."""
    host = known.partition("://")[2] or known
    host = host.partition("/")[0]
    if registry == DEFAULT_REGISTRY:
        return host in ("index.docker.io", "docker.io", "registry-1.docker.io")
    return host == registry
