"""The day the Primary is lost (FR, CS, PR, RD, FP): four hosts, the Primary's plug is pulled, a Secondary
takes its place; the old one returns, is fenced, readmitted, and deleted in the end (DS)."""

import json
import time

import pytest

from api import ApiError
from deployment import ADDRESSES, Deployment
from documents import commands_of
from personal import Workstation, log_in, openssl
from rig import wait_until
from test_crl import fetch, list_of, text_of
from test_ex1 import host, refused
from test_three_mds import certificates

HOSTS = ["london", "tokyo", "paris", "logs"]
# Domain: (first octet of its servers' addresses, hosts of its servers). C is on the Primary alone.
DOMAINS = {"A": (60, ["london", "tokyo", "paris", "logs"]), "B": (70, ["london", "tokyo"]),
           "C": (80, ["london"]), "D": (90, ["london", "paris"])}


def built(prefix, hosts, domains):
    """Hosts with Domains, all synchronized, the authority on every Multi-Domain Server."""
    deployment = Deployment(prefix, {name: ADDRESSES[name] for name in hosts})
    deployment.boot()
    deployment.install()
    deployment.setup()
    deployment.join()
    for name in hosts:
        deployment[name].sh = recorded(name, deployment[name].sh)
    api = deployment.api("london")
    for domain in domains:
        number, cities = DOMAINS[domain]
        servers = [{"name": f"{domain}-{i + 1}", "ip-address": f"10.77.0.{number + i}",
                    "multi-domain-server": city,
                    "type": "log server" if city == "logs" else "management server"}
                   for i, city in enumerate(c for c in cities if c in hosts)]
        api.wait(api.call("add-domain", name=domain, servers=servers), timeout=90)
    api.close()
    deployment.wait_well("london")
    wait_until(lambda: all(certificates(deployment, n, "root") == certificates(deployment, "london", "root")
                           for n in hosts if n in ("tokyo", "paris")), 30, "the authority everywhere")
    return deployment


# Every command that was run on a host here: "tokyo# mdsctl promote --plan".
RAN = set()


def recorded(name, sh):
    """The host's way to run a command, noted in RAN."""
    def run(command, **more):
        RAN.add(f"{name}# {command}")
        return sh(command, **more)
    return run


@pytest.fixture(name="four", scope="module")
def four_hosts():
    """Primary london, Secondaries tokyo and paris, log server logs; D is Active on paris."""
    deployment = built("promo", HOSTS, DOMAINS)
    deployment.ctl("london", "ha set-active D paris")
    yield deployment
    deployment.down()


def role(deployment, name):
    """Role of a host as its own mds-core says."""
    return json.loads(deployment.property(name, "org.openmds.Core1", "/org/openmds/Core1",
                                          "org.openmds.Core1", "Role").split(" ", 1)[1])


