"""C-T1: the examples of the command line as tests, with fixed data: at 80, 100 and 200 columns, with symbols and without.
screens/NAME.txt is what a terminal of 80 columns shows, both ways; OPENMDS_WRITE_SCREENS=1 writes it anew, to be looked at."""
import json
import os
import pathlib
import re
import time

import pytest
from fake_core import grid
from test_schemas import SERVER, SESSION

SCREENS = pathlib.Path(__file__).parent / "screens"
ESCAPE = re.compile("\x1b\\[[0-9;]*[A-Za-z]")
# 161 days from now; in the files of screens the day is always the same.
UNTIL = int((time.time() + 161.5 * 86400) * 1000)
DAY, SHOWN_DAY = time.strftime("%Y-%m-%d", time.gmtime(UNTIL / 1000)), "2027-05-11"


def ago(seconds):
    """A time in the past, as the core tells it."""
    return int((time.time() - seconds) * 1000)


def date(ms):
    """The same as the management API tells it."""
    return {"posix": ms, "iso-8601": "x"}


def deployment():
    """acme-msp: Tokyo is silent for two minutes."""
    told = grid(["Global", "tenant-0001", "tenant-0042", "tenant-0043"])
    london, tokyo, nyc = told["servers"]
    for server in told["servers"]:
        server["certificate-until"] = UNTIL
    tokyo.update({"state": "silent", "last-contact": ago(130), "reason": "no route to host"})
    nyc["last-contact"] = ago(1)
    london["active"], tokyo["standby"], nyc["standby"] = 4, 4, 3
    told["servers"].append(dict(nyc, uid="log", name="fra-log-01", address="10.4.0.11", role="log-server", active=0, standby=0))
    for n, domain in enumerate(told["domains"]):
        domain["cells"][1].update({"sync-status": "unreachable", "ha-state": "unknown"} if n == 2 else {})
        domain["sync"] = "unreachable" if n == 2 else "synchronized"
    told["domains"][3]["cells"][1]["sync-status"] = "synchronizing"
    told["domains"][3]["sync"] = "synchronizing"
    del told["domains"][1]["cells"][2]
    told["problems"] = [{"what": "tokyo-mds-01 does not answer on 10.2.0.11", "why": "no route to host, last contact 12:02:10",
                         "since": 0, "next": ["mdsctl server list", "mdsctl ha set-active --all --from tokyo-mds-01 --dry-run"]}]
    return told


def examples(control):
    """{name: (words, exit code)}; what the core says for each."""
    control.data["grid"] = deployment()
    control.says("show-ha-status", {
        "name": "tenant-0042", "server": "tenant-0042-1", "state": "normal", "role": "active", "revision": 48213,
        "successfully-synced": False, "last-change": {"cause": "handover", "by": "anna", "time": date(ago(7200))}, "servers": [
            {"name": "tenant-0042-2", "multi-domain-server": "tokyo-mds-01", "ha-state": "standby", "sync-status": "unreachable",
             "peer-revision": 48210, "since": date(ago(130)),
             "reason": "connection refused (10.2.0.42 port 18221) since 12:02:10; the Domain Server is down",
             "next": "mdsctl server list"},
            {"name": "tenant-0042-3", "multi-domain-server": "nyc-mds-01", "ha-state": "standby",
             "sync-status": "synchronized", "peer-revision": 48213, "since": date(ago(86400))}]})
    control.says("domain-ha-action", {"target": "tenant-0042-3", "mds-name": "nyc-mds-01", "costs": True, "warnings": [
        "anna is disconnected; 3 unpublished changes stay on tenant-0042-1, private"]})
    control.says("add-domain", {"domain": "London", "servers": [dict(SERVER, name="London-1", **{"mds-name": "london-mds-01"}),
                                                                SERVER]})
    control.says("promote-mds", {"lost": "london-mds-01", "self": "nyc-mds-01", "deployment": "acme-msp", "checks": [
        {"what": "london-mds-01 (Primary) does not answer, and no other server hears it", "state": "good", "rf": "", "next": ""},
        {"what": "tokyo-mds-01 does not answer either; what it has and this server has not is not seen", "state": "problem",
         "rf": "RF-23", "next": "mdsctl promote --ignore-silent"}], "domains": []})
    control.says("show-sessions", {"objects": [dict(SESSION, name="open port for billing",
                                                    **{"last-login-time": date(ago(600))})]})
    control.says("show-session-changes", {"uid": SESSION["uid"], "user-name": "anna", "name": "open port for billing", "changes": [
        {"uid": "1", "type": "access-rule", "name": "Billing", "change": "changed",
         "fields": [{"field": "service", "before": ["https"], "after": ["https", "tcp-8443"]}]},
        {"uid": "2", "type": "service-tcp", "name": "tcp-8443", "change": "added",
         "fields": [{"field": "port", "before": None, "after": "8443"}, {"field": "comments", "before": None, "after": ""}]},
        {"uid": "3", "type": "host", "name": "old-billing-host", "change": "removed",
         "fields": [{"field": "ipv4-address", "before": "10.9.1.7", "after": None}]}]})
    control.says("show-logs", {"logs": [
        {"id": f"l-{n}", "time": f"2024-11-29T12:0{n}:41Z", "type": "Audit", "origin": "london-mds-01", "administrator": who,
         "client_ip": ip, "application": "WEB_API", "operation": what, "subject": subject, "status": status,
         "additional_info": why, "session_uid": "", "session_name": "", "domain": "System Data"}
        for n, who, ip, what, subject, status, why in (
            (6, "anna", "10.1.9.14", "Change High Availability", "set-active tenant-0042 nyc-mds-01", "Success", "London works"),
            (1, "anna", "10.1.9.14", "Log in", "", "Success", ""),
            (0, "?", "10.7.0.3", "Log in", "admin", "Failure", "wrong password"))]})
    control.save()
    return {"status": ("status", 3), "domain-list": ("domain list", 0), "ha-status": ("ha status tenant-0042", 3),
            "set-active-plan": ("ha set-active tenant-0042 nyc-mds-01 --dry-run", 0),
            "domain-create-plan": ("domain create London --on london-mds-01 --standby tokyo-mds-01 --dry-run", 0),
            "promote-plan": ("promote --plan", 3), "session-diff": ("session diff 7c1 -D tenant-0042", 0),
            "session-list": ("session list -D tenant-0042", 0), "trust-status": ("trust status", 0),
            "audit-list": ("audit list", 0), "server-list": ("server list", 0), "balance-plan": ("ha balance --plan", 0)}


