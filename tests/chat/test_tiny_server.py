"""A real model over real HTTP: shapes are kept in every way there is to ask for them."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from tests.chat.asking import SHAPE, ask, chat_at, request
from trex_nb.chat.rungs import RungMemory
from trex_nb.chat.typed import ask_typed
from trex_nb.core.chat import Shape, Tool
from trex_nb.errors import ChatError

LONG = Shape(
    name="long",
    json_schema={
        "type": "object", "properties": {"all": {"type": "array", "minItems": 300, "items": {"type": "integer"}}},
        "required": ["all"], "additionalProperties": False,
    },
)  # fmt: skip


class Drop(BaseModel):
    op: Literal["drop"]
    column: str


class Mix(BaseModel):
    op: Literal["mix"]
    share: float = Field(ge=0, le=1)


class Step(BaseModel):
    why: str = Field(min_length=1, max_length=400)
    edit: Drop | Mix


class Proposal(BaseModel):
    title: str = Field(min_length=1)
    rank: int = Field(ge=1, le=64)
    steps: list[Step] = Field(min_length=1)
    risk: str | None = None
    is_probe: bool


def test_ten_of_ten_typed_answers_of_a_nested_shape_are_valid(tiny_url: str) -> None:
    rungs = RungMemory()
    chat = chat_at(tiny_url, rungs)

    async def ten() -> list[Proposal]:
        asks = [ask_typed(chat, request(f"Plan {i}."), Proposal, repairs=0) for i in range(10)]
        return await asyncio.gather(*asks)

    made = asyncio.run(ten())
    assert len(made) == 10
    assert len({p.model_dump_json() for p in made}) == 10


def test_a_server_that_enforces_shapes_is_found_to_do_so(tiny_url: str) -> None:
    reply = ask(chat_at(tiny_url), request(shape=SHAPE))
    assert reply.how == "json_schema"
    assert reply.usage.completion > 0
    assert not reply.usage.is_estimated


@pytest.mark.parametrize("rung", ["json_schema", "tool"])
def test_a_shape_is_kept_by_each_way_that_enforces_it(tiny_url: str, rung: Any) -> None:
    rungs = RungMemory()
    chat = chat_at(tiny_url, rungs)
    rungs.keep(chat._endpoint, rung)
    heard: list[str] = []
    reply = ask(chat, request(shape=SHAPE), heard)
    assert reply.how == rung
    assert reply.text in {'{"good":true}', '{"good":false}'}
    assert "".join(heard) == reply.text
    assert reply.tool_calls == ()


def test_offered_tools_are_called_now_and_then_with_arguments_of_their_shape(tiny_url: str) -> None:
    tool = Tool(name="look", description="Looks.", parameters=SHAPE.json_schema)
    replies = [ask(chat_at(tiny_url), request(f"Look {i}.", tools=(tool,), max_tokens=256)) for i in range(12)]
    calls = [call for reply in replies for call in reply.tool_calls]
    assert 0 < len(calls) < 12
    assert {call.name for call in calls} == {"look"}
    assert all(json.loads(call.arguments).keys() == {"good"} for call in calls)


def test_a_reply_is_cut_off_at_the_limit_of_tokens(tiny_url: str) -> None:
    with pytest.raises(ChatError) as caught:
        ask(chat_at(tiny_url), request("Go on and on.", max_tokens=1))
    assert caught.value.trouble == "too_long"
    assert caught.value.spent[1] == 1


def test_who_stops_waiting_frees_the_model_at_once(tiny_url: str) -> None:
    chat = chat_at(tiny_url)

    async def stop() -> str:
        heard = asyncio.Event()
        slow = asyncio.create_task(chat.complete(request("Tell.", shape=LONG), lambda _: heard.set()))
        await heard.wait()
        slow.cancel()
        await asyncio.wait([slow])
        return (await chat.complete(request(shape=SHAPE))).text

    assert "good" in asyncio.run(stop())
