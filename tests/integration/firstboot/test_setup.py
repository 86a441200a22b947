"""mds-setup as a program, on a private bus with a service manager and a core that only record."""

import json
import os
import pty
import re
import subprocess
import termios
import time

import pytest
from setup_machine import ADDRESS, HASH, SETUP, needs_root

PRIMARY = f"""[Server]
Role=primary
HostName=london-mds-01.acme.example
[Deployment]
Name=acme-msp
[Administrator]
Name=anna
PasswordHash={HASH}
"""


def secondary(machine, key="orange-boat-77"):
    path = machine.file("key", key + "\n")
    return f"[Server]\nRole=secondary\nHostName=tokyo.acme.example\n[Trust]\nActivationKeyFile={path}\n"


@needs_root
def test_PS_1_a_primary_is_set_up_from_a_file(machine):
    machine.boot()
    done = machine.setup("--answers", machine.file("answers", PRIMARY))
    assert done.returncode == 0, done.stderr
    calls = machine.calls()
    setup = [c for c in calls if c[0] == "setup"]
    assert len(setup) == 1
    request = setup[0][1]
    assert request.pop("interface")
    assert request.pop("address") in ADDRESS
    assert request == {"role": "primary", "host-name": "london-mds-01.acme.example",
                       "deployment": "acme-msp", "administrator": "anna", "password-hash": HASH,
                       "gui-clients": "any", "recovery-certificate": ""}
    order = [c for c in calls if c[0] != "setup"]
    assert ["enable", ["mds.target"]] in order and order[-1] == ["start", "mds.target"]
    assert ["start", "mds-core.service"] in order
    for text in ("Setting up london-mds-01.acme.example as Primary Multi-Domain Server",
                 "✓ System database and Global Domain", "3.1 s", "Ready in",
                 "Console      https://london-mds-01.acme.example/",
                 "Fingerprint  SHA-256  4F:9A:11:C0", "sign in as anna"):
        assert text in done.stdout, done.stdout
    assert HASH not in done.stdout + done.stderr
    assert HASH not in (machine.state / "setup.json").read_text()


@needs_root
def test_PS_3_a_secondary_waits_for_the_primary(machine):
    machine.boot()
    done = machine.setup("--answers", machine.file("answers", secondary(machine)))
    assert done.returncode == 0, done.stderr
    assert "Waiting for the Primary." in done.stdout
    assert "fingerprint starts with 4F:9A:11:C0." in done.stdout
    assert "orange-boat" not in done.stdout + done.stderr
    assert "orange-boat" not in (machine.state / "setup.json").read_text()


@needs_root
def test_F_T4_the_same_answers_again_change_nothing(machine):
    machine.boot()
    answers = machine.file("answers", secondary(machine))
    assert machine.setup("--answers", answers).returncode == 0
    before, calls = machine.snapshot(), machine.calls()
    again = machine.setup("--answers", answers)
    assert again.returncode == 0 and again.stdout == "Already set up as Secondary, no change\n"
    assert machine.setup().stdout == "Already set up as Secondary, no change\n"
    assert machine.snapshot() == before and machine.calls() == calls


@needs_root
def test_a_new_activation_key_while_waiting_is_set(machine):
    machine.boot()
    assert machine.setup("--answers", machine.file("a", secondary(machine))).returncode == 0
    second = machine.setup("--answers", machine.file("a", secondary(machine, "green-boat-88")))
    assert second.returncode == 0, second.stderr
    setups = [c[1] for c in machine.calls() if c[0] == "setup"]
    assert [s["activation-key"] for s in setups] == ["orange-boat-77", "green-boat-88"]


@needs_root
def test_problems_are_listed_at_once_and_nothing_is_called(machine):
    machine.boot()
    done = machine.setup("--answers", machine.file("bad", "[Server]\nRole=secondary\nHostNam=x\n"
                                                   "Address=203.0.113.250\n"))
    assert done.returncode == 2
    for text in ("3 problems:", "did you mean Server.HostName?", "RF-04",
                 "203.0.113.250 is not an address of this host", "Nothing was changed."):
        assert text in done.stderr, done.stderr
    assert machine.calls() == [] and machine.snapshot() == {}


@needs_root
def test_no_answers_and_no_terminal_lists_what_is_missing(machine):
    done = machine.setup()
    assert done.returncode == 2 and "RF-03" in done.stderr


@needs_root
def test_a_service_that_does_not_start_is_named_and_the_next_run_continues(machine):
    machine.boot(broken="mds-core.service")
    answers = machine.file("answers", PRIMARY)
    broken = machine.setup("--answers", answers)
    assert broken.returncode == 1
    assert "mds-core.service did not start" in broken.stderr
    assert "journalctl -u mds-core.service" in broken.stderr
    assert not (machine.state / "setup.json").exists()
    machine.boot()
    assert machine.setup("--answers", answers).returncode == 0


