"""Word n-grams as hashes: how training rows are compared with evaluation items that only the evaluator may read.

When a study starts, the prompts of its search and test splits are written beside the train file as sorted 8-byte
hashes, one for every 8 words in a row and one for every whole prompt: no text, no order, and nothing of the answers (a
label could be guessed against its hash). A training row is then compared by hash. `n` words in a row are n - 7 n-grams
in a row, so this one file serves every `n` from 8 on.

A word is a run of letters and digits, case folded; where a script has no spaces between words (Chinese, Japanese,
Thai), a character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

N = 8
NGRAMS_FILE = f"ngrams-{N}.npy"

_NO_SPACES = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_NO_SPACES}]|[^\\W_{_NO_SPACES}]+")
_NO_PUNCTUATION = {c: " " for c in range(128) if not chr(c).isalnum()}
_POWERS = [pow(0x9E3779B97F4A7C15, N - 1 - i, 2**64) for i in range(N)]
_AT_ONCE = 10_000


def words(text: str) -> list[str]:
    """The words of a text, case folded, without punctuation."""
    folded = text.casefold()
    return folded.translate(_NO_PUNCTUATION).split() if folded.isascii() else _WORD.findall(folded)


def normalised(text: str) -> str:
    """A text as it is compared whole: case folded, spaces evened out, punctuation kept."""
    return " ".join(text.casefold().split())


def whole(texts: Iterable[str]) -> Hashes:
    """A hash of each whole text."""
    return np.array([_hash(f"\0{normalised(text)}") for text in texts], dtype=np.uint64)


def ngrams(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """All n-grams of the texts in order, and for each the number of its text."""
    hashed = [list(map(_word_hash, words(text))) for text in texts]
    lengths = np.array([len(h) for h in hashed], dtype=np.int64)
    flat = np.fromiter(chain.from_iterable(hashed), dtype=np.uint64, count=int(lengths.sum()))
    owner = np.repeat(np.arange(len(texts)), lengths)
    count = max(0, len(flat) - N + 1)
    mixed = np.zeros(count, dtype=np.uint64)
    for shift, power in enumerate(_POWERS):
        mixed += flat[shift : shift + count] * np.uint64(power)  # modulo 2**64
    is_within = owner[:count] == owner[N - 1 : N - 1 + count]
    return mixed[is_within], owner[:count][is_within]


def sealed(texts: Iterable[str]) -> Hashes:
    """What is kept of evaluation prompts: the sorted hashes of their n-grams and of each as a whole."""
    every = list(texts)
    blocks = (every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE))
    return np.unique(np.concatenate([whole(every), *(ngrams(block)[0] for block in blocks)]))


def write_sealed(path: Path, texts: Iterable[str]) -> None:
    """Write `sealed(texts)` as a plain .npy file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, sealed(texts), allow_pickle=False)


def places(hashes: Hashes, known: Hashes) -> NDArray[np.int64]:
    """For each hash its place in the sorted `known`, or -1."""
    if not len(known):
        return np.full(len(hashes), -1)
    found = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.where(known[found] == hashes, found, -1)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


_word_hash = lru_cache(maxsize=1 << 17)(_hash)
