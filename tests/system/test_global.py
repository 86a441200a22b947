"""Global policies: assigned to Domains wherever their Active is, kept up to date, refused whole (GA-1 to
GA-5). London is Active on london, Tokyo on tokyo, the Global Domain on london."""

import json

import pytest

from rig import wait_until

LAYER = "Global Network"


def names(api, layer):
    """Names of the rules of a layer in order; the placeholder is followed by the layer that fills it."""
    out = []
    for rule in api.call("show-access-rulebase", name=layer)["rulebase"]:
        out.append(rule["name"])
        if "inline-layer" in rule:
            inner = api.call("show-access-layer", uid=rule["inline-layer"])["name"]
            out += [f"{inner}: {r['name']}"
                    for r in api.call("show-access-rulebase", name=inner)["rulebase"]]
    return out


def assign(ex1, domains, host="london"):
    """Outcome of assign-global-assignment by Domain: (status, text)."""
    api = ex1.api(host)
    tasks = api.send("assign-global-assignment", {"dependent-domains": domains})["tasks"]
    out = {}
    for domain, task in zip(domains, tasks):
        def ended(uid=task["task-id"]):
            shown = api.call("show-task", task_id=uid, details_level="full")["tasks"][0]
            return shown if shown["status"] != "in progress" else None
        done = wait_until(ended, 60, f"the task of {domain}")
        out[domain] = (done["status"], json.dumps(done["task-details"]))
    api.close()
    return out


def status(ex1, domain, host="london"):
    """assignment-status of a Domain."""
    api = ex1.api(host)
    shown = api.send("show-global-assignment", {"global-domain": "Global", "dependent-domain": domain})
    api.close()
    return shown["assignment-status"]


@pytest.fixture(name="policy", scope="module")
def global_policy(ex1):
    """A global policy with a rule above and one below the Domains' own, assigned by definition."""
    for domain, host in (("London", "london"), ("Tokyo", "tokyo")):
        ex1.wait_role(host, domain, "active")
    api = ex1.api("london", "Global")
    api.send("add-host", {"name": "g-dns", "ip-address": "198.51.100.53"})
    api.send("add-access-rule", {"layer": LAYER, "position": "top", "name": "g-above",
                                 "destination": "g-dns", "service": "dns", "action": "Accept"})
    api.send("add-access-rule", {"layer": LAYER, "position": "bottom", "name": "g-below",
                                 "service": "ssh", "action": "Drop"})
    api.call("delete-access-rule", layer=LAYER, name="Cleanup rule")
    api.publish()
    api.close()
    root = ex1.api("london")
    for domain in ("London", "Tokyo"):
        root.send("add-global-assignment", {"global-domain": "Global", "dependent-domain": domain,
                                            "global-access-policy": "Standard"})
    root.publish()
    assert status(ex1, "London") == "not assigned"
    yield
    for domain in ("London", "Tokyo"):
        root.send("delete-global-assignment", {"global-domain": "Global", "dependent-domain": domain})
    root.publish()
    root.close()
    # What the assignment gave goes with it.
    for domain, host in (("London", "london"), ("Tokyo", "tokyo")):
        api = ex1.api(host, domain)
        wait_until(lambda: api.raw("show-host", b'{"name": "g-dns"}')[0] == 404, 30, "the global policy to go")
        assert len(api.call("show-package", name="Standard")["access-layers"]) == 1
        api.close()


def test_GA_1_GA_3_assigned_where_the_active_is_and_read_only(ex1, policy):
    done = assign(ex1, ["London", "Tokyo"])
    assert all(s == "succeeded" for s, _ in done.values()), done
    for domain, hosts in (("London", ("london", "tokyo")), ("Tokyo", ("tokyo", "london"))):
        ex1.wait_synchronized(hosts[0], domain)
        for host in hosts:  # the Active, and the Standby after it
            api = ex1.api(host, domain)
            rules = names(api, LAYER)
            assert rules[0] == "g-above" and rules[-1] == "g-below", rules
            assert rules[1] == "Placeholder for domain rules", rules
            inside = rules[2:-1]
            assert inside and all(r.startswith("Network: ") for r in inside), rules
            assert api.call("show-host", name="g-dns")["domain"]["name"] == "Global"
            api.close()
        assert status(ex1, domain) == "up to date"
    api = ex1.api("tokyo", "Tokyo")
    for command, body in (("set-access-rule", {"layer": LAYER, "name": "g-above", "enabled": False}),
                          ("delete-access-rule", {"layer": LAYER, "name": "g-below"}),
                          ("set-host", {"name": "g-dns", "comments": "x"})):
        code, answer = api.raw(command, json.dumps(body).encode())[:2]
        assert code == 403 and "belongs to the Global Domain" in str(answer), (command, code, answer)
    api.close()


