"""Policy through the management API on booted hosts, and on the Standby after publish."""

import json

import pytest

from api import ApiError


def test_every_domain_starts_with_package_standard_and_a_cleanup_rule(london):
    package = london.call("show-package", name="Standard")
    assert [layer["name"] for layer in package["access-layers"]] == ["Network"]
    base = london.send("show-access-rulebase", {"name": "Network", "use-object-dictionary": False})
    assert base["rulebase"][-1]["name"] == "Cleanup rule"
    assert base["rulebase"][-1]["action"]["name"] == "Drop"


def test_a_rulebase_is_the_same_on_the_standby(ex1, london):
    london.send("add-access-layer", {"name": "Branch", "add-default-rule": False})
    london.send("add-access-section", {"layer": "Branch", "name": "Web", "position": "top"})
    for i in range(120):
        london.send("add-access-rule", {"layer": "Branch", "name": f"rule-{i}", "position": "bottom",
                                        "service": ["http", "https"], "action": "Accept",
                                        "track": {"type": "Log"}})
    london.send("set-access-rule", {"layer": "Branch", "name": "rule-119", "new-position": 1})
    london.publish()
    ex1.wait_synchronized("london", "London")
    tokyo = ex1.api("tokyo", "London")
    pages = [[], []]
    for api, names in zip((london, tokyo), pages):
        offset, total = 0, 1
        while offset < total:
            reply = api.send("show-access-rulebase",
                             {"name": "Branch", "limit": 50, "offset": offset})
            total, offset = reply["total"], reply["to"]
            for section in reply["rulebase"]:
                assert section["name"] == "Web"
                names += [(r["rule-number"], r["name"]) for r in section["rulebase"]]
    assert pages[0] == pages[1]
    assert pages[0][:2] == [(1, "rule-119"), (2, "rule-0")] and len(pages[0]) == 120
    with pytest.raises(ApiError):
        tokyo.send("delete-access-rule", {"layer": "Branch", "rule-number": 1})
    tokyo.close()
    london.send("delete-access-layer", {"name": "Branch"})
    london.publish()


def test_a_rule_as_ansible_and_mgmt_cli_send_it(ex1, london):
    out = ex1["london"].out("mgmt_cli add access-rule layer Network position 1 name 'from cli' "
                            "source.1 Any service.1 http action Accept track.type Log "
                            "-r true -d London -f json")
    rule = json.loads(out)
    assert rule["service"][0]["name"] == "http" and rule["track"]["per-connection"] is True
    # What the Ansible collection asks before it changes anything.
    same = london.send("equals", {"type": "access-rule", "params": {
        "layer": "Network", "name": "from cli", "position": 1, "action": "accept",
        "search-entire-rulebase": True}})
    assert same["equals"] is True
    structure = london.send("show-layer-structure", {"name": "Network", "limit": 1, "offset": 0})
    assert structure["root-section"]["children"][0]["rule-number"] == 1
    ex1["london"].sh("mgmt_cli delete access-rule layer Network name 'from cli' -r true -d London")
