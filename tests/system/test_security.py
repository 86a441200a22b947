"""Security tests of the whole deployment that need booted hosts (docs/security-tests.list)."""

import concurrent.futures
import json
import os
import re
import resource
import select
import shlex
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree as ET

import pytest

from api import Api, ApiError, network_namespace
from deployment import ADDRESSES, KEY, PASSWORD, ROOT, TEST_LIMITS, TEST_LIMITS_FILE
from raw_http import Raw
from private_bus import build_folder
from rig import wait_until
from secret_search import forms_of_key, forms_of_text, in_command_lines, in_files, in_memory, processes
from test_ex1 import host as host_object
from tls_scan import only_what_k_12_lists

AUTHORITIES = "/var/lib/mds/ca"


def main_pid(host, unit):
    return int(host.out(f"systemctl show -P MainPID {unit}"))


def outer_pid(host, name):
    """The process of this name as this machine numbers it."""
    (pid,) = [pid for pid, comm in processes(host) if comm == name]
    return pid


# ---- T-10 ----

def test_T_10_authority_keys_at_rest_are_sealed_and_a_log_server_has_none(ex1):
    london = ex1["london"]
    sealed = [n for n in london.out(f"ls {AUTHORITIES}").split() if n.endswith(".cms")]
    assert len(sealed) >= 4, sealed  # root, servers, a Domain each
    ex1.ctl("london", "backup create")
    for name in sealed:
        done = subprocess.run(
            ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", london.path(f"{AUTHORITIES}/{name}"),
             "-inkey", london.path(f"{AUTHORITIES}/sealing.key"),
             "-recip", london.path(f"{AUTHORITIES}/sealing.pem")], capture_output=True, check=False)
        if done.returncode:
            done = subprocess.run(
                ["openssl", "cms", "-decrypt", "-inform", "PEM", "-in", london.path(f"{AUTHORITIES}/{name}"),
                 "-inkey", london.path(f"{AUTHORITIES}/sealing.key"),
                 "-recip", london.path(f"{AUTHORITIES}/sealing.pem")], capture_output=True, check=True)
        forms = forms_of_key(done.stdout.decode())
        for city in ("london", "tokyo", "logs"):
            # Store, backups, journal: all files of the host.
            assert in_files(ex1[city], forms) == [], (name, city)
        # In memory it is where it is used, and nowhere else.
        assert {p for p, _ in in_memory(london, forms)} <= {"mds-ca"}, name
        assert in_memory(ex1["logs"], forms) == [], name
    assert ex1["logs"].out(f"ls {AUTHORITIES} | grep cms || true") == ""
    # Neither in swap nor in dumps.
    pid = outer_pid(london, "mds-ca")
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    locked, resident = (int(status[k].split()[0]) for k in ("VmLck", "VmRSS"))
    assert london.out("systemctl show -P MemorySwapMax -P LimitMEMLOCK mds-ca").split() == ["0", "infinity"]
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] == resource.RLIM_INFINITY:
        assert locked >= resident > 0, status
    else:
        # Where the machine under the host allows it to nobody, it says so, and goes on.
        assert "cannot be locked" in london.out("journalctl -u mds-ca -o cat --no-pager")
    assert london.out(f"cat /proc/{main_pid(london, 'mds-ca')}/limits | grep 'core file'").split()[4] == "0"
    # Nobody may read it or trace it, as its own user neither: what a dump would need.
    inside = main_pid(london, "mds-ca")
    assert london.sh(f"runuser -u mds-ca -- cat /proc/{inside}/environ", check=False).returncode != 0


# ---- T-15 ----

@pytest.mark.parametrize("port", [443, 18221])
def test_T_15_tls_of_each_port_is_what_K_12_lists(ex1, port):
    for city in ("london", "logs"):
        only_what_k_12_lists(ex1, ADDRESSES[city], port)


# ---- T-20 ----

