"""A model and its tools: what is called is answered, what cannot be is said, and it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from trex_nb.agents.tool_loop import CallMade, Research, with_tools
from trex_nb.agents.tools.base import BadArguments, Found, ResearchTool, Unavailable
from trex_nb.core.chat import ChatReply, ChatRequest, Message, Shape, Tool, ToolCall
from trex_nb.core.plan import Source
from trex_nb.errors import ChatError
from trex_nb.testing.chats import ScriptedChat

ASKED = ChatRequest(
    asker="researcher", purpose="plan", messages=(Message(role="user", content="Plan."),),
    shape=Shape(name="plan", json_schema={"type": "object"}),
)  # fmt: skip


class Echo:
    """Finds what it was asked for, or raises what it was made with."""

    is_lasting = True

    def __init__(self, name: str = "echo", error: Exception | None = None, text: str = "") -> None:
        self.name, self.error, self.text = name, error, text
        self.asked: list[str] = []

    @property
    def described(self) -> Tool:
        return Tool(name=self.name, description="Echoes.", parameters={"type": "object"})

    async def run(self, arguments: str) -> Found:
        self.asked.append(arguments)
        if self.error:
            raise self.error
        return Found(self.text or f"found {arguments}", (Source(kind="tool", name=arguments),))


def calls(*made: tuple[str, str], ids: tuple[str, ...] = ()) -> ChatReply:
    return ChatReply(
        tool_calls=tuple(
            ToolCall(id=ids[n] if ids else f"c{n}", name=name, arguments=a) for n, (name, a) in enumerate(made)
        )
    )


def research(chat: ScriptedChat, *tools: ResearchTool, **options: Any) -> Research:
    return asyncio.run(with_tools(chat, ASKED, tools, **options))


def told(made: Research) -> list[str]:
    return [m.content for m in made.messages if m.role == "tool"]


def test_a_call_is_carried_out_and_its_answer_quoted() -> None:
    chat, tool, shown = ScriptedChat(calls(("echo", '{"b": 1, "a": 2}')), "Done."), Echo(), list[CallMade]()
    made = research(chat, tool, shown=shown.append)
    assert made.reply.text == "Done."
    assert tool.asked == ['{"a": 2, "b": 1}']
    assert told(made)[0].splitlines()[1] == '| found {"a": 2, "b": 1}'
    assert [m.role for m in made.messages] == ["user", "assistant", "tool", "assistant"]
    assert [s.name for s in made.sources] == ['{"a": 2, "b": 1}']
    assert made.calls == tuple(shown) == (CallMade("echo", '{"b": 1, "a": 2}', "found"),)


def test_the_shape_waits_until_there_are_no_tools() -> None:
    chat = ScriptedChat("Done.")
    research(chat, Echo())
    assert chat.asked[0].shape is None
    assert [t.name for t in chat.asked[0].tools] == ["echo"]
    chat = ScriptedChat("Done.")
    research(chat)
    assert chat.asked[0] == ASKED


def test_calls_of_one_turn_are_answered_in_order() -> None:
    chat = ScriptedChat(calls(("echo", '{"a": 1}'), ("other", "{}"), ("echo", '{"a": 2}')), "Done.")
    made = research(chat, Echo(), Echo("other"))
    assert [m.tool_call_id for m in made.messages if m.role == "tool"] == ["c0", "c1", "c2"]
    assert ['"a": 1' in t or '"a": 2' in t for t in told(made)] == [True, False, True]


@pytest.mark.parametrize(("error", "said", "is_noted"), [
    (Unavailable("arXiv", "it cannot be reached", "go on"), "arXiv was not consulted: it cannot be reached.", True),
    (BadArguments("limit: too large.", "at most 10"), "limit: too large. Try: at most 10", False),
    (ZeroDivisionError("secret"), "The tool echo failed (ZeroDivisionError).", True),
])  # fmt: skip
def test_what_goes_wrong_is_told_and_it_goes_on(error: Exception, said: str, is_noted: bool) -> None:
    made = research(ScriptedChat(calls(("echo", "{}")), "Done."), Echo(error=error))
    assert said in told(made)[0]
    assert "secret" not in told(made)[0]
    assert bool(made.notes) == is_noted
    assert made.reply.text == "Done."


def test_a_source_that_is_away_is_noted_once() -> None:
    away = Unavailable("arXiv", "it cannot be reached", "go on")
    made = research(ScriptedChat(calls(("echo", '{"a":1}'), ("echo", '{"a":2}')), "Done."), Echo(error=away))
    assert made.notes == ("arXiv was not consulted: it cannot be reached. Go on.",)


def test_a_tool_that_is_not_there_is_not_run() -> None:
    made = research(ScriptedChat(calls(("rm -rf", "{}")), "Done."), Echo())
    assert told(made) == ["There is no such tool. There are: echo."]


def test_the_same_call_is_made_once() -> None:
    tool = Echo()
    chat = ScriptedChat(calls(("echo", '{"a": 1}'), ("echo", '{ "a":1 }')), calls(("echo", '{"a":1}')), "Done.")
    made = research(chat, tool)
    assert len(tool.asked) == 1
    assert ["before" in t for t in told(made)] == [False, True, True]


def test_it_ends_whatever_the_model_does() -> None:
    tool = Echo()
    lines = iter(range(1_000))

    def never_done(asked: ChatRequest) -> ChatReply:
        return calls(*(("echo", f'{{"a": {next(lines)}}}') for _ in range(3)))

    chat = ScriptedChat(script=never_done)
    made = research(chat, tool, most_calls=5)
    assert len(tool.asked) == 5
    assert made.reply.tool_calls == ()
    assert chat.asked[-1].tools == ()
    assert len(chat.asked) == 4


def test_what_it_reads_is_bounded() -> None:
    chat = ScriptedChat(calls(("echo", '{"a":1}')), calls(("echo", '{"a":2}')), "Done.")
    made = research(chat, Echo(text="x" * 900), most_chars=500)
    assert sum(t.count("x") for t in told(made)) == 500
    assert told(made)[1] == "The answers so far fill the room there is. Answer now."


def test_a_turn_of_a_thousand_calls_is_cut_short() -> None:
    many = calls(*(("echo", f'{{"a": {n}}}') for n in range(1_000)))
    made = research(ScriptedChat(many, "Done."), Echo())
    assert len(told(made)) == 16
    assert sum("no tool calls left" in t for t in told(made)) == 8


def test_calls_that_are_badly_made_are_sent_back_well_made() -> None:
    chat = ScriptedChat(calls(("echo", "{nonsense"), ("echo", ""), ids=("", "")), "Done.")
    made = research(chat, Echo())
    turn = made.messages[1]
    assert [c.arguments for c in turn.tool_calls] == ["{}", "{}"]
    assert [c.id for c in turn.tool_calls] == ["call-1", "call-2"]
    assert made.calls[0].arguments == "{nonsense"


def test_arguments_without_end_are_not_passed_on() -> None:
    tool = Echo()
    made = research(ScriptedChat(calls(("echo", '{"a": "' + "x" * 5_000 + '"}')), "Done."), tool)
    assert tool.asked == []
    assert "longer than" in told(made)[0]


def test_a_server_without_tools_is_asked_without_them() -> None:
    rejected = ChatError("The server answered 400: tools are not supported.", "another", trouble="rejected")
    chat = ScriptedChat(rejected, "Done.")
    made = research(chat, Echo())
    assert made.reply.text == "Done."
    assert chat.asked[1] == ASKED
    assert "without research tools" in made.notes[0]


def test_other_troubles_of_a_call_are_raised() -> None:
    with pytest.raises(ChatError, match="script"):
        research(ScriptedChat(), Echo())


def test_what_is_said_is_heard() -> None:
    heard: list[str] = []
    research(ScriptedChat("Done."), Echo(), heard=heard.append)
    assert heard == ["Done."]
