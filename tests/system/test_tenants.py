"""T-25: who works in one Domain learns and changes nothing of another one, whatever ids and names he knows."""

import json
import uuid

import pytest

from api import Api
from deployment import ADDRESSES, PASSWORD, ROOT
from rig import wait_until

# What names something that may be another Domain's, in one command or another.
NAMING = {"uid", "name", "task-id", "from-session", "to-session", "session-uid", "layer", "package",
          "policy-package", "rule-uid", "target", "targets", "members", "groups", "uids", "object", "objects", "revision",
          "domain", "on-top", "source", "destination", "service", "install-on", "filter", "dependent-domain",
          "multi-domain-server", "gateway-uid", "gateway-name", "position", "new-name", "tags", "comments"}
# With these alone a command ends or changes the session that asks.
OWN = {"logout", "login", "set-session", "keepalive"}


@pytest.fixture(name="secret", scope="module")
def of_the_other_tenant(ex1):
    """What there is in Domain Tokyo and nowhere else: {what: value}."""
    api = ex1.api("tokyo", "Tokyo")
    made = {
        "host": api.call("add-host", name="t25-host", ip_address="198.51.100.25", comments="t25secret"),
        "network": api.call("add-network", name="t25-net", subnet="198.51.100.0", mask_length=24),
        "group": api.call("add-group", name="t25-group", members=["t25-host"]),
        "service": api.call("add-service-tcp", name="t25-service", port="2525"),
        "tag": api.call("add-tag", name="t25-tag"),
        "layer": api.call("add-access-layer", name="t25-layer"),
        "rule": api.call("add-access-rule", layer="t25-layer", position=1, name="t25-rule", source="t25-host"),
        "gateway": api.call("add-simple-gateway", name="t25-gateway", ip_address="198.51.100.26"),
    }
    values = {f"uid of {what}": reply["uid"] for what, reply in made.items()}
    values |= {f"name of {what}": reply["name"] for what, reply in made.items()}
    task = api.call("publish")["task-id"]
    api.wait({"task-id": task})
    values["task"] = task
    values["published session"] = api.call("show-last-published-session")["uid"]
    api.call("add-host", name="t25-open", ip_address="198.51.100.27")
    values["open session"] = api.info["uid"]
    values["words"] = "t25secret"
    yield values
    api.call("discard")
    api.close()


@pytest.fixture(name="tenant", scope="module")
def administrator_of_london(ex1):
    """A session in Domain London of somebody who has rights there alone."""
    root = ex1.api("london")
    root.call("add-administrator", name="tenant", password=PASSWORD, must_change_password=False,
              multi_domain_profile="Domain Level Only",
              permissions_profile_list=[{"domain": "London", "profile": "Read Write All"}])
    root.publish()
    root.close()
    api = Api(ADDRESSES["london"], namespace=ex1.rig.network.switch)
    wait_until(lambda: api.raw("login", json.dumps({"user": "tenant", "password": PASSWORD,
                                                    "domain": "London"}).encode())[0] == 200, 10, "the tenant")
    api.login("tenant", PASSWORD, "London")
    yield api
    api.call("discard")
    api.close()


def stranger_like(value):
    """Something of the same form that is nobody's."""
    try:
        uuid.UUID(value)
    except ValueError:
        return "x25" + uuid.uuid4().hex[:len(value) - 3]
    return str(uuid.uuid4())


def answer(api, command, body, value):
    """(status, text) with what was asked for made unrecognizable."""
    status, reply = api.raw(command, json.dumps(body).encode())
    return status, json.dumps(reply, sort_keys=True).replace(value, "?")


def bodies(command, parameters, value):
    """Bodies of a command that name a value in each of its parameters in turn."""
    known = {p["name"]: p for p in parameters}
    for name in sorted(NAMING & set(known)):
        if (command.startswith("add-") and name in ("name", "comments", "tags", "new-name")) or \
                (command.startswith("set-") and name in ("new-name", "comments", "tags")):
            continue  # a new name of one's own
        many = known[name].get("type") == "list" or name in ("targets", "members", "groups", "uids", "objects")
        body = {name: [value] if many else value}
        if command.startswith("add-"):
            body["name"] = "t25-mine"
        for more, usual in (("layer", "Network"), ("package", "Standard"), ("position", "bottom")):
            if more in known and more != name:
                body[more] = usual
        yield body


def test_T_25_lists_searches_and_events_of_a_domain_hold_nothing_of_another(tenant, secret):
    # First: what the tenant himself asks for below is in his own trail.
    for command, body in (("show-objects", {"filter": "t25", "limit": 500}), ("show-hosts", {"filter": "t25-host"}),
                          ("show-sessions", {"limit": 500, "details-level": "full"}),
                          ("show-tasks", {"limit": 500, "details-level": "full"}),
                          ("show-changes", {}), ("show-gateways-and-servers", {"limit": 500}),
                          ("show-unused-objects", {"limit": 500}),
                          ("show-logs", {"new-query": {"type": "audit", "time-frame": "last-hour",
                                                       "max-logs-per-request": 100}})):
        status, reply = tenant.raw(command, json.dumps(body).encode())
        text = json.dumps(reply)
        assert status in (200, 403), (command, reply)
        assert not [what for what, value in secret.items() if value in text], (command, text[:2000])


def test_T_25_whatever_of_another_domain_is_named_the_answer_is_the_one_for_what_is_nobodys(tenant, secret):
    with open(f"{ROOT}/docs/commands.json", encoding="utf-8") as file:
        commands = json.load(file)
    tried = 0
    for command, about in sorted(commands.items()):
        if command in OWN:
            continue
        for what, value in secret.items():
            if command.startswith(("add-", "set-")) and not what.startswith("uid of"):
                continue  # names of one's own objects are free
            other = stranger_like(value)
            for mine, theirs in zip(bodies(command, about.get("parameters", []), value),
                                    bodies(command, about.get("parameters", []), other)):
                tried += 1
                got, expected = answer(tenant, command, mine, value), answer(tenant, command, theirs, other)
                if got[0] == expected[0] == 200 and command.startswith(("add-", "set-", "show-task")):
                    continue  # it took something of its own
                assert got == expected, (command, mine, got, expected)
    assert tried > 3000, tried


def test_T_25_a_domain_that_is_not_his_is_no_domain_at_all(ex1, tenant):
    api = Api(ADDRESSES["london"], namespace=ex1.rig.network.switch)
    tries = [api.raw("login", json.dumps({"user": "tenant", "password": PASSWORD, "domain": domain}).encode())
             for domain in ("Tokyo", "Nowhere", str(uuid.uuid4()))]
    assert tries[0] == tries[1] == tries[2] and tries[0][0] == 400, tries
    api.close()
    status, reply = tenant.raw("login-to-domain", b'{"domain":"Tokyo"}')
    assert status >= 400 and tenant.raw("login-to-domain", b'{"domain":"Nowhere"}')[0] == status, reply
