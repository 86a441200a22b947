"""mds-ca on a private bus, and mds-crl on loopback that serves what it has signed."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from ca_host import Host  # noqa: E402
from crl_lists import Door, ProgramClock  # noqa: E402
from private_bus import PrivateBus  # noqa: E402


@pytest.fixture(name="authority")
def fixture_authority(tmp_path):
    """mds-ca of the deployment acme, whose lists two servers serve; its clock can be moved."""
    with PrivateBus("primary") as bus:
        clock = ProgramClock(tmp_path)
        host = Host(bus, tmp_path / "ca", clock.env)
        host.clock = clock
        host.ca.SetListServers(["http://10.0.0.1:18264", "http://[fd00::1]:18264"])
        host.ca.Initialize("acme")
        yield host


@pytest.fixture(name="door")
def fixture_door(tmp_path, authority):
    """mds-crl with the lists of the authority; its clock can be moved."""
    (tmp_path / "door").mkdir()
    clock = ProgramClock(tmp_path / "door")
    door = Door(authority.bus, tmp_path / "lists", clock.env)
    door.clock = clock
    door.keep(authority.lists()[1])
    return door
