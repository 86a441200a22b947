"""Revocation lists from every server of the deployment, as gateways fetch them (LS-8, LS-9; security.md 3,
T-14)."""

import base64
import http.client
import json
import re
import subprocess
import uuid

import pytest

from api import network_namespace
from clock import Clock
from deployment import ADDRESSES
from rig import wait_until

SERVERS = ["london", "tokyo", "logs"]
# Behind "--" nothing is an option: certificates begin with a dash.
CA = "busctl --json=short -- call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1"


def openssl(*arguments, data=b"", check=True):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode()
    assert not check or done.returncode == 0, text
    return text


def fetch(deployment, name, path, method="GET"):
    """(status, headers, body) from a server's port 18264."""
    connection = http.client.HTTPConnection(ADDRESSES[name], 18264, timeout=10)
    try:
        with network_namespace(deployment.rig.network.switch):
            connection.connect()
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def list_of(deployment, name, path):
    """A list that is served, DER."""
    status, headers, body = fetch(deployment, name, path)
    assert status == 200, body
    assert headers["Content-Type"] == "application/pkix-crl" and len(body) < 10_000
    return body


def same_everywhere(deployment, path, servers=None):
    """The list when every server has the same one, else None."""
    bodies = {list_of(deployment, name, path) for name in servers or SERVERS}
    return bodies.pop() if len(bodies) == 1 else None


def text_of(der):
    return openssl("crl", "-inform", "DER", "-noout", "-text", data=der)


def number_of(der):
    return int(re.search(r"0x([0-9A-Fa-f]+)",
                         openssl("crl", "-inform", "DER", "-noout", "-crlnumber", data=der))[1], 16)


def call_ca(deployment, arguments):
    """What a method of Ca1 on the Primary returns; its arguments as busctl wants them."""
    out = deployment["london"].out(f"{CA} {arguments}")
    return json.loads(out)["data"] if out else None


def uid_of(deployment, domain):
    api = deployment.api("london")
    uid = api.call("show-domain", name=domain)["uid"]
    api.close()
    return uid


def issue(deployment, name):
    """Certificates for a server that is none: [identity, sealing, chain, root, crl]."""
    who, host = str(uuid.uuid4()), deployment["london"]
    for number in (1, 2):
        host.sh(f"openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null "
                f"-subj /CN={name}/serialNumber={who} -out /var/tmp/csr{number} 2>/dev/null")
    return call_ca(deployment, 'IssueServer sssss "$(cat /var/tmp/csr1)" "$(cat /var/tmp/csr2)" '
                   f"{name} {who} secondary")


def test_LS_8_a_standby_serves_the_list_of_the_active_that_does_not_answer(ex1, tmp_path):
    path = f"/{uid_of(ex1, 'London')}/0-1.crl"
    wait_until(lambda: same_everywhere(ex1, path), 10, "the list of London on every server")
    of_the_active = list_of(ex1, "london", path)
    authority = call_ca(ex1, f"CreateDomainAuthority ss {path.split('/')[1]} London")[0]
    ex1["london"].kill()
    try:
        for name in ("tokyo", "logs"):
            from_a_standby = list_of(ex1, name, path)
            assert from_a_standby == of_the_active
            # Currently valid, and the ICA's.
            (tmp_path / "ica.pem").write_text(authority)
            (tmp_path / "list.der").write_bytes(from_a_standby)
            said = openssl("crl", "-inform", "DER", "-in", str(tmp_path / "list.der"), "-noout", "-CAfile",
                           str(tmp_path / "ica.pem"), "-lastupdate", "-nextupdate")
            assert "verify OK" in said, said
            ends = re.search(r"nextUpdate=(.+)", said)[1]
            assert subprocess.run(["date", "-d", ends, "+%s"], capture_output=True, text=True,
                                  check=True).stdout > subprocess.run(
                ["date", "+%s"], capture_output=True, text=True, check=True).stdout
    finally:
        ex1.power_back("london")
    ex1.wait_well("london")
    assert list_of(ex1, "london", path) == of_the_active


