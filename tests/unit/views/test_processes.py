import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.linux.process_table import ProcessRow
from nbcontainer.views.processes import top_table

NOW = 1_000_000.0
ROW = ProcessRow(
    pid=7, parent=1, uid=0, user="root", started_at=NOW - 100, cpu_s=25.0, terminal="pts/0",
    state="S", resident_bytes=2048, virtual_bytes=4096, command="/bin/sh -c loop",
)  # fmt: skip


def test_without_arguments_it_is_what_ps_ef_shows():
    table = top_table([ROW], "", NOW)
    assert [column.header for column in table.columns] == [
        "UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD",
    ]  # fmt: skip
    row = dict(table[0])
    assert (row["USER"], row["C"], row["TTY"], row["TIME"]) == ("root", "25", "pts/0", "00:00:25")
    assert row["CMD"] == "/bin/sh -c loop"


def test_aux_adds_memory_in_kibibytes():
    row = dict(top_table([ROW], "aux", NOW)[0])
    assert (row["RSS"], row["VSZ"], row["PCPU"], row["STAT"]) == ("2", "4", "25.0", "S")


@pytest.mark.parametrize(
    "args", ["-o comm,args", "-eo comm,args", "-e -o comm -o args", "o comm,args"]
)
def test_chosen_columns_always_show_the_pid(args):
    assert list(top_table([ROW], args, NOW)[0].values()) == ["7", "sh", "/bin/sh -c loop"]


def test_columns_keep_the_order_that_was_asked_for():
    assert list(top_table([ROW], "-o etimes,pid,uid", NOW)[0].values()) == ["100", "7", "0"]


def test_one_that_started_yesterday_shows_the_day():
    old = ROW._replace(started_at=NOW - 200_000)
    assert top_table([old], "", NOW)[0]["STIME"].startswith("Jan")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("-Z", "top: unsupported ps option '-Z'"),
        ("-o nope", "top: unknown column 'nope'"),
        ("-o", "top: unknown column ''"),
    ],
)
def test_other_options_of_ps_are_refused_by_name(args, words):
    with pytest.raises(InvalidArgument) as caught:
        top_table([ROW], args, NOW)
    assert caught.value.message == words
    assert caught.value.hint
