"""FT-Bench: fine-tuning tasks to measure a research loop on, one module a task.

Each module has a docstring with a real example and exposes `EMBEDDED`, a `trex_nb.core.task.EmbeddedTask`: the Task
and a function that loads its three splits. Modules import `trex_nb.core` and the standard library alone. Two of them
need no network: `tiny_intent` (generated) and `unicode_category` (real data that every Python carries).
"""
