"""What a hostile program prints or is called reaches logs, tables and notebooks as text only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from nbcontainer.errors import EngineError

if TYPE_CHECKING:
    from nbcontainer.engine import Engine
    from tests.stores import Store

HOSTILE = (
    "\x1b]52;c;cm0gLXJmIH4=\x07 \x1b]0;title\x07 \x1b[2J\x1b[H \x1b[31mred\x1b[0m \x9b5n \r over \0 nul "
    '<img src=x onerror=alert(1)> {"log":"forged","stream":"stdout"}'
)
TAG = "<img src=x onerror=alert(1)>"


def html(value: Any) -> str:
    bundle = value._repr_mimebundle_()
    if isinstance(bundle, tuple):
        bundle = bundle[0]
    return str(bundle.get("text/html", ""))


def test_a_program_cannot_forge_a_record_of_its_log(engine: Engine, store: Store) -> None:
    lines = [
        HOSTILE,
        '{"log":"forged\\n","stream":"stderr","time":"2020-01-01T00:00:00Z"}',
        '"}\n{"log":"forged"}',
    ]
    script = "import sys, os; os.write(1, sys.argv[1].encode('utf-8', 'surrogateescape'))"
    made = engine.run(
        "python", ["python3", "-c", script, "\n".join(lines).replace("\0", "\x01")], detach=True
    )
    engine.wait(made.id)
    written = b"".join(chunk.data for chunk in engine.logs(made.id))
    assert written.decode() == "\n".join(lines).replace("\0", "\x01")
    assert {chunk.stream for chunk in engine.logs(made.id)} == {"stdout"}
    with open(store.layout.container(made.id, "log.jsonl"), "rb") as file:
        records = file.read().splitlines()
    for record in records:
        json.loads(record)
        assert not re.search(rb"[\x00-\x1f\x7f]", record), "a record holds no control character"


def test_a_line_of_ten_megabytes_passes_through_the_log_whole(engine: Engine) -> None:
    script = "import os\nfor _ in range(160): os.write(1, b'x' * 65536)"
    done = engine.run("python", ["python3", "-c", script], rm=True)
    assert len(done.stdout) == 160 * 65536


def test_bytes_that_are_no_text_pass_through_the_log_unchanged(engine: Engine) -> None:
    script = "import os; os.write(1, bytes(range(256)) * 4); os.write(2, b'\\xff\\xfe')"
    made = engine.run("python", ["python3", "-c", script], detach=True)
    engine.wait(made.id)
    chunks = list(engine.logs(made.id))
    assert b"".join(c.data for c in chunks if c.stream == "stdout") == bytes(range(256)) * 4
    assert b"".join(c.data for c in chunks if c.stream == "stderr") == b"\xff\xfe"


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "<b>", "x y", "", "-x", "a\n", "a\x1b[31m", "é", "x" * 300, "."]
)
def test_a_name_that_is_none_is_refused(engine: Engine, name: str) -> None:
    if name == "":
        return  # an empty name asks for a random one, as in Docker
    before = engine.ps(all=True).ids
    with pytest.raises(EngineError) as refused:
        engine.create("toolbox", ["true"], name=name)
    assert "\x1b" not in "".join(refused.value.lines())
    assert engine.ps(all=True).ids == before


def test_tables_show_labels_and_commands_as_text(engine: Engine) -> None:
    engine.create("toolbox", ["echo", HOSTILE.replace("\0", "")], label=[f"note={TAG}"])
    table = engine.ps(all=True, no_trunc=True)
    shown = html(table)
    assert "<img" not in shown
    assert "&lt;img" in shown or "onerror" not in shown
    assert "<script" not in shown
    for character in ("\x1b", "\x07", "\x9b"):
        assert character not in shown
        assert character not in str(table)


def test_inspect_and_history_show_what_an_image_says_as_text(engine: Engine) -> None:
    made = engine.create(
        "toolbox", ["true"], label=[f"note={TAG}"], env=[f"X={HOSTILE}".replace("\0", "")]
    )
    shown = html(engine.inspect(made.id))
    assert "<img" not in shown
    assert "\x1b" not in str(engine.inspect(made.id))
    commit = engine.commit(made.id, "escaping", author=TAG, message=HOSTILE.replace("\0", ""))
    assert commit is not None
    history = engine.history("escaping")
    assert "<img" not in html(history)
    assert "\x1b" not in str(history)


def test_captured_output_is_shown_in_a_notebook_without_commands_to_the_terminal(
    engine: Engine,
) -> None:
    script = "import sys; sys.stdout.write(sys.argv[1])"
    done = engine.run("python", ["python3", "-c", script, HOSTILE.replace("\0", "")], rm=True)
    assert "\x1b]52" in done.stdout.decode(), "the bytes themselves are the program's own"
    shown = html(done)
    assert "<img" not in shown
    for text in (shown, repr(done)):
        assert "\x1b]" not in text
        assert "\x1b[2J" not in text


def test_an_errors_text_carries_no_command_to_the_terminal(engine: Engine) -> None:
    for call in (
        lambda: engine.inspect("x\x1b]52;c;AAAA\x07"),
        lambda: engine.run("toolbox", ["\x1b]0;title\x07"], rm=True),
        lambda: engine.run("toolbox\x1b[2J", ["true"]),
    ):
        with pytest.raises(EngineError) as refused:
            call()
        assert "\x1b" not in "\n".join(refused.value.lines())
