"""T-31: every act is one record of the audit trail, whoever did it, by whichever face, done or refused; what only looks
or edits in private is none. "I did not promote" can be answered: who, from where, why."""

import json
import re

import pytest

from deployment import PASSWORD
from test_ex1 import host

# Commands of our own tools that show-commands does not tell.
INTERNAL = ["domain-ha-action", "reset-trust", "set-registry", "set-licence", "backup-mds", "readmit-mds",
            "promote-domain-server", "start-domain-server", "stop-domain-server", "restart-domain-server"]
LOOKS = re.compile(r"^(show-|verify-revert|verify-audit|where-used|test-sic-status|get-interfaces|auto-complete|equals|"
                   r"export-global-policy|keepalive|login$)")
# What changes only the session of who asks, until he publishes.
EDITS = re.compile(r"^(lock-object|unlock-object|set-session|(add|set|delete)-(objects|rules)-batch)$")
ACTS_BY_NAME = re.compile(r"^(add|delete)-(mds|domain|api-key|administrator-certificate|administrator-totp)$|"
                          r"^(assign|unlock)-")


def kind_of(command, known):
    """Whether a command looks, edits, or acts."""
    if LOOKS.match(command):
        return "look"
    if EDITS.match(command):
        return "edit"
    verb, _, noun = command.partition("-")
    is_type = verb in ("add", "set", "delete") and \
        ({f"add-{noun}", f"set-{noun}", f"delete-{noun}"} <= known or verb == "set")
    return "edit" if is_type and not ACTS_BY_NAME.match(command) and command not in INTERNAL + ["set-ha-state"] \
        else "act"


class Trail:
    """Rows of the trail of one database, oldest first, from now on."""

    def __init__(self, api):
        self.api = api
        self.last = self.number(self.page()[0])

    @staticmethod
    def number(row):
        return int(row["id"].rsplit("-", 1)[1])

    def page(self):
        return self.api.send("show-logs", {"new-query": {"type": "audit", "time-frame": "last-hour",
                                                         "max-logs-per-request": 100}})["logs"]

    def new(self):
        """Those since the last time."""
        rows = [row for row in reversed(self.page()) if self.number(row) > self.last]
        if rows:
            assert [self.number(r) for r in rows] == list(range(self.last + 1, self.last + 1 + len(rows))), rows
            self.last = self.number(rows[-1])
        return rows


@pytest.mark.parametrize("domain", [None, "Global", "London"])
def test_T_31_each_command_that_acts_leaves_one_record_even_when_it_is_refused(ex1, domain):
    reader, api = ex1.api("london", domain), ex1.api("london", domain)
    commands = {c["name"] for c in api.call("show-commands")["commands"]}
    trail, tried = Trail(reader), {"look": 0, "edit": 0, "act": 0}
    for command in sorted(commands | set(INTERNAL)):
        if command in ("logout", "login"):
            continue
        # Refused, so that nothing is done; where a parameter makes the act, it is there.
        body = {"no-such-parameter": 1}
        if command == "set-domain":
            body["servers"] = {"remove": "nobody"}
        if command == "set-mds":
            body["one-time-password"] = "x"
        kind = "act" if command in ("set-domain", "set-mds") and domain is None else kind_of(command, commands)
        status, reply = api.raw(command, json.dumps(body).encode())
        rows = trail.new()
        if status == 404:
            continue  # not a command here, or not for the API
        expected = 1 if kind == "act" and status != 200 else len(rows)
        if kind != "act":
            expected = 0
        assert len(rows) == expected, (command, kind, status, reply, rows)
        if rows and status != 200:
            assert rows[0]["status"] == "Failure" and rows[0]["administrator"] == "admin", rows
            assert rows[0]["client_ip"] and rows[0]["additional_info"], rows
        if api.raw("show-session")[0] != 200:
            api.login("admin", PASSWORD, domain)
            trail.new()
        tried[kind] += 1
    assert tried["act"] > 10 and tried["edit"] > 10 and tried["look"] > 20, tried
    # Some take any parameter.
    api.call("discard")
    api.close()
    reader.close()


def test_T_31_acts_by_every_face_and_their_records_one_to_one(ex1):
    reader = ex1.api("london")
    trail = Trail(reader)
    api = ex1.api("london", **{"session-name": "t31"})
    api.call("add-administrator", name="t31", authentication_method="api key",
             multi_domain_profile="Multi-Domain Super User")
    api.publish()
    key = api.call("add-api-key", admin_name="t31")["api-key"]
    api.call("delete-api-key", admin_name="t31", api_key=key)
    api.call("login-to-domain", domain="London")
    api.call("set-administrator", name="t31", comments="no")
    api.call("discard")
    ex1.ctl("london", "-y --reason 'rehearsal of the move' ha set-active London tokyo")
    ex1.ctl("london", "-y ha set-active London london")
    ex1.ctl("london", "promote --plan", check=False)
    api.raw("promote-mds", b'{"reason": "a mistake"}')
    ex1["london"].sh("mgmt_cli -r true add mds name tokyo one-time-password correct-horse-1", check=False)
    ex1.visitor("london").raw("login", b'{"user":"t31","password":"wrong-password-31"}')
    api.call("delete-administrator", name="t31")
    api.publish()
    api.call("logout")
    rows = [(r["administrator"], r["operation"], r["subject"], r["status"]) for r in trail.new()]
    done, failed = "Success", "Failure"
    expected = [("admin", "Log in", "t31", done), ("admin", "Publish", "t31", done),
                ("admin", "Add API key", "t31", done), ("admin", "Delete API key", "t31", done),
                ("admin", "Log in to Domain", "London", done), ("admin", "Discard", "", done),
                ("root", "Change High Availability", "set-active London tokyo", done),
                ("root", "Change High Availability", "set-active London london", done),
                ("admin", "Promote to Primary", "", failed),
                ("root", "Log in", "", done), ("root", "Add server", "tokyo", failed),
                ("root", "Discard", "", done), ("root", "Log out", "", done),
                ("t31", "Log in", "", failed),
                ("admin", "Publish", "", done), ("admin", "Log out", "", done)]
    assert [r for r in rows if r[1] != "Session expired"] == expected, rows
    trail.last -= len(rows)
    told = trail.new()
    moved = next(r for r in told if r["subject"] == "set-active London tokyo")
    assert moved["additional_info"] == "reason: rehearsal of the move" and moved["application"] == "mdsctl", moved
    refused = next(r for r in told if r["operation"] == "Promote to Primary")
    assert "is the Primary already" in refused["additional_info"], refused
    assert refused["additional_info"].endswith("; reason: a mistake"), refused
    # No secret is in it (S-13).
    text = json.dumps(told)
    assert key not in text and "correct-horse" not in text and "wrong-password" not in text
    reader.close()
    ex1.wait_synchronized("london", "London")
    # What was published is told by the trail of the Domain.
    london = ex1.api("london", "London")
    trail = Trail(london)
    london.send("add-host", host("t31", "198.18.31.31", **{"ignore-warnings": True}))
    london.publish()
    (row,) = trail.new()
    assert row["operation"] == "Publish" and row["additional_info"].startswith("1 changes, revision "), row
    london.close()
