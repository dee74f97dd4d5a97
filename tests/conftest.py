"""For all tests: a law is about what holds, not about how fast this machine is today; and jobs of tests share a machine
of their own, large enough for all of them."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

pytest_plugins = ["tests.ray_cluster", "tests.chat.tiny_process"]


@pytest.fixture(scope="session", autouse=True)
def _machine_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TREX_SLOTS", str(tmp_path_factory.mktemp("slots") / "slots"))
        patch.setenv("TREX_CORES", "64")
        yield
