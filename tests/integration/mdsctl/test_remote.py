"""mdsctl -H: the same verbs on another server, over its management API."""
import json
import os
import pty
import re
import signal
import subprocess
import termios

import pytest
from fake_api import Api
from fake_core import grid, task
from private_bus import program, wait_until


class There:
    """Another host with an API, and mdsctl here with it."""

    def __init__(self, control):
        self.control, self.api = control, Api(control.folder)
        self.api.replies["show-deployment"] = (200, grid())
        self.env = {"MGMT_CLI_USER": "anna", "MGMT_CLI_PASSWORD": "secret"}
        # Nobody is asked here.
        control.data["error"] = "unreachable"
        control.save()

    def run(self, *words, env=None):
        """mdsctl of the other host."""
        host = f"127.0.0.2:{self.api.port}"
        return self.control.run("-H", host, "--fingerprint", self.api.fingerprint, *words,
                                env={**self.env, **(env or {})} if env is not None else self.env)


@pytest.fixture
def there(control):
    """A host here without a core, and another one."""
    one = There(control)
    yield one
    one.api.close()


def test_C_H_lists_and_status_come_from_the_other_server(there):
    done = there.run("domain", "list", "-o", "name")
    assert (done.returncode, done.stdout) == (0, "Global\nLondon\nTokyo\n"), done
    assert there.api.commands() == ["login", "show-deployment", "logout"]
    assert there.api.body("login") == {"session-name": "mdsctl", "user": "anna", "password": "secret"}
    assert there.api.requests[0][1]["User-Agent"] == "mdsctl"
    for verb in ("status", "server list", "ds list", "trust status"):
        assert there.run(*verb.split()).returncode == 0, verb
    there.api.replies["show-ha-status"] = (200, {"name": "London", "server": "London-1", "state": "normal", "role": "active",
                                                 "revision": 7, "successfully-synced": True, "servers": []})
    there.api.requests.clear()
    assert there.run("ha", "status", "London").returncode == 0
    assert there.api.commands() == ["login", "login-to-domain", "show-ha-status", "logout", "logout"]
    assert there.api.requests[2][1]["X-chkp-sid"] == "sid-London"


def test_C_H_a_change_is_published_and_its_reason_names_the_session(there):
    there.api.replies["show-session"] = (200, {"changes": 2})
    there.api.replies["publish"] = (200, {"task-id": "t"})
    done = there.run("domain", "edit", "London", "--comments", "new", "--reason", "moved in")
    assert done.returncode == 0, done
    assert there.api.commands() == ["login", "set-domain", "show-session", "publish", "show-task", "logout"]
    assert there.api.body("login")["session-name"] == "moved in"
    assert there.api.body("set-domain") == {"name": "London", "comments": "new"}


def test_C_H_what_cannot_be_published_is_discarded(there):
    there.api.replies["show-session"] = (200, {"changes": 1})
    there.api.replies["publish"] = (400, {"code": "err_validation_failed", "message": "no",
                                          "refusal": {"id": "RF-37", "next": "mdsctl domain list"}})
    done = there.run("domain", "edit", "London", "--comments", "new")
    assert done.returncode == 6 and "[RF-37]" in done.stderr and "Next:  mdsctl domain list" in done.stderr
    assert there.api.commands()[-2:] == ["discard", "logout"]


def test_C_H_tasks_are_followed_there(there):
    there.api.replies["domain-ha-action"] = (200, {"target": "London-2", "mds-name": "tokyo-mds-01", "costs": False,
                                                   "warnings": [], "task-id": "9f2c"})
    there.api.replies["show-task"] = [(200, {"tasks": [task()]}), (200, {"tasks": [task(status="succeeded")]})]
    done = there.run("ha", "set-active", "London", "tokyo-mds-01")
    assert done.returncode == 0, done
    assert there.api.commands().count("show-task") == 2


@pytest.mark.parametrize("verb", ["backup list", "backup create", "backup verify x", "trust set-key", "trust state",
                                  "trust reset", "env London", "setup"])
