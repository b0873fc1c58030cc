from nbcontainer.views.registry import log_line, log_row

ENTRY = {
    "time": 1_700_000_000_000_000_000,
    "client": "docker/26.1",
    "method": "PATCH",
    "path": "/v2/a/blobs/uploads/1",
    "what": "upload 1 to a",
    "status": 202,
    "received": 1_000_000,
    "sent": 0,
    "seconds": 0.25,
    "means": "bytes of a blob arrive",
}


def test_a_request_is_a_row_with_the_bytes_that_travelled():
    row = log_row(ENTRY)
    assert (row["Bytes"], row["Status"], row["What"]) == ("1MB", "202", "upload 1 to a")
    assert log_row({**ENTRY, "received": 0, "sent": 5})["Bytes"] == "5B"


def test_a_request_is_a_line_for_who_watches():
    line = log_line(ENTRY)
    assert " PATCH  upload 1 to a " in line
    assert line.endswith("202      1MB  bytes of a blob arrive")


def test_a_damaged_entry_is_a_row_too():
    assert log_row({"received": "x", "path": "/v2/"})["What"] == "/v2/"
