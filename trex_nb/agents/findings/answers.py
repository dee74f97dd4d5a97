"""What the answers on the search split say: malformed or cut ones, weak slices, confused labels, imbalance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from trex_nb.agents.findings.curve import GOOD_ENOUGH
from trex_nb.agents.findings.noise import STRICT, apart, lowest_share, share_error
from trex_nb.core.protocols import TreeView
from trex_nb.core.result import Confusion, Evaluation, Finding, SliceScore

SOME = 0.02
"""A share of answers that is worth a finding: the lower end of its interval has to reach it."""
OFTEN = 0.10
"""A share of one label's items that go to another label, likewise."""
SMALLEST_SLICE = 8
FEWEST_CONFUSED = 3
MOST_NAMED = 3
RARE = 0.25
"""Of the rows of the largest class: a class with fewer is rare."""


def from_answers(tree: TreeView, evaluation: Evaluation) -> Iterator[Finding]:
    """All that the answers say."""
    malformed = _malformed(evaluation)
    yield from malformed
    yield from _cut(tree, evaluation, is_malformed=bool(malformed))
    weak = weak_slices(evaluation.slices)
    if weak:
        words = ", ".join(f"{s.slice} {s.value:.2f} (n={s.n})" for s in weak[:MOST_NAMED])
        more = f" and {len(weak) - MOST_NAMED} more" if len(weak) > MOST_NAMED else ""
        whole = mean_of(evaluation.slices)
        yield Finding(
            kind="weak_slice", message=f"Beyond chance below the {whole:.2f} of all items: {words}{more}.",
            slices=tuple(s.slice for s in weak[:MOST_NAMED]),
            evidence=(("all items", whole), *((s.slice, s.value) for s in weak[:MOST_NAMED])),
        )  # fmt: skip
    yield from _confused(evaluation)
    yield from _imbalance(tree, evaluation)


def _malformed(evaluation: Evaluation) -> list[Finding]:
    share, n = evaluation.malformed, evaluation.score.n
    if share is None or lowest_share(share * n, n) <= SOME:
        return []
    kind = "one of the known labels" if evaluation.labels else "JSON where JSON is asked for"
    message = f"{share:.0%} of the answers are not {kind} (n={n})."
    return [Finding(kind="malformed_answers", message=message, evidence=(("malformed", share), ("items", float(n))))]


def _cut(tree: TreeView, evaluation: Evaluation, *, is_malformed: bool) -> Iterator[Finding]:
    """Answers that hit the limit of tokens. Where malformed ones are found already and the limit leaves room, these
    are the same answers."""
    share, n, limit = evaluation.cut, evaluation.score.n, tree.task.max_new_tokens
    if share is None or lowest_share(share * n, n) <= SOME or (is_malformed and limit is None):
        return
    begun = sum(b.expected != b.got and bool(b.got) and b.expected.startswith(b.got) for b in evaluation.bad_cases)
    if limit is not None and 2 * begun >= len(evaluation.bad_cases) > 0:
        why = f"the limit of {limit} tokens (max_new_tokens) cuts answers that were right so far"
    elif limit is not None:
        why = f"they reach the limit of {limit} tokens (max_new_tokens)"
    else:
        why = "the limit leaves half as much room again as the longest training answer: it does not stop by itself"
    message = f"{share:.0%} of the answers did not end (n={n}): {why}."
    evidence = (("cut", share), ("items", float(n)), ("right so far, of the bad cases", float(begun)))
    yield Finding(kind="cut_answers", message=message, evidence=evidence)


def mean_of(slices: Sequence[SliceScore]) -> float:
    """The mean over the items of all slices, in whatever order they come."""
    return math.fsum(s.value * s.n for s in slices) / max(1, sum(s.n for s in slices))


def weak_slices(slices: Sequence[SliceScore]) -> list[SliceScore]:
    """Slices below all items together, weakest first: by more standard errors than the least of so many slices would
    lie by chance. A slice of fewer than `SMALLEST_SLICE` items, or a good one, is never weak."""
    whole = mean_of(slices)
    strict = apart(len(slices))
    weak = [
        s
        for s in slices
        if s.n >= SMALLEST_SLICE and s.value < min(GOOD_ENOUGH, whole - strict * share_error(whole, s.n))
    ]
    return sorted(weak, key=lambda s: (s.value, s.slice))


def _confused(evaluation: Evaluation) -> Iterator[Finding]:
    pairs = sorted(
        (c for c in evaluation.confusions if _is_confused(c, evaluation)), key=lambda c: (-c.share, c.expected, c.got)
    )
    if pairs:
        told = pairs[:MOST_NAMED]
        words = ", ".join(f"{c.expected} as {c.got} ({c.count} of {c.n})" for c in told)
        yield Finding(
            kind="confusion", message=f"Labels answered as others: {words}.",
            slices=tuple(dict.fromkeys(c.expected for c in told)),
            evidence=tuple((f"{c.expected} → {c.got}", c.share) for c in told),
        )  # fmt: skip


def _is_confused(c: Confusion, evaluation: Evaluation) -> bool:
    """At least `OFTEN` of the label's items, and more than its errors would give each other label by chance; both held
    to the number of pairs there are."""
    strict = apart(evaluation.labels * max(1, evaluation.labels - 1))
    if c.count < FEWEST_CONFUSED or lowest_share(c.count, c.n, strict) <= OFTEN:
        return False
    wrong = next((s.n * (1 - s.value) for s in evaluation.slices if s.slice == c.expected), 0.0)
    others = evaluation.labels - 1
    if others < 2 or wrong < c.count:  # of two labels, or of slices that are not labels, nothing is by chance
        return True
    chance = wrong / others
    return c.count > chance + strict * math.sqrt(chance * (1 - 1 / others))


def _imbalance(tree: TreeView, evaluation: Evaluation) -> Iterator[Finding]:
    """Classes with fewer rows than `RARE` of the largest score below the others, by two standard errors of the
    difference between the two groups' items. Only where slices are the labels."""
    if not tree.data.closed_answers or not tree.data.slices:
        return
    counts = dict(tree.data.slices)
    most = max(counts.values())
    rare = [s for s in evaluation.slices if s.slice in counts and counts[s.slice] < RARE * most]
    common = [s for s in evaluation.slices if s.slice in counts and counts[s.slice] >= RARE * most]
    n, m = sum(s.n for s in rare), sum(s.n for s in common)
    if min(n, m) < SMALLEST_SLICE:
        return
    low, high = mean_of(rare), mean_of(common)
    if high - low <= STRICT * math.hypot(share_error(low, n), share_error(high, m)) or low >= GOOD_ENOUGH:
        return
    message = (
        f"{len(rare)} rare classes (fewer than {RARE * most:.0f} training rows) score {low:.2f} (n={n}), "
        f"the others {high:.2f} (n={m})."
    )
    yield Finding(kind="imbalance", message=message, evidence=(("rare classes", low), ("other classes", high)))
