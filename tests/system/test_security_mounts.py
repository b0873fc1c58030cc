"""Mounts that a container or an image tries to lead out of the root."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nbcontainer.errors import EngineError
from tests.system.aftermath import scaled
from tests.system.crafted import derive, directory, file, link
from tests.system.inside import ask

if TYPE_CHECKING:
    from nbcontainer.engine import Engine

# swaps a directory and a link for ever, as the attack on CVE-2021-30465 does
FLIP = """
os.makedirs("/shared/target", exist_ok=True)
if not os.path.islink("/shared/link"):
    os.symlink(%r, "/shared/link")
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end and not os.path.exists("/shared/stop"):
    libc.renameat2(-100, b"/shared/target", -100, b"/shared/link", 2)  # RENAME_EXCHANGE
"""

MOUNTED = """
lines = [line.split() for line in read("/proc/self/mountinfo").splitlines()]
with open("/proc/self/mountinfo") as f: text = f.read()
targets = [words[4] for words in lines]
answer([targets, os.path.exists("/etc/passwd"), os.listdir("/")])
"""


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of the host with one file, that must stay as it is."""
    folder = tmp_path / f"victim-{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "kept").write_text("host")
    return folder


def unchanged(victim: Path) -> bool:
    with open("/proc/self/mountinfo") as mounts:
        text = mounts.read()
    inside = sorted(path.name for path in victim.iterdir())
    return (
        str(victim) not in text and inside == ["kept"] and (victim / "kept").read_text() == "host"
    )


@pytest.mark.slow
def test_cve_2021_30465_a_racing_volume_gets_no_mount_outside(engine: Engine, victim: Path) -> None:
    from tests.system.inside import PRELUDE

    way_out = "/" + "../" * 20 + str(victim).lstrip("/")
    flipper = engine.run_session(
        "python", ["python3", "-c", PRELUDE + FLIP % way_out], volume=["flip-shared:/shared"]
    )
    chunk = flipper.read(timeout=30)
    assert chunk is not None
    assert b"ready" in chunk.data
    landed = set()
    for _ in range(60):
        try:
            done = engine.run(
                "toolbox",
                ["sh", "-c", "cat /proc/self/mountinfo; echo x > /shared/target/left 2>/dev/null"],
                rm=True,
                volume=["flip-shared:/shared", "flip-inner:/shared/target"],
            )
        except EngineError:
            continue  # a link in the middle of its change
        finally:
            assert unchanged(victim)
        landed |= {line.split()[4] for line in done.stdout.decode().splitlines() if "flip" in line}
    engine.kill(flipper.id)
    flipper.close()
    allowed = {"/shared", "/shared/target", "/shared/link", str(victim)}
    assert landed <= allowed, "a mount landed where nobody asked for it"


@pytest.mark.parametrize("kind", ["volume", "bind", "tmpfs"])
@pytest.mark.parametrize("target", ["/way", "/way/deeper", "/up/x", "/self/x"])
def test_cve_2018_15664_a_mounts_target_is_resolved_inside_the_root(
    engine: Engine, tmp_path: Path, victim: Path, kind: str, target: str
) -> None:
    image = derive(
        engine,
        tmp_path,
        "links-out",
        [
            link("way", str(victim)),
            link("up", "../../../../../../../../.." + str(victim)),
            link("self", "/proc/self/root/.." + str(victim)),
        ],
        base="python",
    )
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    flags = {
        "volume": {"volume": [f"links-out:{target}"]},
        "bind": {"volume": [f"{source}:{target}"]},
        "tmpfs": {"tmpfs": [target]},
    }[kind]
    try:
        ask(engine, f'answer(attempt(put, "{target}/new", "x"))', image=image, **flags)
    except EngineError:
        pass
    assert unchanged(victim)


def test_a_read_only_bind_cannot_be_written_through_any_name(
    engine: Engine, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("host")
    os.chmod(source, 0o777)
    os.chmod(source / "file", 0o666)
    answers = ask(
        engine,
        """
answer([attempt(put, "/data/file", "x"), attempt(os.mkdir, "/data/new"),
        attempt(put, "/proc/self/root/data/file", "x"),
        attempt(put, "/proc/self/cwd/file", "x"),
        mount(None, "/data", None, 0x20 | 0x1000)])
""",
        volume=[f"{source}:/data:ro"],
        workdir="/data",
    )
    assert set(answers) <= {"EROFS", "EPERM", "EACCES"}
    assert (source / "file").read_text() == "host"


def test_a_bind_source_that_is_a_link_shows_what_was_named_at_that_moment(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "which").write_text("good")
    (tmp_path / "name").symlink_to(tmp_path / "good")
    done = engine.run("toolbox", ["cat", "/d/which"], rm=True, volume=[f"{tmp_path / 'name'}:/d"])
    assert done.stdout == b"good"


def test_set_user_id_programs_of_a_bind_give_nothing(engine: Engine, tmp_path: Path) -> None:
    found = ask(
        engine,
        """
import shutil
shutil.copy("/proc/self/exe", "/tmp/suid")
os.chmod("/tmp/suid", 0o4755)
os.setresgid(1000, 1000, 1000)
os.setresuid(1000, 1000, 1000)
import subprocess
said = subprocess.run(["/tmp/suid", "-c", "import os; print(os.geteuid())"], capture_output=True)
answer([said.stdout.decode().strip(), said.stderr.decode()[-200:]])
""",
    )
    assert found[0] in ("1000", "0", "")
    if engine.host.features.id_count > 1:
        assert found[0] != "0", "no_new_privs must keep a set-user-ID program from working"


def test_etc_files_of_ours_are_not_written_through_an_images_links(
    engine: Engine, tmp_path: Path, victim: Path
) -> None:
    entries = [
        directory("etc"),
        link("etc/hosts", str(victim / "kept")),
        link("etc/hostname", "/proc/self/root" + str(victim / "kept")),
        link("etc/resolv.conf", "/etc/passwd"),
        file("etc/passwd", "root:x:0:0::/:/bin/sh\n"),
    ]
    image = derive(engine, tmp_path, "etc-links", entries, base="python")
    found = ask(engine, 'answer([read("/etc/passwd"), read("/etc/hosts")])', image=image)
    assert found[0] == "root:x:0:0::/:/bin/sh\n"
    assert "localhost" in found[1]
    assert unchanged(victim)


@pytest.mark.slow
def test_cve_2026_41579_every_start_has_every_mask_while_a_volume_races(
    engine: Engine, victim: Path
) -> None:
    from tests.system.inside import PRELUDE

    flipper = engine.run_session(
        "python", ["python3", "-c", PRELUDE + FLIP % "/proc"], volume=["flip-shared:/shared"]
    )
    chunk = flipper.read(timeout=30)
    assert chunk is not None
    assert b"ready" in chunk.data
    look = ["sh", "-c", "cut -d' ' -f5,6 /proc/self/mountinfo | grep -E '^/(proc|sys)/'"]
    wanted = engine.run("toolbox", look, rm=True).stdout
    assert b"/proc/kcore " in wanted or b"/proc/keys " in wanted
    started = 0
    for _ in range(scaled(60, 500)):
        volumes = ["flip-shared:/shared", "flip-inner:/shared/target"]
        try:
            done = engine.run("toolbox", look, rm=True, volume=volumes)
        except EngineError:
            continue  # a link in the middle of its change
        started += 1
        # where the link stood the volume hides all of /proc, and there is nothing to see
        assert done.stdout in (wanted, b"")
    engine.kill(flipper.id)
    flipper.close()
    assert started
    assert unchanged(victim)
