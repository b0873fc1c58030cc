"""Owners, modes and extended attributes: what a layer keeps of them, and how they are carried over."""

from __future__ import annotations

import errno
import os
import stat

# A store with one id only keeps a file's true owner here, as "uid:gid".
OWNER_XATTR = "user.nbcontainer.owner"
# What a filesystem may answer to an attribute that it cannot keep.
REFUSALS = (errno.ENOTSUP, errno.EPERM, errno.EINVAL, errno.ENOSPC, errno.E2BIG, errno.ERANGE)


def keeps_xattr(name: str) -> bool:
    """Tell whether an extended attribute belongs to a layer; overlays' and our own never do."""
    if name.startswith("user."):
        return not name.startswith(("user.overlay.", "user.nbcontainer."))
    return name in ("security.capability", "system.posix_acl_access", "system.posix_acl_default")


def copy_attributes(source: int, target: int, shift: int = 0) -> None:
    """Give an open file or directory another's owner (plus `shift`), mode and kept xattrs, not its times."""
    status = os.fstat(source)
    try:
        os.fchown(target, status.st_uid + shift, status.st_gid + shift)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EINVAL):
            raise  # EPERM: one id only, and all is its own
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source):
        if keeps_xattr(name) or name == OWNER_XATTR:
            try:
                os.setxattr(target, name, shift_capability(name, os.getxattr(source, name), shift))
            except OSError as error:
                if error.errno not in REFUSALS:
                    raise


def shift_capability(name: str, value: bytes, shift: int) -> bytes:
    """Return an xattr's value as it must be where ids are shifted.

    File capabilities count only in the user namespace whose root they name: revision 3 carries that id,
    revision 2 (20 bytes) means 0, which is what images hold.  See capabilities(7).
    """
    if name != "security.capability" or not shift or len(value) not in (20, 24):
        return value
    owner = shift + (int.from_bytes(value[20:], "little") if len(value) == 24 else 0)
    if owner < 0:
        return value
    revision = b"\3" if owner else b"\2"
    return value[:3] + revision + value[4:20] + (owner.to_bytes(4, "little") if owner else b"")


def parse_owner(value: bytes) -> tuple[int, int]:
    """Return (uid, gid) of the xattr that keeps true owners; (0, 0) if it is damaged."""
    uid, _, gid = value.partition(b":")
    return (int(uid), int(gid)) if uid.isdigit() and gid.isdigit() and len(value) < 24 else (0, 0)
