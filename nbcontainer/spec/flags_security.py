"""The grammars of the namespace flags, --security-opt, --cap-add, --cap-drop and --privileged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidArgument, Unsupported
from .document import json_problem
from .flags_values import ReadText, parse_capabilities
from .runtime import Namespaces, Security


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]


def namespaces(given: Mapping[str, Any], network: str) -> Namespaces:
    """Read --pid, --ipc, --uts and --userns; `network` is the mode that `flags_network` read.

    `container:NAME` stays as it is; the engine puts the id in place of the name.
    """
    return Namespaces(
        pid=_shared("--pid", "PID", given.get("pid")),
        ipc=_shared("--ipc", "IPC", given.get("ipc"), "shareable"),
        uts=_shared("--uts", "UTS", given.get("uts")),
        user=_shared("--userns", "USER", given.get("userns")),
        network=network,
    )


def _shared(flag: str, word: str, value: Any, *private: str) -> str:
    text = str(value or "")
    # every namespace here can be joined by the store's owner, so "shareable" asks for nothing more
    if text in ("", "private", *private):
        return ""
    if flag == "--ipc" and text == "none":
        raise Unsupported("--ipc none is not supported", "--ipc private has a /dev/shm of its own.")
    if text == "host" or (text.startswith("container:") and text != "container:"):
        return text
    raise InvalidArgument(f"{flag}: invalid {word} mode")


def security(given: Mapping[str, Any], read_text: ReadText) -> Security:
    """Read what relaxes or tightens the default profile.

    --privileged gives away the seccomp filter and no_new_privs, unless a --security-opt keeps them.
    Raises: InvalidArgument in Docker's words, Unsupported for apparmor, label and systempaths.
    """
    privileged = bool(given.get("privileged"))
    seccomp = "unconfined" if privileged else ""
    no_new_privileges = not privileged
    for option in _list(given.get("security_opt")):
        key, equals, value = option.partition("=")
        if not equals:
            key, _, value = option.partition(":")
        if key == "no-new-privileges":
            no_new_privileges = _boolean(option, value)
        elif key == "seccomp" and value:
            seccomp = _profile(value, read_text)
        elif key in ("apparmor", "label", "systempaths", "writable-cgroups"):
            raise Unsupported(f"--security-opt {key} is not supported by nbcontainer")
        else:
            raise InvalidArgument(f'Invalid --security-opt: "{option}"')
    return Security(
        privileged=privileged,
        no_new_privileges=no_new_privileges,
        seccomp=seccomp,
        read_only=bool(given.get("read_only")),
        cap_add=parse_capabilities(_list(given.get("cap_add"))),
        cap_drop=parse_capabilities(_list(given.get("cap_drop"))),
    )


def _boolean(option: str, value: str) -> bool:
    if value.lower() in ("", "true", "1", "t"):
        return True
    if value.lower() in ("false", "0", "f"):
        return False
    raise InvalidArgument(f'invalid --security-opt: "{option}"')


def _profile(value: str, read_text: ReadText) -> str:
    if value == "unconfined":
        return value
    if value in ("builtin", "default"):
        return ""
    import json

    try:
        text = read_text(value)
        return json.dumps(json.loads(text), separators=(",", ":"))
    except OSError as error:
        reason = f"open {value}: {(error.strerror or str(error)).lower()}"
        raise InvalidArgument(f"opening seccomp profile ({value}) failed: {reason}") from error
    except InvalidArgument as error:
        raise InvalidArgument(f"opening seccomp profile ({value}) failed: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"compacting json for seccomp profile ({value}) failed: {json_problem(error)}"
        ) from error
