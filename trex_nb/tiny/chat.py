"""Chat documents: a short request and its answer, none of them in the words of the embedded tasks.

They teach the chat format and the skills that a fine-tuning run on somebody's own table will need: copying a word out
of the request, taking a field out of a record, changing case, splitting names, and naming the kind of a thing, with the
kinds' own words, with labels made up for this one request, or with a small JSON object as the answer.

A document is `<|user|>request<|assistant|>answer`; the end token is added by the build.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from trex_nb.tiny.broad import (
    PARAPHRASE,
    a_file,
    any_word,
    code,
    fields,
    identifier,
    log_line,
    number,
    package,
    path,
    some_symbols,
    unicode_names,
    version,
)  # fmt: skip
from trex_nb.tiny.words import (
    CODES,
    DAYS,
    EXTENSIONS,
    KINDS,
    LEVELS,
    MONTHS,
    NAMES,
    NEGATIVE,
    POSITIVE,
    TECH,
    TOPICS,
)  # fmt: skip
from trex_nb.tiny.world import MOODS, SCENES, outcome, remark

COLUMNS = (" / ", " | ", ", ", "; ", " - ", "\n", ": ")
USER, ASSISTANT = "<|user|>", "<|assistant|>"
Turn = tuple[str, str]


def word(rng: Random) -> str:
    """Any word at all, the reviews' words, codes and capitals too."""
    pick = rng.random()
    if pick < 0.25:
        return rng.choice(rng.choice((POSITIVE, NEGATIVE, NAMES, tuple(TOPICS), *TOPICS.values())))
    if pick < 0.35:
        return rng.choice((code, number, identifier))(rng)
    made = any_word(rng)
    return rng.choice((made, made, made.capitalize(), made.upper())) if pick < 0.6 else made


def words(rng: Random, least: int, most: int) -> list[str]:
    """Some words."""
    return [word(rng) for _ in range(rng.randint(least, most))]


def some_text(rng: Random) -> str:
    """Text of any kind to work on."""
    pick = rng.random()
    if pick < 0.5:
        return " ".join(words(rng, 1, 6))
    if pick < 0.8:
        return remark(rng).text
    return rng.choice((path, some_symbols, identifier, version))(rng)


def copying(rng: Random) -> Turn:
    """Repeat the text, or one of its words, or one of its columns."""
    text = some_text(rng)
    parts = text.split()
    if rng.random() < 0.5:
        text = " ".join(words(rng, 1, 5))
        one, two, three = words(rng, 3, 3)
        mark = rng.choice(COLUMNS)
        row = f"{one}{mark}{two}{mark}{three}"
        return rng.choice((
            (f"repeat: {text}", text), (f"repeat: {text}", text), (f"{text} {one}\nlast", one),
            (f"{one} {text}\nfirst", one), (f"{row}\ncolumn one", one), (f"{row}\ncolumn two", two),
            (f"{row}\ncolumn three", three), (f"word with {two[:2]}: {one} {two} {three}", two),
        ))  # fmt: skip
    return rng.choice((
        (f"repeat: {text}", text), (f"say again {text}", text), (f"first word: {text}", parts[0]),
        (f"last word: {text}", parts[-1]), (f"{text}\nlast", parts[-1]), (f"{text}\nfirst", parts[0]),
        (f"quote {text}", f'"{text}"'), (f"list {text}", json.dumps(parts[:3])),
    ))  # fmt: skip


def changing(rng: Random) -> Turn:
    """Change case, join, count, cut."""
    one, two = word(rng), word(rng)
    many = words(rng, 1, 5)
    return rng.choice((
        (f"upper: {one}", one.upper()), (f"lower: {one}", one.lower()), (f"title: {one}", one.capitalize()),
        (f"join {one} {two} with _", f"{one}_{two}"), (f"join {one} {two} with -", f"{one}-{two}"),
        (f"swap {one} {two}", f"{two} {one}"), (f"how many words: {' '.join(many)}", str(len(many))),
        (f"initial of {one}", one[0]), (f"initials: {one} {two}", (one[0] + two[0]).upper()),
        (f"one more {one}", f"{one} {one}"), (f"plural of {one.lower()}", one.lower() + "s"),
        (f"double {len(many)}", str(2 * len(many))),
    ))  # fmt: skip


def naming(rng: Random) -> Turn:
    """Parts of identifiers, paths, versions, addresses."""
    place, name, made = path(rng), identifier(rng), version(rng)
    site = f"http://{word(rng).lower()}.org/{word(rng)}"
    return rng.choice((
        (f"file of {place}", place.split("/")[-1]), (f"ending of {place}", place.rsplit(".", 1)[-1]),
        (f"major of {made}", made.split(".")[0]), (f"host of {site}", site.split("/")[2]),
        (f"words of {name}", name.replace("_", " ").replace("-", " ")), (f"constant {name}", name.upper()),
        (f"call {name}", f"{name}()"), (f"option {name}", f"--{name}"),
    ))  # fmt: skip


def looking_up(rng: Random) -> Turn:
    """Take a field out of a record, or put words into one."""
    made = fields(rng, 3)
    key = rng.choice(tuple(made))
    shown = rng.choice((json.dumps(made), "; ".join(f"{k}={v}" for k, v in made.items()), "\n".join(
        f"{k}: {v}" for k, v in made.items())))  # fmt: skip
    value = made[key] if isinstance(made[key], str) else str(made[key])
    one, two, three = any_word(rng).lower(), word(rng), word(rng)
    return rng.choice((
        (f"{shown}\n{key}?", str(value)), (f"what is {key} in {shown}", str(value)),
        (f"keys: {shown}", ", ".join(made)),
        (f"object {one} {two}", json.dumps({one: two})),
        (f"put {two} {three} under a b", json.dumps({"a": two, "b": three})),
        (f"object {one} {len(two)}", json.dumps({one: len(two)})), (f"array {two} {three}", json.dumps([two, three])),
    ))  # fmt: skip


