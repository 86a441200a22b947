"""What the clients that exist send (management-api.md 10 and 18), replayed: their bodies, headers,
connections and order, and of the answers what they read. The Ansible collection itself runs in
test_ansible.py."""

import concurrent.futures
import json

import pytest

from deployment import ADDRESSES, PASSWORD
from raw_http import Raw


class Client:
    """Requests as one client writes them; `headers` get the sid in."""

    def __init__(self, deployment, headers, keep=True, probes=0):
        self.deployment, self.headers, self.keep, self.probes = deployment, headers, keep, probes
        self.connection, self.sid, self.prefix = None, None, "/web_api/"

    def post(self, command, body, sid=True):
        """(status line, parsed answer)."""
        for _ in range(self.probes):  # TLS only: to look at the certificate
            Raw(self.deployment).close()
        if self.connection is None:
            self.connection = Raw(self.deployment)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"POST {self.prefix}{command} HTTP/1.1"]
        for name, value in self.headers:
            if "{sid}" in value and not (sid and self.sid):
                continue
            lines.append(f"{name}: " + value.format(sid=self.sid, length=len(text),
                                                    host=ADDRESSES["london"]))
        self.connection.send("\r\n".join(lines).encode() + b"\r\n\r\n" + text)
        status, _, reply = self.connection.answer()
        if not self.keep:
            assert self.connection.closed(5)
            self.close()
        return status, reply

    def ok(self, command, body):
        """The answer; only "200 OK", phrase and all, is success (trap 2)."""
        status, reply = self.post(command, body)
        assert status == "HTTP/1.1 200 OK", (command, status, reply)
        return reply

    def login(self, **more):
        """Logs in; from then on the version of the answer is part of every URL."""
        reply = self.ok("login", {"user": "admin", "password": PASSWORD, **more})
        assert isinstance(reply["api-server-version"], str)
        self.sid = reply["sid"]
        return reply

    def task(self, reply):
        """Polls as the clients do, at once and then again; the details of the last answer."""
        ids = [t["task-id"] for t in reply["tasks"]] if "tasks" in reply else [reply["task-id"]]
        for task_id in ids:
            while True:
                (task,) = self.ok("show-task",
                                  {"task-id": task_id, "details-level": "full"})["tasks"]
                assert isinstance(task["task-name"], str) and isinstance(task["task-details"], list)
                if task["status"] != "in progress":
                    break
            assert task["status"] == "succeeded", task
        return task

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


PYTHON_SDK = [("Host", "{host}:443"), ("Accept-Encoding", "identity"),
              ("User-Agent", "python-api-wrapper"), ("Accept", "*/*"),
              ("Content-Type", "application/json"), ("Content-Length", "{length}"),
              ("Connection", "Keep-Alive"), ("X-chkp-sid", "{sid}")]
GO_SDK = [("Host", "{host}"), ("User-Agent", "golang-api-wrapper"), ("Content-Length", "{length}"),
          ("Accept", "*/*"), ("Content-Type", "application/json"), ("X-Chkp-Sid", "{sid}"),
          ("Accept-Encoding", "gzip")]
TERRAFORM = [(n, "Terraform" if n == "User-Agent" else v) for n, v in GO_SDK]
ANSIBLE = [("Accept-Encoding", "identity"), ("Content-Length", "{length}"), ("Host", "{host}"),
           ("Content-Type", "application/json"), ("User-Agent", "Ansible"),
           ("X-Chkp-Sid", "{sid}"), ("Connection", "close")]


