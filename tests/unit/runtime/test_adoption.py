import os

import pytest

from nbcontainer.net import netlink
from nbcontainer.runtime import adoption, pipes, wire
from nbcontainer.runtime.cabling import Cabling
from nbcontainer.runtime.sandbox import Sandbox
from nbcontainer.spec.lifecycle import State, Status
from nbcontainer.spec.network import Endpoint
from nbcontainer.spec.runtime import Healthcheck, RestartPolicy, RuntimeConfig

ID = "a" * 64


@pytest.fixture
def ends():
    ours, theirs = wire.pair()
    with ours, theirs:
        yield ours, theirs


def same(a, b):
    return os.path.samestat(os.fstat(a), os.fstat(b))


def handed_over(ends, config, ours, kept=0, entrances=0):
    """Return what the shim got of what it was given."""
    null = [os.open("/dev/null", os.O_RDONLY) for _ in range(kept + entrances)]
    session, lock, listener = (os.dup(ends[0].fileno()) for _ in range(3))
    sandbox = Sandbox((), {}, "1.2.3", 42)
    sandbox.box.kept, sandbox.box.entrances = null[:kept], null[kept:]
    adoption.give(
        ends[0], config, sandbox, owned=True, session=session, lock=lock, listener=listener,
        pipes=ours,
    )  # fmt: skip
    given = adoption.Adoption(*wire.receive(ends[1]))
    assert all(same(each, session) for each in (given.session, given.lock, given.listener))
    adoption.close_all((session, lock, listener, given.session, given.lock, given.listener, *null))
    adoption.close_all((*given.kept, *given.entrances))
    return given


def config(**changes):
    return RuntimeConfig(ID, "web", "nginx", "d", 0, (), (), **changes)


@pytest.mark.parametrize("stdin", [False, True])
def test_pipes_arrive_as_what_they_are(ends, stdin):
    theirs, ours = pipes.make_pipes(stdin=stdin, owner=0)
    given = handed_over(ends, config(open_stdin=stdin), ours, kept=2, entrances=3)
    assert [end >= 0 for end in given.pipes] == [stdin, True, True]
    assert all(same(a, b) for a, b in zip(given.pipes, ours, strict=True) if a >= 0)
    assert (len(given.kept), len(given.entrances)) == (2, 3)
    assert (given.container_id, given.sandbox, given.owned) == (ID, "1.2.3", True)
    for each in (theirs, ours, given.pipes):
        pipes.close_all(each)


def test_one_with_a_terminal_has_no_pipes(ends):
    given = handed_over(ends, config(tty=True, open_stdin=True), (-1, -1, -1))
    assert given.pipes == (-1, -1, -1)
    assert given.keeps_stdin


def test_what_a_long_life_needs_is_said(ends):
    quiet = handed_over(ends, config(tty=True), (-1, -1, -1))
    assert not quiet.has_check
    assert not quiet.is_restarted
    busy = config(
        tty=True, restart=RestartPolicy("always"), healthcheck=Healthcheck(("CMD", "true"))
    )
    given = handed_over(ends, busy, (-1, -1, -1))
    assert given.has_check
    assert given.is_restarted


def test_the_word_that_it_runs_brings_the_terminal_and_what_was_kept_since(ends):
    sandbox = Sandbox((), {}, "1.2.3", 42)
    sandbox.master = os.open("/dev/full", os.O_PATH)
    sandbox.box.kept = [os.open("/dev/null", os.O_PATH), os.open("/dev/zero", os.O_PATH)]
    adoption.say_it_runs(ends[0], State(Status.RUNNING, 42), sandbox, "host", 1)
    data, more = wire.receive(ends[1])
    told = adoption.ItRuns(data, more, has_terminal=True)
    assert told.state == {"status": "running", "pid": 42}
    assert told.mode == "host"
    assert same(told.master, sandbox.master)
    assert [same(kept, sandbox.box.kept[1]) for kept in told.kept] == [True]
    # a quiet container's shim listens to its listener and to the terminal
    assert adoption.to_watch(adoption.QUIET_TERMINAL, (1, 2, 3), data, more) == (3, more[0])
    adoption.close_all(more)
    sandbox.release()


def test_cables_go_over_and_nothing_is_taken_back(ends):
    sandbox = Sandbox((), {}, "1.2.3", 42)
    cabling = sandbox.box.cabling
    cabling.endpoints.append(Endpoint("bridge", "n" * 64, "eth0", "02:42:ac:11:00:02"))
    cabling.inside = netlink.open_socket(netlink.ROUTE)
    cabling.name_sockets = (os.open("/dev/null", os.O_PATH), os.open("/dev/zero", os.O_PATH))
    adoption.say_it_runs(ends[0], State(Status.RUNNING, 42), sandbox, "host", 0)
    cabling.let_go()
    data, more = wire.receive(ends[1])
    told = adoption.ItRuns(data, more, has_terminal=False)
    taken = Cabling()
    taken.take(told.cabling, told.cables, told.mode)
    assert [endpoint.network for endpoint in taken.endpoints] == ["bridge"]
    assert len(taken.name_sockets) == 2
    assert taken.inside is not None
    assert taken.publisher is None
    assert adoption.to_watch(adoption.QUIET, (1, 2, 3, 4, 5, 6), data, more) == (3, 4, 5)
    taken.close()


def test_a_shim_that_is_gone_is_an_os_error(ends):
    ends[1].close()
    with pytest.raises(OSError):
        adoption.say_it_runs(ends[0], State(), Sandbox((), {}), "none", 0)
