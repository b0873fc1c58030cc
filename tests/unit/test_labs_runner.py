import io
import os
import sys

import pytest

from nbcontainer import labs_runner
from nbcontainer.errors import HostLacks, NotFound, UsageError
from nbcontainer.labs_runner import Options, Outcome, chosen, find, open_lab, parse, writable

CELL = """{"cell_type": "code", "id": "c%d", "metadata": {"tags": %s}, "outputs": [],
"execution_count": null, "source": %s}"""
BOOK = """{"cells": [%s], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"""


def write_lab(folder, name, *sources, tags="[]"):
    import json

    cells = [CELL % (number, tags, json.dumps(source)) for number, source in enumerate(sources)]
    (folder / f"{name}.ipynb").write_text(BOOK % ", ".join(cells))


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "labs"
    target.mkdir()
    write_lab(target, "01-first", "1 + 1")
    write_lab(target, "02-second", "2 + 2")
    write_lab(target, "10-last", "3 + 3")
    return target


def test_the_options_of_the_command_line_are_read():
    options = parse(["--run", "01", "--timeout=5", "--folder", "x", "--", "--debug"])
    assert options == Options(("01",), run=True, timeout_s=5.0, folder="x", rest=("--debug",))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--walk"], "unknown flag: --walk"),
        (["--timeout"], "flag needs an argument: --timeout"),
        (["--timeout", "soon"], 'invalid argument for "--timeout" flag'),
        (["--port=x"], 'invalid argument for "--port" flag'),
    ],
)
def test_a_bad_command_line_is_refused_in_words(words, sentence):
    with pytest.raises(UsageError, match=sentence):
        parse(words)


def test_help_is_printed_and_nothing_is_done(monkeypatch):
    out = io.StringIO()
    assert labs_runner.main(["--run", "--help"], out) == 0
    assert out.getvalue() == labs_runner.USAGE


def test_labs_are_listed_in_order(folder):
    out = io.StringIO()
    assert labs_runner.main(["--list", "--folder", str(folder)], out) == 0
    assert [line.split()[0] for line in out.getvalue().splitlines()] == [
        "01-first",
        "02-second",
        "10-last",
    ]


def test_a_lab_is_meant_by_its_name_its_file_or_the_start_of_it(folder):
    assert chosen(str(folder), ["10", "01-first", "labs/02-second.ipynb"]) == [
        "10-last",
        "01-first",
        "02-second",
    ]
    assert len(chosen(str(folder), [])) == 3


def test_an_unknown_lab_is_refused_with_those_that_are_there(folder):
    with pytest.raises(NotFound, match="No such lab: 77") as caught:
        chosen(str(folder), ["77"])
    assert "01-first" in caught.value.hint


def test_a_name_that_fits_two_labs_is_refused(folder):
    with pytest.raises(UsageError, match="fits several labs: 01-first, 02-second"):
        chosen(str(folder), ["0"])


def test_the_checkout_in_the_current_folder_comes_first(tmp_path, folder):
    (tmp_path / "nbcontainer").mkdir()
    assert find(str(tmp_path)) == str(folder)


def test_labs_that_were_installed_are_copied_to_be_changed(tmp_path):
    installed = tmp_path / "share" / "nbcontainer" / "labs"
    installed.mkdir(parents=True)
    write_lab(installed, "01-first", "1")
    home = tmp_path / "home"
    home.mkdir()
    out = io.StringIO()
    copy = writable(str(installed), out, str(home))
    assert copy == str(home / labs_runner.COPY)
    assert copy in out.getvalue()
    mine = home / labs_runner.COPY / "01-first.ipynb"
    mine.write_text("my work")
    writable(str(installed), out, str(home))
    assert mine.read_text() == "my work"


def test_labs_of_a_checkout_are_opened_in_place(folder):
    assert writable(str(folder), io.StringIO()) == str(folder)


def test_jupyterlab_is_started_on_the_folder_with_the_lab_open(monkeypatch):
    started = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    options = Options(no_browser=True, port=9999, rest=("--debug",))
    open_lab("/labs", "01-first", options, lambda program, words: started.append(words))
    (words,) = started
    assert words[:3] == [sys.executable, "-m", "jupyterlab"]
    assert "--ServerApp.root_dir=/labs" in words
    assert "--LabApp.default_url=/lab/tree/01-first.ipynb" in words
    assert "--no-browser" in words
    assert "--ServerApp.port=9999" in words
    assert words[-1] == "--debug"
    # Jupyter refuses root unless told
    assert ("--allow-root" in words) == (os.geteuid() == 0)


def test_without_jupyterlab_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(HostLacks, match="JupyterLab is not installed") as caught:
        open_lab("/labs", "", Options())
    assert "nbcontainer[lab]" in caught.value.hint


def test_a_line_says_name_time_and_verdict():
    assert Outcome("01-first", "", 1.25).line.split() == ["01-first", "1.2", "s", "passed"]
    assert "FAILED  cell 2: ValueError: no" in Outcome("x", "cell 2: ValueError: no", 1).line


def test_labs_run_headless_and_one_that_fails_makes_the_exit_code_1(folder):
    write_lab(folder, "02-second", "1", "raise ValueError('so it is')")
    before = (folder / "01-first.ipynb").read_bytes()
    out = io.StringIO()
    assert labs_runner.main(["--run", "--folder", str(folder), "01", "02"], out) == 1
    first, second = out.getvalue().splitlines()
    assert first.endswith("passed")
    assert second.endswith("FAILED  cell 2: ValueError: so it is")
    assert (folder / "01-first.ipynb").read_bytes() == before


def test_an_error_that_a_lab_means_to_show_is_no_failure(folder):
    write_lab(folder, "01-first", "raise ValueError", tags='["raises-exception"]')
    assert labs_runner.main(["--run", "--folder", str(folder), "01"], io.StringIO()) == 0


def test_a_cell_without_end_fails_its_lab(folder):
    write_lab(folder, "01-first", "import threading; threading.Event().wait()")
    out = io.StringIO()
    words = ["--run", "--timeout", "1", "--folder", str(folder), "01"]
    assert labs_runner.main(words, out) == 1
    assert "cell 1: no end after 1 s" in out.getvalue()


def test_a_run_sees_another_store_than_the_users(folder):
    write_lab(
        folder,
        "01-first",
        "import os; home = os.environ['NBCONTAINER_HOME']",
        "assert 'nbc-labs-' in home and os.environ['XDG_RUNTIME_DIR'] in os.path.dirname(home) + '/run'",
    )
    assert labs_runner.main(["--run", "--folder", str(folder), "01"], io.StringIO()) == 0