NAMES = ["audit-list", "balance-plan", "domain-create-plan", "domain-list", "ha-status", "promote-plan", "server-list",
         "session-diff", "session-list", "set-active-plan", "status", "trust-status"]


def shown(control, words, columns, ascii_only):
    """(exit code, lines) on a terminal."""
    code, out = control.on_terminal(*words.split(), rows=60, columns=columns, env={"LC_ALL": "C"} if ascii_only else {})
    return code, ESCAPE.sub("", out).replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_C_T1_what_a_terminal_of_80_columns_shows(control, name):
    words, code = examples(control)[name]
    text = f"$ mdsctl {words}\n"
    for ascii_only in (False, True):
        ended, lines = shown(control, words, 80, ascii_only)
        assert ended == code, lines
        text += "\n".join(lines) + "\n" + ("" if ascii_only else "\n$ LC_ALL=C\n")
    file = SCREENS / f"{name}.txt"
    if os.environ.get("OPENMDS_WRITE_SCREENS"):
        SCREENS.mkdir(exist_ok=True)
        file.write_text(text.replace(DAY, SHOWN_DAY))
    assert file.read_text() == text.replace(DAY, SHOWN_DAY)


@pytest.mark.parametrize("name", NAMES)
def test_C_T1_every_width_and_both_alphabets(control, name):
    words, code = examples(control)[name]
    plain = {}
    for columns in (80, 100, 200):
        for ascii_only in (False, True):
            ended, lines = shown(control, words, columns, ascii_only)
            assert ended == code and lines
            # A command that is to be pasted is never cut or broken.
            wide = [line for line in lines if len(line) > columns and "mdsctl" not in line]
            assert not wide, (columns, wide)
            assert not ascii_only or all(line.isascii() for line in lines), lines
            plain[columns, ascii_only] = lines
    assert not any("…" in line or "..." in line for line in plain[200, False]), "all of it fits in 200 columns"
    assert len(plain[200, False]) <= len(plain[80, False])


def test_C_T1_the_set_of_screens_is_the_set_of_examples(control):
    assert sorted(examples(control)) == NAMES == sorted(file.stem for file in SCREENS.glob("*.txt"))


def test_C_T1_the_same_facts_for_a_program(control):
    examples(control)
    done = control.run("ha", "status", "tenant-0042", "--json")
    told = json.loads(done.stdout)
    assert [p["multi-domain-server"] for p in told["servers"] if p["sync-status"] != "synchronized"] == ["tokyo-mds-01"]
