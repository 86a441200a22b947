"""High Availability from the administrator's side, as typed at mdsctl and sent to the management API:
manual synchronization, changes of the Active and what they cost (chapters MA, MD, CA, IS, ST, LS)."""

import json
import re

import pytest
import schemas

from deployment import DOMAINS
from rig import wait_until
from test_ex1 import exported, host, refused


def line_length(text):
    return max((len(line) for line in text.splitlines()), default=0)


def on_a_terminal(ex1, name, words):
    """mdsctl on a terminal of 80 columns; everything it printed, without escape sequences."""
    done = ex1[name].sh("stty cols 80 2>/dev/null; script -qec "
                        f"'stty cols 80; LANG=C.UTF-8 TERM=xterm NO_COLOR=1 mdsctl {words}' /dev/null "
                        "</dev/null", check=False)
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.stdout.replace("\r\n", "\n"))


def active_on(ex1, name, domain="London", yes=True):
    """Makes this host's server of the Domain Active."""
    ex1.ctl(name, f"{'--yes ' if yes else ''}ha set-active {domain} {name}")
    ex1.wait_role(name, domain, "active")
    ex1.wait_synchronized(name, domain)


def plan_on_london(ex1, action="set-active", target=""):
    """What an action on London-1 would cost, without doing it."""
    request = json.dumps({"action": action, "target": target, "plan": True})
    return ex1["london"].out("busctl call org.openmds.Domain1.London_2d1 /org/openmds/Domain1 "
                             f"org.openmds.Domain1 HaAction s '{request}'")


@pytest.fixture(name="left_behind")
def private_session_on_tokyo(ex1):
    """London-2 holds an unpublished session of admin, with three changes, from when it was Active."""
    active_on(ex1, "tokyo")
    api = ex1.api("tokyo", "London")
    for i in range(3):
        api.send("add-host", host(f"left-{i}", f"192.0.2.{211 + i}", **{"ignore-warnings": True}))
    # The next position of London-2 tells London of them.
    wait_until(lambda: "admin has 3 unpublished changes" in plan_on_london(ex1), 10,
               "London to hear of the session")
    yield api
    if ex1.ha("london", "London")["role"] != "active":
        active_on(ex1, "london")


def test_CA_2_CA_3_CA_6_MA_2_MA_3_MA_5_MA_6_MA_8_what_a_change_costs_is_said_first(ex1, left_behind):
    warning = "admin has 3 unpublished changes on London-2"
    done = ex1.ctl("london", "ha set-active London london </dev/null", check=False)
    assert done.returncode == 9 and warning in done.stderr, done.stderr
    assert "are not carried over" in done.stderr
    assert ex1.ha("tokyo", "London")["role"] == "active"
    done = ex1.ctl("london", "--yes ha set-active London london")
    assert "London-1 is Active" in done.stdout
    error = refused(lambda: left_behind.send("show-hosts", {}))
    assert error.status == 401 and "London-1" in error.message, error.message
    ex1.wait_synchronized("london", "London")
    status = ex1.ha("london", "London")
    assert status["last-change"]["cause"] == "handover" and status["last-change"]["by"] == "root"
    # The changes are private on London-2 still; a full synchronization would end them.
    reader = ex1.api("tokyo", "London")
    wait_until(lambda: "disconnected" in plan_on_london(ex1, "full-sync", "London-2"), 10,
               "London to hear of the client")
    done = ex1.ctl("london", "ha sync London --to tokyo </dev/null", check=False)
    assert done.returncode == 9, done.stdout + done.stderr
    for words in (warning, "they are discarded", "publish first", "is not needed", "disconnected"):
        assert words in done.stderr, done.stderr
    api = ex1.api("london", "London")
    api.send("add-host", host("ma5-published", "192.0.2.221"))
    api.publish()
    api.send("add-host", host("ma5-private", "192.0.2.222"))
    error = refused(lambda: api.call("ha-full-sync", name="London-2"),
                    code="err_ha_invalid_operation", words=[warning, "ignore-errors"])
    assert reader.call("show-hosts")["total"] > 0
    task = api.wait(api.call("ha-full-sync", name="London-2", ignore_errors=True))
    detail = task["task-details"][0]
    assert detail["discarded-sessions"] == [{"user": "admin", "changes": 3}], task
    assert "admin" in detail["disconnected"]
    error = refused(lambda: reader.call("show-hosts"))
    assert error.status == 401 and "full synchronization from London-1" in error.message, error.message
    ex1.wait_synchronized("london", "London")
    again = ex1.api("tokyo", "London")
    assert again.call("show-host", name="ma5-published")["name"] == "ma5-published"
    refused(lambda: again.call("show-host", name="ma5-private"), code="generic_err_object_not_found")
    assert all(s["changes"] == 0 for s in
               again.call("show-sessions", details_level="full")["objects"])
    assert api.call("discard")["number-of-discarded-changes"] == 1
    assert exported(api) == exported(again)
    again.close()
    api.close()


