"""--filter of ps, images, volume ls, the prunes and events: texts to predicates.  Pure.

Several values of one key are alternatives (labels: all of them must fit), several keys must all fit.
What only the store knows (the moment of `since=NAME`, the image of `ancestor=NAME`) is asked of
functions of the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import InvalidArgument
from ..units import parse_time
from .event import Event
from .flags_values import parse_ports
from .lifecycle import State, Status
from .network import Network
from .runtime import RuntimeConfig

Filters = Mapping[str, tuple[str, ...]]
ContainerTest = Callable[[RuntimeConfig, State, str], bool]

CONTAINER_KEYS = frozenset(
    "ancestor before exited expose health id label name network publish since status volume".split()
)
IMAGE_KEYS = frozenset("before dangling label reference since until".split())
NETWORK_KEYS = frozenset("dangling driver id label name scope type".split())
NETWORK_PRUNE_KEYS = frozenset(("until", "label", "label!"))
VOLUME_KEYS = frozenset("dangling driver label name".split())
PRUNE_KEYS = frozenset(("until", "label", "label!"))
VOLUME_PRUNE_KEYS = frozenset(("all", "label", "label!"))
IMAGE_PRUNE_KEYS = PRUNE_KEYS | {"dangling"}
EVENT_KEYS = frozenset("container event id image label network type volume".split())
_EVENT_TYPES = ("container", "image", "volume", "network", "engine")


def parse_filters(
    texts: Iterable[str] | Mapping[str, Any] | str | None, allowed: Iterable[str]
) -> Filters:
    """Read "key=value" texts, or a mapping; keys are lower case and must be among `allowed`.

    Raises: InvalidArgument in Docker's words.
    """
    found: dict[str, tuple[str, ...]] = {}
    keys = frozenset(allowed)
    if isinstance(texts, Mapping):
        pairs = [(k, v if isinstance(v, (list, tuple)) else [v]) for k, v in texts.items()]
        texts = [f"{key}={_word(each)}" for key, values in pairs for each in values]
    for text in [texts] if isinstance(texts, str) else texts or ():
        key, equals, value = text.partition("=")
        if key.endswith("!") and "label!" in keys and key.strip().lower() == "label!":
            key = "label!"
        key, value = key.strip().lower(), value.strip()
        if not equals:
            raise InvalidArgument(f"bad format of filter (expected name=value): {text}")
        if key not in keys:
            raise InvalidArgument(
                f"invalid filter '{key}'", f"There are: {', '.join(sorted(keys))}."
            )
        found[key] = (*found.get(key, ()), value)
    return found


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_boolean(filters: Filters, key: str) -> bool | None:
    values = {value.lower() for value in filters.get(key, ())}
    if not values:
        return None
    if values <= {"true", "1"}:
        return True
    if values <= {"false", "0"}:
        return False
    raise InvalidArgument(f"invalid filter '{key}=[{' '.join(filters[key])}]'")


def labels_fit(labels: Mapping[str, str], filters: Filters) -> bool:
    """Tell whether all `label` filters fit and no `label!` does; "key" or "key=value"."""
    return all(_has_label(labels, text) for text in filters.get("label", ())) and not any(
        _has_label(labels, text) for text in filters.get("label!", ())
    )


def _has_label(labels: Mapping[str, str], text: str) -> bool:
    key, equals, value = text.partition("=")
    return key in labels and (not equals or labels[key] == value)


def asks_for_all(filters: Filters) -> bool:
    """Tell whether ps must look at stopped containers, too, as Docker does for `status`."""
    return "status" in filters


def container_test(
    filters: Filters,
    *,
    created: Callable[[str], int],
    ancestor: Callable[[str], Callable[[RuntimeConfig], bool]],
) -> ContainerTest:
    """Return the predicate of ps.

    `created(name)` is a container's moment of creation and may raise ContainerNotFound;
    `ancestor(image)` tells whether a container stems from that image.
    Raises: InvalidArgument in Docker's words, ContainerNotFound.
    """
    tests = _port_tests(filters)
    if "status" in filters:
        wanted = _choices("status", filters["status"], {status.value for status in Status})
        tests.append(lambda config, state, name: state.status.value in wanted)
    if "health" in filters:
        healths = _choices(
            "health", filters["health"], {"none", "starting", "healthy", "unhealthy"}
        )
        tests.append(
            lambda config, state, name: (state.health.status if state.health else "none") in healths
        )
    if "exited" in filters:
        codes = frozenset(_exit_code(value) for value in filters["exited"])
        tests.append(
            lambda config, state, name: (
                state.exit_code in codes and state.status in (Status.EXITED, Status.DEAD)
            )
        )
    if "name" in filters:
        names = [_pattern(value) for value in filters["name"]]
        tests.append(
            lambda config, state, name: any(test(name) or test(f"/{name}") for test in names)
        )
    if "id" in filters:
        ids = filters["id"]
        tests.append(lambda config, state, name: config.id.startswith(ids))
    if "label" in filters:
        tests.append(lambda config, state, name: labels_fit(config.labels, filters))
    if "network" in filters:
        networks = filters["network"]
        tests.append(lambda config, state, name: _is_on(config, state, networks))
    if "volume" in filters:
        volumes = filters["volume"]
        tests.append(
            lambda config, state, name: any(
                mount.source in volumes or mount.target in volumes for mount in config.mounts
            )
        )
    if "before" in filters:
        latest = created(filters["before"][-1])
        tests.append(lambda config, state, name: config.created_ns < latest)
    if "since" in filters:
        earliest = created(filters["since"][-1])
        tests.append(lambda config, state, name: config.created_ns > earliest)
    if "ancestor" in filters:
        stems = [ancestor(value) for value in filters["ancestor"]]
        tests.append(lambda config, state, name: any(test(config) for test in stems))
    return lambda config, state, name: all(test(config, state, name) for test in tests)


def _is_on(config: RuntimeConfig, state: State, networks: Iterable[str]) -> bool:
    """Tell whether a container is on one of the networks, given by name or id."""
    known = {config.namespaces.network, *(wish.network for wish in config.networks)}
    ids = [endpoint.network_id for endpoint in state.endpoints]
    return any(text in known or any(i.startswith(text) for i in ids if text) for text in networks)


def _port_tests(filters: Filters) -> list[ContainerTest]:
    tests: list[ContainerTest] = []
    if "publish" in filters:
        published = _ports("publish", filters["publish"])
        tests.append(
            lambda config, state, name: any(
                f"{number}/{b.protocol}" in published
                for b in state.ports
                for number in (b.port, b.host_port)
            )
        )
    if "expose" in filters:
        exposed = _ports("expose", filters["expose"])
        tests.append(
            lambda config, state, name: (
                not exposed.isdisjoint((*config.exposed_ports, *(b.key for b in state.ports)))
            )
        )
    return tests


def _ports(key: str, values: Iterable[str]) -> frozenset[str]:
    """Return "80", "8000-8010/udp" and the like as "80/tcp" texts."""
    try:
        return frozenset(parse_ports(values))
    except InvalidArgument:
        raise InvalidArgument(
            f"invalid filter '{key}={','.join(values)}'", "Write 80/tcp."
        ) from None


def _choices(key: str, values: Iterable[str], known: set[str]) -> frozenset[str]:
    for value in values:
        if value not in known:
            raise InvalidArgument(
                f"invalid filter '{key}={value}'", f"There are: {', '.join(sorted(known))}."
            )
    return frozenset(values)


def _exit_code(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise InvalidArgument(f'strconv.Atoi: parsing "{value}": invalid syntax') from None


def _pattern(value: str) -> Callable[[str], bool]:
    """Return a search for `value` as Docker does it: a regular expression, else the text itself."""
    import re

    try:
        search = re.compile(value).search
    except (re.error, RecursionError, OverflowError):
        return lambda text: value == text
    return lambda text: search(text) is not None


def image_test(
    filters: Filters, *, created: Callable[[str], int], now_ns: int
) -> Callable[[Mapping[str, str], int, tuple[str, ...]], bool]:
    """Return the predicate of images, of (labels, created_ns, familiar names).

    `created(name)` is an image's moment and may raise ImageNotFound.
    """
    dangling = _one_boolean(filters, "dangling")
    before = created(filters["before"][-1]) if "before" in filters else None
    since = created(filters["since"][-1]) if "since" in filters else None
    until = _until(filters, now_ns)
    references = filters.get("reference", ())

    def test(labels: Mapping[str, str], created_ns: int, names: tuple[str, ...]) -> bool:
        return (
            (dangling is None or dangling == (not names))
            and (before is None or created_ns < before)
            and (since is None or created_ns > since)
            and (until is None or created_ns < until)
            and labels_fit(labels, filters)
            and (not references or any(reference_fits(names, text) for text in references))
        )

    return test


def reference_fits(names: Iterable[str], pattern: str) -> bool:
    """Tell whether a shell pattern fits one of the familiar names, with its tag or without."""
    return any(
        _glob(pattern, name) or _glob(pattern, name.rpartition(":")[0] or name) for name in names
    )


def _glob(pattern: str, text: str) -> bool:
    """Match as Go's path.Match: a star stops at a slash."""
    import re

    expression, position = "", 0
    while position < len(pattern):
        char = pattern[position]
        end = pattern.find("]", position + 2) if char == "[" else -1
        if char == "*":
            # possessive, so that a row of stars cannot make the search exponential
            expression += "" if expression.endswith("[^/]*") else "[^/]*"
        elif char == "?":
            expression += "[^/]"
        elif end > 0:
            inside = pattern[position + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            expression += f"[{inside}]"
            position = end
        elif char == "\\" and position + 1 < len(pattern):
            position += 1
            expression += re.escape(pattern[position])
        else:
            expression += re.escape(char)
        position += 1
    try:
        return re.fullmatch(expression, text) is not None
    except re.error:
        raise InvalidArgument(f"invalid reference filter: {pattern}") from None


def _until(filters: Filters, now_ns: int) -> int | None:
    values = filters.get("until", ())
    if len(values) > 1:
        raise InvalidArgument("more than one until filter specified")
    return parse_time(values[0], now_ns) if values else None


def volume_test(
    filters: Filters,
) -> Callable[[str, Mapping[str, str], bool], bool]:
    """Return the predicate of volume ls, of (name, labels, whether a container uses it)."""
    dangling = _one_boolean(filters, "dangling")
    names = [_pattern(value) for value in filters.get("name", ())]
    drivers = filters.get("driver", ("local",))

    def test(name: str, labels: Mapping[str, str], is_used: bool) -> bool:
        return (
            (dangling is None or dangling != is_used)
            and (not names or any(search(name) for search in names))
            and "local" in drivers
            and labels_fit(labels, filters)
        )

    return test


def network_test(filters: Filters) -> Callable[[Network, bool], bool]:
    """Return the predicate of network ls, of (the network, whether a container uses it)."""
    dangling = _one_boolean(filters, "dangling")
    names = [_pattern(value) for value in filters.get("name", ())]
    kinds = _choices("type", filters.get("type", ()), {"builtin", "custom"})

    def test(network: Network, is_used: bool) -> bool:
        kind = "builtin" if network.is_predefined else "custom"
        return (
            (dangling is None or dangling != (is_used or network.is_predefined))
            and (not names or any(search(network.name) for search in names))
            and ("id" not in filters or network.id.startswith(filters["id"]))
            and ("driver" not in filters or network.driver in filters["driver"])
            and ("scope" not in filters or "local" in filters["scope"])
            and (not kinds or kind in kinds)
            and labels_fit(network.labels, filters)
        )

    return test


def prune_test(filters: Filters, now_ns: int) -> Callable[[Mapping[str, str], int], bool]:
    """Return the predicate of the prunes, of (labels, created_ns)."""
    until = _until(filters, now_ns)
    return lambda labels, created_ns: (
        (until is None or created_ns < until) and labels_fit(labels, filters)
    )


def prunes_only_dangling(filters: Filters, all: bool) -> bool:
    """Tell whether image prune leaves named images alone."""
    dangling = _one_boolean(filters, "dangling")
    return not all if dangling is None else dangling


def event_test(filters: Filters) -> Callable[[Event], bool]:
    """Return the predicate of events.

    `container=`, `image=`, `network=` and `volume=` fit a name or the start of an id; an event of a container
    fits the image that it was made from.
    """
    types = _choices("type", filters.get("type", ()), set(_EVENT_TYPES))
    actions = filters.get("event", ())

    def test(event: Event) -> bool:
        return (
            (not types or event.type in types)
            # "health_status" fits "health_status: healthy", "exec_start" fits "exec_start: ls"
            and (not actions or event.action in actions or event.action.split(":")[0] in actions)
            and all(
                _concerns(event, kind, filters)
                for kind in ("container", "image", "network", "volume")
            )
            and ("id" not in filters or event.id.startswith(filters["id"]))
            and labels_fit(event.attributes, filters)
        )

    return test


def _concerns(event: Event, kind: str, filters: Filters) -> bool:
    wanted = filters.get(kind, ())
    if not wanted:
        return True
    if event.type == kind:
        known = (event.id, event.id.removeprefix("sha256:"), event.attributes.get("name", ""))
        return any(
            value in known or any(text.startswith(value) for text in known[:2]) for value in wanted
        )
    return any(event.attributes.get(kind, "") == value for value in wanted)