def kinds(rng: Random) -> Turn:
    """The kind of an everyday thing, or whether it is of a kind."""
    kind, other = rng.sample(tuple(KINDS), 2)
    thing = rng.choice(KINDS[kind])
    first, second = (kind, other) if rng.random() < 0.5 else (other, kind)
    short = rng.choice(tuple(CODES))
    return rng.choice((
        (f"kind: {thing}", kind), (f"a {thing} is what?", kind), (f"{thing}: {first} or {second}?", kind),
        (f"is {thing} {first}?", "yes" if first == kind else "no"), (f"name one {kind}", thing),
        (f"{rng.choice(KINDS[other])}, {thing}: which is {kind}?", thing), (f"code: {CODES[short]}", short),
        (f"tag {thing}", json.dumps({"kind": kind})), (f"{short} means", CODES[short]),
    ))  # fmt: skip


def sorting(rng: Random) -> Turn:
    """Labels made up for this request: each is explained by two things of a kind, then a third is sorted."""
    chosen = rng.sample(tuple(KINDS), rng.choice((2, 2, 3)))
    labels = [rng.choice((code, word, number))(rng) for _ in chosen]
    lines = [f"{', '.join(rng.sample(KINDS[kind], 2))} = {label}" for kind, label in zip(chosen, labels, strict=True)]
    pick = rng.randrange(len(chosen))
    return "\n".join((*lines, f"{rng.choice(KINDS[chosen[pick]])} =")), labels[pick]


def fields_of_work(rng: Random) -> Turn:
    """What a package, an identifier, a file or a log line is about."""
    name, text, field = package(rng)
    level = rng.choice(tuple(LEVELS))
    kind = rng.choice(tuple(EXTENSIONS))
    term = rng.choice(TECH[field])
    return rng.choice((
        (f"{name}: {text}\nabout?", field), (f"area of {text}", field), (f"{term} belongs to", field),
        (f"{log_line(rng, level)}\nhow bad?", level), (f"log: {log_line(rng, level)}", level.upper()),
        (f"{any_word(rng).lower()}.{rng.choice(EXTENSIONS[kind])} has", kind), (f"shorten: {name}: {text}", name),
        (f"{name} | {text}", json.dumps({"package": name, "area": field})), (f"say: {a_file(rng)}", "ok"),
    ))  # fmt: skip


def characters(rng: Random) -> Turn:
    """What a character of that name is."""
    name, what = rng.choice(unicode_names())
    other = rng.choice(tuple(PARAPHRASE.values()))
    return rng.choice((
        (f"{name} is?", what), (f"describe {name}", what), (f"{name}\nsmall case", name.lower()),
        (f"{name}: {what} or {other}?", what), (f"last of {name}", name.split()[-1]),
    ))  # fmt: skip


def opinions(rng: Random) -> Turn:
    """What people in the little world would do next. No answer is a mood, a topic or a name alone."""
    said = remark(rng)
    return rng.choice((
        (f"{said.text}. and then?", outcome(said, rng)),
        (f"{said.text}. would you go?", "yes" if said.glad else "no"),
        (f"{said.text}. stars?", "5" if said.glad else "1"),
        (f"{said.text}. tell me more", rng.choice(SCENES[said.topic])),
        (f"sum up: {said.text}", f"{said.name} finds it {MOODS[said.glad]}"),
        (f"remark: {said.text}", f"about {said.topic}, by {said.name}"),
        (f"{said.text}. by?", f"by {said.name}"), (f"is it {said.name}? {said.text}", f"{said.name}, yes"),
    ))  # fmt: skip


def greetings(rng: Random) -> Turn:
    """Small talk and the calendar."""
    name = rng.choice(NAMES)
    at = rng.randrange(6)
    return rng.choice((
        (f"hello, I am {name}", f"hello {name}"), ("good morning", "good morning to you"),
        ("thank you", "you are welcome"),
        (f"the day after {DAYS[at]}", DAYS[at + 1]), (f"the month after {MONTHS[at]}", MONTHS[at + 1]),
        ("who are you?", "a very small model"), (f"bye {name}", "see you soon"), (f"after {at}", str(at + 1)),
    ))  # fmt: skip


MIX: tuple[tuple[Callable[[Random], Turn], int], ...] = (
    (copying, 24), (changing, 12), (naming, 8), (looking_up, 12), (kinds, 14), (sorting, 8), (fields_of_work, 12),
    (characters, 8), (opinions, 12), (greetings, 2),
)  # fmt: skip


def dialogue(turn: Turn) -> str:
    """A request and its answer as one text."""
    return f"{USER}{turn[0]}{ASSISTANT}{turn[1]}"


def echo(rng: Random) -> str:
    """The plainest copying: some words said three times, or one request to copy, with its answer."""
    if rng.random() < 0.4:
        text = " ".join(words(rng, 1, 5))
        return f"{text}. {text}. {text}."
    return dialogue(copying(rng))


def document(rng: Random) -> str:
    """One request of any sort, with its answer."""
    return dialogue(rng.choices([make for make, _ in MIX], [weight for _, weight in MIX])[0](rng))
