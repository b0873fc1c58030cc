"""CVE-2019-5736: what joins a container must not be reachable for writing through /proc/PID/exe."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import nbcontainer
from nbcontainer.errors import EngineError
from tests.system.crafted import derive, file
from tests.system.inside import PRELUDE

if TYPE_CHECKING:
    from nbcontainer.engine import Engine

MARK = b"PWNED"

# as the exploit: hold each foreign executable by O_PATH, try to write once nobody executes it
LOOP = (
    PRELUDE
    + """
held, written, seen = {}, set(), set()
own = os.stat("/proc/self/exe")
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end and not os.path.exists("/tmp/stop"):
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == str(os.getpid()):
            continue
        for link in (f"/proc/{name}/exe", f"/proc/{name}/root", f"/proc/{name}/cwd"):
            try:
                descriptor = os.open(link, os.O_PATH)
            except OSError:
                continue
            found = os.fstat(descriptor)
            key = (found.st_dev, found.st_ino)
            if link.endswith("exe") and key != (own.st_dev, own.st_ino) and key not in held:
                held[key] = descriptor
                seen.add(os.readlink(link))
            else:
                os.close(descriptor)
    for key, descriptor in held.items():
        # a running program is busy for writing, but not for a change of its mode
        if attempt(os.chmod, f"/proc/self/fd/{descriptor}", 0o777) == "done":
            written.add(key)
        try:
            target = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_APPEND)
        except OSError:
            continue
        os.write(target, b"PW" b"NED")
        os.close(target)
        written.add(key)
answer([len(seen), sorted(seen), len(written)])
"""
)


def digests() -> dict[str, str]:
    """Give mode and hash of the interpreter and its libraries: what runs before a program does."""
    paths = {os.path.realpath(sys.executable)}
    with open("/proc/self/maps") as maps:
        paths |= {line.split()[5] for line in maps if len(line.split()) == 6 and ".so" in line}
    return {
        path: f"{os.stat(path).st_mode:o} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
        for path in paths
        if os.path.isfile(path)
    }


def package_is_clean() -> bool:
    package = Path(nbcontainer.__file__).parent
    return not any(path.read_bytes().endswith(MARK) for path in package.rglob("*.py"))


@pytest.mark.slow
def test_cve_2019_5736_the_interpreter_survives_two_hundred_execs_of_itself(
    engine: Engine, tmp_path: Path
) -> None:
    evil = [
        file("evil", "#!/proc/self/exe\n", 0o755),
        file("usr/bin/evil2", "#!/proc/1/exe\n", 0o755),
    ]
    image = derive(engine, tmp_path, "evil", evil, base="python")
    before = digests()
    session = engine.run_session(image, ["python3", "-c", LOOP])
    chunk = session.read(timeout=30)
    assert chunk is not None
    assert b"ready" in chunk.data
    for number in range(200):
        try:
            engine.exec(session.id, [("/evil", "evil2")[number % 2]])
        except EngineError:
            continue
    engine.exec(session.id, ["touch", "/tmp/stop"])
    said = chunk.data
    while (chunk := session.read(timeout=60)) is not None:
        said += chunk.data
    session.close()
    assert b"ANSWER" in said, said[-2000:]
    assert digests() == before
    assert package_is_clean()


def test_cve_2019_5736_an_image_that_starts_as_our_interpreter_cannot_write_it(
    engine: Engine, tmp_path: Path
) -> None:
    evil = [file("evil", "#!/proc/self/exe\nimport os\nos.chmod('/proc/self/exe', 0o777)\n", 0o755)]
    image = derive(engine, tmp_path, "evil-entry", evil, base="python", Entrypoint=["/evil"])
    before = digests()
    for _ in range(20):
        try:
            done = engine.run(image, rm=True)
        except EngineError:
            continue
        assert done.exit_code != 0
    assert digests() == before
    assert package_is_clean()


def test_what_waits_to_become_a_program_is_out_of_reach_from_inside(engine: Engine) -> None:
    # every process that is seen from inside, at any moment of an exec, refuses to be looked into
    session = engine.run_session("python", ["python3", "-c", LOOP.replace("+ 60", "+ 3")])
    chunk = session.read(timeout=30)
    assert chunk is not None
    said = chunk.data
    for _ in range(40):
        try:
            engine.exec(session.id, ["true"])
        except EngineError:
            continue  # the loop holds the container's own file open for writing
    while (chunk := session.read(timeout=30)) is not None:
        said += chunk.data
    session.close()
    line = next(line for line in said.decode().splitlines() if line.startswith("ANSWER"))
    assert os.path.realpath(sys.executable) not in line
