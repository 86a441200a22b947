"""The processes of the reference deployment by hand: one Domain Server, a whole host, the management API; and the two
sides of a collision. Each test leaves every server running and every Active where it was."""

import hashlib
import json
import re
import ssl

import pytest

import schemas
from api import ApiError
from deployment import PASSWORD
from rig import wait_until

UNIT = "mds-domain@London-2.service"
START = "mdsctl ds start London tokyo"


def active(ex1, host, unit):
    """Whether a unit runs."""
    return ex1[host].sh(f"systemctl is-active --quiet {unit}", check=False).returncode == 0


def cell(ex1, host, domain, on):
    """The server of a Domain on a host, as another one sees it."""
    return next(c for d in ex1.ctl_json(host, "domain list") if d["name"] == domain
                for c in d["cells"] if c["mds-name"] == on)


def narrow(text):
    """A screen for people fits 80 columns; what clears a line of progress takes none."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    wide = [line for line in text.splitlines() if len(line) > 80]
    assert not wide, wide
    return text


def squeezed(text):
    """In one line, wherever a terminal breaks it."""
    return re.sub(r"\s+", " ", text)


def screen(ex1, host, words, terminal=True):
    """(exit code, text) of mdsctl on a terminal of 80 columns."""
    command = f"mdsctl {words}"
    if terminal:
        command = f"script -qec 'stty cols 80; LC_ALL=C.UTF-8 TERM=dumb {command}' /dev/null </dev/null"
    done = ex1[host].sh(command, check=False)
    return done.returncode, narrow(done.stdout.replace("\r", ""))


@pytest.fixture(name="whole", autouse=True)
def everything_runs(ex1):
    """Before and after each test."""
    ex1.wait_well("london")
    yield
    for host in ex1.wanted:
        ex1.ctl(host, "server start")
    ex1.wait_well("london")
    for domain, host in (("London", "london"), ("Tokyo", "tokyo"), ("Global", "london")):
        assert ex1.ha(host, domain)["role"] == "active", domain


def test_a_standby_is_stopped_from_another_server_and_everybody_says_by_whom(ex1):
    schemas.check("ds stop --dry-run", ex1.ctl("logs", "--json --dry-run ds stop London tokyo").stdout)
    assert active(ex1, "tokyo", UNIT), "a plan changes nothing"
    told = schemas.check("ds stop", ex1.ctl("london", "--json --reason 'new disk' ds stop London tokyo").stdout)
    assert (told["server"], told["multi-domain-server"], told["state"], told["changed"]) == \
        ("London-2", "tokyo", "stopped", True), told
    assert not active(ex1, "tokyo", UNIT)
    again = ex1.ctl_json("london", "ds stop London-2")
    assert again["changed"] is False and "stopped by root" in again["text"], again
    for host in ("london", "tokyo", "logs"):
        wait_until(lambda h=host: cell(ex1, h, "London", "tokyo").get("stopped"), 10, f"{host} to know")
        code, text = screen(ex1, host, "status")
        assert code == 3 and START in text, text
        assert "London-2 of Domain London on tokyo is stopped by root" in squeezed(text), text
        assert "new disk" in text and "unreachable" not in text, text
        code, text = screen(ex1, host, "domain list")
        assert code == 0 and "Stopped" in text and START in text and "by root" in text, text
        code, text = screen(ex1, host, "ha status London")
        assert code == 3 and START in text and "stopped by root" in squeezed(text), text
    schemas.check("status", ex1.ctl("london", "--json status", check=False).stdout)
    schemas.check("ha status", ex1.ctl("london", "--json ha status London", check=False).stdout)
    row = cell(ex1, "london", "London", "tokyo")
    assert row["stopped"]["by"] == "root" and row["stopped"]["reason"] == "new disk" and row["next"] == START, row
    code, text = screen(ex1, "tokyo", "doctor")
    assert code == 3 and START in text and "systemctl" not in text, text
    assert "London-2 was stopped by root" in squeezed(text), text
    # What somebody wanted is not repaired.
    ex1.ctl("tokyo", "doctor --fix", check=False)
    assert not active(ex1, "tokyo", UNIT)
    done = ex1["tokyo"].sh("mdsstat", check=False)
    assert done.returncode == 3 and re.search(r"^\| DMS +\| London-2 .*\| down ", done.stdout, re.M), done.stdout
    assert re.search(r"^London-2: stopped by root \d+ (s|min) ago$", done.stdout, re.MULTILINE), done.stdout
    assert "Next: mdsstart_customer London-2" in done.stdout
    narrow(done.stdout.split("+\nTip")[1])
    # A publish goes on, and the server catches up when it is back.
    api = ex1.api("london", "London")
    api.send("add-host", {"name": "while-stopped", "ip-address": "192.0.2.240", "ignore-warnings": True})
    api.publish()
    told = ex1.ctl_json("logs", "ds start London-2")
    assert told["state"] == "running" and told["changed"] is True, told
    assert active(ex1, "tokyo", UNIT) and "stopped" not in cell(ex1, "tokyo", "London", "tokyo")
    ex1.wait_synchronized("london", "London")
    api.call("delete-host", name="while-stopped")
    api.publish()
    api.close()


def test_it_stays_stopped_when_services_start_again_and_a_boot_starts_it(ex1):
    ex1.ctl("london", "ds stop London logs")
    ex1["logs"].sh("systemctl restart mds-core")
    # It has read the system data and knows its other Domain Server: whatever it starts, it has ordered by now.
    wait_until(lambda: active(ex1, "logs", "mds-core.service") and ex1.ctl("logs", "status", check=False).returncode == 3 and
               cell(ex1, "logs", "Tokyo", "logs")["ha-state"] == "log server", 30, "mds-core on logs")
    assert not active(ex1, "logs", "mds-domain@London-log.service")
    # Another content of the system data is another reconciliation.
    api = ex1.api("london")
    api.call("set-domain", name="London", comments="processes")
    api.publish()
    wait_until(lambda: ex1.ctl_json("logs", "domain show London").get("comments") == "processes", 20, "logs to have it")
    ex1["logs"].sh("systemctl restart mds.target")
    wait_until(lambda: active(ex1, "logs", "mds-domain@Tokyo-log.service"), 30, "its other Domain Server")
    wait_until(lambda: cell(ex1, "logs", "London", "logs").get("stopped"), 30, "the mark to be read again")
    assert not active(ex1, "logs", "mds-domain@London-log.service")
    assert not ex1["logs"].out("systemctl list-jobs --no-legend 'mds-domain@*'")
    ex1["logs"].kill()
    ex1.power_back("logs")
    wait_until(lambda: active(ex1, "logs", "mds-domain@London-log.service"), 60, "a boot to start it")
    api.call("set-domain", name="London", comments="")
    api.publish()
    api.close()
    ex1.wait_synchronized("london", "London", 60)


def test_whoever_starts_everything_starts_it_and_so_does_its_unit(ex1):
    for start in ("mdsstart", "mdsctl server start", f"systemctl start {UNIT}"):
        ex1.ctl("tokyo", "ds stop London-2")
        ex1["tokyo"].sh(start)
        wait_until(lambda: active(ex1, "tokyo", UNIT), 30, f"{start} to start it")
        wait_until(lambda: not ex1["tokyo"].out("ls /run/mds/stopped"), 10, "nobody to have it stopped any more")
        # And it is not stopped by the next start of mds-core either.
        ex1.wait_synchronized("london", "London")
    ex1["tokyo"].sh("mdsctl ds stop London-2 && mdsstop && systemctl start mds.target")
    wait_until(lambda: active(ex1, "tokyo", "mds-domain@Tokyo-1.service"), 30, "the others")
    assert not active(ex1, "tokyo", UNIT)


def test_an_active_is_stopped_only_by_who_says_so_and_the_way_out_is_named(ex1):
    def refused(words, host="london"):
        done = ex1.ctl(host, f"{words} </dev/null", check=False)
        return done.returncode, squeezed(done.stderr)
    code, text = refused("ds stop London london")
    assert code == 9 and "London-1 on london is the Active server of London" in text, text
    assert "nobody can change the Domain" in text and "Next: mdsctl ha set-active London tokyo" in text, text
    assert ex1.ha("london", "London")["role"] == "active"
    api = ex1.api("tokyo")
    with pytest.raises(ApiError) as error:
        api.send("stop-domain-server", {"server": "London-1"})
    assert error.value.code == "err_ha_invalid_operation" and "confirmed" in error.value.message
    ex1.ctl("tokyo", "-y --reason 'move' ds stop London-1")
    wait_until(lambda: cell(ex1, "london", "London", "london").get("stopped"), 10, "london to know")
    for host in ("london", "tokyo"):
        code, text = screen(ex1, host, "status")
        assert code == 3 and "mdsctl ds start London london" in text, text
        assert "it was the Active server" in squeezed(text) and "no server is Active" not in text, text
    # Also on the host itself, by what the other servers of the Domain say.
    code, text = refused("ha status London")
    assert code == 3, text
    code, text = refused("ha set-active London tokyo", "tokyo")
    assert code == 1 and "stopped by root" in text and "Next: mdsctl ds start London london" in text, text
    with pytest.raises(ApiError) as error:
        ex1.api("london", "London")
    assert "London-1 of Domain London is stopped by root" in error.value.message, error.value.body
    assert "mdsctl ds start London london" in json.dumps(error.value.body)
    code, text = screen(ex1, "london", "doctor")
    assert code == 3 and "mdsctl ds start London london" in text and "force-active" not in text, text
    assert api.send("start-domain-server", {"domain": "London", "server": "london"})["state"] == "running"
    api.close()
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")


def test_restart_is_one_step_and_the_active_comes_back_as_it_was(ex1):
    def pid():
        return ex1["london"].out("systemctl show -p MainPID --value mds-domain@London-1")
    before = pid()
    told = schemas.check("ds restart", ex1.ctl("logs", "--json ds restart London london").stdout)
    assert told["state"] == "running" and pid() not in ("0", before)
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")


def test_wrong_words_are_told_with_what_would_be_right(ex1):
    for words, code, said in (
            ("ds stop", 2, "DOMAIN is required"),
            ("ds stop London", 2, "London is a Domain; which of its servers? London-1 on london, London-2 on tokyo"),
            ("ds stop Global", 2, "Next: mdsctl ds stop Global SERVER"),
            ("ds stop London nowhere", 5, "Domain London has no server nowhere; it has London-1 on london"),
            ("ds start nobody", 5, "Next: mdsctl ds list"),
            ("ds start Nowhere tokyo", 5, "[Nowhere]"),
            ("server stop tokyo", 2, "Next: on tokyo: mdsctl server stop"),
            ("server restart --dry-run", 2, "no plan"),
            ("ha sync", 2, "--server SERVER"), ("ha verify", 2, "--all"),
            ("ha sync --server nowhere -y --reason x", 5, "there are london, tokyo, logs"),
            ("ha collision", 2, "show, keep"),
            ("ha collision show nowhere", 5, "Next: mdsctl domain list"),
            ("ha collision keep London --side tokyo", 1, "has no collision: only london is Active")):
        done = ex1.ctl("london", f"{words} </dev/null", check=False)
        assert done.returncode == code and said in squeezed(done.stderr), (words, done.returncode, done.stderr)
    assert ex1.ctl("london", "status", check=False).returncode == 0


def test_who_may_provision_servers_may_stop_them_and_the_record_says_who_and_why(ex1):
    root = ex1.api("london")
    root.call("add-administrator", name="domains-only", password=PASSWORD, multi_domain_profile="Domain Super User")
    root.publish()
    other = ex1.api("london", user="domains-only")
    with pytest.raises(ApiError) as error:
        other.send("stop-domain-server", {"domain": "London", "server": "tokyo"})
    assert error.value.status == 403, error.value.body
    other.close()
    ex1["london"].sh("id alice || useradd -m alice")
    done = ex1["london"].sh("runuser -u alice -- mdsctl -y ds stop London tokyo </dev/null", check=False)
    assert done.returncode == 4, done
    done = ex1["london"].sh("runuser -u alice -- mdsctl -y server stop </dev/null", check=False)
    assert done.returncode == 4 and "sudo mdsctl server stop" in done.stderr, done
    assert active(ex1, "tokyo", UNIT)
    ex1.ctl("london", "--reason 'test of records' ds stop London tokyo")
    ex1.ctl("london", "ds start London tokyo")
    rows = root.send("show-logs", {"new-query": {"type": "audit", "time-frame": "last-hour", "max-logs-per-request": 20,
                                                 "filter": "\"Domain Server\""}})["logs"]
    rows = [r for r in rows if r["operation"].endswith("Domain Server")]
    assert [(r["operation"], r["subject"], r["status"]) for r in rows[:3]] == [
        ("Start Domain Server", "London tokyo", "Success"), ("Stop Domain Server", "London tokyo", "Success"),
        ("Stop Domain Server", "London tokyo", "Failure")], rows
    assert "test of records" in json.dumps(rows[1]) and rows[2]["administrator"] == "domains-only", rows
    root.call("delete-administrator", name="domains-only")
    root.publish()
    root.close()


def test_a_whole_host_is_stopped_and_started_without_its_core(ex1):
    logs = ex1["logs"]
    told = schemas.check("server stop", ex1.ctl("logs", "--json server stop").stdout)
    assert told["state"] == "stopped" and told["server"] == "logs"
    for unit in ("mds-core", "mds-sync", "mds-api.socket", "mds-domain@London-log"):
        assert not active(ex1, "logs", unit), unit
    schemas.check("server stop", ex1.ctl("logs", "--json server stop logs").stdout)
    schemas.check("server start", ex1.ctl("logs", "--json server start").stdout)
    wait_until(lambda: active(ex1, "logs", "mds-domain@London-log"), 30, "everything to run again")
    before = logs.out("systemctl show -p MainPID --value mds-core")
    schemas.check("server restart", ex1.ctl("logs", "--json server restart logs").stdout)
    assert logs.out("systemctl show -p MainPID --value mds-core") not in ("0", before)
    ex1.wait_well("london")


def test_C_T10_one_domain_server_by_its_classic_names(ex1):
    tokyo = ex1["tokyo"]
    for stop, start in (("mdsstop_customer London-2", "mdsstart_customer 10.77.0.31"),
                        ("mdsstop_customer 10.77.0.31", "mdsstart_customer london-2")):
        tokyo.sh(stop)
        assert not active(ex1, "tokyo", UNIT)
        tokyo.sh(start)
        assert active(ex1, "tokyo", UNIT)
    # London-1 is not of this host; Tokyo-1 is the Active of its Domain.
    for words, code, said in (("mdsstop_customer London-1", 5, "Next: mdsstat"), ("mdsstop_customer", 2, "Usage: "),
                              ("mdsstart_customer -x London-2", 2, "Usage: "), ("mdsstart_customer a b", 2, "Usage: "),
                              ("mdsstop_customer Tokyo-1", 9, "ha set-active Tokyo london")):
        done = tokyo.sh(f"{words} </dev/null", check=False)
        assert done.returncode == code and said in done.stderr, (words, done)
    tokyo.sh("mdsstop_customer -y Tokyo-1 && mdsstart_customer Tokyo-1")
    ex1.wait_role("tokyo", "Tokyo", "active")
    ex1.wait_synchronized("tokyo", "Tokyo")
    assert tokyo.sh("runuser -u nobody -- mdsstop_customer London-2", check=False).returncode == 4


def test_C_T10_cpwd_admin_lists_every_process_with_its_starts(ex1):
    tokyo = ex1["tokyo"]

    def rows():
        lines = narrow(tokyo.out("cpwd_admin list")).splitlines()
        assert lines[0].split() == ["APP", "PID", "STAT", "#START", "START_TIME"], lines
        return {line.split()[0]: line.split(None, 4)[1:] for line in lines[1:]}
    # By hand: the count begins with it.
    ex1.ctl("tokyo", "ds restart London-2")
    before = rows()
    assert {"mds-core", "mds-sync", "mds-ca", "mds-api", "mds-domain@London-2", "mds-domain@Tokyo-1"} <= set(before)
    pid, state, starts, when = before["mds-domain@London-2"]
    assert pid == tokyo.out(f"systemctl show -p MainPID --value {UNIT}") and state == "E" and starts == "1", before
    since = int(tokyo.out(f"date -d \"$(systemctl show -p ExecMainStartTimestamp --value {UNIT})\" +%s"))
    assert when == tokyo.out(f"date -d @{since} '+[%H:%M:%S] %-d/%-m/%Y'"), (when, since)
    tokyo.sh(f"kill -9 {pid}")
    wait_until(lambda: rows()["mds-domain@London-2"][:1] not in (["0"], [pid]), 20, "it to be back")
    assert rows()["mds-domain@London-2"][1:3] == ["E", "2"]
    ex1.ctl("tokyo", "ds stop London-2")
    assert rows()["mds-domain@London-2"][:2] == ["0", "T"]
    done = tokyo.sh("cpwd_admin", check=False)
    assert done.returncode == 2 and "Usage: cpwd_admin list" in done.stderr


def test_C_T10_api_status_asks_the_server_and_its_switch_works(ex1):
    tokyo = ex1["tokyo"]
    text = tokyo.out("api status")
    # This line is what scripts look for, as it always was; all others fit a terminal.
    assert text.splitlines()[-1] == \
        "API readiness test SUCCESSFUL. The server is up and ready to receive connections.", text
    narrow("\n".join(text.splitlines()[:-1]))
    assert re.search(r"^API +Started +\d+ ", text, re.M) and re.search(r"^HTTPS Port: +443$", text, re.M), text
    assert "Overall API Status: Started" in text and re.search(r"Automatic Start: +Enabled", text), text
    der = ssl.PEM_cert_to_DER_cert(tokyo.out("cat /var/lib/mds/api/server.pem"))
    shown = narrow(tokyo.out("api fingerprint"))
    for digest in (hashlib.sha1(der), hashlib.sha256(der)):
        assert digest.hexdigest().upper() in shown.replace(":", "").replace("\n", ""), shown
    tokyo.sh("api stop")
    try:
        done = tokyo.sh("api status", check=False)
        assert done.returncode == 3 and done.stdout.splitlines()[-1].startswith("API readiness test FAILED."), done
        assert "Overall API Status: Stopped" in done.stdout
        assert tokyo.sh("api fingerprint", check=False).returncode == 7
        assert active(ex1, "tokyo", "mds-core"), "only the API stops"
    finally:
        tokyo.sh("api start")
    assert tokyo.sh("api status", check=False).returncode == 0
    # The API server answers alone what only mds-core knows.
    tokyo.sh("systemctl stop mds-core")
    try:
        done = tokyo.sh("api status", check=False)
        assert done.returncode == 3 and "readiness test FAILED" in done.stdout, done
    finally:
        tokyo.sh("systemctl start mds-core")
    tokyo.sh("api restart")
    wait_until(lambda: tokyo.sh("api status", check=False).returncode == 0, 20, "it to be ready")
    assert tokyo.sh("api", check=False).returncode == 2
    assert tokyo.sh("runuser -u nobody -- api stop", check=False).returncode == 4


def test_every_standby_of_a_server_gets_a_full_copy_and_every_domain_is_verified(ex1):
    done = ex1.ctl("london", "ha sync --server tokyo </dev/null", check=False)
    assert done.returncode == 9 and "every Standby on tokyo" in done.stderr, done
    done = ex1.ctl("london", "--dry-run ha sync --server tokyo")
    assert "London-2 on tokyo would get a full copy" in done.stdout and "2 Domains would be" in done.stdout, done.stdout
    rows = schemas.check("ha sync --server", ex1.ctl("london", "--json -y --reason test ha sync --server tokyo").stdout)
    # Tokyo is Active there.
    assert {r["domain"]: r["result"] for r in rows} == {"Global": "done", "London": "done"}, rows
    ex1.wait_synchronized("london", "London")
    rows = schemas.check("ha sync --server", ex1.ctl("london", "--json -y --reason test ha sync --server logs").stdout)
    assert {r["domain"] for r in rows} == {"London", "Tokyo"} and {r["result"] for r in rows} == {"done"}, rows
    code, text = screen(ex1, "tokyo", "ha verify --all")
    assert code == 0 and "3 Domains verified, 0 failed" in text and "all good" in text, text
    # One that cannot: the others all the same.
    ex1.ctl("tokyo", "ds stop London-2")
    rows = ex1.ctl_json("london", "ha verify --all --to tokyo")
    assert {r["domain"]: r["result"] for r in rows} == {"Global": "done", "London": "failed", "Tokyo": "done"}, rows
    code, text = screen(ex1, "london", "-y --reason test ha sync --server tokyo")
    assert code == 10 and "1 failed" in text and "mdsctl" in text, text


def collide(ex1):
    """London and tokyo are both Active for London; each has published something that the other lacks."""
    for name in ("tokyo", "logs"):
        ex1.rig.cut("london", name)
    wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") == "unreachable", 30, "Tokyo to notice")
    ex1.ctl("tokyo", "-y --reason test ha force-active London tokyo")
    ex1.ctl("london", "-y ha set-standby London")
    ex1.ctl("london", "-y --reason test ha force-active London london")
    for side in ("london", "tokyo"):
        api = ex1.api(side, "London", **{"session-name": f"only on {side}"})
        api.send("add-host", {"name": f"side-{side}", "ip-address": "192.0.2.241", "ignore-warnings": True})
        api.publish()
        api.close()
    ex1.rig.heal()
    for name in ("london", "tokyo", "logs"):
        wait_until(lambda n=name: [c["ha-state"] for d in ex1.ctl_json(n, "domain list") if d["name"] == "London"
                                   for c in d["cells"]].count("active") == 2, 30, f"{name} to see both")
    wait_until(lambda: all(ex1.ha(n, "London")["state"] == "collision" for n in ("london", "tokyo")), 30, "the collision")


def test_both_sides_of_a_collision_are_shown_and_one_is_kept(ex1):
    code, text = screen(ex1, "london", "ha collision show London")
    assert code == 0 and "no collision; London-1 is Active" in text, text
    collide(ex1)
    for host in ("london", "tokyo", "logs"):
        code, text = screen(ex1, host, "ha collision show London")
        assert code == 3 and "only on london" in text and "only on tokyo" in text, text
        assert "mdsctl ha collision keep London --side london" in text, text
    done = ex1.ctl("logs", "--json ha collision show London", check=False)
    sides = {s["multi-domain-server"]: s for s in schemas.check("ha collision show", done.stdout)}
    assert done.returncode == 3 and set(sides) == {"london", "tokyo"}
    for name, side in sides.items():
        assert [(r["author"], r["session"]) for r in side["only-here"]] == [("admin", f"only on {name}")], side
    plan = schemas.check("ha collision keep --dry-run",
                         ex1.ctl("logs", "--json --dry-run ha collision keep London --side london").stdout)
    assert plan["kept"] == "london" and [s["multi-domain-server"] for s in plan["given-up"]] == ["tokyo"], plan
    done = ex1.ctl("logs", "ha collision keep London --side london </dev/null", check=False)
    assert done.returncode == 9 and "'only on tokyo'" in squeezed(done.stderr), done.stderr
    assert ex1.ctl("logs", "ha collision keep London --side nowhere", check=False).returncode == 5
    assert ex1.ha("tokyo", "London")["role"] == "active", "nothing was changed"
    told = schemas.check("ha collision keep", ex1.ctl("logs", "--json -y ha collision keep London --side london-1").stdout)
    assert told["kept"] == "london" and told["given-up"] == ["tokyo"], told
    ex1.wait_role("tokyo", "London", "standby")
    assert ex1.ha("london", "London")["role"] == "active"
    ex1.wait_synchronized("london", "London", 60)
    # What only tokyo had waits for its author.
    wait_until(lambda: ex1.ha("tokyo", "London")["parked"] == 0, 30, "the hand-over")
    api = ex1.api("london", "London")
    assert api.call("show-host", name="side-london")["name"] == "side-london"
    with pytest.raises(ApiError, match="object_not_found"):
        api.call("show-host", name="side-tokyo")
    (given,) = ex1.ha("london", "London")["recovered-sessions"]
    assert given["name"].startswith("recovered: only on tokyo") and given["user-name"] == "admin", given
    api.call("switch-session", uid=given["uid"])
    api.wait(api.call("publish", ignore_warnings=True))
    assert api.call("show-host", name="side-tokyo")["name"] == "side-tokyo"
    for side in ("london", "tokyo"):
        api.call("delete-host", name=f"side-{side}")
    api.publish()
    api.close()
    assert ex1.ctl("london", "ha collision show London", check=False).returncode == 0