def test_T_20_a_session_is_not_fixed_replayed_or_sent_by_another_site(ex1):
    first = Raw(ex1)
    login = json.dumps({"user": "admin", "password": PASSWORD, "domain": "London"}).encode()
    wanted = "AAAAAAAA" + "x" * 43
    # Fixation: what the client brings is not what it gets.
    first.post("/web_api/login", login, f"X-chkp-sid: {wanted}\r\nCookie: __Host-mds={wanted}\r\n")
    line, headers, body = first.answer()
    assert line == "HTTP/1.1 200 OK" and body["sid"] != wanted and len(body["sid"]) >= 8 + 43
    # No cookie, no leave for pages of other sites, nothing that a proxy keeps.
    assert "set-cookie" not in headers and not [h for h in headers if h.startswith("access-control")]
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"].startswith("max-age=63072000")
    assert headers["referrer-policy"] == "no-referrer" and "server" not in headers
    sid = body["sid"]

    def status(extra, path="/web_api/show-hosts", payload=b"{}"):
        first.post(path, payload, extra)
        return int(first.answer()[0].split()[1])
    assert status(f"X-chkp-sid: {sid}\r\n") == 200
    # Nowhere but in the header.
    assert status(f"Cookie: __Host-mds={sid}; sid={sid}\r\n") == 400
    assert status("", f"/web_api/show-hosts?sid={sid}&X-chkp-sid={sid}") == 400
    assert status("", payload=json.dumps({"sid": sid}).encode()) == 400
    assert status(f"X-chkp-sid: {sid[:-1]}\r\n") == 401
    assert status(f"X-chkp-sid: {sid[:8]}{'A' * 43}\r\n") == 401
    # A form of another site; the browser says so.
    for extra in ("Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n",
                  "Sec-Fetch-Site: same-site\r\n", "Origin: http://x\r\n"):
        assert status(f"X-chkp-sid: {sid}\r\n{extra}Content-Type: text/plain\r\n") == 403, extra
        assert status(f"{extra}Content-Type: text/plain\r\n", "/web_api/login", login) == 403, extra
    for extra in ("Origin: https://x\r\n", "Sec-Fetch-Site: same-origin\r\n"):
        assert status(f"X-chkp-sid: {sid}\r\n{extra}") == 200, extra
    # Another tab is another session: neither sees the private work of the other, one end is not the other's.
    tab = ex1.api("london", "London")
    assert tab.sid != sid
    assert status(f"X-chkp-sid: {sid}\r\n", "/web_api/add-host",
                  b'{"name":"t20","ip-address":"192.0.2.140","ignore-warnings":true}') == 200
    assert tab.raw("show-host", b'{"name":"t20"}')[0] == 404
    assert status(f"X-chkp-sid: {sid}\r\n", "/web_api/discard") == 200
    # Only its hash is kept.
    forms = {"sid": sid.encode(), "random part": sid[8:].encode()}
    assert in_files(ex1["london"], forms) == []
    # Replay after the logout.
    assert status(f"X-chkp-sid: {sid}\r\n", "/web_api/logout") == 200
    for path in ("/web_api/show-hosts", "/web_api/publish", "/web_api/logout", "/web_api/keepalive"):
        assert status(f"X-chkp-sid: {sid}\r\n", path) == 401, path
    ex1["london"].sh("systemctl restart mds-api mds-domain@London-1")
    ex1.wait_role("london", "London", "active")
    first.close()
    first = Raw(ex1)
    assert status(f"X-chkp-sid: {sid}\r\n") == 401
    assert tab.call("show-hosts", limit=1)["total"] >= 0
    tab.close()
    first.close()


# ---- T-22 ----

def test_T_22_a_thousand_logins_at_once_are_hashed_four_at_a_time(ex1):
    london = ex1["london"]
    api = ex1.api("london", "London")
    connections = []
    took, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            begin = time.monotonic()
            api.call("show-hosts", limit=1)
            took.append(time.monotonic() - begin)
            time.sleep(0.02)

    def resident():
        pid = outer_pid(london, "mds-core")
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) // 1024
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        statuses = []
        # Ten on each connection: opening a thousand takes longer than hashing what comes meanwhile.
        for number in range(100):
            # Who says nothing for 10 s is cut off (T-23): each asks at once.
            connection = Raw(ex1)
            connections.append(connection)
            for turn in range(10):
                connection.post("/web_api/login", json.dumps(
                    {"user": f"nobody-{turn}-{number}", "password": "wrong-password-1"}).encode())
        for connection in connections:
            statuses += answers(connection, 10)
    finally:
        stop.set()
        watcher.join()
        for connection in connections:
            connection.close()
    assert set(statuses) == {400, 429}
    assert statuses.count(429) > statuses.count(400) >= 36
    assert resident() < 400, f"{resident()} MiB"
    # Those who are logged in work on meanwhile.
    assert len(took) > 20 and max(took) < 10, took[-10:]
    # And again everybody is served.
    ex1.api("london").close()
    api.close()


