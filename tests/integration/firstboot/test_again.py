"""A server that is set up is given other answers (F-10), and the log of what was done (F-14)."""

import json
import re

import pytest
from setup_machine import HASH, needs_root

pytestmark = needs_root
PRIMARY = (f"[Server]\nRole=primary\nTimeServers=ntp1.acme.example\n[Deployment]\nName=acme-msp\n"
           f"[Administrator]\nName=anna\nPasswordHash={HASH}\n[Access]\nGuiClients=10.1.0.0/24\n")
SECRET = "orange-boat-77"


@pytest.fixture(name="primary")
def fixture_primary(machine):
    machine.boot()
    done = machine.setup("--answers", machine.file("answers", PRIMARY))
    assert done.returncode == 0, done.stderr
    return machine


def kept(machine):
    return json.loads((machine.state / "setup.json").read_text())


def changed(text):
    return PRIMARY.replace("ntp1.acme", "ntp2.acme").replace("10.1.0.0/24", "any") + text


def test_F_10_other_answers_are_shown_with_what_can_change(primary):
    before = primary.snapshot()
    other = primary.file("other", changed("").replace("acme-msp", "other").replace("Role=primary", "Role=secondary")
                         + f"[Trust]\nActivationKeyFile={primary.file('key', SECRET)}\n")
    done = primary.setup("--answers", other)
    assert done.returncode == 2 and "Already set up as Primary. These answers differ:" in done.stdout, done
    for key, line, mark in (("Server.Role", "primary -> secondary", "stays: mds-setup --change-role, until it has joined"),
                            ("Server.TimeServers", "ntp1.acme.example -> ntp2.acme.example", "can be changed")):
        assert re.search(rf"{key} +{line}\n +{mark}", done.stdout), done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "Nothing was changed." in done.stderr and primary.snapshot() == before
    # What stays is no small print of --yes.
    done = primary.setup("--answers", other, "--yes")
    assert done.returncode == 2 and primary.snapshot() == before


def test_F_10_what_can_change_is_changed_when_somebody_agrees(primary):
    calls = len(primary.calls())
    other = primary.file("other", changed(""))
    done = primary.setup("--answers", other)
    assert done.returncode == 2 and "--yes, or on a terminal" in done.stderr and len(primary.calls()) == calls
    screen = primary.screen("--answers", other)
    screen.wait_text("Change that? [y/N] ")
    screen.type("n\n")
    assert screen.end() == 2 and len(primary.calls()) == calls
    screen = primary.screen("--answers", other)
    screen.wait_text("Change that? [y/N] ")
    screen.type("y\n")
    assert screen.end() == 0, screen.shown()
    assert "Access.GuiClients is any now" in screen.shown()
    setups = [call[1] for call in primary.calls() if call[0] == "setup"]
    assert len(setups) == 2 and setups[1]["gui-clients"] == "any" and setups[1]["change"] is True
    assert "password-hash" not in setups[1]
    drop_in = primary.root / "etc/systemd/timesyncd.conf.d/50-openmds.conf"
    assert "NTP=ntp2.acme.example\n" in drop_in.read_text() and drop_in.stat().st_mode & 0o777 == 0o644
    assert (kept(primary)["gui_clients"], kept(primary)["time_servers"]) == ("any", "ntp2.acme.example")
    again = primary.setup("--answers", other)
    assert again.returncode == 0 and again.stdout == "Already set up as Primary, no change\n"


def test_F_10_on_a_terminal_what_can_change_may_be_changed_alone(primary):
    screen = primary.screen("--answers", primary.file("other", changed("").replace("acme-msp", "other")))
    screen.wait_text("Change what can be changed, and nothing else? [y/N] ")
    screen.type("y\n")
    assert screen.end() == 0, screen.shown()
    assert kept(primary)["deployment"] == "acme-msp" and kept(primary)["gui_clients"] == "any"


def test_time_servers_without_a_service_are_said_and_setup_goes_on(machine):
    (machine.root / "lib/systemd/systemd-timesyncd").unlink()
    machine.boot()
    done = machine.setup("--answers", machine.file("answers", PRIMARY))
    assert done.returncode == 0 and "apt install systemd-timesyncd" in " ".join(done.stdout.split()), done
    assert "Ready in" in done.stdout and not (machine.root / "etc/systemd").exists()
    # Again, it says so again, and nobody is asked.
    done = machine.setup()
    assert done.returncode == 0 and "apt install systemd-timesyncd" in " ".join(done.stdout.split()), done
    # Where chrony keeps the time it is told, by what was answered then.
    (machine.root / "usr/sbin").mkdir(parents=True)
    (machine.root / "usr/sbin/chronyd").touch()
    done = machine.setup()
    assert done.returncode == 0 and "Server.TimeServers is ntp1.acme.example now" in done.stdout, done
    assert (machine.root / "etc/chrony/sources.d/openmds.sources").read_text().splitlines()[1:] == [
        "server ntp1.acme.example iburst"]
    done = machine.setup()
    assert done.returncode == 0 and done.stdout == "Already set up as Primary, no change\n", done
    done = machine.setup("--set", "time-servers=ntp2.acme.example 10.1.0.2", "--yes")
    assert done.returncode == 0, done.stderr
    assert (machine.root / "etc/chrony/sources.d/openmds.sources").read_text().splitlines()[1:] == [
        "server ntp2.acme.example iburst", "server 10.1.0.2 iburst"]


def test_F_14_the_log_has_the_answers_without_secrets_for_root_alone(machine):
    machine.boot(broken="mds-core.service")
    key = machine.file("key", SECRET + "\n")
    answers = machine.file("answers", f"[Server]\nRole=secondary\n[Trust]\nActivationKeyFile={key}\n")
    assert machine.setup("--answers", answers).returncode == 1
    machine.boot()
    assert machine.setup("--answers", answers).returncode == 0
    log = machine.state / "setup.log"
    assert log.stat().st_mode & 0o777 == 0o600 and log.stat().st_uid == 0
    text = log.read_text()
    for wanted in (r"setting up \S+ as Secondary Multi-Domain Server", rf"Server.Role = Secondary Multi-Domain Server  \({answers} line 2\)",
                   r"activation_key = \*\*\*  \(", r"failed: mds-core.service did not start",
                   r"done: System database and Global Domain, 3100 ms", r"ready after \d+ ms"):
        assert re.search(wanted, text), (wanted, text)
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+ ", line) for line in text.splitlines())
    assert SECRET not in text
    before = log.read_bytes()
    assert machine.setup("--answers", answers).returncode == 0
    assert log.read_bytes() == before, "where nothing is done nothing is written"


@pytest.mark.parametrize("program", ["ntpd", "openntpd"])
def test_a_host_whose_time_ntpd_keeps_is_not_told_to_install_another(machine, program):
    (machine.root / "lib/systemd/systemd-timesyncd").unlink()
    (machine.root / "usr/sbin").mkdir(parents=True)
    (machine.root / "usr/sbin" / program).touch()
    machine.boot()
    done = machine.setup("--answers", machine.file("answers", PRIMARY))
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0 and "set them in its own configuration" in said and "apt install" not in said, said
