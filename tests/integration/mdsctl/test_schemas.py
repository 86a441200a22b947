"""C-T4: what mdsctl prints for programs is what the published schemas say, and they only grow."""
import json

import jsonschema
import pytest
import schemas
from fake_core import grid, task

# No JSON: they print for shells and people, or become another program.
PLAIN = {"completion", "env", "version", "setup", "help", "trust state", "backup verify", "backup restore", "watch"}
WHEN = {"posix": 1764500000000, "iso-8601": "2025-11-30T10:53+0000"}
SESSION = {"uid": "7c1e0000-0000-0000-0000-000000000001", "type": "session", "user-name": "anna", "state": "open", "changes": 3,
           "locks": 2, "connected": True, "application": "WEB_API", "read-only": False, "last-login-time": WHEN,
           "session-timeout": 600, "name": "billing", "ip-address": "10.1.9.14"}
RECORD = {"id": "london-12", "time": "2026-11-30T12:06:41Z", "type": "Audit", "origin": "london", "administrator": "anna",
          "client_ip": "10.1.9.14", "application": "WEB_API", "operation": "Publish", "subject": "x", "status": "Success",
          "additional_info": "", "session_uid": "", "session_name": "", "domain": "System Data"}
DONE = dict(task(), **{"status": "succeeded", "progress-description": "it is done"})
AUTHORITY = {"name": "servers", "uid": "", "kind": "servers-ca", "subject": "O=1f,OU=servers,CN=acme Servers CA",
             "serial-number": "0e" * 16, "valid-from": WHEN, "valid-to": WHEN, "status": "valid", "key-opened": True,
             "issued": 4, "valid": 3, "renewed": 0, "revoked": 1, "expired": 0}
CERTIFICATE = {"serial-number": "5c" * 16, "name": "tokyo-mds-01", "subject": "O=1f,OU=servers,CN=tokyo-mds-01",
               "authority": "servers", "kind": "server", "status": "valid", "valid-from": WHEN,
               "valid-to": {"posix": 4070908800000, "iso-8601": "2099-01-01T00:00+0000"}, "owner-uid": "u",
               "revocation-list": "servers/0-1"}
