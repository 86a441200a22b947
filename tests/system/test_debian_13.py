"""Debian 12 and Debian 13 in one deployment, each as the Primary: publishing, changes of the Active, power
cuts and promotion go both ways. And the package on Debian 13: install, services, remove, purge."""

import json

import pytest

from deployment import ADDRESSES, KEY, Deployment, package
from rig import run, wait_until
from secret_search import forms_of_activation_key
from test_ex1 import host
from test_key_hygiene import in_memory_of
from test_promotion import fails, lost, role
from tls_scan import only_what_k_12_lists

pytestmark = pytest.mark.other_suite
OTHER = "trixie"
RELEASE = {None: "12", OTHER: "13"}
# Domain: its servers, the first is Active.
DOMAINS = {"A": [("A-1", "10.77.0.60", "london"), ("A-2", "10.77.0.61", "tokyo")],
           "B": [("B-2", "10.77.0.71", "tokyo"), ("B-1", "10.77.0.70", "london")]}


@pytest.fixture(name="mixed", scope="module", params=["london", "tokyo"],
                ids=["primary_on_debian_13", "secondary_on_debian_13"])
def mixed_hosts(request):
    """Primary london and Secondary tokyo, one on Debian 13; A is Active on london, B on tokyo."""
    deployment = Deployment("mixed", {n: ADDRESSES[n] for n in ("london", "tokyo")},
                            suites={request.param: OTHER})
    deployment.boot()
    deployment.install()
    deployment.setup()
    deployment.join()
    api = deployment.api("london")
    for domain, servers in DOMAINS.items():
        task = api.wait(api.call("add-domain", name=domain, servers=[
            {"name": n, "ip-address": a, "multi-domain-server": m, "active": i == 0}
            for i, (n, a, m) in enumerate(servers)]), timeout=90)
        assert task["status"] == "succeeded", task
    api.close()
    deployment.wait_well("london")
    deployment.wait_well("tokyo")
    yield deployment
    deployment.down()


def publish(deployment, name, domain, *objects):
    """Publishes hosts in a Domain on a server."""
    api = deployment.api(name, domain)
    for number, word in enumerate(objects):
        api.send("add-host", host(word, f"198.51.100.{number + 1}") | {"ignore-warnings": True})
    api.publish()
    api.close()


def has(deployment, name, domain, word):
    """Whether a server of the Domain shows an object."""
    api = deployment.api(name, domain)
    status = api.raw("show-host", json.dumps({"name": word}).encode())[0]
    api.close()
    return status == 200


def test_the_hosts_run_two_debians_and_one_version(mixed):
    versions = set()
    for name in mixed.wanted:
        server = mixed[name]
        assert server.out(". /etc/os-release; echo $VERSION_ID") == RELEASE[mixed.suites.get(name)]
        versions.add(server.out("mdsctl --version"))
        assert server.out("systemctl --failed --no-legend") == ""
    assert len(versions) == 1, versions


def test_nothing_warns_on_either(mixed):
    for name in mixed.wanted:
        said = mixed[name].sh("systemd-analyze verify --man=no /lib/systemd/system/mds*.service "
                              "/lib/systemd/system/mds.target /lib/systemd/system/mds-*.socket")
        assert said.stdout + said.stderr == ""
        units = " ".join(f"-u {unit}" for unit in ("'mds-*'", "polkit", "systemd-sysusers",
                                                   "systemd-tmpfiles-setup"))
        said = mixed[name].out(f"journalctl -b -p 4 -o cat --no-pager {units}").splitlines()
        # While the other was set up, it was not there.
        assert [line for line in said if not line.startswith("The server ") or " is unreachable: " not in line] == []


def test_K_12_T_16_tls_and_the_care_of_secrets_are_the_same_on_both(mixed):
    forms = forms_of_activation_key(KEY)
    for name in mixed.wanted:
        for port in (443, 18221):
            only_what_k_12_lists(mixed, ADDRESSES[name], port)
        assert in_memory_of(mixed[name], forms) == []


def test_publishes_reach_the_other_debian_and_the_active_changes_both_ways(mixed):
    for domain, active, standby in (("A", "london", "tokyo"), ("B", "tokyo", "london")):
        publish(mixed, active, domain, f"by-{active}")
        mixed.wait_synchronized(active, domain)
        assert has(mixed, standby, domain, f"by-{active}")
        mixed.ctl(active, f"ha set-active {domain} {standby}")
        mixed.wait_role(standby, domain, "active")
        mixed.wait_role(active, domain, "standby")
        publish(mixed, standby, domain, f"by-{standby}")
        mixed.wait_synchronized(standby, domain)
        assert has(mixed, active, domain, f"by-{standby}")
        mixed.ctl(standby, f"ha set-active {domain} {active}")
        mixed.wait_role(active, domain, "active")
        mixed.wait_synchronized(active, domain)