def test_CA_3_what_a_session_holds_goes_to_the_new_active_when_it_is_handed_over(ex1, left_behind):
    def sessions(name):
        return [s for s in json.loads(ex1.ctl(name, "-o json session list -D London").stdout) if s["changes"] > 0]

    [held] = sessions("tokyo")
    uid = held["uid"]
    done = ex1.ctl("tokyo", f"session hand-over {uid} -D London", check=False)
    assert done.returncode == 1 and "this server is the Active" in done.stderr and "session publish" in done.stderr, done
    ex1.ctl("london", "--yes ha set-active London london")
    ex1.wait_role("london", "London", "active")
    # As people see it: enough of it to tell it from the others, made in the same minute.
    [seen] = [line.split()[0] for line in ex1.ctl("tokyo", "session list -D London").stdout.splitlines()
              if line.split()[2:4] == ["admin", "3"]]
    assert uid.startswith(seen) and len(seen) < len(uid)
    done = ex1.ctl("tokyo", f"--dry-run session hand-over {seen} -D London")
    assert "3 changes of admin would be given to the Active" in done.stdout and sessions("tokyo")
    done = ex1.ctl("tokyo", f"session hand-over {seen} -D London")
    assert "3 changes of admin go to the Active server" in done.stdout, done
    assert "Next:  on the Active: mdsctl session list -D London" in done.stdout, done
    wait_until(lambda: sessions("london"), 10, "the session to arrive on London")
    [arrived] = sessions("london")
    assert arrived["user-name"] == "admin" and arrived["changes"] == 3, arrived
    assert arrived["name"].startswith("handed over: ") and "(London-2, " in arrived["name"], arrived
    assert sessions("tokyo") == []
    done = ex1.ctl("tokyo", f"session hand-over {uid} -D London", check=False)
    assert done.returncode == 5, done
    # Its author goes on with it where it can be published.
    api = ex1.api("london", "London")
    api.send("switch-session", {"uid": arrived["uid"]})
    api.publish()
    ex1.wait_synchronized("london", "London")
    for name in ("london", "tokyo"):
        reader = ex1.api(name, "London")
        assert reader.call("show-host", name="left-2")["ipv4-address"] == "192.0.2.213"
        reader.close()
    for i in range(3):
        api.call("delete-host", name=f"left-{i}")
    api.publish()
    api.close()
    trail = ex1.ctl("tokyo", "-o json audit list -D London").stdout
    assert "Hand over session" in trail, trail[:2000]


def test_MD_1_system_data_is_synchronized_and_verified_by_the_same_verbs(ex1):
    done = ex1.ctl("london", "ha sync 'System Data' --to tokyo </dev/null", check=False)
    assert done.returncode == 9 and "mdsctl ha sync 'System Data' --to tokyo --yes --reason TEXT" in done.stderr, done
    done = ex1.ctl("london", "-y --reason repaired ha sync 'System Data' --to tokyo")
    assert "tokyo is synchronized" in done.stdout, done
    done = ex1.ctl("london", "ha verify 'System Data'")
    assert "all good" in done.stdout, done
    done = ex1.ctl("tokyo", "-y --reason test ha sync 'System Data' --to london", check=False)
    assert done.returncode == 1 and "RF-19" in done.stderr and "london" in done.stderr, done
    done = ex1.ctl("london", "ha verify 'System Data' tokyo", check=False)
    assert done.returncode == 1 and "on tokyo: mdsctl ha verify 'System Data'" in done.stderr, done
    done = ex1.ctl("london", "ha set-active 'System Data' tokyo", check=False)
    assert done.returncode == 1 and "Active on the Primary" in done.stderr, done
    ex1.wait_well("london")