@pytest.fixture(name="client")
def make_client(ex1):
    made = []

    def make(headers, **more):
        made.append(Client(ex1, headers, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture(name="clean", autouse=True)
def leave_nothing(ex1):
    """What the tests published in London is gone at their end."""
    yield
    api = ex1.api("london", "London")
    for command in ("access-rule", "group", "host", "network"):
        if command == "access-rule":
            for rule in api.call("show-access-rulebase", name="Network")["rulebase"]:
                if rule["name"].startswith("client-"):
                    api.call("delete-access-rule", uid=rule["uid"], layer="Network")
            continue
        for item in api.call(f"show-{command}s", limit=500)["objects"]:
            if item["name"].startswith("client-"):
                api.call(f"delete-{command}", uid=item["uid"])
    api.publish()
    api.call("logout")
    api.close()


def test_python_sdk_session(client):
    sdk = client(PYTHON_SDK)
    reply = sdk.login(**{"continue-last-session": False, "read-only": False, "domain": "London"})
    sdk.prefix = f"/web_api/v{reply['api-server-version']}/"
    for i in range(120):
        sdk.ok("add-host", {"name": f"client-{i:03}", "ip-address": f"10.200.0.{i + 1}"})
    details = sdk.task(sdk.ok("publish", {}))["task-details"][0]
    assert details["publishResponse"] == {"numberOfPublishedChanges": 120, "mode": "async"}
    # api_query: pages of 50 until `to` is exactly `total`; it would ask for ever otherwise.
    offset, seen = 0, []
    while True:
        page = sdk.ok("show-hosts", {"limit": 50, "offset": offset, "details-level": "standard"})
        seen += [o["name"] for o in page["objects"]]
        if page["to"] == page["total"]:
            break
        assert page["to"] == offset + 50
        offset = page["to"]
    assert [n for n in seen if n.startswith("client-")] == [f"client-{i:03}" for i in range(120)]
    beyond = sdk.ok("show-hosts", {"limit": 50, "offset": page["total"] + 50})  # trap 6
    assert beyond["objects"] == [] and beyond["to"] == beyond["total"] == page["total"]
    status, error = sdk.post("show-host", {"name": "nobody"})
    assert status.split()[1] == "404" and error["code"] == "generic_err_object_not_found"
    assert isinstance(error["message"], str)
    assert sdk.ok("discard", {}) == {"message": "OK", "number-of-discarded-changes": 0}  # trap 23
    assert sdk.ok("logout", {}) == {"message": "OK"}
    # The context manager says it once more, with the same sid.
    status, error = sdk.post("logout", {})
    assert status.split()[1] == "401" and error["code"] == "generic_err_wrong_session_id"


def test_python_command_line_words_become_integers(client):
    line = client(PYTHON_SDK)
    line.login(domain="London")
    # `add host name client-1 ip-address 10.200.1.1 color red`, digits as integers, one for a list.
    line.ok("add-host", {"name": "client-1", "ip-address": "10.200.1.1", "color": "red"})
    line.ok("add-group", {"name": "client-2", "members": "client-1", "comments": 12345})
    group = line.ok("show-group", {"name": "client-2"})
    assert group["comments"] == "12345"
    assert [m["name"] for m in group["members"]] == ["client-1"]
    line.ok("add-service-tcp", {"name": 8443, "port": 8443})
    service = line.ok("show-service-tcp", {"name": 8443})
    assert service["name"] == "8443" and service["port"] == "8443"
    # A bug of the client: with --session-id it publishes without one.
    status, error = line.post("publish", {}, sid=False)
    assert status.split()[1] == "400" and error["code"] == "generic_err_missing_required_header"
    line.ok("discard", {})
    line.ok("logout", {})


def test_go_sdk_session(client):
    go = client(GO_SDK, probes=2)
    reply = go.ok("login", {"continue-last-session": False, "domain": "London",
                            "password": PASSWORD, "read-only": False, "user": "admin"})
    go.sid, go.prefix = reply["sid"], f"/web_api/v{reply['api-server-version']}/"
    go.ok("add-host", {"ip-address": "10.200.2.1", "name": "client-go"})
    go.task(go.ok("publish", {}))
    assert go.ok("show-host", {"name": "client-go"})["ipv4-address"] == "10.200.2.1"
    status, error = go.post("no-such-command", {})
    assert status == "HTTP/1.1 404 Not Found"
    assert error["code"] == "generic_err_command_not_found"
    go.ok("logout", {})


def test_terraform_plan_and_apply(client, ex1):
    first = client(TERRAFORM, probes=2)
    reply = first.ok("login", {"continue-last-session": False, "domain": "London",
                               "password": PASSWORD, "read-only": False, "user": "admin"})
    first.sid, uid = reply["sid"], reply["uid"]
    common = {"color": "black", "ignore-errors": False, "ignore-warnings": False}
    host = first.ok("add-host", {**common, "ipv4-address": "10.200.3.1", "name": "client-h"})
    network = first.ok("add-network", {**common, "broadcast": "allow", "mask-length4": 24,
                                       "name": "client-n", "subnet4": "10.200.4.0"})
    group = first.ok("add-group", {**common, "members": ["client-h", "client-n"],
                                   "name": "client-g"})
    rule = first.ok("add-access-rule", {
        "action": "Accept", "destination": ["client-n"], "enabled": True, "layer": "Network",
        "name": "client-r", "position": "top", "source": ["client-h"],
        "track": {"accounting": "false", "alert": "none", "enable-firewall-session": "false",
                  "per-connection": "true", "per-session": "false", "type": "Log"},
        "vpn": "Any"})
    # Every resource is read back by its uid, types asserted by the client.
    read = first.ok("show-network", {"uid": network["uid"]})
    assert read["subnet4"] == "10.200.4.0" and read["mask-length4"] == 24
    assert isinstance(read["mask-length4"], int) and read["broadcast"] == "allow"
    read = first.ok("show-group", {"uid": group["uid"]})
    assert sorted(m["name"] for m in read["members"]) == ["client-h", "client-n"]
    read = first.ok("show-access-rule", {"uid": rule["uid"], "layer": "Network"})
    assert read["action"]["name"] == "Accept" and read["track"]["type"]["name"] == "Log"
    assert read["track"]["accounting"] is False and read["track"]["per-connection"] is True
    assert isinstance(read["track"]["alert"], str)
    for cell in ("source", "destination", "service", "install-on", "time", "content"):
        assert all(isinstance(o["name"], str) for o in read[cell]), cell
    assert all({"name", "type"} <= set(o) for o in read["vpn"])
    named = first.ok("show-object", {"uid": host["uid"]})
    assert named["object"]["name"] == "client-h"
    first.close()

    # The next run of the program: the stored session, no login, ten resources at a time.
    ex1["london"].sh("systemctl restart mds-api.service")
    again = client(TERRAFORM, probes=2)
    again.sid = first.sid
    session = again.ok("show-session", {"uid": uid})
    assert session["uid"] == uid and session["changes"] >= 4

    def add(i):
        one = Client(ex1, TERRAFORM, probes=2)
        one.sid = first.sid
        try:
            made = one.ok("add-host", {**common, "ipv4-address": f"10.200.5.{i + 1}",
                                       "name": f"client-p{i}"})
            return one.ok("show-host", {"uid": made["uid"]})["name"]
        finally:
            one.close()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:  # trap 18
        assert sorted(pool.map(add, range(10))) == sorted(f"client-p{i}" for i in range(10))
    again.task(again.ok("publish", {}))

    # Change by uid, and delete in the order of the graph; then a refresh finds it gone.
    again.ok("set-host", {"comments": "changed", "ignore-errors": False, "ignore-warnings": False,
                          "uid": host["uid"]})
    assert again.ok("show-host", {"uid": host["uid"]})["comments"] == "changed"
    again.ok("delete-access-rule", {"layer": "Network", "uid": rule["uid"]})
    for kind, made in (("group", group), ("network", network), ("host", host)):
        again.ok(f"delete-{kind}", {"ignore-errors": False, "ignore-warnings": False,
                                    "uid": made["uid"]})
        status, error = again.post(f"show-{kind}", {"uid": made["uid"]})
        assert status == "HTTP/1.1 404 Not Found"
        assert error["code"] == "generic_err_object_not_found"
    # "exists already" is known by its words.
    status, error = again.post("add-host", {**common, "ipv4-address": "10.200.5.99",
                                            "name": "client-p1"})
    assert status.split()[1] == "400"
    assert "More than one object named" in error["errors"][0]["message"]
    again.task(again.ok("publish", {}))
    again.ok("logout", {})


def test_terraform_domain(client):
    terraform = client(TERRAFORM, probes=2)
    terraform.login()
    reply = terraform.ok("add-domain", {"color": "black", "ignore-warnings": False,
                                        "name": "client-domain", "servers": [
        {"active": True, "ipv4-address": "10.77.9.61", "multi-domain-server": "london",
         "name": "client-domain-1"}]})
    assert all(set(t) == {"task-id"} for t in reply["tasks"])  # trap 7
    terraform.task(reply)
    domain = terraform.ok("show-domain", {"name": "client-domain"})
    (server,) = domain["servers"]
    assert "ipv6-address" not in server  # trap 9
    assert server["active"] is True and server["skip-start-domain-server"] is False
    assert server["type"] == "management server"
    terraform.task(terraform.ok("delete-domain", {"name": "client-domain"}))
    terraform.ok("logout", {})


def test_ansible_requests_of_a_rule_with_a_position(client):
    play = client(ANSIBLE, keep=False)
    play.login(domain="London")
    wanted = {"layer": "Network", "name": "client-rule", "search-entire-rulebase": False}
    status, error = play.post("equals", {"type": "access-rule", "params": wanted})  # trap 11
    assert status.split()[1] == "404" and error["code"] == "generic_err_object_not_found"
    # position: bottom asks for the number of rules first (trap 10).
    count = play.ok("show-access-rulebase", {"name": "Network", "limit": 0})
    assert count["total"] >= 1 and "to" in count and count["rulebase"] == []
    play.ok("add-access-rule", {"layer": "Network", "name": "client-rule", "position": 1,
                                "action": "Accept"})
    assert play.ok("equals", {"type": "access-rule", "params": wanted}) == {"equals": True}
    rule = play.ok("show-access-rule", {"name": "client-rule", "layer": "Network"})
    assert rule["action"]["name"].lower() == "accept"
    page = play.ok("show-access-rulebase", {"name": "Network", "offset": 0, "limit": 1})
    assert page["rulebase"][0]["name"] == "client-rule"
    tree = play.ok("show-layer-structure", {"name": "Network", "details-level": "uid"})
    assert tree["root-section"]["children"][0]["name"] == "client-rule"
    # After most tasks a logout without a session; after a failure a discard.
    status, error = play.post("logout", {}, sid=False)  # trap 14
    assert status.split()[1] == "400" and error["code"] == "generic_err_missing_required_header"
    assert play.ok("discard", {})["number-of-discarded-changes"] == 1
    assert play.ok("logout", {}) == {"message": "OK"}
