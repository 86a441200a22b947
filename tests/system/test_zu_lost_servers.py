"""A lost Primary and its Domain Servers as objects: every use is found and changed, then they are deleted;
gateways get the promoted server as their manager; the HA licence of the promoted server is noted (PR, RD)."""

import json

import pytest

from api import ApiError
from rig import wait_until
from test_ex1 import refused
from test_promotion import built, fails, lost, role


def hosts_of(api):
    """The objects of the servers of the Domain: {name: object}."""
    return {o["name"]: o for o in api.send("show-checkpoint-hosts", {"details-level": "full"})["objects"]}


def installed(api, package):
    """Details of the task of install-policy, by gateway."""
    task = api.send("install-policy", {"policy-package": package})["task-id"]

    def ended():
        shown = api.call("show-task", task_id=task, details_level="full")["tasks"][0]
        return shown if shown["status"] != "in progress" else None
    return {d["gatewayName"]: d for d in wait_until(ended, 20, "the installation")["task-details"]}


@pytest.fixture(name="two", scope="module")
def two_hosts():
    """Primary london, Secondary tokyo; servers of Domain A and Multi-Domain Servers are used everywhere."""
    deployment = built("lost", ["london", "tokyo"], ["A", "B"])
    api = deployment.api("london", "A")
    api.send("add-access-rule", {"layer": "Network", "position": "top", "name": "to the managers",
                                 "source": "A-1", "destination": "A-2", "service": "https", "action": "Accept"})
    api.send("add-group", {"name": "managers", "members": ["A-1", "A-2"]})
    api.send("add-nat-rule", {"package": "Standard", "position": "top", "original-source": "A-1"})
    api.send("add-simple-gateway", {"name": "gw-1", "ip-address": "198.51.100.1",
                                    "send-logs-to-server": ["A-1", "A-2"]})
    api.send("add-simple-gateway", {"name": "gw-2", "ip-address": "198.51.100.2",
                                    "management-servers": ["A-1"]})
    api.publish()
    api.close()
    api = deployment.api("london", "Global")
    api.send("add-access-rule", {"layer": "Global Network", "position": "top", "name": "administrators",
                                 "destination": "london", "service": "https", "action": "Accept"})
    api.publish()
    api.close()
    api = deployment.api("london")
    api.send("add-global-assignment", {"global-domain": "Global", "dependent-domain": "A",
                                       "global-access-policy": "Standard"})
    api.publish()
    api.close()
    deployment.ctl("london", "domain assign-global A")
    deployment.ctl("london", "licence attach A london standard")
    deployment.ctl("london", "licence attach A tokyo ha")
    deployment.wait_well("london")
    yield deployment
    deployment.down()


