"""Verbs that do many things at once, plans, sessions and audit trails."""
import json
import re
import subprocess

import pytest
import schemas
from fake_core import grid, task
from test_schemas import RECORD, REPLIES, SESSION


@pytest.fixture
def many(control):
    """Domains D0 to D7: all Active on london-mds-01, with Standbys on tokyo-mds-01 and nyc-mds-01."""
    control.data["run"] = {command: {"status": 200, "reply": reply} for command, reply in REPLIES.items()}
    control.data["grid"] = grid(["Global", *(f"D{n}" for n in range(8))])
    control.save()
    return control


def acts(control, command):
    """Bodies of what was ordered, plans left out."""
    return [body for _, name, body in control.ran() if name == command and not body.get("plan")]


def test_set_active_from_spreads_over_the_standbys(many):
    done = many.run("ha", "set-active", "--all", "--from", "london-mds-01")
    assert done.returncode == 0, done
    moved = {body["domain"]: body["target"] for body in acts(many, "domain-ha-action")}
    assert set(moved) == {"Global", *(f"D{n}" for n in range(8))}
    assert sorted(list(moved.values()).count(s) for s in ("tokyo-mds-01", "nyc-mds-01")) == [4, 5]
    assert done.stdout.splitlines()[-1] == "9 Domains moved away from london-mds-01, 0 failed, 0 left as they were"


def test_set_active_from_takes_only_what_is_active_there(many):
    done = many.run("ha", "set-active", "--all", "--from", "tokyo-mds-01")
    assert done.returncode == 0 and acts(many, "domain-ha-action") == []
    assert done.stdout.startswith("0 Domains moved away")
    done = many.run("ha", "set-active", "--all", "--from", "nowhere")
    assert done.returncode == 5 and "london-mds-01" in done.stderr


def test_from_prefers_who_is_synchronized_and_leaves_out_who_is_silent(many):
    for domain in many.data["grid"]["domains"]:
        domain["cells"][1]["sync-status"] = "lagging"
    many.save()
    many.run("ha", "set-active", "--all", "--from", "london-mds-01")
    assert {b["target"] for b in acts(many, "domain-ha-action")} == {"nyc-mds-01"}
    many.data["grid"]["servers"][2]["state"] = "silent"
    many.save()
    before = len(acts(many, "domain-ha-action"))
    many.run("ha", "set-active", "--all", "--from", "london-mds-01")
    assert {b["target"] for b in acts(many, "domain-ha-action")[before:]} == {"tokyo-mds-01"}


def test_set_active_from_to_a_server_that_lacks_one_is_told(many):
    del many.data["grid"]["domains"][1]["cells"][1]
    many.save()
    done = many.run("ha", "set-active", "--all", "--from", "london-mds-01", "--on", "tokyo-mds-01")
    assert done.returncode == 10 and re.search("^✕ D0 +no server on tokyo-mds-01$", done.stdout, re.M), done
    assert done.stdout.splitlines()[-1].startswith("8 Domains set Active on tokyo-mds-01, 1 failed")
    done = many.run("--dry-run", "ha", "set-active", "--all", "--from", "london-mds-01", "--on", "tokyo-mds-01")
    assert done.returncode == 3, done


def test_many_changes_are_not_waited_for_longer_than_asked(many):
    many.says("show-task", {"tasks": [task()]})
    for verb in (["ha", "set-active", "--all", "--from", "london-mds-01"], ["ha", "balance"]):
        done = many.run(*verb, "--timeout", "1s")
        assert done.returncode == 7 and done.stderr.splitlines()[-1] == "Next:  mdsctl task list", done
        before = len(acts(many, "domain-ha-action"))
        done = many.run(*verb, "--no-wait")
        ordered = acts(many, "domain-ha-action")[before:]
        assert done.returncode == 0 and done.stdout.splitlines() == ["9f2c"] * len(ordered) and ordered, done
        told = json.loads(many.run("--json", *verb, "--no-wait").stdout)
        assert [t["domain"] for t in told] == [o["domain"] for o in ordered] and {t["task-id"] for t in told} == {"9f2c"}


