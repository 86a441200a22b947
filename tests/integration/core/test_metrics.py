"""What monitoring sees of a Primary and a Secondary with all their services: metrics over the socket and as
show-metrics, compared with the show-commands, and events with their ids (docs/monitoring.md)."""
import contextlib
import pathlib
import re
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import messages  # noqa: E402
from exposition import Metrics  # noqa: E402
from namespaces import Namespaces  # noqa: E402
from private_bus import wait_until  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
IDS = {name: uid for name, (uid, _) in messages.ids().items()}


@pytest.fixture(name="two", scope="module")
def two_servers():
    """london (Primary) and tokyo (Secondary) with Global and one Domain on both."""
    deployment = Namespaces("london", "tokyo")
    london = deployment["london"]
    london.run("add-domain", name="Bank", servers=[
        {"name": "Bank-1", "ip-address": "198.18.0.101", "multi-domain-server": "london", "active": True},
        {"name": "Bank-2", "ip-address": "198.18.0.102", "multi-domain-server": "tokyo", "active": False}])

    def level():
        m = metrics_of(london)
        rows = m.rows("openmds_domain_server_lag_revisions")
        return len(rows) == 4 and all(v == 0 for _, v in rows) and m.value("openmds_domains", state="synchronized") == 2
    try:
        wait_until(level, 60, "both Domains to be synchronized", step=0.5)
    except AssertionError:
        print(london.scrape()[2], deployment.logs())
        deployment.close()
        raise
    yield deployment
    deployment.close()


def metrics_of(server):
    status, headers, body = server.scrape()
    assert status == 200, body
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(headers["Content-Length"]) == len(body.encode()) and headers["Connection"] == "close"
    return Metrics(body)


def log_of(server, word="core"):
    """Journal of a service; what its children say is in that of mds-core."""
    return server.daemons[word].output()


def written(server, name, word="core"):
    return [line for line in log_of(server, word).splitlines() if f"MESSAGE_ID={IDS[name]}" in line]


def test_the_document_lists_what_is_exported(two):
    text = (ROOT / "docs" / "monitoring.md").read_text()
    told = dict(re.findall(r"^\| `(openmds_\w+)` \| (gauge|counter) ", text, re.M))
    assert metrics_of(two["london"]).types == told


def test_values_are_those_of_the_show_commands(two):
    london, tokyo = two["london"], two["tokyo"]
    m = metrics_of(london)
    servers = {s["name"] for s in london.run("show-mdss")["objects"]}
    assert {labels["server"] for labels, _ in m.rows("openmds_server_up")} == servers
    assert all(value == 1 for _, value in m.rows("openmds_server_up"))
    state = london.run("show-ha-state")["domains"]
    assert {labels["domain"] for labels, _ in m.rows("openmds_domain_active_servers")} == {d["name"] for d in state}
    for domain in state:
        for server in domain["servers"]:
            ((_, active),) = m.rows("openmds_domain_server_active", domain=domain["name"],
                                    server=server["multi-domain-server"])
            assert (active == 1) == (server["ha-state"] == "active"), server
    system = london.run("show-ha-status")
    assert m.value("openmds_system_revision") == system["servers"][0]["revision"]
    tasks = london.run("show-tasks", limit=500, **{"status": "all"})["tasks"]
    assert sum(v for _, v in m.rows("openmds_tasks")) == len(tasks)
    # Both see the same deployment, each from its side.
    for metric in ("openmds_domain_server_revision", "openmds_domain_server_sync_status", "openmds_domains"):
        wait_until(lambda metric=metric: metrics_of(tokyo).rows(metric) == metrics_of(london).rows(metric), 20, metric)
    assert m.value("openmds_server_last_contact_age_seconds", server="tokyo") < 5
    assert abs(m.value("openmds_server_clock_difference_seconds", server="tokyo")) < 1
    assert m.value("openmds_server_certificate_expiry_seconds", server="tokyo") > 86400 * 30
    wait_until(lambda: metrics_of(london).value("openmds_sync_sent_bytes_total") > 0, 10, "the bytes of mds-sync")
    wait_until(lambda: metrics_of(london).rows("openmds_database_bytes", domain="System Data", part="content"), 70)


def test_show_metrics_gives_the_same(two):
    reply = two["london"].run("show-metrics")
    assert reply["content-type"] == "text/plain; version=0.0.4"
    said, socket_said = Metrics(reply["metrics"]), metrics_of(two["london"])
    assert said.types == socket_said.types and said.helps == socket_said.helps
    assert set(said.samples) == set(socket_said.samples)
    status, refused = two["london"].ask("show-metrics", colour="blue")
    assert status == 400 and "colour" in refused["message"]


