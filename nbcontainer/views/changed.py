"""What a cell changed, as one line and what stands behind it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ..spec.changed import Changed, ContainerChange, FileChange
from ..units import binary_bytes, human_bytes

_WORDS = {
    "create": "created", "start": "started", "die": "ended", "stop": "stopped", "kill": "killed",
    "restart": "restarted", "pause": "paused", "unpause": "went on", "destroy": "removed",
    "rename": "renamed", "oom": "out of memory", "attach": "attached", "tag": "tagged",
    "untag": "untagged", "pull": "pulled", "push": "pushed", "load": "loaded", "import": "imported",
    "build": "built", "commit": "committed", "delete": "deleted",
}  # fmt: skip
_KINDS = {"A": "added", "C": "changed", "D": "deleted"}
_MOST_LINES = 60


def summary(changed: Changed) -> str:
    """Return the one line: who did what, how many files, images, volumes and networks."""
    told = _parts(changed)
    lines = ["This cell: " + " · ".join(told)] if told else []
    if changed.meanwhile:
        lines.append("meanwhile: " + " · ".join(_parts(changed.meanwhile)))
    text = " · ".join(lines)
    return text[:1].upper() + text[1:]


def _parts(changed: Changed) -> list[str]:
    parts = [_who(each) for each in changed.containers]
    files = [each for container in changed.containers for each in container.files]
    count = sum(max(each.file_count, len(each.files)) for each in changed.containers)
    if files:
        grown = sum(max(f.after_bytes, 0) - max(f.before_bytes, 0) for f in files)
        word = "file" if count == 1 else "files"
        # of those that are not read no size is known
        size = f" ({_signed(grown)})" if count == len(files) else ""
        parts.append(f"{count} {word}{size}")
    for kind, events in (
        ("image", changed.images),
        ("volume", changed.volumes),
        ("network", changed.networks),
    ):
        parts += [f"{kind} {name} {_did(action)}" for action, name in events]
    peak = max((each.peak_bytes for each in changed.containers), default=0)
    return [*parts, f"peak memory {binary_bytes(peak, 3)}"] if peak else parts


def details(changed: Changed) -> list[tuple[str, list[str]]]:
    """Return titles with lines: what happened, then each small file's difference."""
    return [part for each in changed.containers for part in _sections(each)]


def _sections(container: ContainerChange) -> Iterable[tuple[str, list[str]]]:
    lines = [f"{_KINDS[f.kind]:8} {f.path}  {_size(f)}".rstrip() for f in container.files]
    more = container.file_count - len(container.files)
    if more > 0:
        lines.append(f"… and {more} more of {container.file_count}: `diff` has all of them")
    lines += [
        f"listing  {path}  lost what it held, or held it for a while" for path in container.listings
    ]
    lines += [f"ran      {words}" for words in container.execs]
    if container.exit_code is not None:
        lines.append(f"ended    with exit code {container.exit_code}")
    if container.ports:
        lines.append(f"ports    {container.ports}")
    if container.peak_bytes:
        lines.append(f"memory   {binary_bytes(container.peak_bytes, 3)} at most")
    if lines:
        yield container.name, lines
    for file in container.files:
        difference = text_difference(file)
        if difference:
            yield f"{container.name}:{file.path}", difference


def text_difference(file: FileChange) -> list[str]:
    """Return the difference of a small file, line by line; empty where it is not known."""
    if file.before is None and file.after is None:
        return []
    if (file.before is None) != (file.before_bytes < 0) or (file.after is None) != (
        file.after_bytes < 0
    ):
        return []  # one side is no short text
    found = difflib.unified_diff(
        (file.before or "").splitlines(), (file.after or "").splitlines(), lineterm="", n=2
    )
    lines = list(found)[2:]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… and {len(lines) - _MOST_LINES} lines more"]
    return lines


def _who(container: ContainerChange) -> str:
    did = [word for word in container.did if word in _WORDS]
    # what it did in one go is told by its ends
    told = [_did(word) for word in did if not (word == "create" and "start" in did)]
    if container.exit_code is not None:
        told = [f"ended ({container.exit_code})" if w == "ended" else w for w in told]
        told = [word for word in told if word not in ("stopped", "attached")] or told
    if container.execs:
        count = len(container.execs)
        told.append("ran a program" if count == 1 else f"ran {count} programs")
    return f"{container.name} {', '.join(told)}" if told else container.name


def _did(action: str) -> str:
    return _WORDS.get(action, action)


def _signed(size: int) -> str:
    return f"{'−' if size < 0 else '+'}{human_bytes(abs(size))}"


def _size(file: FileChange) -> str:
    if file.kind == "C" and file.before_bytes >= 0 and file.after_bytes >= 0:
        return f"{human_bytes(file.before_bytes)} → {human_bytes(file.after_bytes)}"
    size = file.before_bytes if file.kind == "D" else file.after_bytes
    return human_bytes(size) if size >= 0 else ""
