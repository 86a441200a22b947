"""The reference deployment (EX-1) as its users see it: scenarios of the HA chapter on booted hosts."""

import json
import re

import pytest

from api import Api, ApiError
from deployment import ADDRESSES, DOMAINS, KEY, PASSWORD
from rig import RigError, wait_until


def host(name, address, **more):
    return {"name": name, "ip-address": address, **more}


def refused(action, refusal=None, code=None, words=()):
    """The action is refused with this refusal id or code, and its message has the words."""
    with pytest.raises(ApiError) as caught:
        action()
    error = caught.value
    if refusal:
        assert error.refusal == refusal, error.body
    if code:
        assert error.code == code, error.body
    text = json.dumps(error.body)
    for word in words:
        assert word in text, error.body
    return error


def exported(api):
    """Everything public of a Domain, as plain data that two servers can be compared by."""
    out = {}
    for command in ("show-hosts", "show-networks", "show-groups", "show-services-tcp",
                    "show-address-ranges"):
        out[command] = sorted((json.dumps({k: v for k, v in o.items()
                                           if k not in ("meta-info", "available-actions",
                                                        "read-only")},
                                          sort_keys=True)
                               for o in api.all(command, details_level="full")))
    return out


# ---- OV ----

def test_OV_1_OV_4_a_publish_reaches_the_standby_and_exports_are_identical(ex1, london):
    london.send("add-host", host("ov1", "192.0.2.11"))
    london.send("add-group", {"name": "ov1-group", "members": ["ov1"]})
    london.publish()
    ex1.wait_synchronized("london", "London")
    tokyo = ex1.api("tokyo", "London")
    assert tokyo.call("show-host", name="ov1")["ipv4-address"] == "192.0.2.11"
    assert exported(london) == exported(tokyo)
    tokyo.close()


def test_OV_2_OV_3_levels_of_high_availability(ex1):
    servers = ex1.ctl_json("london", "server list")
    assert sorted(s["role"] for s in servers) == ["log-server", "primary", "secondary"]
    assert all(s["state"] == "running" for s in servers)
    for row in ex1.ctl_json("london", "domain list"):
        assert [c["ha-state"] for c in row["cells"]].count("active") == 1, row


def test_OV_5_a_publish_without_changes_makes_no_revision(ex1, london):
    before = ex1.ha("london", "London")["revision"]
    task = london.publish()
    assert task["status"] == "succeeded"
    assert ex1.ha("london", "London")["revision"] == before


# ---- PS ----

def test_PS_1_EX_6_the_primary_has_authorities_system_data_and_global(ex1):
    assert ex1.property("london", "org.openmds.Core1", "/org/openmds/Core1", "org.openmds.Core1",
                        "Role") == 's "primary"'
    authorities = ex1["london"].out("busctl call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1 "
                                    "ListAuthorities")
    assert "servers" in authorities and "root" in authorities
    api = ex1.api("london")
    assert api.call("show-domain", name="Global")["domain-type"] == "global domain"
    refused(lambda: api.call("delete-domain", name="Global"), "RF-06", words=["built-in"])
    api.close()


