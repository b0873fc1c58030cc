"""A program's bytes as text for a notebook: whole characters, colours, and nothing else that acts.

A container's output is hostile input: of the escape sequences only SGR (colours) passes; cursor
moves, titles, clipboard writes (OSC 52) and other controls are dropped.
"""

from __future__ import annotations

import codecs
import re

# CSI, OSC/DCS/SOS/PM/APC up to their end, other two-character escapes, then lone controls
_SEQUENCE = re.compile(
    r"\x1b\[(?P<args>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]PX^_](?s:.*?)(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-Z\\^-~]"
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_](?s:(?!\x07|\x1b\\).)*|[ -/]*)\Z|\r\Z")
# longer than any honest sequence: what follows an unclosed OSC is then shown, not swallowed
_MAX_HELD = 4096


class Decoder:
    """Turn chunks of one stream into text; keeps what is not finished until the next chunk.

    `tty`: the line ends are a terminal's and become plain ones.
    """

    def __init__(self, *, tty: bool = False) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._tty = tty

    def feed(self, data: bytes) -> str:
        """Return the text that is complete so far."""
        text = self._held + self._decode.decode(data)
        self._held = ""
        open_end = _UNFINISHED.search(text, max(0, len(text) - _MAX_HELD))
        if open_end is not None:
            self._held = text[open_end.start() :]
            text = text[: open_end.start()]
        return self._clean(text)

    def finish(self) -> str:
        """Return what was held back; half a sequence is dropped, half a character is replaced."""
        text = self._held + self._decode.decode(b"", True)
        self._held = ""
        return self._clean(_UNFINISHED.sub("", text) if "\x1b" in text else text)

    def _clean(self, text: str) -> str:
        if self._tty:
            text = text.replace("\r\n", "\n")
        if "\x1b" in text or not text.isprintable():
            text = _SEQUENCE.sub(_kept, text).replace("\x1b", "")
            # an SGR that passed lost its escape to the line above
            text = text.replace("\x00", "\x1b")
        return text


def _kept(match: re.Match[str]) -> str:
    if match["final"] == "m" and all(c in "0123456789;:" for c in match["args"]):
        return "\x00" + match.group()[1:]
    return ""
