import json

import pytest

from nbcontainer.errors import (
    Corrupt,
    DigestMismatch,
    EngineError,
    ImageNotFound,
    NotFound,
    Unsupported,
)
from nbcontainer.registry.answers import refusal_code
from nbcontainer.registry.transfer import upload
from nbcontainer.spec.descriptor import OCI_INDEX, OCI_MANIFEST, Platform
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.manifest import Index, Manifest
from nbcontainer.values import replace
from tests.blobs import Memory, describe, noise, put_image
from tests.registries import client
from tests.scripted import scripted


def test_an_image_goes_up_and_comes_down(each_client):
    each_client.ping()
    layer = noise(100_000)
    manifest = put_image(each_client, "me/app", "v1", layer)
    fetched = each_client.manifest("me/app", "v1")
    assert fetched.document == manifest
    assert fetched.descriptor.digest == sha256(manifest.to_json())
    by_digest = each_client.manifest("me/app", str(fetched.descriptor.digest))
    assert by_digest.data == fetched.data
    assert each_client.manifest_digest("me/app", "v1") == fetched.descriptor.digest
    assert each_client.manifest_digest("me/app", "v2") is None
    assert each_client.has_blob("me/app", sha256(layer))
    assert not each_client.has_blob("me/app", sha256(b"other"))
    assert each_client.blob("me/app", sha256(layer)).all(200_000) == layer
    answer = each_client.blob("me/app", sha256(layer), 99_990)
    assert (answer.status, answer.all(100)) == (206, layer[99_990:])
    assert each_client.blob("me/app", sha256(layer), 200_000).status == 416
    assert each_client.small_blob("me/app", manifest.config)


def test_lists_and_deletion(each_client):
    put_image(each_client, "me/app", "v1", b"one")
    put_image(each_client, "me/app", "v2", b"two")
    put_image(each_client, "you/app", "latest", b"one")
    assert sorted(each_client.tags("me/app")) == ["v1", "v2"]
    assert each_client.catalog() == ["me/app", "you/app"]
    digest = each_client.manifest_digest("me/app", "v1")
    each_client.delete_manifest("me/app", str(digest))
    with pytest.raises(ImageNotFound, match="^manifest unknown"):
        each_client.manifest("me/app", "v1")
    with pytest.raises(NotFound, match="^name unknown: repository name not known to registry"):
        each_client.tags("no/app")


def test_an_index_leads_to_its_manifests(each_client):
    manifest = put_image(each_client, "me/app", "amd", b"one")
    data = manifest.to_json()
    entry = replace(describe(data, OCI_MANIFEST), platform=Platform())
    index = Index((entry,))
    each_client.put_manifest("me/app", "all", OCI_INDEX, index.to_json())
    found = each_client.manifest("me/app", "all").document
    assert isinstance(found, Index)
    assert found.choose(Platform())[0].digest == sha256(data)


def test_a_manifest_of_missing_parts_is_refused(each_client):
    manifest = Manifest(describe(b"config"), (describe(b"layer"),))
    with pytest.raises(EngineError) as caught:
        each_client.put_manifest("me/app", "v1", OCI_MANIFEST, manifest.to_json())
    assert refusal_code(caught.value) or "blob" in str(caught.value)


def test_what_refers_to_a_manifest_is_found(registry):
    ours = client(registry.host)
    image = put_image(ours, "me/app", "v1", b"layer")
    subject = describe(image.to_json(), OCI_MANIFEST).to_json()
    upload(ours, "me/app", describe(b"{}"), Memory(b"{}"))
    document = json.loads(Manifest(describe(b"{}"), ()).to_json())
    document |= {"subject": subject, "artifactType": "application/x.signature"}
    data = json.dumps(document).encode()
    ours.put_manifest("me/app", str(sha256(data)), OCI_MANIFEST, data)
    (found,) = ours.referrers("me/app", sha256(image.to_json())).manifests
    assert (found.digest, found.artifact_type) == (sha256(data), "application/x.signature")
    assert ours.referrers("me/app", sha256(b"nobody")).manifests == ()


def test_an_older_registry_keeps_referrers_under_a_tag(tmp_path):
    digest = sha256(b"subject")
    entry = describe(b"signature", OCI_MANIFEST)
    index = Index((entry,)).to_json()

    def answer(call):
        if "referrers" in call.path:
            return 404, {}, b"404 page not found"
        assert call.path.endswith(f"/manifests/{str(digest).replace(':', '-')}")
        return 200, {"Content-Type": OCI_INDEX}, index

    with scripted(answer) as host:
        assert client(host).referrers("a", digest).manifests == (entry,)


# What a registry may say that is not so

MANIFEST = Manifest(describe(b"config"), ()).to_json()


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ({"Docker-Content-Digest": sha256(b"other")}, MANIFEST, DigestMismatch),
        ({"Docker-Content-Digest": "sha256:short"}, MANIFEST, Corrupt),
        ({"Content-Type": OCI_INDEX}, MANIFEST, Corrupt),
        ({}, b"<html>", Corrupt),
        ({}, b"[]", Corrupt),
        ({}, b"[" * 100_000, Corrupt),
        ({}, b" " * (5 << 20), Corrupt),
        (
            {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"},
            b'{"schemaVersion": 1}',
            Unsupported,
        ),
        ({}, b'{"schemaVersion": 1}', Unsupported),
    ],
)
def test_a_manifest_that_is_not_what_it_says_is_refused(headers, body, error):
    def answer(call):
        return 200, {"Content-Type": OCI_MANIFEST, **headers}, body

    with scripted(answer) as host, pytest.raises(error):
        client(host).manifest("a", "v1")


def test_a_manifest_with_another_digest_than_was_asked_for_is_refused():
    with (
        scripted(lambda call: (200, {"Content-Type": OCI_MANIFEST}, MANIFEST)) as host,
        pytest.raises(DigestMismatch),
    ):
        client(host).manifest("a", str(sha256(b"wanted")))


def test_pages_are_followed_and_a_circle_ends():
    def answer(call):
        link = {"Link": '</v2/a/tags/list?n=1&last=x>; rel="next"'}
        return 200, link, b'{"tags": ["x"]}'

    with scripted(answer) as host:
        assert client(host).tags("a") == ["x"]


@pytest.mark.parametrize("body", [b"nonsense", b'{"tags": {"a": 1}}', b'{"tags": [1]}', b"[1]"])
def test_a_list_that_is_none_is_refused(body):
    with scripted(lambda call: (200, {}, body)) as host, pytest.raises(Corrupt):
        client(host).tags("a")


def test_something_else_at_the_address_is_no_registry():
    with (
        scripted(lambda call: (200, {}, b"<html>welcome</html>")) as host,
        pytest.raises(Unsupported, match="no registry answers there"),
    ):
        client(host).ping()


def test_an_upload_without_an_address_is_refused():
    with (
        scripted(lambda call: (202, {}, b"")) as host,
        pytest.raises(Corrupt, match="does not say"),
    ):
        client(host).begin_upload("a")
    with (
        scripted(lambda call: (202, {"Location": "file:///etc/passwd"}, b"")) as host,
        pytest.raises(Corrupt),
    ):
        client(host).begin_upload("a")
