from __future__ import annotations

import base64
import re
from xml.etree import ElementTree as ET

import pytest

from trex_nb.core.ids import node_id
from trex_nb.report.html import compare_html, escape, node_html, snapshot_bundle, snapshot_html, status_html, tree_html
from trex_nb.report.svg import MAX_BOXES, tree_alt, tree_svg
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

from .reading import Reader

ALLOWED = set("details summary table thead tbody tr th td p h2 h3 h4 ul li pre span img".split())


def everything(tree: Tree) -> str:
    nodes = "".join(node_html(tree, n) for n in tree.nodes)
    return snapshot_html(tree, note="<b>") + nodes + compare_html(tree, node_id(0), node_id(1)) + status_html(tree)


@pytest.mark.parametrize("name", ["tree", "hostile"])
def test_only_what_a_sanitiser_keeps_is_used(name: str, request: pytest.FixtureRequest) -> None:
    page = Reader(everything(request.getfixturevalue(name)))
    assert set(page.tags) <= ALLOWED
    assert {a for a, _ in page.attributes} <= {"style", "scope", "src", "alt"}


def test_hostile_text_is_shown_as_text(hostile: Tree) -> None:
    page = Reader(everything(hostile))
    assert '<img src=x onerror="alert(1)"></script></td></pre>' in page.text
    assert all(str(v).startswith("data:image/svg+xml;base64,") for a, v in page.attributes if a == "src")


def test_a_huge_hypothesis_is_cut_with_a_note(hostile: Tree) -> None:
    assert "characters in all)" in node_html(hostile, node_id(1))
    assert len(node_html(hostile, node_id(1))) < 30_000


def test_no_dollar_or_backslash_meets_mathjax(hostile: Tree) -> None:
    assert not re.search(r"[$\\]", everything(hostile))
    assert Reader(escape("$x$ \\(y\\)")).text == "$x$ \\(y\\)"


def test_no_colour_is_fixed_without_its_ground(tree: Tree) -> None:
    assert not re.search(r"style=\"[^\"]*(color|background)", everything(tree))


def test_there_is_no_empty_line_where_markdown_would_leave_html(hostile: Tree) -> None:
    assert "\n\n" not in everything(hostile)


def test_headings_of_columns_and_rows_have_a_scope(tree: Tree) -> None:
    html = tree_html(tree)
    assert html.count("<th ") == html.count('scope="col"') + html.count('scope="row"')


def test_the_picture_says_the_same_in_words(tree: Tree) -> None:
    alt = dict(Reader(tree_html(tree)).attributes)["alt"]
    assert alt is not None
    assert alt.startswith("Tree of 8 experiments, best n3 with 0.610 ± 0.020: n0 succeeded")
    assert "n4 under n1 pruned" in alt


def test_the_snapshot_names_revision_and_time_of_the_last_event(tree: Tree) -> None:
    bundle = snapshot_bundle(tree)
    assert f"revision {tree.seq}, 1970-01-01 00:00 UTC" in bundle["text/html"]
    assert bundle["text/html"].startswith("<details><summary>")
    assert "n3  ● succeeded" in bundle["text/plain"]


@pytest.mark.parametrize("name", ["tree", "hostile"])
def test_the_svg_is_well_formed_and_uses_attributes_only(name: str, request: pytest.FixtureRequest) -> None:
    root = ET.fromstring(tree_svg(request.getfixturevalue(name)))
    tags = {e.tag.rpartition("}")[2] for e in root.iter()}
    assert tags <= {"svg", "title", "desc", "rect", "path", "text"}
    assert not {"id", "class", "style", "href"} & {a for e in root.iter() for a in e.attrib}


def test_boxes_do_not_overlap(tree: Tree) -> None:
    boxes = [e for e in ET.fromstring(tree_svg(tree)).iter() if e.get("rx") == "6"]
    places = [(float(b.attrib["x"]), float(b.attrib["y"])) for b in boxes]
    apart = [abs(x - u) >= 190 or abs(y - v) >= 46 for i, (x, y) in enumerate(places) for u, v in places[:i]]
    assert len(places) == len(tree.nodes)
    assert all(apart)


def test_a_large_tree_has_a_picture_of_its_head_and_a_short_text() -> None:
    large = trees.tree_of([trees.proposed(i) for i in range(1, 400)])
    assert tree_svg(large).count('rx="6"') == MAX_BOXES
    assert len(tree_alt(large)) <= 1000
    assert base64.b64encode(tree_svg(large).encode()).decode() in tree_html(large)