def test_many_changes_that_cannot_be_ordered_are_told_without_waiting(many):
    many.says("domain-ha-action", {"code": "err_ha_invalid_operation", "message": "not now"}, 400)
    for form in ([], ["--json"]):
        done = many.run(*form, "ha", "set-active", "--all", "--from", "london-mds-01", "--no-wait")
        assert done.returncode == 10 and (done.stdout + done.stderr).count("not now") == 9, done


def test_assignments_that_are_not_waited_for_are_one_list(many):
    many.says("assign-global-assignment", {"tasks": [{"task-id": "9f2c"}, {"task-id": "9f2d"}]})
    done = many.run("domain", "assign-global", "--all", "--no-wait")
    assert (done.returncode, done.stdout) == (0, "9f2c\n9f2d\n"), done
    told = json.loads(many.run("--json", "domain", "assign-global", "--all", "--no-wait").stdout)
    assert [t["task-id"] for t in told] == ["9f2c", "9f2d"]
    assert not [command for _, command, _ in many.ran() if command == "show-task"]


def test_an_assignment_that_fails_has_the_sign_of_a_problem(many):
    many.says("show-task", {"tasks": [dict(task(status="failed"), comments="locked", **{"task-details": [{"domain": "D0"}]})]})
    done = many.run("domain", "assign-global", "D0")
    assert done.returncode == 10 and done.stdout.startswith("✕ D0: locked"), done


def test_force_active_from_a_server_that_is_lost(many):
    for server in many.data["grid"]["servers"]:
        server["state"] = "silent" if server["name"] == "london-mds-01" else "running"
    for domain in many.data["grid"]["domains"]:
        domain["cells"][0].update({"ha-state": "unknown", "sync-status": "unreachable"})
    # This one is Active elsewhere.
    many.data["grid"]["domains"][1]["cells"][1]["ha-state"] = "active"
    many.save()
    words = ["ha", "force-active", "--all", "--from", "london-mds-01"]
    done = many.run(*words)
    assert done.returncode == 9 and done.stderr.splitlines()[-1].endswith("--yes --reason TEXT"), done
    assert many.run(*words, "-y").returncode == 2
    done = many.run(*words, "-y", "--reason", "London burns")
    orders = acts(many, "domain-ha-action")
    assert done.returncode == 0 and len(orders) == 8 and "D0" not in {o["domain"] for o in orders}
    assert {o["action"] for o in orders} == {"force-active"} and {o["reason"] for o in orders} == {"London burns"}


def test_dry_run_prints_the_plan_and_changes_nothing(many):
    for verb, said in {"ha set-active --all --from london-mds-01": "9 Domains would be moved away from london-mds-01",
                       "ha set-active London tokyo-mds-01": "nothing was changed", "ha balance": "would be moved",
                       "domain create X --on london-mds-01": "London-2 on tokyo-mds-01   10.2.0.21",
                       "domain delete London": "Rights of 1 administrator in it end",
                       "ds create London nyc-mds-01": "would be created", "ds delete London tokyo-mds-01": "",
                       "server delete tokyo-mds-01": "certificates are revoked", "ds mirror --to nyc-mds-01": "Every Domain",
                       "promote": "Run it:", "trust reset": "would be reset", "session publish 7c1": "would be published",
                       "session discard 7c1": "would be discarded", "session disconnect 7c1": "would stay",
                       "session take-over 7c1 --to bert": "would be given to bert",
                       "session hand-over 7c1": "would be given to the Active server",
                       "ha sync London --to tokyo-mds-01": "nothing was changed"}.items():
        done = many.run("--dry-run", *verb.split())
        assert done.returncode == 0 and said in done.stdout, (verb, done)
    changed = [(command, body) for _, command, body in many.ran()
               if not body.get("plan") and not command.startswith("show-")]
    assert changed == []