# ---- T-23 ----

@pytest.fixture(name="strict", scope="module")
def limits_as_installed(ex1):
    """Tokyo with the limits that a package has; an administrator there, without a second factor."""
    api = ex1.api("london")
    for name in ("guest-1", "guest-2", "guest-3"):
        api.call("add-administrator", name=name, password=PASSWORD, must_change_password=False,
                 multi_domain_profile="Multi-Domain Super User")
    api.publish()
    ex1["tokyo"].sh(f"rm {TEST_LIMITS_FILE}; systemctl restart mds.target")
    ex1.wait_role("tokyo", "Tokyo", "active")
    wait_until(lambda: try_login(ex1, "guest-3") == 200, 20, "the administrators on Tokyo")
    yield ex1
    ex1["tokyo"].write_file(TEST_LIMITS_FILE, TEST_LIMITS)
    ex1["tokyo"].sh("systemctl restart mds.target")
    for name in ("guest-1", "guest-2", "guest-3"):
        api.call("delete-administrator", name=name)
    api.publish()
    api.close()
    ex1.wait_role("tokyo", "Tokyo", "active")
    ex1.wait_synchronized("london", "London", 60)


def try_login(ex1, user, password=PASSWORD, since="sw", **more):
    """Status of a login on Tokyo from another host's network, or the switch's; the session ends."""
    api = Api(ADDRESSES["tokyo"], namespace=f"{ex1.rig.prefix}-{since}")
    status, body = api.raw("login", json.dumps({"user": user, "password": password, **more}).encode())
    api.sid = body.get("sid")
    api.close()
    return status


def test_T_23_failed_logins_of_an_account_wait_and_success_resets(strict):
    for _ in range(2):
        for _ in range(4):
            assert try_login(strict, "guest-1", "wrong-password-1", "logs") == 400
        assert try_login(strict, "guest-1", since="logs") == 200
    strict["tokyo"].sh("systemctl restart mds-core")
    wait_until(lambda: try_login(strict, "guest-3", since="logs") == 200, 20, "mds-core")
    for _ in range(5):
        assert try_login(strict, "guest-1", "wrong-password-1", "logs") == 400
    assert try_login(strict, "guest-1", since="logs") == 429
    assert try_login(strict, "GUEST-1", since="london") == 429, "from another address and in other letters"
    assert try_login(strict, "guest-2", since="logs") == 200, "others are served"
    assert strict["tokyo"].sh("mgmt_cli show hosts limit 1 -r true -d London").returncode == 0
    strict["tokyo"].sh("mgmt_cli unlock-administrator name guest-1 -r true")
    assert try_login(strict, "guest-1", since="logs") == 200


def test_T_23_failed_logins_of_an_address_wait(strict):
    strict["tokyo"].sh("systemctl restart mds-core")
    wait_until(lambda: try_login(strict, "guest-3", since="logs") == 200, 20, "mds-core")
    for number in range(20):
        assert try_login(strict, f"stranger-{number}", "wrong-password-1", "logs") == 400, number
    assert try_login(strict, "guest-2", since="logs") == 429
    assert try_login(strict, "guest-2", since="london") == 200, "others are served"
    assert strict["tokyo"].sh("mgmt_cli show hosts limit 1 -r true -d London").returncode == 0
    strict["tokyo"].sh("systemctl restart mds-core")
    wait_until(lambda: try_login(strict, "guest-3", since="logs") == 200, 20, "mds-core")


def test_T_23_logins_per_minute_and_sessions_of_an_account(strict):
    open_sessions = []
    for number in range(16):
        api = Api(ADDRESSES["tokyo"], namespace=f"{strict.rig.prefix}-london")
        open_sessions.append(api.login("guest-2", PASSWORD, "Tokyo"))
        time.sleep(0.06)  # as many handshakes as one address may make
    assert try_login(strict, "guest-2", since="logs", domain="Tokyo") == 429
    assert try_login(strict, "guest-3", since="logs", domain="Tokyo") == 200, "others are served"
    open_sessions.pop().close()
    assert try_login(strict, "guest-2", since="logs", domain="Tokyo") == 200
    for api in open_sessions:
        api.close()
    # 18 logins so far, of 30 at once and one each two seconds: several at a time, however slow the machine is.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: try_login(strict, "guest-2", since="logs"), range(60)))
    assert statuses[:10] == [200] * 10 and 429 in statuses and set(statuses) == {200, 429}, statuses
    assert try_login(strict, "guest-3", since="logs") == 200, "others are served"


