import os
import socket

import pytest

from nbcontainer.errors import (
    Corrupt,
    ImageNotFound,
    RateLimited,
    RegistryDenied,
    Unavailable,
)
from nbcontainer.registry.server import Limit, Rules
from nbcontainer.registry.server_storage import Stored
from nbcontainer.registry.transfer import download, upload
from nbcontainer.spec.descriptor import OCI_MANIFEST
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.document import DOCUMENT_LIMIT_BYTES
from nbcontainer.spec.manifest import Manifest
from tests.blobs import Memory, describe, noise, put_image
from tests.registries import ACCOUNT, client, ours


def talk(host, text):
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), 5) as sock:
        data = b""
        try:
            sock.sendall(text.encode().replace(b"\n", b"\r\n"))
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                data += piece
        except ConnectionError:
            pass  # it need not listen to nonsense to its end
    return data.decode()


def test_each_request_is_told_in_words_without_credentials(tmp_path):
    with ours(tmp_path, account=ACCOUNT, tokens=True) as registry:
        put_image(client(registry.host, ACCOUNT), "me/app", "v1", b"layer")
        log = registry.log()
        text = (tmp_path / "log.jsonl").read_text()
    assert ACCOUNT[1] not in text
    assert "Bearer" not in text
    told = [(e["method"], e["what"].partition(" of ")[0], e["status"]) for e in log]
    assert ("GET", "token", 200) in told
    assert ("PUT", "manifest me/app:v1", 201) in told
    assert log[-1]["means"] == "everything it lists is here: the image is complete"
    assert all(e["means"] for e in log)


def test_chunks_of_http_are_taken_in(registry):
    begun = talk(
        registry.host, "POST /v2/a/blobs/uploads/ HTTP/1.1\nHost: x\nConnection: close\n\n"
    )
    place = next(line for line in begun.splitlines() if line.startswith("Location: "))[10:]
    sent = talk(
        registry.host,
        f"PATCH {place} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nConnection: close\n\n"
        "5;x=y\nhello\n6\n world\n0\nTrailer: x\n\n",
    )
    assert "Range: 0-10" in sent
    done = talk(registry.host, f"PUT {place}?digest={sha256(b'hello world')} HTTP/1.1\nHost: x\n"
                "Content-Length: 0\nConnection: close\n\n")  # fmt: skip
    assert done.startswith("HTTP/1.1 201 ")


@pytest.mark.parametrize(
    "request_text",
    [
        "PATCH /v2/a/blobs/uploads/x HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\n",
        "PUT /v2/a/manifests/v1 HTTP/1.1\nHost: x\nContent-Length: 999\n\nshort",
        "GET /v2/" + "a/" * 40000 + " HTTP/1.1\n\n",
        "nonsense\n\n",
        "GET /v2/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\nHost: x\nConnection: close\n\n",
        "GET /../../etc/passwd HTTP/1.1\nHost: x\nConnection: close\n\n",
    ],
)
def test_nonsense_does_no_harm(registry, request_text):
    assert "root:" not in talk(registry.host, request_text)
    client(registry.host).ping()


def test_a_refused_body_is_not_taken_for_the_next_request(registry):
    asked = client(registry.host)
    for _ in range(3):
        with pytest.raises(Exception, match="manifest invalid"):
            asked.put_manifest("a", "v1", "text/plain", b"GET /v2/ HTTP/1.1\r\n\r\n")
        asked.ping()


@pytest.mark.timeout(30)
def test_a_manifest_that_is_too_long_is_refused_with_an_answer(registry):
    asked = client(registry.host)
    with pytest.raises(Corrupt, match="a manifest has at most"):
        asked.put_manifest("a", "v1", OCI_MANIFEST, b" " * (DOCUMENT_LIMIT_BYTES + 3_000_000))
    asked.ping()
    entry = next(e for e in registry.log() if e["status"] == 413)
    assert entry["means"] == "refused: it is longer than a manifest may be"


def test_a_full_disk_is_told_also_while_a_blob_is_still_sent(registry):
    asked = client(registry.host)
    begin = registry.storage.begin

    def on_a_full_disk():
        upload = begin()
        path = f"{registry.folder}/uploads/{upload}"
        os.unlink(path)
        os.symlink("/dev/full", path)
        return upload

    registry.storage.begin = on_a_full_disk
    data = noise(9_000_000)
    with pytest.raises(Unavailable, match="no space left on device"):
        upload(asked, "a", describe(data), Memory(data))
    told = [e["means"] for e in registry.log() if e["method"] in ("PATCH", "PUT")]
    assert told == ["the registry's disk is full"]


def test_a_readonly_registry_gives_and_does_not_take(tmp_path):
    with ours(tmp_path) as registry:
        put_image(client(registry.host), "a", "v1", b"layer")
    with ours(tmp_path, rules=Rules(readonly=True)) as registry:
        asked = client(registry.host)
        assert asked.manifest("a", "v1")
        with pytest.raises(RegistryDenied, match="may only be read"):
            put_image(asked, "a", "v2", b"other")


def test_a_limit_says_when_it_ends(tmp_path):
    with ours(tmp_path, rules=Rules(rate_limit=2, window_s=3600)) as registry:
        asked = client(registry.host)
        put_image(asked, "a", "v1", b"layer")
        asked.manifest("a", "v1")
        asked.manifest("a", "v1")
        with pytest.raises(RateLimited, match=r"^toomanyrequests: You have reached") as caught:
            asked.manifest("a", "v1")
        assert "answers again at" in caught.value.hint


def test_a_limit_counts_a_window():
    now = [0.0]
    limit = Limit(Rules(rate_limit=2, window_s=60.0), lambda: now[0])
    assert limit.count() is None
    now[0] = 10.0
    assert limit.count() is None
    assert limit.headers() == {"ratelimit-limit": "2;w=60", "ratelimit-remaining": "0;w=60"}
    assert limit.count() == 50.0
    now[0] = 61.0
    assert limit.count() is None
    assert Limit(Rules()).headers() == {}


class Library:
    """A source of one image."""

    def __init__(self, folder):
        config = b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}'
        self.config = describe(config)
        self.path = folder / "config"
        self.path.write_bytes(config)
        data = Manifest(self.config, ()).to_json()
        self.stored = Stored(OCI_MANIFEST, sha256(data), data)

    def repositories(self):
        return ["library/made"]

    def tags(self, name):
        return ["latest"] if name == "library/made" else []

    def manifest(self, name, reference):
        is_ours = name == "library/made" and reference in ("latest", self.stored.digest)
        return self.stored if is_ours else None

    def blob(self, name, digest):
        return str(self.path) if digest == self.config.digest else None


def test_what_the_folder_lacks_may_come_from_elsewhere(tmp_path):
    with ours(tmp_path / "r", source=Library(tmp_path)) as registry:
        asked = client(registry.host)
        found = asked.manifest("library/made", "latest").document
        assert asked.small_blob("library/made", found.config)
        assert asked.tags("library/made") == ["latest"]
        assert asked.catalog() == ["library/made"]
        with pytest.raises(ImageNotFound):
            asked.manifest("library/other", "latest")


def test_what_was_kept_is_there_after_a_new_start(tmp_path):
    data = noise(2_000_000)
    with ours(tmp_path) as registry:
        upload(client(registry.host), "a", describe(data), Memory(data))
    with ours(tmp_path) as registry:
        sink = Memory()
        download(client(registry.host), "a", describe(data), sink)
        assert sink.data == data
