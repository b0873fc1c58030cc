import pytest

from nbcontainer.errors import (
    DigestMismatch,
    EngineError,
    NotFound,
    RegistryUnreachable,
    SizeMismatch,
    Unsupported,
)
from nbcontainer.registry.transfer import Persistence, Sent, download, upload
from nbcontainer.registry.transport import Patience
from nbcontainer.spec.digest import sha256
from nbcontainer.values import replace
from tests.blobs import Memory, describe, noise
from tests.registries import client
from tests.scripted import scripted

BLOB = noise(3_000_000)
ABOUT = describe(BLOB)
QUICK = Persistence(failures=5, first_s=0.0)


@pytest.mark.parametrize("size", [0, 1, 1000, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_a_blob_goes_up_and_comes_down(each_client, size):
    data = noise(size)
    done = []
    about = describe(data)
    assert upload(each_client, "a", about, Memory(data), report=done.append) == Sent("pushed")
    assert not size or done[-1] == size
    assert upload(each_client, "a", about, Memory()) == Sent("exists")
    sink = Memory(wanted=about.digest)
    download(each_client, "a", about, sink)
    assert sink.committed
    assert sink.data == data


def test_a_blob_that_another_repository_has_does_not_travel(each_client):
    upload(each_client, "a", ABOUT, Memory(BLOB))
    source = Memory(BLOB)
    assert upload(each_client, "b", ABOUT, source, mounts=("nobody", "a")) == Sent("mounted", "a")
    assert source.read == 0


def test_what_arrived_before_is_not_fetched_again(registry):
    ours = client(registry.host)
    upload(ours, "a", ABOUT, Memory(BLOB))
    sink = Memory(BLOB[:2_900_000], wanted=ABOUT.digest)
    download(ours, "a", ABOUT, sink)
    assert sink.data == BLOB
    assert [e["sent"] for e in registry.log() if e["status"] == 206] == [100_000]


@pytest.mark.parametrize("offset", [0, 1, 511, 65_536, 1_000_000, 1_048_576, 2_000_000, 2_999_999])
def test_a_cut_download_goes_on_where_it_was_cut(offset):
    sent = 0
    cuts = iter([True, True])

    def answer(call):
        nonlocal sent
        start = int(call.headers.get("range", "bytes=0-")[6:-1])
        stop = min(len(BLOB), start + offset) if next(cuts, False) else len(BLOB)
        status = 206 if start else 200
        headers = {"Content-Length": str(len(BLOB) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(BLOB) - 1}/{len(BLOB)}"
        sent += stop - start
        return status, headers, iter([BLOB[start:stop]])

    with scripted(answer) as host:
        sink = Memory(wanted=ABOUT.digest)
        download(client(host), "a", ABOUT, sink, persistence=QUICK, wait=lambda s: None)
    assert sink.data == BLOB
    assert sent <= 1.1 * len(BLOB)


def test_a_reset_and_a_stall_are_got_past():
    tries = []

    def answer(call):
        tries.append(call.headers.get("range"))
        if len(tries) == 1:
            return None
        if len(tries) == 2:

            def stalling():
                yield BLOB[:1000]
                call.connection.settimeout(5)
                call.connection.recv(1)  # until the client gives up

            return 200, {"Content-Length": str(len(BLOB))}, stalling()
        start = int((tries[-1] or "bytes=0-")[6:-1])
        span = {"Content-Range": f"bytes {start}-{len(BLOB) - 1}/{len(BLOB)}"}
        return (206, span, BLOB[start:]) if start else (200, {}, BLOB)

    with scripted(answer) as host:
        patient = client(host, patience=Patience(1.0, 0.3))
        sink = Memory(wanted=ABOUT.digest)
        download(patient, "a", ABOUT, sink, persistence=QUICK, wait=lambda s: None)
    assert sink.data == BLOB
    assert tries[2] == "bytes=1000-"


def test_a_registry_that_ignores_the_range_costs_bytes_and_no_mistake():
    with scripted(lambda call: (200, {}, BLOB)) as host:
        sink = Memory(BLOB[:1_500_000], wanted=ABOUT.digest)
        download(client(host), "a", ABOUT, sink)
    assert sink.data == BLOB


def test_a_part_that_does_not_join_is_fetched_anew():
    calls = []

    def answer(call):
        calls.append(call.headers.get("range"))
        if len(calls) == 1:
            return 206, {"Content-Range": f"bytes 2000-{len(BLOB) - 1}/{len(BLOB)}"}, BLOB[2000:]
        return 200, {}, BLOB

    with scripted(answer) as host:
        sink = Memory(BLOB[:1000], wanted=ABOUT.digest)
        download(client(host), "a", ABOUT, sink, persistence=QUICK, wait=lambda s: None)
    assert sink.data == BLOB
    assert calls == ["bytes=1000-", None]


def test_more_bytes_than_announced_are_refused():
    with scripted(lambda call: (200, {}, BLOB + b"x")) as host, pytest.raises(SizeMismatch):
        download(client(host), "a", ABOUT, Memory())


def test_an_endless_blob_is_refused_in_time():
    def endless():
        while True:
            yield bytes(1 << 16)

    with scripted(lambda call: (200, {}, endless())) as host, pytest.raises(SizeMismatch):
        download(client(host), "a", ABOUT, Memory())


def test_fewer_bytes_than_announced_end_in_an_error():
    with scripted(lambda call: (200, {}, BLOB[:-1])) as host, pytest.raises(RegistryUnreachable):
        download(client(host), "a", ABOUT, Memory(), persistence=QUICK, wait=lambda s: None)


def test_other_bytes_are_never_kept():
    sink = Memory(wanted=ABOUT.digest)
    with scripted(lambda call: (200, {}, bytes(len(BLOB)))) as host, pytest.raises(DigestMismatch):
        download(client(host), "a", ABOUT, sink)
    assert not sink.committed


def test_a_layer_that_is_kept_elsewhere_is_not_looked_for_there():
    asked = []

    def elsewhere(call):
        asked.append(call)
        return 200, {}, BLOB

    with scripted(elsewhere) as foreign, scripted(lambda call: (404, {}, b"")) as host:
        about = replace(ABOUT, urls=(f"http://{foreign}/layer",))
        with pytest.raises(Unsupported, match="kept outside of the registry"):
            download(client(host), "a", about, Memory())
    assert asked == []


def test_a_blob_that_is_not_there_is_not_waited_for():
    with scripted(lambda call: (404, {}, b"")) as host, pytest.raises(NotFound):
        download(client(host), "a", ABOUT, Memory())


# Uploads


class Cutting:
    """A registry in front of which the connection is cut after so many bytes of a PATCH."""

    def __init__(self, keeps):
        self.keeps = keeps
        self.data = bytearray()
        self.cuts = 1
        self.done = False

    def __call__(self, call):
        here = {"Location": "/v2/a/blobs/uploads/1", "Range": f"0-{max(0, len(self.data) - 1)}"}
        if call.method == "HEAD":
            return (200 if self.done else 404), {}, b""
        if call.method == "POST":
            self.data.clear()
            return 202, here, b""
        if call.method == "GET":
            return 204, here, b""
        if call.method == "PATCH":
            start = int(call.headers["content-range"].partition("-")[0])
            assert start == len(self.data)
            if self.cuts:
                self.cuts -= 1
                self.data += call.body[: self.keeps]
                return None
            self.data += call.body
            here["Range"] = f"0-{len(self.data) - 1}"
            return 202, here, b""
        if call.method == "PUT":
            self.done = True
            assert sha256(bytes(self.data)) == ABOUT.digest
            return 201, {}, b""
        return 202, {}, b""


@pytest.mark.parametrize("keeps", [0, 1, 2, 65_536, 2_999_999, 3_000_000])
def test_a_cut_upload_goes_on_where_it_was_cut(keeps):
    registry = Cutting(keeps)
    source = Memory(BLOB)
    with scripted(registry) as host:
        sent = upload(client(host), "a", ABOUT, source, persistence=QUICK, wait=lambda s: None)
    assert sent == Sent("pushed")
    assert bytes(registry.data) == BLOB


def test_an_upload_that_never_gets_on_ends_and_is_given_up():
    methods = []

    def answer(call):
        methods.append(call.method)
        if call.method == "PATCH":
            return None
        return {"HEAD": (404, {}, b""), "DELETE": (202, {}, b""), "GET": (404, {}, b"")}.get(
            call.method, (202, {"Location": "/v2/a/blobs/uploads/1"}, b"")
        )

    with scripted(answer) as host, pytest.raises(RegistryUnreachable):
        upload(client(host), "a", ABOUT, Memory(BLOB), persistence=QUICK, wait=lambda s: None)
    assert methods.count("PATCH") == QUICK.failures
    assert methods[-1] == "DELETE"


def test_a_lost_answer_is_no_lost_blob():
    there = False

    def answer(call):
        nonlocal there
        if call.method == "HEAD":
            return (200 if there else 404), {}, b""
        if call.method == "PUT":
            there = True
            return None
        return 202, {"Location": "/v2/a/blobs/uploads/1"}, b""

    with scripted(answer) as host:
        small = b"small"
        sent = upload(client(host), "a", describe(small), Memory(small), persistence=QUICK,
                      wait=lambda s: None)  # fmt: skip
    assert sent == Sent("pushed")


def test_a_source_that_is_cut_short_is_not_taken_for_the_blob(registry):
    with pytest.raises(EngineError):
        upload(client(registry.host), "a", ABOUT, Memory(BLOB[:-5]), persistence=QUICK,
               wait=lambda s: None)  # fmt: skip
    assert not registry.storage.has_blob("a", ABOUT.digest)
