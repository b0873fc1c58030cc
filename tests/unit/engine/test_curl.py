import pytest

from nbcontainer.engine import curl
from nbcontainer.errors import InvalidArgument


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("web", ("web", 80, "/")),
        ("http://web:8080/a/b?x=1", ("web", 8080, "/a/b?x=1")),
        ("web:80?x=1", ("web", 80, "/?x=1")),
        ("web?u=http://a/b", ("web", 80, "/?u=http://a/b")),
        ("web/a#part", ("web", 80, "/a")),
        ("web/ü%20x", ("web", 80, "/%C3%BC%20x")),
    ],
)
def test_a_url_names_container_port_and_path(url, expected):
    assert curl.split(url) == expected


@pytest.mark.parametrize("url", ["https://web", "web:x", "web:70000", ":80", "web/a b", ""])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(InvalidArgument):
        curl.split(url)


def test_data_is_text_bytes_or_the_fields_of_a_form():
    assert [curl.body_of(data) for data in (None, "ü", b"\0")] == [None, b"\xc3\xbc", b"\0"]
    assert curl.body_of({"a": 1, "b": ["x y", "&"]}) == b"a=1&b=x+y&b=%26"
    with pytest.raises(InvalidArgument, match="not list"):
        curl.body_of([1])


def test_a_timeout_is_seconds_or_a_duration():
    found = [curl.patience_s(text) for text in ("", None, 0, "1", 2.5, "1m30s", "500ms")]
    assert found == [30.0, 30.0, 30.0, 1.0, 2.5, 90.0, 0.5]
    for wrong in (-1, "-1s", float("nan"), "soon"):
        with pytest.raises(InvalidArgument):
            curl.patience_s(wrong)


def test_headers_are_texts_or_a_mapping():
    assert (
        curl.headers_of(["A: b", "C=d"])
        == {"A": "b", "C": "d"}
        == curl.headers_of({"A": "b", "C": "d"})
    )
    with pytest.raises(InvalidArgument, match="is no header"):
        curl.headers_of("x")
