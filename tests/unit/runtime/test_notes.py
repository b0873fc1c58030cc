import sys

from nbcontainer.runtime.notes import Notes, note


def test_a_note_is_one_line_that_says_who_and_what(capsys):
    note("shim", ValueError("bad"))
    assert capsys.readouterr().err == "nbcontainer shim: ValueError: bad\n"


def test_a_trace_follows_where_it_is_asked_for(capsys):
    try:
        raise KeyError("k")
    except KeyError as error:
        note("zygote", error, trace=True)
    text = capsys.readouterr().err
    assert text.startswith("nbcontainer zygote: KeyError: 'k'\n")
    assert "test_notes.py" in text


def test_a_full_disk_loses_the_note_and_nothing_else(monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        note("shim", ValueError("bad"))
        monkeypatch.undo()
        try:
            full.close()
        except OSError:
            pass


def test_only_the_first_few_are_written(capsys):
    notes = Notes("shim", most=2)
    for number in range(4):
        notes.add(ValueError(str(number)))
    assert capsys.readouterr().err.count("ValueError") == 2
