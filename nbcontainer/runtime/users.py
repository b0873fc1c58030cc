"""Find out who a process inside becomes, from the image's own passwd and group files.

Those files are hostile input: at most 1 MiB of a regular file is read, a text of digits is an id and
never a name (CVE-2026-46680), and supplementary groups come from the image or there are none
(CVE-2022-36109).
"""

from __future__ import annotations

import os
import stat

from ..errors import InvalidArgument
from ..values import value

_LIMIT = 1 << 20
_ID_LIMIT = 2**31


@value
class Identity:
    """Ids inside the container, and the home directory."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def identify(user: str, root: str = "") -> Identity:
    """Resolve `user` ("", "name", "uid", "name:group", "uid:gid") in the tree at `root`.

    Raises: InvalidArgument in Docker's words for who is not there.
    """
    name, _, group = (user or "0").partition(":")
    rows = _rows(f"{root}/etc/passwd", 7)
    uid = _number(name, "uid") if _is_number(name) else None
    found = None
    for row in rows:
        if (uid is None and row[0] == name) or (uid is not None and row[2] == str(uid)):
            found = row
            break
    if found is None and uid is None:
        raise InvalidArgument(f"unable to find user {name}: no matching entries in passwd file")
    account, home, gid = "", "/root" if uid == 0 else "/", 0
    if found is not None:
        account, home = found[0], found[5] or "/"
        uid = _number(found[2], "uid")
        gid = _number(found[3], "gid") if found[3].isdecimal() else 0
    groups = _rows(f"{root}/etc/group", 4)
    if group:
        gid = _group(group, groups)
        others: tuple[int, ...] = ()
    else:
        member = {int(r[2]) for r in groups if r[2].isdecimal() and account in r[3].split(",")}
        others = tuple(sorted(g for g in member if account and g < _ID_LIMIT))
    assert uid is not None
    return Identity(uid, gid, others, home)


def _group(text: str, rows: list[list[str]]) -> int:
    if _is_number(text):
        return _number(text, "gid")
    for row in rows:
        if row[0] == text:
            return _number(row[2], "gid")
    raise InvalidArgument(f"unable to find group {text}: no matching entries in group file")


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal() and text.isascii()


def _number(text: str, what: str) -> int:
    # "00" is 0; what has more digits than an id is refused before int() could be slow
    if len(text) > 10 or not text.isdecimal() or int(text) >= _ID_LIMIT:
        raise InvalidArgument(f"{what}s and gids must be in range 0-2147483647: {text[:20]!r}")
    return int(text)


def _rows(path: str, fields: int) -> list[list[str]]:
    try:
        # a FIFO in the image must not make us wait
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return []
        size = min(_LIMIT, found.st_size)
        text = os.read(descriptor, size).decode(errors="surrogateescape")
    finally:
        os.close(descriptor)
    rows = [line.split(":") for line in text.split("\n")]
    return [row for row in rows if len(row) >= fields]
