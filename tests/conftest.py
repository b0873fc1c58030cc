"""What all tests share: a clean environment, stores of their own, and the look for what was left."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.hostwatch import Watch
from tests.needs import check

if TYPE_CHECKING:
    from nbcontainer.engine import Engine
    from tests.stores import Store


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*features): skip where the host lacks one of them")
    # Whoever starts the run hands on what it ignores and blocks, and all that we start would have it too:
    # a shell's background jobs ignore interrupts, a supervisor may block them.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for feature in mark.args:
            check(feature)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # A test that passes only when tried again tells why it failed first, or nobody would ever learn it.
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"failed at first: {report.nodeid}", sep="_")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for key in list(os.environ):
        if key.startswith(("NBCONTAINER_", "DOCKER_", "XDG_")):
            monkeypatch.delenv(key)


@pytest.fixture(scope="session")
def stores_folder() -> Iterator[str]:
    """A folder for the run's stores, with a short name: sockets lie in it.

    When the run ends nothing may be left of them: no mount, cgroup, link or process.
    """
    with tempfile.TemporaryDirectory(prefix="nbc-tests-") as folder:
        folder = os.path.realpath(folder)
        watch = Watch(folder)
        yield folder
        left = watch.left()
        assert left == [], "the run left something on the host"


@pytest.fixture(scope="session")
def session_store(stores_folder: str) -> Iterator[Store]:
    """The store that most system tests share, so that the built-in images are made once."""
    from tests.stores import Store

    store = Store.make(f"{stores_folder}/shared")
    yield store
    store.end()


@pytest.fixture
def store(session_store: Store) -> Iterator[Store]:
    """The shared store; the test's containers, volumes and images are removed after it."""
    yield session_store
    if os.path.isdir(session_store.home):
        session_store.clear(session_store.engine())
    session_store.close()


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine on the shared store."""
    return store.engine()


@pytest.fixture
def fresh_store(stores_folder: str) -> Iterator[Store]:
    """A store that no other test sees, with a zygote of its own; it ends with the test."""
    from tests.stores import Store

    with tempfile.TemporaryDirectory(dir=stores_folder, ignore_cleanup_errors=True) as folder:
        store = Store.make(f"{folder}/s")
        yield store
        store.end()


@pytest.fixture
def fresh_engine(fresh_store: Store) -> Engine:
    """An engine on a store of its own."""
    return fresh_store.engine()
