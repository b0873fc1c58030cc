from __future__ import annotations

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.spec.health import healthcheck
from nbcontainer.spec.runtime import Healthcheck


def test_flags_without_a_command_check_nothing() -> None:
    assert healthcheck({"health_interval": "1s"}, None) is None


def test_an_image_may_switch_its_parents_check_off() -> None:
    assert healthcheck({}, Healthcheck(("NONE",))) is None


def test_a_command_of_the_users_keeps_the_images_times() -> None:
    image = Healthcheck(("CMD", "a"), interval_s=7.0)
    assert healthcheck({"health_cmd": "b"}, image) == Healthcheck(
        ("CMD-SHELL", "b"), interval_s=7.0
    )


def test_zero_is_the_default() -> None:
    given = {"health_cmd": "b", "health_interval": "0", "health_retries": 0}
    assert healthcheck(given, None) == Healthcheck(("CMD-SHELL", "b"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"health_timeout": "5"}, '--health-timeout" flag'),
        ({"health_timeout": "-5s"}, "--health-timeout cannot be negative"),
        ({"health_start_period": "1us"}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"health_retries": "x"}, '--health-retries" flag'),
    ],
)
def test_a_bad_time_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        healthcheck({"health_cmd": "true", **given}, None)
