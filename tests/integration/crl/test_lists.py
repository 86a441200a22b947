"""The revocation lists: signed by mds-ca, served by mds-crl (security.md 3; T-14). What carries them between
servers is mds-core: tests/system/test_crl.py."""
import contextlib
import re
import secrets
import sqlite3
import time
import uuid

import dbus
import pytest

from ca_host import Host
from crl_lists import WEEK_S, der_of, number_of, openssl, text_of, urls_of
from private_bus import PrivateBus, wait_until

LIMIT = 10_000


def path_in(url):
    return "/" + url.split("/", 3)[3]


def verify(tmp_path, certificate, chain, root, lists):
    """What openssl says of a certificate and then of its authority, with their lists: "" when both are good.
    Not of the root: nobody revokes an anchor."""
    for name, content in {"certificate": certificate, "chain": chain, "root": root,
                          "lists": "".join(lists)}.items():
        (tmp_path / f"{name}.pem").write_text(content)
    for name in ("certificate", "chain"):
        said = openssl("verify", "-x509_strict", "-crl_check", "-CAfile", tmp_path / "root.pem", "-untrusted",
                       tmp_path / "chain.pem", "-CRLfile", tmp_path / "lists.pem", tmp_path / f"{name}.pem",
                       check=False)
        if not said.strip().endswith(": OK"):
            return said
    return ""


def pem_of(der):
    return openssl("crl", "-inform", "DER", data=der)


def test_T_14_no_list_passes_10_kB_with_50000_revoked(authority, door):
    # As many as that are revoked in a long life: they are in its database before it starts.
    authority.daemon.stop()
    serials = [f"{0x40 + i % 64:02x}" + secrets.token_hex(15) for i in range(50_000)]
    now = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(authority.folder / "ca.db")) as database, database:
        database.executemany("INSERT INTO issued VALUES(?,'servers','',?,'server',?,?)",
                             ((s, str(uuid.uuid4()), now, now + WEEK_S * 1000) for s in serials))
        database.executemany("INSERT INTO revoked VALUES(?,'servers',?,'key-compromise')",
                             ((s, now) for s in serials))
    authority.daemon.start()
    authority.look()
    wait_until(lambda: len(authority.lists()[1]) > 500, 30, "the lists to be signed")
    version, lists = authority.lists()
    door.keep(lists)
    found = set()
    for name, pem in lists.items():
        body = der_of(pem)
        assert len(body) < LIMIT, name
        if not name.startswith("servers/"):
            continue
        found |= set(re.findall(r"Serial Number: ([0-9A-F]+)", text_of(body)))
    assert found == {s.upper() for s in serials}
    # Every one is served as it was signed, at the pace that one address may have.
    for name, pem in lists.items():
        status, headers, body = door.ask(f"/{name}.crl")
        while status == 429:
            time.sleep(float(headers["Retry-After"]) / 20)
            status, headers, body = door.ask(f"/{name}.crl")
        assert status == 200 and headers["Content-Type"] == "application/pkix-crl"
        assert int(headers["Content-Length"]) == len(body) < LIMIT and body == der_of(pem)
    # One more revocation signs one list, not all.
    one = authority.issue("late")
    serial = openssl("x509", "-noout", "-serial", data=str(one[0]).encode()).strip().split("=")[1]
    authority.ca.Revoke(serial.lower(), "key-compromise")
    news = authority.lists(version)[1]
    assert len(news) == 1 and serial in text_of(der_of(*news.values()))


