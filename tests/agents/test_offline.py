from __future__ import annotations

import asyncio
import math
import random

import pytest

from trex_nb.agents.offline import NothingToProposeError, OfflineResearcher
from trex_nb.core import events as ev
from trex_nb.core.ids import RunId
from trex_nb.core.plan import Proposal
from trex_nb.core.protocols import SearchPolicy
from trex_nb.core.result import Finding
from trex_nb.core.task import Policy, PolicyName
from trex_nb.core.training import LoraTraining
from trex_nb.search.policies import POLICIES
from trex_nb.search.probing import PROBE, ProbeAndConfirm
from trex_nb.search.space import Point, space_for
from trex_nb.search.tree import Tree
from trex_nb.testing import trees
from trex_nb.testing.trees import approved, lora_plan, node, proposed, succeeded, tree_of

RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)


def propose(tree: Tree, n: int = 1, parent: int = 0, words: str | None = None) -> Proposal:
    request = ev.ProposalRequested(
        request=50, parent=node(parent), n=n, directions=words, of=node(parent) if words else None
    )  # fmt: skip
    return asyncio.run(OfflineResearcher().propose(tree, request))


def grown(*findings: Finding) -> Tree:
    """Five rates tried below the baseline, the middle one best; `findings` were made on it."""
    events: list[ev.Event] = list(succeeded(0, 0.1))
    for number, rate in enumerate(RATES, 1):
        plan = lora_plan(f"Rate {rate}", learning_rate=rate)
        events += [proposed(number, plan=plan), approved(number), *succeeded(number, 0.6 - 0.1 * abs(number - 3))]
    return tree_of(events, ev.NodeDiagnosed(node=node(3), findings=findings))


def test_a_study_opens_with_the_recommended_plan_and_contrasts() -> None:
    plans = propose(tree_of(succeeded(0, 0.1)), n=3).plans
    assert plans[0].hypothesis.startswith("The recommended plan")
    assert len({p.hash for p in plans}) == len({p.title for p in plans}) == 3


def test_equal_trees_get_equal_proposals() -> None:
    assert propose(grown(), n=3, parent=3) == propose(grown(), n=3, parent=3)


def test_with_evidence_a_plan_says_what_it_expects() -> None:
    (plan,) = propose(grown(), parent=3).plans
    assert plan.expected.score is not None
    assert plan.expected.gain == pytest.approx(plan.expected.score - 0.6)
    assert "Nearest evidence: n" in plan.hypothesis
    assert "matter most: learning_rate" in propose(grown(), parent=3).context
    assert "Gaussian process over 5 finished runs" in propose(grown(), parent=3).rationale


def test_a_finding_is_answered_by_a_plan() -> None:
    finding = Finding(kind="underfitting", message="The loss was still falling at the end.")
    plans = propose(grown(finding), n=5, parent=3).plans
    assert any(p.hypothesis.startswith(finding.message) for p in plans)


def test_words_are_followed_to_the_letter() -> None:
    (plan,) = propose(grown(), n=1, parent=3, words="keep everything else, rank 7").plans
    assert [str(c) for c in plan.changes] == ["r: 16 → 7"]


def test_only_what_may_change_changes() -> None:
    (plan,) = propose(grown(), parent=3, words="only change the learning rate").plans
    assert [c.field for c in plan.changes] == ["learning_rate"]


def test_what_is_in_the_tree_already_is_not_proposed_again() -> None:
    with pytest.raises(NothingToProposeError, match="in the tree already"):
        propose(grown(), parent=3, words="rank 16")


def test_words_that_cannot_be_followed_are_told() -> None:
    with pytest.raises(NothingToProposeError, match='"make it purple"'):
        propose(grown(), parent=3, words="make it purple")
    with pytest.raises(NothingToProposeError, match="out of range"):
        propose(grown(), parent=3, words="rank 0")
    assert "make it purple" in propose(grown(), parent=3, words="rank 9, make it purple").remarks[0]


def test_words_said_about_the_baseline_start_from_the_recommended_plan() -> None:
    config = propose(tree_of(succeeded(0, 0.1)), words="rank 4").plans[0].configs[0]
    assert isinstance(config, LoraTraining)
    assert (config.r, config.num_train_epochs) == (4, 2.0)


SPACE = space_for(trees.FACTS, trees.BASE)


def height(point: Point) -> float:
    """A narrow hill over the learning rate, with slopes in three other knobs."""
    rate = float(point.get("learning_rate", point.get("full_learning_rate", 1e-3)))
    off = abs(float(point["num_train_epochs"]) - 3) + abs(float(point["per_device_train_batch_size"]) - 8) / 8
    return 0.9 * math.exp(-0.8 * math.log(rate / 1.5e-3) ** 2) - 0.03 * off - 0.1 * (1 - float(point["share"]))


def searched(policy: SearchPolicy, name: PolicyName, budget: float, seed: int) -> Tree:
    """A search of the hill from the baseline on until `budget` full runs are spent."""
    tree = tree_of(succeeded(0, 0.05), ev.PolicyChosen(policy=Policy(name=name)))
    while tree.rounds + 1 <= budget:
        number = len(tree.nodes)
        (parent,) = policy.select(tree, 1)
        request = ev.ProposalRequested(request=number, parent=parent, n=1)
        (plan,) = asyncio.run(OfflineResearcher(seed).propose(tree, request)).plans
        point = SPACE.point(plan)
        assert point is not None
        value = height(point) - 0.2 * (1 - plan.fidelity)
        happened = [proposed(number, int(parent[1:]), plan), approved(number), *succeeded(number, max(0.0, value))]
        for stamped in trees.stamp(happened, after=tree.seq):
            tree = tree.apply(stamped)
    return tree