SERVER = {"name": "London-2", "mds-name": "tokyo-mds-01", "ipv4-address": "10.2.0.21"}
PROFILE = {"name": "Auditor", "uid": "p", "type": "md-permissions-profile", "permission-level": "manager"}
REPLIES = {
    "show-domain": {"name": "London", "uid": "u", "domain-type": "domain", "servers": [
        {"name": "London-1", "multi-domain-server": "london-mds-01", "type": "management server", "active": True},
        {"name": "London-2", "multi-domain-server": "tokyo-mds-01", "type": "management server", "active": False}]},
    "show-task": {"tasks": [DONE]}, "show-tasks": {"tasks": [task()]},
    "add-domain": {"domain": "X", "servers": [SERVER], "tasks": [{"task-id": "9f2c"}]},
    "set-domain": {"domain": "London", "add": [SERVER], "remove": [], "tasks": [{"task-id": "9f2c"}]},
    "delete-domain": {"domain": "London", "servers": [SERVER], "administrators": ["anna"], "global-assignment": False,
                      "revision": 7, "task-id": "9f2c"},
    "assign-global-assignment": {"tasks": [{"task-id": "9f2c"}]},
    "show-gateway-managers": {"gateways": [{"name": "gw", "ipv4-address": "10.1.1.9", "manager": {"name": "London-1"},
                                            "management-servers": [{"name": "London-1"}]},
                                           {"name": "lost", "management-servers": []}], "without-manager": 1},
    "show-licences": {"licences": [{"domain": "London", "server": "London-1", "multi-domain-server": "london-mds-01",
                                    "ip-address": "10.1.1.1", "primary": True, "licence-type": "ha", "problem": ""}]},
    "show-mds": {"name": "tokyo-mds-01", "uid": "u"}, "delete-mds": {"name": "tokyo-mds-01"}, "readmit-mds": {},
    "add-mds": {"name": "tokyo-mds-01", "sic-state": "Trust established"}, "set-mds": {"name": "tokyo-mds-01"},
    "where-used": {"used-directly": {}}, "set-licence": {}, "unlock-administrator": {},
    "show-administrators": {"objects": [{"name": "anna", "uid": "u", "authentication-method": "check point password"}]},
    "show-administrator-certificate": {"certificate": "PEM", "serial-number": "1", "subject": "CN=anna", "status": "valid",
                                       "valid-from": WHEN, "valid-to": WHEN},
    "show-administrator-totp": {"enabled": True, "recovery-codes-left": 9}, "delete-administrator-certificate": {},
    "show-ha-status": {"name": "London", "server": "London-1", "state": "normal", "role": "active", "revision": 7,
                       "successfully-synced": True, "servers": [
                           {"name": "London-2", "multi-domain-server": "tokyo-mds-01", "ha-state": "standby",
                            "sync-status": "synchronized", "peer-revision": 7, "since": WHEN}]},
    "domain-ha-action": {"target": "London-2", "mds-name": "tokyo-mds-01", "costs": False, "warnings": [], "task-id": "9f2c"},
    "promote-mds": {"lost": "london-mds-01", "checks": [{"what": "x", "state": "good", "rf": "", "next": ""}], "domains": [],
                    "task-id": "9f2c"},
    "show-sessions": {"objects": [SESSION]}, "publish": {"task-id": "9f2c"}, "discard": {}, "disconnect": {},
    "assign-session": {}, "hand-over-session": {"number-of-changes": 3},
    "show-session-changes": {"uid": SESSION["uid"], "user-name": "anna", "name": "", "changes": [
        {"uid": "u", "type": "host", "name": "h", "change": "changed",
         "fields": [{"field": "comments", "before": "", "after": "new"}]}]},
    "show-logs": {"logs": [RECORD], "logs-count": 1, "query-id": "00"},
    "verify-audit": {"servers": [{"server": "london-mds-01", "witnesses": 2, "silent": [], "gone": [],
                                  "logs": [{"log": "system", "records": 12, "seen": 3, "findings": []}]}]},
    "show-administrator": {"name": "anna", "uid": "u", "type": "administrator", "authentication-method": "api key"},
    "add-administrator": {}, "set-administrator": {}, "delete-administrator": {}, "delete-api-key": {},
    "add-api-key": {"api-key": "k"}, "show-md-permissions-profile": PROFILE, "set-simple-gateway": {},
    "add-domain-permissions-profile": PROFILE, "set-md-permissions-profile": PROFILE, "delete-md-permissions-profile": {},
    "show-policy-changes": {"policy-package": "Standard", "revision": 15, "gateways": [
        {"name": "gw", "uid": "g", "rules": 2, "number-of-changes": 1, "problem": "no trust",
         "installed": {"policy-package": "Standard", "revision": 12, "time": WHEN, "by": "anna"},
         "changes": [{"layer": "Network", "type": "access-rule", "uid": "r", "name": "dns", "rule-number": "1",
                      "change": "moved", "fields": [{"field": "rule-number", "before": "2", "after": "1"}]}]}]},
    "show-md-permissions-profiles": {"objects": [PROFILE]}, "show-domain-permissions-profiles": {"objects": [PROFILE]},
    "show-simple-gateway": {"name": "gw", "uid": "g", "type": "simple-gateway", "ipv4-address": "192.0.2.1",
                            "sic-state": "communicating"},
    "show-packages": {"packages": [{"name": "Standard"}]}, "install-policy": {"task-id": "9f2c"},
    "reset-trust": {"server": "tokyo-mds-01"}, "promote-domain-server": {},
    "show-authorities": {"authorities": [AUTHORITY], "signs-on": "london-mds-01", "state-here": "ready", "recovery-key": "set"},
    "show-authority": {**AUTHORITY, "certificate": "PEM", "fingerprint": "ab"},
    "show-certificates": {"certificates": [CERTIFICATE], "from": 1, "to": 1, "total": 1},
    "revoke-certificate": {**CERTIFICATE, "already-revoked": False, "earlier": 1, "effect": "it is cut off"},
    "show-revocation-lists": {"version": 3, "revocation-lists": [
        {"name": "servers/0-1", "authority": "servers", "part": "0-1", "number": 7, "entries": 2, "status": "valid",
         "valid-from": WHEN, "valid-to": WHEN, "urls": ["http://10.1.0.11:18264/servers/0-1.crl"]}]},
    "renew-certificate": {"name": "tokyo-mds-01", "serial-number": "5c" * 16, "previous-serial-number": "0e" * 16,
                          "valid-from": WHEN, "valid-to": WHEN},
    "revoke-trust": {"name": "tokyo-mds-01", "certificates": 2, "active-domains": ["London"]},
    **{f"{verb}-domain-server": {"domain": "London", "server": "London-2", "multi-domain-server": "tokyo-mds-01",
                                 "active": False, "running": True, "instead": "", "changed": True,
                                 "state": "stopped" if verb == "stop" else "running", "text": f"{verb}: done"}
       for verb in ("start", "stop", "restart")},
}
# Words behind the verb of a schema, when the schema's own do not do.
WORDS = {
    "domain show": "domain show London", "domain create": "domain create X --on london-mds-01",
    "domain create --dry-run": "domain create X --on london-mds-01 --dry-run",
    "domain delete": "domain delete London -y --reason test", "domain delete --dry-run": "domain delete London --dry-run",
    "domain edit": "domain edit London --comments new", "domain assign-global": "domain assign-global --all",
    "domain gateways": "domain gateways London", "ds create": "ds create London nyc-mds-01",
    "ds create --dry-run": "ds create London nyc-mds-01 --dry-run", "ds delete": "ds delete London tokyo-mds-01 -y",
    "ds delete --dry-run": "ds delete London tokyo-mds-01 --dry-run", "ds mirror": "ds mirror --to nyc-mds-01 --domains London=10.3.1.1",
    "ds promote": "ds promote London",
    **{f"ds {verb}{plan}": f"ds {verb} London tokyo-mds-01{plan}" for verb in ("start", "stop", "restart")
       for plan in ("", " --dry-run")},
    "ha sync --server": "ha sync --server tokyo-mds-01 -y --reason test",
    "licence attach": "licence attach London tokyo-mds-01 ha", "licence detach": "licence detach London tokyo-mds-01",
    "server show": "server show tokyo-mds-01", "server delete": "server delete tokyo-mds-01 -y --reason test",
    "server delete --dry-run": "server delete tokyo-mds-01 --dry-run", "server uses": "server uses tokyo-mds-01",
    "server readmit": "server readmit tokyo-mds-01", "server add": "server add tokyo-mds-01 --key-file key",
    "trust reset": "trust reset -y --key-file key", "trust connect": "trust connect tokyo-mds-01 --key-file key",
    "trust renew": "trust renew tokyo-mds-01", "trust revoke": "trust revoke tokyo-mds-01 -y --reason test",
    "trust revoke --dry-run": "trust revoke tokyo-mds-01 --dry-run", "ca show": "ca show servers",
    "ca revoke": "ca revoke 5c5c5c5c -y --reason test", "ca revoke --dry-run": "ca revoke 5c5c5c5c --dry-run",
    "administrator certificate": "administrator certificate anna", "administrator totp": "administrator totp anna",
    "administrator show": "administrator show anna", "administrator delete": "administrator delete anna -y",
    "administrator create": "administrator create anna --password-file key",
    "administrator edit": "administrator edit anna --email anna@acme.example",
    "administrator keys": "administrator keys anna --revoke key", "administrator keys --new": "administrator keys anna --new",
    "administrator profile show": "administrator profile show Auditor",
    "administrator profile create": "administrator profile create Auditor --set manage-sessions=true",
    "administrator profile edit": "administrator profile edit Auditor --set manage-sessions=true",
    "administrator profile delete": "administrator profile delete Auditor -y",
    "gateway show": "gateway show gw -D London", "gateway trust": "gateway trust gw -D London --key-file key",
    "gateway install-policy": "gateway install-policy gw -D London",
    "gateway install-policy --preview": "gateway install-policy gw -D London --preview",
    "administrator unlock": "administrator unlock anna", "administrator revoke": "administrator revoke anna -y",
    "ha status": "ha status London", "ha set-active": "ha set-active London tokyo-mds-01",
    "ha set-active --dry-run": "ha set-active London tokyo-mds-01 --dry-run",
    "ha set-active --all": "ha set-active --all --on tokyo-mds-01", "ha set-standby": "ha set-standby London -y",
    "ha force-active --all": "ha force-active --all --from london-mds-01 -y --reason test",
    "ha force-active": "ha force-active London tokyo-mds-01 -y --reason test", "ha verify": "ha verify London",
    "ha sync": "ha sync London --to tokyo-mds-01 -y --reason test", "promote": "promote -y --reason test",
    "session show": "session show 7c1", "session diff": "session diff 7c1", "session publish": "session publish 7c1",
    "session discard": "session discard 7c1 -y", "session disconnect": "session disconnect 7c1",
    "session take-over": "session take-over 7c1 --to bert -y",
    "session hand-over": "session hand-over 7c1", "task show": "task show 9f2c", "task watch": "task watch 9f2c",
}
# Only where their data is: on booted hosts (test_authority.py, test_backup_domain.py, test_zw_backup.py, test_doctor.py,
# test_firstboot.py, test_processes.py in tests/system), in test_config.py here, or with a collision (test_verbs.py).
ON_HOSTS = {"config set", "config unset", "server start", "server stop", "server restart", "ha collision show", "ha collision keep",
            "ha collision keep --dry-run", "doctor", "trust test", "trust join-string", "domain backup", "domain restore",
            "backup create", "backup list", "trust set-key --generate", "watch"}


