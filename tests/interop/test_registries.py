"""Real registries and real clients: what one pushes the other pulls, and digests stay what they are."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import RegistryDenied
from nbcontainer.spec.digest import sha256
from tests.blobs import noise, put_image
from tests.needs import needs
from tests.registries import ACCOUNT, client, close_all, debian, htpasswd, ours
from tests.tars import member, tar

pytestmark = needs("userns", "skopeo")

LAYER = tar([member("etc", "dir"), member("etc/made", data=b"by a test\n")])


def run(*command: str, **more: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=["ours", "debian"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "ours":
        with ours(tmp_path / "registry") as registry:
            yield registry.host
    else:
        from tests.needs import check

        check("docker-registry")
        with debian(tmp_path) as found:
            yield found
    close_all()


def skopeo(*words: str) -> str:
    # its accounts of this host lie in a folder that may be closed to who runs the tests
    environment = {**os.environ, "XDG_RUNTIME_DIR": "/nowhere"}
    return run("skopeo", "--insecure-policy", *words, env=environment)


def inspected(name: str) -> dict[str, Any]:
    return json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}"))


def test_skopeo_reads_what_we_push_and_we_pull_what_it_copies(engine: Engine, host: str) -> None:
    name = f"{host}/me/tools:v1"
    engine.run("toolbox", ["sh", "-c", "echo hi > /made"], name="made", network="none")
    engine.commit("made", name)
    said = engine.push(name)
    digest = said[-1].split(" ")[2]
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    assert sha256(raw.encode()) == digest
    copy = f"{host}/you/copy:v2"
    flags = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo("copy", *flags, f"docker://{name}", f"docker://{copy}")
    image_id = engine.inspect(name)[0]["Id"]
    assert f"Digest: {digest}" in engine.pull(copy)
    assert engine.inspect(copy)[0]["Id"] == image_id
    assert engine.run(copy, ["cat", "/made"], rm=True, network="none").stdout == b"hi\n"  # type: ignore[union-attr]
    # what was pulled goes back as it came
    engine.tag(copy, f"{host}/back:v3")
    engine.push(f"{host}/back:v3")
    assert inspected(f"{host}/back:v3") == inspected(name)


@pytest.mark.parametrize("form", ["oci", "v2s2"])
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_skopeo_copies_in_every_form_is_pulled(
    engine: Engine, host: str, tmp_path: Path, form: str, compression: str
) -> None:
    if (form, compression) == ("v2s2", "zstd"):
        pytest.skip("Docker's own format has no zstd")
    archive = tmp_path / "saved.tar"
    put_image(client(host), "plain", "v1", LAYER, tar([member("srv", data=noise(50_000))]))
    engine.pull(f"{host}/plain:v1")
    engine.save(f"{host}/plain:v1", output=str(archive))
    name = f"{host}/me/{form}-{compression}:v1"
    skopeo(
        *("copy", "--dest-tls-verify=false", "--format", form),
        *("--dest-compress", "--dest-compress-format", compression),
        *(f"docker-archive:{archive}", f"docker://{name}"),
    )
    engine.pull(name)
    assert engine.inspect(name)[0]["RootFS"] == engine.inspect(f"{host}/plain:v1")[0]["RootFS"]
    kinds = [layer["mediaType"] for layer in engine.manifest_inspect(name)["layers"]]
    assert all(compression in kind for kind in kinds)
    back = f"{host}/back/{form}-{compression}:v1"
    engine.tag(name, back)
    engine.push(back)
    assert inspected(back) == inspected(name)


@pytest.mark.needs("htpasswd", "docker-registry")
def test_an_account_opens_debians_registry(engine: Engine, tmp_path: Path) -> None:
    with debian(tmp_path, htpasswd(tmp_path)) as host:
        name = f"{host}/me/hello:v1"
        engine.tag("hello-world", name)
        with pytest.raises(RegistryDenied):
            engine.push(name)
        engine.login(host, username=ACCOUNT[0], password=ACCOUNT[1])
        engine.push(name)
        engine.rmi(name)
        engine.pull(name)
        assert engine.search(f"{host}/hello")["Name"] == [f"{host}/me/hello"]
        engine.logout(host)
        credentials = f"{ACCOUNT[0]}:{ACCOUNT[1]}"
        found = skopeo("inspect", "--tls-verify=false", "--creds", credentials, f"docker://{name}")
        assert json.loads(found)["Name"] == f"{host}/me/hello"
    close_all()


@pytest.mark.parametrize("tokens", [False, True])
def test_skopeo_logs_in_at_our_registry(engine: Engine, tmp_path: Path, tokens: bool) -> None:
    with ours(tmp_path / "r", account=ACCOUNT, tokens=tokens) as registry:
        engine.login(registry.host, username=ACCOUNT[0], password=ACCOUNT[1])
        name = f"{registry.host}/me/hello:v1"
        engine.tag("hello-world", name)
        engine.push(name)
        credentials = f"{ACCOUNT[0]}:{ACCOUNT[1]}"
        flags = ("--src-tls-verify=false", "--dest-tls-verify=false")
        creds = ("--src-creds", credentials, "--dest-creds", credentials)
        copy = f"{registry.host}/you/hello:v1"
        skopeo("copy", *flags, *creds, f"docker://{name}", f"docker://{copy}")
        engine.pull(copy)
        engine.logout(registry.host)
    close_all()


@pytest.mark.needs("podman", "root")
def test_podman_pulls_what_we_push_and_we_what_podman_pushes(engine: Engine, host: str) -> None:
    name = f"{host}/me/hello:v1"
    engine.tag("hello-world", name)
    engine.push(name)
    # podman refuses a folder whose name is longer than 50 characters
    with tempfile.TemporaryDirectory(prefix="nbc-") as folder:
        places = ("--root", f"{folder}/p", "--runroot", f"{folder}/r", "--storage-driver", "vfs")
        podman = ("podman", *places)
        run(*podman, "pull", "--tls-verify=false", name)
        run(*podman, "tag", name, f"{host}/podman/hello:v1")
        run(*podman, "push", "--tls-verify=false", f"{host}/podman/hello:v1")
    engine.pull(f"{host}/podman/hello:v1")
    assert engine.run(f"{host}/podman/hello:v1", rm=True, network="none").exit_code == 0  # type: ignore[union-attr]


@pytest.mark.needs("umoci", "root")
def test_umoci_unpacks_what_we_push(engine: Engine, host: str, tmp_path: Path) -> None:
    name = f"{host}/me/tools:v1"
    engine.run("toolbox", ["sh", "-c", "echo hi > /made; rm /bin/tar"], name="made", network="none")
    engine.commit("made", name)
    engine.push(name)
    layout = f"{tmp_path}/layout"
    skopeo("copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{layout}:v1")
    run("umoci", "unpack", "--image", f"{layout}:v1", f"{tmp_path}/bundle")
    assert (tmp_path / "bundle/rootfs/made").read_text() == "hi\n"
    assert not os.path.lexists(tmp_path / "bundle/rootfs/bin/tar")