def test_dry_run_tells_what_is_against_it(many):
    refusal = {"code": "err_ha_invalid_operation", "message": "Active not responding",
               "refusal": {"id": "RF-21", "next": "mdsctl ha force-active D0 tokyo-mds-01"}}
    many.says("domain-ha-action", refusal, 400)
    done = many.run("--dry-run", "ha", "set-active", "--all", "--from", "london-mds-01")
    assert done.returncode == 3 and done.stdout.count("Next:  mdsctl ha force-active") == 9
    done = many.run("--dry-run", "ha", "set-active", "D0", "tokyo-mds-01")
    assert done.returncode == 1 and "[RF-21]" in done.stderr
    many.says("delete-mds", {"code": "generic_err_object_deletion", "message": "holds the Active servers of D0",
                             "refusal": {"id": "RF-16", "next": "mdsctl ha set-active DOMAIN SERVER"}}, 400)
    done = many.run("--dry-run", "server", "delete", "london-mds-01")
    assert done.returncode == 1 and "[RF-16]" in done.stderr


@pytest.mark.parametrize("verb", ["server readmit tokyo-mds-01", "licence attach London tokyo-mds-01 ha", "server add x",
                                  "administrator unlock anna", "domain edit London --comments x", "trust set-key --generate",
                                  "administrator revoke anna -y"])
def test_dry_run_of_a_verb_without_a_plan_is_refused(many, verb):
    done = many.run("--dry-run", *verb.split())
    assert done.returncode == 2 and "nothing was changed" in done.stderr, done
    assert not [c for _, c, _ in many.ran() if not c.startswith("show-")]


def test_balance_makes_the_actives_even_and_moves_no_more_than_it_must(many):
    done = many.run("ha", "balance", "--plan")
    assert done.returncode == 0 and acts(many, "domain-ha-action") == []
    rows = json.loads(many.run("ha", "balance", "--json").stdout)
    # 9 Actives with Global, which stays: 3 each.
    targets = [r["to"] for r in rows]
    assert sorted(targets.count(s) for s in ("tokyo-mds-01", "nyc-mds-01")) == [3, 3] and "Global" not in {r["domain"] for r in rows}
    many.data["grid"]["domains"] = many.data["grid"]["domains"][:1]
    many.save()
    assert "Nothing to move" in many.run("ha", "balance").stdout


def test_mirror_creates_what_is_missing_only(many):
    for n in (1, 3):
        del many.data["grid"]["domains"][n]["cells"][2]
    many.save()
    many.says("set-domain", {"add": [{"name": "D-3", "mds-name": "nyc-mds-01"}], "tasks": [{"task-id": "9f2c"}]})
    many.says("show-task", {"tasks": [task(status="succeeded")]})
    addresses = ["--domains", "D0=10.3.1.1,D2=10.3.1.3"]
    done = many.run("ds", "mirror", "--to", "nyc-mds-01", *addresses)
    assert done.returncode == 0 and acts(many, "set-domain") == [
        {"name": name, "servers": {"add": {"name": f"{name}-3", "multi-domain-server": "nyc-mds-01", "type": "management server",
                                           "ip-address": address}}}
        for name, address in (("D0", "10.3.1.1"), ("D2", "10.3.1.3"))], done
    assert done.stdout.splitlines()[-1] == "2 Domains got a Standby on nyc-mds-01, 0 failed"
    many.run("ds", "mirror", "--to", "nyc-mds-01", "--domains", "d2=10.3.1.3")
    assert [o["name"] for o in acts(many, "set-domain")] == ["D0", "D2", "D2"]
    assert many.run("ds", "mirror", "--to", "nyc-mds-01", "--domains", "nobody=10.3.1.1").returncode == 5
    many.says("set-domain", {"code": "err_ha_invalid_operation", "message": "not now"}, 400)
    assert many.run("ds", "mirror", "--to", "nyc-mds-01", *addresses).returncode == 10


