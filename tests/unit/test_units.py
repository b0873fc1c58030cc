from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.units import (
    binary_bytes,
    human_bytes,
    human_duration,
    parse_bytes,
    parse_cpus,
    parse_duration,
    parse_rfc3339,
    parse_time,
    rfc3339,
)

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("42", 42), ("42b", 42), ("42B", 42), ("32kb", 32768), ("32KiB", 32768),
        ("32 kb", 32768), ("32.5k", 33280), ("64m", 64 << 20), ("1.5GiB", 3 << 29), ("1t", 1 << 40),
        ("1P", 1 << 50), (".5k", 512), ("1e3", 1000), ("10 ", 10), ("1.", 1),
    ],
)  # fmt: skip
def test_sizes_are_read_as_docker_reads_them(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "invalid size: ''"),
        ("hello", "invalid size: 'hello'"),
        ("-32", "invalid size: '-32'"),
        ("32bb", "invalid suffix: 'bb'"),
        ("32mbb", "invalid suffix: 'mbb'"),
        ("32mmmm", "invalid suffix: 'mmmm'"),
        ("32x", "invalid suffix: 'x'"),
        ("1.2.3", 'strconv.ParseFloat: parsing "1.2.3": invalid syntax'),
        (" 32", 'strconv.ParseFloat: parsing " 32": invalid syntax'),
        ("32  kb", 'strconv.ParseFloat: parsing "32 ": invalid syntax'),
        ("1_000", 'strconv.ParseFloat: parsing "1_000": invalid syntax'),
        ("\u0663k", "invalid size: '\u0663k'"),
        ("9" * 30, f"invalid size: '{'9' * 30}'"),
        ("99999999t", "invalid size: '99999999t'"),
    ],
)
def test_a_bad_size_is_refused_in_dockers_words(text: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_bytes(text)
    assert caught.value.message == sentence


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"), (1, "1B"), (999, "999B"), (1000, "1kB"), (1024, "1.02kB"), (8_310_000, "8.31MB"),
        (187_654_321, "188MB"), (77_900_000, "77.9MB"), (1_500_000_000, "1.5GB"),
        (999_900, "1e+03kB"), (10**27, "1e+03YB"),
    ],
)  # fmt: skip
def test_sizes_are_said_as_dockers_tables_say_them(size: int, text: str) -> None:
    assert human_bytes(size) == text


def test_more_digits_can_be_asked_for() -> None:
    assert human_bytes(1_234_567, 4) == "1.235MB"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0B"), (1024, "1KiB"), (8220622000, "7.656GiB"), (67108864, "64MiB"), (1023, "1023B")],
)
def test_memory_is_said_in_powers_of_two(size: int, text: str) -> None:
    assert binary_bytes(size) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0), ("5s", 5.0), ("1m30s", 90.0), ("1h", 3600.0), ("1.5h", 5400.0), ("500ms", 0.5),
        ("1us", 1e-6), ("1\u00b5s", 1e-6), ("10ns", 1e-8), ("-2s", -2.0), ("+3s", 3.0), (".5s", 0.5),
        ("1h0m0.25s", 3600.25), ("5.s", 5.0),
    ],
)  # fmt: skip
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("abc", 'time: invalid duration "abc"'),
        (".s", 'time: invalid duration ".s"'),
        ("10", 'time: missing unit in duration "10"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1m 30s", 'time: unknown unit "m " in duration "1m 30s"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_a_bad_duration_is_refused_in_gos_words(text: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_duration(text)
    assert caught.value.message == sentence


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "Less than a second"), (0.45, "Less than a second"), (1, "1 second"),
        (45, "45 seconds"), (59.9, "59 seconds"), (60, "About a minute"), (119, "About a minute"),
        (2 * MINUTE, "2 minutes"), (59 * MINUTE + 59, "59 minutes"), (HOUR, "About an hour"),
        (89 * MINUTE, "About an hour"), (90 * MINUTE, "2 hours"), (3 * HOUR, "3 hours"),
        (47 * HOUR, "47 hours"), (48 * HOUR, "2 days"), (13 * DAY, "13 days"), (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"), (60 * DAY, "2 months"), (729 * DAY, "24 months"),
        (730 * DAY, "2 years"), (3650 * DAY, "10 years"),
    ],
)  # fmt: skip
def test_durations_are_said_as_docker_says_them(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("moment_ns", "text", "fixed"),
    [
        (0, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        (10**9, "1970-01-01T00:00:01Z", "1970-01-01T00:00:01.000000000Z"),
        (
            1_700_000_000_120_000_000,
            "2023-11-14T22:13:20.12Z",
            "2023-11-14T22:13:20.120000000Z",
        ),
        (
            1_700_000_000_000_000_001,
            "2023-11-14T22:13:20.000000001Z",
            "2023-11-14T22:13:20.000000001Z",
        ),
    ],
)
def test_moments_are_written_and_read_to_the_nanosecond(
    moment_ns: int, text: str, fixed: str
) -> None:
    assert rfc3339(moment_ns) == text
    assert rfc3339(moment_ns, fixed=True) == fixed
    assert parse_rfc3339(text) == parse_rfc3339(fixed) == moment_ns


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01T00:00:00Z", "2024-02-30", "0" * 500, "\u0662024-01-01"]
)
def test_an_unreadable_creation_time_is_no_time(text: str) -> None:
    assert parse_rfc3339(text) == 0


@pytest.fixture
def two_hours_ahead() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC-2"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("two_hours_ahead")
@pytest.mark.parametrize(
    ("text", "moment_ns"),
    [
        ("10m", (10_000 - 600) * 10**9),
        ("0", 0),
        ("1700000000", 1_700_000_000 * 10**9),
        ("1700000000.5", 1_700_000_000_500_000_000),
        ("1700000000.000000001", 1_700_000_000_000_000_001),
        ("-1.5", -1_500_000_000),
        ("1970-01-02T00:00:00Z", DAY * 10**9),
        ("1970-01-02T00:00:00.25Z", DAY * 10**9 + 250_000_000),
        ("1970-01-02T01:00:00+01:00", DAY * 10**9),
        ("1970-01-01T22:30:00-01:30", DAY * 10**9),
        ("1970-01-02T02:00:00", DAY * 10**9),
        ("1970-01-02T02:00", DAY * 10**9),
        ("1970-01-02", (DAY - 2 * HOUR) * 10**9),
        ("1970-01-02Z", DAY * 10**9),
    ],
)
def test_since_and_until_are_read_in_all_their_forms(text: str, moment_ns: int) -> None:
    assert parse_time(text, 10_000 * 10**9) == moment_ns


@pytest.mark.parametrize("text", ["", "soon", "2024-1-1", "2024-01-32", "1 2", "1.2.3", "5x"])
def test_a_time_that_is_none_is_refused_in_dockers_words(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_time(text, 0)
    assert caught.value.message == f'failed to parse value as time or duration: "{text}"'


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("1", 1.0), ("1.5", 1.5), ("0.01", 0.01), (".5", 0.5), ("3/4", 0.75), ("-1", -1)],
)
def test_processors_are_read(text: str, cpus: float) -> None:
    assert parse_cpus(text) == cpus


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "failed to parse  as a rational number"),
        ("two", "failed to parse two as a rational number"),
        ("1/0", "failed to parse 1/0 as a rational number"),
        ("1 ", "failed to parse 1  as a rational number"),
        ("1.0000000001", "value is too precise"),
        ("1/3", "value is too precise"),
    ],
)
def test_processors_that_are_none_are_refused_in_dockers_words(text: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_cpus(text)
    assert caught.value.message == sentence
