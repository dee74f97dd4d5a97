"""Editing a plan in place: the person's `field=value` pairs, checked, onto a plan that has not run. Pure.

Fields are a training config's own (spelled as in peft and trl), the recipe's knobs of the search space (`share`,
`balance`, `dedup`, `decontaminate`, `weight[slice]`), and `fidelity`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trex_nb.core.node import Node, Status
from trex_nb.core.plan import Plan
from trex_nb.core.training import FullTraining, LoraTraining, TrainingConfig, Untrained
from trex_nb.errors import CommandError
from trex_nb.search.space import Space, Value, below

_CONFIG: TypeAdapter[TrainingConfig] = TypeAdapter(TrainingConfig)
_RECIPE = ("share", "balance", "dedup", "decontaminate")
_LARGEST_SEED = 2**32 - 1
"""What numpy, and so transformers' `set_seed`, takes."""


def is_editable(node: Node) -> bool:
    """Whether the node's plan can still be changed: it waits, or was let run and nothing of it has begun."""
    waits = node.status is Status.APPROVED and not any(r.is_submitted for r in node.runs)
    return node.parent is not None and (waits or node.status is Status.PROPOSED)


def edited(plan: Plan, fields: Mapping[str, Any], space: Space) -> Plan:
    """`plan` with `fields` changed, its words as they were (`agents.wording.described` tells it anew); raises
    `CommandError` for an unknown field or a value out of range."""
    recipe_fields = [n for n in space.names if n in _RECIPE or n.startswith("weight[")]
    known = [*_config_fields(plan), *recipe_fields, "fidelity"]
    for name in fields:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or known
            raise CommandError(f"A plan has no field {name!r}.", f"one of {', '.join(near)}")
    _check_seed(fields.get("seed", 0))
    data = {n: v for n, v in fields.items() if n in recipe_fields}
    config = {n: v for n, v in fields.items() if n in _config_fields(plan)}
    try:
        changed = plan.model_dump() | {"configs": [_config(c, config) for c in plan.configs]}
        changed["recipe"] = _recipe(plan, data, space)
        changed["fidelity"] = fields.get("fidelity", plan.fidelity)
        return Plan.model_validate({k: _plain(v) for k, v in changed.items()})
    except ValidationError as error:
        first = error.errors()[0]
        where = first["loc"][-1] if first["loc"] else "?"
        if first["type"] == "extra_forbidden":
            method = fields.get("method", plan.configs[0].method)
            raise CommandError(f"{where}: the method {method} does not have it.", "leave the field out") from error
        raise CommandError(f"{where}: {first['msg']} (got {first['input']!r}).", "another value") from error


def _check_seed(seed: Any) -> None:
    if isinstance(seed, (int, float)) and seed > _LARGEST_SEED:
        raise CommandError(f"seed is a number from 0 to {_LARGEST_SEED} (got {seed!r}).", "seed=1")


def _config_fields(plan: Plan) -> list[str]:
    kinds = (LoraTraining, FullTraining) if not isinstance(plan.configs[0], Untrained) else ()
    return list(dict.fromkeys(name for k in kinds for name in k.model_fields))


def _config(config: TrainingConfig, fields: Mapping[str, Any]) -> TrainingConfig:
    values = config.model_dump() | dict(fields)
    if fields.get("method") == "full":
        values = {n: v for n, v in values.items() if n in FullTraining.model_fields or n in fields}
    return _CONFIG.validate_python(values)


def _recipe(plan: Plan, fields: Mapping[str, Any], space: Space) -> Any:
    point = space.point(plan)
    if not fields or point is None:
        return plan.recipe
    recipe, _ = space.build({**point, **{n: _checked(n, v) for n, v in fields.items()}}, plan.recipe.seed)
    return below(plan.recipe, recipe)


def _checked(name: str, value: Any) -> Value:
    if name in ("dedup", "decontaminate"):
        if isinstance(value, bool) or (name, value) == ("dedup", "near"):
            return value  # type: ignore[no-any-return]
        more = ", or near for near copies too" if name == "dedup" else ""
        raise CommandError(f"{name} is true or false{more} (got {value!r}).", f"{name}=true")
    lowest, highest = {"share": (0.0, 1.0), "balance": (0.0, 1.0)}.get(name, (0.0, 20.0))
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not lowest <= value <= highest or (value == 0 and name != "balance"):
        raise CommandError(f"{name} is a number from {lowest:g} to {highest:g} (got {value!r}).", f"{name}=0.5")
    return float(value)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.model_dump() if hasattr(value, "model_dump") else value
