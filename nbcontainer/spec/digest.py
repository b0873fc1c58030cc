"""Digest: the name of a content, "sha256:" and 64 hexadecimal digits.

The same text form names different things, and which one is meant stands in the field's name: a layer
digest (compressed), a diff_id (uncompressed), a chain_id (a stack of diff_ids), an image_id (config).
"""

from __future__ import annotations

from ..errors import Corrupt

_LENGTHS = {"sha256": 64, "sha512": 128}
_HEX = frozenset("0123456789abcdef")


class Digest(str):
    """A text that was checked: safe as a file name, comparable as it stands."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Digest:
        """Return `text` as a digest.

        Raises: Corrupt if it is not "sha256:" or "sha512:" and as many lower-case digits as belong.
        """
        if type(text) is cls:
            return text
        if isinstance(text, str):
            algorithm, _, digits = text.partition(":")
            if _LENGTHS.get(algorithm) == len(digits) and _HEX.issuperset(digits):
                return cls(text)
        raise Corrupt(f"invalid digest {_shown(text)}")

    @property
    def algorithm(self) -> str:
        return self.partition(":")[0]

    @property
    def hex(self) -> str:
        return self.partition(":")[2]

    @property
    def short(self) -> str:
        """The first 12 digits, as tables show an id."""
        return self.hex[:12]


def sha256(data: bytes) -> Digest:
    """Return the digest of `data`."""
    import hashlib  # not needed by those who only compare

    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 100 else shown[:97] + "..."
