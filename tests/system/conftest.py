"""Booted hosts, shared by the tests of a module; a module that breaks them has its own."""

import os
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [f"{ROOT}/tests/support", f"{ROOT}/tests"]

from deployment import Deployment  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "other_suite: needs the package of another Debian, and runs when that is built")


@pytest.fixture(scope="session")
def ex1():
    """The reference deployment, whole at the beginning and end of every test that uses it."""
    # Each of several processes that share the modules (pytest-xdist) has hosts of its own.
    deployment = Deployment(os.environ.get("OPENMDS_RIG", "sys") + os.environ.get("PYTEST_XDIST_WORKER", ""))
    deployment.build()
    yield deployment
    if not os.environ.get("OPENMDS_KEEP_HOSTS"):
        deployment.down()


@pytest.fixture(name="london")
def london_session(ex1):
    """A read-write session in Domain London on its Active server; discarded at the end."""
    api = ex1.api("london", "London")
    yield api
    api.raw("discard")
    api.close()
