"""Real hosts for tests: see README.md beside this folder."""

from .rig import Rig  # noqa: F401
from .host import Host  # noqa: F401
from .shell import RigError, run, wait_until  # noqa: F401
