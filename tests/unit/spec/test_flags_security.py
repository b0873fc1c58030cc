from __future__ import annotations

import pytest

from nbcontainer.errors import InvalidArgument, Unsupported
from nbcontainer.spec.flags_security import namespaces, security
from nbcontainer.spec.runtime import Namespaces, Security


def read(path: str) -> str:
    return {"ok": "{}", "bad": "{", "deep": "[" * 100_000}[path]


def test_every_namespace_is_private_unless_asked() -> None:
    assert namespaces({}, "none") == Namespaces()
    assert namespaces({"ipc": "shareable", "pid": "private"}, "none") == Namespaces()
    assert namespaces({}, "host") == Namespaces(network="host")


@pytest.mark.parametrize("flag", ["pid", "ipc", "uts", "userns"])
def test_a_mode_that_does_not_exist_is_refused(flag: str) -> None:
    for mode in ("container:", "hosts"):
        with pytest.raises(InvalidArgument, match=rf"--{flag}: invalid [A-Z]+ mode"):
            namespaces({flag: mode}, "none")


def test_an_ipc_mode_of_dockers_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="--ipc none is not supported"):
        namespaces({"ipc": "none"}, "none")


def test_the_default_is_the_tight_profile() -> None:
    assert security({}, read) == Security()


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("no-new-privileges", True),
        ("no-new-privileges=true", True),
        ("no-new-privileges:false", False),
        ("no-new-privileges=0", False),
    ],
)
def test_no_new_privileges_may_be_switched(option: str, expected: bool) -> None:
    assert security({"security_opt": [option]}, read).no_new_privileges is expected


def test_a_profile_is_kept_as_text() -> None:
    assert security({"security_opt": "seccomp=ok"}, read).seccomp == "{}"
    assert security({"security_opt": "seccomp=unconfined"}, read).seccomp == "unconfined"
    assert security({"security_opt": "seccomp=builtin"}, read).seccomp == ""


@pytest.mark.parametrize(
    ("path", "problem"), [("bad", "invalid JSON at line 1"), ("deep", "nested too deeply")]
)
def test_a_profile_that_is_no_json_is_refused(path: str, problem: str) -> None:
    with pytest.raises(
        InvalidArgument, match=rf"compacting json for seccomp profile \({path}\) failed: {problem}"
    ):
        security({"security_opt": f"seccomp={path}"}, read)


@pytest.mark.parametrize(
    "option", ["apparmor=unconfined", "label=disable", "systempaths=unconfined"]
)
def test_what_is_not_offered_is_named(option: str) -> None:
    with pytest.raises(Unsupported, match="is not supported by nbcontainer"):
        security({"security_opt": option}, read)


@pytest.mark.parametrize("option", ["seccomp", "seccomp=", "foo=bar", "no-new-privileges=maybe"])
def test_a_bad_option_is_refused(option: str) -> None:
    with pytest.raises(InvalidArgument, match="(?i)invalid --security-opt"):
        security({"security_opt": option}, read)
