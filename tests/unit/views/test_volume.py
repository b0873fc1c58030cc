from __future__ import annotations

from nbcontainer.views.volume import inspect, volume_row


def test_a_volume_has_dockers_row_and_document() -> None:
    row = volume_row("vol", "/v/_data", {"a": "b"}, links=1)
    assert (row["Driver"], row["Labels"], row["Size"]) == ("local", "a=b", "N/A")
    document = inspect("vol", "/v/_data", {}, 1_500_000_000)
    assert document["CreatedAt"] == "1970-01-01T00:00:01Z"
    assert document["Labels"] is None