def test_PS_4_setup_without_exactly_one_role_stops_before_anything(ex1):
    before = ex1["tokyo"].out("cat /var/lib/mds/system/identity.json")
    done = ex1["tokyo"].sh("mds-setup --set Server.Role=primary,secondary --set Server.HostName=x "
                           "</dev/null", check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "role" in (done.stdout + done.stderr).lower()
    assert ex1["tokyo"].out("cat /var/lib/mds/system/identity.json") == before


def test_PS_5_secondary_setup_without_activation_key_stops(ex1):
    ex1["tokyo"].write_file("/root/nokey.conf", "[Server]\nRole=secondary\nHostName=x\n"
                            "Address=10.77.0.12\nInterface=eth0\n", 0o600)
    done = ex1["tokyo"].sh("mds-setup --check /root/nokey.conf", check=False)
    assert done.returncode == 2
    assert "activation key required" in done.stdout + done.stderr


def test_PS_setup_again_with_the_same_answers_changes_nothing(ex1):
    done = ex1["london"].sh("mds-setup --answers /etc/mds/setup.conf")
    assert "no change" in done.stdout


# ---- AS ----

def test_AS_1_AS_5_the_active_takes_changes_and_there_is_one(ex1, london):
    london.send("add-network", {"name": "as1", "subnet": "198.51.100.0", "mask-length": 24})
    london.publish()
    states = [s["ha-state"] for s in london.call("show-ha-state")["domains"][0]["servers"]]
    assert sorted(states) == ["active", "standby"]


def test_AS_2_AS_3_a_standby_is_read_only_and_names_the_active(ex1):
    api = ex1.api("tokyo", "London")
    assert api.info["standby"] is True and api.info["read-only"] is True
    assert api.call("show-hosts")["total"] >= 0
    error = refused(lambda: api.send("add-host", host("as2", "192.0.2.12")), "RF-05",
                    words=["standby", "London-1", "10.77.0.21"])
    assert error.status == 403
    api.close()


def test_AS_4_HW_2_the_standby_holds_everything(ex1, london):
    tokyo = ex1.api("tokyo", "London")
    ex1.wait_synchronized("london", "London")
    for command in ("show-hosts", "show-networks", "show-groups"):
        assert tokyo.call(command)["total"] == london.call(command)["total"]
    rows = ex1.ha("london", "London")["servers"]
    assert all(r["digest-equal"] for r in rows)
    tokyo.close()


# ---- EX ----

def test_EX_1_EX_5_the_grid(ex1):
    grid = {row["name"]: {c["mds-name"]: c for c in row["cells"]}
            for row in ex1.ctl_json("london", "domain list")}
    assert grid["London"]["london"]["ha-state"] == "active"
    assert grid["London"]["tokyo"]["ha-state"] == "standby"
    assert grid["London"]["logs"]["ha-state"] == "log server"
    assert grid["Tokyo"]["tokyo"]["ha-state"] == "active"
    assert grid["Tokyo"]["london"]["ha-state"] == "standby"
    assert set(grid["Global"]) == {"london", "tokyo"}
    cell = grid["Tokyo"]["london"]
    assert cell["server"] == "Tokyo-2" and cell["address"] == "10.77.0.22"
    assert cell["sync-status"] == "synchronized"


def test_EX_2_two_administrators_edit_two_domains_at_once(ex1, london):
    tokyo = ex1.api("tokyo", "Tokyo")
    london.send("add-host", host("ex2-l", "192.0.2.21"))
    tokyo.send("add-host", host("ex2-t", "192.0.2.22"))
    london.publish()
    tokyo.publish()
    assert tokyo.call("show-host", name="ex2-t")["name"] == "ex2-t"
    refused(lambda: tokyo.call("show-host", name="ex2-l"), code="generic_err_object_not_found")
    tokyo.close()


def test_EX_3_the_same_login_on_every_server(ex1):
    for name in ("london", "tokyo"):
        api = ex1.api(name)
        names = [d["name"] for d in api.all("show-domains")]
        assert {"London", "Tokyo", "Global"} <= set(names)
        api.close()


def test_EX_4_status_shows_the_round_trip_to_each_server(ex1):
    wait_until(lambda: all(s["self"] or s["round-trip-us"] > 0
                           for s in ex1.ctl_json("london", "status")["servers"]),
               10, "the round trips to be measured")
    out = ex1.ctl("london", "status", check=False).stdout
    # The log server may be nearer; it is no server to work on.
    assert re.search(r"^  Nearest  tokyo, [0-9.]+ ms$", out, re.MULTILINE), out
    assert max(map(len, out.splitlines())) <= 80, out


def test_a_login_at_a_domain_servers_address_is_a_login_to_its_domain(ex1):
    api = Api("10.77.0.21", namespace=ex1.rig.network.switch).login("admin", PASSWORD)
    assert api.call("show-ha-status")["name"] == "London"
    api.close()


# ---- SM ----

def test_SM_1_trust_is_established(ex1):
    api = ex1.api("london")
    mds = api.call("show-mds", name="tokyo")
    assert mds["sic-state"] == "trust established"
    assert mds["server-type"] == "multi-domain server"
    api.close()


def test_a_secondary_has_a_replica_of_the_authority_and_a_log_server_never(ex1):
    def state(name):
        return ex1.property(name, "org.openmds.Ca1", "/org/openmds/Ca1", "org.openmds.Ca1", "State")
    wait_until(lambda: "replica" in state("tokyo"), 30, "the replica")
    assert "ready" in state("london") and "no deployment" in state("logs")


def test_SM_4_SM_6_SM_7_refusals_of_add_mds_leave_nothing_behind(ex1):
    api = ex1.api("london")
    before = [m["name"] for m in api.all("show-mdss")]
    refused(lambda: api.call("add-mds", name="tokyo", ip_address="10.77.0.99",
                             one_time_password=KEY), "RF-08", words=["tokyo"])
    refused(lambda: api.call("add-mds", name="paris", ip_address="10.77.0.12",
                             one_time_password=KEY), "RF-10", words=["tokyo"])
    refused(lambda: api.call("add-mds", name="nowhere.invalid", one_time_password=KEY), "RF-09",
            words=["not found in DNS"])
    assert [m["name"] for m in api.all("show-mdss")] == before
    api.close()


def test_SM_13_a_secondary_refuses_and_names_the_primary(ex1):
    done = ex1.ctl("tokyo", "server add paris --ip 10.77.0.99 --key-file /etc/mds/activation.key",
                   check=False)
    assert done.returncode != 0
    assert "RF-13" in done.stderr and "london" in done.stderr


# ---- SD ----

def test_SD_1_a_domain_needs_its_first_server(ex1):
    api = ex1.api("london")
    refused(lambda: api.call("add-domain", name="Empty"), words=["servers"])
    refused(lambda: api.call("show-domain", name="Empty"), code="generic_err_object_not_found")
    api.close()


def test_SD_2_SD_5_SD_7_SD_9_IS_1_a_standby_is_added_synchronized_and_removed(ex1):
    api = ex1.api("london")
    # Edits of the same session that are not published yet; nobody sees them, nothing takes them along.
    api.send("add-administrator", {"name": "sd9-pending", "password": "correct-horse-battery-8",
                                   "must-change-password": False})
    changes = api.call("show-session")["changes"]
    assert changes > 0
    servers = [{"name": "Paris-1", "ip-address": "10.77.0.51", "multi-domain-server": "london"}]
    api.wait(api.call("add-domain", name="Paris", servers=servers))
    session = ex1.api("london", "Paris")
    session.send("add-host", host("sd5", "192.0.2.51"))
    session.publish()
    task = api.wait(api.call("set-domain", name="Paris", servers={
        "add": {"name": "Paris-2", "ip-address": "10.77.0.52", "multi-domain-server": "tokyo"}}))
    assert task["status"] == "succeeded", task
    assert ex1.peer("london", "Paris", "Paris-2")["sync-status"] == "synchronized"
    copy = ex1.api("tokyo", "Paris")
    assert copy.call("show-host", name="sd5")["name"] == "sd5"
    # In effect without a publish; the session is as it was.
    assert api.call("show-session")["changes"] == changes
    other = ex1.api("london")
    refused(lambda: other.call("show-administrator", name="sd9-pending"),
            code="generic_err_object_not_found")
    other.close()
    api.call("discard")
    api.wait(api.call("set-domain", name="Paris", servers={"remove": "Paris-2"}))
    wait_until(lambda: ex1["tokyo"].sh("test -e /var/lib/mds/servers/Paris-2", check=False)
               .returncode == 1, 20, "Paris-2 to go away")
    api.wait(api.call("delete-domain", name="Paris"))
    wait_until(lambda: ex1["london"].sh("test -e /var/lib/mds/servers/Paris-1", check=False)
               .returncode == 1, 20, "Paris-1 to go away")
    api.close()


def test_SD_3_SD_4_SD_10_cells_names_addresses_and_a_second_active(ex1):
    api = ex1.api("london")
    def add(name, address, mds):
        return lambda: api.call("set-domain", name="London", servers={
            "add": {"name": name, "ip-address": address, "multi-domain-server": mds}})
    refused(add("London-9", "10.77.0.91", "tokyo"), "RF-14", words=["London", "tokyo", "London-2"])
    refused(lambda: api.call("add-domain", name="Rome", servers=[
        {"name": "Tokyo-1", "ip-address": "10.77.0.92", "multi-domain-server": "london"}]),
        "RF-08", words=["Tokyo-1"])
    refused(lambda: api.call("add-domain", name="Rome", servers=[
        {"name": "Rome-1", "ip-address": "10.77.0.21", "multi-domain-server": "london"}]),
        "RF-10", words=["London-1"])
    refused(lambda: api.call("add-domain", name="Rome", servers=[
        {"name": "Rome-1", "ip-address": "10.77.0.93", "multi-domain-server": "london"},
        {"name": "Rome-2", "ip-address": "10.77.0.94", "multi-domain-server": "tokyo",
         "active": True}]), "RF-18", words=["Rome-1"])
    refused(lambda: api.call("show-domain", name="Rome"), code="generic_err_object_not_found")
    api.close()


def test_SD_6_SD_8_no_edit_and_no_removal_of_active_or_primary(ex1):
    api = ex1.api("london")
    refused(lambda: api.call("set-domain", name="London", servers={
        "update": {"name": "London-2", "ipv4-address": "10.77.0.95"}}), "RF-15",
        words=["delete", "create"])
    refused(lambda: api.call("set-domain", name="London", servers={"remove": "London-1"}), "RF-16",
            words=["London-1"])
    api.close()


# ---- SY, HW, PE ----

def test_HW_6_database_search_and_settings_arrive_what_belongs_to_one_server_stays(ex1, london):
    london.send("add-host", host("hw6-target", "192.0.2.241", comments="hw6 zebra crossing"))
    london.send("add-group", {"name": "hw6-group", "members": ["hw6-target"]})
    london.send("set-automatic-purge", {"enabled": True, "keep-sessions-by-count": True,
                                        "number-of-sessions-to-keep": 4321})
    london.publish()
    ex1["london"].sh("printf '# hw6 of london alone\n' >>/etc/mds/mds.conf; sync")
    ex1.ctl("london", "--yes --reason test ha sync London --to tokyo")
    ex1.wait_synchronized("london", "London")
    tokyo = ex1.api("tokyo", "London")
    # The database, and what searches it: text, address, use.
    assert tokyo.call("show-host", name="hw6-target")["comments"] == "hw6 zebra crossing"
    for word in ("zebra", "192.0.2.241"):
        found = tokyo.call("show-objects", filter=word)
        assert "hw6-target" in [o["name"] for o in found["objects"]], (word, found)
    used = tokyo.call("where-used", name="hw6-target")["used-directly"]
    assert [o["name"] for o in used["objects"]] == ["hw6-group"]
    # The settings of the Domain.
    assert tokyo.call("show-automatic-purge")["number-of-sessions-to-keep"] == 4321
    tokyo.close()
    # What belongs to one server: its configuration, its keys, its own name in the Domain.
    assert ex1["tokyo"].sh("grep -q 'hw6 of london' /etc/mds/mds.conf", check=False).returncode == 1
    keys = [ex1[n].out("cat /var/lib/mds/api/server.key | sha256sum") for n in ("london", "tokyo")]
    assert keys[0] != keys[1]
    names = [ex1[n].out(f"cat /var/lib/mds/servers/{s}/server.json")
             for n, s in (("london", "London-1"), ("tokyo", "London-2"))]
    assert names[0] != names[1]
    london.send("set-automatic-purge", {"enabled": False})
    london.publish()



def test_PE_2_HW_3_nothing_unpublished_leaves_the_server(ex1, london):
    secret = "zq-private-7731"
    for i in range(50):
        london.send("add-host", host(f"{secret}-{i}", f"192.0.2.{100 + i}", **{
            "ignore-warnings": True}))
    ex1["london"].sh("sync")
    before = ex1.ha("london", "London")["revision"]
    for name in ("tokyo", "logs"):
        found = ex1[name].sh(f"grep -rl {secret} /var/lib/mds", check=False)
        assert found.returncode == 1, found.stdout
    assert ex1.ha("london", "London")["revision"] == before
    assert london.call("discard")["number-of-discarded-changes"] == 50


def test_SY_3_SY_4_HW_1_deltas_flow_from_the_active_at_publish(ex1, london):
    before = int(ex1.property("london", "org.openmds.Sync1", "/org/openmds/Sync1",
                              "org.openmds.Sync1", "BytesSent").split()[1])
    for i in range(300):
        london.send("add-host", host(f"hw1-{i}", f"203.0.{113 + i // 250}.{i % 250 + 1}", **{
            "ignore-warnings": True, "comments": "x" * 100}))
    london.publish()
    ex1.wait_synchronized("london", "London")
    sent = int(ex1.property("london", "org.openmds.Sync1", "/org/openmds/Sync1",
                            "org.openmds.Sync1", "BytesSent").split()[1]) - before
    # 300 documents of more than 400 bytes to two servers: compressed, and no full copy.
    assert sent < 300 * 400 * 2, sent
    tokyo = ex1.api("tokyo", "London")
    assert tokyo.call("show-host", name="hw1-299")["comments"] == "x" * 100
    tokyo.close()


def test_SY_5_a_standby_that_was_away_catches_up(ex1, london):
    ex1["tokyo"].sh("systemctl stop mds-domain@London-2.service")
    for i in range(3):
        london.send("add-host", host(f"sy5-{i}", f"192.0.2.{61 + i}"))
        london.publish()
    ex1["tokyo"].sh("systemctl start mds-domain@London-2.service")
    ex1.wait_synchronized("london", "London")
    journal = ex1["tokyo"].out("journalctl -u mds-domain@London-2.service -o cat -n 5 --no-pager")
    assert "full copy" not in journal


def test_HW_5_a_standby_killed_while_it_applies_is_at_one_revision(ex1, london):
    for i in range(200):
        london.send("add-host", host(f"hw5-{i}", f"198.18.0.{i + 1}", **{"ignore-warnings": True}))
    pid = ex1["tokyo"].out("systemctl show -p MainPID --value mds-domain@London-2.service")
    london.call("publish")
    ex1["tokyo"].sh("systemctl kill -s KILL mds-domain@London-2.service")
    wait_until(lambda: ex1["tokyo"].out("systemctl show -p MainPID --value "
                                        "mds-domain@London-2.service") not in ("0", pid) and
               ex1["tokyo"].sh("busctl status org.openmds.Domain1.London_2d2", check=False)
               .returncode == 0, 20, "London-2 to be back")
    ex1.wait_synchronized("london", "London")
    tokyo = ex1.api("tokyo", "London")
    assert tokyo.call("show-host", name="hw5-199")["name"] == "hw5-199"
    tokyo.close()


# ---- CA, ST ----

def test_CA_1_CA_4_set_active_and_back(ex1, london):
    ex1.ctl("london", "ha set-active London tokyo")
    ex1.wait_role("tokyo", "London", "active")
    ex1.wait_role("london", "London", "standby")
    error = refused(lambda: london.send("add-host", host("ca1", "192.0.2.71")))
    assert error.status in (401, 403)
    tokyo = ex1.api("tokyo", "London")
    assert tokyo.info["read-only"] is False
    tokyo.send("add-host", host("ca1", "192.0.2.71"))
    tokyo.publish()
    ex1.wait_synchronized("tokyo", "London")
    tokyo.close()
    ex1.ctl("tokyo", "ha set-active London london")
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")


def test_CA_7_CA_8_CA_9_set_standby_then_active(ex1):
    done = ex1.ctl("london", "ha set-standby London </dev/null", check=False)
    assert done.returncode == 9, done.stderr
    ex1.ctl("london", "--yes ha set-standby London")
    ex1.wait_role("london", "London", "standby")
    api = ex1.api("london", "London")
    assert api.info["read-only"] is True
    refused(lambda: api.send("add-host", host("ca8", "192.0.2.72")), "RF-05")
    api.close()
    ex1.ctl("london", "ha set-active London london")
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")


def test_MD_1_full_synchronization_of_a_standby(ex1):
    done = ex1.ctl("london", "ha sync London --to tokyo </dev/null", check=False)
    assert done.returncode == 9
    ex1.ctl("london", "--yes --reason test ha sync London --to tokyo")
    ex1.wait_synchronized("london", "London")


def test_ST_1_status_of_every_server(ex1):
    status = ex1.ctl_json("london", "status")
    assert [s["name"] for s in status["servers"]] == ["london", "tokyo", "logs"]
    assert [s["self"] for s in status["servers"]] == [True, False, False]
    api = ex1.api("london")
    rows = api.call("show-ha-status")["servers"]
    assert {r["name"]: r["sync-status"] for r in rows} == {"tokyo": "synchronized",
                                                           "logs": "synchronized"}
    api.close()


def test_ST_2_ST_8_status_of_a_domain_lists_every_server(ex1, london):
    reply = london.call("show-ha-status")
    rows = {r["name"]: r for r in reply["servers"]}
    assert rows["London-2"]["ha-state"] == "standby"
    assert rows["London-2"]["sync-state"] == "Ok"
    assert rows["London-2"]["sync-status"] == "synchronized"
    assert "ha-state" not in rows["London-log"]
    assert rows["London-log"]["sync-status"] == "synchronized"
    assert reply["successfully-synced"] is True


def test_ST_7_status_from_every_server_as_json_with_exit_codes(ex1):
    for name in ("london", "tokyo", "logs"):
        # Exit 3 while a server still hears of what the test before did; then 0.
        ex1.wait_well(name, 15)
        assert ex1.ctl_json(name, "status")["deployment"] == "acme-msp"


# ---- bad input ----

@pytest.mark.parametrize("body, status, code", [
    (b"{", 400, "generic_err_invalid_syntax"),
    (b"[]", 400, "generic_err_invalid_syntax"),
    (b'{"name":"x"}', 400, "generic_err_missing_required_parameters"),
    (b'{"name":"x","ip-address":"1.2.3"}', 400, "generic_err_invalid_parameter"),
    (b'{"name":"","ip-address":"192.0.2.5"}', 400, "generic_err_invalid_parameter"),
    (b'{"name":"x","ip-address":"192.0.2.5","nonsense":1}', 400,
     "generic_err_invalid_parameter_name"),
    (b'{"name":{"a":1},"ip-address":"192.0.2.5"}', 400, "generic_err_invalid_parameter"),
])
def test_bad_input_changes_nothing(ex1, london, body, status, code):
    got, reply = london.raw("add-host", body)
    assert (got, reply["code"]) == (status, code), reply
    assert london.call("discard")["number-of-discarded-changes"] == 0


def test_bad_input_duplicates_unknown_commands_used_objects_and_size(ex1, london):
    london.send("add-host", host("dup", "192.0.2.81"))
    error = refused(lambda: london.send("add-host", host("dup", "192.0.2.82")),
                    code="err_validation_failed")
    assert "More than one object named 'dup' exists." in json.dumps(error.body)
    london.send("add-group", {"name": "dup-group", "members": ["dup"]})
    refused(lambda: london.call("delete-host", name="dup"), code="generic_err_object_deletion")
    status, reply = london.raw("no-such-command")
    assert (status, reply["code"]) == (404, "generic_err_command_not_found")
    status, reply = ex1.visitor("london").raw("show-hosts")
    assert (status, reply["code"]) == (400, "generic_err_missing_required_header")
    with pytest.raises(ApiError, match="err_login_failed"):
        ex1.visitor("london").login("admin", "wrong-password-1")


def test_equals_where_used_and_paging(ex1, london):
    london.send("add-host", host("eq", "192.0.2.83"))
    assert london.call("equals", type="host", params=host("eq", "192.0.2.83"))["equals"] is True
    assert london.call("equals", type="host", params=host("eq", "192.0.2.84"))["equals"] is False
    refused(lambda: london.call("equals", type="host", params={"name": "nobody"}),
            code="generic_err_object_not_found")
    london.send("add-group", {"name": "eq-group", "members": ["eq"]})
    used = london.call("where-used", name="eq")["used-directly"]
    assert [o["name"] for o in used["objects"]] == ["eq-group"]
    total = london.call("show-hosts")["total"]
    page = london.call("show-hosts", offset=total)
    assert (page["from"], page["to"], page["total"], page["objects"]) == (0, total, total, [])


def test_mgmt_cli_as_the_chapter_types_it(ex1):
    host_ = ex1["london"]
    out = host_.out("mgmt_cli add host name cli ip-address 192.0.2.85 -r true -d London -f json")
    assert '"name": "cli"' in out
    assert '"cli"' in host_.out("mgmt_cli show host name cli -r true -d London -f json")
    done = host_.sh("mgmt_cli show host name nobody -r true -d London", check=False)
    assert done.returncode == 5
    host_.sh("mgmt_cli delete host name cli -r true -d London")


def test_RD_11_RF_29_make_server_active_without_force(ex1, london):
    refused(lambda: london.call("make-server-active"), "RF-29", words=["Set Active"])


def test_names_and_addresses_of_the_deployment(ex1):
    for servers in DOMAINS.values():
        for name, address, mds, _ in servers:
            assert address in ex1[mds].out("ip -4 -o addr"), (name, address)
    assert ADDRESSES["london"] == "10.77.0.11"
    with pytest.raises(RigError):
        ex1.rig["nowhere"]  # pylint: disable=pointless-statement


def test_ds_mirror_creates_standbys_with_their_addresses_and_names_that_are_free(ex1):
    def mirror():
        ex1.ctl("london", "ds mirror --to tokyo --domains Mirrored=10.77.0.95", timeout=120)
        wait_until(lambda: ex1.ha("tokyo", "Mirrored").get("role") == "standby", 60, "the Standby")
        return {row["server"]: row["address"] for row in ex1.ctl_json("london", "ds list") if row["domain"] == "Mirrored"}

    ex1.ctl("london", "domain create Mirrored --on london --ip 10.77.0.94", timeout=120)
    try:
        done = ex1.ctl("london", "ds mirror --to tokyo --domains Mirrored", check=False)
        assert done.returncode == 10 and "needs an address" in done.stdout, done
        assert mirror() == {"Mirrored-1": "10.77.0.94", "Mirrored-2": "10.77.0.95"}
        ex1.ctl("london", "ds create Mirrored logs --log --ip 10.77.0.96", timeout=120)
        ex1.ctl("london", "-y ds delete Mirrored tokyo", timeout=120)
        # There are two; a third one by number is the log server.
        assert mirror() == {"Mirrored-1": "10.77.0.94", "Mirrored-2": "10.77.0.95", "Mirrored-3": "10.77.0.96"}
    finally:
        ex1.ctl("london", "-y --reason test domain delete Mirrored", timeout=120)
