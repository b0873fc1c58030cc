"""The grammars of -v, --mount and --tmpfs: text to Mount, with Docker's refusals.

Nothing here looks at a disk: whether a bind's source exists is asked of a function of the caller's.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence

from ..errors import InvalidArgument, Unsupported
from ..units import parse_bytes
from .runtime import Mount

_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
# these are no-ops on Linux, in Docker too
_CONSISTENCY = ("cached", "delegated", "consistent", "default")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME = _WORD | frozenset("_.-")
# pairs that switch a tmpfs option on and off; the first of each is Docker's default here
_TMPFS_SWITCHES = (("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"))
_TMPFS_WORDS = ("noatime", "relatime", "strictatime")
_TMPFS_VALUES = ("uid", "gid", "nr_inodes", "nr_blocks", "huge", "mpol")


def check_volume_name(name: str) -> str:
    """Return `name` if a volume may have it.

    Raises: InvalidArgument in Docker's words.
    """
    if len(name) > 1 and name[0] in _WORD and set(name) <= _NAME and len(name) <= 255:
        return name
    raise InvalidArgument(
        f'create {name}: "{name}" includes invalid characters for a local volume name, only '
        '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use '
        "absolute path"
    )


def parse_volume(text: str, *, cwd: str, new_name: Callable[[], str]) -> Mount:
    """Read one -v: `target`, `source:target` or `source:target:options`.

    A source that begins with a dot is a path from `cwd`, as in Docker's client.
    """
    parts = text.split(":")
    if not all(parts):
        raise InvalidArgument(f"invalid spec: {text}: empty section between colons")
    if len(parts) > 3:
        raise InvalidArgument(f"invalid volume specification: '{text}'")
    if len(parts) == 1:
        target = _target(text, parts[0], "volume")
        return Mount("volume", target, new_name(), anonymous=True, asked_by="-v")
    source, target = parts[0], parts[1]
    if source.startswith("."):
        source = posixpath.join(cwd, source)
    kind = "bind" if source.startswith("/") else "volume"
    target = _target(text, target, kind)
    source = posixpath.normpath(source) if kind == "bind" else check_volume_name(source)
    return _with_modes(kind, source, target, parts[2] if len(parts) == 3 else "")


def _target(text: str, target: str, kind: str) -> str:
    problem = ""
    if not target.startswith("/"):
        problem = f"invalid mount path: '{target}' mount path must be absolute"
    elif posixpath.normpath(target).lstrip("/") == "":
        problem = "invalid specification: destination can't be '/'"
    if problem:
        raise InvalidArgument(
            f"invalid volume specification: '{text}': "
            f'invalid mount config for type "{kind}": {problem}'
        )
    return clean(target)


def clean(path: str) -> str:
    """Return an absolute target without ".", ".." and doubled slashes.

    Raises: InvalidArgument for what would hide /proc: programs and the kernel's masks rest on it.
    """
    path = "/" + posixpath.normpath(path).lstrip("/")
    if path == "/proc":
        raise InvalidArgument('"/proc" cannot be mounted because it is inside /proc')
    return path


def _with_modes(kind: str, source: str, target: str, modes: str) -> Mount:
    read_only = no_copy = False
    propagation = "rprivate"
    seen: set[str] = set()
    for word in modes.split(",") if modes else ():
        group = word
        if word in ("ro", "rw"):
            read_only, group = word == "ro", "rw"
        elif kind == "bind" and word in _PROPAGATION:
            propagation, group = _propagation(word), "propagation"
        elif kind == "volume" and word == "nocopy":
            no_copy = True
        elif word in _CONSISTENCY:
            group = "consistency"
        elif word in ("z", "Z"):
            raise Unsupported(
                f'volume option "{word}" is not supported: nothing is relabelled for SELinux',
                f'Leave ":{word}" out.',
            )
        else:
            raise InvalidArgument(f"invalid mode: {modes}")
        if group in seen:
            raise InvalidArgument(f"invalid mode: {modes}")
        seen.add(group)
    return Mount(
        kind,
        target,
        source,
        read_only=read_only,
        propagation=propagation,
        no_copy=no_copy,
        asked_by="-v",
    )


def _propagation(word: str) -> str:
    if not word.endswith("private"):
        raise Unsupported(
            f'bind propagation "{word}" is not supported: every mount of a container is private'
        )
    return "rprivate"


def parse_mount(text: str, *, cwd: str, new_name: Callable[[], str]) -> Mount:
    """Read one --mount: comma-separated key=value pairs, in the quoting of CSV."""
    try:
        fields = _fields(text)
    except InvalidArgument as error:
        raise InvalidArgument(
            f'invalid argument "{text}" for "--mount" flag: {error.message}'
        ) from None
    kind = fields.pop("type", "volume")
    source, target = fields.pop("source", ""), fields.pop("target")
    if kind not in ("bind", "volume", "tmpfs"):
        raise InvalidArgument(f'invalid mount config for type "{kind}": mount type unknown')
    if not target.startswith("/"):
        _bad(kind, f"invalid mount path: '{target}' mount path must be absolute")
    if clean(target) == "/":
        _bad(kind, "invalid specification: destination can't be '/'")
    for key in fields:
        owner = key.partition("-")[0]
        if owner in ("bind", "volume", "tmpfs") and owner != kind:
            raise InvalidArgument(
                f'invalid argument "{text}" for "--mount" flag: '
                f"cannot mix '{owner}-*' options with mount type '{kind}'"
            )
    read_only = fields.get("readonly") == "true"
    if kind == "tmpfs":
        if source:
            _bad(kind, "field Source must not be specified")
        return Mount(
            kind,
            clean(target),
            read_only=read_only,
            size_bytes=parse_bytes(fields.get("tmpfs-size", "0")),
            mode=_octal(fields.get("tmpfs-mode", "1777")),
            options=tuple(default for default, _ in _TMPFS_SWITCHES),
            asked_by="--mount",
        )
    if kind == "bind":
        if not source:
            _bad(kind, "field Source must not be empty")
        if source.startswith("."):
            source = posixpath.join(cwd, source)
        if not source.startswith("/"):
            _bad(kind, f"invalid mount path: '{source}' mount path must be absolute")
        source = posixpath.normpath(source)
    return Mount(
        kind,
        clean(target),
        (source and (source if kind == "bind" else check_volume_name(source))) or new_name(),
        read_only=read_only,
        propagation=_propagation(fields.get("bind-propagation", "rprivate")),
        no_copy=fields.get("volume-nocopy") == "true",
        anonymous=kind == "volume" and not source,
        asked_by="--mount",
    )


def _bad(kind: str, problem: str) -> None:
    raise InvalidArgument(f'invalid mount config for type "{kind}": {problem}')


_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_BOOLEANS = ("readonly", "volume-nocopy")
_UNSUPPORTED_KEYS = (
    "bind-nonrecursive",
    "bind-recursive",
    "volume-driver",
    "volume-label",
    "volume-opt",
    "volume-subpath",
    "image-subpath",
)


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _split_csv(text):
        key, equals, value = part.partition("=")
        key = _ALIASES.get(key.strip().lower(), key.strip().lower())
        if key in _UNSUPPORTED_KEYS:
            raise Unsupported(f"--mount {key} is not supported")
        if key in _BOOLEANS:
            value = value if equals else "true"
            if value.lower() not in ("true", "1", "false", "0"):
                raise InvalidArgument(f"invalid value for {key}: {value}")
            found[key] = "true" if value.lower() in ("true", "1") else "false"
            continue
        if not equals:
            raise InvalidArgument(f"invalid field '{part}' must be a key=value pair")
        if key == "bind-propagation" and value not in _PROPAGATION:
            raise InvalidArgument(f"invalid value for {key}: {value}")
        if key not in ("type", "source", "target", "consistency") and key not in (
            "bind-propagation",
            "tmpfs-size",
            "tmpfs-mode",
        ):
            raise InvalidArgument(f"unexpected key '{key}' in '{part}'")
        found[key] = value.lower() if key == "type" else value
    if not found.get("target"):
        raise InvalidArgument("target is required")
    found.pop("consistency", None)
    return found


def _split_csv(text: str) -> list[str]:
    """Split at commas; a field in double quotes may hold commas, and "" is a quote in it."""
    parts, current, position, quoted = [], "", 0, False
    while position < len(text):
        char = text[position]
        if quoted and char == '"' and text[position + 1 : position + 2] == '"':
            current += '"'
            position += 1
        elif char == '"' and (quoted or not current):
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append(current)
            current = ""
        else:
            current += char
        position += 1
    if quoted:
        raise InvalidArgument(f"unbalanced quotes in '{text}'")
    return [*parts, current]


def parse_tmpfs(text: str) -> Mount:
    """Read one --tmpfs: `target` or `target:options` (size, mode, uid, gid, exec, ro, …)."""
    target, _, words = text.partition(":")
    if not target.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{target}' mount path must be absolute")
    if clean(target) == "/":
        raise InvalidArgument("invalid specification: destination can't be '/'")
    switches = {default: default for default, _ in _TMPFS_SWITCHES}
    others: list[str] = []
    size, mode, read_only = 0, 0o1777, False
    for word in words.split(",") if words else ():
        key, equals, value = word.partition("=")
        pair = next((p for p in _TMPFS_SWITCHES if word in p), None)
        if pair is not None:
            switches[pair[0]] = word
        elif word in ("ro", "rw"):
            read_only = word == "ro"
        elif word in _TMPFS_WORDS or (equals and value and key in _TMPFS_VALUES):
            others.append(word)
        elif key == "size" and value:
            size = parse_bytes(value)
        elif key == "mode" and value:
            mode = _octal(value)
        else:
            raise InvalidArgument(f'invalid tmpfs option ["{word}"]')
    return Mount(
        "tmpfs",
        clean(target),
        read_only=read_only,
        size_bytes=size,
        mode=mode,
        options=(*switches.values(), *others),
        asked_by="--tmpfs",
    )


def _octal(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777:
        raise InvalidArgument(f"invalid value for mode: {text}")
    return mode


def join_mounts(
    asked: Sequence[Mount], image_volumes: Iterable[str], new_name: Callable[[], str]
) -> tuple[Mount, ...]:
    """Join what the user asked for with the image's VOLUMEs; the user's wins over the image's.

    Parents come before what lies below them, so that no mount hides another.
    Raises: InvalidArgument if two of the user's have one target.
    """
    targets: set[str] = set()
    for mount in asked:
        if mount.target in targets:
            raise InvalidArgument(f"Duplicate mount point: {mount.target}")
        targets.add(mount.target)
    own = [
        Mount("volume", clean(path), new_name(), anonymous=True, asked_by="VOLUME")
        for path in sorted(set(image_volumes))
        if path.startswith("/") and clean(path) not in targets and clean(path) != "/"
    ]
    return tuple(sorted((*asked, *own), key=lambda m: m.target.count("/")))


def check_bind_sources(
    mounts: Iterable[Mount], exists: Callable[[str], bool], make: Callable[[str], None]
) -> None:
    """Ask of each bind that its source exists; a missing one of -v is made, as Docker does.

    Raises: InvalidArgument for a missing one of --mount.
    """
    for mount in mounts:
        if mount.type != "bind" or exists(mount.source):
            continue
        if mount.asked_by != "-v":
            _bad("bind", f"bind source path does not exist: {mount.source}")
        make(mount.source)
