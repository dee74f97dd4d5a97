"""Why a node is there: what its Researcher saw and said, call by call, with what each cost. Records in, blocks out."""

from __future__ import annotations

from collections.abc import Sequence

from trex_nb.core.chat import CallRecord, Message
from trex_nb.core.events import ChatCalled, ProposalMade
from trex_nb.core.ids import NodeId
from trex_nb.core.plan import Source
from trex_nb.report import words
from trex_nb.report.blocks import Block, Bullets, Heading, Paragraph, Verbatim
from trex_nb.search.tree import Tree

_LONGEST = 40_000
_MOST_CALLS = 40


def why_calls(tree: Tree, node: NodeId) -> tuple[ChatCalled, ...]:
    """The calls of language models that led to a node, and those about it since."""
    request = tree.nodes[node].request
    return (*(tree.chats.of_request(request) if request else ()), *tree.chats.of_node(node))


def why_section(tree: Tree, node: NodeId, records: Sequence[CallRecord]) -> tuple[Block, ...]:
    """What the Researcher was told and what it answered. Without calls, the very text that the Researcher saw."""
    answer = tree.answers.get(tree.nodes[node].request)
    calls = why_calls(tree, node)
    if not isinstance(answer, ProposalMade):
        return (Paragraph("The baseline: where every study starts."), *_calls(tree, calls, records))
    if not calls:
        return (Verbatim(answer.context),)
    plan = tree.nodes[node].plan
    followed = [Paragraph(f"How your words were followed: {plan.followed}")] if plan.followed else []
    return (
        Paragraph(f"Why: {words.cut(answer.rationale, 4000)}"), *followed, *_sources(answer.sources),
        *_calls(tree, calls, records),
    )  # fmt: skip


def source_words(source: Source) -> str:
    """A source on one line: what it is, where, under which licence, how it was found."""
    parts = [f"{source.kind} {source.name}", source.url, f"licence: {source.licence or 'not stated'}"]
    parts += [f"found by “{source.query}”"] if source.query else []
    return words.one_line(", ".join(p for p in parts if p), 400)


def _sources(sources: Sequence[Source]) -> tuple[Block, ...]:
    return (Heading("Found outside"), Bullets(tuple(map(source_words, sources)))) if sources else ()


def _calls(tree: Tree, calls: Sequence[ChatCalled], records: Sequence[CallRecord]) -> list[Block]:
    known = {r.id: r for r in records}
    found: list[Block] = []
    seen: set[str] = set()
    for number, call in enumerate(calls[:_MOST_CALLS], 1):
        found.append(Heading(f"Call {number} of {len(calls)}: {_about(call)}"))
        found.append(Paragraph(call_words(call, tree.budget.currency, known.get(call.call))))
        if record := known.get(call.call):
            found += _words(record, seen)
    return found


def _about(call: ChatCalled) -> str:
    return {
        "plan": "planning", "reflect": "looking at what came of it", "code": "writing code", "repair": "mending code",
        "rows": "writing rows", "score": "judging rows", "ask": "a question", "task": "the task",
    }[call.purpose]  # fmt: skip


def call_words(call: ChatCalled, currency: str, record: CallRecord | None = None) -> str:
    """What a call was and what it cost."""
    many = f"{call.calls} calls, " if call.calls > 1 else ""
    price = "price not known" if call.money is None else f"{words.figures(call.money)} {currency}".rstrip()
    about = " estimated" if call.usage.is_estimated else ""
    said = f"{call.model}: {many}{call.usage.prompt:,} + {call.usage.completion:,}{about} tokens, {price}, "
    said += words.duration(call.seconds)
    if record:
        said += f"; {record.asked.prompt or 'no prompt file'}; {record.endpoint}"
        said += f"; shape by {record.reply.how}" if record.reply and record.reply.how else ""
    return said + (f". Nothing came: {call.failure}" if call.failure else ".")


def _words(record: CallRecord, seen: set[str]) -> list[Block]:
    """The turns, those that stood in a call before only named."""
    found: list[Block] = []
    for message in record.asked.messages:
        told = _turn(message)
        found.append(Paragraph(f"{message.role}, as before" if told in seen else f"{message.role}:"))
        found += [] if told in seen else [Verbatim(words.cut(told, _LONGEST))]
        seen.add(told)
    if record.reply is not None:
        if record.reply.reasoning:
            found += [Paragraph("thought aloud:"), Verbatim(words.cut(record.reply.reasoning, _LONGEST))]
        answer = _turn(Message(role="assistant", content=record.reply.text, tool_calls=record.reply.tool_calls))
        found += [Paragraph("reply:"), Verbatim(words.cut(answer, _LONGEST))]
        seen.add(answer)
    return found


def _turn(message: Message) -> str:
    calls = [f"calls {c.name}({c.arguments})" for c in message.tool_calls]
    return "\n".join([*([message.content] if message.content else []), *calls])