def test_mirror_tells_which_domains_need_an_address(many):
    for n in (1, 3):
        del many.data["grid"]["domains"][n]["cells"][2]
    many.save()
    many.says("set-domain", {"add": [{"name": "D0-3", "mds-name": "nyc-mds-01"}], "tasks": [{"task-id": "9f2c"}]})
    many.says("show-task", {"tasks": [task(status="succeeded")]})
    done = many.run("ds", "mirror", "--to", "nyc-mds-01", "--dry-run")
    assert done.returncode == 3 and done.stdout.count("needs an address") == 2, done
    assert "  Next:  mdsctl ds mirror --to nyc-mds-01 --domains D0=ADDRESS\n" in done.stdout, done
    done = many.run("ds", "mirror", "--to", "nyc-mds-01", "--domains", "D0=10.3.1.1,D2")
    assert done.returncode == 10 and [o["name"] for o in acts(many, "set-domain")] == ["D0"], done


def test_new_servers_get_the_first_name_that_is_free(many):
    domains = many.data["grid"]["domains"]
    # D0-2 was deleted; D2-3 is what a server of D1 is called.
    del domains[1]["cells"][1]
    del domains[3]["cells"][2]
    domains[2]["cells"][0]["server"] = "d2-3"
    many.save()
    many.says("set-domain", {"add": [], "tasks": [{"task-id": "9f2c"}]})
    many.says("show-task", {"tasks": [task(status="succeeded")]})
    many.run("ds", "mirror", "--to", "tokyo-mds-01", "--domains", "D0=10.2.1.1")
    many.run("ds", "mirror", "--to", "nyc-mds-01", "--domains", "D2=10.3.1.3")
    many.run("ds", "create", "D0", "tokyo-mds-01", "--ip", "10.2.1.1")
    assert [o["servers"]["add"]["name"] for o in acts(many, "set-domain")] == ["D0-2", "D2-4", "D0-2"]


def test_a_name_that_is_empty_in_a_script_is_no_session(many):
    many.says("show-sessions", {"objects": [SESSION]})
    for verb in ("show", "diff", "publish", "discard", "disconnect", "take-over", "hand-over"):
        for name in ("", "7c"):
            done = many.run("session", verb, name, "-D", "London", "-y", *(["--to", "bert"] if verb == "take-over" else []))
            assert done.returncode == 2 and "three at least" in done.stderr, done
            assert done.stderr.splitlines()[-1] == "Next:  mdsctl session list -D London"
    assert many.ran() == []


def test_a_reason_that_cannot_be_stored_is_refused(many):
    many.says("show-sessions", {"objects": [SESSION]})
    done = many.run("session", "publish", "7c1", "-D", "London", "--reason", "billing")
    assert done.returncode == 2 and "without a reason" in done.stderr and acts(many, "publish") == [], done
    assert many.run("session", "publish", "7c1", "--reason", "billing").returncode == 0
    assert acts(many, "publish") == [{"uid": SESSION["uid"], "reason": "billing"}]


