from __future__ import annotations

import pytest

from trex_nb.settings import Settings, price_in


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("2.50 EUR", (2.5, "EUR")), ("$3", (3.0, "$")), ("1.2", (1.2, "")), (".5 €", (0.5, "€")),
        ("dear", None), ("", None), ("-1", None), ("2.50 EUR-", None), ("2 <b>", None),
    ],
)  # fmt: skip
def test_a_price_is_a_number_with_a_currency(text: str, price: tuple[float, str] | None) -> None:
    assert price_in(text) == price


def test_the_price_of_an_hour_comes_from_the_environment() -> None:
    assert Settings.from_environment({"TREX_PRICE_PER_HOUR": "2 EUR"}).price == (2.0, "EUR")
    assert Settings.from_environment({}).price is None


def test_a_cluster_and_its_storage_are_named_in_the_environment() -> None:
    made = Settings.from_environment({"TREX_RAY": "auto", "TREX_STORAGE": "s3://bucket/trex"})
    assert (made.ray, made.storage) == ("auto", "s3://bucket/trex")
    assert (Settings.from_environment({}).ray, Settings.from_environment({"TREX_RAY": ""}).ray) == (None, None)