@pytest.fixture(name="promoted", scope="module")
def promoted_hosts(two):
    """The same after london is lost and tokyo was promoted."""
    lost(two, "london")
    done = two.ctl("tokyo", "-y --reason test promote", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mdsctl server uses london" in done.stdout
    for domain in ("Global", "A", "B"):
        two.wait_role("tokyo", domain, "active")
    return two


def test_PR_5_RD_6_every_server_is_an_object_of_its_domain(two):
    for domain, servers in (("A", {"A-1": "10.77.0.60", "A-2": "10.77.0.61"}),
                            ("Global", {"london": "10.77.0.11", "tokyo": "10.77.0.12"})):
        two.wait_synchronized("london", domain)
        shown = []
        for name in ("london", "tokyo"):
            api = two.api(name, domain)
            objects = hosts_of(api)
            own = {n: o["ipv4-address"] for n, o in objects.items() if n in servers}
            assert own == servers, objects
            blades = {n: objects[n]["management-blades"]["secondary"] for n in servers}
            assert sorted(blades.values()) == [False, True], blades
            shown.append({n: objects[n]["uid"] for n in servers})
            api.close()
        assert shown[0] == shown[1], "the same objects on both"
    api = two.api("london", "A")
    # They are what the servers are.
    error = refused(lambda: api.send("set-checkpoint-host", {"name": "A-2", "ip-address": "192.0.2.1"}))
    assert "stands for a server" in error.message, error
    error = refused(lambda: api.send("set-checkpoint-host", {"name": "A-2", "new-name": "other"}))
    assert "[new-name]" in error.message, error
    api.send("set-checkpoint-host", {"name": "A-2", "comments": "in Tokyo", "color": "blue"})
    refused(lambda: api.send("add-host", {"name": "A-2", "ip-address": "192.0.2.2"}))
    # A Primary, an Active, and one that works are not deleted as objects.
    api.call("discard")
    api.send("set-group", {"name": "managers", "members": {"remove": "A-2"}})
    api.send("delete-access-rule", {"layer": "Network", "name": "to the managers"})
    api.send("set-simple-gateway", {"name": "gw-1", "send-logs-to-server": {"remove": "A-2"}})
    error = refused(lambda: api.send("delete-checkpoint-host", {"name": "A-2"}))
    assert "works" in error.message and error.body["refusal"]["next"] == "mdsctl ds delete A tokyo", error.body
    api.call("discard")
    api.close()


def test_PR_5_RF_25_a_server_that_is_used_is_not_deleted(two):
    done = fails(two, "london", "mdsctl -y ds delete A tokyo", "RF-25",
                 ["A-2", "group 'managers'", "simple-gateway 'gw-1'", "to the managers", "mdsctl server uses A-2"])
    assert done.returncode == 1
    used = two.ctl_json("london", "server uses A-2")["uses"]
    assert {u["domain"] for u in used} == {"A"} and len(used) == 3, used


def test_RD_8_a_gateway_that_has_only_the_lost_server_is_listed(promoted):
    done = wait_until(lambda: (d := promoted.ctl("tokyo", "domain gateways A", check=False)).returncode == 3 and d,
                      20, "the gateway to be listed")
    assert "gw-2: its only management server does not answer: A-1" in done.stdout, done.stdout
    assert "management-servers" in done.stdout
    shown = {g["name"]: g for g in promoted.ctl_json("tokyo", "domain gateways A")["gateways"]}
    assert shown["gw-1"]["manager"]["name"] == "A-2", shown
    assert "manager" not in shown["gw-2"], shown


def test_RD_9_an_ha_licence_on_a_primary_is_noted_until_a_standard_one_is_attached(promoted):
    note = "HA licence on a Primary: A-2 of Domain A on tokyo"
    screen = promoted.ctl("tokyo", "status", check=False).stdout
    assert note in screen and "mdsctl licence attach A tokyo standard" in screen, screen
    assert all(len(line) <= 80 or "Next:" in line for line in screen.splitlines()), screen
    rows = {(r["domain"], r["server"]): r for r in promoted.ctl_json("tokyo", "licence list")}
    assert rows["A", "A-2"]["licence-type"] == "ha" and rows["A", "A-2"]["problem"] == "HA licence on a Primary"
    assert rows["A", "A-1"]["problem"] == "" and rows["B", "B-2"]["licence-type"] == "none"
    # Never a blocker, and no question for who does not keep records.
    promoted["tokyo"].write_file("/etc/mds/mds.conf.d/licence.conf", "[Licence]\nCheck=0\n")
    promoted["tokyo"].sh("systemctl restart mds-core")
    wait_until(lambda: promoted.ctl("tokyo", "server list", check=False).returncode == 0, 20, "mds-core")
    assert note not in promoted.ctl("tokyo", "status", check=False).stdout
    promoted["tokyo"].sh("rm /etc/mds/mds.conf.d/licence.conf && systemctl restart mds-core")
    wait_until(lambda: note in promoted.ctl("tokyo", "status", check=False).stdout, 20, "the note")
    fails(promoted, "tokyo", "mdsctl licence attach A paris standard", said=["no server paris"], code=5)
    assert promoted.ctl("tokyo", "licence attach A tokyo gold", check=False).returncode == 2
    wait_until(lambda: promoted.ctl("tokyo", "licence attach A tokyo standard", check=False).returncode == 0, 20,
               "the restarted mds-core to take changes")
    assert note not in promoted.ctl("tokyo", "status", check=False).stdout
    promoted.ctl("tokyo", "licence detach A tokyo")
    rows = {r["server"]: r["licence-type"] for r in promoted.ctl_json("tokyo", "licence list")}
    assert rows["A-2"] == "none", rows


def test_RD_6_the_uses_of_the_failed_server_and_the_server_itself_are_deleted(promoted):
    wait_until(lambda: promoted.ctl("tokyo", "ha status A", check=False).returncode == 3, 20, "A-1 to be missed")
    api = promoted.api("tokyo", "A")
    used = api.send("where-used", {"name": "A-1", "type": "checkpoint-host"})["used-directly"]
    assert used["total"] == 5, used
    assert {o["name"] for o in used["objects"]} == {"managers", "gw-1", "gw-2"}
    assert [r["rule"]["name"] for r in used["access-control-rules"]] == ["to the managers"]
    assert len(used["nat-rules"]) == 1
    table = promoted.ctl("tokyo", "server uses A-1").stdout
    assert "NAT rule 1 of 'Standard': original-source" in table and "group 'managers'" in table, table
    assert "rule 1 'to the managers'" in table, table
    assert all(len(line) <= 80 for line in table.splitlines()), table
    error = refused(lambda: api.send("delete-checkpoint-host", {"name": "A-1"}), "RF-25",
                    "generic_err_object_deletion")
    assert "gw-2" in error.message
    fails(promoted, "tokyo", "mdsctl -y ds delete A london", "RF-25", ["A-1", "managers"])
    api.send("set-access-rule", {"layer": "Network", "name": "to the managers", "source": "A-2"})
    api.send("set-group", {"name": "managers", "members": {"remove": "A-1"}})
    api.send("delete-nat-rule", {"package": "Standard", "rule-number": 1})
    api.send("set-simple-gateway", {"name": "gw-1", "send-logs-to-server": {"remove": "A-1"}})
    refused(lambda: api.send("delete-checkpoint-host", {"name": "A-1"}), "RF-25")
    api.send("set-simple-gateway", {"name": "gw-2", "management-servers": {"remove": "A-1"}})
    api.send("delete-checkpoint-host", {"name": "A-1"})
    # The Primary is not deleted.
    refused(lambda: api.send("delete-checkpoint-host", {"name": "A-2", "ignore-errors": True}))
    api.publish()
    api.close()
    wait_until(lambda: [c["server"] for d in promoted.ctl_json("tokyo", "domain list") if d["name"] == "A"
                        for c in d["cells"]] == ["A-2"], 20, "the failed server to be gone")
    assert promoted.ctl("tokyo", "ha status A", check=False).returncode == 0
    api = promoted.api("tokyo", "A")
    assert "A-1" not in hosts_of(api)
    api.close()


def test_RD_8_after_assigning_and_installing_every_gateway_has_the_promoted_server(promoted):
    promoted.ctl("tokyo", "domain assign-global A")
    api = promoted.api("tokyo", "A")
    details = installed(api, "Standard")
    assert set(details) == {"gw-1", "gw-2"}, details
    for gateway in details.values():
        assert [m["name"] for m in gateway["management-servers"]] == ["A-2"], gateway
    api.close()
    done = promoted.ctl("tokyo", "domain gateways A")
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [(r[0], r[2]) for r in rows] == [("gw-1", "A-2"), ("gw-2", "A-2")], done.stdout


def test_PR_5_PR_8_the_old_primary_is_deleted_when_nothing_uses_it(promoted):
    fails(promoted, "tokyo", "mdsctl -y --reason test server delete london", "RF-25",
          ["rule 1 'administrators' of layer 'Global Network' in Domain Global", "mdsctl server uses london"])
    api = promoted.api("tokyo")
    refused(lambda: api.call("delete-mds", name="london"), "RF-25", "generic_err_object_deletion")
    api.close()
    table = promoted.ctl("tokyo", "server uses london").stdout
    assert "'administrators'" in table, table
    api = promoted.api("tokyo", "Global")
    used = api.send("where-used", {"name": "london"})["used-directly"]
    assert [r["rule"]["name"] for r in used["access-control-rules"]] == ["administrators"], used
    # A Multi-Domain Server is taken out with mdsctl server delete only.
    api.send("set-access-rule", {"layer": "Global Network", "name": "administrators", "destination": "tokyo"})
    error = refused(lambda: api.send("delete-checkpoint-host", {"name": "london"}))
    assert "mdsctl server delete london" in json.dumps(error.body), error.body
    api.publish()
    api.close()
    assert role(promoted, "tokyo") == "primary"
    wait_until(lambda: promoted.ctl("tokyo", "-y --reason test server delete london", check=False).returncode == 0, 10,
               "the deletion", lambda: promoted.ctl("tokyo", "-y --reason test server delete london", check=False).stderr)
    promoted.wait_well("tokyo")
    api = promoted.api("tokyo", "Global")

    def gone():
        return "london" not in hosts_of(api)
    wait_until(gone, 10, "its object to go")
    api.close()
    api = promoted.api("tokyo", "B")
    wait_until(lambda: "B-1" not in hosts_of(api), 10, "the object of its Domain Server to go")
    api.close()
    fails(promoted, "tokyo", "mdsctl server uses london", said=["not found"], code=5)
    with pytest.raises(ApiError):
        promoted.api("tokyo").call("show-mds", name="london")