def fails(deployment, name, words, refusal=None, said=(), code=1):
    """The command is refused with this id, its message has the words, and it exits with the code."""
    done = deployment[name].sh(words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    if refusal:
        assert f"[{refusal}]" in done.stderr, done.stderr
    for word in said:
        assert word in done.stderr, done.stderr
    return done


def lost(deployment, name):
    """Pulls the plug and waits until the others have noticed."""
    deployment[name].kill()
    others = [n for n in deployment.wanted if n != name and deployment[n].running()]
    wait_until(lambda: all(
        s["state"] == "silent" and s["reason"] for n in others
        for s in deployment.ctl_json(n, "server list") if s["name"] == name), 30, f"{name} to be missed")


def trust_files(deployment, name):
    """Digests of what a host trusts."""
    folder = deployment[name].out("d=$(find /var/lib/mds /etc/mds -type d -name trust | head -1); "
                                  "test -d $d/current && echo $d/current || echo $d")
    return deployment[name].out(f"cd {folder} && sha256sum chain.pem root.pem identity.pem")


def number_of(der):
    """The number of a revocation list."""
    text = text_of(der)
    return int(text.split("X509v3 CRL Number:")[1].split()[0], 0)


def test_FR_2_RF_22_promotion_is_refused_while_the_primary_answers(four):
    fails(four, "tokyo", "mdsctl -y --reason test promote", "RF-22", ["hears the Primary london", "only for recovery"])
    plan = four.ctl("tokyo", "promote --plan", check=False)
    assert plan.returncode == 3 and "RF-22" in plan.stdout, plan.stdout
    api = four.api("tokyo")
    refused(lambda: api.call("promote-mds"), "RF-22", "err_ha_invalid_operation")
    api.close()
    # Cut off from it alone: the others still hear it.
    four.rig.network.cut("london", "tokyo")
    wait_until(lambda: [s["state"] for s in four.ctl_json("tokyo", "server list")
                        if s["name"] == "london"] == ["silent"], 30, "London to be missed")
    fails(four, "tokyo", "mdsctl -y --reason test promote", "RF-22", ["paris"])
    four.rig.network.heal("london", "tokyo")
    fails(four, "london", "mdsctl -y --reason test promote", said=["is the Primary already"])
    fails(four, "logs", "mdsctl -y --reason test promote", said=["log server"])
    assert role(four, "tokyo") == "secondary"
    four.wait_well("london")


@pytest.fixture(name="orphans", scope="module")
def primary_is_lost(four):
    """A publish that no other server receives, and then the Primary's plug. What the others trust."""
    four.wait_well("london")
    api = four.api("london", "A")
    for name in ("tokyo", "paris", "logs"):
        four.rig.network.cut("london", name)
    api.send("add-host", host("only-on-london", "192.0.2.9"))
    api.publish()
    api.close()
    trust = {n: trust_files(four, n) for n in ("tokyo", "paris", "logs")}
    lost(four, "london")
    four.rig.network.heal()
    return trust


def test_CS_3_PR_9_the_usual_credentials_work_and_nothing_promotes_itself(four, orphans):
    assert orphans
    for name in ("tokyo", "paris"):
        four.api(name).close()
        four.api(name, "B" if name == "tokyo" else "D").close()
        assert role(four, name) == "secondary"
    # One lost host is one line, not one for each of its Domains.
    screen = four.ctl("tokyo", "status", check=False).stdout
    assert "4 Domains: no server is Active" in screen and "Domain A:" not in screen, screen
    assert "Domain D: a server is unreachable" in screen, screen


def test_PR_1_RF_24_the_global_domain_is_active_here_first(four, orphans):
    assert orphans
    fails(four, "tokyo", "mdsctl -y --reason test promote --domains none", "RF-24",
          ["mdsctl ha force-active Global tokyo"])
    api = four.api("tokyo")
    refused(lambda: api.call("promote-mds", domains="none"), "RF-24", "err_ha_invalid_operation")
    api.close()


def test_CS_1_RF_23_a_server_that_is_down_stops_it(four, orphans):
    assert orphans
    lost(four, "paris")
    fails(four, "tokyo", "mdsctl -y --reason test promote", "RF-23", ["paris does not answer either", "--ignore-silent"])
    plan = four.ctl("tokyo", "promote --plan --ignore-silent", check=False)
    assert "! paris does not answer either" in plan.stdout, plan.stdout
    four.power_back("paris")
    wait_until(lambda: all(c["state"] == "good" for c in four.ctl_json("tokyo", "promote --plan")["checks"]),
               30, "Paris to be heard", lambda: four.ctl("tokyo", "promote --plan", check=False).stdout)
    wait_until(lambda: {d["name"]: d["sync"] for d in four.ctl_json("tokyo", "domain list")}["D"] !=
               "no-active", 30, "Paris to serve D")


def test_T_8_PR_4_PR_6_RD_1_RD_4_RD_7_FR_1_one_command_puts_another_in_its_place(four, orphans):
    plan = {d["domain"]: (d["action"], d["server"])
            for d in four.ctl_json("tokyo", "promote --plan")["domains"]}
    assert plan["Global"] == ("take-over", "tokyo") and plan["B"] == ("take-over", "tokyo")
    assert plan["A"][0] == "take-over" and plan["C"] == ("left", "") and plan["D"] == ("primary", "paris")
    # Without -y and without a terminal nothing is done.
    assert four.ctl("tokyo", "promote", check=False).returncode == 9
    assert role(four, "tokyo") == "secondary"

    begin = time.monotonic()
    done = four.ctl("tokyo", "-y --reason 'London is lost' promote", check=False)
    assert done.returncode == 10, done.stdout + done.stderr
    assert "C: no other server that answers has it" in done.stdout, done.stdout
    holder = plan["A"][1]
    where = [("tokyo", "Global"), (holder, "A"), ("tokyo", "B"), ("paris", "D")]
    for name, domain in where:
        four.wait_role(name, domain, "active", 10)
    assert time.monotonic() - begin < 60
    assert role(four, "tokyo") == "primary"
    # T-8: every link that can be up is, within 10 s of it, and nobody typed a key.
    linked = time.monotonic()
    rest = {"tokyo", "paris", "logs"}
    wait_until(lambda: all({s["name"] for s in four.ctl_json(n, "server list") if s["state"] == "running"} >= rest
                           for n in rest), 10, "all links of those that are left")
    assert time.monotonic() - linked < 10
    wait_until(lambda: all([s["role"] for s in four.ctl_json(n, "server list") if s["name"] == "tokyo"]
                           == ["primary"] for n in ("tokyo", "paris", "logs")), 10, "all to know")
    # Everything is writable: Domains, the Global Domain, the system data.
    for name, domain in where + [("tokyo", None)]:
        api = four.api(name, domain)
        if domain:
            api.send("add-host", host(f"after-{domain}", "192.0.2.10"))
        else:
            api.send("add-tag", {"name": "after"})
        api.publish()
        api.close()
    # RD-7: what is not level is synchronized by hand, as ever.
    third = "paris" if holder == "tokyo" else "tokyo"
    four.ctl(holder, f"-y --reason test ha sync A --to {third}")
    wait_until(lambda: four.peer(holder, "A", third).get("sync-status") == "synchronized", 30, "A on both")
    # RD-4: the Primary Domain Servers are where the Domains are.
    primary = {d["name"]: [c["mds-name"] for c in d["cells"] if c["primary"]]
               for d in four.ctl_json("tokyo", "domain list")}
    assert primary == {"Global": ["tokyo"], "A": [holder], "B": ["tokyo"], "C": ["london"],
                       "D": ["paris"]}
    # PR-6: trust is what it was; the authority signs here.
    assert orphans == {n: trust_files(four, n) for n in ("tokyo", "paris", "logs")}
    assert "No trust has to be re-established" in done.stdout
    wait_until(lambda: four["tokyo"].sh("busctl call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1 "
                                        "RevocationLists", check=False).returncode == 0, 10,
               "the authority on Tokyo")
    fails(four, "tokyo", "mdsctl -y --reason test promote", said=["is the Primary already"])


def test_T_11_the_authority_of_the_new_primary_issues_and_revokes_within_seconds(four, tmp_path):
    """Of administrators: gateways are not enrolled yet. The old Primary is without power."""
    lists = {name: list_of(four, name, "/servers/0-1.crl") for name in ("tokyo", "paris", "logs")}
    number = max(number_of(der) for der in lists.values())
    api = four.api("tokyo")
    begin = time.monotonic()
    stations = {name: Workstation(tmp_path, name) for name in ("ann", "bea")}
    for name, station in stations.items():
        api.send("add-administrator", {"name": name, "authentication-method": "certificate",
                                       "multi-domain-profile": "Multi-Domain Super User",
                                       "certificate-request": station.request()})
    api.publish()

    def issued(name):
        return api.raw("show-administrator-certificate", json.dumps({"admin-name": name}).encode())[1]
    wait_until(lambda: all(issued(name).get("status") == "valid" for name in stations), 10, "both certificates")
    bea = issued("bea")
    # The list that the certificate itself names.
    points = openssl("x509", "-noout", "-ext", "crlDistributionPoints", data=bea["certificate"].encode())
    path = "/servers/" + points.split("/servers/", 1)[1].split()[0]
    api.call("delete-administrator-certificate", admin_name="bea")

    def revoked(name):
        status, _, der = fetch(four, name, path)
        return status == 200 and bea["serial-number"].upper() in text_of(der).upper() and number_of(der) > number
    wait_until(lambda: all(revoked(name) for name in lists), 10, "every server to serve the new list")
    assert time.monotonic() - begin < 10
    ann = stations["ann"].keep(issued("ann")["certificate"])
    wait_until(lambda: "Acceptable client certificate CA names" in four["paris"].out(
        "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null"), 10, "Paris to ask for certificates")
    log_in(four, "paris", ann).close()
    for name in stations:
        api.call("delete-administrator", name=name)
    api.publish()
    api.close()


def test_FP_1_the_promoted_server_is_restarted_and_is_the_primary(four):
    four["tokyo"].stop()
    four["tokyo"].boot()
    four["tokyo"].wait_up()
    assert role(four, "tokyo") == "primary"
    for domain in ("Global", "B"):
        four.wait_role("tokyo", domain, "active")
    table = four["tokyo"].out("mdsstat")
    assert " 0 down" in table, table
    api = four.api("tokyo")
    task = api.wait(api.call("add-domain", name="E", servers=[
        {"name": "E-1", "ip-address": "10.77.0.50", "multi-domain-server": "tokyo"},
        {"name": "E-2", "ip-address": "10.77.0.51", "multi-domain-server": "paris"}]), timeout=90)
    assert task["status"] == "succeeded", task
    api.close()


def test_T_8_FR_3_CA_10_the_old_primary_returns_hands_over_what_only_it_has_and_is_fenced(four):
    four.power_back("london")
    wait_until(lambda: role(four, "london") == "secondary", 30, "London to hear of it")
    holder = next(n for n in ("tokyo", "paris") if four.ha(n, "A").get("role") == "active")
    wait_until(lambda: "1 change of admin" in four.ctl(holder, "ha status A", check=False).stdout, 30,
               "what only London had", lambda: four.ctl(holder, "ha status A", check=False).stdout)
    for name in ("london", "tokyo"):
        screen = four.ctl(name, "status", check=False).stdout
        assert "london was replaced by tokyo and is back, read-only" in screen
        assert "mdsctl server readmit london" in screen
    # It follows, and changes nothing: not as a Standby, not where it is the only server.
    four.wait_synchronized(holder, "A")
    fails(four, "london", "mdsctl ha set-active A london", said=["replaced by tokyo", "read-only"])
    fails(four, "london", "mdsctl -y --reason test ha force-active C london", said=["replaced by tokyo"])
    fails(four, "london", "mdsctl -y --reason test promote", said=["replaced by tokyo"])
    fails(four, "london", "mdsctl domain create X --on london --ip 10.77.0.99", "RF-13", ["tokyo"])
    api = four.api("london", "C")
    assert "replaced by tokyo" in refused(lambda: api.send("add-host", host("no", "192.0.2.11"))).message
    api.close()
    # It signs nothing (K-28), as soon as Tokyo has taken what only it had issued and revoked (K-19).
    def lists():
        return four["london"].sh("busctl call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1 "
                                 "RevocationLists", check=False)
    wait_until(lambda: lists().returncode != 0, 30, "London to sign no more")
    assert "replica" in lists().stderr, lists().stderr
    assert "what another copy of the authority had issued and revoked was added" in \
        four["tokyo"].out("journalctl -u mds-ca -o cat --no-pager")
    # Also after a restart of all its services.
    four["london"].sh("mdsstop && mdsstart")
    four["london"].wait_up()
    wait_until(lambda: four.ctl("london", "ha status C", check=False).returncode == 0, 30,
               "C to be served", lambda: four.ctl("london", "ha status C", check=False).stdout)
    api = four.api("london", "C")
    assert "replaced by tokyo" in refused(lambda: api.send("add-host", host("no", "192.0.2.11"))).message
    api.close()
    # DS-1, DS-6: it holds the only server of C.
    fails(four, "tokyo", "mdsctl -y --reason test server delete london", "RF-16", ["C"])


def test_FR_3_the_old_primary_is_readmitted_and_may_be_active_again(four):
    fails(four, "paris", "mdsctl server readmit london", "RF-13")
    four.ctl("tokyo", "server readmit london")
    fails(four, "tokyo", "mdsctl server readmit london", said=["nothing to do"])
    wait_until(lambda: four.ctl("london", "ha set-active B london", check=False).returncode == 0, 10,
               "London to be free")
    for domain, name in (("B", "x-b"), ("C", "x-c")):
        api = four.api("london", domain)
        api.send("add-host", host(name, "192.0.2.12"))
        api.publish()
        api.close()
    four.wait_well("tokyo")
    # Like every server it changes the system data, which the new Primary decides.
    api = four.api("london")
    api.call("set-mds", name="paris", comments="by the old Primary")
    api.publish()
    api.close()
    api = four.api("tokyo")
    assert api.call("show-mds", name="paris")["comments"] == "by the old Primary"
    api.close()
    # The work that only London had is published by its author.
    holder = next(n for n in ("tokyo", "paris") if four.ha(n, "A").get("role") == "active")
    api = four.api(holder, "A")
    (session,) = [s for s in api.call("show-sessions", limit=500, details_level="full")["objects"]
                  if s["changes"]]
    api.call("publish", uid=session["uid"])
    wait_until(lambda: api.raw("show-host", b'{"name":"only-on-london"}')[0] == 200, 10, "the publish")
    api.close()
    # DS-6: Paris holds no Active and the Primary server of D.
    four.ctl("tokyo", "-y ha set-active --all --on tokyo")
    four.ctl("tokyo", "ha set-active D london")
    fails(four, "tokyo", "mdsctl -y --reason test server delete paris", "RF-17", ["D", "promote another first"])
    for domain, name in (("D", "paris"), ("B", "london")):
        four.ctl("tokyo", f"ha set-active {domain} {name}")
    four.wait_well("tokyo")


def test_PR_8_DS_1_DS_2_DS_3_DS_4_DS_5_DS_6_DS_7_the_old_primary_is_deleted_and_its_certificates_are_revoked(four):
    fails(four, "tokyo", "mdsctl -y --reason test server delete london", "RF-16", ["B", "C"])
    four.ctl("tokyo", "ha set-active B tokyo")
    fails(four, "tokyo", "mdsctl -y --reason test server delete london", "RF-16", ["C"])
    lost(four, "london")
    four.ctl("tokyo", "server uses london", check=False)
    four.ctl("tokyo", "domain gateways A")
    four.ctl("tokyo", "licence list")
    # The machine is dead, and with it the only server of C: that goes with its Domain only (DS-6).
    fails(four, "tokyo", "mdsctl -y --reason test server delete london", "RF-16", ["C", "force-active"])
    four.power_back("london")
    four.wait_well("tokyo")
    four.ctl("tokyo", "-y --reason test domain delete C")
    fails(four, "tokyo", "mdsctl -y --reason test server delete london", "RF-30", ["mdsstop"])
    fails(four, "tokyo", "mdsctl -y --reason test server delete tokyo", "RF-26")
    four["london"].sh("mdsstop")
    wait_until(lambda: [s["state"] for s in four.ctl_json("tokyo", "server list")
                        if s["name"] == "london"] == ["silent"], 30, "London to be missed")
    asked = fails(four, "tokyo", "mdsctl server delete london", said=["with its servers of", "A"], code=9)
    assert "Global" in asked.stderr
    assert "london" in four.ctl("tokyo", "status", check=False).stdout
    # DS-4, DS-5: it is a change of a session; others see it until that is published, and a discard takes
    # it back.
    api, other = four.api("tokyo"), four.api("tokyo")
    api.call("delete-mds", name="london")
    assert api.raw("show-mds", b'{"name":"london"}')[0] == 404
    assert other.call("show-mds", name="london")["name"] == "london"
    api.call("discard")
    assert api.call("show-mds", name="london")["domains"]
    assert not any(c["revoked"] for c in certificates(four, "tokyo", "servers") if "CN=london" in c["subject"])
    # What was checked when it was ordered is checked again when it is published (RF-30).
    api.call("delete-mds", name="london")
    four["london"].sh("mdsstart")
    wait_until(lambda: [s["state"] for s in four.ctl_json("tokyo", "server list")
                        if s["name"] == "london"] == ["running"], 30, "London to be back")
    refused(lambda: api.call("publish"), "RF-30")
    api.call("discard")
    four["london"].sh("mdsstop")
    wait_until(lambda: [s["state"] for s in four.ctl_json("tokyo", "server list")
                        if s["name"] == "london"] == ["silent"], 30, "London to be missed")
    api.close()
    other.close()
    four.ctl("tokyo", "-y --reason test server delete london")
    four.wait_well("paris")
    assert "london" not in four.ctl("paris", "status").stdout

    def revoked():
        rows = [c for c in certificates(four, "tokyo", "servers") if "CN=london" in c["subject"]]
        return rows and all(c["revoked"] for c in rows)
    wait_until(revoked, 10, "London's certificates to be revoked")
    # It comes back and nobody speaks with it.
    four["london"].sh("mdsstart")
    wait_until(lambda: "it refused the certificate" in four.ctl("london", "status", check=False).stdout, 30,
               "London to be refused", lambda: four.ctl("london", "status", check=False).stdout)
    assert "london" not in four.ctl("paris", "status").stdout
    four.wait_well("tokyo")


def test_DS_1_a_dead_server_holds_its_active_domains_until_others_do(four):
    four.ctl("tokyo", "ha set-active E paris")
    four.wait_synchronized("paris", "E")
    lost(four, "paris")
    # RF-16 counts although it does not answer: what only it has would be gone for good.
    fails(four, "tokyo", "mdsctl -y --reason test server delete paris", "RF-16", ["E"])
    # Its own Domain Server may miss it a moment later than the others do.
    wait_until(lambda: four.ctl("tokyo", "-y --reason test ha force-active E tokyo", check=False).returncode == 0, 10,
               "E to be Active on tokyo")
    assert "of D" in fails(four, "tokyo", "mdsctl -y --reason test server delete paris", "RF-16").stderr
    four.power_back("paris")
    four.wait_well("tokyo")


def test_DS_8_a_log_server_is_deleted(four):
    fails(four, "tokyo", "mdsctl -y --reason test server delete logs", "RF-30", ["mdsstop"])
    four["logs"].sh("mdsstop")
    wait_until(lambda: [s["state"] for s in four.ctl_json("tokyo", "server list")
                        if s["name"] == "logs"] == ["silent"], 30, "the log server to be missed")
    assert "A" in fails(four, "tokyo", "mdsctl server delete logs", code=9).stderr
    four.ctl("tokyo", "-y --reason test server delete logs")
    four.wait_well("tokyo")
    assert not any(c["type"] == "log server" for d in four.ctl_json("tokyo", "domain list")
                   for c in d["cells"])
    wait_until(lambda: all(c["revoked"] for c in certificates(four, "tokyo", "servers")
                           if "CN=logs" in c["subject"]), 10, "its certificates to be revoked")


# ---- as the chapter types it ----

@pytest.fixture(name="classic", scope="module")
def classic_hosts(four):
    """Primary london and Secondary tokyo with Domains A and B, London's plug pulled."""
    four.down()
    deployment = built("promo", ["london", "tokyo"], ["A", "B"])
    lost(deployment, "london")
    yield deployment
    deployment.down()


FIVE = ["cpprod_util FwSetPrimary 1", "cpprod_util CPPROD_SetValue PROVIDER-1 Primary 4 1 1",
        "cpprod_util CPPROD_SetValue SIC ICAState 4 3 1",
        "ckp_regedit -d //SOFTWARE//CheckPoint//SIC OTP",
        "ckp_regedit -d //SOFTWARE//CheckPoint//SIC ICAip"]


def test_CS_2_PR_1_PR_2_PR_3_the_five_commands_of_the_chapter(classic):
    tokyo = classic["tokyo"]
    assert tokyo.out("cpprod_util FwIsPrimary").strip() == "0"
    fails(classic, "tokyo", FIVE[0], "RF-24", ["mdsctl ha force-active Global tokyo"])
    classic.ctl("tokyo", "-y --reason test ha force-active Global tokyo")
    wait_until(lambda: tokyo.sh(FIVE[0], check=False).returncode == 0, 10, "Global to be Active here")
    for i, command in enumerate(FIVE[1:], 1):
        # Half done: Secondary still, and what is missing is named.
        assert role(classic, "tokyo") == "secondary"
        said = tokyo.out(FIVE[i - 1])
        assert "Secondary still" in said and all(c in said for c in FIVE[i:]) and FIVE[0] not in said
        assert "half done" in classic.ctl("tokyo", "status", check=False).stdout
        tokyo.sh(command)
    assert role(classic, "tokyo") == "primary"
    assert tokyo.out("cpprod_util FwIsPrimary").strip() == "1"
    dump = tokyo.out("cpprod_util -dump")
    assert "ICAState = 3" in dump and "OTP" not in dump and "ICAip" not in dump, dump
    assert dump.count("Primary = 1") == 2, dump
    for command in FIVE:
        tokyo.sh(command)
    assert tokyo.out("cpprod_util -dump") == dump
    assert "half done" not in classic.ctl("tokyo", "status", check=False).stdout
    assert tokyo.sh("cpprod_util FwSetPrimary", check=False).returncode == 2


def test_RD_2_RD_3_RD_4_RD_5_RD_10_promote_util_in_the_context_of_a_domain_server(classic):
    tokyo = classic["tokyo"]
    context = ". /etc/profile.d/mds.sh && mdsenv A-2 && "
    fails(classic, "tokyo", "promote_util", "RF-28", ["mdsenv"])
    fails(classic, "tokyo", context + "promote_util", "RF-27", ["A-1 on london does not answer"])
    classic.ctl("tokyo", '-y ha force-active A tokyo --reason "London is lost"')
    wait_until(lambda: tokyo.sh(context + "promote_util", check=False).returncode == 0, 10, "A to be Active")
    fails(classic, "tokyo", "mdsctl ds promote A", said=["already"])
    rows = {d["name"]: [c["mds-name"] for c in d["cells"] if c["primary"]]
            for d in classic.ctl_json("tokyo", "domain list")}
    assert rows == {"Global": ["tokyo"], "A": ["tokyo"], "B": ["london"]}
    # RD-10: the other Domain, by the chapter's last resort; only that one changes.
    tokyo.sh("mgmt_cli make-server-active force true --domain B -u admin -p correct-horse-battery-9")
    classic.wait_role("tokyo", "B", "active")
    # FR-2 for a Domain Server: its Primary answers.
    tokyo.sh(context.replace("A-2", "B-2") + "promote_util")
    classic.power_back("london")
    wait_until(lambda: role(classic, "london") == "secondary", 30, "London to hear of it")
    fails(classic, "london", ". /etc/profile.d/mds.sh && mdsenv A-1 && promote_util", "RF-22", ["A-2"])
    with pytest.raises(ApiError):
        classic.api("london").call("promote-mds")


def test_the_recovery_document_holds_only_commands_that_ran_here(classic):
    assert classic.wanted
    count = 0
    for line in commands_of("recovery.md"):
        count += 1
        assert line in RAN, line
    assert count > 9


def test_FR_3_a_primary_that_was_deleted_while_it_was_dead_does_not_go_on_as_one(classic):
    classic.down()
    two = built("promo", ["london", "tokyo"], ["B"])
    try:
        lost(two, "london")
        two.ctl("tokyo", "-y --reason test promote")
        two.ctl("tokyo", "-y --reason test server delete london")
        # By its own data it is the Primary, with every Domain Active; nobody tells it anything but no.
        two.power_back("london")
        wait_until(lambda: "it refused the certificate" in two.ctl("london", "status", check=False).stdout,
                   30, "London to be refused", lambda: two.ctl("london", "status", check=False).stdout)
        wait_until(lambda: two.ha("london", "B").get("role") in ("active", "standby"), 30, "B to be served")
        for domain in ("B", None):
            api = two.api("london", domain)
            answer = api.raw("add-tag", b'{"name":"no"}')
            assert answer[0] >= 400 and b"taken out of the deployment" in json.dumps(answer[1]).encode(), answer
            api.close()
        two.ctl("tokyo", "status")
    finally:
        two.down()
