"""Measurements against peers in the same run: `python -m tests.benchmarks [NAME…]`.  Not part of pytest."""
