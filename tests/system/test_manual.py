"""The manual says what the server does: docs/commands.md, docs/commands.json, mgmt_cli help."""

import json
import os

import pytest

import manual


@pytest.fixture(scope="module", name="told")
def commands_of_the_server(ex1):
    sessions = [ex1.api("london"), ex1.api("london", "Global"), ex1.api("london", "London")]
    commands = manual.ask(sessions)
    for api in sessions:
        api.call("logout")
        api.close()
    if os.environ.get("OPENMDS_WRITE_MANUAL"):
        manual.write(commands)
    return commands


def test_the_manual_has_every_command_parameter_and_error(told):
    with open(manual.JSON_FILE, encoding="utf-8") as file:
        assert json.load(file) == told, "write it again: ./dev manual"
    with open(manual.TEXT_FILE, encoding="utf-8") as file:
        assert file.read() == manual.markdown(told), "write it again: ./dev manual"
    assert all(entry["parameters"] is not None for entry in told.values())


def test_mgmt_cli_help_lists_and_explains(ex1, told):
    london = ex1["london"]
    text = london.out("mgmt_cli help")
    for name in ("add-host", "show-ha-state", "revert-to-revision", "add-domain", "login"):
        assert name in text
    assert len(text.splitlines()) > len(told)
    text = london.out("mgmt_cli help add host")
    assert "ip-address" in text and "required" in text and "nat-settings.auto-rule" in text
    assert all(len(line) <= 80 for line in text.splitlines()), text
    done = london.sh("mgmt_cli help add hots", check=False)
    assert done.returncode == 2 and "add-host" in done.stderr
