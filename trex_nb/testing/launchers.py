"""The seam `Launcher`: a fake that plays scripts instead of notebooks, and the contract every launcher keeps.

To hold your own launcher to the contract, subclass `LauncherContract` in a test module and give it two fixtures:
`launcher`, and `make_spec`, which takes code cells and returns the spec of a job that runs them in a fresh folder.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from trex_nb.core.ids import RunId
from trex_nb.core.job import Failed, Finished, JobId, JobSpec, JobUpdate, NotSaved, Progressed, Queued, Saved, Started
from trex_nb.core.protocols import Job, Launcher
from trex_nb.core.result import Checkpoint, Failure

MakeSpec = Callable[[Sequence[str]], JobSpec]
U = TypeVar("U", bound=JobUpdate)

CANCELLED = Failure(stage="infra", kind="stopped", message="The job was cancelled.")
LOST = Failure(stage="infra", kind="lost", message="The job's process is gone.", retryable=True)


STOPPED = Failure(stage="train", kind="stopped", message="Stopped, as asked.")


class FakeJob:
    """A scripted job: what has happened is in `past`, what may still come in `script`. Safe to use from many threads
    and event loops at once.

    It saves its state when asked, at its last point: a folder with a file that holds the step, where its own folder is
    there; `disk_is_full` makes it say that it cannot, and without `is_asked` it says that nobody asked. A wish that
    comes before the first point is heeded at that.
    `on_saved` is called after each save.
    """

    def __init__(self, spec: JobSpec, script: Sequence[JobUpdate]) -> None:
        self.spec = spec
        self.past: list[JobUpdate] = []
        self._script = list(script)
        self.disk_is_full = False
        self.is_asked = True
        self.on_saved: Callable[[], None] = lambda: None
        self._wants_save = False
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def id(self) -> JobId:
        """The job's folder."""
        return self.spec.job

    @property
    def ended(self) -> bool:
        """Whether the last update is out."""
        return bool(self.past) and isinstance(self.past[-1], Finished | Failed)

    def play(self, count: int | None = None) -> None:
        """Let the next `count` updates of the script happen (all that are left when None)."""
        with self._lock:
            due = self._script[:count]
            del self._script[: len(due)]
            for update in due:
                self._happen(update)
                if self._wants_save and isinstance(update, Progressed):
                    self._save(update)

    def fail(self, failure: Failure) -> None:
        """End the job now, off the script. Does nothing to an ended job."""
        with self._lock:
            self._script.clear()
            self._happen(Failed(failure=failure))

    async def updates(self, after: int = 0) -> AsyncIterator[JobUpdate]:
        """Updates beyond line `after`, as they happen."""
        while True:
            news = asyncio.Event()
            with self._lock:
                seen = self.past[after:]
                ended = self.ended
                self._waiting.append((asyncio.get_running_loop(), news))
            for update in seen:
                yield update
            after += len(seen)
            if ended:
                return
            await news.wait()

    async def save(self) -> None:
        """Save at the last point, or at the first that comes."""
        with self._lock:
            point = self._point()
            self._wants_save = point is None
            if point is not None and not self.ended:
                self._save(point)
        self.on_saved()

    async def stop(self) -> None:
        """Save at the last point and end; without a point, end at once."""
        with self._lock:
            point = self._point()
            if point is not None and not self.ended:
                self._save(point)
            self._script.clear()
            self._happen(Failed(failure=STOPPED if point else CANCELLED))

    def _point(self) -> Progressed | None:
        return next((u for u in reversed(self.past) if isinstance(u, Progressed)), None)

    def _save(self, at: Progressed) -> None:
        self._wants_save = False
        if self.disk_is_full:
            self._happen(NotSaved(step=at.step, total=at.total, reason="No space left on device"))
            return
        name = f"checkpoint-{at.step}"
        state = Path(self.spec.folder) / name
        if state.parent.is_dir():
            state.mkdir(exist_ok=True)
            (state / "optimizer.pt").write_text(str(at.step))
            (state / "weights").write_text(str(at.step))
        checkpoint = Checkpoint(kind="adapter", path=name)
        self._happen(Saved(step=at.step, total=at.total, checkpoint=checkpoint, is_asked=self.is_asked))

    async def cancel(self) -> None:
        """End the job as stopped, unless it ended before."""
        self.fail(CANCELLED)

    def _happen(self, update: JobUpdate) -> None:
        if self.ended:
            return
        self.past.append(update.model_copy(update={"line": len(self.past) + 1}))
        waiting, self._waiting = self._waiting, []
        for loop, news in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)