def test_T_14_a_certificate_names_its_list_and_openssl_checks_it(authority, door, tmp_path):
    identity, _, chain, root, _ = map(str, authority.issue("tokyo"))
    door.keep(authority.lists()[1])
    urls = urls_of(identity)
    assert urls == ["http://10.0.0.1:18264/servers/0-1.crl", "http://[fd00::1]:18264/servers/0-1.crl"]
    assert [path_in(u) for u in urls_of(chain)] == ["/root/0-1.crl"] * 2

    def lists():
        out = [door.ask(path_in(urls_of(c)[0])) for c in (identity, chain)]
        assert [status for status, _, _ in out] == [200, 200]
        return [pem_of(body) for _, _, body in out]
    assert verify(tmp_path, identity, chain, root, lists()) == ""
    before = number_of(door.ask("/servers/0-1.crl")[2])
    serial = openssl("x509", "-noout", "-serial", data=identity.encode()).strip().split("=")[1].lower()
    begin = time.monotonic()
    authority.ca.Revoke(serial, "key-compromise")
    door.keep(authority.lists()[1])
    assert time.monotonic() - begin < 5
    assert "revoked" in verify(tmp_path, identity, chain, root, lists())
    now = door.ask("/servers/0-1.crl")[2]
    assert number_of(now) > before and serial.upper() in text_of(now)
    # A list of another part says nothing about it.
    other = authority.lists()[1]["root/0-1"]
    assert "unable to get certificate CRL" in verify(tmp_path, identity, chain, root, [other])


def test_K_16_parts_are_filled_one_after_the_other_and_a_promoted_authority_begins_its_own(
        authority, tmp_path):
    for i in range(46):
        authority.issue(f"server-{i}")
    names = {path_in(urls_of(str(authority.issue("last")[0]))[0])}
    assert names == {"/servers/0-2.crl"}
    version, lists = authority.lists()
    assert {"servers/0-1", "servers/0-2", "root/0-1"} <= set(lists)
    numbers = {name: number_of(der_of(pem)) for name, pem in lists.items()}
    with PrivateBus("replica") as bus:
        replica = Host(bus, tmp_path / "replica")
        replica.keep(authority.export(replica))
        with pytest.raises(dbus.DBusException, match="replica"):
            replica.lists()
        replica.ca.Activate()
        later, ahead = replica.lists(version)
        # All of them, ahead of what the other has signed or will sign.
        assert later > version and set(ahead) == set(lists)
        assert all(number_of(der_of(pem)) > 2**32 > numbers[name] for name, pem in ahead.items())
        certificate = str(replica.issue("after")[0])
        text = openssl("x509", "-noout", "-ext", "crlDistributionPoints", data=certificate.encode())
        assert "CN = CRL 1-1" in text and "servers/1-1" in replica.lists()[1]


def test_K_16_a_list_is_new_at_60_percent_of_its_life(authority):
    version, lists = authority.lists()
    authority.clock.set(int(WEEK_S * 0.55))
    # Longer than mds-ca takes from one look to the next.
    end = time.monotonic() + 8
    while time.monotonic() < end:
        assert authority.lists()[0] == version
        time.sleep(0.5)
    authority.clock.set(int(WEEK_S * 0.61))
    wait_until(lambda: authority.lists()[0] > version, 15, "new lists")
    for name, pem in authority.lists()[1].items():
        assert number_of(der_of(pem)) == number_of(der_of(lists[name])) + 1


def test_T_14_a_stale_copy_is_not_served(door):
    assert door.ask("/servers/0-1.crl")[0] == 200
    door.clock.set(WEEK_S + 60)
    wait_until(lambda: door.ask("/servers/0-1.crl")[0] == 503, 10, "the list to end")
    status, headers, body = door.ask("/servers/0-1.crl")
    assert headers["Retry-After"] and b"ended on" in body and b"-----" not in body
    wait_until(lambda: "ended on" in door.daemon.output(), 5, "a line in the log")
    door.clock.set(0)
    wait_until(lambda: door.ask("/servers/0-1.crl")[0] == 200, 10, "the list again")


