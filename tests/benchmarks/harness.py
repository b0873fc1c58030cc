"""Honest timing on a noisy machine: cases take turns, in rotating order, and all figures are shown.

Comparing medians of blocks measured one after another compares the machine's moods; here each round
runs every case once, and the ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Case = Callable[[], object]


@dataclass(frozen=True)
class Sample:
    """The figures of one case, in the order of the rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def shown(self, unit: str) -> str:
        """Return "median (min–max) unit"."""
        scale, suffix = _UNITS[unit]
        low, middle, high = (v * scale for v in (min(self.values), self.median, max(self.values)))
        return f"{_number(middle)} ({_number(low)}–{_number(high)}) {suffix}"


# name of a unit: factor from what is measured (seconds, bytes, 1/s), what is printed
_UNITS = {"ms": (1000.0, "ms"), "s": (1.0, "s"), "MB": (1e-6, "MB"), "/s": (1.0, "/s")}


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Bar:
    """What is demanded against a peer.

    `at_most` bounds ours / theirs (a cost); `at_least` bounds how many times better ours is.
    """

    peer: str
    at_most: float = 0.0
    at_least: float = 0.0
    aim: float = 0.0

    def judged(self, ratio: float, rate: bool) -> str:
        """Return the verdict in words; `ratio` is ours / theirs, of costs or (`rate`) of rates."""
        if self.at_most:
            value, fits, words = ratio, ratio <= self.at_most, f"≤ {self.at_most:g}x"
            aimed = bool(self.aim) and ratio <= self.aim
        else:
            value = ratio if rate else 1 / ratio
            fits, words = value >= self.at_least, f"≥ {self.at_least:g}x better"
            aimed = bool(self.aim) and value >= self.aim
        verdict = "aim met" if aimed else "met" if fits else "**not met**"
        return f"{value:.3g}x {self.peer} ({words}: {verdict})"


@dataclass(frozen=True)
class Row:
    """One measure: ours first, then the peers', and what is demanded of them."""

    name: str
    unit: str
    ours: Sample
    peers: Mapping[str, Sample] = field(default_factory=dict)
    bars: tuple[Bar, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def is_rate(self) -> bool:
        """Tell whether more is better."""
        return self.unit == "/s"

    def ratio(self, peer: str) -> float:
        """Return the median over the rounds of ours / theirs."""
        pairs = zip(self.ours.values, self.peers[peer].values, strict=False)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def cells(self) -> list[str]:
        """Return the row of the markdown table."""
        judged = []
        for bar in self.bars:
            if bar.peer in self.peers:
                judged.append(bar.judged(self.ratio(bar.peer), self.is_rate))
            else:
                judged.append(f"{bar.peer}: {self.absent.get(bar.peer, 'not measured')}")
        others = [f"{name} {sample.shown(self.unit)}" for name, sample in self.peers.items()]
        name = f"{self.name} ({self.note})" if self.note else self.name
        return [name, self.ours.shown(self.unit), "<br>".join(others), "<br>".join(judged)]


def alternate(cases: Mapping[str, Case], rounds: int, warm_up: int = 2) -> dict[str, Sample]:
    """Run every case once a round, another one first each time; return seconds a case."""
    values: dict[str, list[float]] = {name: [] for name in cases}
    names = list(cases)
    for number in range(-warm_up, rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            start = time.perf_counter()
            answer = cases[name]()
            seconds = time.perf_counter() - start
            if number >= 0:
                # a case that measures itself returns its own figure
                values[name].append(answer if isinstance(answer, float) else seconds)
    return {name: Sample(tuple(found)) for name, found in values.items()}


def table(rows: list[Row]) -> str:
    """Return the rows as a markdown table."""
    head = ["measure", "nbcontainer, median (min–max)", "peers", "against the bars"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join(lines)
