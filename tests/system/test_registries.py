"""Images move between stores by registries: pull, push, login, search, run --pull."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator

import pytest

from nbcontainer.engine import Engine
from nbcontainer.engine.pull import own_platform
from nbcontainer.errors import (
    Conflict,
    DigestMismatch,
    EngineError,
    ImageNotFound,
    InvalidArgument,
    RateLimited,
    ReferenceInvalid,
    RegistryDenied,
    RegistryUnreachable,
    Unavailable,
    Unsupported,
)
from nbcontainer.registry.server import Rules
from nbcontainer.settings import Settings
from nbcontainer.spec.descriptor import OCI_INDEX, OCI_MANIFEST, Platform
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.manifest import Index
from nbcontainer.store.incoming import remove_abandoned
from nbcontainer.under_way import LayerProgress
from nbcontainer.values import replace
from tests.blobs import describe, noise, put_image
from tests.needs import needs
from tests.registries import ACCOUNT, Ours, client, close_all, free_port, ours
from tests.scripted import scripted
from tests.stores import Store
from tests.tars import member, tar

pytestmark = needs("userns")

SMALL = tar([member("etc", "dir"), member("etc/made", data=b"by a test\n")])
OTHER = tar([member("srv", "dir"), member("srv/page", data=noise(200_000))])


@pytest.fixture
def registry(tmp_path: os.PathLike[str]) -> Iterator[Ours]:
    with ours(f"{tmp_path}/registry") as found:
        yield found
    close_all()


def made(engine: Engine, name: str, *commands: str) -> None:
    """Make an image by commands in a toolbox."""
    done = engine.run("toolbox", ["sh", "-c", "; ".join(commands)], name="made", network="none")
    assert done.exit_code == 0, done.stderr  # type: ignore[union-attr]
    engine.commit("made", name)
    engine.rm("made")


def images(engine: Engine) -> set[str]:
    return {f"{row['Repository']}:{row['Tag']}" for row in engine.images()}


# push and pull


def test_an_image_moves_to_another_host_and_runs_there(
    engine: Engine, fresh_engine: Engine, registry: Ours
) -> None:
    name = f"{registry.host}/me/app:v1"
    made(engine, name, "echo hello > /greeting")
    pushed = engine.push(name)
    assert pushed[0] == f"The push refers to repository [{registry.host}/me/app]"
    assert [line.split(": ")[1] for line in pushed[1:3]] == ["Pushed", "Pushed"]
    assert pushed[3].startswith("v1: digest: sha256:")
    pulled = fresh_engine.pull(name)
    assert pulled[0] == "v1: Pulling from me/app"
    assert [line.split(": ")[1] for line in pulled[1:3]] == ["Pull complete", "Pull complete"]
    digest = pushed[3].split(" ")[2]
    assert list(pulled[3:]) == [
        f"Digest: {digest}",
        f"Status: Downloaded newer image for {name}",
        name,
    ]
    # gzip went over the wire, and the image is still the same
    assert fresh_engine.inspect(name)[0]["Id"] == engine.inspect(name)[0]["Id"]
    assert fresh_engine.inspect(name)[0]["RepoDigests"] == [f"{registry.host}/me/app@{digest}"]
    assert fresh_engine.run(name, ["cat", "/greeting"], rm=True).stdout == b"hello\n"  # type: ignore[union-attr]
    kinds = [layer["mediaType"] for layer in fresh_engine.manifest_inspect(name)["layers"]]
    assert all(kind.endswith("+gzip") for kind in kinds)


def test_only_what_is_missing_travels(engine: Engine, fresh_engine: Engine, registry: Ours) -> None:
    first, second = f"{registry.host}/me/app:v1", f"{registry.host}/me/app:v2"
    made(engine, first, "echo one > /one")
    engine.push(first)
    fresh_engine.pull(first)
    engine.run(first, ["sh", "-c", "echo two > /two"], name="again", network="none")
    engine.commit("again", second)
    pushed = engine.push(second)
    assert [line.split(": ")[1] for line in pushed[1:4]] == [
        "Pushed",
        "Layer already exists",
        "Layer already exists",
    ]
    before = len(registry.log())
    pulled = fresh_engine.pull(second)
    assert [line.split(": ")[1] for line in pulled[1:4]] == [
        "Already exists",
        "Already exists",
        "Pull complete",
    ]
    blobs = [e for e in registry.log()[before:] if "/blobs/" in e["path"]]
    assert len(blobs) == 2  # the config and one layer
    # another repository of the same registry shares what is there
    engine.tag(second, f"{registry.host}/you/app:v2")
    assert [line.split(": ")[1] for line in engine.push(f"{registry.host}/you/app:v2")[1:4]] == [
        "Mounted from me/app"
    ] * 3


def test_what_is_there_is_only_asked_for(engine: Engine, registry: Ours) -> None:
    put_image(client(registry.host), "me/app", "v1", SMALL)
    name = f"{registry.host}/me/app:v1"
    engine.pull(name)
    before = len(registry.log())
    assert list(engine.pull(name))[2:] == [
        f"Digest: {client(registry.host).manifest_digest('me/app', 'v1')}",
        f"Status: Image is up to date for {name}",
        name,
    ]
    assert [e["method"] for e in registry.log()[before:]] == ["HEAD", "HEAD"]
    put_image(client(registry.host), "me/app", "v1", SMALL, OTHER)
    assert "Downloaded newer image" in engine.pull(name)[-2]


def test_tags_digests_and_quiet_lines(engine: Engine, registry: Ours) -> None:
    there = client(registry.host)
    digests = {}
    for tag, layer in (("v1", SMALL), ("v2", OTHER), ("latest", SMALL)):
        put_image(there, "me/app", tag, layer)
        digests[tag] = there.manifest_digest("me/app", tag)
    name = f"{registry.host}/me/app"
    assert engine.pull(name)[0] == "Using default tag: latest"
    assert list(engine.pull(f"{name}:v2", quiet=True)) == [f"{name}:v2"]
    by_digest = f"{name}@{digests['v1']}"
    assert engine.pull(by_digest)[-1] == by_digest
    lines = engine.pull(name, all_tags=True)
    assert [line for line in lines if "Pulling" in line] == [
        f"{tag}: Pulling from me/app" for tag in ("latest", "v1", "v2")
    ]
    assert images(engine) >= {f"{name}:{tag}" for tag in ("latest", "v1", "v2")}
    rows = {row["Tag"]: row["Digest"] for row in engine.images(name, digests=True)}
    assert rows["v2"] == digests["v2"]


def test_all_tags_of_a_repository_are_pushed(engine: Engine, registry: Ours) -> None:
    name = f"{registry.host}/me/hello"
    for tag in ("a", "b"):
        engine.tag("hello-world", f"{name}:{tag}")
    lines = engine.push(name, all_tags=True)
    assert [line.partition(":")[0] for line in lines if "digest: " in line] == ["a", "b"]
    assert client(registry.host).tags("me/hello") == ["a", "b"]
    assert list(engine.push(f"{name}:a", quiet=True)) == [f"{name}:a"]


def test_what_came_from_a_registry_goes_back_as_it_came(
    engine: Engine, registry: Ours, tmp_path: os.PathLike[str]
) -> None:
    put_image(client(registry.host), "me/app", "v1", SMALL)
    digest = client(registry.host).manifest_digest("me/app", "v1")
    engine.pull(f"{registry.host}/me/app:v1")
    with ours(f"{tmp_path}/second") as second:
        engine.tag(f"{registry.host}/me/app:v1", f"{second.host}/copy:v1")
        engine.push(f"{second.host}/copy:v1")
        assert client(second.host).manifest_digest("copy", "v1") == digest


def test_one_image_is_chosen_for_the_platform(engine: Engine, registry: Ours) -> None:
    there = client(registry.host)
    entries = []
    for architecture, layer in (("amd64", SMALL), ("arm64", OTHER)):
        image = put_image(there, "me/app", architecture, layer, architecture=architecture)
        data = image.to_json()
        platform = Platform("linux", architecture)
        entries.append(replace(describe(data, OCI_MANIFEST), platform=platform))
    inner = Index(tuple(entries)).to_json()
    there.put_manifest("me/app", str(sha256(inner)), OCI_INDEX, inner)
    # an index of an index, as some tools write them
    outer = Index(
        tuple(replace(describe(inner, OCI_INDEX), platform=e.platform) for e in entries)
    ).to_json()
    there.put_manifest("me/app", "all", OCI_INDEX, outer)
    name = f"{registry.host}/me/app:all"
    engine.pull(name, platform="linux/arm64")
    assert engine.inspect(name)[0]["RootFS"]["Layers"] == [sha256(OTHER)]
    engine.pull(name, platform="amd64")
    assert engine.inspect(name)[0]["RootFS"]["Layers"] == [sha256(SMALL)]
    with pytest.raises(ImageNotFound, match="no matching manifest for linux/s390x"):
        engine.pull(name, platform="linux/s390x")
    assert engine.manifest_inspect(name)["mediaType"] == OCI_INDEX
    (one,) = engine.manifest_inspect(f"{registry.host}/me/app:amd64", verbose=True)
    assert one["Ref"] == f"{registry.host}/me/app:amd64"
    assert one["Descriptor"]["platform"] == {"architecture": "amd64", "os": "linux"}
    there.put_manifest("me/app", "inner", OCI_INDEX, inner)
    told = engine.manifest_inspect(f"{registry.host}/me/app:inner", verbose=True)
    assert [one["Ref"] for one in told] == [
        f"{registry.host}/me/app:inner@{entry.digest}" for entry in entries
    ]
    assert [one["Descriptor"]["platform"]["architecture"] for one in told] == ["amd64", "arm64"]


def test_an_index_that_names_no_platform_is_looked_through(engine: Engine, registry: Ours) -> None:
    there = client(registry.host)
    inner = []
    for architecture, layer in (("arm64", OTHER), (own_platform().architecture, SMALL)):
        image = put_image(there, "me/app", architecture, layer, architecture=architecture).to_json()
        index = Index((describe(image, OCI_MANIFEST),)).to_json()
        there.put_manifest("me/app", str(sha256(index)), OCI_INDEX, index)
        inner.append(describe(index, OCI_INDEX))
    there.put_manifest("me/app", "all", OCI_INDEX, Index(tuple(inner)).to_json())
    name = f"{registry.host}/me/app:all"
    engine.pull(name)
    assert engine.inspect(name)[0]["RootFS"]["Layers"] == [sha256(SMALL)]
    with pytest.raises(ImageNotFound, match="no matching manifest for linux/s390x"):
        engine.pull(name, platform="linux/s390x")


def test_an_image_for_another_platform_comes_with_a_warning(engine: Engine, registry: Ours) -> None:
    put_image(client(registry.host), "me/app", "v1", SMALL)
    name = f"{registry.host}/me/app:v1"
    assert engine.pull(name, platform="linux/s390x")[-2] == (
        f"WARNING: image with reference {name} was found but does not match the specified platform: "
        "wanted linux/s390x, actual: linux/amd64"
    )
    assert not any("WARNING" in line for line in engine.pull(name, platform="linux/amd64"))


@pytest.mark.parametrize("part", ["config", "layer"])
def test_what_is_no_image_is_refused(engine: Engine, registry: Ours, part: str) -> None:
    there = client(registry.host)
    image = put_image(there, "me/app", "v1", SMALL)
    kind = "application/vnd.oci.empty.v1+json"
    other = (
        replace(image, config=replace(image.config, media_type=kind))
        if part == "config"
        else replace(image, layers=(replace(image.layers[0], media_type=kind),))
    )
    there.put_manifest("me/app", "v2", OCI_MANIFEST, other.to_json())
    with pytest.raises(Unsupported, match=f"^unsupported media type {re.escape(kind)}$"):
        engine.pull(f"{registry.host}/me/app:v2")
    assert not [name for name in images(engine) if name.startswith(registry.host)]


def test_nothing_is_said_to_be_pulled_before_it_was_found(engine: Engine, registry: Ours) -> None:
    said = []
    with pytest.raises(ImageNotFound):
        for item in engine.pull_session(f"{registry.host}/me/app"):
            said.append(item)
    assert said == ["Using default tag: latest"]


def test_many_who_pull_one_image_fetch_each_blob_once(engine: Engine, registry: Ours) -> None:
    put_image(client(registry.host), "me/app", "v1", SMALL)
    name = f"{registry.host}/me/app:v1"
    everybody = threading.Barrier(6)

    def pull() -> None:
        one = Engine(engine.host.settings)
        everybody.wait()
        one.pull(name)
        one.host.close()

    threads = [threading.Thread(target=pull) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registry.asked("GET", "/blobs/")) == 2


def test_progress_tells_each_layer_and_an_event_the_end(engine: Engine, registry: Ours) -> None:
    put_image(client(registry.host), "me/app", "v1", SMALL, OTHER)
    events = engine.events(filter="type=image")
    items = list(engine.pull_session(f"{registry.host}/me/app:v1"))
    layers = [item for item in items if isinstance(item, LayerProgress)]
    assert {layer.id for layer in layers} == {sha256(SMALL).short, sha256(OTHER).short}
    assert layers[-1].status == "Pull complete"
    assert next(events).action == "pull"
    events.close()


# what is refused, and in which words


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (
            ("login", "http://me:canary@r.example"),
            InvalidArgument,
            r"^invalid registry: 'http://\*\*\*@r.example'$",
        ),
        (("search", "me:canary@r.example/x"), InvalidArgument, r"^invalid registry: '\*\*\*@r.ex"),
        (("pull", "scratch"), InvalidArgument, "^'scratch' is a reserved name$"),
        (("pull", "UPPER"), ReferenceInvalid, "must be lowercase"),
        (("pull", "a:b:c"), ReferenceInvalid, "invalid reference format"),
        (
            ("push", "no-such"),
            ImageNotFound,
            "An image does not exist locally with the tag: no-such",
        ),
        (("push", f"a@sha256:{'0' * 64}"), InvalidArgument, "cannot push a digest reference"),
    ],
)
def test_what_cannot_be_is_refused_before_anybody_is_asked(
    engine: Engine, arguments: tuple[str, str], error: type[EngineError], words: str
) -> None:
    verb, name = arguments
    with pytest.raises(error, match=words):
        getattr(engine, verb)(name)


def test_a_tag_and_all_tags_do_not_go_together(engine: Engine) -> None:
    for verb in (engine.pull, engine.push):
        with pytest.raises(InvalidArgument, match="tag can't be used with --all-tags/-a"):
            verb("nginx:latest", all_tags=True)


def test_what_is_not_there_is_said_in_dockers_words(engine: Engine, registry: Ours) -> None:
    put_image(client(registry.host), "me/app", "v1", SMALL)
    name = f"{registry.host}/me/app:v9"
    with pytest.raises(ImageNotFound, match=f"manifest for {name} not found: manifest unknown"):
        engine.pull(name)
    with pytest.raises(RegistryUnreachable, match="connect: connection refused"):
        engine.pull(f"127.0.0.1:{free_port()}/x")


def test_a_layer_that_is_not_what_it_says_is_not_kept(engine: Engine, registry: Ours) -> None:
    there = client(registry.host)
    put_image(there, "me/app", "v1", SMALL, OTHER)
    # the registry's disk is damaged: the same length, other bytes
    path = registry.storage.blob_path(sha256(OTHER))
    with open(path, "r+b") as file:
        file.seek(5000)
        file.write(b"damaged")
    with pytest.raises(DigestMismatch):
        engine.pull(f"{registry.host}/me/app:v1")
    assert f"{registry.host}/me/app:v1" not in images(engine)
    engine.image_prune()
    assert not os.path.exists(engine.host.layout.blob(sha256(OTHER)))


def test_a_layer_with_a_wrong_diff_id_is_not_kept(engine: Engine, registry: Ours) -> None:
    there = client(registry.host)
    manifest = put_image(there, "me/app", "v1", SMALL)
    config = json.loads(there.small_blob("me/app", manifest.config))
    config["rootfs"]["diff_ids"] = [sha256(b"something else")]
    data = json.dumps(config).encode()
    from nbcontainer.registry.transfer import upload
    from tests.blobs import Memory

    upload(there, "me/app", describe(data), Memory(data))
    wrong = replace(manifest, config=replace(describe(data), media_type=manifest.config.media_type))
    there.put_manifest("me/app", "wrong", OCI_MANIFEST, wrong.to_json())
    with pytest.raises(DigestMismatch, match="but its image says"):
        engine.pull(f"{registry.host}/me/app:wrong")
    assert not any("me/app" in name for name in images(engine))


def test_schema_1_is_refused_by_name(engine: Engine) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    with (
        scripted(lambda call: (200, {"Content-Type": kind}, b'{"schemaVersion": 1}')) as host,
        pytest.raises(Unsupported, match="schema 1 is not supported"),
    ):
        engine.pull(f"{host}/old")
    close_all()


def test_a_limit_says_when_it_ends(engine: Engine, tmp_path: os.PathLike[str]) -> None:
    with ours(f"{tmp_path}/r", rules=Rules(rate_limit=1, window_s=3600)) as registry:
        put_image(client(registry.host), "a", "v1", SMALL)
        put_image(client(registry.host), "a", "v2", OTHER)
        engine.pull(f"{registry.host}/a:v1")
        with pytest.raises(RateLimited, match="^toomanyrequests: ") as caught:
            engine.pull(f"{registry.host}/a:v2")
        assert "answers again at" in str(caught.value.hint)
    close_all()


# accounts


@pytest.mark.parametrize("tokens", [False, True])
def test_an_account_opens_a_registry(
    engine: Engine, store: Store, tmp_path: os.PathLike[str], tokens: bool
) -> None:
    with ours(f"{tmp_path}/r", account=ACCOUNT, tokens=tokens) as registry:
        name = f"{registry.host}/me/hello:v1"
        engine.tag("hello-world", name)
        with pytest.raises(RegistryDenied):
            engine.push(name)
        with pytest.raises(RegistryDenied):
            engine.login(registry.host, username=ACCOUNT[0], password="wrong")
        said = engine.login(registry.host, username=ACCOUNT[0], password=ACCOUNT[1])
        assert said[0].startswith("WARNING! Your password will be stored unencrypted in ")
        assert said[-1] == "Login Succeeded"
        assert list(engine.login(registry.host))[-1] == "Login Succeeded"
        engine.push(name)
        engine.rmi(name)
        engine.pull(name)
        assert list(engine.logout(registry.host)) == [
            f"Removing login credentials for {registry.host}"
        ]
        assert list(engine.logout(registry.host)) == [f"Not logged in to {registry.host}"]
        engine.rmi(name)
        with pytest.raises(RegistryDenied, match="pull access denied|no basic auth credentials"):
            engine.pull(name)
    close_all()


def test_a_password_is_nowhere_to_be_seen(store: Store, tmp_path: os.PathLike[str]) -> None:
    with ours(f"{tmp_path}/r", account=ACCOUNT, tokens=True) as registry:
        secret = ACCOUNT[1].encode()
        name = f"{registry.host}/me/hello:v1"
        said = []
        done = store.cli(
            "login", "-u", ACCOUNT[0], "--password-stdin", registry.host, stdin=secret + b"\n"
        )
        assert done.returncode == 0, done.stderr
        said.append(done)
        said.append(store.cli("tag", "hello-world", name))
        said.append(store.cli("push", name))
        said.append(store.cli("pull", name, env={"NBCONTAINER_DEBUG": "1"}))
        said.append(store.cli("pull", f"{registry.host}/no/such:v1"))
        said.append(store.cli("info"))
        for one in said:
            assert secret not in one.stdout + one.stderr
        found = subprocess.run(
            ["grep", "-rlF", ACCOUNT[1], store.home, store.settings.run, registry.folder],
            capture_output=True,
            text=True,
        )
        assert found.stdout == ""
        config = f"{store.folder}/docker/config.json"
        assert os.stat(config).st_mode & 0o777 == 0o600
        store.cli("logout", registry.host)
    close_all()


# run and create


def test_run_pulls_what_is_missing_and_says_so(store: Store, registry: Ours) -> None:
    engine = store.engine()
    name = f"{registry.host}/me/tools:v1"
    engine.tag("toolbox", name)
    engine.push(name)
    engine.rmi(name)
    done = store.cli("run", "--rm", "--pull", "missing", "--network", "none", name, "echo", "hi")
    assert (done.returncode, done.stdout) == (0, b"hi\n")
    said = done.stderr.decode().splitlines()
    assert said[0] == f"Unable to find image '{name}' locally"
    assert said[1] == "v1: Pulling from me/tools"
    assert said[-1] == f"Status: Downloaded newer image for {name}"
    again = store.cli("run", "--rm", "--pull", "missing", "--network", "none", name, "true")
    assert again.stderr == b""
    always = store.cli("create", "--pull", "always", "-q", "--name", "made", name)
    assert (always.returncode, always.stderr) == (0, b"")
    assert always.stdout.strip()


def test_a_policy_decides_whether_anybody_is_asked(engine: Engine, registry: Ours) -> None:
    put_image(client(registry.host), "me/app", "v1", SMALL)
    name = f"{registry.host}/me/app:v1"
    with pytest.raises(ImageNotFound, match="No such image"):
        engine.create(name, ["x"], pull="never")
    assert registry.asked(kind="manifests") == [
        line for line in registry.asked(kind="manifests") if " 404" in line or "PUT" in line
    ]
    engine.create(name, ["x"], pull="missing")
    with pytest.raises(InvalidArgument, match="invalid pull option: 'sometimes'"):
        engine.create(name, ["x"], pull="sometimes")
    # a built-in image is made, and nobody is asked
    assert engine.run("hello-world", rm=True, pull="missing").exit_code == 0  # type: ignore[union-attr]


def test_what_cannot_be_pulled_ends_with_125(store: Store) -> None:
    done = store.cli("run", "--pull", "missing", f"127.0.0.1:{free_port()}/x", "true")
    assert done.returncode == 125
    assert b"connection refused" in done.stderr


# the registry of one's own, search


@pytest.fixture
def own(fresh_engine: Engine) -> Iterator[str]:
    said = fresh_engine.registry_start(port=0)
    yield said[0].rpartition(" ")[2]
    fresh_engine.registry_stop(volumes=True)


def test_a_registry_of_ones_own_is_watched(fresh_engine: Engine, own: str) -> None:
    engine = fresh_engine
    assert list(engine.registry_start(port=0)) == [f"The registry listens at {own}"]
    with pytest.raises(Conflict, match="runs already"):
        engine.registry_start(port=0, readonly=True)
    engine.pull(f"{own}/library/hello-world")
    engine.tag("hello-world", f"{own}/me/hello:v1")
    engine.push(f"{own}/me/hello:v1")
    log = engine.registry_log()
    assert "manifest library/hello-world:latest" in log["What"]
    assert log[-1]["Means"] == "everything it lists is here: the image is complete"
    assert len(engine.registry_log(tail=2)) == 2
    names = engine.registry_ls().ids
    assert {"me/hello:v1", "library/toolbox:latest"} <= set(names)
    follow = engine.registry_follow(tail=0)
    first: list[str] = []
    thread = threading.Thread(target=lambda: first.append(next(follow)["what"]))
    thread.start()
    while not first and thread.is_alive():
        client(own).ping()
        thread.join(0.05)
    assert first == ["is this a registry?"]
    close_all()


def test_a_built_in_image_travels_from_the_own_registry(fresh_engine: Engine, own: str) -> None:
    name = f"{own}/library/hello-world"
    pulled = fresh_engine.pull(name)
    assert pulled[2].endswith(": Pull complete")
    assert pulled[-2] == f"Status: Downloaded newer image for {name}:latest"
    log = fresh_engine.registry_log()
    blobs = [what for what, method in zip(log["What"], log["Method"], strict=True)
             if method == "GET" and what.startswith("blob ")]  # fmt: skip
    assert len(blobs) == 2  # the config and the layer
    # nothing of the registry's stands among the images of the store
    assert images(fresh_engine) == {f"{name}:latest"}
    fresh_engine.rmi(name)
    assert images(fresh_engine) == set()
    assert fresh_engine.pull(name)[2].endswith(": Pull complete")


def test_a_taken_port_is_said(fresh_engine: Engine, registry: Ours) -> None:
    port = int(registry.host.partition(":")[2])
    with pytest.raises(
        Unavailable, match=f"cannot listen at {registry.host}: address already in use"
    ):
        fresh_engine.registry_start(port=port)
    assert list(fresh_engine.registry_stop()) == ["The registry does not run"]


def test_search_lists_a_registrys_repositories(engine: Engine, registry: Ours) -> None:
    for name in ("me/app", "me/other", "you/app"):
        put_image(client(registry.host), name, "v1", SMALL)
    found = engine.search(f"{registry.host}/app")
    assert found["Name"] == [f"{registry.host}/me/app", f"{registry.host}/you/app"]
    assert len(engine.search(f"{registry.host}/", limit=1)) == 1
    with pytest.raises(InvalidArgument, match="outside the range"):
        engine.search("x", limit=101)


def test_in_lab_mode_the_own_registry_stands_for_docker_hub(fresh_store: Store) -> None:
    environment = fresh_store.environment | {"NBCONTAINER_LAB": "1"}
    engine = Engine(Settings.load(environment))
    try:
        own = engine.registry_start(port=0)[0].rpartition(" ")[2]
        engine.tag("hello-world", f"{own}/library/greeter:v2")
        engine.push(f"{own}/library/greeter:v2")
        assert engine.pull("greeter:v2")[-1] == "docker.io/library/greeter:v2"
        assert engine.search("greet")["Name"] == ["greeter"]
        assert engine.run("greeter:v2", rm=True, network="none").exit_code == 0  # type: ignore[union-attr]
    finally:
        engine.registry_stop(volumes=True)
        engine.close()


# archives and registries


def test_a_pulled_image_is_saved_and_loaded(
    engine: Engine, fresh_engine: Engine, registry: Ours
) -> None:
    put_image(client(registry.host), "me/app", "v1", SMALL, OTHER)
    name = f"{registry.host}/me/app:v1"
    engine.pull(name)
    archive = io.BytesIO()
    engine.save(name, "hello-world", output=archive)
    archive.seek(0)
    assert f"Loaded image: {name}" in fresh_engine.load(archive)


def test_a_pull_that_was_given_up_leaves_what_arrived_for_the_next(
    engine: Engine, registry: Ours
) -> None:
    big = noise(20_000_000, "big")
    put_image(client(registry.host), "me/app", "v1", tar([member("big", data=big)]))
    session = engine.pull_session(f"{registry.host}/me/app:v1")
    for item in session:
        if isinstance(item, LayerProgress) and item.status == "Downloading":
            break
    session.close()
    assert engine.host.blobs.all() is not None
    assert "Pull complete" in "\n".join(engine.pull(f"{registry.host}/me/app:v1"))
    assert remove_abandoned(engine.host.layout) == 0