@needs_root
@pytest.mark.parametrize("moment", ["start mds-core.service", "setup", "enable", "reload", "start mds.target"])
def test_F_T5_killed_at_any_step_the_next_run_ends_as_one_run(machine, moment):
    answers = machine.file("answers", secondary(machine))
    machine.boot(hang=moment)
    process = subprocess.Popen([SETUP, "--answers", answers], stdout=subprocess.DEVNULL, env=machine.env)
    end = time.monotonic() + 20
    while not any(moment in (call[0], f"{call[0]} {call[-1]}") for call in machine.calls()):
        assert time.monotonic() < end and process.poll() is None, machine.calls()
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert {p.name for p in machine.snapshot()} <= {"setup.log"}, "nothing says that setup is done"
    machine.record.unlink()
    machine.boot()
    done = machine.setup("--answers", answers)
    assert done.returncode == 0, done.stderr
    assert machine.request()["activation-key"] == "orange-boat-77"
    assert machine.calls()[-1] == ["start", "mds.target"]
    state = json.loads((machine.state / "setup.json").read_text())
    assert state["role"] == "secondary" and [p.name for p in machine.state.iterdir()] == ["setup.json"]


@needs_root
def test_a_refusal_of_the_core_is_shown(machine):
    machine.boot(refuse="refuse")
    done = machine.setup("--answers", machine.file("answers", PRIMARY))
    assert done.returncode != 0 and "The disk is full" in done.stderr
    assert ["enable", ["mds.target"]] not in machine.calls()


def test_check_needs_no_root_and_no_bus(machine):
    good = machine.setup("--check", machine.file("good", PRIMARY))
    assert good.returncode == 0 and "complete, for a Primary" in good.stdout
    bad = machine.setup("--check", machine.file("bad", "[Server]\nRole=primary secondary\nX=1\n"))
    assert bad.returncode == 2
    assert re.search(r"RF-03 .*bad line 2: .*given: primary, secondary", bad.stderr)
    assert "bad line 3: unknown key Server.X" in bad.stderr


def test_dry_run_shows_sources_and_no_secret(machine):
    done = machine.setup("--dry-run", "--answers", machine.file("answers", PRIMARY),
                         "--set", "Deployment.Name=other")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Deployment.Name +other +\(--set\)", done.stdout)
    assert HASH not in done.stdout and "***" in done.stdout


def test_secrets_on_the_command_line_are_refused(machine):
    done = machine.setup("--dry-run", "--config-string",
                         "install_mds_secondary=true&ftw_sic_key=orange-boat-77")
    assert done.returncode == 2 and "ftw_sic_key is a secret" in done.stderr
    piped = machine.setup("--dry-run", "--config-string", "-",
                          stdin="install_mds_secondary=true&ftw_sic_key=orange-boat-77")
    assert piped.returncode == 0, piped.stderr


@needs_root
def test_firstboot_applies_setup_conf_without_a_question(machine):
    machine.boot()
    (machine.etc / "setup.conf").write_text(PRIMARY)
    (machine.etc / "setup.conf").chmod(0o600)
    done = machine.setup("--firstboot")
    assert done.returncode == 0, done.stderr
    assert [c[0] for c in machine.calls()].count("setup") == 1


def test_a_template_can_be_filled_in(machine):
    path = str(machine.folder / "template")
    assert machine.setup("--create-template", path).returncode == 0
    text = open(path, encoding="utf-8").read()
    text = text.replace("#Role=", "Role=primary").replace("#PasswordHash=", f"PasswordHash={HASH}")
    assert machine.setup("--check", machine.file("filled", text)).returncode == 0


@needs_root
def test_people_are_asked_on_a_terminal(machine):
    machine.boot()
    lead, follow = pty.openpty()
    process = subprocess.Popen([SETUP], stdin=follow, stdout=follow, stderr=follow, env=machine.env)
    os.close(follow)
    said = b""

    def expect(text):
        nonlocal said
        while text.encode() not in said:
            said += os.read(lead, 4096)

    for prompt, answer in (("host name.", "tokyo.acme.example"), ("reach", ""), ("Time zone of", ""),
                           ("Time servers, sep", ""), ("Number", "2"),
                           ("join string (", "orange-boat-77"), ("again:", "orange-boat-77"),
                           ("Address of the Primary", ""),
                           ("Type yes", "yes")):
        expect(prompt)
        if "join" in prompt or prompt == "again:":
            while _echo(lead):  # until the program has switched it off
                time.sleep(0.01)
        os.write(lead, answer.encode() + b"\n")
    try:
        while chunk := os.read(lead, 4096):
            said += chunk
    except OSError:
        pass
    assert process.wait(timeout=60) == 0, said.decode()
    text = said.decode().replace("\r\n", "\n")
    assert "orange-boat" not in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), repr(text)
    assert "Waiting for the Primary" in text


def _echo(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)
