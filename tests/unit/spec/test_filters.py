from __future__ import annotations

from collections.abc import Callable

import pytest

from nbcontainer.errors import ContainerNotFound, InvalidArgument
from nbcontainer.spec.event import Event
from nbcontainer.spec.filters import (
    CONTAINER_KEYS,
    EVENT_KEYS,
    IMAGE_KEYS,
    PRUNE_KEYS,
    VOLUME_KEYS,
    container_test,
    event_test,
    image_test,
    parse_filters,
    prune_test,
    reference_fits,
    volume_test,
)
from nbcontainer.spec.lifecycle import Health, State, Status
from nbcontainer.spec.network import PortBinding
from nbcontainer.spec.runtime import Mount, RuntimeConfig
from nbcontainer.values import replace

CONFIG = RuntimeConfig(
    id="abc" + "0" * 61,
    name="web",
    image="bb:1",
    image_id="sha256:1",
    created_ns=100,
    layers=(),
    args=("sh",),
    labels={"q": "r"},
    mounts=(Mount("volume", "/v", "vol"),),
)
UP = State(Status.RUNNING, health=Health("healthy"))
DOWN = State(Status.EXITED, exit_code=3)


def created(name: str) -> int:
    if name == "nope":
        raise ContainerNotFound(f"No such container: {name}")
    return {"old": 50, "new": 150}[name]


def ancestor(image: str) -> Callable[[RuntimeConfig], bool]:
    return lambda config: config.image == image


def fits(*texts: str, state: State = UP, config: RuntimeConfig = CONFIG) -> bool:
    filters = parse_filters(texts, CONTAINER_KEYS)
    return container_test(filters, created=created, ancestor=ancestor)(config, state, "web")


@pytest.mark.parametrize(
    "text",
    [
        "name=we", "name=^/web$", "name=^web$", "id=abc", "label=q", "label=q=r", "status=running",
        "health=healthy", "network=none", "volume=vol", "volume=/v", "before=new", "since=old",
        "ancestor=bb:1",
    ],
)  # fmt: skip
def test_a_container_fits(text: str) -> None:
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    [
        "name=^eb", "name=[", "id=bc", "label=z", "label=q=z", "status=exited", "health=none",
        "network=host", "volume=other", "before=old", "since=new", "ancestor=cc", "exited=0",
    ],
)  # fmt: skip
def test_a_container_does_not_fit(text: str) -> None:
    assert not fits(text)


def test_values_of_a_key_are_alternatives_and_keys_must_all_fit() -> None:
    assert fits("status=exited", "status=running")
    assert not fits("status=running", "name=other")
    assert not fits("label=q", "label=z")
    assert fits("exited=3", state=DOWN)
    assert fits("health=none", state=DOWN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo=1", "invalid filter 'foo'"),
        ("status=zz", "invalid filter 'status=zz'"),
        ("health=zz", "invalid filter 'health=zz'"),
        ("exited=x", 'strconv.Atoi: parsing "x": invalid syntax'),
        ("foo", "bad format of filter (expected name=value): foo"),
    ],
)
def test_a_bad_filter_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        fits(text)
    assert caught.value.message == message


def test_since_an_unknown_container_is_that_containers_error() -> None:
    with pytest.raises(ContainerNotFound):
        fits("since=nope")


def test_images_are_chosen_by_name_label_and_age() -> None:
    def chosen(*texts: str) -> bool:
        filters = parse_filters(texts, IMAGE_KEYS)
        return image_test(filters, created=created, now_ns=10**15)({"l": "1"}, 100, ("me/bb:1",))

    assert chosen("reference=me/b*", "label=l", "since=old", "before=new", "dangling=false")
    assert not chosen("dangling=true")
    assert not chosen("reference=b*")
    assert chosen("until=1h")
    with pytest.raises(InvalidArgument, match=r"invalid filter 'dangling=\[maybe\]'"):
        chosen("dangling=maybe")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("bb", "bb:1", True),
        ("bb:1", "bb:1", True),
        ("b?", "bb:1", True),
        ("*", "bb:1", True),
        ("*", "me/bb:1", False),
        ("*/*", "me/bb:1", True),
        ("b[a-c]:[0-9]", "bb:1", True),
        ("b[^a]", "bb:1", True),
        ("b\\*", "bb:1", False),
        ("b.", "bb:1", False),
        ("*" * 60 + "x", "b" * 200 + ":1", False),
    ],
)
def test_a_reference_pattern_is_gos_path_match(pattern: str, name: str, expected: bool) -> None:
    assert reference_fits([name], pattern) is expected


def test_volumes_are_chosen_by_use() -> None:
    def chosen(*texts: str, used: bool = False) -> bool:
        return volume_test(parse_filters(texts, VOLUME_KEYS))("vol", {}, used)

    assert chosen("dangling=1", "name=vo", "driver=local")
    assert not chosen("dangling=1", used=True)
    assert chosen("dangling=false", used=True)
    assert not chosen("driver=nfs")


def test_prune_takes_the_old_and_spares_a_label() -> None:
    test = prune_test(parse_filters(["until=10s", "label!=keep"], PRUNE_KEYS), 20 * 10**9)
    assert test({}, 5 * 10**9)
    assert not test({}, 15 * 10**9)
    assert not test({"keep": ""}, 5 * 10**9)


def test_events_are_chosen_by_object_and_action() -> None:
    event = Event(1, "container", "exec_start: ls", "abc", {"name": "web", "image": "bb:1"})

    def chosen(*texts: str, event: Event = event) -> bool:
        return event_test(parse_filters(texts, EVENT_KEYS))(event)

    assert chosen("container=web", "event=exec_start", "image=bb:1", "type=container")
    assert chosen("container=ab")
    assert not chosen("container=other")
    assert not chosen("type=image")
    assert not chosen("event=exec_start", event=replace(event, action="die"))
    with pytest.raises(InvalidArgument, match="invalid filter 'type=foo'"):
        chosen("type=foo")


def test_ports_are_told_by_either_side_of_what_is_published_and_by_what_is_exposed():
    up = replace(UP, ports=(PortBinding(80, "tcp", "0.0.0.0", 8080), PortBinding(53, "udp")))
    config = replace(CONFIG, exposed_ports=("443/tcp",))

    def fits(*texts):
        filters = parse_filters(texts, CONTAINER_KEYS)
        test = container_test(filters, created=lambda name: 0, ancestor=lambda name: bool)
        return test(config, up, "web")

    assert [fits(f"publish={text}") for text in ("80", "8080/tcp", "53/udp", "8000-8100")] == [
        True
    ] * 4
    assert [fits(f"publish={text}") for text in ("80/udp", "443", "53")] == [False] * 3
    assert [fits(f"expose={text}") for text in ("443", "80", "440-445")] == [True] * 3
    assert [fits(f"expose={text}") for text in ("8080", "443/udp")] == [False] * 2
    with pytest.raises(InvalidArgument, match="invalid filter 'publish=web'"):
        fits("publish=web")