def test_sessions_are_named_by_their_beginning(many):
    other = dict(SESSION, uid="7c1f0000-0000-0000-0000-000000000002", **{"user-name": "bert", "connected": False})
    many.says("show-sessions", {"objects": [SESSION, other]})
    done = many.run("session", "list", "-D", "London")
    assert [line.split()[:4] for line in done.stdout.splitlines()[1:]] == [["7c1e0000", "London", "anna", "3"],
                                                                           ["7c1f0000", "London", "bert", "3"]]
    assert many.run("session", "show", "7c1", "-D", "London").returncode == 6
    # Made in the same minute: as much of each is shown as tells it from the others.
    many.says("show-sessions", {"objects": [SESSION, dict(other, uid="7c1e0000-0001-0000-0000-000000000002")]})
    done = many.run("session", "list", "-D", "London")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["7c1e0000-0000", "7c1e0000-0001"], done
    assert many.run("session", "show", "7c1e0000-0001", "-D", "London").returncode == 0
    many.says("show-sessions", {"objects": [SESSION, other]})
    assert many.run("session", "show", "fff", "-D", "London").returncode == 5
    done = many.run("session", "publish", "7C1E", "-D", "London")
    assert done.returncode == 0 and ("London", "publish", {"uid": SESSION["uid"]}) in many.ran(), done
    done = many.run("session", "discard", "7c1e")
    assert done.returncode == 9 and SESSION["uid"] in done.stderr
    assert many.run("session", "take-over", "7c1e", "--to", "bert").returncode == 9, "anna is connected"
    assert many.run("session", "take-over", "7c1f", "--to", "anna").returncode == 0
    assert acts(many, "assign-session") == [{"uid": other["uid"], "administrator-name": "anna",
                                             "disconnect-active-session": True}]


def test_sessions_of_all_domains(many):
    done = many.run("session", "list", "--all", "-o", "csv")
    assert len(done.stdout.splitlines()) == 11, "System Data, Global and eight Domains"
    assert {domain for domain, command, _ in many.ran() if command == "show-sessions"} == {
        "", "Global", *(f"D{n}" for n in range(8))}


def test_audit_list_asks_by_time_person_and_object_and_turns_pages(many):
    record = dict(RECORD, status="Failure", additional_info="wrong password")
    many.says("show-logs", {"logs": [record] * 100, "query-id": "beef"})
    done = many.run("audit", "list", "--since", "2h", "--by", "anna", "--object", 'lon "don"', "--limit", "150")
    asked = [body for _, command, body in many.ran() if command == "show-logs"]
    assert len(asked) == 2 and asked[1] == {"query-id": "beef"}, done
    query = asked[0]["new-query"]
    assert query["filter"] == 'administrator:"anna" AND subject:"lon  don "' and query["type"] == "audit"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", query["custom-start"]) and query["time-frame"] == "custom"
    assert len(done.stdout.splitlines()) == 152 and "refused" in done.stdout and "The newest 150" in done.stdout
    many.run("audit")
    assert [b for _, c, b in many.ran() if c == "show-logs"][-1]["new-query"]["time-frame"] == "all-time"


def test_audit_export_has_every_record_oldest_first(many):
    rows = [dict(RECORD, id=f"london-{n}", time=f"2026-11-30T12:00:{n:02}Z") for n in (7, 8, 9)]
    many.says("show-logs", {"logs": rows})
    done = many.run("audit", "export")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["id"] for r in told] == ["london-7", "london-8", "london-9"] and "mdsctl audit verify" in done.stderr
    [asked] = [body for _, command, body in many.ran() if command == "show-logs"]
    assert asked["new-query"]["order"] == "ASC", "the server sorts: a trail may be larger than the memory"
    # Several trails are merged by time.
    done = many.run("audit", "export", "--all")
    times = [json.loads(line)["time"] for line in done.stdout.splitlines()]
    assert len(times) == 30 and times == sorted(times), "System Data, Global and eight Domains"


def test_gateways_of_all_domains_and_the_stale_ones(many):
    assert many.run("gateway", "list", "-o", "name").stdout.splitlines() == ["gw", "lost"] * 9
    assert many.run("gateway", "stale", "-o", "name").stdout.splitlines() == ["lost"] * 9
    done = many.run("gateway", "stale", "-D", "D1", "-o", "name")
    assert (done.returncode, done.stdout) == (3, "lost\n")
    many.says("show-gateway-managers", {"gateways": []})
    assert many.run("gateway", "stale").returncode == 0