def test_C_H_what_only_the_server_itself_can_do_says_so(there, verb):
    done = there.run(*verb.split())
    assert done.returncode == 2 and done.stdout == "", done
    assert done.stderr.splitlines()[-1].startswith("Next:  on 127.0.0.2: mdsctl " + verb.split()[0]), done.stderr
    assert there.api.requests == [], "nothing was asked"


def test_C_H_a_command_that_the_api_does_not_know_is_one_of_the_server_itself(there):
    there.api.replies["verify-audit"] = (404, {"code": "generic_err_command_not_found", "message": "Unknown command"})
    done = there.run("audit", "verify")
    assert done.returncode == 2 and "on the server itself" in done.stderr and "Next:" in done.stderr


def test_C_H_api_key_from_a_file_or_the_environment(there):
    (there.control.folder / "api-key").write_text("KEY\n")
    for words, env in ((["--api-key-file", str(there.control.folder / "api-key")], {"MGMT_CLI_USER": "", "MGMT_CLI_PASSWORD": ""}),
                       ([], {"MGMT_CLI_API_KEY": "KEY"})):
        assert there.run(*words, "status", env=env).returncode == 0
        assert there.api.body("login") == {"session-name": "mdsctl", "api-key": "KEY"}


def test_C_H_who_logs_in_must_be_known_and_nothing_waits(there):
    nobody = {"MGMT_CLI_USER": "", "MGMT_CLI_PASSWORD": ""}
    done = there.run("status", env=nobody)
    assert done.returncode == 2 and "--user NAME" in done.stderr.splitlines()[-1]
    done = there.run("--user", "anna", "status", env=nobody)
    assert done.returncode == 2 and "MGMT_CLI_PASSWORD" in done.stderr
    there.api.replies["login"] = (400, {"code": "err_login_failed", "message": "Authentication to server failed."})
    assert there.run("status").returncode == 4


def test_C_H_the_server_is_known_by_its_fingerprint(there):
    host = f"127.0.0.2:{there.api.port}"
    done = there.control.run("-H", host, "status", env=there.env)
    assert done.returncode == 7 and there.api.fingerprint in done.stderr and not there.api.requests
    done = there.control.run("-H", host, "--fingerprint", "00" * 20, "status", env=there.env)
    assert done.returncode == 7 and not there.api.requests
    colons = ":".join(there.api.fingerprint[i:i + 2] for i in range(0, 40, 2)).lower()
    assert there.control.run("-H", host, "--fingerprint", colons, "status", env=there.env).returncode == 0
    assert there.control.run("-H", host, "status", env=there.env).returncode == 0, "it is known now"


def test_C_H_who_answers_when_the_connection_was_closed_must_show_the_same_certificate(there):
    # The server ends what is idle; somebody else has its address by then, and must get neither session nor order.
    def taken():
        there.api.show_certificate("other")
        return 200, {"target": "London-2", "mds-name": "tokyo-mds-01", "costs": False, "warnings": []}
    there.api.replies["domain-ha-action"] = taken
    there.api.closes.add("domain-ha-action")
    done = there.run("ha", "set-active", "London", "tokyo-mds-01")
    assert done.returncode == 7 and "another one than at the beginning" in done.stderr, done
    assert there.api.commands() == ["login", "domain-ha-action"], "the plan only"


def test_C_H_a_connection_that_was_closed_is_made_again(there):
    there.api.closes |= {"login", "show-deployment"}
    assert there.run("status").returncode == 0
    assert there.api.commands() == ["login", "show-deployment", "logout"]


def test_C_H_an_order_whose_answer_breaks_off_is_not_sent_twice(there):
    there.api.cuts.add("set-domain")
    done = there.run("domain", "edit", "London", "--comments", "new")
    assert done.returncode == 7 and "no answer from 127.0.0.2" in done.stderr, done
    assert there.api.commands() == ["login", "set-domain"], "and nobody waits for a logout"


def test_C_H_no_answer_is_7(there):
    there.api.close()
    done = there.run("status")
    assert done.returncode == 7 and "127.0.0.2" in done.stderr


