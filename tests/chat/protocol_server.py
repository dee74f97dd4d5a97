"""A server that speaks chat completions over real HTTP, and misbehaves as it is told to.

A `Script` is asked for each request what to do: a `Deed` (`say`, `stream_of`, `status`, …), a function that gets the
handler and writes the answer itself. `requests` are the bodies it was sent, in order.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Deed = Callable[["Handler", Body], None]
Script = Callable[[Body], Deed]
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "prompt_tokens_details": {"cached_tokens": 4}}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: ProtocolServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.changed:
            self.server.requests.append(body)
            self.server.headers.append(dict(self.headers.items()))
            self.server.paths.append(self.path)
            self.server.changed.notify_all()
        try:
            self.server.script(body)(self, body)
        except OSError:
            with self.server.changed:
                self.server.hung_up += 1
                self.server.changed.notify_all()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def send(self, status: int, kind: str, data: bytes, **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self) -> None:
        """A stream that ends with the connection."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, chunk: Body | str) -> None:
        """One event of a stream."""
        said = chunk if isinstance(chunk, str) else json.dumps(chunk)
        self.wfile.write(f"data: {said}\n\n".encode())
        self.wfile.flush()


class ProtocolServer(ThreadingHTTPServer):
    """The server. `changed` tells of every request and of everybody who hangs up."""

    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.hung_up = 0
        self.changed = threading.Condition()
        self.is_over = threading.Event()

    @property
    def url(self) -> str:
        """What to set as `base_url`."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Until something holds that a request changes."""
        with self.changed:
            assert self.changed.wait_for(holds, timeout=20)

    def handle_error(self, *_: Any) -> None:
        """Whoever hangs up on us does so quietly."""


@contextmanager
def serving(script: Script) -> Iterator[ProtocolServer]:
    """A server for a while."""
    server = ProtocolServer(script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def in_turn(*deeds: Deed) -> Script:
    """A script that does one thing after another, the last for ever."""
    left = list(deeds)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def say(text: str, *, usage: Body | None = USAGE, finish: str = "stop", **message: Any) -> Deed:
    """A good answer, streamed in pieces of three characters where it was asked to be."""

    def deed(handler: Handler, body: Body) -> None:
        if not body.get("stream"):
            said = {"role": "assistant", "content": text, **message}
            whole = {
                "choices": [{"index": 0, "message": said, "finish_reason": finish}],
                "usage": usage,
                "model": "real-1",
            }
            handler.send(200, "application/json", json.dumps(whole).encode())
            return
        deltas: list[Body] = [{"role": "assistant", "content": ""}, *({key: value} for key, value in message.items())]
        deltas += [{"content": text[i : i + 3]} for i in range(0, len(text), 3)]
        stream_of(*(chunk(d) for d in deltas), chunk({}, finish), usage=usage)(handler, body)

    return deed


def chunk(delta: Body, finish: str | None = None) -> Body:
    """One piece of a streamed answer."""
    return {"model": "real-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def stream_of(*chunks: Body | str, usage: Body | None = USAGE, is_done: bool = True) -> Deed:
    """A stream of these chunks; where usage was asked for it comes last."""

    def deed(handler: Handler, body: Body) -> None:
        handler.begin_stream()
        for piece in chunks:
            handler.event(piece)
        if usage and (body.get("stream_options") or {}).get("include_usage"):
            handler.event({"model": "real-1", "choices": [], "usage": usage})
        if is_done:
            handler.event("[DONE]")

    return deed


def half(text: str) -> Deed:
    """A stream that breaks off."""
    return stream_of(chunk({"content": text}), usage=None, is_done=False)


def status(code: int, message: str = "", **headers: str) -> Deed:
    """An error."""
    data = json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": None}}).encode()
    return lambda handler, _: handler.send(code, "application/json", data, **headers)


def raw(kind: str, data: bytes) -> Deed:
    """These bytes, with status 200."""
    return lambda handler, _: handler.send(200, kind, data)


def silent(*first: Body) -> Deed:
    """Says nothing any more after the first chunks, until the other side hangs up or the server ends."""

    def deed(handler: Handler, body: Body) -> None:
        handler.begin_stream()
        for piece in first:
            handler.event(piece)
        handler.connection.settimeout(20)
        if not handler.connection.recv(1):
            raise ConnectionResetError

    return deed


def rejecting(field: str, deed: Deed, *, named: bool = True) -> Deed:
    """Rejects a body that has `field`; else does `deed`."""
    message = f"Unknown parameter: '{field}'." if named else "Bad request."

    def decide(handler: Handler, body: Body) -> None:
        (status(400, message) if body.get(field) else deed)(handler, body)

    return decide
