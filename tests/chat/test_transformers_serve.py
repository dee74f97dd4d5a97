"""A server that is not ours, with the tiny model: `transformers serve`, which ignores shapes and says that all is well.

It starts in about ten seconds, and repeats the prompt at the beginning of a streamed answer.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

import trex_nb.tiny
from tests.chat.asking import SHAPE, ask, chat_at, request
from trex_nb.chat.client import OpenAIChat
from trex_nb.chat.rungs import RungMemory
from trex_nb.chat.typed import ask_typed
from trex_nb.errors import ChatError


class Verdict(BaseModel):
    good: bool


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [str(Path(sys.executable).with_name("transformers")), "serve", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr
        try:
            told = (re.search(r"running on (http://\S+)", line) for line in process.stderr)
            yield f"{next(found[1] for found in told if found)}/v1"
        finally:
            process.kill()


@pytest.fixture
def memory() -> RungMemory:
    return RungMemory()


@pytest.fixture
def chat(url: str, memory: RungMemory) -> OpenAIChat:
    return chat_at(url, memory, model=str(trex_nb.tiny.path()), timeout=120.0, max_tokens=32)


def test_an_answer_is_streamed_with_its_usage(chat: OpenAIChat) -> None:
    heard: list[str] = []
    reply = ask(chat, request("Say hello."), heard)
    assert len(heard) > 1
    assert reply.text == "".join(heard)
    assert reply.usage.completion > 0
    assert not reply.usage.is_estimated


def test_it_is_found_out_that_shapes_are_ignored(chat: OpenAIChat, memory: RungMemory) -> None:
    assert ask(chat, request(shape=SHAPE)).how == "text"
    assert memory.find(chat._endpoint) == "text"


def test_a_typed_answer_is_right_or_a_clear_error(chat: OpenAIChat) -> None:
    try:
        verdict = asyncio.run(ask_typed(chat, request("Is it good?"), Verdict))
    except ChatError as error:
        said = f"{error.trouble} {error}"
    else:
        said = json.dumps(verdict.model_dump())
    assert re.search(
        r"bad_reply The model's answer was not what was asked|too_long The reply of|\"good\": (true|false)", said
    )
