"""Benchmarks: each prints a ratio against a rival that is run beside it, in the same minutes. Nothing here is a
test."""
