"""Launchers: they start an experiment notebook in its folder, watch it, and find it again after a restart.

A job is a folder. Whatever starts it (`kernel`: a detached runner process with a background Jupyter kernel; `inline`:
this very process, for debugging) writes the same files there, so one handle (`job.FolderJob`) follows them all:

    spec.json         what was asked for; its presence means "submitted"
    runner.lock       locked by the runner for as long as it lives, whichever way it dies
    events.jsonl      one JobUpdate per line, append-only
    experiment.ipynb  the notebook, saved with its outputs while it runs
    stop, save        somebody wants the training to save its state, and to end or to go on
    cancel            somebody wants the job to end now
    kernel.json       `jupyter console --existing kernel.json` opens a console on the live kernel
    runner.json, heartbeat, runner.log   who runs it, its last sign of life, what it complained about

Walls stand around a job's kernel (`walls`, by `landlock` and `seccomp`); its runner watches what it takes (`meter`).

A job in a Ray cluster (`ray`) has such a folder on its node, and its mirror here: `ray.json` says where the job was
handed to, the lock is held by whoever follows it (`ray_bridge`), and `kernel.json`, `runner.json` and `heartbeat` are
not there. CLUSTERS.md is for who has a cluster.

Linux and macOS: locks, sessions and process groups are POSIX.
"""
