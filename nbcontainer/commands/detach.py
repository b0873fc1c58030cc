"""The keys that let go of a container: --detach-keys "ctrl-p,ctrl-q"."""

from __future__ import annotations

from ..errors import InvalidArgument

_SPECIAL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_keys(text: str) -> bytes:
    """Return the bytes that the keys send: single letters and ctrl-<letter>, between commas.

    Raises: InvalidArgument for anything else.
    """
    return bytes(_code(key) for key in text.split(",")) if text else b""


def _code(key: str) -> int:
    if len(key) == 1 and key.isascii():
        return ord(key)
    prefix, _, letter = key.partition("-")
    if prefix == "ctrl" and len(letter) == 1:
        if "a" <= letter <= "z":
            return ord(letter) - ord("a") + 1
        if letter in _SPECIAL:
            return _SPECIAL[letter]
    raise InvalidArgument(
        f"invalid detach keys ({key}): unknown character",
        'Write them as "ctrl-p,ctrl-q" or "ctrl-]".',
    )


class DetachKeys:
    """Watch what is typed.  Keys that may begin the sequence are held back until it is clear."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what to pass on, and whether the sequence is complete (the rest is dropped)."""
        if not self._keys:
            return data, False
        out = bytearray()
        for byte in data:
            if byte == self._keys[self._held]:
                self._held += 1
                if self._held == len(self._keys):
                    self._held = 0
                    return bytes(out), True
                continue
            out += self._keys[: self._held]
            self._held = int(byte == self._keys[0])
            if not self._held:
                out.append(byte)
        return bytes(out), False
