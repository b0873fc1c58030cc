from nbcontainer.render import html, text
from nbcontainer.results_network import Drawing, Fetched

ANSWER = Fetched("http://web:80/", 200, "OK", [("Content-Type", "text/html")], b"<p>\xff</p>\n")


def test_an_answer_shows_its_body_and_with_include_its_head():
    assert str(ANSWER) == "<p>\ufffd</p>"
    whole = Fetched("u", 404, "Not Found", ANSWER.headers, b"gone", include=True)
    assert bytes(whole) == b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\ngone"
    assert str(whole).splitlines()[0] == "HTTP/1.1 404 Not Found"


def test_a_header_is_found_whatever_its_letters():
    assert ANSWER.header("content-type") == "text/html"
    assert ANSWER.header("etag") == ""


def test_a_hostile_answer_cannot_drive_the_terminal():
    hostile = Fetched("u", 200, "OK", (), b"\x1b]52;c;eA==\x07")
    assert "\x1b" not in text.plain(hostile)


def test_a_drawing_is_lines_in_a_terminal_and_a_picture_on_a_page():
    drawing = Drawing(["host", "└─ a"], "<svg></svg>")
    assert text.plain(drawing) == "host\n└─ a"
    assert html.page(drawing) == "<svg></svg>"