def test_system_data_is_published_on_both_and_read_on_both(mixed):
    for name, other in (("london", "tokyo"), ("tokyo", "london")):
        api = mixed.api(name)
        api.send("add-tag", {"name": f"tag-{name}"})
        api.publish()
        api.close()
        look = mixed.api(other)
        wait_until(lambda look=look, name=name: look.raw(
            "show-tag", json.dumps({"name": f"tag-{name}"}).encode())[0] == 200, 15, f"the tag of {name}")
        look.close()


def test_a_full_copy_goes_both_ways(mixed):
    for domain, active, standby in (("A", "london", "tokyo"), ("B", "tokyo", "london")):
        mixed.ctl(active, f"-y --reason test ha sync {domain} --to {standby}")
        mixed.wait_synchronized(active, domain, 60)


@pytest.mark.parametrize("domain, cut, left", [("A", "london", "tokyo"), ("B", "tokyo", "london")])
def test_power_cut_of_the_active_takeover_by_the_other_debian_and_return(mixed, domain, cut, left):
    publish(mixed, cut, domain, "before-the-cut")
    mixed.wait_synchronized(cut, domain)
    lost(mixed, cut)
    wait_until(lambda: mixed.ha(left, domain)["state"] == "no-active", 15, "the Domain's server to find that out by itself")
    mixed.ctl(left, f"--yes --reason test ha force-active {domain} {left}")
    mixed.wait_role(left, domain, "active")
    assert has(mixed, left, domain, "before-the-cut")
    publish(mixed, left, domain, "after-the-cut")
    mixed.power_back(cut)
    mixed.wait_role(cut, domain, "standby", 60)
    mixed.wait_synchronized(left, domain, 60)
    assert has(mixed, cut, domain, "after-the-cut")
    mixed.ctl(cut, f"ha set-active {domain} {cut}")
    mixed.wait_role(cut, domain, "active")
    mixed.wait_well(cut)


def test_the_other_debian_is_promoted_and_the_old_primary_returns(mixed):
    lost(mixed, "london")
    mixed.ctl("tokyo", "-y --reason test promote")
    for domain in ("Global", *DOMAINS):
        mixed.wait_role("tokyo", domain, "active")
    assert role(mixed, "tokyo") == "primary"
    publish(mixed, "tokyo", "A", "by-the-new-primary")
    mixed.power_back("london")
    wait_until(lambda: role(mixed, "london") == "secondary", 30, "London to hear of it")
    mixed.wait_synchronized("tokyo", "A", 60)
    assert has(mixed, "london", "A", "by-the-new-primary")
    fails(mixed, "london", "mdsctl ha set-active A london", said=["replaced by tokyo", "read-only"])
    mixed.ctl("tokyo", "server readmit london")
    wait_until(lambda: mixed.ctl("london", "ha set-active A london", check=False).returncode == 0, 10,
               "London to be free")
    publish(mixed, "london", "A", "by-the-old-primary")
    mixed.wait_well("tokyo")
    assert has(mixed, "tokyo", "A", "by-the-old-primary")


def test_removing_keeps_the_data_and_installing_again_goes_on(mixed):
    """On the host with Debian 13; test_package has the same on Debian 12."""
    (name,) = mixed.suites
    server = mixed[name]
    kept = server.out("ls /var/lib/mds/servers")
    server.sh("apt-get -y remove openmds-server")
    assert server.out("systemctl list-units 'mds*' --no-legend --state=active,failed") == ""
    assert server.out("ls /var/lib/mds/servers") == kept != ""
    assert "Set up this server" not in server.install(mixed.package(name)).stdout
    server.reboot()
    mixed.wait_well(name)


def test_purging_leaves_nothing(mixed):
    (name,) = mixed.suites
    server = mixed[name]
    server.sh("apt-get -y purge openmds-server")
    assert server.sh("getent passwd | grep ^mds; getent group | grep ^mds", check=False).stdout == ""
    assert server.out(r"find / -xdev \( -name 'mds*' -o -name '*openmds*' \) "
                      "-not -path '/proc/*' -not -path '/var/tmp/*'") == ""


def test_the_package_of_the_next_debian_is_newer_and_the_next_version_newer_still():
    old, new = (run("dpkg-deb", "-f", path, "Version").stdout.strip() for path in (package(), package(OTHER)))
    for less, more in ((old, new), (new, f"{old}.1")):
        run("dpkg", "--compare-versions", less, "lt", more)
