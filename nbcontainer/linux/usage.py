"""What processes moved: bytes through their disks and through their network."""

from __future__ import annotations

from collections.abc import Iterable


def block_bytes(pids: Iterable[int]) -> tuple[int, int] | None:
    """Return what living processes have read from and written to disks; None where none of them tells.

    Containers get no cgroup for block devices, since each hierarchy slows every start; /proc/<pid>/io
    tells it to whoever may trace the process (proc_pid_io(5)).
    """
    read = written = told = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/io") as file:
                came, went = parse_block(file.read())
        except OSError:
            continue
        read, written, told = read + came, written + went, told + 1
    return (read, written) if told else None


def parse_block(text: str) -> tuple[int, int]:
    """Return (read, written) of /proc/<pid>/io."""
    pairs = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    return int(pairs.get("read_bytes", 0)), int(pairs.get("write_bytes", 0))


def network_bytes(pid: int) -> tuple[int, int] | None:
    """Return what came and went through the network of a process, loopback left out; None if it ended."""
    try:
        with open(f"/proc/{pid}/net/dev") as file:
            return parse_network(file.read())
    except OSError:
        return None


def parse_network(text: str) -> tuple[int, int]:
    """Return (received, sent) of the table in /proc/net/dev."""
    received = sent = 0
    for text_line in text.splitlines()[2:]:
        name, _, rest = text_line.partition(":")
        numbers = rest.split()
        if name.strip() != "lo" and len(numbers) >= 9:
            received += int(numbers[0])
            sent += int(numbers[8])
    return received, sent


def peak_bytes(mode: str, parent: str | None, sandbox: str) -> int:
    """Return the most memory that a group has used so far, 0 where nobody counts it."""
    if parent is None or not sandbox:
        return 0
    name = "memory.peak" if mode == "v2" else "memory.max_usage_in_bytes"
    try:
        with open(f"{parent}/{sandbox}/{name}") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
