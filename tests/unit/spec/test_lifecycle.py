import pytest

from nbcontainer.errors import WrongStatus
from nbcontainer.spec.codec import decode, encode
from nbcontainer.spec.lifecycle import ALLOWED, Health, State, Status, require


def test_status_words_are_dockers():
    assert {status.value for status in Status} == {
        "created", "running", "paused", "restarting", "removing", "exited", "dead",
    }  # fmt: skip


@pytest.mark.parametrize("verb", sorted(ALLOWED))
@pytest.mark.parametrize("status", list(Status))
def test_a_verb_applies_in_its_statuses_and_in_no_other(verb, status):
    if status in ALLOWED[verb]:
        require(verb, status, "no")
    else:
        with pytest.raises(WrongStatus, match="^no$") as caught:
            require(verb, status, "no", "do this")
        assert caught.value.hint == "do this"


def test_nothing_that_has_ended_is_alive():
    alive = {status for status in Status if status.is_alive}
    assert alive == {Status.RUNNING, Status.PAUSED, Status.RESTARTING}


def test_a_running_container_cannot_be_started_or_removed():
    assert Status.RUNNING not in ALLOWED["start"] + ALLOWED["remove"]


def test_a_container_whose_shim_was_killed_counts_as_killed():
    state = State(Status.RUNNING, pid=7, pid_start=8, boot_id="b", sandbox="s", started_ns=1)
    truth = state.orphaned(now_ns=9)
    assert (truth.status, truth.pid, truth.exit_code, truth.finished_ns) == (
        Status.EXITED,
        0,
        137,
        9,
    )
    # what is needed to clean up after it is kept
    assert truth.sandbox == "s"
    assert "killed" in truth.error


def test_an_earlier_error_is_not_overwritten_by_the_shims_death():
    assert State(error="no such command").orphaned(1).error == "no such command"


def test_a_state_survives_its_file():
    state = State(Status.PAUSED, pid=1, health=Health("healthy", 2, ({"ExitCode": "0"},)))
    assert decode(State, encode(state)) == state
