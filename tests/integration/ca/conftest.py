"""What tests of mds-ca share."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from ca_host import two_hosts  # noqa: E402


@pytest.fixture(name="hosts")
def two_of_them(tmp_path):
    with two_hosts(tmp_path) as hosts:
        yield hosts