def test_verbose_tells_what_is_asked_and_no_secret(many):
    (many.folder / "key").write_text("7GQT-XK2M-0WPD-94RZ\n")
    done = many.run("-v", "server", "add", "tokyo-mds-01", "--key-file", str(many.folder / "key"))
    assert re.search(r"^> add-mds  \d+ ms$", done.stderr, re.M) and "7GQT" not in done.stderr
    assert "> " not in many.run("server", "add", "tokyo-mds-01", "--key-file", str(many.folder / "key")).stderr


def test_help_is_the_same_by_either_name(many):
    assert many.run("help").stdout == many.run("--help").stdout
    assert many.run("help", "domain").stdout == many.run("domain", "--help").stdout
    assert many.run("help", "domain", "create").stdout == many.run("domain", "create", "--help").stdout
    assert many.run("help", "domian").returncode == 2


def test_steps_of_a_task_stand_before_its_end_when_both_go_to_one_file(many):
    many.says("backup-domain", {"task-id": "9f2c"})
    ended = dict(task(status="succeeded"), **{"task-details": [
        {"name": "London", "revision": 7, "bytes": 5, "file": "/var/backups/mds/x"}]})
    many.data["run"]["show-task"] = [{"status": 200, "reply": {"tasks": [one]}} for one in (task(), ended)]
    many.save()
    done = subprocess.run([str(many.mdsctl), "domain", "backup", "London", "--file", "x"], env=many.env, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].strip() == "first synchronization" and lines[-1].startswith("It is as secret"), lines


def test_a_domain_server_is_named_by_its_domain_and_host_or_by_its_own_name(many):
    for words, body in ((["London", "tokyo-mds-01"], {"domain": "London", "server": "tokyo-mds-01"}),
                        (["London-2"], {"server": "London-2"})):
        done = many.run("ds", "restart", *words)
        assert done.returncode == 0 and "restart: done" in done.stdout, done
        assert acts(many, "restart-domain-server")[-1] == body
    done = many.run("ds", "stop", "London-2")
    assert done.stdout.splitlines()[-1] == "Next:  mdsctl ds start London tokyo-mds-01", done


def test_an_active_domain_server_is_not_stopped_without_an_answer(many):
    told = dict(REPLIES["stop-domain-server"], active=True, instead="mdsctl ha set-active London nyc-mds-01")
    many.says("stop-domain-server", told)
    done = many.run("ds", "stop", "London", "tokyo-mds-01")
    assert done.returncode == 9 and acts(many, "stop-domain-server") == [], done
    assert "Next:  mdsctl ha set-active London nyc-mds-01" in done.stderr and "nobody can change" in done.stderr, done
    done = many.run("ds", "stop", "London", "tokyo-mds-01", "--dry-run")
    assert done.returncode == 0 and "Nothing was changed." in done.stdout and acts(many, "stop-domain-server") == []
    assert many.run("-y", "ds", "stop", "London", "tokyo-mds-01").returncode == 0
    assert acts(many, "stop-domain-server") == [{"domain": "London", "server": "tokyo-mds-01", "confirmed": True}]
    # Over the management API nobody stops the host that is asked.
    many.says("stop-domain-server", dict(told, active=False))
    assert many.run("ds", "stop", "London", "tokyo-mds-01").returncode == 0


def test_sync_of_a_server_and_verification_of_all_tell_each_domain(many):
    done = many.run("-y", "ha", "sync", "--server", "tokyo-mds-01")
    assert done.returncode == 2 and "--reason" in done.stderr and acts(many, "domain-ha-action") == [], done
    done = many.run("-y", "--reason", "test", "ha", "sync", "--server", "10.2.0.11")
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == \
        "9 Domains synchronized to tokyo-mds-01, 0 failed, 0 left as they were", done
    orders = acts(many, "domain-ha-action")
    assert len(orders) == 9 and {(o["action"], o["target"]) for o in orders} == {("full-sync", "tokyo-mds-01")}
    done = many.run("-y", "--reason", "test", "ha", "sync", "--server", "london-mds-01")
    assert done.returncode == 0 and done.stdout == "No Domain has a Standby on london-mds-01.\n", done
    done = many.run("ha", "verify", "--all")
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("9 Domains verified, 0 failed"), done
    assert {o["target"] for o in acts(many, "domain-ha-action")[9:]} == {""}


