from __future__ import annotations

from typing import Any, Literal

import openai
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, Field

from trex_nb.chat.schema import bare, find_object, shape_of, strict_schema


class Leaf(BaseModel):
    """A leaf."""

    kind: Literal["leaf"]
    size: float = Field(ge=0, le=1, description="How large.")


class Twig(BaseModel):
    kind: Literal["twig"]
    leaves: list[Leaf] = Field(min_length=1, max_length=3)


class Branch(BaseModel):
    name: str = Field("oak", min_length=1)
    end: Leaf | Twig
    first: Leaf = Field(description="The first.")
    note: str | None = None
    count: int = 3
    is_old: bool = True


class Bare(BaseModel):
    """Has nothing in it."""


def without_defaults(part: Any) -> Any:
    if isinstance(part, list):
        return [without_defaults(p) for p in part]
    if isinstance(part, dict):
        return {k: without_defaults(v) for k, v in part.items() if k != "default"}
    return part


@pytest.mark.parametrize("kind", [Leaf, Twig, Branch, Bare])
def test_the_schema_is_the_openai_package_s_own_less_defaults(kind: type[BaseModel]) -> None:
    theirs: Any = openai.pydantic_function_tool(kind)
    assert strict_schema(kind) == without_defaults(theirs["function"]["parameters"])


def test_the_schema_lets_through_what_the_model_takes_and_nothing_with_a_field_more_or_less() -> None:
    validator = Draft202012Validator(strict_schema(Branch))
    good = Branch(end=Leaf(kind="leaf", size=0.5), first=Leaf(kind="leaf", size=0)).model_dump()
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "more": 1})
    assert not validator.is_valid({k: v for k, v in good.items() if k != "count"})


def test_a_shape_is_named_after_its_model() -> None:
    assert shape_of(Branch).name == "Branch"


def test_a_bare_schema_has_its_bounds_in_words() -> None:
    made = bare(strict_schema(Branch))
    leaf = made["$defs"]["Leaf"]["properties"]["size"]
    assert leaf == {"description": "How large. (maximum 1, minimum 0)", "title": "Size", "type": "number"}
    assert made["properties"]["name"]["description"] == "minLength 1"
    assert made["required"] == strict_schema(Branch)["required"]
    assert made["properties"]["end"] == strict_schema(Branch)["properties"]["end"]
    assert bare(made) == made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('Sure! Here it is: {"a": {"b": "}"}} I hope {it} helps.', '{"a": {"b": "}"}}'),
        ('First {"b": 2}, no, {"a": 1}.', '{"a": 1}'),
        ('Only {"b": 2}.', '{"b": 2}'),
        ("No object, only {braces}.", None),
        ('{"a": 1', None),
        ("", None),
        ("[1, 2]", None),
    ],
)
def test_an_object_is_found_in_what_is_around_it(text: str, found: str | None) -> None:
    assert find_object(text, ("a",)) == found


@pytest.mark.parametrize("text", ["{" * 100_000, '{"a":' * 50_000, "{}" * 50_000, '{"a": "' * 20_000])
def test_a_hostile_text_is_passed_over(text: str) -> None:
    assert find_object(text, ("a",)) in {None, "{}", '{"a": "{"}'}