class FakeLauncher:
    """Starts scripted jobs. `script` says what happens to a job; nothing of it happens before `release`, unless `auto`.

    `jobs` has every job that was started, by run, in the order they came; a run's later attempt takes its place.
    """

    def __init__(self, script: Callable[[JobSpec], Sequence[JobUpdate]], *, auto: bool = False) -> None:
        self._script = script
        self._auto = auto
        self._by_id: dict[JobId, FakeJob] = {}
        self.jobs: dict[RunId, FakeJob] = {}
        self.submitted: list[JobSpec] = []

    async def submit(self, spec: JobSpec) -> FakeJob:
        """Start the job, once."""
        if spec.job not in self._by_id:
            job = self._by_id[spec.job] = self.jobs[spec.run] = FakeJob(spec, self._script(spec))
            self.submitted.append(spec)
            if self._auto:
                job.play()
        return self._by_id[spec.job]

    async def attach(self, job: JobId) -> FakeJob | None:
        """The handle of a job started earlier."""
        return self._by_id.get(job)

    def release(self, run: RunId, count: int | None = None) -> None:
        """Let the next `count` updates of a run's job happen (all that are left when None)."""
        self.jobs[run].play(count)

    def lose(self, run: RunId) -> None:
        """Let a run's job die without a last word."""
        self.jobs[run].fail(LOST)


GOOD = """\
from IPython.display import display
def curve(step):
    points = [{"step": s, "total": 4, "loss": 1.0 / s, "eval_loss": None} for s in range(1, step + 1)]
    return {"application/vnd.trex.metrics+json": {"points": points}, "text/plain": f"step {step} of 4"}
handle = display(curve(1), raw=True, display_id="curve")
for step in (2, 3, 4):
    handle.update(curve(step), raw=True)
outcome = {"checkpoint": {"kind": "adapter", "path": "adapter"}, "cost": {"train_seconds": 0.5, "steps": 4}}
display({"application/vnd.trex.outcome+json": outcome, "text/plain": "done"}, raw=True)
"""
"""A cell that trains four steps and ends well."""

BAD = "raise ValueError('the data smell')"
"""A cell that fails."""

SLOW = """\
import time
for _ in range(1200):
    time.sleep(0.05)
"""
"""A cell that takes a minute, unless it is interrupted."""

TRAINS = """\
import time
from pathlib import Path
from typing import TypeVar
from IPython.display import display
def say(kind, data, **how):
    return display({f"application/vnd.trex.{kind}+json": data, "text/plain": kind}, raw=True, **how)
def curve(step):
    return {"points": [{"step": step, "total": 1200, "loss": 1.0, "eval_loss": None}]}
say("metrics", curve(1), display_id="curve")
answered = ""
for step in range(2, 1201):
    say("metrics", curve(step), display_id="curve", update=True)
    stop, wish = Path("stop").exists(), Path("save").read_text() if Path("save").exists() else ""
    if stop or wish != answered:
        answered = wish
        state = Path(f"checkpoint-{step}")
        state.mkdir()
        checkpoint = {"kind": "adapter", "path": state.name}
        say("saved", {"kind": "saved", "step": step, "total": 1200, "checkpoint": checkpoint})
        break
    time.sleep(0.05)
if stop:
    say("failure", {"stage": "train", "kind": "stopped", "message": "Stopped, as asked."})
else:
    say("outcome", {"checkpoint": {"kind": "adapter", "path": "adapter"}, "cost": {"steps": step}})
"""
"""A cell that trains for a minute and heeds wishes; one that saved for a wish to go on is soon done."""

