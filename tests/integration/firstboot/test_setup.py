"""mds-setup as a program, on a private bus with a service manager and a core that only record."""

import base64
import ipaddress
import json
import os
import pty
import re
import socket
import struct
import subprocess
import termios
import time
import zlib

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
                 "API          https://london-mds-01.acme.example/web_api/",
                 "Fingerprint  SHA-256  4F:9A:11:C0", "log in as anna"):
        assert text in done.stdout, done.stdout
    assert HASH not in done.stdout + done.stderr
    assert HASH not in (machine.state / "setup.json").read_text()


@needs_root
def test_PS_3_a_secondary_waits_for_the_primary(machine):
    machine.boot()
    done = machine.setup("--answers", machine.file("answers", secondary(machine)))
    assert done.returncode == 0, done.stderr
    assert "Waiting for the Primary." in done.stdout
    assert "mdsctl server add tokyo --ip " in done.stdout, "a line to paste"
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
    assert state["role"] == "secondary" and {p.name for p in machine.state.iterdir()} == {"setup.json", "setup.log"}


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


@needs_root
def test_F_T5_a_setup_that_was_cut_off_can_be_taken_back(machine):
    """Its identity is stored and refuses other answers; setup.json is not there yet."""
    done = machine.setup("--reset", "--confirm", "somebody-else")
    assert done.returncode == 0 and done.stdout == "Not set up, no change\n", done
    machine.boot()
    (machine.state / "system").mkdir()
    (machine.state / "system" / "identity.json").write_text("{}")
    done = machine.setup("--reset", "--confirm", "somebody-else")
    assert done.returncode == 2 and f"Next: mds-setup --reset --confirm {socket.gethostname()}" in done.stderr, done


@needs_root
def test_Q_10_a_join_string_in_a_file_makes_no_primary(machine):
    machine.boot()
    key = machine.file("key", "mds1:AAAA\n")
    done = machine.setup("--answers", machine.file("answers", PRIMARY + f"[Trust]\nActivationKeyFile={key}\n"))
    assert done.returncode == 2 and "RF-01 " in done.stderr and "a join string is given" in done.stderr, done
    assert machine.calls() == []
    # An activation key there is only not used.
    key = machine.file("key", "orange-boat-77\n")
    done = machine.setup("--answers", machine.file("answers", PRIMARY + f"[Trust]\nActivationKeyFile={key}\n"))
    assert done.returncode == 0 and "is not used by a Primary" in " ".join(done.stderr.split()), done


@needs_root
def test_an_activation_key_that_mds_sic_refuses_is_refused_before_anything(machine):
    machine.boot()
    for key in ("qwerty12", "dragon12", "abcabcabcabc", "schlüssel-77"):
        file = machine.file("key", key + "\n")
        done = machine.setup("--answers", machine.file("answers", f"[Server]\nRole=secondary\n[Trust]\nActivationKeyFile={file}\n"))
        assert done.returncode == 2 and "RF-32" in done.stderr, (key, done)
    assert machine.calls() == []


@needs_root
def test_F_2_an_abandoned_console_can_be_stopped(machine):
    (machine.root / "sys/class/tty/console").mkdir(parents=True)
    (machine.root / "sys/class/tty/console/active").write_text("ttyS0\n")
    machine.boot()
    screen = machine.screen("--console", "ttyS0")
    screen.wait_text("Full host name")
    screen.type("\n")
    screen.wait_text("other servers reach")
    done = machine.setup("--answers", machine.file("answers", PRIMARY))
    assert done.returncode == 1 and "being answered on ttyS0" in done.stderr, done
    assert "systemctl stop mds-firstboot-console@ttyS0" in done.stderr, done
    screen.close()
    assert machine.setup("--answers", machine.file("answers", PRIMARY)).returncode == 0


@needs_root
@pytest.mark.parametrize("left, seconds", [(7300, 7300), (60, 60), (864000, 864000)])
def test_K_3_a_key_of_a_join_string_is_valid_no_longer_than_that(machine, left, seconds):
    """mds-core keeps it between an hour and a day."""
    name, address = socket.gethostname().split(".")[0].encode(), ipaddress.ip_address(ADDRESS[0]).packed
    content = (struct.pack("!IH", int(time.time()) + left, 18211) + bytes(range(16)) + bytes([len(address)]) + address
               + bytes([len(name)]) + name)
    text = "mds1:" + base64.b64encode(content + struct.pack("!I", zlib.crc32(content))).decode()
    key = machine.file("key", text + "\n")
    machine.boot()
    done = machine.setup("--answers", machine.file("answers", f"[Server]\nRole=secondary\nAddress={ADDRESS[0]}\n"
                                                              f"[Trust]\nActivationKeyFile={key}\n"))
    assert done.returncode == 0, done
    request = machine.request()
    assert request["activation-key"] == bytes(range(16)).hex()
    assert seconds - 30 <= request["activation-key-seconds"] <= seconds, request
