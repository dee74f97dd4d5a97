"""A kernel's private folder, and what of it a job could be led to believe."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

from trex_nb.core.ids import RunId
from trex_nb.core.job import JobSpec
from trex_nb.launch.files import JobFolder
from trex_nb.launch.private import is_private, private_environment, private_folder, show_models
from trex_nb.launch.processes import end_leftovers


def test_it_is_of_its_user_alone_and_short_enough_for_sockets(tmp_path: Path) -> None:
    folder = private_folder(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(str(folder)) <= 80
    assert is_private(folder, tmp_path)
    assert not is_private(folder, tmp_path / "another job")
    shutil.rmtree(folder)


def test_models_of_the_cache_are_found_in_its_own_and_nothing_else(tmp_path: Path) -> None:
    show_models(tmp_path, ["/cache/models--a--b", "/home/me/rows.csv"])
    cache = Path(private_environment(tmp_path, network=False)["HF_HUB_CACHE"])
    assert [(p.name, str(p.readlink())) for p in cache.iterdir()] == [("models--a--b", "/cache/models--a--b")]


def test_a_job_without_network_asks_the_hub_nothing(tmp_path: Path) -> None:
    assert private_environment(tmp_path, network=False)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in private_environment(tmp_path, network=True)


def test_a_connection_file_that_a_job_wrote_has_nobody_elses_folder_removed(tmp_path: Path) -> None:
    victim = tmp_path / "trex-nb"
    victim.mkdir()
    folder = JobFolder(tmp_path / "job")
    folder.path.mkdir()
    folder.write_spec(JobSpec(run=RunId("n1.1"), folder=str(folder.path), timeout=1))
    folder.connection.write_text(json.dumps({"ip": str(victim / "k")}))
    end_leftovers(folder)
    assert victim.is_dir()


def test_a_connection_file_that_leads_to_another_jobs_folder_has_that_left_alone(tmp_path: Path) -> None:
    folder, victim = JobFolder(tmp_path / "job"), private_folder(tmp_path / "another")
    folder.path.mkdir()
    folder.write_spec(JobSpec(run=RunId("n1.1"), folder=str(folder.path), timeout=1))
    folder.connection.write_text(json.dumps({"ip": str(victim / "k")}))
    end_leftovers(folder)
    assert victim.is_dir()
    shutil.rmtree(victim)
