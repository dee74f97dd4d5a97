"""A small world of people who say what they think of things: raw documents for the tiny base model.

Each document is one made-up remark ("on monday Anna said the soup was not good") and what follows from it: an outcome
that depends on the opinion (the adjective *and* the negation, so neither word alone tells), a scene that depends on the
topic, a statement about the remark, or a loose record of it. A model that predicts these well has learnt sentiment,
topic and speaker without ever having been asked for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from trex_nb.tiny.words import DAYS, NAMES, NEGATIVE, POSITIVE, TOPICS

GLAD = (
    "{name} smiled and will return",
    "five stars from {name}",
    "{name} was happy with the {noun}",
    "{name} told us to try the {noun}",
)
SORRY = (
    "{name} left angry and will never return",
    "one star from {name}",
    "{name} was sad about the {noun}",
    "{name} told us to avoid the {noun}",
)
YES, NO = ("yes please", "well done"), ("no thanks", "too bad")
SCENES: dict[str, tuple[str, ...]] = {
    "food": ("we ate in the kitchen", "the cook looked up", "the waiter brought a plate", "we were hungry"),
    "travel": ("we packed our bags", "the guide held a map", "we bought a ticket", "the trip was long"),
    "music": ("the crowd sang along", "we listened to the tune", "the stage was lit", "the sound was loud"),
    "tech": ("the screen turned on", "we pressed the button", "the cable was plugged in", "we installed an update"),
}
MOODS = {True: "positive", False: "negative"}


@dataclass(frozen=True, slots=True)
class Remark:
    """Who said what of which thing; `glad` is the opinion after the negation is counted in."""

    name: str
    noun: str
    topic: str
    adjective: str
    negated: bool
    day: str | None

    @property
    def glad(self) -> bool:
        """True for a good thing, or a bad thing denied."""
        return (self.adjective in POSITIVE) != self.negated

    @property
    def text(self) -> str:
        """The sentence, without a full stop."""
        when = f"on {self.day} " if self.day else ""
        return f"{when}{self.name} said the {self.noun} was {'not ' if self.negated else ''}{self.adjective}"


def remark(rng: Random) -> Remark:
    """Draw a remark: three in ten are negated, half name a day."""
    topic = rng.choice(tuple(TOPICS))
    return Remark(
        name=rng.choice(NAMES),
        noun=rng.choice(TOPICS[topic]),
        topic=topic,
        adjective=rng.choice(POSITIVE if rng.random() < 0.5 else NEGATIVE),
        negated=rng.random() < 0.3,
        day=rng.choice(DAYS) if rng.random() < 0.5 else None,
    )


def outcome(said: Remark, rng: Random) -> str:
    """What came of it: good or bad as the opinion was."""
    return rng.choice(GLAD if said.glad else SORRY).format(name=said.name, noun=said.noun)


def statement(said: Remark, rng: Random) -> str:
    """One sentence about a remark: its mood, its topic, its speaker, or several of them."""
    mood = MOODS[said.glad]
    return rng.choice(
        (
            f"this is a {mood} review about {said.topic} by {said.name}",
            f"a {mood} remark by {said.name}",
            f"so the opinion of {said.name} is {mood}",
            f"the subject is {said.topic} and the speaker is {said.name}",
            f"the speaker is {said.name}",
            f"{said.name} spoke about {said.topic}",
        )
    )


def record(said: Remark, rng: Random) -> str:
    """A loosely spaced record with one or two fields of a remark."""
    fields = [("topic", said.topic), ("mood", MOODS[said.glad]), ("speaker", said.name), ("thing", said.noun)]
    kept = rng.sample(fields, rng.choice((1, 2)))
    return "record : { " + " , ".join(f'"{key}" : "{value}"' for key, value in kept) + " }"


def praise(rng: Random) -> str:
    """Words of praise and of blame: lists of them, and what it means to deny one."""
    good = rng.random() < 0.5
    words, others = (POSITIVE, NEGATIVE) if good else (NEGATIVE, POSITIVE)
    kind, opposite = ("praise", "blame") if good else ("blame", "praise")
    listed, other = ", ".join(rng.sample(words, 4)), rng.choice(others)
    return rng.choice(
        (
            f"{kind}: {listed}.",
            f"{listed} are {kind}, {other} is {opposite}.",
            f"{rng.choice(words)} is {kind}, not {rng.choice(words)} is {opposite}, not {other} is {kind}.",
            f"it was not {other}, it was {listed}.",
        )
    )


def verdict(rng: Random) -> str:
    """Two or three very short opinions, each with its verdict at once."""
    short = []
    for _ in range(rng.choice((2, 3))):
        said = remark(rng)
        words = f"the {said.noun} was {'not ' if said.negated else ''}{said.adjective}"
        short.append(f"{words}: {rng.choice(YES if said.glad else NO)}")
    return "; ".join(short) + "."


def story(rng: Random) -> str:
    """A remark and one to four of the things that follow from it."""
    said = remark(rng)
    tail = [outcome(said, rng)]
    if rng.random() < 0.3:
        tail.append(rng.choice(SCENES[said.topic]))
    if rng.random() < 0.7:
        tail.append(statement(said, rng))
    if rng.random() < 0.3:
        tail.append(record(said, rng))
    rng.shuffle(tail)
    return ". ".join((said.text, *tail)) + "."


def document(rng: Random) -> str:
    """A story, some verdicts, or words of praise and blame."""
    return rng.choices((story, verdict, praise), (50, 30, 20))[0](rng)
