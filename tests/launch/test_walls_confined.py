"""A hostile cell in a job that is confined, as jobs with a model's code are: it spoils nothing anybody believes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pytest

from tests.launch.test_walls import OUTCOME, TRY, done, landlocked, run
from trex_nb.core.job import MADE, Finished
from trex_nb.launch.files import JobFolder
from trex_nb.launch.walls import Software, walls_of
from trex_nb.testing.launchers import notebook_job

DAEMON = (
    "import os, subprocess, sys\n"
    "code = 'import os, time; os.fork() and os._exit(0); os.setsid();'"
    ' \'open("made/daemon", "w").write(str(os.getpid())); time.sleep(600)\'\n'
    "subprocess.run([sys.executable, '-c', code], env={}, start_new_session=True)\n"
    "import time\n"
    "while not os.path.exists('made/daemon') or not open('made/daemon').read(): time.sleep(0.01)"
)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study's folder with sealed rows, another run, prepared rows."""
    for name in ("sealed/test.jsonl", "runs/n2.1/events.jsonl", "data/train.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret")
    return tmp_path


@landlocked
def test_a_hostile_cell_spoils_nothing(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "MY_SECRET"):
        monkeypatch.setenv(name, "planted-key-1234")
    folder = study / "runs" / "n1.1"
    forged = '{"kind":"finished","line":99,"checkpoint":{"kind":"base"},"cost":{}}\\n'
    deeds = {
        "keys": "1/('planted' in str(dict(os.environ)) + open('/proc/self/environ').read())",
        "keys of the runner": "open(f'/proc/{os.getppid()}/environ').read()",
        "sealed": f"open({str(study / 'sealed/test.jsonl')!r}).read()",
        "sealed by a way round": "open('../../sealed/test.jsonl').read()",
        "another run": "open('../n2.1/events.jsonl', 'a').write('x')",
        "read another run": "open('../n2.1/events.jsonl').read()",
        "a new run": "os.mkdir('../n3.1')",
        "prepared rows": f"open({str(study / 'data/train.jsonl')!r}, 'a').write('x')",
        "new prepared rows": f"os.mkdir({str(study / 'data/x')!r})",
        "socket": "socket.create_connection(('127.0.0.1', 9), timeout=2)",
        "name": "socket.getaddrinfo('example.org', 80)",
        "forge": f"open('events.jsonl', 'a').write({forged!r})",
        "forge anew": "os.rename('made/said.json', 'events.jsonl')",
        "unlink": "os.unlink('events.jsonl')",
        "truncate": "os.truncate('events.jsonl', 0)",
        "notebook": "open('experiment.ipynb', 'w').write('{}')",
        "spec": "open('spec.json', 'w').write('{}')",
        "runner": "open('runner.json', 'w').write('{}')",
        "lock": "open('runner.lock', 'w')",
        "wish": "open('stop', 'w')",
        "cancel": "os.mkdir('cancel')",
        "swap": "os.rename('made', 'mine')",
        "link": "os.symlink('/etc', 'made/link')",
        "hard link": "os.link('experiment.ipynb', 'made/hard')",
        "attribute": "os.setxattr('experiment.ipynb', 'user.x', b'1')",
        "mode": "1/0 if os.chmod('events.jsonl', 0o444) or open('events.jsonl', 'a') else 0",
        "read prepared rows": f"open({str(study / 'data/train.jsonl')!r}).read()",
        "made": "open('made/file', 'w').write('x')",
        "temporary": "__import__('tempfile').mkstemp()",
        "read notebook": "open('experiment.ipynb').read(3)",
    }
    attempts = "\n".join(f"attempt({name!r}, lambda: {deed})" for name, deed in deeds.items())
    cells = [TRY.replace('"said.', '"made/said.'), attempts, DAEMON, OUTCOME]
    spec = notebook_job(folder, cells).model_copy(update={"reads": (str(study / "data"),), "confined_to": MADE})
    updates = run(spec)
    assert isinstance(updates[-1], Finished), updates[-1]
    said = json.loads((folder / MADE / "said.json").read_text())
    assert set(said) == set(deeds)
    assert set(done(said)) == {"read prepared rows", "made", "temporary", "read notebook"}, done(said)
    assert [u.line for u in updates] == [1, 2]
    assert JobFolder(folder).read_notebook().cells[1].source == attempts
    assert (study / "data" / "train.jsonl").read_text() == "secret"
    assert _is_gone(int((folder / MADE / "daemon").read_text()))


def _is_gone(pid: int) -> bool:
    """A process that was killed may take a moment to be so."""
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
    return True


def test_what_is_confined_runs_only_where_all_walls_stand(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", []).model_copy(update={"confined_to": MADE})
    walls = walls_of(spec, str(tmp_path / "private"), Software(()))
    assert walls.is_strict
    assert walls.writes == (str(tmp_path / "job" / MADE),)
    assert not walls_of(spec.model_copy(update={"confined_to": ""}), "x", Software(())).is_strict
