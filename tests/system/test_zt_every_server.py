"""System data is changed on every Multi-Domain Server (SY-1, SY-2): three of them and a log server."""

import json

import pytest

from deployment import PASSWORD
from rig import wait_until
from test_ex1 import refused
from test_promotion import built, lost

MDSS = ["london", "tokyo", "paris"]
# What is committed also comes by way of the log server.
PAIRS = [("london", "tokyo"), ("london", "paris"), ("tokyo", "paris"), ("tokyo", "logs"), ("paris", "logs")]


@pytest.fixture(name="four", scope="module")
def three_mdss_and_a_log_server():
    """London is the Primary; Domain A has a server everywhere."""
    deployment = built("every", MDSS + ["logs"], ["A"])
    yield deployment
    deployment.down()


def administrator(name, **more):
    """Parameters of a new superuser."""
    return {"name": name, "password": PASSWORD, "multi-domain-profile": "Multi-Domain Super User", **more}


def shows(deployment, server, kind, name, **fields):
    """Whether a server shows an object with these values."""
    api = deployment.api(server)
    try:
        status, reply = api.raw(f"show-{kind}", json.dumps({"name": name}).encode())[:2]
        reply = json.loads(reply) if isinstance(reply, (bytes, str)) else reply
        return status == 200 and all(reply.get(key) == value for key, value in fields.items())
    finally:
        api.close()


def wait_everywhere(deployment, kind, name, servers=("london", "tokyo", "paris", "logs"), **fields):
    """Waits until all of these servers show it."""
    for server in servers:
        wait_until(lambda s=server: shows(deployment, s, kind, name, **fields), 30, f"{name} on {server}",
                   lambda: deployment.ctl("london", "status", check=False).stdout)


def waiting(deployment, name):
    """Publishes that wait for the Primary, as a server says."""
    return deployment.ha(name, '"System Data"')["tentative"]["count"]


def wait_one_state(deployment):
    """Waits until all servers have the same revision with the same digest and nothing waits."""
    def states():
        rows = {n: deployment.ha(n, '"System Data"') for n in MDSS + ["logs"]}
        return {(r["revision"], r["digest"], r["tentative"]["count"]) for r in rows.values()}
    wait_until(lambda: len(states()) == 1 and next(iter(states()))[2] == 0, 60, "one state", lambda: str(states()))


def alone(deployment):
    """Cuts all Multi-Domain Servers off from each other and waits until they know."""
    for pair in PAIRS:
        deployment.rig.cut(*pair)
    for name in MDSS:
        wait_until(lambda n=name: all(s["state"] == "silent" for s in deployment.ctl_json(n, "server list")
                                      if s["name"] in MDSS and s["name"] != n), 30, f"{name} to be alone")


def recovered(api, user="admin"):
    """Sessions of this administrator here whose publish was refused."""
    return [s for s in api.call("show-sessions", limit=100, details_level="full")["objects"]
            if s.get("recovered") and s["changes"] > 0 and s["user-name"] == user]


def test_SY_1_EX_3_system_data_is_changed_on_each_server_and_is_on_all(four):
    apis = {name: four.api(name) for name in MDSS}
    for api in apis.values():
        assert api.info["standby"] is False and api.info["read-only"] is False
    apis["london"].send("add-md-permissions-profile", {"name": "by-london", "permission-level": "manager"})
    apis["tokyo"].send("add-administrator", administrator("by-tokyo"))
    apis["paris"].send("set-domain", {"name": "A", "comments": "by paris"})
    for api in apis.values():
        api.publish()
    # What a publish was answered for is there when it is answered.
    assert shows(four, "tokyo", "administrator", "by-tokyo")
    assert shows(four, "paris", "domain", "A", comments="by paris")
    wait_everywhere(four, "md-permissions-profile", "by-london")
    wait_everywhere(four, "administrator", "by-tokyo")
    wait_everywhere(four, "domain", "A", comments="by paris")
    # The new administrator logs in everywhere (EX-3).
    for name in MDSS:
        api = four.api(name, user="by-tokyo")
        assert {d["name"] for d in api.call("show-domains")["objects"]} >= {"A"}
        api.close()
    for api in apis.values():
        api.close()
    wait_one_state(four)
    four.wait_well("paris")