def test_sides_of_a_collision_and_which_of_three_stays(many):
    for one in many.data["grid"]["domains"][1]["cells"]:
        one["ha-state"] = "active"
    many.says("domain-ha-action", dict(REPLIES["domain-ha-action"], warnings=["revision 8 of 12:00 by anna is taken back"],
                                       costs=True, revisions=[{"revision": 8, "time": "2026-11-30T12:00:00Z", "author": "anna",
                                                               "session": "billing", "changes": 3}]))
    done = many.run("ha", "collision", "show", "d0", env={"COLUMNS": "80"})
    assert done.returncode == 3 and done.stdout.count("anna") == 3, done
    assert "mdsctl ha collision keep D0 --side tokyo-mds-01" in done.stdout and acts(many, "domain-ha-action") == []
    told = schemas.check("ha collision show", many.run("--json", "ha", "collision", "show", "D0").stdout)
    assert [s["multi-domain-server"] for s in told] == ["london-mds-01", "tokyo-mds-01", "nyc-mds-01"]
    assert many.run("ha", "collision", "keep", "D0", "--side", "tokyo-mds-01").returncode == 9
    told = schemas.check("ha collision keep", many.run("--json", "-y", "ha", "collision", "keep", "D0", "--side", "tokyo-mds-01").stdout)
    assert told["given-up"] == ["london-mds-01", "nyc-mds-01"], told
    assert [(o["action"], o["target"]) for o in acts(many, "domain-ha-action")] == \
        [("set-standby", "london-mds-01"), ("set-standby", "nyc-mds-01")]
    done = many.run("-y", "ha", "collision", "keep", "D1", "--side", "tokyo-mds-01")
    assert done.returncode == 1 and "has no collision" in done.stderr, done
    done = many.run("ha", "collision", "show", "System Data")
    assert done.returncode == 1 and 'set-standby "System Data"' in done.stderr, done


def test_services_of_another_host_are_not_started_from_here(many):
    (many.folder / "state/system").mkdir()
    (many.folder / "state/system/identity.json").write_text(json.dumps({"name": "london-mds-01", "address": "10.1.0.11"}))
    done = many.run("server", "stop", "tokyo-mds-01")
    assert done.returncode == 2 and "Next:  on tokyo-mds-01: mdsctl server stop" in done.stderr, done


def test_what_a_server_alone_has_published_is_told_with_its_author(control):
    control.says("show-ha-status", {
        "name": "London", "server": "London-log", "state": "normal", "role": "log server", "revision": 12, "servers": [],
        "successfully-synced": True, "reason": "2 publishes that only London-log had are kept here, for nobody else",
        "parked-publishes": [{"revision": n, "user-name": "anna", "name": name, "server": "London-1",
                              "time": {"posix": 1764500000000, "iso-8601": "2025-11-30T10:53+0000"}}
                             for n, name in ((10, "new \x1b[31moffice"), (11, ""))]})
    code, out = control.on_terminal("ha", "status", "London", columns=80)
    assert code == 0 and "are kept here, for nobody else" in out, out
    lines = [line.strip() for line in out.replace("\r", "").splitlines() if "revision 1" in line and "of anna" in line]
    assert re.fullmatch(r'revision 10 of anna, "new .*office", published \d+ d ago on London-1', lines[0]), lines
    assert re.fullmatch(r"revision 11 of anna, published \d+ d ago on London-1", lines[1]), lines
    assert "\x1b[31moffice" not in out
    told = schemas.check("ha status", control.run("--json", "ha", "status", "London").stdout)
    assert [one["time"] for one in told["parked-publishes"]] == ["2025-11-30T10:53:20Z"] * 2, told
