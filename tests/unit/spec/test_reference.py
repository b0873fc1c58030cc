from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.errors import ReferenceInvalid
from nbcontainer.spec.reference import Reference

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.25", "docker.io/library/nginx:1.25", "nginx:1.25"),
        ("library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("me/web:v2", "docker.io/me/web:v2", "me/web:v2"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("reg.example/a/b:t", "reg.example/a/b:t", "reg.example/a/b:t"),
        ("REG/a", "REG/a:latest", "REG/a:latest"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
        ("a__b/c-d--e.f", "docker.io/a__b/c-d--e.f:latest", "a__b/c-d--e.f:latest"),
        ("x:A_b.C-1", "docker.io/library/x:A_b.C-1", "x:A_b.C-1"),
        (
            f"x@sha256:{HEX}",
            f"docker.io/library/x@sha256:{HEX}",
            f"x@sha256:{HEX}",
        ),
        (
            f"x:1@sha256:{HEX}",
            f"docker.io/library/x:1@sha256:{HEX}",
            f"x:1@sha256:{HEX}",
        ),
    ],
)
def test_what_is_left_out_is_filled_in(text: str, full: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert (str(reference), reference.familiar) == (full, familiar)
    assert Reference.parse(full) == Reference.parse(familiar) == reference


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "invalid reference format"),
        (":", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("nginx:", "invalid reference format"),
        ("nginx:-x", "invalid reference format"),
        ("nginx:" + "x" * 129, "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a_/b", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("../x", "invalid reference format"),
        ("a/../b", "invalid reference format"),
        ("nginx\n", "invalid reference format"),
        ("nginx:1\n", "invalid reference format"),
        ("n\u0131x", "invalid reference format"),
        ("http://x/y", "invalid reference format"),
        ("-reg.example/x", "invalid reference format"),
        ("reg.example:port/x", "invalid reference format"),
        ("x@", "invalid reference format"),
        ("x@sha256", "invalid reference format"),
        (f"x@sha256:{HEX.upper()}", "invalid reference format"),
        (f"x@sha256:{HEX[:-1]}", "invalid checksum digest length"),
        (f"x@md5:{HEX[:32]}", "unsupported digest algorithm"),
        ("Nginx", "invalid reference format: repository name (library/Nginx) must be lowercase"),
        (
            "reg.io/Team/x",
            "invalid reference format: repository name (Team/x) must be lowercase",
        ),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        ("a/" + "b" * 250, "repository name must not be more than 255 characters"),
    ],
)
def test_what_is_no_reference_is_refused_in_dockers_words(text: str, sentence: str) -> None:
    with pytest.raises(ReferenceInvalid) as caught:
        Reference.parse(text)
    assert caught.value.message == sentence


@settings(deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9./:@_-]{0,60}", fullmatch=True))
def test_any_text_is_a_reference_that_reads_back_or_is_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except ReferenceInvalid:
        return
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference
    assert ".." not in str(reference)
    assert "\n" not in str(reference)


def test_a_repository_that_looks_like_a_registry_is_written_in_full() -> None:
    for text in ("docker.io/localhost/x", "docker.io/a.b/c"):
        assert Reference.parse(text).familiar == f"{text}:latest"


def test_a_long_hostile_text_is_refused_quickly() -> None:
    for text in ("a" * 10**6, "a/" * 10**5, "a-" * 10**5 + "!", "a_" * 10**5, "a.-" * 10**5):
        with pytest.raises(ReferenceInvalid):
            Reference.parse(text)
