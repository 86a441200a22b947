"""Power cuts and cut lines. Last in order: each test leaves the deployment whole again."""

import json

import pytest

from api import ApiError
from rig import RigError, wait_until


def test_AS_6_CA_10_ST_3_power_cut_of_the_active_forced_takeover_and_return(ex1):
    api = ex1.api("london", "London")
    api.send("add-host", {"name": "before-cut", "ip-address": "192.0.2.201"})
    api.publish()
    ex1.wait_synchronized("london", "London")
    ex1["london"].kill()
    wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") == "unreachable",
               30, "Tokyo to notice")
    # Nothing becomes Active by itself; the status says so, with exit code 3.
    assert ex1.ha("tokyo", "London")["role"] == "standby"
    assert ex1.ha("tokyo", "London")["state"] == "no-active"
    assert ex1.ctl("tokyo", "ha status London", check=False).returncode == 3
    assert "last contact" in ex1.peer("tokyo", "London", "london")["reason"]
    refused = ex1.ctl("tokyo", "ha set-active London tokyo", check=False)
    assert refused.returncode != 0
    assert "RF-21" in refused.stderr and "not responding" in refused.stderr
    assert "force-active London tokyo" in refused.stderr
    # Status works on every server that is left (ST-7).
    for name in ("tokyo", "logs"):
        assert ex1.ctl(name, "--json status", check=False).returncode == 3
    ex1.ctl("tokyo", "--yes --reason test ha force-active London tokyo")
    tokyo = ex1.api("tokyo", "London")
    assert tokyo.call("show-host", name="before-cut")["name"] == "before-cut"
    tokyo.send("add-host", {"name": "after-cut", "ip-address": "192.0.2.202"})
    tokyo.publish()
    ex1.power_back("london")
    ex1.wait_synchronized("tokyo", "London", 60)
    ex1.wait_role("london", "London", "standby")
    back = ex1.api("london", "London")
    assert back.call("show-host", name="after-cut")["name"] == "after-cut"
    assert back.info["standby"] is True
    ex1.ctl("london", "ha set-active London london")
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")


def test_CA_10_a_returned_active_hands_over_what_it_had_not_sent(ex1):
    ex1.wait_synchronized("london", "London")
    for name in ("tokyo", "logs"):
        ex1.rig.cut("london", name)
    for number, comment in enumerate(["first", "second"]):
        api = ex1.api("london", "London", **{"session-name": f"unsent {comment}"})
        api.send("add-host", {"name": f"unsent-{number}", "ip-address": f"192.0.2.{203 + number}",
                              "comments": comment})
        api.publish()
        api.close()
    api = ex1.api("london", "London")
    wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") == "unreachable",
               30, "Tokyo to notice")
    ex1.ctl("tokyo", "--yes --reason test ha force-active London tokyo")
    tokyo = ex1.api("tokyo", "London")
    # The name of one of them is given away meanwhile.
    tokyo.send("add-host", {"name": "unsent-1", "ip-address": "192.0.2.206"})
    tokyo.publish()
    ex1.rig.heal()
    ex1.wait_role("london", "London", "standby")
    ex1.wait_synchronized("tokyo", "London", 60)
    # The old session learns where to go.
    with pytest.raises(ApiError) as caught:
        api.send("add-host", {"name": "late", "ip-address": "192.0.2.205"})
    assert caught.value.status in (401, 403)
    wait_until(lambda: ex1.ha("london", "London")["parked"] == 0 and
               len(ex1.ha("tokyo", "London")["recovered-sessions"]) == 2, 30, "the hand-over",
               lambda: json.dumps(ex1.ha("tokyo", "London"), indent=1))
    screen = ex1.ctl("tokyo", "ha status London", check=False).stdout
    assert "recovered: unsent first" in screen and "for their author" in screen, screen
    # Private until their author publishes them; nothing of them is public, here or there.
    for name in ("london", "tokyo"):
        look = ex1.api(name, "London")
        with pytest.raises(ApiError, match="object_not_found"):
            look.call("show-host", name="unsent-0")
        look.close()
    sessions = {s["name"]: s for s in
                tokyo.call("show-sessions", details_level="full")["objects"] if "recovered" in s}
    first, second = (next(s for n, s in sessions.items() if word in n)
                     for word in ("unsent first", "unsent second"))
    assert first["user-name"] == "admin" and first["connected"] is False and first["changes"] == 1
    assert first["recovered"]["server"] == "London-1"
    assert first["recovered"]["revision"] < second["recovered"]["revision"]
    tokyo.call("switch-session", uid=first["uid"])
    tokyo.publish()
    assert tokyo.call("show-host", name="unsent-0")["comments"] == "first"
    tokyo.call("switch-session", uid=second["uid"])
    errors = tokyo.call("show-validations")["errors"]
    assert len(errors) == 1 and "'unsent-1' cannot have this name" in errors[0]["message"], errors
    with pytest.raises(ApiError, match="err_validation_failed"):
        tokyo.publish()
    tokyo.call("set-host", name="unsent-1", new_name="unsent-one")
    tokyo.publish()
    assert tokyo.call("show-host", name="unsent-one")["comments"] == "second"
    tokyo.close()
    ex1.wait_synchronized("tokyo", "London")
    assert ex1.ha("tokyo", "London")["recovered-sessions"] == []
    ex1.ctl("london", "ha set-active London london")
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")


