from __future__ import annotations

import os
from typing import Any

import pytest

from nbcontainer.errors import Corrupt, InvalidArgument
from nbcontainer.spec.descriptor import OCI_LAYER, Descriptor, Platform

DIGEST = "sha256:" + "a" * 64
GOOD: dict[str, Any] = {"mediaType": OCI_LAYER, "digest": DIGEST, "size": 5}


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"annotations": {"a": "b"}},
        {"urls": ["https://reg.example/x"]},
        {"platform": {"architecture": "arm", "os": "linux", "variant": "v7"}},
        {"artifactType": "application/x"},
    ],
)
def test_a_descriptor_is_written_as_it_was_read(extra: dict[str, Any]) -> None:
    assert Descriptor.from_json(GOOD | extra).to_json() == GOOD | extra


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1}, {"size": "5"}, {"size": 5.0}, {"size": True}, {"size": None}, {"size": 2**63},
        {"digest": "sha256:../../etc/passwd"}, {"digest": None}, {"mediaType": 5}, {"mediaType": ""},
        {"annotations": []}, {"annotations": {"a": 1}}, {"urls": "x"}, {"urls": [1]},
        {"platform": "linux"}, {"platform": {"os": 1}},
    ],
)  # fmt: skip
def test_a_descriptor_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Corrupt):
        Descriptor.from_json(GOOD | change)


@pytest.mark.parametrize("missing", GOOD)
def test_a_descriptor_lacks_nothing(missing: str) -> None:
    with pytest.raises(Corrupt):
        Descriptor.from_json({key: value for key, value in GOOD.items() if key != missing})
    with pytest.raises(Corrupt, match="expected an object, found NoneType"):
        Descriptor.from_json(None)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/amd64", "linux/amd64"), ("amd64", "linux/amd64"), ("x86_64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"), ("linux/arm64/v8", "linux/arm64"), ("armhf", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"), ("Linux/ARM64", "linux/arm64"), ("windows/amd64", "windows/amd64"),
    ],
)  # fmt: skip
def test_a_platform_has_one_normal_form(text: str, normal: str) -> None:
    assert str(Platform.parse(text)) == normal
    assert Platform.parse(normal) == Platform.parse(text)


def test_one_word_is_an_architecture_or_an_operating_system() -> None:
    assert Platform.parse("linux") == Platform.of("linux", os.uname().machine)
    assert Platform.parse("windows").os == "windows"
    with pytest.raises(InvalidArgument, match='^"foo": unknown operating system or architecture$'):
        Platform.parse("foo")


@pytest.mark.parametrize("text", ["", "/", "linux/", "a/b/c/d", "linux/am d", "linux/../x"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid platform"):
        Platform.parse(text)
