import os

import pytest

from nbcontainer.registry.server_storage import Storage, Stored, Wrong
from nbcontainer.spec.descriptor import OCI_MANIFEST
from nbcontainer.spec.digest import Digest, sha256

DATA = b"the bytes of a blob"


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path))


def put(storage, name, data=DATA):
    upload = storage.begin()
    storage.add(upload, None, iter([data]))
    storage.finish(name, upload, sha256(data))
    return sha256(data)


def test_a_blob_belongs_to_the_repositories_that_have_it(storage):
    digest = put(storage, "a")
    assert storage.has_blob("a", digest)
    assert not storage.has_blob("b", digest)
    assert not storage.mount("b", digest, "c")
    assert storage.mount("b", digest, "a")
    storage.delete_blob("a", digest)
    assert storage.has_blob("b", digest)
    with pytest.raises(Wrong) as caught:
        storage.delete_blob("a", digest)
    assert caught.value.code == "BLOB_UNKNOWN"


def test_an_upload_goes_on_where_it_was_also_at_the_next_server(storage, tmp_path):
    upload = storage.begin()
    assert storage.add(upload, 0, iter([DATA[:5]])) == 5
    with pytest.raises(Wrong, match="goes on at byte 5"):
        storage.add(upload, 4, iter([b"x"]))
    later = Storage(str(tmp_path))
    assert later.progress(upload) == 5
    later.add(upload, 5, iter([DATA[5:]]))
    later.finish("a", upload, sha256(DATA))
    assert later.has_blob("a", sha256(DATA))
    assert os.listdir(tmp_path / "uploads") == []


def test_what_arrives_before_a_cut_is_kept(storage):
    upload = storage.begin()

    def cut():
        yield DATA[:3]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        storage.add(upload, None, cut())
    assert storage.progress(upload) == 3


def test_other_bytes_are_refused_and_forgotten(storage):
    upload = storage.begin()
    storage.add(upload, None, iter([b"others"]))
    with pytest.raises(Wrong) as caught:
        storage.finish("a", upload, sha256(DATA))
    assert caught.value.code == "DIGEST_INVALID"
    with pytest.raises(Wrong, match="unknown"):
        storage.progress(upload)


@pytest.mark.parametrize("upload", ["../../etc/passwd", "", "x" * 32, "0" * 31])
def test_an_uploads_name_is_no_path(storage, upload):
    with pytest.raises(Wrong, match="blob upload unknown"):
        storage.progress(upload)


def test_a_longer_digest_is_kept_as_well(storage):
    import hashlib

    digest = Digest("sha512:" + hashlib.sha512(DATA).hexdigest())
    upload = storage.begin()
    storage.add(upload, None, iter([DATA]))
    storage.finish("a", upload, digest)
    assert storage.has_blob("a", digest)


def test_manifests_tags_and_what_refers_to_them(storage):
    stored = Stored(OCI_MANIFEST, sha256(b"{}"), b"{}")
    storage.put_manifest("me/app", stored, "v1")
    storage.put_manifest("me/app", stored, "v2")
    assert storage.manifest("me/app", "v1") == storage.manifest("me/app", stored.digest) == stored
    assert storage.tags("me/app") == ["v1", "v2"]
    assert storage.repositories() == ["me/app"]
    assert storage.is_known("me/app")
    assert not storage.is_known("me")
    storage.delete_manifest("me/app", "v1")
    assert storage.tags("me/app") == ["v2"]
    storage.delete_manifest("me/app", stored.digest)
    assert storage.tags("me/app") == []
    assert storage.repositories() == []
    with pytest.raises(Wrong, match="manifest unknown"):
        storage.manifest("me/app", stored.digest)


def test_a_tag_may_end_as_a_temporary_file_does(storage):
    stored = Stored(OCI_MANIFEST, sha256(b"{}"), b"{}")
    storage.put_manifest("me/app", stored, "v1.tmp")
    assert storage.tags("me/app") == ["v1.tmp"]
    storage.delete_manifest("me/app", stored.digest)
    assert os.listdir(f"{storage.root}/repositories/me/app/_tags") == []


def test_an_upload_that_fills_the_disk_is_gone(storage):
    upload = storage.begin()
    path = f"{storage.root}/uploads/{upload}"
    os.unlink(path)
    os.symlink("/dev/full", path)
    with pytest.raises(OSError, match="No space left"):
        storage.add(upload, None, iter([DATA]))
    assert os.listdir(f"{storage.root}/uploads") == []


def test_a_referrer_goes_with_its_manifest(storage):
    subject = sha256(b"subject")
    data = b'{"subject": {"digest": "%s"}}' % subject.encode()
    stored = Stored(OCI_MANIFEST, sha256(data), data)
    storage.put_manifest("a", stored, "")
    storage.add_referrer("a", subject, {"digest": stored.digest})
    assert storage.referrers("a", subject) == [{"digest": stored.digest}]
    storage.delete_manifest("a", stored.digest)
    assert storage.referrers("a", subject) == []


def test_a_blob_from_elsewhere_is_taken_in_and_stays_where_it_was(storage, tmp_path):
    (tmp_path / "elsewhere").write_bytes(DATA)
    storage.adopt("a", sha256(DATA), str(tmp_path / "elsewhere"))
    storage.adopt("b", sha256(DATA), str(tmp_path / "elsewhere"))
    assert storage.has_blob("a", sha256(DATA))
    assert storage.has_blob("b", sha256(DATA))
    assert (tmp_path / "elsewhere").read_bytes() == DATA
    assert os.listdir(tmp_path / "uploads") == []
