"""What is wrong with code that a model wrote, as far as can be said without running it. Pure.

This is a courtesy: it sends plain mistakes back before anybody's time is spent on them, and keeps code to what a person
can read in a minute. It is no defence, and none could be made of it; that are the walls around the job
(`launch.walls`).
"""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Iterator

from trex_nb.core.plan import Code
from trex_nb.core.recipe import DataRecipe, Load
from trex_nb.store.row_files import READERS

PARTS = {"rows": ("rewrite", 1), "train": ("train", 4)}
"""What each part of a `Code` defines, and with how many arguments."""

MOST_LINES, MOST_CHARACTERS = 400, 20_000
MODULES = frozenset(
    "__future__ abc base64 bisect collections contextlib copy csv dataclasses datetime decimal difflib enum fractions "
    "functools hashlib heapq html itertools json logging math numbers operator random re statistics string textwrap "
    "time types typing unicodedata warnings zlib "
    "accelerate datasets numpy peft safetensors tokenizers torch transformers trl".split()
)
"""What may be imported: what texts are worked with and models trained, nothing that reaches for files, processes or the
network."""

_CALLS = frozenset(
    "breakpoint compile eval exec globals input locals open vars __import__ load_dataset load_from_disk hub "
    "hf_hub_download snapshot_download push_to_hub save_to_disk".split()
)
_WORDS = ("TREX_", "sealed", "events.jsonl", "experiment.ipynb", "spec.json", "/proc/", "_KEY")
_DUNDERS = frozenset("__init__ __name__ __len__ __iter__ __getitem__ __call__ __post_init__ __doc__".split())
_TOP = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs"})


def wrong_with(code: Code) -> str:
    """The first thing that is wrong with `code`, in words for its writer; empty where nothing is."""
    if not code.rows and not code.train:
        return "there is no code."
    found = (f"{name}: {why}" for name in PARTS if (part := getattr(code, name)) for why in _faults(part, *PARTS[name]))
    return next(found, "")


def fetched(recipe: DataRecipe) -> list[str]:
    """The sources of a recipe that come over the network, which a run of a model's code does not reach."""
    return [o.source for o in recipe.ops if isinstance(o, Load) and not o.source.endswith(tuple(READERS))]


def _faults(source: str, name: str, arguments: int) -> Iterator[str]:
    if len(source) > MOST_CHARACTERS or source.count("\n") > MOST_LINES:
        yield f"it is longer than {MOST_LINES} lines or {MOST_CHARACTERS} characters."
        return
    if any(unicodedata.category(c) in _UNSEEN and c not in "\n\t" for c in source):
        yield "it has characters that no reader sees."
    try:
        tree = ast.parse(source)
        compile(tree, name, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        yield f"it is not Python{f', line {line}' if line else ''}: {getattr(error, 'msg', None) or error}."
        return
    yield from _shape(tree, name, arguments)
    for node in ast.walk(tree):
        yield from _at(node)
    yield from (f"it must not speak of {word!r}." for word in _WORDS if word in source)


def _shape(tree: ast.Module, name: str, arguments: int) -> Iterator[str]:
    defined = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    if len(defined) != 1:
        yield f"it must define the function {name} once, and does {len(defined)} times."
        return
    given = defined[0].args
    if len(given.posonlyargs) + len(given.args) != arguments or given.vararg or given.kwonlyargs:
        yield f"{name} must take {arguments} argument{'s' * (arguments > 1)}."
    for n in tree.body:
        is_text = isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
        if not isinstance(n, _TOP) and not is_text:
            yield f"line {n.lineno}: beside functions there may be imports and constants alone."


def _at(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"{a.name} may not be imported." for a in node.names if a.name.split(".")[0] not in MODULES)
    if isinstance(node, ast.ImportFrom):
        if node.level or (node.module or "").split(".")[0] not in MODULES:
            yield f"{'.' * node.level}{node.module or ''} may not be imported."
        yield from (f"{a.name} may not be used." for a in node.names if a.name in _CALLS)
    if isinstance(node, ast.Name) and node.id in _CALLS:
        yield f"{node.id} may not be used."
    if isinstance(node, ast.Attribute):
        is_inner = node.attr.startswith("__") and node.attr.endswith("__") and node.attr not in _DUNDERS
        if is_inner or (node.attr in _CALLS and node.attr not in ("compile", "eval")):  # re.compile, model.eval
            yield f"{node.attr} may not be used."