def best_height(tree: Tree) -> float:
    """The height of the best full run."""
    point = SPACE.point(tree.best.plan) if tree.best else None
    return height(point) if point else 0.0


@pytest.mark.parametrize("name", ["uct", "auto"])
def test_evidence_beats_chance(name: PolicyName) -> None:
    """Eight full runs' worth of proposals come closer to the top than eight random draws do, on average of three
    searches."""
    found = [best_height(searched(POLICIES[name](Policy(name=name)), name, 8, seed)) for seed in range(3)]
    rng = random.Random(0)
    chance = [max(height(SPACE.draw(rng)) for _ in range(8)) for _ in range(200)]
    assert sum(found) / len(found) > sum(chance) / len(chance)


def test_probes_come_first() -> None:
    tree = searched(ProbeAndConfirm(), "auto", 6, 0)
    shares = [n.plan.fidelity for n in tree.nodes.values()][1:]
    assert shares[0] == 1  # the recommended plan: an honest first measurement
    assert {*shares} == {PROBE, 1.0}
    assert tree.best is not None
    assert not tree.best.is_probe


def with_probes() -> Tree:
    """Four rates tried as probes and in full, agreeing; a fifth, the best of the probes, has no full run."""
    events: list[ev.Event] = [*succeeded(0, 0.1), ev.PolicyChosen(policy=Policy(name="auto"))]
    for number, rate in enumerate((1e-3, 3e-3, 9e-3, 2e-2), 1):
        plan = lora_plan(f"Rate {rate}", learning_rate=rate)
        probe = plan.model_copy(update={"fidelity": PROBE})
        for at, (tried, value) in (
            (2 * number - 1, (probe, 0.4 - number / 20)),
            (2 * number, (plan, 0.6 - number / 20)),
        ):
            events += [proposed(at, plan=tried), approved(at), *succeeded(at, value)]
    best = lora_plan("Rank 64", learning_rate=1e-3, r=64).model_copy(update={"fidelity": PROBE})
    return tree_of(events, proposed(9, plan=best), approved(9), succeeded(9, 0.7))


def test_the_promising_probe_is_confirmed_in_full() -> None:
    tree = with_probes()
    assert list(ProbeAndConfirm().select(tree, 1)) == [node(9)]
    (plan,) = propose(tree, parent=9).plans
    assert (plan.recipe, plan.configs, plan.fidelity) == (
        tree.nodes[node(9)].plan.recipe,
        tree.nodes[node(9)].plan.configs,
        1,
    )
    assert plan.title == "in full"
    assert "confirm it in full" in plan.hypothesis
    assert [c.field for c in plan.changes] == ["fidelity"]


def test_a_pruned_probe_is_not_confirmed() -> None:
    tree = with_probes()
    for stamped in trees.stamp([ev.NodePruned(node=node(9))], after=tree.seq):
        tree = tree.apply(stamped)
    assert list(ProbeAndConfirm().select(tree, 1)) == [node(2)]


def test_the_last_round_is_a_full_run() -> None:
    tree = searched(ProbeAndConfirm(), "auto", 6, 1)
    assert tree.rounds <= 6
    assert not list(tree.nodes.values())[-1].is_probe


def test_a_round_of_several_runs_shares_its_data() -> None:
    request = ev.ProposalRequested(request=50, parent=node(3), n=2, runs=4)
    for plan in asyncio.run(OfflineResearcher().propose(grown(), request)).plans:
        assert len({c.model_dump_json() for c in plan.configs}) == len(plan.configs) == 4
        assert len({c.method for c in plan.configs}) == 1
        assert "Run 4:" in plan.hypothesis


def test_a_child_keeps_the_settings_that_no_knob_stands_for() -> None:
    plan = lora_plan(learning_rate=3e-3)
    config = plan.configs[0].model_copy(update={"lora_dropout": 0.1, "max_length": 999, "target_modules": ("q_proj",)})
    tree = tree_of(succeeded(0, 0.1), proposed(1, plan=plan.model_copy(update={"configs": (config,)})))
    (child,) = propose(tree, parent=1, words="rank 8").plans
    assert child.configs[0] == config.model_copy(update={"r": 8, "lora_alpha": 16})


def test_a_child_of_a_run_changes_what_that_run_was_trained_with() -> None:
    plan = lora_plan("Round", r=16)
    other = LoraTraining(learning_rate=1e-2, r=8, lora_alpha=8, warmup_steps=0.0)
    tree = tree_of(proposed(1, plan=plan.model_copy(update={"configs": (*plan.configs, other)})), approved(1))
    request = ev.ProposalRequested(
        request=50, parent=node(1), n=1, directions="halve the learning rate", of=node(1), of_run=RunId("n1.2")
    )
    (child,) = asyncio.run(OfflineResearcher().propose(tree, request)).plans
    config = child.configs[0]
    assert isinstance(config, LoraTraining)
    assert (config.learning_rate, config.r, config.lora_alpha, config.warmup_steps) == (5e-3, 8, 8, 0.0)
    assert [str(c) for c in child.changes] == ["learning_rate: 0.01 → 0.005"]