def test_SY_1_RF_13_a_session_is_approved_on_a_secondary_and_what_the_primary_keeps_is_refused_there(four):
    by_admin, approver = four.api("tokyo"), four.api("tokyo", user="by-tokyo")
    by_admin.send("set-md-permissions-profile", {"name": "by-london", "comments": "submitted"})
    by_admin.call("submit-session")
    (session,) = [s for s in approver.call("show-sessions", limit=100, details_level="full")["objects"]
                  if s["state"] == "pending_approval"]
    assert approver.call("approve-session", uid=session["uid"]) == {"message": "OK"}
    assert shows(four, "tokyo", "md-permissions-profile", "by-london", comments="submitted")
    wait_everywhere(four, "md-permissions-profile", "by-london", comments="submitted")
    assert waiting(four, "tokyo") == 0
    refused(lambda: approver.call("purge-published-sessions", number_of_sessions_to_preserve=1), "RF-13",
            "err_ha_invalid_operation", words=["Primary"])
    refused(lambda: approver.call("revert-to-revision", to_session=session["uid"]), "RF-13",
            "err_ha_invalid_operation", words=["Primary"])
    by_admin.close()
    approver.close()


def test_SY_2_RF_36_a_lock_is_seen_on_every_server(four):
    london, tokyo = four.api("london"), four.api("tokyo")
    london.send("set-administrator", {"name": "by-tokyo", "comments": "mine"})
    error = refused(lambda: tokyo.send("set-administrator", {"name": "by-tokyo", "comments": "no, mine"}),
                    "RF-36", words=["Owner: admin", "on london"])
    assert "locked by another session" in json.dumps(error.body)
    meta = tokyo.call("show-administrator", name="by-tokyo")["meta-info"]
    assert (meta["lock"], meta["locking-admin"]) == ("locked by other session", "admin"), meta
    # A server that comes back knows it too.
    four["paris"].sh("systemctl restart mds-core")
    four.wait_well("paris", 30)
    paris = four.api("paris")
    refused(lambda: paris.send("set-administrator", {"name": "by-tokyo", "comments": "no"}), "RF-36")
    paris.close()
    london.publish()
    wait_everywhere(four, "administrator", "by-tokyo", comments="mine")
    tokyo.send("set-administrator", {"name": "by-tokyo", "comments": "now mine"})
    tokyo.publish()
    wait_everywhere(four, "administrator", "by-tokyo", comments="now mine")
    london.close()
    tokyo.close()


def test_SY_2_of_two_publishes_of_one_object_one_wins_and_the_other_is_told_by_whom(four):
    # Both edit while they do not hear each other's locks; both publish when they do.
    london, tokyo = four.api("london"), four.api("tokyo")
    four.rig.cut("london", "tokyo")
    for other in ("paris", "logs"):
        four.rig.cut("tokyo", other)
    wait_until(lambda: any(s["state"] == "silent" for s in four.ctl_json("tokyo", "server list")
                           if s["name"] == "london"), 30, "London to be missed")
    for city, api in (("london", london), ("tokyo", tokyo)):
        api.send("set-administrator", {"name": "by-tokyo", "comments": f"from {city}"})
    london.publish()
    four.rig.heal()
    four.wait_synchronized("london", '"System Data"', timeout=60)
    error = refused(tokyo.publish, "RF-37", words=["was changed by 'admin' at"])
    assert error.status == 400, error.body
    # Nothing was lost: the session is as it was, and says so.
    assert tokyo.call("show-session")["changes"] == 1
    tokyo.call("discard")
    tokyo.send("set-administrator", {"name": "by-tokyo", "comments": "after all"})
    tokyo.publish()
    wait_everywhere(four, "administrator", "by-tokyo", comments="after all")
    london.close()
    tokyo.close()
    wait_one_state(four)


