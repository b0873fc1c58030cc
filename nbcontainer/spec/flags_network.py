"""The grammar of --network and of the flags that say more about it.  Pure.

`--network NAME` and `--network name=NAME,alias=A,ip=ADDRESS,ip6=ADDRESS,mac-address=MAC` may be given
several times; --network-alias, --ip, --ip6 and --mac-address speak of the first.  Without the flag a
container is on the network `bridge`, where the host can make one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import InvalidArgument
from ..values import replace
from .flags_values import bad_argument, is_address, is_name
from .network import BRIDGE, HOST, MTU_OPTION, NONE, Attachment

# what Docker calls the choice that nobody made
DEFAULT = "default"
_CONTAINER = "container:"
_SINGLE = (HOST, NONE)


def texts(value: Any) -> list[str]:
    """Return a flag that may be repeated as a list."""
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]


def attachments(given: Mapping[str, Any]) -> tuple[str, tuple[Attachment, ...]]:
    """Return (the network mode, what the container is to be attached to).

    The mode is "default", "none", "host", "container:NAME" or the first network's name.
    Raises: InvalidArgument in Docker's words.
    """
    found = [_attachment(text) for text in texts(given.get("network"))]
    mode = found[0].network if found else DEFAULT
    for wish in found:
        if wish.network.startswith(_CONTAINER) or wish.network in _SINGLE:
            if len(found) > 1:
                joined = ", ".join(sorted(each.network for each in found))
                raise InvalidArgument(
                    f"Container cannot be connected to network endpoints: {joined}"
                )
            _check_shared(mode, found[0], given)
            return mode, ()
    names = [each.network for each in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArgument(f'network "{twice}" is specified multiple times')
    first = _with_flags(found[0] if found else Attachment(BRIDGE), given)
    wishes = (first, *found[1:])
    for wish in wishes:
        check_wish(wish)
    return mode, wishes


def _attachment(text: str) -> Attachment:
    if "=" not in text:
        return Attachment(_known(text))
    wish = Attachment("")
    for part in text.split(","):
        key, equals, item = part.partition("=")
        key = key.strip().lower()
        if not equals:
            raise InvalidArgument(f"invalid key/value pair format in network options: {part}")
        if key == "name":
            wish = replace(wish, network=_known(item))
        elif key == "alias":
            wish = replace(wish, aliases=(*wish.aliases, check_alias(item)))
        elif key == "ip":
            wish = replace(wish, address=check_ip("ip", item, v6=False))
        elif key == "ip6":
            wish = replace(wish, address6=check_ip("ip6", item, v6=True))
        elif key == "mac-address":
            wish = replace(wish, mac=check_mac(item))
        else:
            raise InvalidArgument(f"invalid field {key} in network options: {text}")
    if not wish.network:
        raise InvalidArgument(f"network name/id is not specified: {text}")
    return wish


def _known(name: str) -> str:
    if name == _CONTAINER:
        raise InvalidArgument("Invalid network mode: invalid container format container:<name|id>")
    return BRIDGE if name == DEFAULT else name


def _with_flags(wish: Attachment, given: Mapping[str, Any]) -> Attachment:
    if aliases := [check_alias(text) for text in texts(given.get("network_alias"))]:
        wish = replace(wish, aliases=(*wish.aliases, *aliases))
    if text := str(given.get("ip") or ""):
        wish = replace(wish, address=check_ip("--ip", text, v6=False))
    if text := str(given.get("ip6") or ""):
        wish = replace(wish, address6=check_ip("--ip6", text, v6=True))
    if text := str(given.get("mac_address") or ""):
        wish = replace(wish, mac=check_mac(text))
    return wish


def check_wish(wish: Attachment) -> None:
    """Refuse what the default bridge does not give.  Raises: InvalidArgument in Docker's words."""
    if wish.network != BRIDGE:
        return
    if wish.address or wish.address6:
        raise InvalidArgument(
            "invalid config for network bridge: invalid endpoint settings: user specified IP "
            "address is supported on user defined networks only",
            "`network create --subnet …` makes one.",
        )
    if wish.aliases:
        raise InvalidArgument(
            "invalid config for network bridge: invalid endpoint settings: network-scoped "
            "aliases are only supported for user-defined networks",
            "`network create` makes one.",
        )


