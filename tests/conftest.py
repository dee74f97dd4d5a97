"""For all tests: a law is about what holds, not about how fast this machine is today."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

pytest_plugins = ["tests.ray_cluster"]
