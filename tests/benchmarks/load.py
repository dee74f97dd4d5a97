"""What `%load_ext trex_nb` adds to the start of a kernel: `python -m tests.benchmarks.load [rounds]`.

Each round starts two fresh kernels, one after the other in turn: the rival loads nothing. A kernel counts as ready when
its first cell has ended. The first `%trex start`, which loads the rest of the package, is told apart from it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.magics.kernels import kernel_in

CELLS = ["%load_ext trex_nb", "%trex start tiny-intent", "%trex start tiny-intent"]


def timed(cells: list[str]) -> list[float]:
    """Seconds from nothing to the end of the first cell, then of each further cell."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        seconds: list[float] = []
        with kernel_in(Path(folder)) as kernel:
            for cell in cells:
                assert kernel.run(cell).status == "ok"
                seconds.append(time.perf_counter() - start)
                start = time.perf_counter()
    return seconds


def import_times() -> list[str]:
    """The slowest imports of `import trex_nb`, as the interpreter reports them."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import trex_nb"], capture_output=True, text=True, check=True
    )
    return [line for line in done.stderr.splitlines() if "trex_nb" in line]


def main(rounds: int) -> None:
    """Print the table."""
    bare: list[list[float]] = []
    loaded: list[list[float]] = []
    for number in range(rounds):
        for cells, found in [(["pass"], bare), (CELLS, loaded)][:: 1 if number % 2 else -1]:
            found.append(timed(cells))
    rows = {
        "kernel start, nothing loaded": [b[0] for b in bare],
        "kernel start and %load_ext trex_nb": [c[0] for c in loaded],
        "difference, paired": [c[0] - b[0] for b, c in zip(bare, loaded, strict=True)],
        "first %trex start tiny-intent": [c[1] for c in loaded],
        "the same again": [c[2] for c in loaded],
    }
    for name, values in rows.items():
        print(f"{name:36} median {median(values):6.3f} s   from {min(values):6.3f} to {max(values):6.3f}")
    print("\nimport trex_nb (microseconds: self | cumulative)", *import_times(), sep="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
