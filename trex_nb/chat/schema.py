"""From a pydantic model to the JSON schema that servers enforce, and from a model's text to the JSON in it.

The schema is what the openai package makes of a model, less defaults, which OpenAI's strict mode rejects. It is made
here because that package takes half a second to import, and its function for this is not a public one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from trex_nb.core.chat import Shape

MOST_STARTS = 200  # of braces that are tried, in a text that is no JSON
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_STRUCTURE = frozenset(
    ("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$defs", "$ref",
     "title", "description")
)  # fmt: skip
_DECODER = json.JSONDecoder()


def shape_of(kind: type[BaseModel]) -> Shape:
    """The shape a reply must have to be read as `kind`."""
    return Shape(name=_NO_NAME.sub("_", kind.__name__).strip("_")[:64], json_schema=strict_schema(kind))


def strict_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of `kind`: every field required, none beside them, no defaults, no `$ref` with siblings. Wire
    models that it is made for have no dict, tuple, Any or discriminator, and do not contain themselves."""
    root = kind.model_json_schema()
    made = _strict(root, root)
    assert isinstance(made, dict)
    return made


def _strict(part: Any, root: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_strict(p, root) for p in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part and len(part) > 1:
        at = root
        for key in str(part["$ref"]).removeprefix("#/").split("/"):
            at = at[key]
        return _strict({**at, **{k: v for k, v in part.items() if k != "$ref"}}, root)
    if part.get("type") == "object" and "properties" in part:
        fields = {name: _strict(field, root) for name, field in part["properties"].items()}
        rest = {k: _strict(v, root) for k, v in part.items() if k not in {"properties", "required", "default"}}
        return {**rest, "properties": fields, "required": list(fields), "additionalProperties": False}
    return {k: v if k in {"enum", "const"} else _strict(v, root) for k, v in part.items() if k != "default"}


def bare(schema: Any) -> Any:
    """The schema with its bounds in words alone: strict modes of some providers (OpenAI's for one) take no lengths and
    no limits, but models heed a description."""
    if isinstance(schema, list):
        return [bare(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _bare_part(key, part) for key, part in schema.items() if key in _STRUCTURE}
    told = ", ".join(f"{key} {part}" for key, part in schema.items() if key not in _STRUCTURE)
    if told:
        kept["description"] = f"{schema['description']} ({told})" if "description" in schema else told
    return kept


def _bare_part(key: str, part: Any) -> Any:
    if key in {"properties", "$defs"}:
        return {name: bare(field) for name, field in part.items()}
    return part if key in {"enum", "const", "required"} else bare(part)


def find_object(text: str, required: tuple[str, ...] = ()) -> str | None:
    """The first JSON object in a text that has the `required` keys, or else the first one: what is around it (a fence,
    a sentence) is dropped. None where there is no object."""
    first: str | None = None
    for found, at in _objects(text):
        if all(key in found for key in required):
            return at
        first = first or at
    return first


def _objects(text: str) -> Iterator[tuple[dict[str, Any], str]]:
    start, tried = text.find("{"), 0
    while start >= 0 and tried < MOST_STARTS:
        tried += 1
        try:
            found, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        yield found, text[start:end]
        start = text.find("{", end)