@pytest.fixture
def answering(control):
    """A core that has an answer for every command; the Domain London has no server on nyc-mds-01."""
    control.data["run"] = {command: {"status": 200, "reply": reply} for command, reply in REPLIES.items()}
    told = grid(problems=[{"what": "x", "why": "y", "since": 0, "next": ["mdsctl status"]}])
    told["domains"][1]["cells"] = told["domains"][1]["cells"][:2]
    control.data["grid"] = told
    control.save()
    (control.folder / "key").write_text("7GQT-XK2M-0WPD-94RZ\n")
    return control


@pytest.mark.parametrize("verb", sorted(set(schemas.load()) - ON_HOSTS))
def test_C_T4_the_output_of_every_verb_is_what_its_schema_says(answering, verb):
    words = WORDS.get(verb, verb).split()
    done = answering.run("--json", *words, cwd=answering.folder)
    assert done.returncode in (0, 3), done
    if verb == "audit export":
        done.stdout = json.dumps([json.loads(line) for line in done.stdout.splitlines()])
    told = schemas.check(verb, done.stdout)
    assert told, "an empty list proves nothing"
    lines = [json.loads(line) for line in
             answering.run("-o", "jsonl", *words, cwd=answering.folder).stdout.splitlines()]
    rows = told if isinstance(told, list) else [told]
    for row in [*lines, *rows]:
        # How long it took is another time each time.
        row.pop("seconds", None)
    assert lines == rows, verb


