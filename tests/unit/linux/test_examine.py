"""The facts that only a fresh process can find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[3])


def examine(home: str, before: str = "") -> dict[str, Any]:
    code = (
        f"import sys; sys.path.append({ROOT!r})\nfrom nbcontainer.linux import examine\n{before}\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{code}examine.main(sys.argv[1])", home],
        capture_output=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def test_the_facts_are_those_of_the_caller(tmp_path: Path) -> None:
    facts = examine(str(tmp_path))
    assert (facts["uid"], facts["gid"]) == (os.getuid(), os.getgid())
    assert set(facts["namespaces"]) >= {"user", "mnt", "pid", "net"}
    assert os.listdir(tmp_path) == []


def test_directories_that_were_there_stay_and_others_go(tmp_path: Path) -> None:
    (tmp_path / "home" / "tmp").mkdir(parents=True)
    examine(str(tmp_path / "home"))
    assert os.listdir(tmp_path / "home") == ["tmp"]
    examine(str(tmp_path / "a" / "b"))
    assert os.listdir(tmp_path) == ["home"]


def test_a_store_that_cannot_be_made_is_named() -> None:
    facts = examine("/proc/no/such")
    assert facts["zygote"]["path"] == "/proc/no"
    assert facts["zygote"]["error"].startswith("E")


def test_a_trial_that_dies_is_told_from_one_that_answers() -> None:
    before = "import os\nexamine._try_namespaces = lambda: os._exit(3)"
    facts = examine("/tmp", before)
    assert facts["namespaces"] == {"error": "the trial ended without an answer"}


def test_the_free_range_overlaps_none_that_is_granted() -> None:
    before = "examine.probe.taken_ids = lambda: ((100000, 65536), (165536, 10), (300000, 5))"
    assert examine("/tmp", before)["free_range"] == 165546
