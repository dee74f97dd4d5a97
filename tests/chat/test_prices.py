from __future__ import annotations

import pytest

from tests.chat.asking import SHAPE, request
from trex_nb.chat.prices import estimated, money, most_prompt_tokens, price_of
from trex_nb.core.chat import Message, Tool, ToolCall, Usage
from trex_nb.settings import ModelPrice

PRICES = {"gpt-9": ModelPrice(2.0, 8.0, 0.5), "gpt-9-mini": ModelPrice(0.2, 0.8)}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-9", "gpt-9"),
        ("gpt-9-mini", "gpt-9-mini"),
        ("gpt-9-2026-11-02", "gpt-9"),
        ("gpt-9-mini-2026-11-02", "gpt-9-mini"),
        ("gpt-9-nano", None),
        ("gpt-90", None),
        ("", None),
    ],
)
def test_a_price_is_a_model_s_own_or_of_the_model_it_is_a_dated_version_of(model: str, name: str | None) -> None:
    assert price_of(model, PRICES) == (PRICES[name] if name else None)


def test_money_counts_what_was_read_cached_and_written() -> None:
    usage = Usage(prompt=1_000_000, cached=400_000, completion=100_000)
    assert money(usage, PRICES["gpt-9"]) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.1 * 8)


def test_what_is_cached_costs_as_the_rest_where_no_price_says_otherwise() -> None:
    usage = Usage(prompt=1_000_000, cached=400_000)
    assert money(usage, PRICES["gpt-9-mini"]) == pytest.approx(0.2)


def test_without_a_price_no_money_is_known() -> None:
    assert money(Usage(prompt=5), None) is None


def test_four_characters_are_taken_for_a_token() -> None:
    assert estimated(request("x" * 40), "y" * 9) == Usage(prompt=10, completion=3, is_estimated=True)


def test_the_bound_on_a_prompt_counts_all_that_is_sent() -> None:
    plain = request("Hello")
    call = ToolCall(id="1", name="look", arguments="{}" * 50)
    tool = Tool(name="look", description="Looks." * 50, parameters={"type": "object"})
    longer = plain.model_copy(update={"messages": (*plain.messages, Message(role="assistant", tool_calls=(call,)))})
    for more in (longer, plain.model_copy(update={"tools": (tool,)}), plain.model_copy(update={"shape": SHAPE})):
        assert most_prompt_tokens(more) > most_prompt_tokens(plain) + 30


def test_the_bound_on_a_prompt_is_above_what_tokenizers_make_of_other_scripts() -> None:
    assert most_prompt_tokens(request("漢字" * 100)) >= 200
