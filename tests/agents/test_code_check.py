"""What is said against code before anybody runs it."""

from __future__ import annotations

import pytest

from trex_nb.agents.code_check import fetched, wrong_with
from trex_nb.core.plan import Code
from trex_nb.core.recipe import Convert, DataRecipe, Load

GOOD = '''\
"""Says everything twice."""
import re
from collections import Counter
import numpy as np

SPACES: str = r"\\s+"


def _clean(text):
    return re.compile(SPACES).sub(" ", text)


def rewrite(rows):
    return [{**row, "prompt": _clean(row["prompt"])} for row in rows]
'''
TRAIN = """\
def train(base, rows, config, fit):
    base.take().eval()
    return fit(base, rows, config)
"""


def rows(source: str) -> str:
    return wrong_with(Code(brief="b", rows=source))


def test_plain_code_passes() -> None:
    assert wrong_with(Code(brief="b", rows=GOOD, train=TRAIN)) == ""


def body(line: str) -> str:
    return f"def rewrite(rows):\n    {line}\n    return rows\n"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def rewrite(rows:\n", "rows: it is not Python, line 1: '(' was never closed."),
        ("x = 1", "it must define the function rewrite once, and does 0 times."),
        (body("pass") * 2, "it must define the function rewrite once, and does 2 times."),
        ("def rewrite(rows, more):\n    return rows", "rewrite must take 1 argument."),
        ("def rewrite(*rows):\n    return rows", "rewrite must take 1 argument."),
        ("async def rewrite(rows):\n    return rows", "it must define the function rewrite once"),
        (body("pass") + "print(rewrite([]))", "line 4: beside functions there may be imports and constants alone."),
        ("import os\n" + body("pass"), "os may not be imported."),
        (body("import subprocess as re"), "subprocess may not be imported."),
        ("from socket import socket\n" + body("pass"), "socket may not be imported."),
        ("from . import secrets\n" + body("pass"), ". may not be imported."),
        ("import urllib.request\n" + body("pass"), "urllib.request may not be imported."),
        ("import trex_nb.store\n" + body("pass"), "trex_nb.store may not be imported."),
        ("from datasets import load_dataset\n" + body("pass"), "load_dataset may not be used."),
        ("import datasets\n" + body("datasets.load_dataset('x/y')"), "load_dataset may not be used."),
        ("import torch\n" + body("torch.hub.load('x', 'y')"), "hub may not be used."),
        (body("eval('1')"), "eval may not be used."),
        (body("open('x')"), "open may not be used."),
        (body("__import__('os')"), "__import__ may not be used."),
        (body("rows.__class__.__subclasses__()"), "__subclasses__ may not be used."),
        (body("x = '../../sealed/test.jsonl'"), "it must not speak of 'sealed'."),
        (body("x = 'TREX_JOB'"), "it must not speak of 'TREX_'."),
        (body("x = 'events.jsonl'"), "it must not speak of 'events.jsonl'."),
        (body("# \u202e reversed"), "it has characters that no reader sees."),
        (body("pass\n" * 401), "it is longer than 400 lines"),
        (body("x = " + "(" * 300 + ")" * 300), "it is not Python"),
    ],
)
def test_what_is_wrong_is_said(source: str, why: str) -> None:
    assert why in rows(source)


def test_nothing_is_no_code() -> None:
    assert wrong_with(Code(brief="b")) == "there is no code."


def test_training_takes_four_arguments() -> None:
    assert wrong_with(Code(brief="b", train="def train(base):\n    pass")) == "train: train must take 4 arguments."


def test_what_is_fetched_is_known() -> None:
    load = [Load(name=n, source=n, rows=Convert(shape="pair")) for n in ("more.jsonl", "owner/more", "a.csv")]
    assert fetched(DataRecipe(ops=tuple(load))) == ["owner/more"]
