import pytest

from nbcontainer.runtime.restarts import LAST_S, STABLE_S, Backoff, is_to_restart
from nbcontainer.spec.runtime import RestartPolicy


@pytest.mark.parametrize(
    ("policy", "code", "count", "again"),
    [
        (RestartPolicy(), 1, 0, False),
        (RestartPolicy("always"), 0, 99, True),
        (RestartPolicy("unless-stopped"), 1, 0, True),
        (RestartPolicy("on-failure"), 0, 0, False),
        (RestartPolicy("on-failure"), 1, 99, True),
        (RestartPolicy("on-failure", 2), 1, 1, True),
        (RestartPolicy("on-failure", 2), 1, 2, False),
    ],
)
def test_the_policy_decides_by_exit_code_and_count(policy, code, count, again):
    assert is_to_restart(policy, code, count) is again


def test_pauses_double_up_to_a_minute():
    backoff = Backoff()
    pauses = [backoff.next_s(0.1) for _ in range(12)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == LAST_S


def test_a_stable_run_begins_the_pauses_anew():
    backoff = Backoff()
    for _ in range(5):
        backoff.next_s(1)
    assert backoff.next_s(STABLE_S) == 0.1
    assert backoff.next_s(1) == 0.2
