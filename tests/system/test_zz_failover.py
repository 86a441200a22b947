"""Power cuts and cut lines. Last in order: each test leaves the deployment whole again."""

import json

import pytest

from api import ApiError
from rig import wait_until


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
    ex1.ctl("tokyo", "--yes ha force-active London tokyo")
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


def test_CA_10_a_returned_active_parks_what_it_had_not_sent(ex1):
    ex1.rig.cut("london", "tokyo")
    ex1.rig.cut("london", "logs")
    api = ex1.api("london", "London")
    api.send("add-host", {"name": "unsent", "ip-address": "192.0.2.203"})
    api.publish()
    wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") == "unreachable",
               30, "Tokyo to notice")
    ex1.ctl("tokyo", "--yes ha force-active London tokyo")
    tokyo = ex1.api("tokyo", "London")
    tokyo.send("add-host", {"name": "meanwhile", "ip-address": "192.0.2.204"})
    tokyo.publish()
    ex1.rig.heal()
    ex1.wait_role("london", "London", "standby")
    ex1.wait_synchronized("tokyo", "London", 60)
    assert ex1.ha("london", "London")["parked"] == 1
    # The old session learns where to go.
    with pytest.raises(ApiError) as caught:
        api.send("add-host", {"name": "late", "ip-address": "192.0.2.205"})
    assert caught.value.status in (401, 403)
    back = ex1.api("london", "London")
    with pytest.raises(ApiError, match="object_not_found"):
        back.call("show-host", name="unsent")
    assert back.call("show-host", name="meanwhile")["name"] == "meanwhile"
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
