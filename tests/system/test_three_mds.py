"""Three Multi-Domain Servers: load sharing, one of two Standbys, all Domains moved at once (LS, MD)."""

import json
import re
import time

import pytest

from clock import Clock
from deployment import ADDRESSES, Deployment
from gateway import Machine
from rig import wait_until
from test_ex1 import host, refused

CITIES = ["london", "tokyo", "paris"]


@pytest.fixture(name="three", scope="module")
def three_mdss():
    """Three MDSs and three Domains with a server on each, all Active on London."""
    deployment = Deployment("sys3", {name: ADDRESSES[name] for name in CITIES})
    deployment.boot()
    deployment.install()
    deployment.setup()
    deployment.join()
    api = deployment.api("london")
    for number, domain in enumerate(["A", "B", "C"]):
        servers = [{"name": f"{domain}-{i + 1}", "ip-address": f"10.77.0.{60 + 10 * number + i}",
                    "multi-domain-server": city} for i, city in enumerate(CITIES)]
        api.wait(api.call("add-domain", name=domain, servers=servers), timeout=90)
    api.close()
    yield deployment
    deployment.down()


def test_LS_1_LS_3_a_domain_on_three_servers_has_one_active_and_two_standbys(three):
    states = {s["name"]: s["ha-state"] for d in three.ctl_json("tokyo", "ha status")["domains"]
              if d["name"] == "A" for s in d["servers"]}
    assert states == {"A-1": "active", "A-2": "standby", "A-3": "standby"}


def test_LS_2_LS_4_PE_4_three_actives_on_three_servers_each_for_its_domain(three):
    for domain, city in zip("ABC", CITIES):
        three.ctl("london", f"ha set-active {domain} {city}")
        three.wait_role(city, domain, "active")
    sessions = {d: three.api(c, d) for d, c in zip("ABC", CITIES)}
    for domain, api in sessions.items():
        api.send("add-host", host(f"ls2-{domain}", "192.0.2.31"))
    for api in sessions.values():
        api.publish()
    for domain, city in zip("ABC", CITIES):
        three.wait_synchronized(city, domain)
        for other in CITIES:
            api = three.api(other, domain)
            assert api.call("show-host", name=f"ls2-{domain}")["name"] == f"ls2-{domain}"
            assert api.info["standby"] is (other != city)
            if other != city:
                refused(lambda api=api: api.send("add-host", host("no", "192.0.2.32")), "RF-05",
                        words=[f"on {city}"])
            api.close()
    for api in sessions.values():
        api.close()


def test_MD_3_one_of_two_standbys_is_synchronized_the_other_is_untouched(three):
    three.ctl("london", "ha set-active A london")
    three.wait_role("london", "A", "active")
    three.wait_synchronized("london", "A")
    readers = {city: three.api(city, "A") for city in ("tokyo", "paris")}
    three.ctl("london", "--yes --reason test ha sync A --to paris")
    assert refused(lambda: readers["paris"].call("show-hosts")).status == 401
    assert readers["tokyo"].call("show-hosts")["total"] > 0
    readers["tokyo"].close()
    three.wait_synchronized("london", "A")


def test_set_active_all_when_a_site_is_evacuated(three):
    done = three.ctl("london", "--yes ha set-active --all --on paris", timeout=120)
    for domain in "ABC":
        assert re.search(rf"{domain} +{domain}-3 is Active", done.stdout), done.stdout
        three.wait_role("paris", domain, "active")
    three.wait_role("paris", "Global", "active")
    three.wait_well("paris", 30)


def certificates(deployment, name, authority):
    """What the mds-ca of a host knows of an authority's certificates."""
    out = deployment[name].out("busctl --json=short call org.openmds.Ca1 /org/openmds/Ca1 "
                               f"org.openmds.Ca1 ListCertificates s {authority}")
    return json.loads(json.loads(out)["data"][0])