def test_C_T4_what_a_server_takes_with_it_is_in_the_plan(answering):
    answering.says("show-mds", {"name": "tokyo-mds-01", "uid": "u", "domains": [{"name": "London-2"}]})
    done = answering.run("--json", "server", "delete", "tokyo-mds-01", "--dry-run")
    assert schemas.check("server delete --dry-run", done.stdout) == {"name": "tokyo-mds-01", "servers": ["London-2"], "schema": 1}


def test_C_T4_every_verb_has_a_schema(control):
    verbs = set(control.run("__complete", "verbs").stdout.splitlines()) - PLAIN
    known = set(schemas.load())
    # One with an option stands for the verb that has no other output.
    assert not {v for v in verbs if not any(k == v or k.startswith(v + " --") for k in known)}
    assert not {k for k in known if k.split(" --")[0] not in verbs | PLAIN}


def test_C_T4_an_order_that_is_not_waited_for_and_an_error(answering):
    told = schemas.load()["status"]["$defs"]
    done = answering.run("--json", "--no-wait", "domain", "create", "X", "--on", "london-mds-01")
    jsonschema.validate(json.loads(done.stdout), {"$ref": "#/$defs/order", "$defs": told})
    for words in ("domain assign-global --all", "ha set-active --all --on tokyo-mds-01", "ha balance"):
        for one in json.loads(answering.run("--json", "--no-wait", *words.split()).stdout or "[]"):
            jsonschema.validate(one, {"$ref": "#/$defs/order", "$defs": told})
    done = answering.run("--json", "task", "show")
    assert done.returncode == 2
    jsonschema.validate(json.loads(done.stderr), {"$ref": "#/$defs/error", "$defs": told})


def test_C_T4_a_wrong_output_is_found():
    good = json.dumps([{"file": "/x", "bytes": 1, "schema": 1}])
    schemas.check("backup list", good)
    for wrong in (good.replace("1,", '"1",'), good.replace("bytes", "size"), good.replace("schema", "skema"), "{}"):
        with pytest.raises((jsonschema.ValidationError, AssertionError, KeyError)):
            schemas.check("backup list", wrong)


def test_C_T4_fields_of_the_released_schemas_still_exist():
    before, now = schemas.all_fields(schemas.RELEASED), schemas.all_fields(schemas.FILE)
    gone = {path: how for path, how in before.items() if path not in now}
    assert not gone, f"released fields stay: {gone}"
    changed = {path: (how, now[path]) for path, how in before.items()
               if now[path][0] != how[0] or (how[1] and not now[path][1])}
    assert not changed, f"released fields keep their type and are there as before: {changed}"
    told = json.loads(schemas.FILE.read_text())["schema"], json.loads(schemas.RELEASED.read_text())["schema"]
    assert told[0] >= told[1]
    # A real core says one field less than it did: that is found.
    assert "status.servers[].version" in before and before["status.servers[].version"] == ('"string"', True)
