"""The distribution-spec's rules, asked of the answers themselves."""

import json

import pytest

from nbcontainer.registry.server_routes import Call, Routes, failure
from nbcontainer.registry.server_storage import Storage, Wrong
from nbcontainer.spec.descriptor import OCI_INDEX, OCI_MANIFEST
from nbcontainer.spec.digest import sha256
from tests.blobs import describe

DATA = b"0123456789"
DIGEST = sha256(DATA)


@pytest.fixture
def ask(tmp_path):
    routes = Routes(Storage(str(tmp_path)), None, False)

    def call(kind, method="GET", name="me/app", reference="", query=None, body=b"", **headers):
        sent = {key.replace("_", "-"): text for key, text in headers.items()}
        made = Call(kind, method, name, reference, query or {}, sent, lambda: iter([body]))
        try:
            return routes.answer(made)
        except Wrong as wrong:
            return failure(wrong)

    return call


def code(reply):
    return reply.status, json.loads(reply.body)["errors"][0]["code"]


def where(reply):
    return reply.headers["Location"].rpartition("/")[2]


def push(ask, data=DATA, name="me/app"):
    upload = where(ask("uploads", "POST", name))
    return ask("upload", "PUT", name, upload, {"digest": sha256(data)}, data)


def manifest(**more):
    config = describe(DATA).to_json()
    return json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [], **more}
    ).encode()


def put(ask, tag="v1", **more):
    push(ask)
    return ask("manifest", "PUT", reference=tag, body=manifest(**more), content_type=OCI_MANIFEST)


# push


def test_a_blob_goes_up_in_one_piece_after_a_post(ask):
    begun = ask("uploads", "POST")
    assert begun.status == 202
    assert begun.headers["Range"] == "0-0"
    done = ask("upload", "PUT", reference=where(begun), query={"digest": DIGEST}, body=DATA)
    assert (done.status, done.headers["Docker-Content-Digest"]) == (201, DIGEST)
    assert ask("blob", "HEAD", reference=DIGEST).length == 10


def test_a_blob_goes_up_with_the_post_alone(ask):
    assert ask("uploads", "POST", query={"digest": DIGEST}, body=DATA).status == 201


def test_a_blob_goes_up_in_pieces_that_must_join(ask):
    upload = where(ask("uploads", "POST"))
    first = ask("upload", "PATCH", reference=upload, body=DATA[:4], content_range="0-3")
    assert (first.status, first.headers["Range"]) == (202, "0-3")
    wrong = ask("upload", "PATCH", reference=upload, body=DATA[:4], content_range="0-3")
    assert code(wrong) == (416, "RANGE_INVALID")
    assert (wrong.headers["Range"], where(wrong)) == ("0-3", upload)
    assert code(ask("upload", "PATCH", reference=upload, content_range="x"))[0] == 416
    told = ask("upload", reference=upload)
    assert (told.status, told.headers["Range"]) == (204, "0-3")
    ask("upload", "PATCH", reference=upload, body=DATA[4:], content_range="4-9")
    done = ask("upload", "PUT", reference=upload, query={"digest": DIGEST})
    assert done.status == 201


def test_an_upload_with_another_digest_is_refused(ask):
    upload = where(ask("uploads", "POST"))
    wrong = ask("upload", "PUT", reference=upload, query={"digest": sha256(b"x")}, body=DATA)
    assert code(wrong) == (400, "DIGEST_INVALID")
    upload = where(ask("uploads", "POST"))
    assert code(ask("upload", "PUT", reference=upload, body=DATA)) == (400, "DIGEST_INVALID")


