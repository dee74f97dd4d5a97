from __future__ import annotations

import copy
import json
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from trex_nb.report.freeze import WIDGET_VIEW, freeze, report_notebook, report_page, snapshot_metadata
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

from .reading import Reader


def output(data: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def notebook(*outputs: dict[str, Any], minor: int = 5) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "code", "source": "%trex run", "execution_count": 1, "metadata": {}, "outputs": list(outputs),
    }  # fmt: skip
    if minor >= 5:
        cell["id"] = "mine"
    return {"cells": [cell], "metadata": {"widgets": {}, "kernelspec": {"name": "python3", "display_name": "P"}},
            "nbformat": 4, "nbformat_minor": minor}  # fmt: skip


VIEW = {WIDGET_VIEW: {"model_id": "0" * 32, "version_major": 2, "version_minor": 1}}


def texts(frozen: dict[str, Any]) -> str:
    return "\n".join(c["source"] for c in frozen["cells"] if c["cell_type"] == "markdown")


@pytest.mark.parametrize("name", ["tree", "hostile"])
@pytest.mark.parametrize("minor", [4, 5])
def test_freezing_twice_changes_no_byte(name: str, minor: int, request: pytest.FixtureRequest) -> None:
    tree = request.getfixturevalue(name)
    once = freeze(notebook(output(dict(VIEW)), output({}, **snapshot_metadata(tree)), minor=minor), tree)
    assert json.dumps(freeze(once, tree)) == json.dumps(once)


@pytest.mark.parametrize("minor", [4, 5])
def test_the_result_is_a_valid_notebook(tree: Tree, minor: int) -> None:
    nbformat.validate(nbformat.from_dict(freeze(notebook(output(dict(VIEW)), minor=minor), tree)))


def test_the_notebook_given_is_left_alone(tree: Tree) -> None:
    mine = notebook(output(dict(VIEW)))
    before = copy.deepcopy(mine)
    freeze(mine, tree)
    assert mine == before


def test_a_live_view_gives_way_to_what_stands_beside_it(tree: Tree) -> None:
    frozen = freeze(notebook(output({**VIEW, "text/html": "<p>x</p>"}), output(dict(VIEW))), tree)
    beside, alone = frozen["cells"][-1]["outputs"]
    assert beside["data"] == {"text/html": "<p>x</p>"}
    assert list(alone["data"]) == ["text/plain"]
    assert "widgets" not in frozen["metadata"]


def test_a_snapshot_is_brought_up_to_date(tree: Tree) -> None:
    early = trees.tree_of()
    frozen = freeze(notebook(output({"text/plain": "old"}, **snapshot_metadata(early))), tree)
    assert f"revision {tree.seq}" in frozen["cells"][-1]["outputs"][0]["data"]["text/html"]


def test_streams_and_other_outputs_stay(tree: Tree) -> None:
    kept = [{"output_type": "stream", "name": "stdout", "text": "hi"}, output({"text/plain": "1"})]
    assert freeze(notebook(*kept), tree)["cells"][-1]["outputs"] == kept


def test_a_new_report_takes_the_place_of_the_old_one(tree: Tree) -> None:
    old = freeze(notebook(), trees.tree_of())
    new = freeze(old, tree)
    assert texts(new).count("# Report: colours") == 1
    assert [c for c in new["cells"] if c["id"] == "mine"] == new["cells"][-1:]


def test_a_report_of_another_study_stays(tree: Tree) -> None:
    other = Tree.replay(trees.stamp([trees.created().model_copy(update={"study": "b.c"})]))
    frozen = freeze(freeze(notebook(), other), tree)
    assert "# Report: b.c" in texts(frozen)
    assert "# Report: colours" in texts(frozen)
    nbformat.validate(nbformat.from_dict(frozen))


def test_the_answer_comes_first_with_its_uncertainty(tree: Tree) -> None:
    first = report_notebook(tree)["cells"][0]["source"]
    assert "n3 “Raise rank” scores 0.610 ± 0.020" in first
    assert "n3 is better than n0: +0.510" in first
    assert "best of 3" in first
    assert "sealed" in first


def test_a_study_without_a_winner_says_so() -> None:
    assert "no experiment beat it" in texts(report_notebook(trees.tree_of_scores([(1, 0, 0.05)])))
    assert "No experiment has a score yet" in texts(report_notebook(trees.tree_of()))


def test_the_report_holds_decisions_hashes_and_how_to_run_again(tree: Tree) -> None:
    said = texts(report_notebook(tree))
    for part in ("too slow", "try rank 8", "d" * 16, "b" * 16, "e" * 16, "sealed, not scored", "%trex start colours"):
        assert part in said


@pytest.mark.parametrize("name", ["tree", "hostile"])
def test_a_converter_that_sanitises_nothing_shows_only_our_tags(name: str, request: pytest.FixtureRequest) -> None:
    nb = nbformat.from_dict(report_notebook(request.getfixturevalue(name)))
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(nb)
    page = Reader(body)
    links = [v for a, v in page.attributes if a == "href"]
    assert page.tags.count("img") == page.tags.count("h1") == 1
    assert not [a for a, _ in page.attributes if a.startswith("on")]
    assert all(str(link).startswith("#") for link in links)
    assert name == "tree" or '<img src=x onerror="alert(1)"></script>' in page.text


def test_the_page_stands_alone(hostile: Tree) -> None:
    page = Reader(report_page(hostile))
    assert not {"script", "link", "iframe", "a"} & set(page.tags)
    assert page.tags.count("style") == 1
    assert all(str(v).startswith("data:") for a, v in page.attributes if a in ("src", "href", "action"))
    assert "url(" not in report_page(hostile)
