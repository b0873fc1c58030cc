"""Who a program becomes: digits are never looked up, groups come from the image, files are bounded."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nbcontainer.errors import EngineError
from tests.system.crafted import derive, directory, file, link
from tests.system.inside import ask

if TYPE_CHECKING:
    from nbcontainer.engine import Engine

WHO = """
fields = dict(l.split(":\\t", 1) for l in read("/proc/self/status").splitlines() if ":\\t" in l)
answer([fields["Uid"].split(), fields["Gid"].split(), fields["Groups"].split(), fields["CapEff"]])
"""

TRAPS = """\
root:x:0:0:root:/root:/bin/sh
1000:x:0:0:digits are no name:/root:/bin/sh
00:x:7:7:neither are these:/:/bin/sh
user:x:1001:1001:user:/home/user:/bin/sh
big:x:4294967296:0:too big:/:/bin/sh
minus:x:-1:0:negative:/:/bin/sh
words:x:zero:0:no number:/:/bin/sh
"""
GROUPS = """\
root:x:0:
staff:x:50:user,1000
extra:x:51:user
1001:x:0:
"""


@pytest.fixture
def image(engine: Engine, tmp_path: Path) -> str:
    """The python image with a passwd full of traps."""
    if engine.host.features.id_count < 2:
        pytest.skip("the store has one id only, so there is nobody to become")
    entries = [directory("etc"), file("etc/passwd", TRAPS), file("etc/group", GROUPS)]
    return derive(engine, tmp_path, "traps", entries, base="python")


@pytest.mark.parametrize(
    ("user", "uid", "gid", "groups"),
    [
        ("1000", "1000", "0", []),
        ("00", "0", "0", []),
        ("0", "0", "0", []),
        ("", "0", "0", []),
        ("user", "1001", "1001", ["50", "51"]),
        ("user:staff", "1001", "50", []),
        ("1000:1001", "1000", "1001", []),
        ("2000:extra", "2000", "51", []),
    ],
)
def test_cve_2026_46680_digits_are_ids_and_cve_2022_36109_groups_are_the_images(
    engine: Engine, image: str, user: str, uid: str, gid: str, groups: list[str]
) -> None:
    uids, gids, found, held = ask(engine, WHO, image=image, user=user)
    assert set(uids) == {uid}
    assert set(gids) == {gid}
    assert set(found) - {gid} == set(groups)
    assert (int(held, 16) == 0) == (uid != "0")


@pytest.mark.parametrize(
    "user",
    [
        "4294967296",
        "4294967295",
        "-1",
        "2147483648",
        "1000:-1",
        "1000:4294967296",
        "big",
        "minus",
        "words",
        "nobody-here",
        "user:nogroup-here",
        "9" * 5000,
        "user\x00root",
        "../root",
    ],
)
def test_an_impossible_user_is_refused_and_never_becomes_root(
    engine: Engine, image: str, user: str
) -> None:
    with pytest.raises(EngineError):
        engine.run(image, ["true"], rm=True, user=user)


def test_cve_2026_47262_a_huge_or_strange_group_file_costs_nothing(
    engine: Engine, image: str
) -> None:
    running = engine.run(image, ["sleep", "600"], detach=True)
    for trick in (
        "truncate -s 1G /etc/group",
        "rm /etc/group; mkfifo /etc/group",
        "rm /etc/group; ln -s /dev/zero /etc/group",
        "rm /etc/group; ln -s /dev/tty /etc/group",
        "rm /etc/group; mkdir /etc/group",
        "rm /etc/passwd; ln -s /dev/urandom /etc/passwd",
    ):
        engine.exec(running.id, ["sh", "-c", trick], user="0")
        begun = time.monotonic()
        done = engine.exec(running.id, ["grep", "Uid", "/proc/self/status"], user="1000")
        assert done.stdout.split()[1:] == [b"1000"] * 4, trick
        assert time.monotonic() - begun < 5, trick


def test_the_hosts_own_passwd_is_never_asked(engine: Engine, tmp_path: Path) -> None:
    entries = [directory("etc"), link("etc/passwd", "/nowhere"), link("etc/group", "/nowhere")]
    image = derive(engine, tmp_path, "nobody", entries, base="python")
    with pytest.raises(EngineError, match="daemon"):
        engine.run(image, ["true"], rm=True, user="daemon")
    assert ask(engine, "answer(os.getuid())", image=image, user="0") == 0


def test_groups_of_whoever_started_the_engine_are_not_inherited(engine: Engine) -> None:
    _, _, groups, _ = ask(engine, WHO)
    assert set(groups) <= {"0", "65534"}
