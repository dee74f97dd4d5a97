"""Data recipes at scale: `python -m tests.benchmarks.data [--rows 1000000] [--small 100000]`.

Generated rows (JSON lines; a tenth copies, a tenth near copies, one in a thousand contaminated) go through filter,
exact dedup, near dedup, decontaminate, balance and sample:

1. `trex_nb.train.prepare`, in a process of its own, at both sizes: time, peak memory.
2. The same steps without near dedup beside the obvious pandas script, alternating, in the same minutes.
3. Near dedup beside datasketch on as many rows as that manages in about half a minute.

Absolute seconds depend on the machine; read the ratios, and how memory grows from the small size to the large.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

_SEALED = 2_000
_NEAR_ROWS = 20_000


def main() -> None:
    """Make the rows and run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "FOLDER", "ROWS"), help="one measurement, as JSON")
    a = parser.parse_args()
    if a.one:
        print(json.dumps(_measured(a.one[0], Path(a.one[1]), int(a.one[2]))))
        return
    with tempfile.TemporaryDirectory() as root:
        folders = {rows: _made(Path(root) / str(rows), rows) for rows in (a.small, a.rows)}
        for what in ("import", "without near dedup", "pandas", "recipe"):
            for rows, folder in folders.items():
                print(_told(what, rows, _apart(what, folder, rows)), flush=True)
        for what in ("near dedup", "datasketch"):
            print(_told(what, _NEAR_ROWS, _apart(what, folders[a.small], _NEAR_ROWS)))


def _told(what: str, rows: int, found: dict[str, float]) -> str:
    time_ = f"{found['seconds']:7.1f} s wall {found['cpu']:7.1f} s CPU  {rows / found['cpu']:>9,.0f} rows/CPU s"
    return f"{what:>20} {rows:>9,} rows  {time_}  peak {found['peak']:6.0f} MB  kept {found['kept']:,.0f}"


def _apart(what: str, folder: Path, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.data", "--one", what, str(folder), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measured(what: str, folder: Path, rows: int) -> dict[str, float]:
    began = time.perf_counter()
    kept = {"import": _import, "pandas": _pandas, "datasketch": _datasketch}.get(what, _ours(what))(folder, rows)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "kept": kept, "peak": used.ru_maxrss / 1024}


def _import(_folder: Path, _rows: int) -> int:
    import trex_nb.train.data  # noqa: F401  (the floor of what every measurement of ours costs)

    return 0


def _ours(what: str) -> Callable[[Path, int], int]:
    def run(folder: Path, rows: int) -> int:
        from trex_nb.core.recipe import Balance, DataRecipe, Decontaminate, Dedup, Filter, NearDedup, Sample
        from trex_nb.train import prepare

        near = NearDedup()
        ops = (Filter(field="prompt", min_chars=20), Dedup(), near, Decontaminate(), Balance(strength=0.5))
        recipe = DataRecipe(ops=(*ops, Sample(n=max(1, rows // 2))))
        if what == "without near dedup":
            recipe = DataRecipe(ops=tuple(op for op in recipe.ops if op != near))
        if what == "near dedup":
            return len(prepare(DataRecipe(ops=(near,)), _head(folder, rows)))
        return len(prepare(recipe, folder / "train.jsonl"))

    return run


def _head(folder: Path, rows: int) -> Path:
    path = folder / "head.jsonl"
    with (folder / "train.jsonl").open() as file:
        path.write_text("".join(line for _, line in zip(range(rows), file, strict=False)))
    return path


def _pandas(folder: Path, rows: int) -> int:
    """What one would write in an afternoon: everything in memory, sets of n-grams as tuples."""
    import pandas as pd

    frame = pd.read_json(folder / "train.jsonl", lines=True)
    frame = frame[frame.prompt.str.len() >= 20].drop_duplicates(["prompt", "answer"])
    sealed: set[tuple[str, ...]] = set()
    for line in (folder / "sealed.txt").read_text().splitlines():
        sealed |= _tuples(line)
    frame = frame[[not (_tuples(p) & sealed) for p in frame.prompt]]
    counts = frame.answer.value_counts()
    frame = frame.sample(len(frame), replace=True, weights=frame.answer.map(counts**-0.5), random_state=0)
    return len(frame.sample(min(len(frame), rows // 2), random_state=0))


def _tuples(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[i : i + 13]) for i in range(len(words) - 12)}


def _datasketch(folder: Path, rows: int) -> int:
    from datasketch import MinHash, MinHashLSH

    index, kept = MinHashLSH(threshold=0.8, num_perm=128), 0
    for number, line in enumerate(_head(folder, rows).open()):
        row = json.loads(line)
        words = f"{row['prompt']} {row['answer']}".lower().split()
        signature = MinHash(num_perm=128, seed=42)
        signature.update_batch([w.encode() for w in (*words, *map(" ".join, pairwise(words)))])
        if not index.query(signature):
            index.insert(number, signature)
            kept += 1
    return kept


def _made(folder: Path, rows: int) -> Path:
    from trex_nb.core.ngrams import NGRAMS_FILE, write_sealed

    folder.mkdir()
    rng = random.Random(rows)
    sealed = [_sentence(rng, 30) for _ in range(_SEALED)]
    write_sealed(folder / NGRAMS_FILE, sealed)
    (folder / "sealed.txt").write_text("\n".join(sealed))
    with (folder / "train.jsonl").open("w") as file:
        for number, (prompt, answer) in enumerate(_rows(rng, rows, sealed)):
            row = {"id": f"train-{number}", "prompt": prompt, "answer": answer, "slice": answer}
            file.write(json.dumps(row) + "\n")
    return folder


def _rows(rng: random.Random, rows: int, sealed: list[str]) -> Iterator[tuple[str, str]]:
    prompt, answer = _sentence(rng, 20), "one"
    for _ in range(rows):
        kind = rng.random()
        if kind < 0.001:
            yield rng.choice(sealed) + " as asked", "one"
        elif kind < 0.1:
            yield prompt, answer
        elif kind < 0.2:
            words = prompt.split()
            words[rng.randrange(len(words))] = "instead"
            yield " ".join(words), answer
        else:
            prompt, answer = _sentence(rng, rng.randint(10, 60)), rng.choices(("one", "two", "three"), (6, 3, 1))[0]
            yield f"Classify this remark: {prompt}", answer


def _sentence(rng: random.Random, words: int) -> str:
    return " ".join(f"w{int(rng.paretovariate(0.7)) % 50_000}" for _ in range(words))


if __name__ == "__main__":
    main()