def test_IC_3_IC_4_every_server_knows_every_certificate_and_only_the_primary_signs(three):
    def lists(name):
        return three[name].out("cd /var/lib/mds/crl; find . -type f | sort | xargs sha256sum")

    def equal():
        return all(certificates(three, n, a) == certificates(three, "london", a)
                   for n in ("tokyo", "paris") for a in ("servers", "root")) and \
            len({lists(n) for n in CITIES}) == 1
    wait_until(equal, 30, "the authority on every server")
    assert len(certificates(three, "paris", "servers")) >= 6
    # Three Domains and Global have one each, below the root with the Servers CA.
    assert len(certificates(three, "paris", "root")) >= 5
    refused_there = three["paris"].sh(
        "busctl call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1 RevocationLists", check=False)
    assert refused_there.returncode != 0 and "replica" in refused_there.stderr
    # Keys are sealed on every disk.
    for name in CITIES:
        found = three[name].out("grep -lr 'PRIVATE KEY' /var/lib/mds/ca || true").split()
        assert found == ["/var/lib/mds/ca/sealing.key"], found
    # The Primary is gone: what it has issued is known.
    three["london"].kill()
    try:
        assert [c["uuid"] for c in certificates(three, "paris", "servers") if "tokyo" in c["subject"]]
    finally:
        three.power_back("london")
    three.wait_well("london")
    # What is new comes too, without a hand.
    api = three.api("london")
    api.wait(api.call("add-domain", name="D", servers=[{
        "name": "D-1", "ip-address": "10.77.0.95", "multi-domain-server": "london"}]), timeout=90)
    api.close()
    wait_until(equal, 30, "the authority of the new Domain on every server")
    # One list at least of each authority: root, servers, Global and four Domains.
    assert lists("paris").count("/0-1.crl") == 7, lists("paris")


# Last in order: what follows cannot be taken back.

def certificate(deployment, name):
    """The identity that a host's mds-sync uses."""
    text = deployment.property(name, "org.openmds.Sync1", "/org/openmds/Sync1", "org.openmds.Sync1",
                               "Certificate")
    return json.loads(json.loads(text.split(" ", 1)[1]))


def test_a_clock_of_the_primary_that_jumps_and_comes_back_leaves_no_certificate_of_another_time(three):
    clocks = [Clock(three[name]) for name in CITIES]
    three.wait_well("paris")
    serial = certificate(three, "london")["serial"]
    # While it hears others whose clocks differ it signs nothing.
    clocks[0].set(400 * 86400)
    wait_until(lambda: "ahead of those of all servers" in three["london"].out("journalctl -u mds-core -o cat"), 30,
               "London to see that its clock differs")
    for city, whose in (("tokyo", "the one here"), ("london", "those of all other servers")):
        says = f"the clock of london is (399|400) d ahead of {whose}"
        wait_until(lambda c=city, s=says: re.search(s, three.ctl(c, "status", check=False).stdout), 10, f"{city} to say so",
                   lambda c=city: three.ctl(c, "status", check=False).stdout)
    clocks[0].set(0)
    three.wait_well("paris")
    assert certificate(three, "london")["serial"] == serial
    # Alone it cannot know; when its clock is right again it sees what it has.
    for city in ("tokyo", "paris"):
        three.rig.cut("london", city)
    try:
        wait_until(lambda: "does not answer" in three.ctl("london", "status", check=False).stdout, 30, "London to be alone")
        clocks[0].set(400 * 86400)
        wait_until(lambda: certificate(three, "london")["serial"] != serial, 60, "a certificate of that time")
        assert certificate(three, "london")["not-before"] > (time.time() + 300 * 86400) * 1000
        clocks[0].set(0)
        wait_until(lambda: certificate(three, "london")["not-before"] < time.time() * 1000, 60,
                   "a certificate of this time")
    finally:
        three.rig.heal()
    three.wait_well("london")
    three.wait_well("paris")


