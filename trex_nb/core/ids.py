"""Names of things: a study by its folder name, a node as n0, n1, …, a run of a node as n1.1, n1.2, …"""

from __future__ import annotations

import re
from typing import NewType

StudyId = NewType("StudyId", str)
NodeId = NewType("NodeId", str)
RunId = NewType("RunId", str)

ROOT = NodeId("n0")
"""The baseline: the base model as it is, evaluated and not trained."""

_STUDY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def is_study_name(text: str) -> bool:
    """Whether `text` can name a study: lower-case letters, digits, dot, dash and underscore, at most 64."""
    return _STUDY.fullmatch(text) is not None


def node_id(number: int) -> NodeId:
    """The id of the `number`-th node, counting the root as 0."""
    return NodeId(f"n{number}")


def node_number(node: NodeId) -> int:
    """The number in a node id; nodes are numbered in the order they were proposed."""
    return int(node[1:])


def run_id(node: NodeId, index: int) -> RunId:
    """The id of a node's run; `index` counts from 1."""
    return RunId(f"{node}.{index}")


def node_of(run: RunId) -> NodeId:
    """The node a run belongs to."""
    return NodeId(run.split(".")[0])


def run_index(run: RunId) -> int:
    """A run's place in its plan's `configs`, counting from 0."""
    return int(run.split(".")[1]) - 1
