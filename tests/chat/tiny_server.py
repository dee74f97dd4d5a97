"""A small real server of the embedded tiny model: chat completions whose shapes are enforced while decoding.

    python -m tests.chat.tiny_server --port 0        prints its URL, and serves until it is ended

JSON schemas, JSON of any kind and forced tools are kept to by a mask over the model's next token (llguidance); offered
tools are called now and then; replies stream; draws are seeded, so that the same questions in the same order get the
same answers. What it shows is that the machinery works, not that the advice is good: the model knows nothing. To keep
replies short, what a schema leaves open is bounded: texts, lists, numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import llguidance.hf
import llguidance.numpy
import numpy as np
import torch
from llguidance import LLMatcher
from transformers import AutoModelForCausalLM, AutoTokenizer

import trex_nb.tiny

CONTEXT = 256  # tokens of a prompt that the model sees, the last ones
LONGEST_TEXT, MOST_ITEMS, LARGEST = 24, 2, 1000
MOST_TOKENS = 2048
CALLS_TOOLS = 0.5  # of the times that tools are offered
Body = dict[str, Any]


class TinyModel:
    """The model; one reply at a time."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        folder = trex_nb.tiny.path()
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._words = self._model.config.vocab_size
        self._guide = llguidance.hf.from_tokenizer(self._tokenizer, n_vocab=self._words)
        self._specials = torch.tensor([i for i in self._tokenizer.all_special_ids if i != self._tokenizer.eos_token_id])
        self._lock = threading.Lock()

    def prompt(self, messages: list[Body]) -> list[int]:
        """The last tokens of what was said."""
        plain = [{"role": _role(m), "content": _words_of(m)} for m in messages]
        text = self._tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=True)
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])[-CONTEXT:]

    def matcher(self, schema: Body) -> LLMatcher:
        """What lets through only what satisfies `schema`. Raises `ValueError` where that cannot be."""
        grammar = LLMatcher.grammar_from_json_schema(bounded(schema), overrides={"whitespace_flexible": False})
        made = LLMatcher(self._guide, grammar)
        if made.is_error():
            raise ValueError(made.get_error())
        return made

    def pieces(self, ids: list[int], most: int, seed: int, matcher: LLMatcher | None) -> Iterator[tuple[str, int, str]]:
        """The reply piece by piece, each with the tokens so far and, with the last, why it ended."""
        said, told = [], ""
        with self._lock:
            for token in self._tokens(ids, most, seed, matcher):
                said.append(token)
                text = self._tokenizer.decode(said, skip_special_tokens=True)
                if not text.endswith("\ufffd"):
                    yield text.removeprefix(told), len(said), ""
                    told = text
        is_cut = len(said) >= most and not (matcher and matcher.is_accepting())
        yield "", len(said), "length" if is_cut else "stop"

    def _tokens(self, ids: list[int], most: int, seed: int, matcher: LLMatcher | None) -> Iterator[int]:
        draws = torch.Generator().manual_seed(seed)
        given, memory, count = ids, None, 0
        while count < most:
            # What the shape leaves no choice about needs no model: most of JSON is quotes and names.
            forced = matcher.compute_ff_tokens() if matcher else []
            if not forced:
                with torch.inference_mode():
                    out = self._model(input_ids=torch.tensor([given]), past_key_values=memory, use_cache=True)
                    memory, given = out.past_key_values, []
                    drawn = self._drawn(out.logits[0, -1].float(), draws, matcher)
                if drawn == self._tokenizer.eos_token_id:
                    return
                forced = [drawn]
            given, count = [*given, *forced], count + len(forced)
            yield from forced
            if matcher and (not matcher.consume_tokens(forced) or matcher.is_stopped()):
                return

    def _drawn(self, logits: torch.Tensor, draws: torch.Generator, matcher: LLMatcher | None) -> int:
        logits[self._specials] = -torch.inf
        if matcher:
            logits[~self._allowed(matcher)] = -torch.inf
        return int(torch.multinomial(torch.softmax(logits, -1), 1, generator=draws))

    def _allowed(self, matcher: LLMatcher) -> torch.Tensor:
        mask = llguidance.numpy.allocate_token_bitmask(1, self._words)
        llguidance.numpy.fill_next_token_bitmask(matcher, mask)
        bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[: self._words]
        return torch.from_numpy(bits.astype(bool))


