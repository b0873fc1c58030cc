import pytest

from nbcontainer.errors import HelperGone
from nbcontainer.runtime.health import HealthMonitor
from nbcontainer.spec.runtime import Healthcheck, RuntimeConfig
from nbcontainer.values import replace

CONFIG = RuntimeConfig("id", "n", "i", "d", 0, (), ("true",), cwd="/srv", user="web")
CHECKED = replace(CONFIG, healthcheck=Healthcheck(("CMD", "ok")))


class Timer:
    def __init__(self, delay_s, call):
        self.delay_s, self.call = delay_s, call

    def cancel(self):
        self.call = None


class FakeLoop:
    """Time passes when a test says so."""

    def __init__(self):
        self.timers = []

    def after(self, delay_s, call):
        self.timers.append(Timer(delay_s, call))
        return self.timers[-1]

    def due(self):
        """Let the newest timer that still stands come due; return its delay."""
        timer = next(timer for timer in reversed(self.timers) if timer.call)
        call, timer.call = timer.call, None
        call()
        return timer.delay_s


class Program:
    """The health command: answers, or does not, as the test says."""

    def __init__(self):
        self.requests, self.killed, self.done = [], 0, None

    def __call__(self, request, done):
        self.requests.append(request)
        self.done = done
        return self.kill

    def kill(self):
        self.killed += 1


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture
def program():
    return Program()


def monitor(loop, program, verdicts=None, **check):
    check = Healthcheck(**({"test": ("CMD", "ok"), "retries": 2} | check))
    return HealthMonitor(loop, replace(CONFIG, healthcheck=check), program, (verdicts or []).append)


def test_a_container_is_starting_until_its_first_success(loop, program):
    told = []
    watch = HealthMonitor(loop, CHECKED, program, told.append)
    assert watch.health.status == "starting"
    loop.due()
    program.done(0, b"fine")
    assert watch.health.status == "healthy"
    assert [verdict.status for verdict in told] == ["healthy"]
    assert watch.health.log[0]["Output"] == "fine"


def test_it_is_unhealthy_after_as_many_failures_as_retries_say(loop, program):
    watch = monitor(loop, program)
    statuses = []
    for _ in range(3):
        loop.due()
        program.done(1, b"")
        statuses.append((watch.health.status, watch.health.failing_streak))
    assert statuses == [("starting", 1), ("unhealthy", 2), ("unhealthy", 3)]
    loop.due()
    program.done(0, b"")
    assert (watch.health.status, watch.health.failing_streak) == ("healthy", 0)


def test_failures_in_the_start_period_do_not_count(loop, program):
    watch = monitor(loop, program, start_period_s=1000, start_interval_s=1, interval_s=30)
    for _ in range(5):
        assert loop.due() == 1
        program.done(1, b"")
    assert (watch.health.status, watch.health.failing_streak) == ("starting", 0)
    loop.due()
    program.done(0, b"")
    assert watch.health.status == "healthy"
    assert next(t for t in reversed(loop.timers) if t.call).delay_s == 30


def test_a_command_that_takes_too_long_is_killed_and_fails(loop, program):
    watch = monitor(loop, program, timeout_s=7)
    loop.due()
    assert loop.due() == 7
    assert program.killed == 1
    assert "exceeded timeout (7s)" in watch.health.log[-1]["Output"]
    # its own end comes later, and is not counted again
    program.done(137, b"")
    assert watch.health.failing_streak == 1


def test_a_command_that_cannot_be_started_fails_with_the_reason(loop):
    def refuses(request, done):
        raise HelperGone("no such file")

    watch = HealthMonitor(loop, CHECKED, refuses, lambda health: None)
    loop.due()
    assert watch.health.failing_streak == 1
    assert watch.health.log[-1]["Output"] == "no such file"


def test_a_line_of_shell_is_run_by_the_images_shell(loop, program):
    monitor(loop, program, test=("CMD-SHELL", "test -e /ready"))
    loop.due()
    request = program.requests[0]
    assert request.args == ("/bin/sh", "-c", "test -e /ready")
    assert (request.cwd, request.user) == ("/srv", "web")


def test_the_last_five_results_are_kept_and_their_output_is_bounded(loop, program):
    watch = monitor(loop, program)
    for number in range(7):
        loop.due()
        program.done(0, b"%d" % number + b"x" * 10_000)
    assert [entry["Output"][0] for entry in watch.health.log] == ["2", "3", "4", "5", "6"]
    assert max(len(entry["Output"]) for entry in watch.health.log) == 4096


def test_a_stopped_monitor_probes_no_more(loop, program):
    monitor(loop, program).stop()
    assert [timer for timer in loop.timers if timer.call] == []


def test_while_it_is_stopped_there_is_no_probe_and_one_under_way_counts_for_nothing(loop, program):
    told = []
    watch = HealthMonitor(loop, CHECKED, program, told.append)
    loop.due()
    watch.stop()
    assert program.killed == 1
    program.done(137, b"")
    assert (told, [timer for timer in loop.timers if timer.call]) == ([], [])
    watch.resume()
    loop.due()
    program.done(0, b"")
    assert [verdict.status for verdict in told] == ["healthy"]
    watch.stop()
    assert program.killed == 1
