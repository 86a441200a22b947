"""The Ansible collection as Debian ships it, unmodified, against a booted deployment."""

import json
import os
import re
import subprocess

import pytest

from api import ApiError
from deployment import ADDRESSES, PASSWORD

PLAYBOOKS = f"{os.path.dirname(os.path.abspath(__file__))}/ansible"


class Ansible:
    """ansible-playbook on an administrator's workstation in the deployment's network."""

    def __init__(self, deployment, folder):
        self.deployment, self.folder = deployment, folder

    def run(self, playbook, domain=None, address=ADDRESSES["london"], check=True, user="admin",
            password=PASSWORD, **extra):
        """Runs a playbook. Returns (ok, changed, failed, output)."""
        inventory = self.folder / "inventory.ini"
        lines = [f"[management]\nserver ansible_host={address}", "[management:vars]",
                 "ansible_network_os=check_point.mgmt.checkpoint", "ansible_httpapi_use_ssl=true",
                 "ansible_httpapi_validate_certs=false", f"ansible_user={user}",
                 f"ansible_password={password}"]
        if domain:
            lines.append(f"ansible_checkpoint_domain={domain}")
        inventory.write_text("\n".join(lines) + "\n")
        # Debian's Python has the collection; another one may come first in the path.
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.folder),
                       "LANG": "C.UTF-8", "ANSIBLE_HOME": str(self.folder),
                       "ANSIBLE_DEPRECATION_WARNINGS": "False", "ANSIBLE_NOCOLOR": "1"}
        words = ["ip", "netns", "exec", self.deployment.rig.network.switch, "ansible-playbook",
                 "-i", str(inventory), f"{PLAYBOOKS}/{playbook}"]
        for name, value in extra.items():
            words += ["-e", f"{name}={value}"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
        found = re.search(r"ok=(\d+)\s+changed=(\d+).*failed=(\d+)", done.stdout)
        assert found, done.stdout + done.stderr
        ok, changed, failed = (int(n) for n in found.groups())
        if check:
            assert failed == 0 and done.returncode == 0, done.stdout[-4000:] + done.stderr
        return ok, changed, failed, done.stdout


def changed_tasks(output):
    """Names of the tasks that changed something; the modules of plain commands always say so."""
    task, out = "", []
    for line in output.splitlines():
        if line.startswith("TASK ["):
            task = line[6:line.index("]")]
        elif line.startswith("changed:") and task not in out:
            out.append(task)
    return [t for t in out if t not in ("Publish", "Processes", "Tasks")]


@pytest.fixture(name="ansible")
def workstation(ex1, tmp_path):
    """A workstation in the network of the reference deployment."""
    return Ansible(ex1, tmp_path)


def test_a_playbook_of_a_domain_changes_nothing_the_second_time_and_is_removed_twice(
        ansible, tmp_path):
    ok, changed, _, _ = ansible.run("domain.yml", "London")
    assert changed == ok
    _, _, _, output = ansible.run("domain.yml", "London")
    assert changed_tasks(output) == []

    facts = tmp_path / "facts.json"
    ansible.run("facts.yml", "London", facts_file=facts)
    told = json.loads(facts.read_text())
    for module, reply in told.items():
        (found,) = reply["ansible_facts"].values()
        # The playbook made no NAT rule; everything else it made, or every Domain has.
        assert module == "nat_rule" or found.get("uid") or found["total"] > 0, (module, found)
    hosts = told["host"]["ansible_facts"]["hosts"]
    assert {"web1", "web2", "web3", "web4", "web-edge"} <= {h["name"] for h in hosts["objects"]}
    assert told["one_host"]["ansible_facts"]["host"]["ipv4-address"] == "10.20.0.1"
    rule = told["access_rule"]["ansible_facts"]["access-rule"]
    assert rule["action"]["name"] == "Accept"
    assert {d["name"] for d in rule["destination"]} == {"web-servers", "web-edge"}

    ok, changed, _, _ = ansible.run("domain-absent.yml", "London")
    assert changed == ok
    _, _, _, output = ansible.run("domain-absent.yml", "London")
    assert changed_tasks(output) == []


def test_administrators_profiles_clients_and_assignments_by_their_modules(ex1, ansible, tmp_path):
    facts = tmp_path / "facts.json"
    ansible.run("system.yml", facts_file=facts)
    told = json.loads(facts.read_text())
    assert {m["name"] for m in told["mdss"]["ansible_facts"]["mdss"]["objects"]} == set(ex1.wanted)
    names = {a["name"] for a in
             told["administrators"]["ansible_facts"]["administrators"]["objects"]}
    assert {"admin", "ada", "grace", "robot"} <= names
    assignment = told["assignments"]["ansible_facts"]["global-assignments"]["objects"][0]
    assert assignment["dependent-domain"]["name"] == "London"
    assert assignment["assignment-status"] == "not assigned"

    _, _, _, output = ansible.run("system.yml", facts_file=facts)
    assert changed_tasks(output) == []

    # What the profiles say is so: ada writes in London, only looks in Tokyo, has no System Data.
    london = ex1.api("london", "London", user="ada", password="correct-horse-battery-11")
    london.call("add-host", name="ada-1", ip_address="10.9.9.1")
    london.close()
    tokyo = ex1.api("tokyo", "Tokyo", user="ada", password="correct-horse-battery-11")
    with pytest.raises(ApiError) as refused:
        tokyo.call("add-access-layer", name="ada-layer")
    assert (refused.value.status, refused.value.code) == (403, "generic_err_no_permissions")
    tokyo.call("add-host", name="ada-2", ip_address="10.9.9.2")  # edit-common-objects
    tokyo.close()
    with pytest.raises(ApiError) as refused:
        ex1.api("london", user="ada", password="correct-horse-battery-11")
    assert (refused.value.status, refused.value.code) == (400, "err_login_failed")

    for domain, user in (("London", "ada"), ("Tokyo", "ada")):
        admin = ex1.api("london" if domain == "London" else "tokyo", domain)
        for session in admin.call("show-sessions", limit=500)["objects"]:
            if session["user-name"] == user:
                admin.call("discard", uid=session["uid"])
        admin.close()
    root = ex1.api("london")
    with pytest.raises(ApiError) as refused:
        root.call("delete-global-assignment")
    assert refused.value.code == "generic_err_missing_required_parameters"
    root.call("delete-global-assignment", global_domain="Global", dependent_domain="London")
    root.publish()
    root.close()
    ansible.run("system-absent.yml")
    _, _, _, output = ansible.run("system-absent.yml")
    assert changed_tasks(output) == []


def test_SE_7_without_the_ha_permission_nothing_changes_roles(ex1):
    root = ex1.api("london")
    root.call("add-domain-permissions-profile", name="no-ha",
              access_control={"access-control-objects-and-settings": "write"})
    root.call("add-administrator", name="eve", password="correct-horse-battery-13",
              permissions_profile="no-ha", multi_domain_profile="Domain Level Only")
    root.publish()
    eve = ex1.api("tokyo", "London", user="eve", password="correct-horse-battery-13")
    try:
        for command, more in (("set-ha-state", {"new_state": "active"}),
                              ("set-ha-state", {"new_state": "standby"}),
                              ("make-server-active", {"force": True}),
                              ("ha-full-sync", {"name": "London-1"})):
            with pytest.raises(ApiError) as refused:
                eve.call(command, **more)
            assert (refused.value.code, refused.value.refusal) == \
                ("generic_err_no_permissions", "RF-39"), (command, refused.value)
            assert "high-availability-operations" in refused.value.message
    finally:
        eve.close()
        root.call("delete-administrator", name="eve")
        root.call("delete-domain-permissions-profile", name="no-ha")
        root.publish()
        root.close()


def test_api_keys_log_in_after_publish_until_they_are_deleted(ex1):
    root = ex1.api("london")
    root.call("add-administrator", name="machine", authentication_method="api key",
              multi_domain_profile="Multi-Domain Super User")
    key = root.call("add-api-key", admin_name="machine")["api-key"]
    visitor = ex1.visitor("london")
    with pytest.raises(ApiError) as refused:
        visitor.send("login", {"api-key": key})
    assert refused.value.code == "err_login_failed"
    root.publish()
    visitor.sid = visitor.send("login", {"api-key": key, "domain": "London"})["sid"]
    visitor.call("keepalive")
    assert visitor.call("show-session")["user-name"] == "machine"
    visitor.call("logout")
    visitor.sid = None
    root.call("delete-api-key", admin_name="machine", api_key=key)
    root.publish()
    with pytest.raises(ApiError):
        visitor.send("login", {"api-key": key})
    root.call("delete-administrator", name="machine")
    root.publish()
    root.close()


def test_domains_come_and_go_by_their_modules(ex1, ansible):
    ansible.run("domains.yml")
    api = ex1.api("london")
    assert "Paris" not in {d["name"] for d in api.call("show-domains")["objects"]}
    api.close()


def test_policy_modules_tell_what_a_gateway_without_trust_needs(ansible, tmp_path):
    facts = tmp_path / "facts.json"
    ansible.run("policy.yml", "London", facts_file=facts)
    told = json.loads(facts.read_text())
    assert told["verify"]["verify-policy"]["tasks"][0]["status"] == "succeeded"
    assert len(told["logs"]["show-logs"]["logs"]) == 2 and told["logs"]["show-logs"]["query-id"]
    assert told["trust"]["test-sic-status"]["sic-status"] == "uninitialized"
    for name in ("install", "script", "file"):
        assert told[name]["failed"] and "one-time-password" in told[name]["msg"], told[name]