DEAF = """\
import time
from IPython.display import display
points = {"points": [{"step": 1, "total": 2, "loss": 1.0, "eval_loss": None}]}
display({"application/vnd.trex.metrics+json": points, "text/plain": "step 1 of 2"}, raw=True)
for _ in range(1200):
    time.sleep(0.05)
"""
"""A cell that trains for a minute and heeds no wish."""

PATIENCE = 60.0
"""Seconds within which anything in this contract must have happened, on the busiest machine."""


def notebook_job(
    folder: Path, cells: Sequence[str], *, timeout: float = 120, env: dict[str, str] | None = None
) -> JobSpec:
    """A job that runs `cells`: its notebook is written into `folder`, which is created."""
    import nbformat  # noqa: PLC0415  slow to import, and the fake does without

    folder.mkdir(parents=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, folder / "experiment.ipynb")
    return JobSpec(run=RunId("n1.1"), folder=str(folder), timeout=timeout, env=env or {})


async def everything(job: Job, after: int = 0) -> list[JobUpdate]:
    """All updates of `job` beyond line `after`, to its end."""
    async with asyncio.timeout(PATIENCE):
        return [update async for update in job.updates(after)]


async def until_started(job: Job) -> Started:
    """The job's first update, but for those that say it waits for a place."""
    async with asyncio.timeout(PATIENCE):
        async for update in job.updates():
            if not isinstance(update, Queued):
                assert isinstance(update, Started)
                return update
    raise AssertionError("a job ends with an update")


async def until(job: Job, kind: type[U]) -> U:
    """The first update of a kind, as soon as it is out."""
    async with asyncio.timeout(PATIENCE):
        async for update in job.updates():
            if isinstance(update, kind):
                return update
    raise AssertionError(f"the job ended without {kind}")


async def _submitted(launcher: Launcher, spec: JobSpec) -> list[JobUpdate]:
    return await everything(await launcher.submit(spec))


def _in_place(updates: Sequence[JobUpdate]) -> list[JobUpdate]:
    """What happens once the job has a place."""
    return [update for update in updates if not isinstance(update, Queued)]


