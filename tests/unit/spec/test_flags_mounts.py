from __future__ import annotations

import pytest

from nbcontainer.errors import InvalidArgument, Unsupported
from nbcontainer.spec.flags_mounts import (
    check_bind_sources,
    join_mounts,
    parse_mount,
    parse_tmpfs,
    parse_volume,
)
from nbcontainer.spec.runtime import Mount

FRESH = "f" * 64
DEFAULTS = ("nosuid", "nodev", "noexec")


def volume(text: str) -> Mount:
    return parse_volume(text, cwd="/home/me", new_name=lambda: FRESH)


def mount(text: str) -> Mount:
    return parse_mount(text, cwd="/home/me", new_name=lambda: FRESH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", Mount("volume", "/data", FRESH, anonymous=True, asked_by="-v")),
        ("vol:/v", Mount("volume", "/v", "vol", asked_by="-v")),
        ("vol:/v:ro,nocopy", Mount("volume", "/v", "vol", True, no_copy=True, asked_by="-v")),
        ("/a//b/:/t/../u:ro", Mount("bind", "/u", "/a/b", True, asked_by="-v")),
        (".:/w", Mount("bind", "/w", "/home/me", asked_by="-v")),
        ("../x:/w:rprivate", Mount("bind", "/w", "/home/x", asked_by="-v")),
        ("/a:/b:cached", Mount("bind", "/b", "/a", asked_by="-v")),
    ],
)
def test_v_reads_volumes_and_binds(text: str, expected: Mount) -> None:
    assert volume(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (":/b", "invalid spec: :/b: empty section between colons"),
        ("", "invalid spec: : empty section between colons"),
        ("a:/b:ro:x", "invalid volume specification: 'a:/b:ro:x'"),
        ("/a:/b:zz", "invalid mode: zz"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("vol:/b:rprivate", "invalid mode: rprivate"),
        (
            "/a:b",
            "invalid volume specification: '/a:b': invalid mount config for type \"bind\": "
            "invalid mount path: 'b' mount path must be absolute",
        ),
        (
            "/a:/..",
            "invalid volume specification: '/a:/..': invalid mount config for type \"bind\": "
            "invalid specification: destination can't be '/'",
        ),
        (
            "rel/x:/y",
            'create rel/x: "rel/x" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '
            "use absolute path",
        ),
    ],
)
def test_v_refuses_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        volume(text)
    assert caught.value.message == message


@pytest.mark.parametrize("text", ["/a:/b:z", "/a:/b:rshared"])
def test_v_refuses_by_name_what_would_be_ignored(text: str) -> None:
    with pytest.raises(Unsupported, match="is not supported"):
        volume(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target=/x", Mount("volume", "/x", FRESH, anonymous=True, asked_by="--mount")),
        ("type=volume,src=a1,dst=/x", Mount("volume", "/x", "a1", asked_by="--mount")),
        (
            "type=bind,source=/a,destination=/x,readonly",
            Mount("bind", "/x", "/a", True, asked_by="--mount"),
        ),
        (
            'type=bind,"source=/a,b",target=/x,ro=false',
            Mount("bind", "/x", "/a,b", asked_by="--mount"),
        ),
        (
            "type=tmpfs,target=/x,tmpfs-size=1m,tmpfs-mode=700",
            Mount(
                "tmpfs", "/x", size_bytes=1 << 20, mode=0o700, options=DEFAULTS, asked_by="--mount"
            ),
        ),
    ],
)
def test_mount_reads_pairs(text: str, expected: Mount) -> None:
    assert mount(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=foo", 'invalid argument "type=foo" for "--mount" flag: target is required'),
        ("type=foo,target=/x", 'invalid mount config for type "foo": mount type unknown'),
        (
            "foo=1,target=/x",
            "invalid argument \"foo=1,target=/x\" for \"--mount\" flag: unexpected key 'foo' in 'foo=1'",
        ),
        (
            "target=/x,readonly=maybe",
            'invalid argument "target=/x,readonly=maybe" for "--mount" flag: '
            "invalid value for readonly: maybe",
        ),
        (
            "x,target=/x",
            'invalid argument "x,target=/x" for "--mount" flag: '
            "invalid field 'x' must be a key=value pair",
        ),
        (
            "type=bind,target=/x",
            'invalid mount config for type "bind": field Source must not be empty',
        ),
        (
            "type=bind,source=rel,target=/x",
            "invalid mount config for type \"bind\": invalid mount path: 'rel' mount path must be "
            "absolute",
        ),
        (
            "type=tmpfs,source=a,target=/x",
            'invalid mount config for type "tmpfs": field Source must not be specified',
        ),
        (
            "type=volume,source=a1,target=x",
            "invalid mount config for type \"volume\": invalid mount path: 'x' mount path must be "
            "absolute",
        ),
    ],
)
def test_mount_refuses_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        mount(text)
    assert caught.value.message == message


def test_mount_refuses_options_of_another_type() -> None:
    with pytest.raises(
        InvalidArgument, match=r"cannot mix 'tmpfs-\*' options with mount type 'bind'"
    ):
        mount("type=bind,source=/a,target=/x,tmpfs-size=1m")


def test_mount_refuses_an_unclosed_quote() -> None:
    with pytest.raises(InvalidArgument, match="unbalanced quotes"):
        mount('type=bind,"source=/a,target=/x')


def test_tmpfs_keeps_dockers_defaults_unless_switched() -> None:
    assert parse_tmpfs("/x") == Mount("tmpfs", "/x", options=DEFAULTS, asked_by="--tmpfs")
    assert parse_tmpfs("/x:exec,size=64k,mode=1770,uid=5,ro") == Mount(
        "tmpfs",
        "/x",
        read_only=True,
        size_bytes=65536,
        mode=0o1770,
        options=("nosuid", "nodev", "exec", "uid=5"),
        asked_by="--tmpfs",
    )


@pytest.mark.parametrize("text", ["x", "/", "/x:foo=1", "/x:mode=9", "/x:size=", "/x:uid="])
def test_tmpfs_refuses_what_is_no_option(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_tmpfs(text)


def test_the_users_mount_wins_over_the_images_volume() -> None:
    asked = [volume("/a:/data")]
    joined = join_mounts(asked, ("/data", "/more", "relative", "/"), lambda: FRESH)
    assert [m.target for m in joined] == ["/data", "/more"]
    assert joined[0].type == "bind"


def test_parents_come_before_what_lies_below_them() -> None:
    joined = join_mounts([volume("/a:/x/y"), volume("/b:/x")], (), str)
    assert [m.target for m in joined] == ["/x", "/x/y"]


def test_two_mounts_on_one_target_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="Duplicate mount point: /x"):
        join_mounts([volume("/a:/x"), parse_tmpfs("/x/")], (), str)


def test_a_missing_bind_source_is_made_for_v_and_refused_for_mount() -> None:
    made: list[str] = []
    check_bind_sources([volume("/nope:/x"), volume("vol:/y")], lambda path: False, made.append)
    assert made == ["/nope"]
    with pytest.raises(InvalidArgument) as caught:
        check_bind_sources(
            [mount("type=bind,source=/nope,target=/x")], lambda path: False, made.append
        )
    assert caught.value.message == (
        'invalid mount config for type "bind": bind source path does not exist: /nope'
    )
