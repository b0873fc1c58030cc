"""python -m tests.benchmarks [--effort 0.5] [--peers podman,bwrap] [NAME…]: print the table as markdown."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import traceback

from tests.benchmarks import measures, networks
from tests.benchmarks.bench import Bench
from tests.benchmarks.harness import table
from tests.benchmarks.moves import MOVES

MEASURES = measures.MEASURES | networks.MEASURES | MOVES


def main(arguments: list[str]) -> int:
    """Measure what is asked for; the exit code is 1 if a bar was not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--effort", type=float, default=1.0, help="scales the number of rounds")
    parser.add_argument("--peers", default="", help="only these, joined by commas")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - MEASURES.keys())
    if unknown:
        parser.error(f"no such measure: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    bench = Bench(options.effort, tuple(filter(None, options.peers.split(","))))
    rows, failed = [], []
    try:
        for name in options.names or MEASURES:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            try:
                rows.append(MEASURES[name](bench))
            except Exception:
                # an hour of the others' figures is not thrown away for it
                traceback.print_exc()
                failed.append(name)
    finally:
        bench.close()
    host = f"Linux {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{host}, {'root' if os.geteuid() == 0 else 'ordinary user'}\n")
    text = table(rows)
    print(text)
    if failed:
        print(f"\nnot measured, see above: {', '.join(failed)}")
    return 1 if failed or "not met" in text else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