def test_T_14_other_paths_are_not_found(door):
    (door.folder / "servers" / "0-7.crl").symlink_to("/etc/passwd")
    (door.folder / "servers" / "0-8.crl").mkdir()
    (door.folder.parent / "secret.crl").write_text("secret")
    (door.folder / "version").write_text("1\n")
    assert door.ask("/root/0-1.crl")[0] == 200
    for path in ("/", "/servers", "/servers/", "/servers/0-1", "/servers/0-1.crl/", "//servers/0-1.crl",
                 "/servers//0-1.crl", "/./servers/0-1.crl", "/servers/../servers/0-1.crl", "/../secret.crl",
                 "/servers/../../secret.crl", "/%2e%2e/secret.crl", "/servers/%2e%2e/%2e%2e/secret.crl",
                 "/servers%2f0-1.crl", "/servers/0-1.crl%00", "/servers/0-1.crl?x=1", "/servers/0-1.crl?",
                 "/servers/0-1.crl#x", "/SERVERS/0-1.crl", "/servers/0-01.crl", "/servers/-1.crl",
                 "/servers/0-.crl", "/servers/0-99999999999999999999.crl", "/servers/9-9.crl", "/version",
                 "/servers/0-1.crl.part", "/servers/0-1.part", "/" + "a" * 7000, "/" + "../" * 2000 + "x.crl",
                 "/servers/" + "0" * 5000 + "-1.crl", "/index.html", "/.crl", "/web_api/login",
                 "http://x/servers/0-1.crl", "*", f"/{uuid.uuid4()}/0-1.crl", "/servers\\0-1.crl",
                 "servers/0-1.crl"):
        answer = door.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404 "), (path[:80], answer[:200])
        assert b"secret\n" not in answer and b"root:" not in answer
    for bad in ("/servers/0-7.crl", "/servers/0-8.crl"):
        answer = door.raw(f"GET {bad} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 503 ")) and b"root:" not in answer
    assert door.raw(b"GET /servers/0-1\xff.crl HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[9:12] in (
        b"404", b"400")
    assert door.raw(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert door.raw(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 431 ")
    assert door.ask("/root/0-1.crl")[0] == 200


def test_K_17_get_and_head_only_with_an_etag(door):
    status, headers, body = door.ask("/servers/0-1.crl")
    etag = headers["ETag"]
    assert status == 200 and re.fullmatch(r'"[0-9a-f]{32}"', etag)
    assert "Server" not in headers and "Strict-Transport-Security" not in headers
    head = door.ask("/servers/0-1.crl", "HEAD")
    assert head[0] == 200 and head[2] == b"" and int(head[1]["Content-Length"]) == len(body)
    assert head[1]["ETag"] == etag
    assert door.ask("/nothing.crl", "HEAD")[0] == 404
    same = door.ask("/servers/0-1.crl", headers={"If-None-Match": etag})
    assert same[0] == 304 and same[2] == b"" and same[1]["ETag"] == etag
    assert door.ask("/servers/0-1.crl", headers={"If-None-Match": '"other"'})[0] == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        status, headers, _ = door.ask("/servers/0-1.crl", method)
        assert status == 405 and headers["Allow"] == "GET, HEAD", method
    big = door.raw(b"GET /servers/0-1.crl HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde")
    assert big.startswith(b"HTTP/1.1 413 ")


def test_K_17_one_address_has_its_rate(door):
    statuses = [door.ask("/servers/0-1.crl", "HEAD")[0] for _ in range(400)]
    assert statuses[0] == 200 and statuses.count(200) >= 200 and 429 in statuses
    wait_until(lambda: door.ask("/servers/0-1.crl", "HEAD")[0] == 200, 10, "its turn again")


def test_K_17_a_damaged_list_is_not_served(door):
    path = door.folder / "servers" / "0-1.crl"
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"x", b"", b"\0" * 20_000):
        path.write_bytes(content)
        assert door.ask("/servers/0-1.crl")[0] == 503
    path.write_bytes(whole)
    assert door.ask("/servers/0-1.crl")[0] == 200