def _check_shared(mode: str, wish: Attachment, given: Mapping[str, Any]) -> None:
    """Refuse what a container without a network of its own cannot have."""
    joins = mode.startswith(_CONTAINER)
    kind = "the container type network mode" if joins else f"the {mode} network mode"
    conflicts: Sequence[tuple[str, str]] = (
        ("publish", "port publishing"),
        ("publish_all", "port publishing"),
        ("mac_address", "mac-address"),
        ("network_alias", "network-scoped alias"),
        ("ip", "a fixed address"),
        ("ip6", "a fixed address"),
    )
    for flag, words in conflicts:
        if not joins and words == "port publishing":
            continue  # they are discarded, with a warning
        if given.get(flag):
            raise InvalidArgument(f"conflicting options: {words} and {kind}")
    if wish.aliases or wish.address or wish.address6 or wish.mac:
        raise InvalidArgument(f"conflicting options: endpoint settings and {kind}")
    if not joins:
        return
    for flag, words in (
        ("add_host", "custom host-to-IP mapping"),
        ("dns", "dns"),
        ("expose", "port exposing"),
    ):
        if given.get(flag):
            mode_words = kind if flag == "expose" else "the network mode"
            raise InvalidArgument(f"conflicting options: {words} and {mode_words}")


def check_network_name(name: str) -> None:
    """Raise InvalidArgument unless a network can have this name."""
    if not isinstance(name, str) or not is_name(name):
        raise InvalidArgument(
            f"invalid network name: {str(name)[:300]}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )


def check_mac(text: str) -> str:
    """Return a MAC address in lower case with colons.  Raises: InvalidArgument in Docker's words."""
    parts = text.replace("-", ":").lower().split(":")
    digits = "0123456789abcdef"
    if len(parts) != 6 or any(len(p) != 2 or not set(p) <= set(digits) for p in parts):
        raise bad_argument("--mac-address", text, f"{text} is not a valid mac address")
    if int(parts[0], 16) & 1:
        raise bad_argument("--mac-address", text, f"{text} is a multicast address")
    return ":".join(parts)


def check_alias(text: str) -> str:
    """Return a name that the name service may answer to."""
    if not text or len(text) > 253 or any(not 0 < len(part) < 64 for part in text.split(".")):
        raise InvalidArgument(f"invalid network alias: {text[:300]}")
    if any(char.isspace() or not char.isprintable() for char in text):
        raise InvalidArgument(f"invalid network alias: {text[:300]}")
    return text


def check_ip(flag: str, text: str, *, v6: bool) -> str:
    """Return an address of the version.  Raises: InvalidArgument in Docker's words."""
    if not is_address(text) or (":" in text) != v6:
        raise InvalidArgument(f"invalid IPv{6 if v6 else 4} address: {text}", f"{flag} needs one.")
    return text


def parse_options(texts: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """Read --opt; what would be ignored is refused.  Raises: InvalidArgument."""
    if isinstance(texts, Mapping):
        texts = [f"{key}={item}" for key, item in texts.items()]
    found = {}
    for text in texts:
        key, _, item = text.partition("=")
        if key == MTU_OPTION:
            if not (item.isascii() and item.isdigit() and 68 <= int(item[:6]) <= 65535):
                raise InvalidArgument(f"invalid value for {key}: {item}")
        else:
            raise InvalidArgument(
                f"invalid option for the bridge driver: {key}",
                f"There is one: {MTU_OPTION}.",
            )
        found[key] = item
    return found
