import pytest
from setup_machine import Machine


@pytest.fixture(name="machine")
def fixture_machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.close()