def bounded(schema: Any) -> Any:
    """The schema with bounds where it has none, or wide ones: whatever satisfies it satisfies the schema."""
    if isinstance(schema, list):
        return [bounded(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: bounded(part) for key, part in schema.items()}
    match made.get("type"):
        case "string" if not {"enum", "const", "pattern", "format"} & made.keys():
            made["maxLength"] = max(made.get("minLength", 0), min(made.get("maxLength", LONGEST_TEXT), LONGEST_TEXT))
        case "array":
            made["maxItems"] = max(made.get("minItems", 0), min(made.get("maxItems", MOST_ITEMS), MOST_ITEMS))
        case "integer" if not {"enum", "const"} & made.keys():
            if not {"maximum", "exclusiveMaximum"} & made.keys():
                made["maximum"] = max(LARGEST, made.get("minimum", 0) + 1)
            if not {"minimum", "exclusiveMinimum"} & made.keys():
                made["minimum"] = min(0, made.get("maximum", 0) - 1)
    return made


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: TinyServer

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "tiny", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.endswith("/chat/completions"):
            self._send(404, {"error": {"message": "there is nothing here"}})
            return
        try:
            reply = Reply(self.server, body)
        except (ValueError, KeyError, TypeError) as error:
            self._send(400, {"error": {"message": f"response_format or tools: {error}"}})
            return
        try:
            self._stream(reply) if body.get("stream") else self._whole(reply)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _whole(self, reply: Reply) -> None:
        text = "".join(piece for piece, _, _ in reply.pieces())
        choice = {"index": 0, "message": {"role": "assistant", **reply.said(text)}, "finish_reason": reply.finish}
        self._send(200, {**reply.head, "object": "chat.completion", "choices": [choice], "usage": reply.usage})

    def _stream(self, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        self._event({**reply.head, "choices": [_choice({"role": "assistant", **reply.begun()})]})
        for piece, _, finish in reply.pieces():
            if piece:
                self._event({**reply.head, "choices": [_choice(reply.said_on(piece))]})
            if finish:
                self._event({**reply.head, "choices": [_choice({}, reply.finish)]})
        if reply.tells_usage:
            self._event({**reply.head, "choices": [], "usage": reply.usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, chunk: Body) -> None:
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()

    def _send(self, status: int, body: Body) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Reply:
    """The reply to a body, made while its `pieces` are read. Raises `ValueError` where its shape cannot be enforced."""

    def __init__(self, server: TinyServer, body: Body) -> None:
        self._model = server.model
        self._ids = self._model.prompt(body["messages"])
        self._seed = server.seed_of(body)
        self._most = min(body.get("max_completion_tokens") or body.get("max_tokens") or MOST_TOKENS, MOST_TOKENS)
        self._tool = _called(body, self._seed)
        schema = self._tool["parameters"] if self._tool else _schema(body)
        self._matcher = self._model.matcher(schema) if schema is not None else None
        self._tokens = 0
        self.finish = ""
        self.tells_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self.head = {"id": f"chatcmpl-{self._seed}", "object": "chat.completion.chunk", "created": 0, "model": "tiny"}

    def pieces(self) -> Iterator[tuple[str, int, str]]:
        """The words, as they come."""
        for piece, tokens, finish in self._model.pieces(self._ids, self._most, self._seed, self._matcher):
            self._tokens = tokens
            self.finish = "tool_calls" if finish == "stop" and self._tool else finish
            yield piece, tokens, finish

    def said(self, text: str) -> Body:
        """The words as a message's fields."""
        if self._tool is None:
            return {"content": text}
        call = {
            "index": 0,
            "id": f"call_{self._seed}",
            "type": "function",
            "function": {**self._name, "arguments": text},
        }
        return {"content": None, "tool_calls": [call]}

    def begun(self) -> Body:
        """A stream's first fields."""
        return self.said("")

    def said_on(self, piece: str) -> Body:
        """A stream's further fields."""
        if self._tool is None:
            return {"content": piece}
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}

    @property
    def usage(self) -> Body:
        """Tokens read and written."""
        prompt = len(self._ids)
        return {"prompt_tokens": prompt, "completion_tokens": self._tokens, "total_tokens": prompt + self._tokens}

    @property
    def _name(self) -> Body:
        return {"name": self._tool["name"] if self._tool else ""}


class TinyServer(ThreadingHTTPServer):
    """The server. A seed is drawn from what is asked and how often it was asked before."""

    daemon_threads = True

    def __init__(self, port: int, seed: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.model = TinyModel()
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def seed_of(self, body: Body) -> int:
        """A number for this question."""
        text = json.dumps([body["messages"], body.get("tools"), body.get("response_format")], sort_keys=True)
        with self._lock:
            self._asked[text] += 1
            text += f" {self._asked[text]} {self._seed}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    def handle_error(self, *_: Any) -> None:
        """Whoever hangs up on us does so quietly."""


def _called(body: Body, seed: int) -> Body | None:
    """The function to call: the one that must be, or now and then one that may be."""
    functions = [t["function"] for t in body.get("tools") or []]
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        return dict(next(f for f in functions if f["name"] == choice["function"]["name"]))
    draws = np.random.default_rng(seed)
    if not functions or choice == "none" or (choice == "auto" and draws.random() >= CALLS_TOOLS):
        return None
    return dict(functions[draws.integers(len(functions))])


def _schema(body: Body) -> Body | None:
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return dict(schema)
        case {"type": "json_object"}:
            return {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    return None


def _choice(delta: Body, finish: str | None = None) -> Body:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _role(message: Body) -> str:
    return "user" if message["role"] == "tool" else str(message["role"])


def _words_of(message: Body) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def main(say: Callable[[str], None]) -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    server = TinyServer(given.port, given.seed)
    say(f"http://127.0.0.1:{server.server_address[1]}/v1")
    server.serve_forever()


if __name__ == "__main__":
    main(lambda url: print(url, flush=True))  # noqa: T201 - whoever started it reads the address
