"""A real Docker engine takes what we save, and we take what it saves; it is a daemon of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from nbcontainer.engine import Engine
from tests.needs import lacks, needs

pytestmark = needs("userns", "root", "docker", "dockerd", "unshare")

Docker = Callable[..., str]
START_S = 60.0


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    """Return `docker ARGS` on a daemon in its own network and mount namespace, with its own folder."""
    folder = tempfile.mkdtemp(prefix="nbc-dk-")
    socket, pid_file = f"{folder}/s", f"{folder}/pid"
    daemon = shutil.which("dockerd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or ""
    with open(f"{folder}/log", "wb") as log:
        process = subprocess.Popen(
            ["unshare", "-nm", "--propagation", "private", daemon]
            + ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "-s", "vfs"]
            + [
                "-H",
                f"unix://{socket}",
                "--pidfile",
                pid_file,
                "--iptables=false",
                "--bridge=none",
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def call(*args: str) -> str:
        done = subprocess.run(
            ["docker", *args],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "DOCKER_HOST": f"unix://{socket}", "HOME": folder},
        )
        if done.returncode:
            raise AssertionError(f"docker {' '.join(args)}: {done.stderr}")
        return done.stdout

    try:
        deadline = time.monotonic() + START_S
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                with open(f"{folder}/log") as log_text:
                    lacks("docker", f"dockerd does not start here: {log_text.read()[-300:]}")
            try:
                call("version")
                break
            except AssertionError:
                threading.Event().wait(0.1)
        yield call
    finally:
        # unshare became the daemon, which ends its containerd with itself
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def test_docker_loads_what_we_save(
    engine: Engine, docker: Docker, tmp_path: os.PathLike[str]
) -> None:
    engine.run(
        "toolbox",
        ["sh", "-c", "mkdir /d; echo hi > /d/f; ln /d/f /d/hard; rm /bin/tar; chown 33:44 /d/f"],
        name="made",
    )
    engine.commit("made", "me/web:v1", change=["CMD cat /d/f", "HEALTHCHECK --interval=5s CMD x"])
    engine.tag("me/web:v1", "me/web:v2")
    engine.create("toolbox", name="never")
    engine.commit("never", "empty:1", message="nothing changed")
    path = f"{tmp_path}/ours.tar"
    engine.save("me/web", "hello-world", "empty:1", output=path)
    said = docker("load", "-i", path)
    for name in ("me/web:v1", "me/web:v2", "hello-world:latest", "empty:1"):
        assert f"Loaded image: {name}" in said
        ours = engine.inspect(name, type="image")[0]
        (theirs,) = json.loads(docker("image", "inspect", name))
        assert theirs["Id"] == ours["Id"]
        assert theirs["RootFS"]["Layers"] == ours["RootFS"]["Layers"]
        for key in ("Env", "Cmd", "Entrypoint", "Labels", "Healthcheck"):
            assert (theirs["Config"].get(key) or None) == (ours["Config"].get(key) or None)
    exported = f"{tmp_path}/tree.tar"
    docker("create", "--name", "made", "me/web:v1")
    docker("export", "-o", exported, "made")
    listed = subprocess.run(
        ["tar", "--numeric-owner", "-tvf", exported], capture_output=True, text=True, check=True
    )
    assert "33/44" in listed.stdout
    assert "usr/bin/tar\n" not in listed.stdout
    docker("rm", "made")


def test_we_load_what_docker_saves(
    engine: Engine, docker: Docker, tmp_path: os.PathLike[str]
) -> None:
    engine.run("toolbox", ["sh", "-c", "echo hi > /x"], name="made")
    engine.commit("made", "back:1", change="CMD cat /x")
    first, second = f"{tmp_path}/ours.tar", f"{tmp_path}/theirs.tar"
    engine.save("back:1", output=first)
    docker("load", "-i", first)
    docker("tag", "back:1", "back:2")
    docker("save", "-o", second, "back")
    image_id = engine.inspect("back:1")[0]["Id"]
    engine.rmi("back:1")
    assert sorted(engine.load(second)) == ["Loaded image: back:1", "Loaded image: back:2"]
    assert engine.inspect("back:2")[0]["Id"] == image_id
    assert engine.run("back:2", rm=True).stdout == b"hi\n"


def test_docker_imports_what_we_export_and_the_other_way(
    engine: Engine, docker: Docker, tmp_path: os.PathLike[str]
) -> None:
    engine.run("toolbox", ["sh", "-c", "echo hi > /x"], name="made")
    tree, again = f"{tmp_path}/tree.tar", f"{tmp_path}/again.tar"
    engine.export("made", tree)
    docker("import", "-c", "CMD cat /x", tree, "flat:1")
    docker("create", "--name", "flat", "flat:1")
    docker("export", "-o", again, "flat")
    docker("rm", "flat")
    engine.import_(again, "flat:2", change="CMD cat /x")
    assert engine.run("flat:2", rm=True).stdout == b"hi\n"