def test_C_H_json_errors_and_hostile_replies(there):
    there.api.replies["show-deployment"] = (200, b"<html>no</html>")
    done = there.run("--json", "status")
    assert done.returncode == 7 and json.loads(done.stderr)["code"]


EVIL = "evil\x1b]0;x\x07\x1b[2J\x9b31m\u202e"
WHEN = {"posix": 1764500000000, "iso-8601": "\x1b[2J2025-11-30T10:53+0000"}
# What another server says for a verb that prints it to people.
HOSTILE_REPLIES = {
    "domain show London": {"show-domain": {"name": EVIL, "uid": "u", "domain-type": EVIL, "servers": []}},
    "server add tokyo-mds-01 --key-file key": {"add-mds": {"name": "x", "sic-state": EVIL}},
    "domain create X --on london-mds-01 --no-wait": {"add-domain": {"tasks": [{"task-id": EVIL}]}},
    "domain assign-global --all --no-wait": {"assign-global-assignment": {"tasks": [{"task-id": EVIL}]}},
    "session take-over 7c1 --to bert -y": {"show-sessions": {"objects": [{"uid": "7c1" + EVIL, "user-name": EVIL}]}},
    "ha status London": {"show-ha-status": {"name": "London", "server": "x", "state": EVIL, "role": EVIL, "servers": [],
                                            "recovered-count": 1, "recovered-sessions": [{"name": "n", "uid": EVIL}]}},
    "administrator certificate anna": {"show-administrator-certificate": {
        "certificate": f"-----BEGIN\n{EVIL}\n", "serial-number": EVIL, "subject": EVIL, "status": EVIL, "valid-from": WHEN,
        "valid-to": WHEN}},
    "administrator certificate anna --csr key": {"add-administrator-certificate": {"certificate": f"-----\n{EVIL}\n",
                                                                                   "valid-to": WHEN}},
    "administrator totp anna": {"show-administrator-totp": {"enabled": True}},
    "administrator totp anna --new -y": {"add-administrator-totp": {"secret": EVIL, "uri": EVIL, "recovery-codes": [EVIL]}},
    "watch --timeout 1s": {"show-deployment": {**grid(), "problems": [{"what": EVIL}]}},
    "status": {"show-deployment": {**grid([EVIL]), "problems": [{"what": EVIL, "why": EVIL, "since": 0, "next": [EVIL]}]}},
}


@pytest.mark.parametrize("words", HOSTILE_REPLIES)
def test_C_T6_what_another_server_says_moves_no_cursor(there, words):
    (there.control.folder / "key").write_text("7GQT-XK2M-0WPD-94RZ\n")
    for command, reply in HOSTILE_REPLIES[words].items():
        there.api.replies[command] = (200, reply)
    done = there.run(*[str(there.control.folder / "key") if word == "key" else word for word in words.split()])
    assert done.returncode in (0, 3), done
    assert len(done.stdout) > 3 and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr), done


def test_C_H_the_password_is_seen_by_nobody(there):
    # It is in no argument, and in no error.
    there.api.replies["login"] = (400, {"code": "err_login_failed", "message": "Authentication to server failed."})
    done = there.run("-v", "status")
    assert "secret" not in done.stdout + done.stderr
    help_text = subprocess.run([str(there.control.mdsctl), "--help"], capture_output=True, text=True, check=True).stdout
    assert "--password" not in help_text


@pytest.mark.parametrize("words", [["mdsctl", "-H", "127.0.0.2:1", "--user", "anna", "status"],
                                   ["mgmt_cli", "-m", "127.0.0.2", "-u", "anna", "show", "hosts"]])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_C_9_an_interrupt_at_the_password_leaves_the_terminal_as_it_was(control, words, how):
    master, inside = pty.openpty()
    before = termios.tcgetattr(inside)
    process = subprocess.Popen([str(program(words[0])), *words[1:]], stdin=inside, stdout=inside, stderr=inside,
                               env=control.env)
    try:
        wait_until(lambda: not termios.tcgetattr(inside)[3] & termios.ECHO, 10, "the question")
        process.send_signal(how)
        assert process.wait(10) in (-how, 128 + how)
        assert termios.tcgetattr(inside) == before
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(inside)
