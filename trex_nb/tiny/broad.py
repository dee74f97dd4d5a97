"""Everything beside the little world: raw text of many surface forms, so that no common token is left untrained.

Facts about everyday things, made-up packages, records (JSON, YAML, CSV, ini), logs, paths, code, versions, codes,
numbers, and the names of half of all Unicode characters with a paraphrase of what each one is. Every generator takes a
seeded `Random` and gives one document.

Unicode names come from `unicodedata.ucd_3_2_0`, which is the same table in every Python. Names whose CRC-32 is odd are
*held out* and never appear: they belong to the task `ftbench.unicode_category`.
"""

from __future__ import annotations

import json
import unicodedata
import zlib
from collections.abc import Callable
from functools import cache
from random import Random

from trex_nb.tiny.words import (
    ADVERBS,
    CODES,
    COMMON,
    DAYS,
    EXTENSIONS,
    KINDS,
    LANGUAGES,
    LEVELS,
    MONTHS,
    NAMES,
    PARTS,
    QUALITIES,
    TECH,
    VERBS,
)  # fmt: skip

PARAPHRASE = {
    "Lu": "a capital letter", "Ll": "a small letter", "Lt": "a letter in title case", "Lm": "a letter that modifies",
    "Lo": "a letter or sign of a script without case", "Mn": "a mark that takes no room",
    "Mc": "a mark that takes room", "Me": "a mark drawn around",
    "Nd": "a digit from zero to nine", "Nl": "a numeral written as a letter",
    "No": "some other number", "Pc": "a line that joins words", "Pd": "a dash", "Ps": "an opening bracket",
    "Pe": "a closing bracket", "Pi": "an opening quote", "Pf": "a closing quote", "Po": "another punctuation mark",
    "Sm": "a sign of mathematics", "Sc": "a sign for money", "Sk": "a stand-alone accent", "So": "a picture or symbol",
    "Zs": "a kind of space", "Cf": "an invisible control for layout",
}  # fmt: skip
ASCII = "".join(map(chr, range(33, 127)))
LATIN = "àáâäåæçèéêëìíîïñòóôöøùúûüýßœ€£°–—‘’“”…"


def held_out(name: str) -> bool:
    """Whether the corpus leaves this Unicode name to the task that is made of such names."""
    return zlib.crc32(name.encode("ascii")) % 2 == 1


@cache
def unicode_names() -> tuple[tuple[str, str], ...]:
    """(name, paraphrase) of the characters the corpus may speak of, in code point order."""
    table = unicodedata.ucd_3_2_0
    found = []
    for point in (*range(0x20000), *range(0xE0000, 0xE0200)):  # the rest is ideographs and private use
        name = table.name(chr(point), "")
        kind = table.category(chr(point))
        if name and kind in PARAPHRASE and not name.startswith(("CJK ", "HANGUL SYLLABLE")) and not held_out(name):
            found.append((name, PARAPHRASE[kind]))
    return tuple(found)


def any_word(rng: Random) -> str:
    """A word of any list but the reviews'."""
    pick = rng.random()
    if pick < 0.4:
        return rng.choice(KINDS[rng.choice(tuple(KINDS))])
    if pick < 0.65:
        return rng.choice(TECH[rng.choice(tuple(TECH))])
    return rng.choice(rng.choice((COMMON, VERBS, QUALITIES, LANGUAGES, NAMES, MONTHS, DAYS, ADVERBS)))


def number(rng: Random) -> str:
    """A number of one to five digits, sometimes with a fraction."""
    whole = str(rng.randrange(10 ** rng.randint(1, 5)))
    return f"{whole}.{rng.randrange(100)}" if rng.random() < 0.2 else whole


def version(rng: Random) -> str:
    """Something like 3.12.1 or 2.0-1."""
    dots = ".".join(str(rng.randrange(20)) for _ in range(rng.randint(2, 3)))
    return dots + rng.choice(("", "", f"-{rng.randint(1, 9)}", "rc1", "b2", ".dev0"))


def code(rng: Random) -> str:
    """Two letters, as in a country code, an element or a seat."""
    first = rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    second = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return rng.choice((first + second, first + second, first + second.upper(), first.lower() + second))


def identifier(rng: Random) -> str:
    """A name as programs have it: snake_case, CamelCase, kebab-case or CONSTANT."""
    words = [rng.choice(VERBS), rng.choice(TECH[rng.choice(tuple(TECH))])]
    if rng.random() < 0.4:
        words.append(any_word(rng).lower())
    style = rng.randrange(4)
    if style == 1:
        return "".join(word.capitalize() for word in words)
    if style == 2:
        return "-".join(words)
    return "_".join(words).upper() if style == 3 else "_".join(words)


