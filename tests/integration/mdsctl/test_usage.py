"""Wrong usage, exit codes, and Ctrl+C."""
import json
import os
import pathlib
import pty
import re
import shlex
import signal
import subprocess
import time

import pytest
from fake_core import HOSTILE, task
from private_bus import wait_until

# Name of the bus error, exit code (mdsctl(1)).
ENDS = {"no_permissions": 4, "object_not_found": 5, "object_locked": 6, "not_unique": 6, "unreachable": 7,
        "timed_out": 7, "initializing": 7, "not_set_up": 8, "unconfirmed": 9, "ha_invalid": 1}


@pytest.mark.parametrize("typed, meant", [
    ("domian list", "mdsctl domain list"), ("domain lst", "mdsctl domain list"), ("dom list", "mdsctl domain list"),
    ("domain list --problms", "mdsctl domain list --problems"), ("stauts", "mdsctl status"),
    ("-o jsn domain list", "mdsctl -o json domain list"), ("--colour never status", "mdsctl --color never status"),
    ("completion fihs", "mdsctl completion fish"), ("ha set-actve London tokyo", "mdsctl ha set-active London tokyo"),
    ("domain create X --onn=london", "mdsctl domain create X --on=london")])
def test_C7_unknown_words_suggest_the_nearest(control, typed, meant):
    done = control.run(*typed.split())
    assert done.returncode == 2 and done.stdout == ""
    assert "did you mean" in done.stderr and done.stderr.splitlines()[-1] == "Next:  " + meant, done.stderr


@pytest.mark.parametrize("typed", ["", "domain show", "nonsense", "domain list extra", "--timeout soon status", "audit of",
                                   "-o xml status", "ha set-active", "--color blue status", "task", "domain --on",
                                   "domain create X", "licence attach A B gold", "domain show --"])
def test_C7_wrong_usage_is_2(control, typed):
    if typed == "task":
        control.says("show-tasks", {"code": "generic_err_invalid_parameter", "message": "no"}, 400)
    done = control.run(*typed.split())
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("Error: "), done
    told = control.run("--json", *typed.split())
    assert told.returncode == 2 and set(json.loads(told.stderr)) == {"code", "message", "hint", "rf"}


def test_C7_what_is_suggested_can_be_pasted(control):
    for name in HOSTILE:
        done = control.run("domain", "shw", name)
        assert done.returncode == 2
        if name.isprintable():
            words = shlex.split(done.stderr.splitlines()[-1].removeprefix("Next:"))
            assert words == ["mdsctl", "domain", "show", name]
        refused = control.run("domain", "delete", name)
        assert refused.returncode == 9
        if name.isprintable():
            words = shlex.split(refused.stderr.splitlines()[-1].removeprefix("Next:"))
            assert words == ["mdsctl", "domain", "delete", name, "--yes", "--reason", "TEXT"]


def test_C_T8_help_of_a_noun_fits_a_screen_and_its_examples_are_real(control):
    nouns = {verb.split()[0] for verb in control.run("__complete", "verbs").stdout.splitlines() if " " in verb}
    assert len(nouns) >= 10
    for noun in nouns:
        shown = control.run(noun, "--help").stdout.rstrip().splitlines()
        assert len(shown) <= 24, (noun, len(shown))
        examples = shown[shown.index("Examples:") + 1:]
        assert len(examples) == 3, noun
        for line in examples:
            words = shlex.split(line)
            assert words[:2] == ["mdsctl", noun]
            (control.folder / "anna.csr").write_text("")
            done = control.run(*words[1:], cwd=control.folder)
            assert done.returncode != 2 or "is not a directory" in done.stderr, (line, done.stderr)


@pytest.mark.parametrize("name", sorted(ENDS))
def test_exit_codes_of_what_the_core_says(control, name):
    control.data["error"] = name
    control.save()
    for verb in ("status", "domain list", "task list", "ha status London"):
        done = control.run(*verb.split())
        assert done.returncode == ENDS[name] and done.stderr.startswith("Error: "), (verb, done)
    assert json.loads(control.run("status", "--json").stderr)["message"].endswith("ordered by the test")


def test_exit_codes_without_a_core_and_without_a_bus(control):
    assert control.run("status", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}).returncode == 7
    control.core.terminate()
    control.core.wait()
    done = control.run("status")
    assert done.returncode == 7 and "Next:  systemctl status mds-core.service" in done.stderr
    # These need nobody.
    for verb in ("version", "completion bash", "--version", "domain --help"):
        assert control.run(*verb.split()).returncode == 0


