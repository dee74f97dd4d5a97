"""Scripts of language models that write and score rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from trex_nb.core.chat import ChatRequest, Message, Purpose
from trex_nb.core.task import Example

_WIDTH = 2000


def shown(asked: ChatRequest) -> list[dict[str, Any]]:
    """The rows of a question, as the model sees them."""
    text = next(m.content for m in asked.messages if m.role == "user")
    lines = [line.removeprefix("| ") for line in text.splitlines()[1:] if line.startswith("| ")]
    whole = "".join(line if len(line) == _WIDTH else f"{line}\n" for line in lines)  # a quotation breaks long lines
    return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


def obliging(asked: ChatRequest) -> dict[str, Any]:
    """Writes a row after each of those shown, from back to front; gives odd rows the score 1 and even ones 0.25."""
    rows = shown(asked)
    if asked.purpose == "score":
        return {"scores": [{"number": r["number"], "score": 1 if r["number"] % 2 else 0.25} for r in rows]}
    written = [{"prompt": f"{r['prompt'][::-1]} {r['take']}", "answer": r["answer"]} for r in rows]
    return {"rows": [{"number": r["number"], **new} for r, new in zip(rows, written, strict=True)]}


def rows_of(n: int, answer: str = "yes") -> list[Example]:
    """Rows that have little in common."""
    return [Example(id=str(i), prompt=f"row {i:x} {i * i}", answer=answer, slice="ab"[i % 2]) for i in range(n)]


def said_by(body: dict[str, Any], answer: Callable[[ChatRequest], Any] = obliging) -> str:
    """What a server that keeps to schemas replies: to a question about rows the `answer`, to any other just something
    of that shape."""
    schema = body["response_format"]["json_schema"]["schema"]
    if not {"rows", "scores"} & set(schema["properties"]):
        return json.dumps(dict.fromkeys(schema["required"], "hello"))
    messages = tuple(Message(role=m["role"], content=m["content"]) for m in body["messages"])
    purpose: Purpose = "rows" if "rows" in schema["properties"] else "score"
    return json.dumps(answer(ChatRequest(asker="writer", purpose=purpose, messages=messages)))


def about_rows(requests: Sequence[dict[str, Any]], op: str = "") -> list[list[str]]:
    """The prompts of the rows that each question to a server was about, of one operator or of all; what is asked
    beside is left out."""
    asked = [tuple(Message(role=m["role"], content=m["content"]) for m in body["messages"]) for body in requests]
    found = [shown(ChatRequest(asker="writer", purpose="rows", messages=messages)) for messages in asked]
    wanted = {"generate": (True,), "judge": (False,)}.get(op, (True, False))
    return [[row["prompt"] for row in rows] for rows in found if rows and ("take" in rows[0]) in wanted]