def test_MA_1_MA_8_a_sync_of_a_healthy_peer_warns_and_runs_after_confirmation(ex1, london):
    reply = london.call("ha-full-sync", name="London-2")
    assert any("not needed" in text for text in reply["warnings"]), reply
    london.wait(reply)
    ex1.wait_synchronized("london", "London")
    tokyo = ex1.api("tokyo", "London")
    assert exported(london) == exported(tokyo)
    tokyo.close()


def test_MA_7_full_sync_only_from_the_active_towards_a_standby(ex1, london):
    tokyo = ex1.api("tokyo", "London")
    refused(lambda: tokyo.call("ha-full-sync", name="London-1", ignore_errors=True), "RF-19",
            words=["London-1"])
    refused(lambda: london.call("ha-full-sync", name="London-1", ignore_errors=True), "RF-19")
    refused(lambda: london.call("ha-full-sync", name="nowhere", ignore_errors=True),
            code="generic_err_object_not_found", words=["London-2", "London-log"])
    tokyo.close()


def test_MD_2_CA_5_a_sync_outlives_its_client_and_a_restart_of_its_server(ex1, london):
    for i in range(400):
        london.send("add-host", host(f"md2-{i}", f"198.18.{4 + i // 250}.{i % 250 + 1}", **{
            "ignore-warnings": True, "comments": "y" * 200}))
    london.publish()
    ex1.wait_synchronized("london", "London")
    task = ex1.ctl("london", "--yes --reason test --no-wait ha sync London --to tokyo").stdout.strip()
    ex1["london"].sh("systemctl kill -s KILL mds-domain@London-1.service")
    ex1["london"].sh("systemctl restart mds-core.service")
    wait_until(lambda: ex1.ctl("london", f"task show {task}", check=False).returncode == 0, 30,
               "the task to be found again")
    done = ex1.ctl("london", f"task watch {task}", timeout=120)
    assert "succeeded" in done.stdout, done.stdout
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")
    # The same is in the Domain's own list of tasks.
    api = ex1.api("london", "London")
    shown = api.call("show-task", task_id=task, details_level="full")["tasks"][0]
    assert (shown["task-name"], shown["target"]) == ("Full synchronization", "London-2")
    assert shown["status"] == "succeeded" and shown["progress-percentage"] == 100
    api.close()


def test_MD_4_servers_of_global_are_named_by_their_mds(ex1):
    done = ex1.ctl("london", "--yes --reason test ha sync Global --to tokyo")
    assert "Global: tokyo is synchronized" in done.stdout, done.stdout
    ex1.wait_synchronized("london", "Global")
    api = ex1.api("london", "Global")
    api.wait(api.call("ha-full-sync", name="tokyo", ignore_errors=True))
    error = refused(lambda: api.call("ha-full-sync", name="nowhere"),
                    code="generic_err_object_not_found", words=["london, tokyo"])
    assert "Global_" not in error.message
    api.close()
    ex1.wait_synchronized("london", "Global")


def test_IS_2_IS_3_SD_5_the_first_synchronization_is_a_task_where_it_belongs(ex1):
    system = ex1.api("london")
    names = {(t["task-name"], t["target"], t["status"])
             for t in system.call("show-tasks", limit=500, details_level="full")["tasks"]}
    for name in ("tokyo", "logs"):
        assert ("Initial synchronization", name, "succeeded") in names, sorted(names)
    servers = [{"name": "Rome-1", "ip-address": "10.77.0.61", "multi-domain-server": "london"}]
    system.wait(system.call("add-domain", name="Rome", servers=servers))
    rome = ex1.api("london", "Rome")
    rome.send("add-host", host("is2", "192.0.2.61"))
    rome.publish()
    rome.send("add-host", host("is2-private", "192.0.2.62"))
    system.wait(system.call("set-domain", name="Rome", servers={
        "add": {"name": "Rome-2", "ip-address": "10.77.0.62", "multi-domain-server": "tokyo"}}))
    tasks = rome.call("show-tasks", details_level="full")["tasks"]
    assert [(t["target"], t["status"]) for t in tasks
            if t["task-name"] == "Initial synchronization"] == [("Rome-2", "succeeded")], tasks
    rome.call("discard")
    copy = ex1.api("tokyo", "Rome")
    assert exported(copy) == exported(rome)
    copy.close()
    rome.close()
    system.wait(system.call("delete-domain", name="Rome"))
    system.close()


