"""The page's side: what is shipped is what the sources make, and its words are Python's."""

from __future__ import annotations

import json
import re
import subprocess

from nbcontainer.units import human_duration
from tests.needs import needs
from tests.source import PACKAGE

JS = PACKAGE / "panels" / "js"
STATIC = PACKAGE / "panels" / "static"


@needs("node", "front-end")
def test_the_built_files_are_those_that_the_sources_make(tmp_path):
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=JS, check=True, timeout=120)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made.keys() == {path.name for path in STATIC.iterdir()}
    for name, content in made.items():
        assert content == (STATIC / name).read_bytes(), f"{name} is older than its sources"


@needs("node")
def test_the_front_ends_own_tests_pass():
    tests = sorted(str(path) for path in (JS / "src").glob("*.test.js"))
    done = subprocess.run(["node", "--test", *tests], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]


def test_ages_read_the_same_on_both_sides():
    table = re.search(r"const WORDS = (\[.*?\n\]);", (JS / "src" / "age.test.js").read_text(), re.S)
    rows = json.loads(
        re.sub(r"(\d+) \* 86400", lambda m: str(int(m[1]) * 86400), table[1]).replace(
            "],\n]", "]\n]"
        )
    )
    assert len(rows) > 10
    for seconds, words in rows:
        assert human_duration(seconds) == words


def test_no_page_is_sent_elsewhere_for_anything():
    for path in STATIC.iterdir():
        text = path.read_text()
        addresses = set(re.findall(r"https?://[\w.-]+", text)) - {"http://www.w3.org"}
        # licences name their homes; nothing is loaded from anywhere
        assert not re.search(r"(?:import|fetch|src|url)\s*[(=]?\s*[\"'(]https?://", text), addresses


def test_the_lock_file_holds_exact_versions_of_what_is_named():
    named = json.loads((JS / "package.json").read_text())["devDependencies"]
    locked = json.loads((JS / "package-lock.json").read_text())["packages"]
    for name, version in named.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert locked[f"node_modules/{name}"]["version"] == version
        assert locked[f"node_modules/{name}"]["integrity"].startswith("sha512-")
    assert "resolved" not in json.dumps(locked)
