"""The tests themselves: every public function of a test module is a test, a fixture or used by one, and every package
of trex_nb has its folder of tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MODULES = sorted(TESTS.rglob("test_*.py"))


def _is_fixture(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(d) or "given" in ast.unparse(d) for d in function.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(TESTS)))
def test_every_function_is_a_test_a_fixture_or_used(path: Path) -> None:
    """A misspelt `tset_…` would never run, and nobody would know."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    used = {n.id for n in ast.walk(module) if isinstance(n, ast.Name)}
    used |= {n.attr for n in ast.walk(module) if isinstance(n, ast.Attribute)}
    functions = [n for n in module.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    idle = [f.name for f in functions if not (f.name.startswith("test_") or _is_fixture(f) or f.name in used)]
    assert idle == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(TESTS)))
def test_no_two_tests_have_one_name(path: Path) -> None:
    """The later would silently take the place of the earlier."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    scopes = [module.body, *(n.body for n in module.body if isinstance(n, ast.ClassDef))]
    for scope in scopes:
        names = [n.name for n in scope if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert len(names) == len(set(names))


def test_every_package_has_its_tests() -> None:
    packages = {p.parent.name for p in (TESTS.parent / "trex_nb").glob("*/__init__.py")} - {"testing"}
    assert {p for p in packages if not list((TESTS / p).glob("test_*.py"))} == set()