def test_SY_2_a_partition_with_conflicts_on_all_sides_heals_to_one_state_and_losers_have_their_work(four):
    london = four.api("london")
    london.send("add-md-permissions-profile", {"name": "spare", "permission-level": "manager"})
    london.publish()
    wait_everywhere(four, "md-permissions-profile", "spare")
    alone(four)
    tokyo, paris = four.api("tokyo"), four.api("paris")
    # The same name on all sides; deletion against use; each its own.
    london.send("add-administrator", administrator("eve", comments="of london"))
    london.send("delete-md-permissions-profile", {"name": "spare"})
    london.publish()
    tokyo.send("add-administrator", administrator("eve", comments="of tokyo"))
    tokyo.send("add-administrator", administrator("frank"))
    tokyo.publish()
    tokyo.send("add-administrator", administrator("grace"))
    tokyo.publish()
    paris.send("add-administrator", {**administrator("heidi"), "multi-domain-profile": "spare"})
    paris.publish()
    paris.send("add-administrator", administrator("ivan"))
    paris.publish()
    # Seen at once where it was published, and only there.
    assert shows(four, "tokyo", "administrator", "eve", comments="of tokyo")
    assert shows(four, "paris", "administrator", "heidi")
    assert not shows(four, "london", "administrator", "grace")
    four.api("tokyo", user="grace").close()
    assert waiting(four, "tokyo") == 2 and waiting(four, "paris") == 2
    wait_until(lambda: "2 publishes in System Data wait for the Primary"
               in four.ctl("tokyo", "status", check=False).stdout, 20, "status to tell")
    # What servers act on waits for the Primary.
    tokyo.send("set-domain", {"name": "A", "comments": "nobody decides this"})
    refused(tokyo.publish, "RF-13", words=["only while the Primary answers"])
    tokyo.call("discard")
    four.rig.heal()
    wait_one_state(four)
    for name in MDSS:
        assert shows(four, name, "administrator", "eve", comments="of london"), name
        assert shows(four, name, "administrator", "grace") and shows(four, name, "administrator", "ivan"), name
        assert not shows(four, name, "administrator", "frank"), name
        assert not shows(four, name, "administrator", "heidi"), name
    # Whole, to its author, on the server where it was published, with the reason.
    mine = recovered(tokyo)
    assert [s["changes"] for s in mine] == [2], mine
    assert "The name 'eve' was taken by 'admin' at" in mine[0]["comments"], mine
    theirs = recovered(paris)
    assert [s["changes"] for s in theirs] == [1], theirs
    assert not recovered(london)
    screen = four.ctl("tokyo", 'ha status "System Data"').stdout
    assert "refused: " in screen and "The name 'eve' was taken" in " ".join(screen.split()), screen
    # He goes on with it: another name, and it is published.
    tokyo.call("switch-session", uid=mine[0]["uid"])
    tokyo.send("set-administrator", {"name": "eve", "new-name": "eve-of-tokyo"})
    tokyo.publish()
    wait_everywhere(four, "administrator", "frank")
    wait_everywhere(four, "administrator", "eve-of-tokyo", comments="of tokyo")
    for api in (london, tokyo, paris):
        api.close()
    wait_one_state(four)
    four.wait_well("london")


def test_a_power_cut_forgets_nothing_that_was_published_without_the_primary(four):
    alone(four)
    tokyo = four.api("tokyo")
    tokyo.send("add-administrator", administrator("judy"))
    tokyo.publish()
    lost(four, "tokyo")
    four.power_back("tokyo")
    wait_until(lambda: shows(four, "tokyo", "administrator", "judy"), 60, "judy on tokyo")
    four.api("tokyo", user="judy").close()
    four.rig.heal()
    wait_everywhere(four, "administrator", "judy")
    wait_one_state(four)


def test_the_next_primary_decides_what_waits(four):
    """London is lost; what paris published meanwhile is published by tokyo, once it is the Primary."""
    lost(four, "london")
    paris = four.api("paris")
    paris.send("add-administrator", administrator("karl"))
    paris.publish()
    paris.close()
    wait_everywhere(four, "administrator", "karl", ["tokyo", "paris"])
    assert waiting(four, "tokyo") == 1
    four.ctl("tokyo", "-y --reason test promote", timeout=60)
    wait_until(lambda: waiting(four, "tokyo") == 0 and waiting(four, "paris") == 0, 30, "it to be decided")
    wait_everywhere(four, "administrator", "karl", ["tokyo", "paris", "logs"])
    four.power_back("london")
    wait_everywhere(four, "administrator", "karl", ["london"])
