import pytest

from nbcontainer.registry import server_log
from nbcontainer.registry.server_log import Entry, Log, meaning, read, words

ENTRY = Entry(1, "docker/1", "GET", "/v2/", "is this a registry?", 200, 0, 2, 0.5, "yes")
DIGEST = "sha256:" + "ab" * 32


def test_entries_are_read_back_from_where_one_left_off(tmp_path):
    path = str(tmp_path / "log")
    assert read(path) == ([], 0)
    log = Log(path)
    log.add(ENTRY)
    (first,), offset = read(path)
    assert first == ENTRY.to_json()
    assert read(path, offset) == ([], offset)
    log.add(ENTRY)
    assert len(read(path, offset)[0]) == 1


def test_half_a_line_and_nonsense_are_left_out(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b'nonsense\n[1]\n{"a": 1}\n{"b"')
    found, offset = read(str(path))
    assert found == [{"a": 1}]
    path.write_bytes(path.read_bytes() + b": 2}\n")
    assert read(str(path), offset)[0] == [{"b": 2}]


def test_a_long_log_is_begun_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(server_log, "LIMIT_BYTES", 500)
    log = Log(str(tmp_path / "log"))
    for _ in range(20):
        log.add(ENTRY)
    assert (tmp_path / "log").stat().st_size < 1000
    assert read(str(tmp_path / "log"), 5000)[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("ping", "", ""), "is this a registry?"),
        (("manifest", "me/app", "v1"), "manifest me/app:v1"),
        (("manifest", "me/app", DIGEST), "manifest me/app@abababababab"),
        (("blob", "me/app", DIGEST), "blob abababababab of me/app"),
        (("uploads", "me/app", ""), "new upload to me/app"),
        (("upload", "me/app", "0123456789"), "upload 01234567 to me/app"),
        (("tags", "me/app", ""), "tags of me/app"),
        (("", "", ""), ""),
    ],
)
def test_a_path_is_told_in_words(path, text):
    assert words(*path) == text


def test_each_step_of_a_push_and_a_pull_has_its_meaning():
    assert "missing" in meaning("blob", "HEAD", 404)
    assert "no need to send" in meaning("blob", "HEAD", 200)
    assert "shared" in meaning("uploads", "POST", 201)
    assert "account" in meaning("manifest", "GET", 401)
    assert "too many" in meaning("manifest", "GET", 429)
    assert meaning("manifest", "GET", 503) == "an error of the registry"
    assert meaning("manifest", "GET", 299) == ""