def test_every_certificate_is_renewed_through_a_year_without_a_hand_on_it(three):
    clocks = [Clock(three[name]) for name in CITIES]
    three.wait_well("paris")
    gateway = Machine(three, "year-gateway")
    api = three.api("paris", "A")
    gateway.enrol(api)
    gateway.install(api)
    api.close()
    gateways = {gateway.status()["certificate-serial"]}
    serials = {name: {certificate(three, name)["serial"]} for name in CITIES}
    starts = {name: three[name].out("systemctl show -P ActiveEnterTimestampMonotonic mds-sync")
              for name in CITIES}
    for days in (130, 260, 390):
        if days == 260:
            # A first try that finds no Primary is not the last one for long.
            three["london"].sh("systemctl stop mds-core")
        for clock in clocks:
            clock.set(days * 86400)
        if days == 260:
            wait_until(lambda: "was not renewed" in three["paris"].out("journalctl -u mds-core -n 50"), 60,
                       "the first try to fail")
            three["london"].sh("systemctl start mds-core")
            gateway.days = 260
            assert "renewed" not in gateway.run("fetch")
        # The authority may still have had the time of before when it signed the first one.
        end = (time.time() + (days + 170) * 86400) * 1000
        wait_until(lambda end=end: all(certificate(three, n)["not-after"] > end for n in CITIES), 60,
                   f"certificates of day {days}", lambda: str([certificate(three, n) for n in CITIES]))
        for name in CITIES:
            now = certificate(three, name)
            assert now["serial"] not in serials[name]
            serials[name].add(now["serial"])
        # Nobody was restarted, and what is published arrives.
        api = three.api("paris", "A")
        api.send("add-host", host(f"day-{days}", f"192.0.2.{days // 10}"))
        api.publish()
        api.close()
        three.wait_synchronized("paris", "A")
        if days == 260:
            # A gateway's year is over later; a Standby cannot renew, and it asks on.
            for clock in clocks:
                clock.set(285 * 86400)
            gateway.days = 285
            assert "The certificate was renewed" in gateway.run("fetch")
            gateways.add(gateway.status()["certificate-serial"])
    gateway.days = 390
    assert len(gateways) == 2 and "nothing newer" in gateway.run("fetch")
    assert starts == {n: three[n].out("systemctl show -P ActiveEnterTimestampMonotonic mds-sync")
                      for n in CITIES}
    # A connection of today takes them too.
    three["tokyo"].sh("systemctl restart mds-sync")
    for domain in "ABC":
        three.wait_synchronized("paris", domain, 60)
    screen = three.ctl("tokyo", "status").stdout
    assert "is the first to end, on 20" in screen, screen


def test_T_13_a_revoked_server_is_cut_off_everywhere_within_seconds(three):
    serial = certificate(three, "paris")["serial"]
    three["london"].sh(f"busctl call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1 Revoke ss "
                       f"{serial} key-compromise")
    begin = time.monotonic()

    def cut(name):
        row = three.peer(name, "B", "paris")
        return row.get("sync-status") == "trust-missing" and "revoked" in row["reason"]
    wait_until(lambda: cut("london") and cut("tokyo"), 20, "Paris to be cut off")
    assert time.monotonic() - begin < 5 + 1  # mdsctl asks for the time it takes
    # The others go on with each other.
    assert three.peer("london", "B", "tokyo")["sync-status"] == "synchronized"
    # A list that is older is not taken back, whoever gives it.
    lists = json.loads(three["london"].out("busctl --json=short call org.openmds.Ca1 /org/openmds/Ca1 "
                                           "org.openmds.Ca1 RevocationLists"))["data"][0]
    three["tokyo"].write_file("/var/tmp/lists", lists)
    install = ("busctl -- call org.openmds.Sync1 /org/openmds/Sync1 org.openmds.Sync1 "
               "InstallRevocations s \"$(cat /var/tmp/lists)\"")
    three["tokyo"].sh(install)
    newer = json.loads(three["london"].out("busctl --json=short call org.openmds.Ca1 /org/openmds/Ca1 "
                                           "org.openmds.Ca1 RevocationLists"))["data"][0]
    three["tokyo"].write_file("/var/tmp/lists", newer)
    three["tokyo"].sh(install)
    three["tokyo"].write_file("/var/tmp/lists", lists)
    refused_older = three["tokyo"].sh(install, check=False)
    assert refused_older.returncode != 0 and "older" in refused_older.stderr, refused_older.stderr
    assert cut("tokyo")
