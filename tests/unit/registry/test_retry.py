import pytest

from nbcontainer.errors import RegistryUnreachable
from nbcontainer.registry.exchange import Request
from nbcontainer.registry.retry import Policy, Retry


class Registry:
    """Answers with each of the given statuses in turn; an error is raised."""

    def __init__(self, *turns):
        self.turns = list(turns)
        self.asked = 0

    def send(self, request):
        self.asked += 1
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        status, headers = turn if isinstance(turn, tuple) else (turn, {})
        self.status, self.headers = status, headers
        return self

    def close(self):
        pass


def run(*turns, method="GET", once=False, policy=None):
    registry, waited = Registry(*turns), []
    ring = Retry(registry, policy, waited.append)
    try:
        return ring.send(Request(method, "http://x", once=once)).status, registry.asked, waited
    except RegistryUnreachable as error:
        return error, registry.asked, waited


def gone(words="read: connection reset by peer"):
    return RegistryUnreachable(words)


def test_what_passes_is_waited_for_longer_each_time():
    status, asked, waited = run(503, gone(), 502, 200)
    assert (status, asked) == (200, 4)
    assert waited == sorted(waited)
    assert sum(waited) < 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 416, 501])
def test_what_will_not_pass_is_not_tried_again(status):
    assert run(status) == (status, 1, [])


@pytest.mark.parametrize("words", ["no such host", "x509: unknown authority", "connection refused"])
def test_what_is_not_there_is_not_asked_again(words):
    assert run(gone(words))[1:] == (1, [])


@pytest.mark.parametrize(("method", "once"), [("POST", False), ("PATCH", False), ("PUT", True)])
def test_what_may_have_counted_is_not_repeated(method, once):
    assert run(gone(), method=method, once=once)[1:] == (1, [])
    assert run(503, method=method, once=once) == (503, 1, [])


def test_retry_after_is_obeyed_also_for_what_was_not_carried_out():
    assert run((429, {"Retry-After": "3"}), 200) == (200, 2, [3.0])
    assert run((429, {"Retry-After": "3"}), 202, method="POST") == (202, 2, [3.0])
    assert run((503, {"Retry-After": "2"}), 200) == (200, 2, [2.0])


def test_nobody_waits_longer_than_a_person_would():
    assert run((429, {"Retry-After": "3600"})) == (429, 1, [])
    assert run((429, {})) == (429, 1, [])
    status, asked, waited = run(*[(429, {"Retry-After": "12"})] * 5)
    assert (status, asked, waited) == (429, 3, [12.0, 12.0])


def test_it_ends_with_what_it_heard_last():
    error, asked, _ = run(*[gone()] * 9)
    assert isinstance(error, RegistryUnreachable)
    assert asked == Policy().tries
    assert run(*[500] * 9)[:2] == (500, 5)