def test_an_upload_can_be_given_up(ask):
    upload = where(ask("uploads", "POST"))
    assert ask("upload", "DELETE", reference=upload).status == 204
    assert code(ask("upload", reference=upload)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_blob_is_mounted_from_where_it_is(ask):
    push(ask)
    mounted = ask("uploads", "POST", "you/app", query={"mount": DIGEST, "from": "me/app"})
    assert mounted.status == 201
    assert ask("blob", "HEAD", "you/app", DIGEST).status == 200
    other = ask("uploads", "POST", "you/app", query={"mount": sha256(b"x"), "from": "me/app"})
    assert other.status == 202
    assert ask("uploads", "POST", "b", query={"mount": DIGEST, "from": "../me"}).status == 202


def test_a_manifest_needs_its_parts_and_its_kind(ask):
    body = manifest()
    refused = ask("manifest", "PUT", reference="v1", body=body, content_type=OCI_MANIFEST)
    assert code(refused) == (400, "MANIFEST_BLOB_UNKNOWN")
    push(ask)
    for wrong, kind in (
        (body, "text/plain"),
        (body, OCI_INDEX),
        (b"{", OCI_MANIFEST),
        (b"[]", OCI_MANIFEST),
        (b"[" * 99999, OCI_MANIFEST),
        (manifest(schemaVersion=1), OCI_MANIFEST),
        (manifest(layers={}), OCI_MANIFEST),
    ):
        refused = ask("manifest", "PUT", reference="v1", body=wrong, content_type=kind)
        assert code(refused) == (400, "MANIFEST_INVALID")
    other = ask("manifest", "PUT", reference=DIGEST, body=body, content_type=OCI_MANIFEST)
    assert code(other) == (400, "DIGEST_INVALID")
    long = ask("manifest", "PUT", reference="v1", body=b" " * (5 << 20), content_type=OCI_MANIFEST)
    assert code(long) == (413, "SIZE_INVALID")


def test_an_index_needs_its_manifests(ask):
    entry = describe(manifest(), OCI_MANIFEST).to_json()
    body = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    refused = ask("manifest", "PUT", reference="all", body=body, content_type=OCI_INDEX)
    assert code(refused) == (400, "MANIFEST_BLOB_UNKNOWN")
    put(ask)
    assert ask("manifest", "PUT", reference="all", body=body, content_type=OCI_INDEX).status == 201


# pull


def test_a_manifest_is_given_by_tag_and_digest_with_its_kind(ask):
    made = put(ask)
    digest = made.headers["Docker-Content-Digest"]
    for reference in ("v1", digest):
        reply = ask("manifest", reference=reference)
        assert (reply.status, reply.body) == (200, manifest())
        assert reply.headers["Content-Type"] == OCI_MANIFEST
        assert reply.headers["Docker-Content-Digest"] == digest
    assert code(ask("manifest", reference="v2")) == (404, "MANIFEST_UNKNOWN")
    assert code(ask("blob", reference=sha256(b"x"))) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("span", "status", "start", "length"),
    [
        ("bytes=0-3", 206, 0, 4),
        ("bytes=4-", 206, 4, 6),
        ("bytes=-3", 206, 7, 3),
        ("bytes=8-99", 206, 8, 2),
        ("bytes=-99", 206, 0, 10),
        ("bytes=10-", 416, 0, 0),
        ("bytes=5-2", 416, 0, 0),
        ("lines=1-2", 200, 0, 10),
        ("bytes=-", 200, 0, 10),
        ("bytes=0-1,3-4", 200, 0, 10),
    ],
)
def test_ranges(ask, span, status, start, length):
    push(ask)
    reply = ask("blob", reference=DIGEST, range=span)
    assert reply.status == status
    if status != 416:
        assert (reply.start, reply.length) == (start, length)
    if status == 206:
        assert reply.headers["Content-Range"] == f"bytes {start}-{start + length - 1}/10"
    if status == 416:
        assert reply.headers["Content-Range"] == "bytes */10"


# content discovery