def test_T_23_requests_of_a_session(strict):
    api = Api(ADDRESSES["tokyo"], namespace=f"{strict.rig.prefix}-london").login("guest-3", PASSWORD, "Tokyo")
    other = Api(ADDRESSES["tokyo"], namespace=f"{strict.rig.prefix}-london").login("guest-3", PASSWORD, "Tokyo")
    raw = Raw(strict, "tokyo")
    begin, statuses = time.monotonic(), []
    # All at once, as a client that does not wait.
    body = b'{"limit":1}'
    request = (f"POST /web_api/show-tags HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
               f"X-chkp-sid: {api.sid}\r\n\r\n").encode() + body
    for _ in range(6):
        raw.send(request * 100)
        statuses += answers(raw, 100)
    allowed = 200 + 50 * (time.monotonic() - begin)
    assert set(statuses) == {200, 429}
    assert 200 <= statuses.count(200) <= allowed + 1, statuses.count(200)
    assert other.call("show-tags", limit=1)["total"] >= 0, "others are served"
    wait_until(lambda: api.raw("show-tags", body)[0] == 200, 5, "the session to be served again")
    for one in (api, other):
        one.close()
    raw.close()


def answers(raw, count):
    """Status codes of `count` answers on one connection."""
    data, found = getattr(raw, "rest", b""), []
    while len(found) < count:
        head, gap, rest = data.partition(b"\r\n\r\n")
        length = re.search(rb"[Cc]ontent-[Ll]ength: (\d+)", head)
        if not gap or len(rest) < int(length.group(1)):
            piece = raw.socket.recv(65536)
            assert piece, data
            data += piece
            continue
        found.append(int(head.split()[1]))
        data = rest[int(length.group(1)):]
    raw.rest = data
    return found