def test_CA_12_set_ha_state_by_api_ends_the_session_and_keeps_its_task(ex1):
    api = ex1.api("london", "London")
    reply = api.call("set-ha-state", new_state="standby")
    assert reply["login-required"] == "true"
    task = api.wait(reply)
    assert task["status"] == "succeeded", task
    error = refused(lambda: api.call("show-hosts"), "RF-38")
    assert error.status == 401
    again = ex1.api("london", "London")
    assert again.info["read-only"] is True
    again.wait(again.call("set-ha-state", new_state="active"))
    again.close()
    ex1.wait_role("london", "London", "active")
    writer = ex1.api("london", "London")
    assert writer.info["read-only"] is False
    writer.close()
    ex1.wait_synchronized("london", "London")
    # The Global Domain too.
    api = ex1.api("london", "Global")
    api.wait(api.call("set-ha-state", new_state="standby"))
    again = ex1.api("london", "Global")
    again.wait(again.call("set-ha-state", new_state="active"))
    again.close()
    ex1.wait_synchronized("london", "Global")


def test_ST_4_ST_5_from_the_status_to_a_sync_and_to_a_peer(ex1, london):
    ex1["tokyo"].sh("systemctl stop mds-domain@London-2.service")
    wait_until(lambda: ex1.peer("london", "London", "London-2").get("sync-status") == "unreachable",
               30, "London to notice")
    refused(lambda: london.call("ha-full-sync", name="London-2"), "RF-20", words=["London-2"])
    text = on_a_terminal(ex1, "london", "ha status London")
    assert "unreachable" in text and line_length(text) <= 80, text
    ex1["tokyo"].sh("systemctl start mds-domain@London-2.service")
    ex1.wait_synchronized("london", "London")
    ex1.ctl("london", "--yes --reason test ha sync London --to London-2")
    reader = ex1.api("tokyo", "London", **{"read-only": True})
    assert reader.info["read-only"] is True and reader.call("show-hosts")["total"] > 0
    reader.close()


def test_ST_6_the_grid_shows_what_the_domains_status_says(ex1):
    def same():
        grid = {c["mds-name"]: c for row in ex1.ctl_json("tokyo", "domain list")
                if row["name"] == "London" for c in row["cells"]}
        for row in ex1.ha("london", "London")["servers"]:
            cell = grid[row["multi-domain-server"]]
            # A stopped server's cell has no revision.
            if cell["sync-status"] != row["sync-status"] or \
                    cell.get("revision", row["peer-revision"]) != row["peer-revision"]:
                return False
        return grid["london"]["ha-state"] == "active"
    wait_until(same, 10, "the grid on Tokyo to show the status of London")
    ex1["logs"].sh("systemctl stop mds-domain@London-log.service")
    try:
        wait_until(lambda: ex1.peer("london", "London", "London-log")["sync-status"] ==
                   "unreachable" and same(), 30, "the grid to show it")
    finally:
        ex1["logs"].sh("systemctl start mds-domain@London-log.service")
    ex1.wait_synchronized("london", "London")


def test_LS_5_every_change_is_refused_on_a_standby_and_names_the_active(ex1):
    api = ex1.api("tokyo", "London")
    for command, body in (("add-host", host("ls5", "192.0.2.91")),
                          ("add-network", {"name": "ls5", "subnet": "192.0.2.0",
                                           "mask-length": 24}),
                          ("add-group", {"name": "ls5"}),
                          ("add-access-rule", {"layer": "Network", "position": "top"}),
                          ("add-package", {"name": "ls5"}),
                          ("publish", {})):
        error = refused(lambda command=command, body=body: api.send(command, body), "RF-05")
        assert "London-1" in error.message and "10.77.0.21" in error.message, error.body
    api.close()