def test_LS_9_T_14_what_is_revoked_stands_in_the_list_of_every_server(ex1, tmp_path):
    identity, _, chain, root, _ = issue(ex1, "nowhere")
    urls = re.findall(r"URI:(\S+)", openssl("x509", "-noout", "-ext", "crlDistributionPoints",
                                            data=identity.encode()))
    # K-18: every server of that moment.
    assert sorted(url.split("/")[2] for url in urls) == sorted(f"{ADDRESSES[n]}:18264" for n in SERVERS)
    path = "/" + urls[0].split("/", 3)[3]
    wait_until(lambda: same_everywhere(ex1, path), 10, "one list on every server")
    before = list_of(ex1, "tokyo", path)
    serial = openssl("x509", "-noout", "-serial", data=identity.encode()).strip().split("=")[1]
    assert serial not in text_of(before)
    for name, content in {"certificate": identity, "chain": chain, "root": root}.items():
        (tmp_path / f"{name}.pem").write_text(content)

    def verdict(der):
        pem = openssl("crl", "-inform", "DER", data=der)
        (tmp_path / "list.pem").write_text(pem)
        return openssl("verify", "-crl_check", "-CAfile", str(tmp_path / "root.pem"), "-untrusted",
                       str(tmp_path / "chain.pem"), "-CRLfile", str(tmp_path / "list.pem"),
                       str(tmp_path / "certificate.pem"), check=False)
    assert ": OK" in verdict(before)
    call_ca(ex1, f"Revoke ss {serial.lower()} key-compromise")
    wait_until(lambda: all(serial in text_of(list_of(ex1, n, path)) for n in SERVERS), 5,
               "the serial in the list of every server")
    now = wait_until(lambda: same_everywhere(ex1, path), 5, "the same list on every server")
    assert number_of(now) > number_of(before) and "revoked" in verdict(now)


def test_T_14_stale_lists_and_odd_paths_on_a_log_server(ex1):
    host, path = ex1["logs"], "/servers/0-1.crl"
    for odd in ("/", "/servers/", "/../system/identity.json", "/servers/../../trust/identity.key",
                "/%2e%2e/ca/servers.cms", "/servers/0-1.crl?x", "/version", "/" + "a" * 6000,
                "/servers/9-9.crl"):
        assert fetch(ex1, "logs", odd)[0] == 404, odd
    assert fetch(ex1, "logs", path, "POST")[0] == 405
    assert fetch(ex1, "logs", path, "HEAD")[2] == b""
    clock = Clock(host, "mds-crl")
    try:
        clock.set(8 * 86400)
        status, headers, body = wait_until(lambda: (lambda a: a if a[0] == 503 else None)(
            fetch(ex1, "logs", path)), 10, "the list to end")
        assert status == 503 and headers["Retry-After"] and b"ended on" in body
        assert fetch(ex1, "tokyo", path)[0] == 200
    finally:
        clock.remove()
    assert fetch(ex1, "logs", path)[0] == 200


@pytest.mark.parametrize("name", SERVERS)
def test_K_17_the_service_starts_when_it_is_asked_and_holds_nothing(ex1, name):
    host = ex1[name]
    host.sh("systemctl stop mds-crl.service")
    assert host.out("systemctl is-active mds-crl.socket") == "active"
    assert fetch(ex1, name, "/root/0-1.crl")[0] == 200
    pid = host.out("systemctl show -P MainPID mds-crl.service")
    assert host.out(f"stat -c %U /proc/{pid}") == "mds-crl"
    # Nothing of a key, a database or the bus can be opened by it, and no new connection.
    inside = f"nsenter -t {pid} -m -- setpriv --reuid=mds-crl --regid=mds-crl --clear-groups"
    for file in ("/var/lib/mds/ca/ca.db", "/var/lib/mds/trust/identity.key", "/var/lib/mds/system/identity.json",
                 "/var/lib/mds/api/server.key", "/etc/shadow", "/run/dbus/system_bus_socket"):
        assert host.sh(f"{inside} head -c1 {file}", check=False).returncode != 0, file
    assert host.sh(f"{inside} touch /var/lib/mds/crl/x", check=False).returncode != 0
    assert host.out(f"ls -l /proc/{pid}/ns/net | sed 's/.*net://'") != host.out(
        "ls -l /proc/1/ns/net | sed 's/.*net://'")
    opened = host.out(f"ls -l /proc/{pid}/fd")
    assert "/var/lib" not in opened and "dbus" not in opened, opened
    score = host.out("systemd-analyze security --no-pager mds-crl.service | tail -1")
    assert float(re.search(r"([0-9.]+) ", score.split("mds-crl.service:")[1])[1]) <= 0.6, score


def test_K_17_lists_are_public_and_nobody_but_mds_core_writes_them(ex1):
    host = ex1["tokyo"]
    listed = host.out("find /var/lib/mds/crl -printf '%y %m %u %P\\n'").splitlines()
    assert len(listed) > 6
    assert {line.rsplit(" ", 1)[0] for line in listed} == {"d 755 mds", "f 644 mds"}, listed
    body = base64.b64decode(host.out("base64 -w0 /var/lib/mds/crl/servers/0-1.crl"))
    assert body == list_of(ex1, "tokyo", "/servers/0-1.crl")
