"""What gives an evaluation item away, and what is only how the task is worded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trex_nb.agents.llm.leak import Guard, guard_of, wording
from trex_nb.core.ngrams import sealed
from trex_nb.core.result import BadCase
from trex_nb.testing import trees

TEMPLATE = "Classify the following question into one of these six classes, and name it alone.\nQuestion: {}\nClass:"
ASKED = ("How far is it from Denver to Aspen ?", "turn off the lights", "In what year did the old king of Siam die ?")
TRAIN = ("Who was Galileo ?", "What is an atom ?", "When did it end ?", "turn off the lights now",
         "please turn off the lights", "can you turn off the lights")  # fmt: skip


def guarding(template: str, items: tuple[str, ...] = ASKED) -> Guard:
    """The guard of a study whose node n1 got these items wrong."""
    prompts = [template.format(item) for item in items]
    cases = tuple(BadCase(prompt=p, expected="NUM", got="DESC") for p in prompts)
    tree = trees.tree_of_scores([(1, 0, 0.4)])
    node = tree.nodes[trees.node(1)]
    assert node.evaluation is not None
    runs = tuple(replace(r, evaluation=node.evaluation.model_copy(update={"bad_cases": cases})) for r in node.runs)
    common = wording([template.format(row) for row in TRAIN])
    return guard_of(tree._with_node(node.id, runs=runs), sealed(prompts), common)


@pytest.mark.parametrize("items", [ASKED, ASKED[:1]])
def test_a_plan_may_speak_of_its_task_in_the_task_s_own_words(items: tuple[str, ...]) -> None:
    said = "Write questions to classify: classify the following question into one of these six classes, and name it."
    assert not guarding(TEMPLATE, items).leaks([said])


def test_what_training_rows_say_too_gives_nothing_away() -> None:
    assert not guarding("{}").leaks(["Requests to turn off the lights are taken for turning them on."])


@pytest.mark.parametrize("said", ["how far is it from here", "in what year did the old king of siam"])
@pytest.mark.parametrize("template", ["{}", TEMPLATE])
def test_an_item_s_own_words_give_it_away(template: str, said: str) -> None:
    assert guarding(template).leaks([f"Rows like: {said}."])