class LauncherContract:
    """What every launcher promises."""

    def test_a_good_job_starts_progresses_and_finishes(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """The curve arrives to its last point, and the outcome as it was stated."""
        first, *points, last = _in_place(asyncio.run(_submitted(launcher, make_spec([GOOD]))))
        assert isinstance(first, Started)
        assert isinstance(points[-1], Progressed)
        assert (points[-1].step, points[-1].loss) == (4, 0.25)
        assert isinstance(last, Finished)
        assert last.checkpoint.path == "adapter"
        assert last.cost.steps == 4

    def test_lines_count_from_one_without_gaps(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """A watcher can tell what it has seen by one number."""
        updates = asyncio.run(_submitted(launcher, make_spec([GOOD])))
        assert [update.line for update in updates] == list(range(1, len(updates) + 1))

    def test_the_last_update_and_only_that_one_is_an_ending(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """Cells after the outcome are run, and change nothing."""
        updates = asyncio.run(_submitted(launcher, make_spec([GOOD, "1 + 1"])))
        assert [isinstance(update, Finished | Failed) for update in updates] == [False] * (len(updates) - 1) + [True]

    def test_a_watcher_that_comes_back_gets_what_it_has_not_seen(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """`after` is exact, at every line."""

        async def scenario() -> None:
            job = await launcher.submit(make_spec([GOOD]))
            updates = await everything(job)
            for seen in range(len(updates) + 1):
                assert await everything(job, after=seen) == updates[seen:]

        asyncio.run(scenario())

    def test_submitting_twice_starts_once(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """At the same time, and again after the end."""

        async def scenario() -> None:
            spec = make_spec([GOOD])
            one, two = await asyncio.gather(launcher.submit(spec), launcher.submit(spec))
            updates = await everything(one)
            assert await everything(two) == updates
            assert await everything(await launcher.submit(spec)) == updates

        asyncio.run(scenario())

    def test_an_unknown_job_cannot_be_attached(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """A prepared folder is not a job yet."""
        assert asyncio.run(launcher.attach(make_spec([GOOD]).job)) is None

    def test_attaching_after_the_fact_replays_the_job(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """Nothing is lost on who was not there."""

        async def scenario() -> None:
            spec = make_spec([GOOD])
            updates = await everything(await launcher.submit(spec))
            job = await launcher.attach(spec.job)
            assert job is not None
            assert job.id == spec.job
            assert await everything(job) == updates

        asyncio.run(scenario())

    def test_a_cancelled_job_ends_as_stopped(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """Not as an error of the experiment, and soon."""

        async def scenario() -> JobUpdate:
            job = await launcher.submit(make_spec([SLOW, GOOD]))
            await until_started(job)
            await job.cancel()
            return (await everything(job))[-1]

        last = asyncio.run(scenario())
        assert isinstance(last, Failed)
        assert last.failure.kind == "stopped"

    def test_a_job_cancelled_at_once_ends_as_stopped(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """However far its start has come."""

        async def scenario() -> JobUpdate:
            job = await launcher.submit(make_spec([SLOW, GOOD]))
            await job.cancel()
            return (await everything(job))[-1]

        last = asyncio.run(scenario())
        assert isinstance(last, Failed)
        assert last.failure.kind == "stopped"

    def test_cancelling_an_ended_job_does_nothing(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """Twice neither."""

        async def scenario() -> None:
            job = await launcher.submit(make_spec([GOOD]))
            updates = await everything(job)
            await job.cancel()
            await job.cancel()
            assert await everything(job) == updates

        asyncio.run(scenario())

    def test_a_job_asked_to_stop_saves_its_state_first(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """And says so, so that it can go on another time."""

        async def scenario() -> list[JobUpdate]:
            job = await launcher.submit(make_spec([TRAINS]))
            await until(job, Progressed)
            await job.stop()
            await job.stop()
            return await everything(job)

        *_, saved, last = asyncio.run(scenario())
        assert isinstance(saved, Saved)
        assert saved.checkpoint.path == f"checkpoint-{saved.step}"
        assert isinstance(last, Failed)
        assert last.failure.kind == "stopped"

    def test_a_job_asked_to_stop_before_it_trains_is_cancelled(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """There is nothing to save yet."""

        async def scenario() -> JobUpdate:
            job = await launcher.submit(make_spec([SLOW, TRAINS]))
            await until_started(job)
            await job.stop()
            return (await everything(job))[-1]

        last = asyncio.run(scenario())
        assert isinstance(last, Failed)
        assert last.failure.kind == "stopped"

    def test_a_job_that_does_not_stop_in_its_grace_is_cancelled(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """Whoever asked is not left waiting."""

        async def scenario() -> JobUpdate:
            job = await launcher.submit(make_spec([DEAF, GOOD]).model_copy(update={"grace": 0.1}))
            await until(job, Progressed)
            await job.stop()
            return (await everything(job))[-1]

        last = asyncio.run(scenario())
        assert isinstance(last, Failed)
        assert last.failure.kind == "stopped"

    def test_a_job_asked_to_save_does_so_and_goes_on(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """To its own good end."""

        async def scenario() -> list[JobUpdate]:
            job = await launcher.submit(make_spec([TRAINS]))
            await until(job, Progressed)
            await job.save()
            return await everything(job)

        updates = asyncio.run(scenario())
        assert sum(isinstance(update, Saved) for update in updates) == 1
        assert isinstance(updates[-1], Finished)

    def test_an_ended_job_is_asked_in_vain(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """Nothing is said after the last word."""

        async def scenario() -> None:
            job = await launcher.submit(make_spec([GOOD]))
            updates = await everything(job)
            await job.save()
            await job.stop()
            assert await everything(job) == updates

        asyncio.run(scenario())

    def test_a_failing_cell_fails_the_job_with_its_message(self, launcher: Launcher, make_spec: MakeSpec) -> None:
        """And what came before it stays told."""
        first, *_, last = _in_place(asyncio.run(_submitted(launcher, make_spec([BAD, GOOD]))))
        assert isinstance(first, Started)
        assert isinstance(last, Failed)
        assert (last.failure.stage, last.failure.kind) == ("train", "error")
        assert last.failure.message == "ValueError: the data smell"
