"""The door (mds-api) as clients really behave: management-api.md 1 to 5 and the traps of 18."""

import json
import time

import pytest

from deployment import ADDRESSES, PASSWORD
from raw_http import Raw
from rig import wait_until

LOGIN = json.dumps({"user": "admin", "password": PASSWORD}).encode()


@pytest.fixture(name="raw")
def raw_connection(ex1):
    connection = Raw(ex1)
    yield connection
    connection.close()


def certificate(deployment):
    """The certificate of the door, DER."""
    connection = Raw(deployment)
    try:
        return connection.socket.getpeercert(True)
    finally:
        connection.close()


def test_an_answer_has_the_status_phrase_and_a_typed_body(raw):
    raw.post("/web_api/login", LOGIN, "Content-Type: application/json\r\n")
    status, headers, body = raw.answer()
    assert status == "HTTP/1.1 200 OK"  # trap 2
    assert headers["content-type"] == "application/json"
    raw.post("/web_api/logout", b"{}", f"X-chkp-sid: {body['sid']}\r\n")
    assert raw.answer()[2] == {"message": "OK"}


@pytest.mark.parametrize("path,status,code", [
    ("/web_api/v9.9/login", 400, "err_unknown_api_version"),
    ("/web_api/v1.8/no-such", 400, "generic_err_missing_required_header"),
    ("/web_api/", 404, "generic_err_command_not_found"),
    ("/elsewhere", 404, "generic_err_command_not_found"),
    ("/web_api/logout", 400, "generic_err_missing_required_header"),  # trap 14
])
def test_paths_and_versions(raw, path, status, code):
    raw.post(path)
    line, _, body = raw.answer()
    assert line.split()[1] == str(status) and body["code"] == code, (line, body)
    assert isinstance(body["message"], str)


@pytest.mark.parametrize("version", ["v1", "v1.1", "v1.6.1", "v1.9", "v1.9.1"])
def test_every_version_up_to_ours_is_served(raw, version):
    raw.post(f"/web_api/{version}/login", LOGIN)
    line, _, body = raw.answer()
    assert line == "HTTP/1.1 200 OK", body
    raw.post(f"/web_api/{version}/logout", b"{}", f"X-chkp-sid: {body['sid']}\r\n")
    assert raw.answer()[0] == "HTTP/1.1 200 OK"


def test_a_dead_session_is_401_and_nothing_else_is(raw):
    raw.post("/web_api/show-hosts", b"{}", "X-chkp-sid: AAAAAAAAxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n")
    line, _, body = raw.answer()
    assert line.split()[1] == "401" and body["code"] == "generic_err_wrong_session_id"


def test_get_is_405_and_json(raw):
    raw.send(b"GET /web_api/login HTTP/1.1\r\nHost: x\r\n\r\n")
    line, _, body = raw.answer()
    assert line.split()[1] == "405" and body["code"] == "err_bad_url"


def test_a_body_over_16_mib_is_413_before_it_is_read(raw):
    raw.send(b"POST /web_api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 16777217\r\n\r\n")
    line, _, body = raw.answer()
    assert line.split()[1] == "413" and "too large" in body["message"]


def test_a_header_over_32_kib_is_431(raw):
    raw.send(b"POST /web_api/login HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 40000 + b"\r\n\r\n")
    line, _, body = raw.answer()
    assert line.split()[1] == "431" and "header" in body["message"]


def test_bytes_that_are_no_http_are_refused_with_json(raw):
    raw.send(b"\x00\x01\x02 nonsense\r\n\r\n")
    line, _, body = raw.answer()
    assert line.split()[1] == "400" and body["code"] == "err_bad_url"


def test_slow_headers_and_silence_hold_only_their_own_connection(ex1):
    """A client that dribbles is cut off in 10 s; others are served all the while."""
    slow = [Raw(ex1) for _ in range(20)]
    for connection in slow[:10]:
        connection.send(b"POST /web_api/login HTTP/1.1\r\nHost: x\r\n")
    begin = time.monotonic()
    visitor = ex1.api("london")
    assert time.monotonic() - begin < 5
    visitor.close()
    assert all(connection.closed(15) for connection in slow)
    assert time.monotonic() - begin < 25
    for connection in slow:
        connection.close()


def test_connections_that_only_look_at_the_certificate_are_quiet(ex1):
    """Trap 15: the Go SDK opens two such connections a call."""
    since = ex1["london"].out("date +%s").strip()
    for _ in range(20):
        Raw(ex1).close()
    visitor = ex1.api("london")
    visitor.close()
    journal = ex1["london"].out(f"journalctl -u mds-api --since @{since} -p notice -q --no-pager")
    assert journal.strip() == "", journal


def test_the_certificate_is_kept_over_a_restart_and_on_all_names(ex1):
    """Traps 19 and 20."""
    before = certificate(ex1)
    ex1["london"].sh("systemctl restart mds-api.service")
    assert certificate(ex1) == before
    chain = ex1["london"].out("openssl s_client -connect 127.0.0.1:443 -showcerts </dev/null "
                              "2>/dev/null | grep -c BEGIN.CERTIFICATE")
    assert chain.strip() == "1"


def test_requests_of_one_session_are_served_one_after_the_other(ex1):
    """Trap 18: ten at once in one session; none is lost, none is refused."""
    first = ex1.api("london", "London")
    connections = [Raw(ex1) for _ in range(10)]
    for i, connection in enumerate(connections):
        body = json.dumps({"name": f"par-{i}", "ip-address": f"192.0.2.{200 + i}"}).encode()
        connection.post("/web_api/add-host", body, f"X-chkp-sid: {first.sid}\r\n")
    answers = [connection.answer() for connection in connections]
    assert [a[0] for a in answers] == ["HTTP/1.1 200 OK"] * 10, answers
    assert first.call("discard")["number-of-discarded-changes"] == 10
    for connection in connections:
        connection.close()
    first.close()


def test_a_restarting_domain_server_is_waited_for(ex1):
    """A request while its Domain Server restarts is answered after it, not refused."""
    api = ex1.api("london", "London")
    host, unit = ex1["london"], "mds-domain@London-1.service"
    host.sh(f"systemctl stop {unit}; (sleep 1; systemctl start {unit}) >/dev/null 2>&1 &")
    begin = time.monotonic()
    assert api.call("show-hosts", limit=1)["total"] >= 0
    assert 0.9 < time.monotonic() - begin < 10
    ex1.wait_role("london", "London", "active")
    api.close()


def test_no_secret_reaches_the_journal(ex1):
    """Trap 21."""
    api = ex1.api("london")
    sid = api.sid
    ex1.visitor("london").raw("login", json.dumps({"user": "admin", "password": "no-Such-secret-77"})
                              .encode())
    api.close()
    wait_until(lambda: "login refused" in ex1["london"].out("journalctl -u mds-core -q --no-pager"),
               10, "the refused login to be logged")
    journal = ex1["london"].out("journalctl -q --no-pager -o verbose -u 'mds-*'")
    for secret in (PASSWORD, "no-Such-secret-77", sid):
        assert secret not in journal