def path(rng: Random) -> str:
    """A file path of one to four parts."""
    kind = rng.choice(tuple(EXTENSIONS))
    folders = [any_word(rng).lower() for _ in range(rng.randint(0, 3))]
    name = rng.choice((any_word(rng).lower(), identifier(rng).lower()))
    return rng.choice(("", "/", "./")) + "/".join((*folders, f"{name}.{rng.choice(EXTENSIONS[kind])}"))


def package(rng: Random) -> tuple[str, str, str]:
    """(name, description, field) of a made-up package."""
    field = rng.choice(tuple(TECH))
    stem = rng.choice(TECH[field])
    language, part = rng.choice(LANGUAGES), rng.choice(PARTS)
    name = rng.choice((f"lib{stem}{rng.randint(0, 9)}", f"lib{stem}-dev", f"{stem}-doc", f"{language}-{stem}",
                       f"{stem}-{rng.choice(VERBS)}", f"{stem}tools", f"lib{stem}-{language}", stem))  # fmt: skip
    text = rng.choice((
        f"{rng.choice(QUALITIES)} {stem} {part}",
        f"{part} for {stem} and {rng.choice(TECH[field])}",
        f"{stem} {part} for {language.capitalize()}",
        f"{rng.choice(VERBS)} {stem} files with {language} ({part})",
        f"{part} to {rng.choice(VERBS)} and {rng.choice(VERBS)} a {stem}",
    ))  # fmt: skip
    return name, text, field


def a_fact(rng: Random) -> str:
    """Everyday things by kind."""
    kind, other = rng.sample(tuple(KINDS), 2)
    one, two = rng.sample(KINDS[kind], 2)
    return rng.choice((
        f"{one} : a kind of {kind}.",
        f"the {one} and the {two} are both of the kind {kind}.",
        f"{one} is {kind}, but {rng.choice(KINDS[other])} is {other}.",
        f"in the list of {kind} we find {one}, {two} and {rng.choice(KINDS[kind])}.",
        f"{rng.choice(NAMES)} saw a {one} and a {rng.choice(KINDS[other])}, a {kind} and a {other}.",
    ))  # fmt: skip


def a_package(rng: Random) -> str:
    """A package and what it is about."""
    name, text, field = package(rng)
    return rng.choice((f"{name} - {text}. It is about {field}.", f"Package: {name}\nDescription: {text}\nFor: {field}",
                       f"{name} ({version(rng)}): {text}", f"install {name} for {field}: {text}"))  # fmt: skip


def fields(rng: Random, most: int = 4) -> dict[str, str | int | bool | list[str]]:
    """A record with mixed values."""
    made: dict[str, str | int | bool | list[str]] = {}
    for _ in range(rng.randint(1, most)):
        values = (any_word(rng), any_word(rng), rng.randrange(1000), rng.random() < 0.5, code(rng),
                  [any_word(rng) for _ in range(2)])  # fmt: skip
        made[any_word(rng).lower()] = rng.choice(values)
    return made


def a_record(rng: Random) -> str:
    """A record as JSON, YAML, ini, a call or CSV."""
    made = fields(rng)
    style = rng.randrange(5)
    if style == 0:
        return json.dumps(made)
    if style == 1:
        return "\n".join(f"{key}: {json.dumps(value)}" for key, value in made.items())
    if style == 2:
        return "[" + any_word(rng) + "]\n" + "\n".join(f"{key} = {value}" for key, value in made.items())
    if style == 3:
        return f"{identifier(rng)}(" + ", ".join(f"{key}={value!r}" for key, value in made.items()) + ")"
    return ",".join(made) + "\n" + ",".join(str(value) for value in made.values())


def log_line(rng: Random, level: str) -> str:
    """A message that a program would log at `level`, without the level."""
    return f"{rng.choice(LEVELS[level])} {rng.choice((identifier, path, any_word))(rng)}"


def a_log(rng: Random) -> str:
    """Two or three log lines with date and level."""
    lines = []
    for _ in range(rng.randint(1, 3)):
        level = rng.choice(tuple(LEVELS))
        tag = rng.choice((level.upper(), f"[{level}]", level.capitalize() + ":"))
        clock = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"
        date = f"{rng.randint(1990, 2030)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        lines.append(rng.choice((f"{date} {clock} {tag} {log_line(rng, level)}", f"{tag} {log_line(rng, level)}")))
    return "\n".join(lines)


