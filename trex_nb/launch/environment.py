"""The environment a job's processes get: an allow-list, so that no API key or token reaches code an LLM wrote.

Pure. What lies in files is held back by the walls (`walls`), not here. No proxy is passed on: its address often has a
password in it, so a job fetches from the network directly or not at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from trex_nb.core.job import JOB_VARIABLE

_NAMES = frozenset(
    "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR VIRTUAL_ENV CONDA_PREFIX HF_HOME HF_HUB_OFFLINE HF_HUB_CACHE"
    " CUDA_VISIBLE_DEVICES CUDA_HOME LD_LIBRARY_PATH SSL_CERT_FILE SSL_CERT_DIR"
    " PYTHONPATH PYTHONHOME PYTHONUSERBASE PYTHONNOUSERSITE PYTHONSAFEPATH PYTHONUTF8 PYTHONIOENCODING PYTHONHASHSEED"
    " PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED PYTHONWARNINGS PYTHONFAULTHANDLER PYTHONDEVMODE".split()
)
_PREFIXES = ("LC_", "TREX_")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE")
_SEARCHED = frozenset({"PATH", "PYTHONPATH", "LD_LIBRARY_PATH"})
"""Lists of folders, of which only absolute ones are passed on: another would mean a job's own folder, where it could
plant what its runner then takes for a program or a module."""


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `environ` a job may see. Applying it twice changes nothing."""
    allowed = {name: value for name, value in environ.items() if _allowed(name)}
    return allowed | {name: _absolute(allowed[name]) for name in _SEARCHED & allowed.keys()}


def with_package(environ: Mapping[str, str]) -> dict[str, str]:
    """The clean variables of `environ`, with which this very `trex_nb` is found even where it runs from a checkout."""
    environment = clean(environ)
    home = Path(__file__).parents[2]
    if home.name not in {"site-packages", "dist-packages"}:
        known = environment.get("PYTHONPATH", "").split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(home), *filter(None, known)]))
    return environment


def kernel_environment(
    environ: Mapping[str, str], extra: Mapping[str, str], threads: int, folder: str
) -> dict[str, str]:
    """The environment of a job's kernel: the clean one, the thread limits, then `extra`, which was asked for by name.

    Idle OpenMP threads sleep (`PASSIVE`) instead of spinning: jobs share the machine with the person.
    """
    limits = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return {**clean(environ), **limits, **extra, JOB_VARIABLE: folder}


def _allowed(name: str) -> bool:
    return name in _NAMES or (name.startswith(_PREFIXES) and not _SECRET.search(name))


def _absolute(folders: str) -> str:
    return os.pathsep.join(folder for folder in folders.split(os.pathsep) if Path(folder).is_absolute())