def test_T_23_size_nesting_lists_and_header(strict):
    raw = Raw(strict, "tokyo", timeout=60)
    api = Api(ADDRESSES["tokyo"], namespace=f"{strict.rig.prefix}-london").login("guest-3", PASSWORD, "Tokyo")
    sid = f"X-chkp-sid: {api.sid}\r\n"

    def status(body, extra=sid):
        raw.post("/web_api/show-hosts", body, extra)
        return int(raw.answer()[0].split()[1])
    # 16 MiB and not a byte more.
    most = 16 << 20
    shell = b'{"name":""}'
    assert status(shell[:-2] + b"a" * (most - len(shell)) + b'"}') == 400, "read, and refused for its name"
    other = Raw(strict, "tokyo")
    other.send(b"POST /web_api/show-hosts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (most + 1))
    assert other.answer()[0].split()[1] == "413"
    other.close()
    # 32 levels: the object, and 31 lists in it.
    assert "Payload is not valid" not in str(api.raw("show-hosts", b'{"x":' + b"[" * 31 + b"]" * 31 + b"}"))
    too_deep = api.raw("show-hosts", b'{"x":' + b"[" * 32 + b"]" * 32 + b"}")
    assert too_deep[0] in (400, 413) and "Payload is not valid" in str(too_deep)
    # 100,000 elements.
    assert status(b'{"x":[' + b",".join([b"1"] * 100_000) + b"]}") == 400
    assert status(b'{"x":[' + b",".join([b"1"] * 100_001) + b"]}") == 413
    # 32 kB of header.
    assert status(b'{"limit":1}', sid + "X-Big: " + "a" * 31_000 + "\r\n") == 200
    other = Raw(strict, "tokyo")
    other.send(b"POST /web_api/show-hosts HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 33_000 + b"\r\n\r\n")
    assert other.answer()[0].split()[1] == "431"
    other.close()
    assert api.call("show-hosts", limit=1)["total"] >= 0
    api.close()
    raw.close()


def test_T_23_new_connections_of_an_address(strict):
    time.sleep(1.1)
    # Without a handshake of ours: a client's processor is no limit here.
    begin = time.monotonic()
    with network_namespace(strict.rig.network.switch):
        opened = [socket.create_connection((ADDRESSES["tokyo"], 443), 5) for _ in range(60)]

    def refused():
        closed = select.select(opened, [], [], 0)[0]
        return closed if len(opened) - len(closed) <= 21 + 20 * (time.monotonic() - begin) else None
    closed = wait_until(refused, 1.9, "what is too much to be refused")
    assert 20 <= len(opened) - len(closed) < len(opened)
    assert try_login(strict, "guest-3", since="logs") == 200, "others are served"
    for connection in opened:
        connection.close()
    time.sleep(1.1)
    Raw(strict, "tokyo").close()


# ---- T-27 ----

# What everybody may call; every other method is refused to whom it is not for. Of the interfaces of our own
# services nothing.
FOR_ALL = {("org.openmds.Core1", "Grid"), ("org.openmds.Domain1", "Status"), ("org.openmds.Sync1", "Peers"),
           ("org.openmds.Sic1", "State")}
SIGNATURES = {"s": "x", "u": "1", "t": "1", "q": "1", "x": "1", "b": "false", "as": "0", "ay": "0", "ah": "0",
              "a{ss}": "0", "o": "/"}


def methods():
    """(interface, method, input signature) of every method of the suite, from its descriptions."""
    for name in sorted(os.listdir(f"{ROOT}/dbus")):
        if not name.endswith(".xml"):
            continue
        for interface in ET.parse(f"{ROOT}/dbus/{name}").getroot().iter("interface"):
            for method in interface.iter("method"):
                inputs = [a.get("type") for a in method.iter("arg") if a.get("direction", "in") == "in"]
                yield interface.get("name"), method.get("name"), inputs


def homes(interface):
    """(bus name, path) of the services that have an interface."""
    core, domain = ("org.openmds.Core1", "/org/openmds/Core1"), \
        ("org.openmds.Domain1.London_2d1", "/org/openmds/Domain1")
    if interface.startswith("org.openmds.Internal."):
        return [core, domain]
    if interface == "org.openmds.Domain1":
        return [domain]
    word = interface.rsplit(".", 1)[1]
    return [(interface, f"/org/openmds/{word}")]


def call_as(ex1, user, where, interface, method, inputs):
    values = " ".join(SIGNATURES.get(i, "0") for i in inputs)
    signature = "".join(inputs)
    words = f"busctl --timeout=20 call {where[0]} {where[1]} {interface} {method}"
    if signature:
        words += f" {shlex.quote(signature)} {values}"
    command = words if user == "root" else f"runuser -u {user} -- {words}"
    return ex1["london"].sh(command + " </dev/null", check=False)


def is_refused(done):
    """Whether an answer of busctl is a refusal, by the bus or by polkit."""
    return done.returncode != 0 and re.search(
        r"Access denied|AccessDenied|not allowed|NotAllowed|Permission denied|no_permissions", done.stderr)


@pytest.fixture(name="stranger", scope="module")
def local_user(ex1):
    ex1["london"].sh("id alice >/dev/null 2>&1 || useradd -m alice")
    return "alice"


def test_T_27_every_method_is_refused_to_whom_it_is_not_for(ex1, stranger):
    tried = 0
    for interface, method, inputs in methods():
        for where in homes(interface):
            for user in (stranger, "nobody"):
                done = call_as(ex1, user, where, interface, method, inputs)
                tried += 1
                if (interface, method) in FOR_ALL:
                    assert not is_refused(done), (interface, method, done.stderr)
                elif (interface, method) == ("org.openmds.Core1", "Run"):
                    # Its own answer has the refusal: status 403 for what is not for reading.
                    body = json.dumps({"name": "evil"}).encode()
                    words = (f"busctl call {where[0]} {where[1]} {interface} Run ssayah London add-host "
                             f"{len(body)} {' '.join(map(str, body))} 0")
                    answer = ex1["london"].sh(f"runuser -u {user} -- {words}", check=False)
                    assert answer.returncode != 0 or answer.stdout.split()[1] == "403", answer.stdout
                else:
                    assert is_refused(done), (interface, method, user, done.stdout, done.stderr)
    assert tried > 60, tried


def test_T_27_without_polkit_the_answer_is_no(ex1, stranger):
    london = ex1["london"]
    reading = f"runuser -u {stranger} -- mdsctl status"
    assert "acme-msp" in london.out(reading)
    london.sh("systemctl mask --runtime --now polkit.service")
    try:
        done = london.sh(reading, check=False)
        assert done.returncode not in (0, 3), done.stdout
        assert "acme-msp" not in done.stdout
        # Root needs nobody to ask, and is not locked out.
        assert "acme-msp" in london.out("mdsctl status || true")
    finally:
        london.sh("systemctl unmask --runtime polkit.service; systemctl start polkit.service")
    wait_until(lambda: "acme-msp" in london.sh(reading, check=False).stdout, 20, "polkit")


def test_T_27_a_caller_that_is_gone_gets_nothing_done(ex1, stranger):
    """The process ends while polkit is asked; its bus name is nobody's then."""
    london = ex1["london"]
    before = ex1.ha("london", "London")["revision"]
    body = json.dumps({"name": "t27-gone", "ip-address": "192.0.2.141", "ignore-warnings": True}).encode()
    call = (f"busctl call org.openmds.Core1 /org/openmds/Core1 org.openmds.Core1 Run ssayah London add-host "
            f"{len(body)} {' '.join(map(str, body))} 0")
    for _ in range(20):
        london.sh(f"runuser -u {stranger} -- timeout -s KILL 0.02 {call} >/dev/null 2>&1 || true")
    api = ex1.api("london", "London")
    assert api.raw("show-host", b'{"name":"t27-gone"}')[0] == 404
    api.close()
    assert ex1.ha("london", "London")["revision"] == before


def test_T_27_nobody_else_says_the_status_of_a_domain_server(ex1, stranger):
    """mds-core hears the signal of all Domain Servers by one match."""
    before = ex1.ctl_json("london", "domain list")
    forged = json.dumps({"server": "London-1", "domain": "London", "role": "standby", "peers": [],
                         "domain-uid": next(d["uid"] for d in before if d["name"] == "London")})
    for user in (stranger, "nobody", "mds-api", "mds-crl", "mds-sync"):
        ex1["london"].sh(f"runuser -u {user} -- busctl emit /org/openmds/Domain1 org.openmds.Domain1 "
                         f"StatusChanged s {shlex.quote(forged)}", check=False)
    time.sleep(1)
    after = {d["name"]: [c["ha-state"] for c in d["cells"]] for d in ex1.ctl_json("london", "domain list")}
    assert after["London"][0] == "active", after


# ---- T-32 ----

def test_T_32_with_a_full_disk_changes_are_refused_reading_works_and_it_recovers(ex1):
    tokyo = ex1["tokyo"]
    api = ex1.api("tokyo", "Tokyo")
    assert api.call("show-hosts", limit=1)["total"] >= 0
    tokyo.sh("fallocate -l $(df --output=avail -B1 /var/lib/mds | tail -1) /var/lib/mds/fill; "
             "dd if=/dev/zero of=/var/lib/mds/fill2 bs=4k 2>/dev/null; true")
    try:
        # What the files have room for is used up first.
        status, body = 200, {}
        for number in range(40):
            status, body = api.raw("add-objects-batch", json.dumps({"objects": [{"type": "host", "list": [
                {"name": f"t32-{number}-{n}", "ip-address": f"10.32.{number}.{n + 1}"} for n in range(250)]}]}).encode())
            if status == 200:
                status, body = api.raw("publish")
            if status != 200:
                break
        assert status == 500 and ("disk" in body["message"] or "full" in body["message"]), (status, body)
        assert api.call("show-hosts", limit=1)["total"] >= 0, "reading works"
        ex1.api("tokyo", "Tokyo").close()
        assert "Tokyo" in tokyo.out("mgmt_cli show domains -r true --format json || mdsctl domain list")
    finally:
        tokyo.sh("rm -f /var/lib/mds/fill /var/lib/mds/fill2")
    api.raw("discard")
    api.call("add-host", name="t32", ip_address="192.0.2.151", ignore_warnings=True)
    api.publish()
    ex1.wait_synchronized("tokyo", "Tokyo", 60)
    # What was done while nothing could be written is in the trail.
    logs = api.send("show-logs", {"new-query": {"type": "audit", "time-frame": "last-hour",
                                                "max-logs-per-request": 50}})["logs"]
    assert [entry for entry in logs if entry["administrator"] == "admin"]
    api.call("delete-host", name="t32")
    api.publish()
    api.close()
    assert ex1.ctl("london", "audit verify tokyo", check=False).returncode == 0


# ---- T-34 ----

def test_T_34_what_people_type_steers_no_terminal_log_or_table(ex1):
    bad = "x\x1b[2J\nMay 01 00:00:00 london sshd[1]: Accepted\r<script>alert(1)</script>\u009b31m\u202eevil"
    formula = "=cmd|'/C calc'!A0"
    api = ex1.api("london", "London")
    with pytest.raises(ApiError, match="Control characters"):
        api.call("set-session", new_name=bad[:100], description=formula)
    api.call("set-session", new_name="x\u009b31m\u202eevil", description=formula)
    with pytest.raises(ApiError, match="Control characters"):
        api.call("add-host", name="t34", ip_address="192.0.2.160", comments=bad, ignore_warnings=True)
    bad = bad.replace("\x1b", "\x9b")
    api.call("add-host", name="t34", ip_address="192.0.2.160", comments=bad, ignore_warnings=True)
    # The names of sessions are shown where they are in the way.
    shown = ex1.ctl("london", "ha set-standby London", check=False)
    assert shown.returncode == 9, shown
    for text in (shown.stdout, shown.stderr):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), repr(text)
        assert "\nMay 01" not in text, repr(text)
    with pytest.raises(ApiError):
        ex1.api("london", user=f"nobody\nMay 01 00:00:00 london sshd[1]: Accepted {formula}", password="x" * 12)
    # One record of the journal is one line; JSON has no control character at all.
    journal = ex1["london"].sh("journalctl -q --no-pager -o short -u 'mds-*' --since -5min").stdout
    assert not [line for line in journal.splitlines() if line.startswith("May 01 00:00:00 london sshd")]
    raw = Raw(ex1)
    query = {"new-query": {"type": "audit", "time-frame": "last-hour", "max-logs-per-request": 20}}
    system = ex1.api("london")
    raw.post("/web_api/show-logs", json.dumps(query).encode(), f"X-chkp-sid: {system.sid}\r\n")
    line, headers, body = raw.answer()
    assert line == "HTTP/1.1 200 OK" and headers["content-type"] == "application/json"
    assert [entry for entry in body["logs"] if entry["administrator"].startswith("nobody\nMay 01")]
    raw.post("/web_api/show-host", b'{"name":"t34"}', f"X-chkp-sid: {api.sid}\r\n")
    assert raw.answer()[2]["comments"] == bad, "what was typed is kept"
    raw.close()
    system.close()
    # mgmt_cli prints JSON and text of it.
    for form in ("json", "text"):
        out = ex1["london"].sh(f"mgmt_cli show sessions details-level full -r true -d London --format {form}").stdout
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", out), repr(out[:2000])
        assert "\nMay 01" not in out
    # Tables for spreadsheets.
    table = ex1.ctl("london", "-o csv server list").stdout
    assert not [cell for line in table.splitlines() for cell in line.split(",") if cell.startswith(("=", "+", "@"))], table
    api.call("discard")
    api.close()


# ---- T-28 ----

# What each may that others may not; everything else is refused.
MAY = {
    "mds-api": {"socket:inet", "socket:inet6", "socket:netlink"},  # of a network without a way out
    "mds-ca": set(), "mds-crl": set(),
    "mds-core": {"socket:inet", "socket:inet6", "socket:netlink"},
    "mds-sync": {"socket:inet", "socket:inet6", "socket:netlink"},
    "mds-claim": set(),
    "mds-sic": {"socket:inet", "socket:inet6", "socket:netlink"},
    "mds-domain@London-2": {"socket:netlink"},
    # Root, without the rights of root: what belongs to root is its own, and its group sees the processes.
    "mds-helper": {"socket:netlink", "read:/etc/shadow", "kill:init", "processes"},
    "mds-backup": {"read:*", "kill:init", "processes"},
}
# The folder of each; it must not read those of the others.
FOLDERS = {"mds-api": ["api"], "mds-ca": ["ca"], "mds-crl": ["crl"],
           "mds-core": ["system", "domains", "servers", "crl"], "mds-sync": ["sync", "trust"],
           "mds-sic": ["sync", "trust"], "mds-claim": [], "mds-domain@London-2": ["domains", "servers"], "mds-helper": [],
           "mds-backup": []}


@pytest.fixture(name="attacked", scope="module")
def host_with_attacker(ex1):
    tokyo = ex1["tokyo"]
    with open(os.path.join(build_folder(), "tests/support/mds-attacker"), "rb") as file:
        program = file.read()
    with open(tokyo.path("/usr/lib/mds/attacker"), "wb") as file:
        file.write(program)
    tokyo.sh("chmod 755 /usr/lib/mds/attacker")
    yield tokyo
    tokyo.sh("rm -rf /usr/lib/mds/attacker /run/systemd/system/mds-*.service.d; systemctl daemon-reload; "
             "systemctl reset-failed; systemctl restart mds.target mds-api.socket mds-crl.socket")
    tokyo.wait_up()
    ex1.wait_role("tokyo", "Tokyo", "active", 60)
    ex1.wait_synchronized("london", "London", 60)
    ex1.wait_well("london")


@pytest.mark.parametrize("unit", MAY)
def test_T_28_whoever_takes_a_service_over_gets_no_further(attacked, unit):
    folders = ("api", "ca", "crl", "system", "domains", "servers", "sync", "trust")
    secret = {"api": "api/server.key", "ca": "ca/sealing.key", "system": "system/work.db",
              "trust": "trust/current/identity.key"}
    wanted = [f"/var/lib/mds/{secret.get(f, f)}" for f in folders if f not in FOLDERS[unit]
              and f not in ("crl", "servers", "domains", "sync")]
    wanted += ["/etc/shadow", "/root", "/home"]
    file = unit.split("@")[0] + ("@" if "@" in unit else "")
    drop = f"/run/systemd/system/{file}.service.d"
    attacked.write_file(f"{drop}/99-attacker.conf",
                        "[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nBusName=\nExecStopPost=\nExecStart=\n"
                        # What the page before setup was given for its boot is gone with setup.
                        "LoadCredential=\n"
                        f"ExecStart=/usr/lib/mds/attacker {' '.join(wanted)}\n")
    attacked.sh(f"systemctl daemon-reload; systemctl stop {unit}.service")
    since = attacked.out("date +%s")
    try:
        done = attacked.sh(f"systemctl start {unit}.service", check=False)
        said = ""

        def all_said():
            nonlocal said
            said = attacked.out(f"journalctl -q --no-pager -o cat -u {unit}.service --since @{since}")
            return "attempt become:other" in said
        wait_until(all_said, 10, "the attacker's last word", lambda: done.stderr + said)
    finally:
        attacked.sh(f"rm -r {drop}; systemctl daemon-reload; systemctl stop {unit}.service; "
                    f"systemctl reset-failed {unit}.service 2>/dev/null || true")
    lines = re.findall(r"^attempt (\S+) (DONE|refused)$", said, re.M)
    assert len(lines) >= 44
    got = {name for name, result in lines if result == "DONE"}
    may = MAY[unit]
    if "read:*" in may:
        got = {name for name in got if not name.startswith("read:")}
    assert got <= may, (unit, sorted(got - may))


# ---- T-35 ----

def others_read(host, path):
    """Whether a user who is nobody here can read a file of the host."""
    return host.sh(f"runuser -u nobody -- test -r {shlex.quote(path)}", check=False).returncode == 0


def test_T_35_after_setup_no_secret_is_where_others_read(ex1):
    for city in ("london", "tokyo", "logs"):
        host = ex1[city]
        # The answers of this host, and keys of its own.
        secret = PASSWORD if city == "london" else KEY
        for what in (forms_of_text(PASSWORD), forms_of_text(KEY)):
            assert in_command_lines(host, what) == [], city
            found = {path for path, _ in in_files(host, what)}
            # What the administrator wrote into a file of his own is still there, for him alone.
            assert not [path for path in found if path == "journal" or others_read(host, path)], (city, found)
            assert not [path for path in found if "debconf" in path or path.startswith("/var/lib/mds")], (city, found)
        written = f"/etc/mds/{'admin.password' if city == 'london' else 'activation.key'}"
        assert written in {path for path, _ in in_files(host, forms_of_text(secret))}, "the search is blind"
        # Every private key, whoever owns it.
        keys = host.out("grep -rlsI --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr 'PRIVATE KEY' / || true").split()
        assert any("/var/lib/mds/trust/" in path for path in keys), keys
        assert not [path for path in keys if others_read(host, path)], keys
        # Databases, work and backups are nobody else's either.
        ours = host.out("find /var/lib/mds /etc/mds /var/backups/mds -type f \\( -name '*.db*' -o -name '*.tar' "
                        "-o -name '*.key' -o -name '*.cms' -o -name '*.password' -o -name identity.json \\)").split()
        assert len(ours) > 5, ours
        assert not [path for path in ours if others_read(host, path)], ours
