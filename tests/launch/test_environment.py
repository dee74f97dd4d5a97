"""A job sees what it needs of our environment, and no secret."""

from __future__ import annotations

import pytest

from trex_nb.core.job import JOB_VARIABLE
from trex_nb.launch.environment import clean, kernel_environment

SECRETS = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "WANDB_API_KEY", "DATABASE_URL", "SSH_AUTH_SOCK", "HTTPS_PROXY",
    "TREX_API_KEY", "PYTHON_KEYRING_PASSWORD", "PYTHONSTARTUP",
    "PYTHONINSPECT", "PYTHONBREAKPOINT", "PYTHON_GITHUB_PAT", "LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "GIT_ASKPASS",
    "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "KUBECONFIG", "DOCKER_HOST", "NETRC",
    "TREX_AUTH", "https_proxy", "ALL_PROXY", "JPY_PARENT_PID", "JUPYTER_TOKEN",
)  # fmt: skip
NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "HF_HOME", "CUDA_VISIBLE_DEVICES", "TREX_HOME")


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_and_traces_of_the_notebook_stay_outside(name: str) -> None:
    assert clean({name: "x"}) == {}


def test_what_a_job_needs_gets_in() -> None:
    environ = dict.fromkeys(NEEDED, "/x")
    assert clean(environ) == environ


@pytest.mark.parametrize("name", ["PATH", "PYTHONPATH", "LD_LIBRARY_PATH"])
def test_nothing_is_searched_for_where_a_job_could_have_planted_it(name: str) -> None:
    assert clean({name: "/usr/lib::.:here:/opt"}) == {name: "/usr/lib:/opt"}


def test_cleaning_twice_changes_nothing() -> None:
    once = clean(dict.fromkeys(SECRETS + NEEDED, "/x"))
    assert clean(once) == once


def test_the_kernel_gets_its_share_of_cores_and_the_name_of_its_job() -> None:
    environment = kernel_environment({}, {}, threads=3, folder="/runs/n1.1")
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "3"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment[JOB_VARIABLE] == "/runs/n1.1"


def test_what_the_spec_asks_for_is_added_but_cannot_hide_the_job() -> None:
    extra = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2", JOB_VARIABLE: "elsewhere"}
    environment = kernel_environment({"HF_HUB_OFFLINE": "0"}, extra, threads=1, folder="/here")
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["OMP_NUM_THREADS"] == "2"
    assert environment[JOB_VARIABLE] == "/here"