def a_program(rng: Random) -> str:
    """A line or two of code."""
    name, one, two = identifier(rng).replace("-", "_"), any_word(rng).lower(), any_word(rng).lower()
    return rng.choice((
        f"def {name.lower()}({one}, {two}):\n    return {one}.{rng.choice(VERBS)}({two})",
        f"from {one} import {name}  # {rng.choice(VERBS)} the {two}",
        f"if {one} {rng.choice(('==', '!=', '<', '>='))} {number(rng)}: {rng.choice(VERBS)}({two})",
        f"for {one} in {two}: print({one} + '{code(rng)}')",
        f"{name} = [{number(rng)}, {number(rng)}]; {one} += {number(rng)}",
        f"$ {rng.choice(VERBS)} --{one}={number(rng)} -{rng.choice('abcdefxyz')} {path(rng)} | grep {two}",
        f"class {any_word(rng).capitalize()}{any_word(rng).capitalize()}: # {rng.choice(QUALITIES)} {two}",
        f"SELECT {one} FROM {two} WHERE {any_word(rng).lower()} = '{any_word(rng)}';",  # noqa: S608 -- text, never run
        f"http://{one}.{two}.{rng.choice(('com', 'org', 'net'))}/{any_word(rng)}?{rng.choice('abcxyz')}={number(rng)}",
        f"{rng.choice(NAMES).lower()}@{one}.{rng.choice(('com', 'org', 'net'))} wrote {path(rng)} ({version(rng)})",
    ))  # fmt: skip


def a_file(rng: Random) -> str:
    """File names by what is in them."""
    kind = rng.choice(tuple(EXTENSIONS))
    ends = EXTENSIONS[kind]
    return rng.choice((f"{any_word(rng).lower()}.{rng.choice(ends)} holds {kind}", f"{path(rng)}",
                       f"*.{rng.choice(ends)} and *.{rng.choice(ends)} are files with {kind}"))  # fmt: skip


def a_code(rng: Random) -> str:
    """Codes and what they stand for."""
    short = rng.choice(tuple(CODES))
    return rng.choice((f"{short} stands for {CODES[short]}.", f"the code of {CODES[short]} is {short}.",
                       f"seat {code(rng)}, row {number(rng)}, gate {code(rng)}{number(rng)}.",
                       f"{number(rng)} + {number(rng)} < {number(rng)} {code(rng)}",
                       f"({code(rng)}, {code(rng)}, {code(rng)})"))  # fmt: skip


def a_sentence(rng: Random) -> str:
    """Plain words in a plausible order."""
    who, kind = rng.choice(NAMES), rng.choice(tuple(KINDS))
    thing, verb, common = rng.choice(KINDS[kind]), rng.choice(VERBS), rng.choice(COMMON)
    return rng.choice((
        f"{who} will {verb} the {rng.choice(QUALITIES)} {thing} {rng.choice(ADVERBS)}.",
        f"{common} {any_word(rng)} {rng.choice(COMMON)} {any_word(rng)} {rng.choice(COMMON)} {thing}.",
        f"How can I {verb} a {thing} in {rng.choice(MONTHS).capitalize()}? Ask {who}.",
        f"Please {verb} {rng.choice(COMMON)} {thing}, then {rng.choice(VERBS)} it {rng.choice(ADVERBS)}!",
        f"\"{rng.choice(COMMON).capitalize()} {thing},\" said {who}; '{verb}' & {verb}...",
        f"{who.upper()} HAS {number(rng)} {thing.upper()}S ON {rng.choice(DAYS).upper()}",
    ))  # fmt: skip


def a_character(rng: Random) -> str:
    """The name of a character and what it is."""
    name, what = rng.choice(unicode_names())
    return rng.choice((f"{name}: {what}", f"{name} is {what}.", f"{what}, {name}"))


def some_symbols(rng: Random) -> str:
    """Printable ASCII and some accented letters, in any order."""
    pool = ASCII if rng.random() < 0.7 else LATIN
    return " ".join("".join(rng.choice(pool) for _ in range(rng.randint(1, 6))) for _ in range(rng.randint(2, 5)))


MIX: tuple[tuple[Callable[[Random], str], int], ...] = (
    (a_fact, 14), (a_package, 14), (a_record, 12), (a_log, 8), (a_program, 10), (a_file, 4), (a_code, 8),
    (a_sentence, 8), (a_character, 20), (some_symbols, 5),
)  # fmt: skip


def document(rng: Random) -> str:
    """One document of any of the forms above."""
    return rng.choices([make for make, _ in MIX], [weight for _, weight in MIX])[0](rng)
