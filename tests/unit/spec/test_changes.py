"""The results and sentences here were compared with those of a real Docker engine."""

from __future__ import annotations

from typing import Any

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.spec.changes import apply_changes
from nbcontainer.spec.image import ImageConfig
from nbcontainer.spec.runtime import Healthcheck


def changed(*changes: str, **base: Any) -> dict[str, Any]:
    return apply_changes(ImageConfig(**base), changes).config_json()


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        (["CMD echo hi $HOME"], {"Cmd": ["/bin/sh", "-c", "echo hi $HOME"]}),
        (['CMD ["a","b c"]'], {"Cmd": ["a", "b c"]}),
        (["CMD ['a']"], {"Cmd": ["/bin/sh", "-c", "['a']"]}),
        (["CMD a", "CMD []"], {}),
        (["CMD a # b"], {"Cmd": ["/bin/sh", "-c", "a # b"]}),
        (['ENTRYPOINT ["x"]', 'CMD ["y"]'], {"Entrypoint": ["x"], "Cmd": ["y"]}),
        (['CMD ["y"]', 'ENTRYPOINT ["x"]'], {"Entrypoint": ["x"], "Cmd": ["y"]}),
        (["ENV a=1 b=2"], {"Env": ["a=1", "b=2"]}),
        (["ENV a 1 2  3"], {"Env": ["a=1 2  3"]}),
        (["ENV a=\"x y\" b='$z w' c=x\\ y"], {"Env": ["a=x y", "b=$z w", "c=x y"]}),
        (["ENV abc=hello", "ENV abc=bye def=$abc"], {"Env": ["abc=bye", "def=hello"]}),
        (["EXPOSE 80/tcp 53/UDP 1000-1001"], ["1000/tcp", "1001/tcp", "53/udp", "80/tcp"]),
        (["EXPOSE 8080:80 127.0.0.1:1:90"], ["80/tcp", "90/tcp"]),
        (["ENV q='91 92'", "EXPOSE $q"], ["91/tcp", "92/tcp"]),
        (["LABEL a=b c=\"d e\" 'f g'=h"], {"Labels": {"a": "b", "c": "d e", "f g": "h"}}),
        (["LABEL a b c"], {"Labels": {"a": "b c"}}),
        (["ENV u=7", "USER $u:8"], {"User": "7:8"}),
        (["VOLUME /a /b"], {"Volumes": {"/a": {}, "/b": {}}}),
        (['VOLUME ["/a","/b c"]'], {"Volumes": {"/a": {}, "/b c": {}}}),
        (["WORKDIR a", "WORKDIR ../b/c"], {"WorkingDir": "/b/c"}),
        (["WORKDIR /x", "WORKDIR y"], {"WorkingDir": "/x/y"}),
        (["STOPSIGNAL SIGQUIT"], {"StopSignal": "SIGQUIT"}),
        (["onbuild  copy  a   b"], {"OnBuild": ["copy  a   b"]}),
        (["HEALTHCHECK NONE"], {"Healthcheck": {"Test": ["NONE"]}}),
        (
            ['HEALTHCHECK --interval=5s --start-period=1m --retries=7 CMD ["a","b"]'],
            {
                "Healthcheck": {
                    "Test": ["CMD", "a", "b"],
                    "Interval": 5 * 10**9,
                    "StartPeriod": 60 * 10**9,
                    "Retries": 7,
                }
            },
        ),
    ],
)
def test_instructions_change_the_config(changes: list[str], result: Any) -> None:
    found = changed(*changes)
    if isinstance(result, list):
        assert list(found["ExposedPorts"]) == result
        return
    assert {key: value for key, value in found.items() if key in result} == result
    if not result:
        assert found == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("RUN x", "run is not a valid change command"),
        ("FOO x", "foo is not a valid change command"),
        ("", "file with no instructions"),
        ("# only a comment", "file with no instructions"),
        ('CMD ["a", 1]', "arrays must be comprised of strings only"),
        ("CMD --foo x", "Unknown flag: foo"),
        ("ENV a", "ENV must have two arguments"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV =x", "ENV names can not be blank"),
        ("ENV a=1 b", 'Syntax error - can\'t find = in "b"'),
        ("ENV a=${}", 'failed to process "${}": syntax error: bad substitution'),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("EXPOSE x", "Invalid containerPort: x"),
        ("EXPOSE 70000", "Invalid containerPort: 70000"),
        ("EXPOSE 3-2", "Invalid containerPort: 3-2"),
        ("EXPOSE 80/foo", "Invalid proto: foo"),
        ("LABEL a", "LABEL must have two arguments"),
        ("USER", "USER requires exactly one argument"),
        ("VOLUME []", "VOLUME requires at least one argument"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("WORKDIR ''", "cannot normalize nothing"),
        ("STOPSIGNAL foo", "Invalid signal: foo"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK none x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK FOO x", 'Unknown type "FOO" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK --interval=1us CMD x", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --interval=x CMD x", 'time: invalid duration "x"'),
        ("HEALTHCHECK --interval CMD x", "Missing a value on flag: interval"),
        ("HEALTHCHECK --foo=1 CMD x", "Unknown flag: foo"),
        ("HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"),
        ("CMD a\0b", "cannot hold a NUL"),
        ('CMD ["a\\u0000"]', "cannot hold a NUL"),
    ],
)
def test_what_docker_refuses_is_refused_in_its_words(change: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        changed(change)
    assert words in caught.value.message


def test_a_new_entrypoint_drops_the_inherited_command_and_keeps_one_that_was_given() -> None:
    assert changed('ENTRYPOINT ["x"]', cmd=("old",)) == {"Entrypoint": ["x"]}
    kept = changed("ENTRYPOINT []", cmd=("old",), entrypoint=("e",))
    assert kept == {"Cmd": ["old"]}


def test_what_the_image_has_is_added_to_and_replaced_by_name() -> None:
    found = changed(
        "ENV A=2 P=/x:$P",
        "LABEL l=2 m=3",
        "EXPOSE 90",
        "VOLUME /v",
        "WORKDIR sub",
        env=("P=/bin", "A=1"),
        labels={"l": "1"},
        exposed_ports=("80/tcp",),
        volumes=("/old",),
        working_dir="/w",
    )
    assert found["Env"] == ["P=/x:/bin", "A=2"]
    assert found["Labels"] == {"l": "2", "m": "3"}
    assert list(found["ExposedPorts"]) == ["80/tcp", "90/tcp"]
    assert list(found["Volumes"]) == ["/old", "/v"]
    assert found["WorkingDir"] == "/w/sub"


def test_a_check_keeps_the_times_that_it_does_not_name() -> None:
    base = Healthcheck(test=("CMD", "old"), interval_s=7, retries=9)
    found = apply_changes(ImageConfig(healthcheck=base), ["HEALTHCHECK --retries=2 CMD new"])
    assert found.healthcheck == Healthcheck(test=("CMD-SHELL", "new"), interval_s=7, retries=2)


def test_the_shell_form_uses_the_image_s_shell() -> None:
    assert changed("CMD x y", shell=("/bin/ash", "-ec"))["Cmd"] == ["/bin/ash", "-ec", "x y"]


def test_no_change_is_no_change() -> None:
    config = ImageConfig(cmd=("a",))
    assert apply_changes(config, ()) is config
    assert apply_changes(config, "CMD b").cmd == ("/bin/sh", "-c", "b")