def test_exit_9_when_a_loss_is_not_confirmed(control):
    control.says("show-mds", {"name": "tokyo-mds-01"})
    control.says("domain-ha-action", {"target": "x", "mds-name": "y", "costs": True, "warnings": ["all is lost"]})
    control.says("reset-trust", {"server": "london-mds-01"})
    control.says("revoke-trust", {"name": "tokyo-mds-01", "certificates": 2, "active-domains": []})
    control.says("revoke-certificate", {"serial-number": "5c5c5c5c", "name": "x", "effect": "it ends"})
    for verb in ("domain delete London", "server delete tokyo-mds-01", "ha force-active London tokyo-mds-01",
                 "ha sync London --to tokyo-mds-01", "ha set-active London tokyo-mds-01", "trust reset",
                 "trust revoke tokyo-mds-01", "ca revoke 5c5c5c5c", "administrator revoke anna", "administrator totp anna --off", "administrator totp anna --new"):
        done = control.run(*verb.split())
        assert done.returncode == 9 and "--yes" in done.stderr.splitlines()[-1], (verb, done)


@pytest.mark.parametrize("verb", ["domain delete London", "server delete tokyo-mds-01", "promote",
                                  "ha force-active London tokyo-mds-01", "ha sync London --to tokyo-mds-01",
                                  "ca revoke 5c5c5c5c", "trust revoke tokyo-mds-01"])
def test_W_10_what_loses_data_needs_a_reason_when_nobody_is_asked(control, verb):
    control.says("show-mds", {"name": "tokyo-mds-01"})
    control.says("domain-ha-action", {"target": "x", "mds-name": "y", "costs": True, "warnings": ["all is lost"]})
    control.says("promote-mds", {"lost": "london-mds-01", "checks": []})
    control.says("revoke-trust", {"name": "tokyo-mds-01", "certificates": 2, "active-domains": []})
    control.says("revoke-certificate", {"serial-number": "5c5c5c5c", "name": "x", "effect": "it ends"})
    done = control.run(*verb.split(), "-y")
    assert done.returncode == 2 and "--reason TEXT" in done.stderr.splitlines()[-1], done
    assert all(body.get("plan") or command.startswith("show-") for _, command, body in control.ran()), control.ran()
    control.run(*verb.split(), "-y", "--reason", "it burns", "--no-wait")
    assert [body["reason"] for _, command, body in control.ran() if not body.get("plan") and
            not command.startswith("show-")] == ["it burns"], control.ran()


def test_exit_10_when_some_of_several_failed(control):
    control.says("domain-ha-action", {"code": "err_ha_invalid_operation", "message": "not now"}, 400)
    done = control.run("--yes", "ha", "set-active", "--all", "--on", "tokyo-mds-01")
    assert done.returncode == 10 and done.stdout.count("not now") == 3


def followed(control, words, terminal):
    """mdsctl that follows a task which does not end."""
    control.says("add-domain", {"tasks": [{"task-id": "9f2c"}]})
    control.says("show-task", {"tasks": [task()]})
    errors = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen([str(control.mdsctl), *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=errors[1], env=control.env)
    os.close(errors[1])
    return process, errors[0]


@pytest.mark.parametrize("terminal", [False, True])
def test_C_T9_interrupt_leaves_the_task_running(control, terminal):
    for words in (["domain", "create", "X", "--on", "london-mds-01"], ["task", "watch", "9f2c"]):
        process, errors = followed(control, words, terminal)
        begun = len(control.ran())
        wait_until(lambda n=begun: len(control.ran()) > n + 2, 10, "it follows")
        process.send_signal(signal.SIGINT)
        assert process.wait(2) == 130
        said = b""
        try:
            while data := os.read(errors, 4096):
                said += data
        except OSError:
            pass
        os.close(errors)
        assert b"mdsctl task watch 9f2c" in said
    assert not [command for _, command, _ in control.ran() if "cancel" in command or "stop" in command]


def catches(process, number):
    """Whether the process has a handler for a signal by now."""
    caught = re.search(r"^SigCgt:\s*(\w+)$", pathlib.Path(f"/proc/{process.pid}/status").read_text(), re.M).group(1)
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_C_T9_interrupt_at_any_moment(control):
    caught = 0
    for wait in range(12):
        process, errors = followed(control, ["domain", "create", "X", "--on", "london-mds-01"], False)
        time.sleep(0.02 + 0.01 * wait)
        # How far it is by then is the machine's matter: before it has begun it ends as any program does.
        begun = catches(process, signal.SIGINT)
        caught += begun
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130 if begun else process.wait(10) in (130, -signal.SIGINT), wait
        os.close(errors)
    assert caught, "it was never interrupted at work"


def test_C_T9_interrupt_while_nobody_answers(control):
    control.core.send_signal(signal.SIGSTOP)
    process, errors = followed(control, ["task", "watch", "9f2c"], False)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(2) == 130
    os.close(errors)
    control.core.send_signal(signal.SIGCONT)


def test_before_the_setup_every_verb_says_what_to_do(control):
    """A core that is not there is no fault of a server that was never set up."""
    control.core.terminate()
    control.core.wait()
    assert control.run("status").returncode == 7
    (control.folder / "state/setup.json").unlink()
    for words in ("status", "domain list", "ha status London", "server list", "doctor"):
        done = control.run(*words.split())
        assert done.returncode == 8 and done.stderr == "Error: this server is not set up\nNext:  mds-setup\n", done