def test_sessions_and_names_follow(two):
    london = two["london"]
    bank1 = {"domain": "Bank", "domain_server": "Bank-1", "server": "london"}
    before = metrics_of(london).value("openmds_domain_server_sessions", **bank1)
    assert before is not None
    assert metrics_of(london).value("openmds_domain_server_sessions", domain="Bank", domain_server="Bank-2",
                                    server="tokyo") is None, "others do not tell theirs"


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET /metrics?format=text HTTP/1.1\r\n\r\n", 200), (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
    (b"GET / HTTP/1.1\r\n\r\n", 404), (b"GET /metrics/../x HTTP/1.1\r\n\r\n", 404),
    (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405), (b"nonsense\r\n\r\n", 400),
    (b"GET  HTTP/1.1\r\n\r\n", 404), (b"\r\n\r\n", 400), (b"GET /metrics SMTP/1\r\n\r\n", 400),
    (b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 5000 + b"\r\n\r\n", 431)])
def test_the_socket_speaks_just_enough_http(two, request_bytes, status):
    got = two["london"].scrape(request_bytes)[0]
    # What is left unread of a long request resets the connection, which may overtake the answer.
    assert got == status or (status == 431 and got == 0)


def test_those_who_do_not_speak_hold_up_nobody(two):
    london = two["london"]
    with contextlib.ExitStack() as silent:
        for _ in range(8):
            client = silent.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(london.metrics))
        # They are accepted in their order: the ninth finds eight.
        assert london.scrape()[0] == 0, "eight at a time"
    wait_until(lambda: london.scrape()[0] == 200, 10, "the others are gone")
    # A client that sends nothing is given up after ten seconds.
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(london.metrics))
        begin = time.monotonic()
        assert client.recv(10) == b"" and 8 < time.monotonic() - begin < 15


def test_audit_verification_is_counted_from_its_last_time(two):
    london = two["london"]
    london.run("verify-audit")
    m = wait_until(lambda: (m := metrics_of(london)).rows("openmds_audit_intact") and m, 20, "the verification")
    for server in ("london", "tokyo"):
        assert m.value("openmds_audit_intact", server=server) == 1
        assert m.value("openmds_audit_verified_age_seconds", server=server) < 30


def test_events_have_their_ids_and_fields(two):
    london = two["london"]
    line = written(london, "role_changed")[0]
    for field in ("MDS_DOMAIN=", "MDS_SERVER=", "MDS_ROLE=", "MDS_REASON="):
        assert field in line, line
    assert any("MDS_DOMAIN=Bank" in line and "MDS_ROLE=active" in line for line in written(london, "role_changed"))
    assert any("MDS_PEER=tokyo" in line for line in written(london, "peer_connected", "sync"))
    assert any("MDS_PEER=" in line for line in written(two["tokyo"], "enrolled", "sic"))
    copies = written(two["tokyo"], "full_sync_ended")
    assert any("MDS_DOMAIN=Bank" in line and "MDS_PEER=Bank-1" in line for line in copies), copies


def test_a_lost_server_is_told_and_shows(two):
    """The last one: tokyo does not come back."""
    london = two["london"]
    two["tokyo"].power_off()
    wait_until(lambda: metrics_of(london).value("openmds_server_up", server="tokyo") == 0, 30, "tokyo is silent")
    # Each Domain Server finds out by itself.
    m = wait_until(lambda: (m := metrics_of(london)).value("openmds_domains", state="unreachable") == 2 and m, 20,
                   "both Domains to miss it")
    assert m.value("openmds_server_last_contact_age_seconds", server="tokyo") > 4
    assert m.value("openmds_server_clock_difference_seconds", server="tokyo") is None
    assert m.value("openmds_problems") >= 1
    bank2 = {"domain": "Bank", "domain_server": "Bank-2", "server": "tokyo"}
    assert m.value("openmds_domain_server_up", **bank2) == 0
    assert m.value("openmds_domain_server_sync_status", status="unreachable", **bank2) == 1
    assert any("MDS_PEER=tokyo" in line for line in written(london, "peer_lost", "sync"))
    # Set Standby, the Domain has no Active server anywhere.
    london.run("domain-ha-action", action="set-standby", domain="Bank", confirmed=True)
    wait_until(lambda: any("MDS_DOMAIN=Bank" in line for line in written(london, "domain_without_active")), 40,
               "the alarm", step=0.5)
    assert metrics_of(london).value("openmds_domain_active_servers", domain="Bank") == 0
