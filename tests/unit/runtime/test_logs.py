import json
import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.runtime import logs
from nbcontainer.runtime.logs import LINE_LIMIT, Follower, LogWriter


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "log.jsonl")


def writer(path, size=1_000_000, files=3):
    return LogWriter(path, size, files)


def texts(path, **how):
    return [line.data for line in logs.read(path, **how)]


def test_lines_come_back_as_they_were_written(path):
    log = writer(path)
    log.write("stdout", b"one\ntwo\n")
    log.write("stderr", b"three\n")
    log.close()
    assert [(line.stream, line.data) for line in logs.read(path)] == [
        ("stdout", b"one\n"), ("stdout", b"two\n"), ("stderr", b"three\n"),
    ]  # fmt: skip


def test_a_line_in_pieces_is_one_line_and_an_unfinished_one_is_kept(path):
    log = writer(path)
    log.write("stdout", b"he")
    log.write("stdout", b"llo\nwor")
    assert texts(path) == [b"hello\n"]
    log.close()
    assert texts(path) == [b"hello\n", b"wor"]


def test_no_byte_of_a_program_can_forge_a_line(path):
    hostile = b'"}\r{"t":1,"s":"o","l":"forged"}\x00\xff\xe2\x80\xa8\x85 end\n'
    log = writer(path)
    log.write("stdout", hostile)
    log.close()
    assert texts(path) == [hostile]
    with open(path, "rb") as file:
        assert file.read().count(b"\n") == 1


def test_a_line_longer_than_the_limit_is_cut_into_parts(path):
    log = writer(path)
    log.write("stdout", b"x" * (LINE_LIMIT * 2 + 5) + b"\n")
    log.close()
    parts = texts(path)
    assert b"".join(parts) == b"x" * (LINE_LIMIT * 2 + 5) + b"\n"
    assert max(map(len, parts)) <= LINE_LIMIT
    with open(path) as file:
        assert [json.loads(line).get("p", False) for line in file] == [True, True, False]


def test_a_line_without_end_does_not_grow_in_memory(path):
    log = writer(path)
    for _ in range(10):
        log.write("stdout", b"x" * LINE_LIMIT)
    assert sum(map(len, texts(path))) == 10 * LINE_LIMIT
    log.close()


def test_files_rotate_and_the_oldest_goes(path):
    log = writer(path, size=200, files=3)
    for number in range(50):
        log.write("stdout", b"line %d\n" % number)
    log.close()
    assert [os.path.basename(name) for name in logs.files(path)] == [
        "log.jsonl.2", "log.jsonl.1", "log.jsonl",
    ]  # fmt: skip
    assert all(os.path.getsize(name) <= 200 for name in logs.files(path))
    kept = texts(path)
    assert kept[-1] == b"line 49\n"
    assert kept == [b"line %d\n" % number for number in range(50 - len(kept), 50)]


@pytest.mark.parametrize("tail", [0, 1, 3, 49, 50, 500])
def test_the_tail_is_the_last_lines_across_files(path, tail):
    log = writer(path, size=1000, files=100)
    for number in range(50):
        log.write("stdout", b"line %d\n" % number)
    log.close()
    expected = [b"line %d\n" % number for number in range(50)]
    assert texts(path, tail=tail) == (expected[-tail:] if tail else [])


def test_a_follower_gets_each_line_once_across_rotations(path):
    log = writer(path, size=150, files=3)
    log.write("stdout", b"before\n")
    follower = Follower(path)
    seen = texts(path, follower=follower)
    for number in range(6):
        log.write("stdout", b"line %d\n" % number)
        seen += [line.data for line in follower.collect()]
    log.close()
    follower.close()
    assert seen == [b"before\n"] + [b"line %d\n" % number for number in range(6)]


def test_a_follower_may_come_before_the_log(path):
    follower = Follower(path)
    assert follower.collect() == []
    log = writer(path)
    log.write("stdout", b"first\n")
    assert [line.data for line in follower.collect()] == [b"first\n"]
    log.close()
    follower.close()


@pytest.mark.parametrize(
    "line",
    [b"", b"no json", b"[]", b"{}", b'{"t":1,"s":"x","l":""}', b'{"t":"x","s":"o","l":"a"}',
     b'{"t":1,"s":"o","l":5}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_log_line_is_passed_over(line):
    assert logs.parse(line) is None


def test_a_log_that_cannot_be_written_loses_output_and_nothing_else(tmp_path):
    log = writer(str(tmp_path / "absent" / "log.jsonl"))
    log.write("stdout", b"lost\n")
    log.close()


def test_a_container_without_a_log_has_no_lines(path):
    assert texts(path) == texts(path, tail=5) == []


def test_much_output_at_once_is_rotated_line_by_line(path):
    log = writer(path, size=400, files=3)
    log.write("stdout", b"".join(b"line %d\n" % number for number in range(100)))
    log.write("stdout", b"x" * 1000 + b"\n")
    log.write("stdout", b"end\n")
    log.close()
    sizes = [os.path.getsize(name) for name in logs.files(path)]
    assert len(sizes) == 3
    # a line that is longer than a file has one of its own
    assert [size > 400 for size in sizes] == [False, True, False]
    assert texts(path)[-2:] == [b"x" * 1000 + b"\n", b"end\n"]


_PIECES = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.lists(
            st.sampled_from(
                [b"\n", b"a", b"\xff\x00", b'"\\', b"\xc3", b"\xa9", b"x" * 700, b"\r\n"]
            ),
            max_size=40,
        ).map(b"".join),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(_PIECES)
def test_whatever_comes_in_whatever_pieces_is_kept_stream_by_stream(pieces):
    with tempfile.TemporaryDirectory() as folder:
        log = writer(f"{folder}/log.jsonl", size=1 << 30)
        for stream, data in pieces:
            log.write(stream, data)
        log.close()
        lines = list(logs.read(f"{folder}/log.jsonl"))
    for name in ("stdout", "stderr"):
        said = b"".join(data for stream, data in pieces if stream == name)
        assert b"".join(line.data for line in lines if line.stream == name) == said


@settings(max_examples=40, deadline=None)
@given(_PIECES)
def test_what_is_left_after_rotation_are_the_last_lines(pieces):
    with tempfile.TemporaryDirectory() as folder:
        log = writer(f"{folder}/log.jsonl", size=3000, files=2)
        for _, data in pieces:
            log.write("stdout", data + b"\n")
        log.close()
        kept = texts(f"{folder}/log.jsonl")
        for name in logs.files(f"{folder}/log.jsonl"):
            with open(name, "rb") as file:
                # a line is never cut for it
                assert os.path.getsize(name) <= 3000 or len(file.readlines()) == 1
    whole = b"".join(data + b"\n" for _, data in pieces)
    assert whole.endswith(b"".join(kept))
    assert kept or not pieces
