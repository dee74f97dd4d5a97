"""A whole study that a real model drives over real HTTP: the embedded tiny model behind a server that enforces shapes.
It knows nothing, so its plans are nonsense within bounds; everything else is the real thing. A key is planted where the
server's is looked for, and must be found nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import trex_nb
from tests.chat.tiny_process import tiny_url
from tests.scenarios.verbs import modules, with_verbs
from trex_nb.core.ids import NodeId
from trex_nb.errors import TrexError
from trex_nb.settings import Endpoint, ModelPrice, Models, Settings
from trex_nb.study.study import Study

__all__ = ["tiny_url"]

KEY = "sk-planted-3f9c2a77d1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_verbs(tmp_path_factory.mktemp("home"), modules(8), budget="{rounds: 8, minutes: 4}")


@pytest.fixture(scope="module")
def seen() -> list[str]:
    """What the person could see while the study went: environments of jobs, messages, errors."""
    return []


@pytest.fixture(scope="module")
def study(home: Path, tiny_url: str, seen: list[str]) -> Iterator[Study]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLANTED_KEY", KEY)
        patch.chdir(home)
        endpoint = Endpoint(tiny_url, "tiny", key_env="PLANTED_KEY", max_tokens=2000)
        prices = {"tiny": ModelPrice(prompt=1.0, completion=2.0)}
        models = Models(researcher=endpoint, executor=endpoint, writer=endpoint, prices=prices)
        settings = Settings(root=home / ".trex", jobs=2, patience=120, models=models)
        with trex_nb.start(home / "verbs.yaml", settings=settings) as opened:
            opened.budget(tokens=400_000)
            while len(opened.tree.nodes) < 2 and opened.tree.chats.tokens < 300_000:
                seen.append(repr(opened.plan(n=1)))
            opened.approve("n1")
            opened.run(jobs=1)
            opened._wait_until(lambda: any(r.pid for r in opened.tree.nodes[NodeId("n1")].runs), 60)
            seen.append(_environments(opened))
            yield opened.wait(200)


def _environments(study: Study) -> str:
    """Of every process that this one has started, and of those below."""
    pids = [r.pid for n in study.tree.nodes.values() for r in n.runs if r.pid and psutil.pid_exists(r.pid)]
    processes = [*psutil.Process().children(recursive=True), *map(psutil.Process, pids)]
    found = []
    for process in processes:
        try:
            found.append(str(process.environ()))
        except psutil.Error:
            continue  # it has ended meanwhile
    return "\n".join(found)


def test_the_model_planned_an_experiment_that_ran(study: Study) -> None:
    node = study.tree.nodes[NodeId("n1")]
    assert node.status.is_finished
    assert node.plan.changes
    assert {c.purpose for c in study.tree.chats.calls} >= {"plan", "reflect"}


def test_its_shapes_were_enforced_by_the_server(study: Study) -> None:
    assert study.parts.asking
    replies = [r.reply for r in study.parts.asking.log.read() if r.reply and r.asked.shape]
    assert {r.how for r in replies} == {"json_schema"}


def test_what_it_cost_is_known_to_the_token(study: Study) -> None:
    chats = study.tree.chats
    assert chats.unpriced == 0
    paid = sum((c.usage.prompt + 2 * c.usage.completion) / 1e6 for c in chats.calls)
    assert chats.money == pytest.approx(paid)
    assert f"{chats.tokens:,} of 400,000 tokens" in repr(study.status())


def test_every_prompt_and_reply_can_be_looked_into(study: Study) -> None:
    why = repr(study.why("n1"))
    for word in ("plan.md@", "direction.md@", "Say what a module is for.", "reply:"):
        assert word in why


def test_the_person_gets_an_answer(study: Study) -> None:
    assert study.ask("Which is best?").text


def test_the_key_is_found_nowhere(
    study: Study, home: Path, seen: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PLANTED_KEY", KEY)
    study.report(home / "report.html")
    study.report(home / "report.ipynb")
    seen += [repr(study), repr(study.status()), repr(study.why("n1")), repr(study.tree), repr(study.parts)]
    broken = Models(researcher=Endpoint("http://127.0.0.1:9/v1", "nobody", key_env="PLANTED_KEY"))
    assert study.parts.asking
    known = study.parts.asking.models
    study.use_models(broken)
    with pytest.raises(TrexError) as refused:
        study.ask("Is anybody there?")
    study.use_models(known)
    chain = refused.value.__cause__, refused.value.__context__
    seen += [repr(refused.value), str(refused.value), repr(chain), str(refused.getrepr(showlocals=True)), caplog.text]
    assert "Which is best?" in "\n".join(map(str, study.tree.chats.asked))
    for text in seen:
        assert KEY not in text
    assert not any("PLANTED_KEY=" in text or "'PLANTED_KEY'" in text for text in seen if "PATH" in text)
    for path in (p for p in home.rglob("*") if p.is_file()):
        assert KEY.encode() not in path.read_bytes(), path
