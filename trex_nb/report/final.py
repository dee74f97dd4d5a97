"""How evidence is said: comparisons, luck, repeats, and what the sealed test came to. One wording for text, HTML, the
frozen notebook and the model card.

Test scores reach these functions from the person's side alone (`sealed`); the tree does not hold them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from trex_nb.core.ids import ROOT, NodeId, RunId, node_of, run_id
from trex_nb.core.items import unpack
from trex_nb.core.node import Finals, Node
from trex_nb.core.result import Evaluation
from trex_nb.core.sealed import SealedScore
from trex_nb.search.evidence import Comparison, Evidence, compare
from trex_nb.search.finalists import compare_nodes, fresh_scores, incomparable, luck_of, seed_noise
from trex_nb.search.tree import Tree

Sealed = Sequence[SealedScore]


def comparison_lines(tree: Tree, one: NodeId, two: NodeId) -> tuple[str, ...]:
    """Whether `two` is better than `one`, and what the answer leaves out."""
    a, b = tree.nodes[one], tree.nodes[two]
    why_not = incomparable(a, b)
    if why_not:
        return (why_not,)
    if one == two:
        return ("It is the same node.",)
    said = compare_nodes(tree, one, two).sentence
    return said, *((warning,) if (warning := _seed_warning(tree, a, b)) else ())


def _seed_warning(tree: Tree, a: Node, b: Node) -> str:
    noise = seed_noise(tree)
    single = [n.id for n in (a, b) if len(n.seed_scores) == 1 and n.id != ROOT]
    if not single:
        return ""
    ran = f"Only one seed of {' and '.join(single)} was run"
    if noise is None:
        hint = f"%trex repeat {single[-1]} measures it, %trex finalize does for the finalists."
        return f"{ran}: the noise of training is not in this interval. {hint}"
    return f"{ran}: the noise of training (sd {noise.sd:.3f}) is taken from the repeats of other nodes."


def seeds_words(node: Node) -> str:
    """The same experiment under several seeds: "mean 0.941 ± 0.012 (sd) over 3 seeds"; empty without repeats."""
    scores = node.seed_scores
    if len(scores) < 2:
        return ""
    return f"mean {_mean_sd(scores)} over {len(scores)} seeds"


def _mean_sd(scores: Sequence[float]) -> str:
    if len(scores) == 1:
        return f"{scores[0]:.3f}"
    return f"{statistics.mean(scores):.3f} ± {statistics.stdev(scores):.3f} (sd)"


def luck_words(tree: Tree) -> str:
    """How much of the best search score is luck; empty while there is nothing to choose from, or when the best was
    repeated."""
    found = luck_of(tree)
    if found is None or not found.contenders:
        return ""
    near = f"{found.contenders} of them cannot be told from it"
    training = "" if found.with_seeds else "; the noise of training adds to it"
    return f"the best of {found.k} nodes is on average about {found.bias:.3f} too high by luck ({near}{training})"


def peek_words(tree: Tree) -> str:
    """How often the test split was looked at, with the mark that a second look leaves."""
    if tree.peeks == 0:
        return "The test split is sealed and was not scored."
    if tree.peeks == 1:
        return "The test split was scored once."
    return f"The test split was scored {tree.peeks} times: what was chosen after the first look may be fitted to it."


def progress_words(tree: Tree) -> str:
    """What repeats and finalizing are at; empty when neither is under way."""
    final = tree.final
    if final and not final.is_ended:
        if final.has_peeked:
            return f"finalizing: scoring the test split for {final.winner} and the base model"
        over = sum(tree.run(r).is_over for r in final.repeats)
        return f"finalizing {', '.join(final.finalists)}: {over} of {len(final.repeats)} repeats done{_held(tree)}"
    open_ = [n for n in tree.nodes.values() if any(not r.is_over for r in n.repeats) and not tree.is_pruned(n.id)]
    said = [f"repeating {n.id}: {sum(r.is_over for r in n.repeats)} of {len(n.repeats)} done" for n in open_[:4]]
    return "; ".join(said) + (_held(tree) if said else "")


def _held(tree: Tree) -> str:
    if tree.seconds >= tree.most_seconds:
        return ", held by the budget: %trex budget --minutes"
    return ""


def final_lines(tree: Tree, sealed: Sealed) -> tuple[str, ...]:
    """What the last finalization that opened the test split came to, and why a later one did not; empty while none is
    over."""
    ended = [f for f in tree.finals if f.is_ended]
    final = last_look(tree)
    lines = (*_test_lines(tree, final, sealed), _search_line(tree, final)) if final else ()
    if not ended or not ended[-1].failure:
        return lines
    what = "Not all was scored" if ended[-1] is final else "Finalizing ended without a test score"
    return (*lines, f"{what}: {ended[-1].failure}")


def last_look(tree: Tree) -> Finals | None:
    """The last finalization that is over and has test scores."""
    return next((f for f in reversed(tree.finals) if f.is_ended and f.has_peeked), None)


def _test_lines(tree: Tree, final: Finals, sealed: Sealed) -> tuple[str, ...]:
    assert final.winner is not None
    found = _scores(final, sealed)
    first = tree.nodes[final.winner].best_run
    tuned, base = (found.get(first.id) if first else None), found.get(run_id(ROOT, 1))
    if tuned is None:
        return (f"{final.winner} won; its test scores are in the study's folder and not at hand here.",)
    line = f"{final.winner} scores {tuned.score} on the sealed test split ({tuned.score.n:,} items)"
    if base is None:
        return (f"{line}.", *_over_seeds(final, found))
    against = test_comparison(final.winner, base, tuned).sentence
    return (f"{line}; the base model as it is {base.score}.", f"On it, {_lower(against)}", *_over_seeds(final, found))


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:] if sentence.startswith("Cannot") else sentence


def test_comparison(winner: NodeId, base: Evaluation, tuned: Evaluation) -> Comparison:
    """The winner's weights against the base model, on the items of the test split."""
    one = Evidence("the base model", base.score, unpack(base.items))
    return compare(one, Evidence(winner, tuned.score, unpack(tuned.items)))


def _over_seeds(final: Finals, found: dict[RunId, Evaluation]) -> tuple[str, ...]:
    values = [e.score.value for run, e in found.items() if node_of(run) == final.winner]
    return (f"Over {len(values)} seeds of it the test score is {_mean_sd(values)}.",) if len(values) > 1 else ()


def _scores(final: Finals, sealed: Sealed) -> dict[RunId, Evaluation]:
    return {s.run: s.evaluation for s in sealed if s.number == final.number}


def _search_line(tree: Tree, final: Finals) -> str:
    """What became of the search score once luck was taken out."""
    assert final.winner is not None
    node, fresh = tree.nodes[final.winner], fresh_scores(tree, final.winner, final)
    others = [n for n in final.finalists if n != final.winner]
    among = f"picked by fresh repeats from {', '.join(final.finalists)}" if others else "the only finalist"
    searched = f"{node.score.value:.3f}" if node.score else "none"
    return f"Search split: searched {searched}, repeated {_mean_sd(fresh)} over {len(fresh)} fresh seeds ({among})."
