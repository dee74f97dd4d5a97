"""Letting a model use research tools: ask, carry out what it calls, ask again, until it answers or has used them up.

What a tool says is quoted (`core.fence`) and never trusted. Whatever goes wrong with a call (a tool that is not there,
arguments that do not fit, a source that cannot be reached, the same call twice) is told to the model in words, and it
goes on. A server that does not know tools is asked without them, with a note to the person.

The loop is our own: the SDK has one for its other interface alone, and what others ship brings clients and approval
machinery that a study has already.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from trex_nb.agents.tools.base import BadArguments, Found, ResearchTool, Unavailable, line
from trex_nb.core.chat import Chat, ChatReply, ChatRequest, Heard, Message, ToolCall
from trex_nb.core.fence import fenced
from trex_nb.core.plan import Source
from trex_nb.errors import ChatError

Shown = Callable[["CallMade"], None]

_NO_MORE = "There are no tool calls left. Answer now, with what you have."
_MOST_ARGUMENTS = 4_000
_MOST_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class CallMade:
    """A call as a person is shown it: `outcome` is "found", or why nothing came of it."""

    tool: str
    arguments: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Research:
    """What came of it: the last `reply`, all `messages` up to and with it, the `sources` found, `notes` to the person
    about what could not be asked, and the `calls` made."""

    reply: ChatReply
    messages: tuple[Message, ...]
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    calls: tuple[CallMade, ...] = ()


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why nothing came of a call; unless all of it `is_ours`, it may repeat what others wrote."""

    text: str
    is_ours: bool = False


@dataclass(slots=True)
class _Desk:
    """The loop's state: what was called, found and noted, and how much may still be."""

    tools: Mapping[str, ResearchTool]
    calls_left: int
    chars_left: int
    shown: Shown | None
    asked: set[tuple[str, str]] = field(default_factory=set)
    sources: list[Source] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calls: list[CallMade] = field(default_factory=list)


async def with_tools(
    chat: Chat, asked: ChatRequest, tools: Sequence[ResearchTool], *, most_calls: int = 8, most_chars: int = 24_000,
    heard: Heard | None = None, shown: Shown | None = None,
) -> Research:  # fmt: skip
    """Ask with tools. `most_calls` bounds the calls, `most_chars` what all answers together put into the prompt;
    `shown` is told each call as it ends. A shape in `asked` is left out while there are tools: ask for it afterwards,
    with `messages`. Raises `ChatError`."""
    if not tools or most_calls < 1:
        return _ended(await chat.complete(asked, heard), asked.messages)
    named = {t.described.name: t for t in tools}
    desk = _Desk(named, most_calls, most_chars, shown)
    open_ = asked.model_copy(update={"tools": tuple(t.described for t in named.values()), "shape": None})
    try:
        reply = await chat.complete(open_, heard)
    except ChatError as error:
        if error.trouble != "rejected":
            raise
        note = f"The model was asked without research tools: {error.what}"
        return _ended(await chat.complete(asked, heard), asked.messages, notes=(note,))
    messages = asked.messages
    while reply.tool_calls and desk.calls_left > 0:
        reply = _mended(reply, len(desk.calls))
        messages = (*messages, _turn(reply), *await _carried_out(desk, reply.tool_calls))
        reply = await chat.complete(open_.model_copy(update={"messages": messages}), heard)
    if reply.tool_calls:
        reply, messages = await _without_more(chat, open_, messages, _mended(reply, len(desk.calls)), heard)
    return _ended(reply, messages, tuple(desk.sources), tuple(desk.notes), tuple(desk.calls))


async def _without_more(
    chat: Chat, open_: ChatRequest, messages: tuple[Message, ...], reply: ChatReply, heard: Heard | None
) -> tuple[ChatReply, tuple[Message, ...]]:
    """It would go on for ever: asked once more, with nothing to call."""
    refused = tuple(Message(role="tool", tool_call_id=c.id, content=_NO_MORE) for c in reply.tool_calls)
    messages = (*messages, _turn(reply), *refused)
    last = await chat.complete(open_.model_copy(update={"messages": messages, "tools": ()}), heard)
    return last.model_copy(update={"tool_calls": ()}), messages


