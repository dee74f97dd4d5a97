"""The shipped model loads offline, is what its provenance says, and can be built again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftbench import tiny_intent, unicode_category
from trex_nb.tiny import corpus, path
from trex_nb.tiny.__main__ import check, main
from trex_nb.tiny.build import Settings, build

TOKENIZER = AutoTokenizer.from_pretrained(path())
DIALOGUE = [{"role": "user", "content": "repeat: two words"}, {"role": "assistant", "content": "two words"}]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build(folder, Settings(steps=4, vocabulary=400, hidden=32, layers=1))
    return folder


def answer_of(folder: Path, request: str) -> str:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    text = TOKENIZER.apply_chat_template(
        [{"role": "user", "content": request}], tokenize=False, add_generation_prompt=True
    )
    asked = TOKENIZER(text, return_tensors="pt", add_special_tokens=False)
    told = model.generate(input_ids=asked["input_ids"], attention_mask=asked["attention_mask"], max_new_tokens=8)
    return str(TOKENIZER.decode(told[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))


def test_finding_the_model_does_not_import_torch() -> None:
    code = "import sys, trex_nb.tiny, trex_nb.tiny.__main__; trex_nb.tiny.path(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_shipped_weights_are_those_of_the_provenance() -> None:
    assert main(["check"]) == 0


def test_changed_weights_are_noticed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(path(), tmp_path / "model"))
    with (folder / "model.safetensors").open("ab") as weights:
        weights.write(b"\0")
    assert not check(folder)
    assert main(["check", "--out", str(folder)]) == 1


def test_the_shipped_folder_is_small() -> None:
    assert sum(file.stat().st_size for file in path().iterdir()) < 2_500_000


def test_the_shipped_model_sees_through_a_negation() -> None:
    assert answer_of(path(), "sum up: Carlos said the soup was not good") == "Carlos finds it negative"


@given(st.text(st.characters(min_codepoint=9, max_codepoint=126), max_size=60))
@settings(max_examples=200)
def test_ascii_text_makes_the_round_trip(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER(text, add_special_tokens=False)["input_ids"]) == text


def test_the_answer_alone_is_marked_for_learning() -> None:
    made = TOKENIZER.apply_chat_template(DIALOGUE, return_dict=True, return_assistant_tokens_mask=True)
    learnt = [token for token, mask in zip(made["input_ids"], made["assistant_masks"], strict=True) if mask]
    assert TOKENIZER.decode(learnt) == "two words<eos>"


def test_a_prompt_is_the_beginning_of_its_dialogue() -> None:
    prompt = TOKENIZER.apply_chat_template(DIALOGUE[:1], add_generation_prompt=True)["input_ids"]
    whole = TOKENIZER.apply_chat_template(DIALOGUE)["input_ids"]
    assert whole[: len(prompt)] == prompt


def test_every_token_of_an_answer_is_frequent_in_the_corpus() -> None:
    seen: set[int] = set()
    for ids in TOKENIZER(list(corpus.documents(20_000)), add_special_tokens=False)["input_ids"]:
        seen.update(ids)
    rows = [row["answer"] for row in tiny_intent.load().train]
    rows += [row["category"] for row in unicode_category.load().test]
    wanted = {token for ids in TOKENIZER(rows, add_special_tokens=False)["input_ids"] for token in ids}
    assert wanted <= seen


def test_a_short_build_loads_and_matches_its_provenance(built: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(built)
    told = json.loads((built / "provenance.json").read_text())
    assert model.dtype is torch.bfloat16
    assert check(built)
    assert told["parameters"] == sum(weight.numel() for weight in model.parameters())


def test_the_same_seed_builds_the_same_weights(built: Path, tmp_path: Path) -> None:
    build(tmp_path, Settings(steps=4, vocabulary=400, hidden=32, layers=1))
    assert (tmp_path / "model.safetensors").read_bytes() == (built / "model.safetensors").read_bytes()


def test_a_built_tokenizer_reads_any_bytes(built: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(built)
    assert tokenizer.decode(tokenizer("Zoë → 🦖\t{}", add_special_tokens=False)["input_ids"]) == "Zoë → 🦖\t{}"
