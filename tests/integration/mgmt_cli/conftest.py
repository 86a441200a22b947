"""mgmt_cli as it was built, with a stand-in for the management API that notes what it is sent."""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from fake_api import Api  # noqa: E402
from private_bus import program  # noqa: E402


class Client:
    """A host from which mgmt_cli asks another one."""

    def __init__(self, folder):
        self.folder, self.api = folder, Api(folder)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        self.there = ["-m", "127.0.0.2", "--port", str(self.api.port), "--unsafe-auto-accept", "true"]
        self.who = ["-u", "anna", "-p", "secret"]

    def bare(self, *words, env=None, **more):
        """mgmt_cli with these words only."""
        return subprocess.run([str(program("mgmt_cli")), *words], env={**self.env, **(env or {})}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False, cwd=self.folder, **more)

    def run(self, *words, env=None):
        """The same, on the other host, as anna."""
        return self.bare(*words, *self.there, *self.who, env=env)


@pytest.fixture
def client(tmp_path):
    """A host with mgmt_cli, and the API on another one."""
    one = Client(tmp_path)
    yield one
    one.api.close()
