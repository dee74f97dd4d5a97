"""The tokenizer of the tiny base model: byte-level BPE, trained on the corpus, with a chat template.

Words are split where code splits them (camelCase humps, digits one by one, runs of punctuation), so that unseen
identifiers and numbers are made of pieces the model has met. Every byte is a token: any text makes the round trip.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from trex_nb.tiny.chat import ASSISTANT, USER

PAD, EOS, SYSTEM = "<pad>", "<eos>", "<|system|>"
SPECIALS = (PAD, EOS, SYSTEM, USER, ASSISTANT)
PIECES = r" ?[A-Z]?[a-z]+| ?[A-Z]+(?![a-z])|[0-9]| ?[^\sA-Za-z0-9]+|\s"
TEMPLATE = (
    "{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}{{ '<|assistant|>' }}"
    "{% generation %}{{ m['content'] + eos_token }}{% endgeneration %}"
    "{% elif m['role'] == 'system' %}{{ '<|system|>' + m['content'] }}"
    "{% else %}{{ '<|user|>' + m['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
LONGEST = 512


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Learn `vocabulary` tokens (all 256 bytes, the specials and merges) from `texts`."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PIECES), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=EOS,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        model_max_length=LONGEST,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE
    return made
