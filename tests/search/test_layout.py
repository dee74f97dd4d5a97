from __future__ import annotations

from dataclasses import replace

from trex_nb.search.layout import Place, layout
from trex_nb.testing.trees import node, tree_of_scores


def test_an_inner_node_sits_in_the_middle_of_its_children() -> None:
    tree = tree_of_scores([(1, 0, 0.2), (2, 0, 0.2), (3, 1, 0.2), (4, 1, 0.2)])
    assert layout(tree.nodes) == {
        node(0): Place(0, 1.25), node(1): Place(1, 0.5), node(3): Place(2, 0), node(4): Place(2, 1),
        node(2): Place(1, 2),
    }  # fmt: skip


def test_an_empty_tree_has_no_places() -> None:
    assert layout({}) == {}


def test_a_chain_of_a_thousand_is_no_recursion() -> None:
    tree = tree_of_scores([])
    nodes = dict(tree.nodes)
    for i in range(1, 2000):
        nodes[node(i)] = replace(nodes[node(0)], id=node(i), depth=i, children=())
        nodes[node(i - 1)] = replace(nodes[node(i - 1)], children=(node(i),))
    assert layout(nodes)[node(1999)] == Place(1999, 0)
