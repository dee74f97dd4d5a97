from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trex_nb.core import events as ev
from trex_nb.core.ids import RunId, node_id
from trex_nb.search.contrasts import Answer, Question, gather, two_sided
from trex_nb.search.lessons import believed
from trex_nb.search.space import space_for
from trex_nb.search.trials import Trial, trials_of
from trex_nb.testing import trees
from trex_nb.testing.trees import approved, lora_plan, proposed, succeeded, tree_of

SPACE = space_for(trees.FACTS, trees.BASE)
RANK = Question("r", 1.0, cut=16.0)
NOISE = math.hypot(0.02, 0.015)


def trial(number: int, value: float, variance: float = NOISE**2, **fields: float | str) -> Trial:
    """Node `number`: the recommended plan but for `fields`."""
    point = SPACE.completed({**SPACE.default(), **fields})
    setting = repr(sorted(point.items()))
    return Trial(f"{setting} {number}", setting, node_id(number), point, "", 1.0, value, variance)


def asked(trials: Sequence[Trial], question: Question = RANK) -> Answer:
    found = gather(trials, SPACE).answer(question)
    assert found is not None
    return found


def test_a_matched_pair_tells_its_difference() -> None:
    found = asked([trial(1, 0.4, r=4), trial(2, 0.5, r=16)])
    assert found.effect == pytest.approx(0.1)
    assert found.contrasts == 1
    assert found.nodes == ("n1", "n2")
    assert found.stderr > math.sqrt(2) * NOISE


def test_runs_that_differ_in_four_fields_are_no_contrast() -> None:
    far = trial(2, 0.5, r=16, learning_rate=1e-3, num_train_epochs=3.0, weight_decay=0.1)
    assert gather([trial(1, 0.4, r=4), far], SPACE).answer(RANK) is None


def test_a_second_change_makes_a_contrast_less_sure() -> None:
    plain = asked([trial(1, 0.4, r=4), trial(2, 0.5, r=16)])
    mixed = asked([trial(1, 0.4, r=4), trial(2, 0.5, r=16, weight_decay=0.1)])
    assert mixed.stderr > plain.stderr


def test_pairs_that_share_a_run_are_not_independent() -> None:
    """One low run against three high ones is hardly surer than that run allows."""
    one = [trial(1, 0.4, r=4), *(trial(k, 0.5, r=16) for k in (2, 3, 4))]
    found = asked(one)
    assert found.contrasts == 1
    assert found.stderr > NOISE


def test_probes_are_never_compared_with_full_runs() -> None:
    events: list[ev.Event] = []
    for number, (rank, fidelity) in enumerate(((4, 1.0), (16, 0.25)), 1):
        plan = lora_plan(f"{rank}", r=rank).model_copy(update={"fidelity": fidelity})
        events += [proposed(number, plan=plan), approved(number), *succeeded(number, 0.1 * number)]
    assert not gather(trials_of(tree_of(succeeded(0, 0.1), events), SPACE), SPACE).questions()


def test_repeats_teach_how_noisy_scores_are() -> None:
    events: list[ev.Event] = []
    for number, value in enumerate((0.2, 0.6, 0.3, 0.7), 1):
        config = lora_plan().configs[0].model_copy(update={"seed": number})
        plan = lora_plan(f"{number}").model_copy(update={"configs": (config,)})
        events += [proposed(number, plan=plan), approved(number), *succeeded(number, value)]
    (first, *_) = trials_of(tree_of(events), SPACE)
    assert first.variance > 10 * (0.02**2 + 0.015**2)


SCORES = st.floats(0.0, 1.0)
FIELDS = st.fixed_dictionaries({
    "r": st.sampled_from((2, 4, 16, 64)),
    "learning_rate": st.sampled_from((1e-3, 3e-3, 9e-3)),
    "weight_decay": st.sampled_from((0.0, 0.1)),
})  # fmt: skip
TRIALS = st.lists(st.tuples(SCORES, FIELDS), min_size=2, max_size=9).map(
    lambda rows: [trial(k, value, **fields) for k, (value, fields) in enumerate(rows, 1)]
)


@settings(max_examples=40)
@given(TRIALS, st.randoms(use_true_random=False))
def test_the_order_of_nodes_does_not_matter(trials: list[Trial], rng: random.Random) -> None:
    mixed = rng.sample(trials, len(trials))
    assert believed(gather(trials, SPACE)) == believed(gather(mixed, SPACE))


@settings(max_examples=40)
@given(TRIALS)
def test_better_the_other_way_round_is_worse(trials: list[Trial]) -> None:
    """Mirroring every score mirrors every effect and leaves its error."""
    evidence = gather(trials, SPACE)
    mirrored = [Trial(t.key, t.setting, t.node, t.point, t.rest, 1.0, 1 - t.value, t.variance) for t in trials]
    for question in evidence.questions():
        one, two = evidence.answer(question), gather(mirrored, SPACE).answer(question)
        assert one is not None
        assert two is not None
        assert one.effect == pytest.approx(-two.effect, abs=1e-9)
        assert one.stderr == pytest.approx(two.stderr)


@settings(max_examples=20)
@given(st.lists(SCORES, min_size=2, max_size=4))
def test_neither_a_pruned_node_nor_a_served_one_changes_anything(values: list[float]) -> None:
    events: list[ev.Event] = list(succeeded(0, 0.1))
    for number, value in enumerate(values, 1):
        plan = lora_plan(f"{number}", r=4**number)
        events += [proposed(number, plan=plan), approved(number), *succeeded(number, value)]
    k = len(values)
    pruned: list[ev.Event] = [proposed(k + 1, plan=lora_plan("out", r=3)), ev.NodePruned(node=node_id(k + 1))]
    twin: list[ev.Event] = [
        proposed(k + 2, plan=lora_plan("twin", r=4)), approved(k + 2),
        ev.RunReused(run=RunId(f"n{k + 2}.1"), source=RunId("n1.1")),
    ]  # fmt: skip
    before = trials_of(tree_of(events), SPACE)
    assert trials_of(tree_of(events, pruned, twin), SPACE) == before
    ran = ev.NodePruned(node=node_id(1))  # a measurement stays one when its node is pruned afterwards
    assert trials_of(tree_of(events, ran), SPACE) == before


@pytest.mark.parametrize(
    ("t", "freedom", "p"), [(2.571, 5, 0.05), (4.032, 5, 0.01), (2.228, 10, 0.05), (1.96, 1e6, 0.05)]
)
def test_p_values_are_students(t: float, freedom: float, p: float) -> None:
    """Against a table of t: 5, 10 and many degrees of freedom."""
    assert two_sided(t, freedom) == pytest.approx(p, rel=0.05)
