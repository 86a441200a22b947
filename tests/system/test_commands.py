"""Commands on gateways, policies, logs and several Domains, through HTTPS on booted hosts."""

import base64

import pytest

from api import ApiError
from deployment import PASSWORD


def failed(api, reply):
    """The task of a reply, which must have failed."""
    with pytest.raises(RuntimeError):
        api.wait(reply)
    return api.call("show-task", task_id=reply["task-id"], details_level="full")["tasks"][0]


def test_gateways_without_trust_say_so_in_every_command(london):
    london.call("add-simple-gateway", name="edge-gw", ip_address="192.0.2.201")
    london.call("add-package", name="Gate", installation_targets=["edge-gw"])
    london.publish()
    try:
        listed = london.call("show-gateways-and-servers")["objects"]
        assert [o["name"] for o in listed] == ["edge-gw", "London-1", "London-2", "London-log"], listed
        gateway = listed[0]
        assert (gateway["name"], gateway["sic-status"]) == ("edge-gw", "uninitialized")
        assert london.call("test-sic-status", name="edge-gw")["sic-status"] == "uninitialized"
        script = base64.b64encode(b"uptime").decode()
        reply = london.send("run-script", {"script-name": "up", "script-base64": script,
                                           "targets": ["edge-gw"]})
        task = failed(london, reply["tasks"][0])
        assert task["task-details"][0]["gatewayName"] == "edge-gw"
        assert "one-time-password" in task["task-details"][0]["fault-message"]
        task = failed(london, london.call("install-policy", policy_package="Gate"))
        assert task["comments"].startswith("Trust with 'edge-gw' is not established")
        with pytest.raises(ApiError) as refused:
            london.call("install-policy", policy_package="Standard", targets=["nobody"])
        assert refused.value.status == 404
    finally:
        london.call("delete-package", name="Gate")
        london.call("delete-simple-gateway", name="edge-gw")
        london.publish()


def test_a_rule_that_another_hides_is_told_by_verification(london):
    assert london.wait(london.call("verify-policy",
                                   policy_package="Standard"))["status"] == "succeeded"
    london.wait(london.send("add-rules-batch", {"objects": [
        {"type": "access-rule", "layer": "Network", "first-position": 1,
         "list": [{"name": "wide", "service": ["http", "https"], "action": "Accept"},
                  {"name": "narrow", "service": "http"}]}]}))
    london.publish()
    task = failed(london, london.call("verify-policy", policy_package="Standard"))
    assert "Rule 1 hides rule 2 for services http" in task["comments"]
    london.wait(london.send("delete-rules-batch", {"objects": [
        {"type": "access-rule", "layer": "Network",
         "list": [{"name": "wide"}, {"name": "narrow"}]}]}))
    london.publish()


def test_lists_of_all_domains_on_a_server_from_system_data(ex1, london):
    london.call("add-host", name="dtp-london", ip_address="192.0.2.202", ignore_warnings=True)
    london.publish()
    everywhere = {"domains-to-process": ["ALL_DOMAINS_ON_THIS_SERVER"], "ignore-warnings": True}
    system = ex1.api("london")
    reply = system.send("show-hosts", {**everywhere, "filter": "dtp-london"})
    assert [(h["name"], h["domain"]["name"]) for h in reply["objects"]] == [
        ("dtp-london", "London")]
    assert "warnings" not in reply
    # Pages of one join to the whole list, and it is the Domains' own lists one after the other.
    whole = system.send("show-access-layers", {**everywhere, "limit": 500})
    assert len({layer["domain"]["name"] for layer in whole["access-layers"]}) > 1
    pages = []
    for offset in range(whole["total"]):
        page = system.send("show-access-layers", {**everywhere, "limit": 1, "offset": offset})
        assert (page["from"], page["to"]) == (offset + 1, offset + 1)
        pages += page["access-layers"]
    assert pages == whole["access-layers"]
    # The conditions.
    for more in ({"ignore-warnings": False}, {"details-level": "full"},
                 {"domains-to-process": ["London"]}):
        with pytest.raises(ApiError) as refused:
            system.send("show-hosts", {**everywhere, **more})
        assert refused.value.code == "generic_err_invalid_parameter", more
    with pytest.raises(ApiError) as refused:
        system.send("show-hosts", {})
    assert refused.value.code == "err_inappropriate_domain_type"
    with pytest.raises(ApiError) as refused:
        london.send("show-hosts", everywhere)
    assert refused.value.code == "err_not_a_system_domain_session"
    tags = system.send("show-tags", {"domains-to-process": ["CURRENT_DOMAIN"],
                                     "ignore-warnings": True})
    assert {t["domain"]["name"] for t in tags["objects"]} <= {"System Data"}
    system.close()
    london.call("delete-host", name="dtp-london")
    london.publish()


def test_what_administrators_did_is_in_the_logs(ex1, london):
    with pytest.raises(ApiError):
        ex1.api("london", password=PASSWORD + "x")
    london.call("set-session", new_name="audit-test")
    london.call("add-host", name="audited", ip_address="192.0.2.203", ignore_warnings=True)
    london.publish()
    query = {"new-query": {"type": "audit", "time-frame": "last-hour", "max-logs-per-request": 5,
                           "filter": "operation:publish audit-test"}}
    (entry,) = london.send("show-logs", query)["logs"]
    assert entry["administrator"] == "admin" and entry["domain"] == "London"
    assert entry["client_ip"] and entry["additional_info"].startswith("1 changes, revision ")
    system = ex1.api("london")
    refused = system.send("show-logs", {"new-query": {
        "type": "audit", "time-frame": "last-hour",
        "filter": "status:failure operation:\"log in\""}})
    assert refused["logs"][0]["administrator"] == "admin"
    assert refused["logs"][0]["client_ip"]
    system.close()
    assert london.send("show-logs", {"new-query": {}})["logs-count"] == 0
    london.call("delete-host", name="audited")
    london.publish()


def test_SE_9_commands_of_the_server_are_refused_in_a_domain(london):
    for command in ("add-mds", "show-servers-and-processes"):
        with pytest.raises(ApiError) as refused:
            london.call(command)
        assert (refused.value.status, refused.value.refusal) == (400, "RF-40")
