"""Tests with a real browser: a package, so that the browser ends when they are over."""
