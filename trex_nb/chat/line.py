"""Connections to a server: one client of the openai package for each event loop, open while somebody asks.

Closing with the last caller leaves nothing behind when a loop ends; whoever asks much at a time shares the connections.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import httpx2
import openai

from trex_nb.chat.secret import host_of
from trex_nb.chat.troubles import CALL_ERRORS
from trex_nb.errors import ChatError
from trex_nb.settings import Endpoint

MOST_BYTES = 64_000_000  # of one response: four million characters, each in a chunk of its own, would be more
CONNECT_SECONDS = 5.0
OPENAI = ".openai.com"
PLAIN_HEADERS = frozenset(
    ("accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host",
     "transfer-encoding", "user-agent")
)  # fmt: skip
ITS_OWN = "x-stainless-"  # the package's marks: it looks for them again when the response is there


@dataclass(slots=True)
class Line:
    """A client and how many use it; `lock` is for what only one of them shall find out."""

    client: openai.AsyncOpenAI
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Lines:
    """The lines of an endpoint. Safe in threads."""

    def __init__(self, endpoint: Endpoint, key: Callable[[], Awaitable[str]]) -> None:
        self._endpoint = endpoint
        self._key = key
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, Line] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Line]:
        """The line of this event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            line = self._lines.get(loop)
            if line is None:
                line = self._lines[loop] = Line(self._client())
            line.users += 1
        try:
            yield line
        finally:
            with self._lock:
                line.users -= 1
                if not line.users:
                    del self._lines[loop]
            if not line.users:
                await line.client.close()

    def _client(self) -> openai.AsyncOpenAI:
        try:
            return self._made()
        except (*CALL_ERRORS, ImportError) as error:
            kind = type(error).__name__  # its words may hold a proxy's password
        what = f"The connection to {host_of(self._endpoint)} cannot be set up ({kind})."
        raise ChatError(what, "check base_url, and the variables for proxies and certificates", trouble="unreachable")

    def _made(self) -> openai.AsyncOpenAI:
        # Retries are ours: they also cover what breaks off in the middle, and are bounded together.
        return openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self._endpoint.base_url,
            timeout=httpx2.Timeout(self._endpoint.timeout, connect=CONNECT_SECONDS),
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(event_hooks={"request": [self._spare], "response": [_bound]}),
        )

    async def _spare(self, request: httpx2.Request) -> None:
        """The package adds what its variables in the environment hold (an organisation, headers, keys among them) to
        every request, wherever that goes. None but OpenAI get any of it. Where a redirection leads to another server
        there is no authorization any more, and none is put back."""
        if request.url.host.endswith(OPENAI):
            return
        for name in {name for name in request.headers if not name.startswith(ITS_OWN)} - PLAIN_HEADERS:
            del request.headers[name]
        if "authorization" in request.headers:
            request.headers["authorization"] = f"Bearer {await self._key()}"


async def _bound(response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    """A response that ends with an error where it would fill the memory."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._stream:
            size += len(piece)
            if size > MOST_BYTES:
                raise ChatError(f"A reply grew over {MOST_BYTES:,} bytes.", "set another model", trouble="bad_reply")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
