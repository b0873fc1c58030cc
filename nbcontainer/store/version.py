"""The store's format: an older store opens, a newer one is refused in words."""

from __future__ import annotations

from ..errors import StateUnreadable
from .files import dump_json, no_space, read_bytes, write_atomic
from .layout import STORE_VERSION, Layout


def open_store(layout: Layout) -> None:
    """Make the store's directories where they are missing, and check that we can read its format.

    Idempotent, and cheap when all is there.  A store that is there can be opened on a read-only disk.

    Raises: StateUnreadable if a newer nbcontainer made the store, or `home` is no folder of ours;
    NoSpace.
    """
    try:
        _check(layout)
        is_new = False
    except FileNotFoundError:
        is_new = True
    except NotADirectoryError as error:
        raise StateUnreadable(f"{error.filename}: not a folder", _ELSEWHERE) from None
    with no_space(f"make the store {layout.home}"):
        try:
            layout.make()
            if is_new:
                marker = dump_json({"imageLayoutVersion": "1.0.0"})
                write_atomic(layout.oci_layout, marker, sync=True)
                write_atomic(layout.version, f"{STORE_VERSION}\n".encode(), sync=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise StateUnreadable(f"{error.filename}: not a folder", _ELSEWHERE) from None
        except PermissionError as error:
            raise StateUnreadable(f"{error.filename}: permission denied", _ELSEWHERE) from None
        except FileNotFoundError as error:
            # /proc and its like take no directories
            raise StateUnreadable(f"{error.filename}: cannot be made", _ELSEWHERE) from None


_ELSEWHERE = "set NBCONTAINER_HOME to another folder"


def _check(layout: Layout) -> None:
    try:
        text = read_bytes(layout.version, 4096).decode("ascii", "replace").strip()
    except PermissionError as error:
        raise StateUnreadable(f"{layout.version}: permission denied", _ELSEWHERE) from error
    if not (text.isdecimal() and len(text) < 10):
        raise StateUnreadable(f"{layout.version}: no store version: {text[:40]!r}", _ELSEWHERE)
    if int(text) > STORE_VERSION:
        raise StateUnreadable(
            f"the store {layout.home} has format {text}, and this nbcontainer reads up to "
            f"{STORE_VERSION}",
            "update nbcontainer, or set NBCONTAINER_HOME to another folder",
        )