def test_CA_11_the_loser_of_a_collision_is_listed_and_saved_before_it_yields(ex1):
    api = ex1.api("london", "London")
    api.send("add-host", host("ca11", "192.0.2.231"))
    api.publish()
    ex1.wait_synchronized("london", "London")
    for name in ("tokyo", "logs"):
        ex1.rig.cut("london", name)
    wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") == "unreachable",
               30, "Tokyo to notice")
    ex1.ctl("tokyo", "--yes --reason test ha force-active London tokyo")
    other = ex1.api("tokyo", "London")
    other.send("set-host", {"name": "ca11", "comments": "from Tokyo"})
    other.publish()
    # London is forced too, by somebody who sees only that side.
    ex1.ctl("london", "--yes ha set-standby London")
    ex1.ctl("london", "--yes --reason test ha force-active London london")
    api = ex1.api("london", "London", **{"session-name": "only here"})
    api.send("set-host", {"name": "ca11", "comments": "from London"})
    api.publish()
    ex1.rig.heal()
    wait_until(lambda: ex1.ha("london", "London")["state"] == "collision", 30, "the collision",
               lambda: json.dumps(ex1.ha("london", "London"), indent=1))
    refused(lambda: api.send("add-host", host("ca11-no", "192.0.2.232")))
    done = ex1.ctl("london", "ha set-standby London london </dev/null", check=False)
    assert done.returncode == 9, done.stderr
    assert "by admin, 'only here'" in done.stderr and "taken back" in done.stderr, done.stderr
    # Both sides in one view, from either.
    done = ex1.ctl("tokyo", "ha collision show London", check=False)
    assert done.returncode == 3 and "London: 2 servers are Active" in done.stdout, done
    for text in ("London-1 on london", "London-2 on tokyo", "only here", "1 publish that the others lack",
                 "mdsctl ha collision keep London --side tokyo"):
        assert text in done.stdout, done.stdout
    rows = schemas.check("ha collision show", ex1.ctl("london", "--json ha collision show London", check=False).stdout)
    assert {r["multi-domain-server"]: len(r["only-here"]) for r in rows} == {"london": 1, "tokyo": 1}, rows
    done = ex1.ctl("tokyo", "ha collision keep London --side paris", check=False)
    assert done.returncode == 5 and "its sides are" in done.stderr, done
    done = ex1.ctl("tokyo", "ha collision keep London --side tokyo </dev/null", check=False)
    assert done.returncode == 9 and ex1.ha("london", "London")["state"] == "collision", done
    schemas.check("ha collision keep --dry-run", ex1.ctl("tokyo", "--json --dry-run ha collision keep London --side tokyo").stdout)
    done = ex1.ctl("tokyo", "--yes ha collision keep London --side tokyo")
    assert "London: tokyo is Active, 1 of its other servers becomes Standby" in done.stdout, done
    path = re.search(r"what only london has is listed\s+there\s+in\s+(\S+)", done.stderr).group(1)
    listing = json.loads(ex1["london"].out(f"cat {path}"))
    assert [(r["author"], r["session"]) for r in listing["revisions"]] == [("admin", "only here")]
    ex1.wait_role("london", "London", "standby")
    ex1.wait_synchronized("tokyo", "London", 60)
    tokyo = ex1.api("tokyo", "London")
    assert tokyo.call("show-host", name="ca11")["comments"] == "from Tokyo"
    # What London had published waits for its author, with both values.
    wait_until(lambda: ex1.ha("london", "London")["parked"] == 0, 30, "the hand-over")
    recovered = ex1.ha("tokyo", "London")["recovered-sessions"]
    assert len(recovered) == 1 and recovered[0]["name"].startswith("recovered: only here"), recovered
    tokyo.call("switch-session", uid=recovered[0]["uid"])
    mark = tokyo.call("show-validations")["warnings"][0]
    assert mark["conflict"]["fields"] == [{"field": "comments", "mine": "from London",
                                           "theirs": "from Tokyo"}], mark
    refused(tokyo.publish, "RF-37", words=["from London", "from Tokyo"])
    tokyo.wait(tokyo.call("publish", ignore_warnings=True))
    assert tokyo.call("show-host", name="ca11")["comments"] == "from London"
    tokyo.close()
    active_on(ex1, "london")


