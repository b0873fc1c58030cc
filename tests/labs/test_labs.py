"""Every lab runs top to bottom, and its outputs are the ones that are stored in it."""

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.needs import needs
from tests.source import ROOT

LABS = sorted((ROOT / "labs").glob("*.ipynb"))
CELL_TIMEOUT_S = 120


@contextmanager
def _its_turn():
    """A lab publishes a port whose number its reader sees, so two runs on one host take turns."""
    with socket.socket(socket.AF_UNIX) as turn:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            try:
                # a name that belongs to no file, and goes with its holder
                turn.bind("\0nbcontainer-tests-labs")
                break
            except OSError:
                time.sleep(0.1)
        yield


@needs("userns")
@pytest.mark.parametrize("path", LABS, ids=[path.stem for path in LABS])
def test_the_lab_gives_the_outputs_that_it_shows(path, fresh_store):
    # the notebook kernel is this interpreter, whatever "python3" means to Jupyter here
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null",
        "--rootdir", fresh_store.folder, "--nbval", "--nbval-current-env",
        "--nbval-cell-timeout", str(CELL_TIMEOUT_S), str(path),
    ]  # fmt: skip
    with _its_turn():
        done = subprocess.run(
            command, capture_output=True, text=True, env=fresh_store.environment, timeout=900
        )
    assert done.returncode == 0, done.stdout[-6000:]


def cells(path):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", LABS, ids=[path.stem for path in LABS])
def test_the_lab_is_stored_as_a_reader_wants_it(path):
    book = json.loads(path.read_text())
    assert "widgets" not in book["metadata"]
    for cell in cells(path):
        assert cell["execution_count"] is not None, "stored without its outputs"
        text = json.dumps(cell["outputs"])
        # static HTML only: nothing runs when somebody looks at it elsewhere
        assert "<script" not in text
        assert "application/vnd.jupyter.widget" not in text


@pytest.mark.parametrize("path", LABS, ids=[path.stem for path in LABS])
def test_the_lab_explains_more_than_it_runs(path):
    book = json.loads(path.read_text())
    kinds = [cell["cell_type"] for cell in book["cells"]]
    assert kinds[0] == "markdown"
    assert kinds.count("markdown") >= kinds.count("code") / 2