def test_a_recovered_session_survives_the_death_of_its_active_and_is_not_doubled(ex1):
    for name in ("tokyo", "logs"):
        ex1.rig.cut("london", name)
    api = ex1.api("london", "London")
    api.send("add-host", {"name": "thrice", "ip-address": "192.0.2.207"})
    api.publish()
    wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") == "unreachable",
               30, "Tokyo to notice")
    ex1.ctl("tokyo", "--yes --reason test ha force-active London tokyo")
    ex1.rig.heal()
    def recovered(name):
        try:
            return [r["uid"] for r in ex1.ha(name, "London").get("recovered-sessions", [])]
        except RigError:  # it starts
            return None
    wait_until(lambda: len(recovered("tokyo") or []) == 1, 30, "the hand-over")
    uid = recovered("tokyo")[0]
    ex1["tokyo"].sh("systemctl kill -s KILL mds-domain@London-2.service")
    wait_until(lambda: recovered("tokyo") == [uid], 30, "it to be there after a crash")
    ex1.wait_synchronized("tokyo", "London", 60)
    wait_until(lambda: ex1.peer("london", "London", "London-2").get("ha-state") == "active", 30,
               "London to hear that London-2 is Active again")
    # Nobody has gone on with it: it follows to the next Active.
    ex1.ctl("london", "ha set-active London london")
    ex1.wait_role("london", "London", "active")
    wait_until(lambda: recovered("london") == [uid] and recovered("tokyo") == [], 30,
               "it to follow the Active")
    api = ex1.api("london", "London")
    api.call("disconnect", uid=uid, discard=True)
    shown = api.call("show-session", uid=uid)
    assert shown["state"] == "discarded" and shown["discarded-by"] == "admin"
    api.close()
    assert recovered("london") == []
    ex1.wait_synchronized("london", "London")


def test_many_recovered_sessions_are_counted_and_some_of_them_shown(ex1):
    for name in ("tokyo", "logs"):
        ex1.rig.cut("london", name)
    api = ex1.api("london", "London")
    for number in range(25):
        api.send("add-host", {"name": f"many-{number}", "ip-address": f"198.18.32.{number + 1}"})
        api.publish()
    wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") == "unreachable",
               30, "Tokyo to notice")
    ex1.ctl("tokyo", "--yes --reason test ha force-active London tokyo")
    ex1.rig.heal()
    ex1.wait_role("london", "London", "standby")
    wait_until(lambda: ex1.ha("tokyo", "London").get("recovered-count") == 25, 30, "the hand-over",
               lambda: json.dumps(ex1.ha("tokyo", "London"), indent=1))
    assert len(ex1.ha("tokyo", "London")["recovered-sessions"]) == 20
    screen = ex1.ctl("tokyo", "ha status London", check=False).stdout
    # The oldest first.
    revisions = [int(r["name"].split("revision ")[1].split()[0])
                 for r in ex1.ha("tokyo", "London")["recovered-sessions"]]
    assert revisions == sorted(revisions), revisions
    assert screen.count("for their author") == 6 and "20 more recovered sessions" in screen, screen
    api = ex1.api("tokyo", "London")
    for row in [r for r in api.all("show-sessions", details_level="full") if "recovered" in r]:
        api.call("disconnect", uid=row["uid"], discard=True)
    api.close()
    assert ex1.ha("tokyo", "London")["recovered-count"] == 0
    ex1.ctl("london", "ha set-active London london")
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")


def test_HW_4_a_damaged_database_is_refused_and_replaced(ex1):
    """Bytes of the Standby's database are altered on disk: it never serves or hides them."""
    host = ex1["tokyo"]
    unit = "mds-domain@London-2.service"
    before = ex1.peer("london", "London", "London-2")
    host.sh(f"systemctl stop {unit}")
    base = host.out("find -L /var/lib/mds/servers/London-2 -name public.db | head -1").strip()
    assert base, "the database of the Domain Server"
    host.sh(f"rm -f {base}-wal {base}-shm; head -c 65536 /dev/urandom >{base}")
    host.sh(f"systemctl start {unit}", check=False)
    ex1.wait_synchronized("london", "London", 60)
    after = ex1.peer("london", "London", "London-2")
    assert after["revision"] >= before["revision"]
    journal = host.out(f"journalctl -u {unit} -p warning --no-pager -n 50")
    assert "damage" in journal, journal


def test_ST_4_a_stopped_standby_is_not_shown_as_ok(ex1):
    host = ex1["tokyo"]
    host.sh("systemctl stop mds-domain@London-2.service")
    ex1.wait_role("london", "London", "active")
    wait_until(lambda: ex1.peer("london", "London", "London-2").get("sync-status") == "unreachable",
               30, "London to notice")
    status = json.dumps(ex1.peer("london", "London", "London-2"))
    assert "no connection with peer" in status
    host.sh("systemctl start mds-domain@London-2.service")
    ex1.wait_synchronized("london", "London")
