"""What setup.cfg, environment.yml, CONTRIBUTING.md and the package say of each other is true."""

import configparser
import re

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import nbcontainer
from tests.source import ROOT


def _setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def _requirements(text: str) -> dict[str, Requirement]:
    lines = (line.strip() for line in text.splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {requirement.name.lower(): requirement for requirement in found}


@pytest.fixture(scope="module")
def setup():
    return _setup()


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def test_the_environment_has_the_names_and_versions_of_setup(setup, environment):
    wanted = _requirements(setup["options"]["install_requires"])
    wanted |= _requirements(setup["options.extras_require"]["lab"])
    given = {}
    for line in environment["dependencies"]:
        if isinstance(line, dict):
            given |= _requirements("\n".join(item for item in line["pip"] if item != "."))
        else:
            name, _, versions = line.partition(" ")
            given[name] = Requirement(f"{name}{versions}")
    given.pop("pip")
    python = given.pop("python")
    assert python.specifier == SpecifierSet(setup["options"]["python_requires"])
    assert {n: (str(r.specifier), str(r.marker)) for n, r in given.items()} == {
        n: (str(r.specifier), str(r.marker)) for n, r in wanted.items()
    }


def test_the_environment_is_one_that_conda_reads(environment):
    assert set(environment) <= {"name", "channels", "dependencies", "variables", "prefix"}
    assert environment["channels"][0] == "conda-forge"
    assert environment["dependencies"][-1]["pip"][-1] == "."


def test_each_dependency_has_a_range_and_its_reason(setup):
    said = (ROOT / "CONTRIBUTING.md").read_text()
    texts = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    for text in texts:
        for name, requirement in _requirements(text).items():
            assert re.search(rf"\|[^|]*\b{re.escape(name)}\b[^|]*\|", said, re.IGNORECASE), name
            assert requirement.specifier, name


def test_the_version_is_the_same_everywhere(setup):
    assert setup["metadata"]["version"] == nbcontainer.__version__


def test_links_of_the_pages_lead_somewhere():
    broken = []
    for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            if "://" not in target and not (ROOT / target).exists():
                broken.append(f"{page}: {target}")
    assert broken == []


def test_the_test_command_of_the_readme_is_the_one_that_ci_runs():
    assert "pip install '.[test]' && .venv/bin/pytest" in (ROOT / "README.md").read_text()
    run = (ROOT / ".ci" / "run").read_text()
    assert "pip\" install -q '.[lab,test,dev]'" in run
    assert 'venv/bin/pytest" -q' in run