def test_GA_2_a_change_is_not_up_to_date_until_assigned_again(ex1, policy):
    assign(ex1, ["London", "Tokyo"])
    api = ex1.api("london", "Global")
    api.send("set-access-rule", {"layer": LAYER, "name": "g-below", "comments": "again"})
    api.publish()
    api.close()
    for domain in ("London", "Tokyo"):
        wait_until(lambda: status(ex1, domain) == "not up to date", 10, "the status")
    london = ex1.api("london", "London")
    rule = london.call("show-access-rule", layer=LAYER, name="g-below")
    assert rule["comments"] == ""
    installed = london.call("show-gateways-and-servers", details_level="full")
    assert assign(ex1, ["London"])["London"][0] == "succeeded"
    assert london.call("show-access-rule", layer=LAYER, name="g-below")["comments"] == "again"
    wait_until(lambda: status(ex1, "London") == "up to date", 10, "the status")
    assert status(ex1, "Tokyo") == "not up to date"
    # Nothing was installed by it.
    assert london.call("show-gateways-and-servers", details_level="full") == installed
    london.close()


def test_GA_4_a_domain_without_an_active_fails_alone(ex1, policy):
    ex1.ctl("london", "--yes ha set-standby London")
    try:
        wait_until(lambda: ex1.ha("london", "London")["state"] == "no-active", 10, "no Active")
        done = assign(ex1, ["London", "Tokyo"])
        assert done["London"][0] == "failed" and "No server of Domain London is Active" in done["London"][1]
        assert "mdsctl ha set-active London" in done["London"][1]
        assert done["Tokyo"][0] == "succeeded", done
        told = ex1.ctl("tokyo", "domain assign-global --all", check=False)
        assert told.returncode == 10, told
        assert "Tokyo: policy Standard, revision" in told.stdout, told.stdout
        assert "London: No server of Domain London is Active" in told.stdout, told.stdout
        assert "mdsctl ha set-active London" in told.stdout, told.stdout
    finally:
        ex1.ctl("london", "--yes ha set-active London london")
        ex1.wait_role("london", "London", "active")
    assert assign(ex1, ["London"])["London"][0] == "succeeded"


def test_GA_5_a_deleted_object_in_use_fails_and_changes_nothing(ex1, policy):
    assert assign(ex1, ["London"])["London"][0] == "succeeded"
    london = ex1.api("london", "London")
    london.send("add-access-rule", {"layer": "Network", "position": "top", "name": "uses-global",
                                    "destination": "g-dns"})
    london.publish()
    api = ex1.api("london", "Global")
    api.send("set-access-rule", {"layer": LAYER, "name": "g-above", "destination": "Any",
                                 "comments": "without"})
    api.call("delete-host", name="g-dns")
    api.publish()
    before = ex1.ha("london", "London")["revision"]
    failed = assign(ex1, ["London", "Tokyo"])
    assert failed["London"][0] == "failed", failed
    assert "rule 1 'uses-global' of layer 'Network' uses it" in failed["London"][1], failed
    assert failed["Tokyo"][0] == "succeeded", failed
    assert ex1.ha("london", "London")["revision"] == before
    assert london.call("show-host", name="g-dns")["ipv4-address"] == "198.51.100.53"
    assert london.call("show-access-rule", layer=LAYER, name="g-above")["comments"] == ""
    assert status(ex1, "London") == "not up to date"
    london.call("delete-access-rule", layer="Network", name="uses-global")
    london.publish()
    london.close()
    assert assign(ex1, ["London"])["London"][0] == "succeeded"
    # As it was, for who comes next.
    api.send("add-host", {"name": "g-dns", "ip-address": "198.51.100.53"})
    api.publish()
    api.close()
    assign(ex1, ["London", "Tokyo"])
