"""A Chat over any OpenAI-compatible endpoint."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trex_nb.chat.patience import Patience
from trex_nb.chat.rungs import RungMemory
from trex_nb.chat.secret import Keys, require_address
from trex_nb.core.chat import ChatReply, ChatRequest, Heard
from trex_nb.settings import Endpoint

if TYPE_CHECKING:
    from trex_nb.chat.ladder import Ladder


class OpenAIChat:
    """Asks the model of an endpoint by chat completions, streamed where the server streams.

    A shape is asked for in the best way that the server keeps to (`rungs`): found out by one to three short questions
    at first need, whose tokens are counted with that call's, and given up for the next way when it stops working. With
    tools and a shape together, the tools are offered and the shape is asked for in the prompt: few servers take both.
    In the last way the reply's text is whatever came, where there is no JSON in it.

    `heard` may hear the beginning of a reply that broke off, and then the whole of the next. Of a shaped reply it hears
    what comes, with what is around the JSON; of a model whose thoughts the server does not tell apart, those too. The
    endpoint's key is read at each call and is in nothing that is said.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        rungs: RungMemory,
        environ: Mapping[str, str] = os.environ,
        patience: Patience | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._rungs = rungs
        self._keys = Keys(environ)
        self._patience = patience or Patience()
        self._ladder: Ladder | None = None

    async def complete(self, asked: ChatRequest, heard: Heard | None = None) -> ChatReply:
        """One reply. Cancelling closes the connection at once. Raises `ChatError`."""
        require_address(self._endpoint)
        self._keys.of(self._endpoint)
        start = time.monotonic()
        reply = await self._climbed().reply(asked, heard)
        return reply.model_copy(update={"seconds": time.monotonic() - start})

    def _climbed(self) -> Ladder:
        # Brings in the openai package, which no notebook needs before its first call.
        from trex_nb.chat.ladder import Ladder  # noqa: PLC0415

        self._ladder = self._ladder or Ladder(self._endpoint, self._rungs, self._keys, self._patience)
        return self._ladder