def _mended(reply: ChatReply, before: int) -> ChatReply:
    """The reply with calls that any server takes back: not too many, each with an id of its own and JSON arguments."""
    seen: set[str] = set()
    calls = []
    for number, call in enumerate(reply.tool_calls[:_MOST_AT_ONCE], before + 1):
        own = call.id if call.id and call.id not in seen else f"call-{number}"
        seen.add(own)
        calls.append(call.model_copy(update={"id": own, "arguments": call.arguments or "{}"}))
    return reply.model_copy(update={"tool_calls": tuple(calls)})


def _ended(
    reply: ChatReply, messages: tuple[Message, ...], sources: tuple[Source, ...] = (), notes: tuple[str, ...] = (),
    calls: tuple[CallMade, ...] = (),
) -> Research:  # fmt: skip
    return Research(reply, (*messages, _turn(reply)), sources, notes, calls)


def _turn(reply: ChatReply) -> Message:
    """The model's own turn. Arguments that are no JSON are left out of it: some servers choke on them."""
    calls = tuple(c if _is_json(c.arguments) else c.model_copy(update={"arguments": "{}"}) for c in reply.tool_calls)
    return Message(role="assistant", content=reply.text, tool_calls=calls)


async def _carried_out(desk: _Desk, calls: Sequence[ToolCall]) -> list[Message]:
    """The answers to the calls of one turn, in their order; they run side by side."""
    refusals = [_refusal(desk, call) for call in calls]
    runs = (_run(desk, c) for c, why in zip(calls, refusals, strict=True) if why is None)
    answers = iter(await asyncio.gather(*runs))
    return [
        _answered(desk, call, next(answers) if why is None else why) for call, why in zip(calls, refusals, strict=True)
    ]


def _refusal(desk: _Desk, call: ToolCall) -> _Trouble | None:
    """Why a call is not carried out, in our words; None where it is. Either way it counts."""
    if desk.calls_left <= 0:
        return _Trouble(_NO_MORE, is_ours=True)
    desk.calls_left -= 1
    question = (call.name, _canonical(call.arguments))
    why = ""
    if call.name not in desk.tools:
        why = f"There is no such tool. There are: {', '.join(desk.tools)}."
    elif len(call.arguments) > _MOST_ARGUMENTS:
        why = f"The arguments are longer than {_MOST_ARGUMENTS:,} characters."
    elif question in desk.asked:
        why = "You have asked exactly this before: the answer is above. Ask something else, or answer."
    desk.asked.add(question)
    return _Trouble(why, is_ours=True) if why else None


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _canonical(arguments: str) -> str:
    """Arguments so that equal ones are equal texts."""
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


async def _run(desk: _Desk, call: ToolCall) -> Found | _Trouble:
    try:
        return await desk.tools[call.name].run(_canonical(call.arguments))
    except Unavailable as error:
        _noted(desk, f"{error.what} {error.hint[:1].upper()}{error.hint[1:]}.")
        return _Trouble(f"{error.what} Go on without it, and do not claim to have consulted it.")
    except BadArguments as error:
        return _Trouble(f"{error.what} Try: {error.hint}")
    except Exception as error:  # noqa: BLE001  (a tool may be anybody's: what goes wrong in it is told, and we go on)
        said = f"The tool {call.name} failed ({type(error).__name__})."
        _noted(desk, said)
        return _Trouble(f"{said} Go on without it.")


def _noted(desk: _Desk, note: str) -> None:
    if note not in desk.notes:
        desk.notes.append(note)


def _answered(desk: _Desk, call: ToolCall, said: Found | _Trouble) -> Message:
    """The tool's turn, within what is left of the prompt. Only our own words stand there unquoted."""
    if isinstance(said, Found) and desk.chars_left <= 0:
        said = _Trouble("The answers so far fill the room there is. Answer now.", is_ours=True)
    if isinstance(said, Found):
        cut = said.text[: desk.chars_left]
        desk.chars_left -= len(cut)
        desk.sources += [s for s in said.sources if s not in desk.sources]
        content, outcome = fenced(cut, f"found by the tool {call.name}", limit=max(1, len(cut))), "found"
    else:
        outcome = line(said.text, 300)
        content = said.text if said.is_ours else fenced(said.text, f"no answer of the tool {call.name}", limit=1_000)
    made = CallMade(line(call.name, 80), line(call.arguments, 500), outcome)
    desk.calls.append(made)
    if desk.shown:
        desk.shown(made)
    return Message(role="tool", tool_call_id=call.id, content=content)