def test_set_active_all_moves_every_domain_and_says_what_became_of_each(ex1):
    done = ex1.ctl("london", "ha set-active --all --on nowhere", check=False)
    assert done.returncode == 5 and "london, tokyo, logs" in done.stderr, done.stderr
    assert ex1.ctl("london", "ha set-active --all", check=False).returncode == 2
    assert ex1.ctl("london", "ha set-active --all --on logs", check=False).returncode == 1
    try:
        done = ex1.ctl("london", "--yes ha set-active --all --on tokyo")
        assert re.search(r"London +London-2 is Active", done.stdout), done.stdout
        assert re.search(r"Tokyo +Tokyo-1 is Active already", done.stdout), done.stdout
        assert re.search(r"Global +tokyo is Active", done.stdout), done.stdout
        assert "2 Domains set Active on tokyo, 0 failed, 1 left as they were" in done.stdout
        for domain in [*DOMAINS, "Global"]:
            ex1.wait_role("tokyo", domain, "active")
            ex1.wait_synchronized("tokyo", domain)
        # One that cannot: the others change all the same, exit 10.
        ex1["london"].sh("systemctl stop mds-domain@London-1.service")
        wait_until(lambda: ex1.peer("tokyo", "London", "London-1")["sync-status"] == "unreachable",
                   30, "London-1 to be missed")
        done = ex1.ctl("tokyo", "--yes ha set-active --all --on london", check=False)
        assert done.returncode == 10, done.stdout + done.stderr
        assert re.search(r"Global +london is Active", done.stdout), done.stdout
        assert "1 failed" in done.stdout
    finally:
        ex1["london"].sh("systemctl start mds-domain@London-1.service")
    ex1.wait_synchronized("tokyo", "London")
    rows = ex1.ctl_json("london", "--yes ha set-active --all --on london")
    assert {r["domain"]: r["result"] for r in rows} == {"Global": "skipped", "London": "done",
                                                        "Tokyo": "skipped"} or \
        all(r["result"] in ("done", "skipped") for r in rows), rows
    ex1.wait_role("london", "London", "active")
    if ex1.ha("london", "Tokyo")["role"] == "active":
        active_on(ex1, "tokyo", "Tokyo")
    for domain in [*DOMAINS, "Global"]:
        ex1.wait_synchronized("tokyo" if domain == "Tokyo" else "london", domain)


def test_mdsctl_output_fits_eighty_columns(ex1):
    for words in ("ha status London", "--yes --reason test ha sync London --to tokyo", "--no-pager task list -D London"):
        text = on_a_terminal(ex1, "london", words)
        assert text.strip() and line_length(text) <= 80, text
    ex1.wait_synchronized("london", "London")


def test_PR_7_install_database_has_a_result_for_every_server(ex1):
    api = ex1.api("london", "London")
    api.send("add-host", {"name": "installed", "ip-address": "192.0.2.230", "ignore-warnings": True})
    api.publish()
    ex1.rig.cut("london", "logs")
    ex1.rig.cut("tokyo", "logs")
    try:
        wait_until(lambda: ex1.peer("london", "London", "logs").get("sync-status") == "unreachable", 30,
                   "the log server to be missed")
        reply = api.call("install-database", targets=["London-1", "tokyo", "London-log"])
        ends = {}
        for one in reply["tasks"]:
            def ended(task=one["task-id"]):
                shown = api.call("show-task", task_id=task, details_level="full")["tasks"][0]
                return shown if shown["status"] != "in progress" else None
            ends[one["target"]] = wait_until(ended, 30, f"the task of {one['target']}")
        assert ends["London-1"]["status"] == ends["tokyo"]["status"] == "succeeded", ends
        assert "users and objects are there" in ends["tokyo"]["task-details"][0]["statusDescription"]
        assert ends["London-log"]["status"] == "failed", ends
        assert "London-log does not have revision" in ends["London-log"]["task-details"][0]["fault-message"]
    finally:
        ex1.rig.heal()
    ex1.wait_synchronized("london", "London", 60)
    reply = api.call("install-database", targets="London-log")
    done = api.wait(reply)
    assert done["status"] == "succeeded"
    # Gateways are another matter, and told apart.
    status, answer = api.raw("install-database", b'{"targets":["London-log","nothing"]}')[:2]
    assert status == 400 and "apart" in str(answer), answer
    api.close()