def test_tags_come_in_pages(ask):
    for tag in ("a", "b", "c"):
        put(ask, tag)
    first = ask("tags", query={"n": "2"})
    assert json.loads(first.body) == {"name": "me/app", "tags": ["a", "b"]}
    assert first.headers["Link"] == '</v2/me/app/tags/list?n=2&last=b>; rel="next"'
    second = ask("tags", query={"n": "2", "last": "b"})
    assert json.loads(second.body)["tags"] == ["c"]
    assert "Link" not in second.headers
    assert json.loads(ask("tags", query={"n": "0"}).body)["tags"] == []
    assert code(ask("tags", query={"n": "x"})) == (400, "PAGINATION_NUMBER_INVALID")
    assert code(ask("tags", name="no/body")) == (404, "NAME_UNKNOWN")


def test_repositories_come_in_pages(ask):
    put(ask)
    assert json.loads(ask("catalog", name="").body) == {"repositories": ["me/app"]}


def test_referrers_are_listed_and_filtered(ask):
    subject = describe(b"anything", OCI_MANIFEST).to_json()
    made = put(ask, "sig", subject=subject, artifactType="a/b", annotations={"k": "v"})
    assert made.headers["OCI-Subject"] == subject["digest"]
    reply = ask("referrers", reference=subject["digest"])
    assert reply.headers["Content-Type"] == OCI_INDEX
    (found,) = json.loads(reply.body)["manifests"]
    assert (found["artifactType"], found["annotations"]) == ("a/b", {"k": "v"})
    other = ask("referrers", reference=subject["digest"], query={"artifactType": "x"})
    assert json.loads(other.body)["manifests"] == []
    assert other.headers["OCI-Filters-Applied"] == "artifactType"
    assert json.loads(ask("referrers", reference=DIGEST).body)["manifests"] == []


# content management


def test_tags_manifests_and_blobs_are_deleted(ask):
    digest = put(ask).headers["Docker-Content-Digest"]
    put(ask, "v2")
    assert ask("manifest", "DELETE", reference="v1").status == 202
    assert ask("manifest", reference="v2").status == 200
    assert ask("manifest", "DELETE", reference=digest).status == 202
    assert code(ask("manifest", reference="v2")) == (404, "MANIFEST_UNKNOWN")
    assert code(ask("manifest", "DELETE", reference=digest)) == (404, "MANIFEST_UNKNOWN")
    assert ask("blob", "DELETE", reference=DIGEST).status == 202
    assert code(ask("blob", "DELETE", reference=DIGEST)) == (404, "BLOB_UNKNOWN")


# refusals


@pytest.mark.parametrize(
    "name", ["Me/App", "me//app", "../x", "_me", "a/_blobs/b", "a" * 256, "me/.x"]
)
def test_a_name_that_is_none_is_refused(ask, name):
    assert code(ask("tags", name=name)) == (400, "NAME_INVALID")


@pytest.mark.parametrize("tag", ["..", "-x", "a" * 129, "a b"])
def test_a_tag_that_is_none_is_refused(ask, tag):
    assert code(ask("manifest", reference=tag)) == (400, "TAG_INVALID")


@pytest.mark.parametrize("digest", ["sha256:x", "md5:" + "0" * 32, "sha256:../../x"])
def test_a_digest_that_is_none_is_refused(ask, digest):
    assert code(ask("blob", reference=digest)) == (400, "DIGEST_INVALID")
    assert code(ask("manifest", reference=digest)) == (400, "DIGEST_INVALID")


def test_what_is_not_offered_is_refused(ask):
    for kind in ("ping", "catalog", "tags", "referrers"):
        assert code(ask(kind, "DELETE", reference=DIGEST)) == (405, "UNSUPPORTED")
    assert code(ask("blob", "PUT", reference=DIGEST)) == (405, "UNSUPPORTED")
    assert code(ask("manifest", "POST", reference="v1")) == (405, "UNSUPPORTED")
    assert code(ask("uploads", "GET")) == (405, "UNSUPPORTED")


def test_a_registry_to_be_read_is_not_written(tmp_path):
    routes = Routes(Storage(str(tmp_path)), None, True)
    call = Call("uploads", "POST", "a", "", {}, {}, lambda: iter([]))
    with pytest.raises(Wrong) as caught:
        routes.answer(call)
    assert (caught.value.code, caught.value.status) == ("DENIED", 403)
