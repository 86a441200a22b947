"""What mds-ca tells of authorities and certificates: any part of it, the same on replicas, and after a restart."""
import json
import pathlib
import subprocess
import sys
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from personal import Workstation  # noqa: E402


def content(answer):
    """JSON that came inline or in a memory file."""
    inline, files = answer
    text = bytes(bytearray(inline))
    for file in files:
        with open(file.take(), "rb") as memory:
            memory.seek(0)
            text = memory.read()
    return json.loads(text)


def find(host, **query):
    return content(host.ca.FindCertificates(json.dumps(query)))


def serials(host, **query):
    return [c["serial"] for c in find(host, **query)["certificates"]]


def test_every_condition_takes_a_part_of_what_was_issued(hosts, tmp_path):
    one, two = hosts
    pem = str(one.issue("tokyo")[0])
    one.issue("paris")
    owner = str(uuid.uuid4())
    one.ca.IssueAdministrator(Workstation(tmp_path, "anna").request(), "anna", owner)
    domain = str(uuid.uuid4())
    one.ca.CreateDomainAuthority(domain, "London")
    everything = find(one)
    assert everything["total"] == len(everything["certificates"]) == 7
    assert {(c["kind"], c["authority"]) for c in everything["certificates"]} == {
        ("server", "servers"), ("sealing", "servers"), ("administrator", "servers"), ("servers-ca", "root"),
        ("domain-ca", "root")}
    assert serials(one, authority="servers", kind="server") == [c["serial"] for c in one.certificates() if c["kind"] == "server"]
    (anna,) = find(one, uuid=owner)["certificates"]
    assert anna["subject"].endswith("CN=anna") and anna["state"] == "valid" and "reason" not in anna
    assert serials(one, serial=anna["serial"][:10].upper()) == [anna["serial"]]
    assert serials(one, text="ANNA") == serials(one, text=anna["serial"][5:20]) == [anna["serial"]]
    assert serials(one, text="%") == [] and find(one, state="expired") == {"certificates": [], "total": 0}
    # Pages.
    pages = [serials(one, limit=2, offset=n) for n in (0, 2, 4, 6)]
    assert sum(pages, []) == [c["serial"] for c in everything["certificates"]] and len(pages[3]) == 1
    # When they begin and end is what they say themselves.
    text = subprocess.run(["openssl", "x509", "-noout", "-serial", "-startdate", "-enddate", "-dateopt", "iso_8601"], input=pem,
                          capture_output=True, text=True, check=True).stdout
    row = next(c for c in everything["certificates"] if c["serial"].upper().lstrip("0") in text)
    for key, word in (("not-before", "notBefore"), ("not-after", "notAfter")):
        assert f"{word}={time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime(row[key] / 1000))}" in text, (key, text)
    # What ends by then, the next first.
    half_year = (time.time() + 181 * 86400) * 1000
    soon = find(one, until=int(half_year))["certificates"]
    assert {c["kind"] for c in soon} == {"server", "sealing"} and len(soon) == 4
    assert [c["not-after"] for c in soon] == sorted(c["not-after"] for c in soon)
    two.keep(one.export(two))
    assert find(two) == everything
    one.stop()
    one.start()
    assert find(one) == everything


def test_states_follow_what_happened(hosts, tmp_path):
    one, _ = hosts
    owner = str(uuid.uuid4())
    pem = [str(one.ca.IssueAdministrator(Workstation(tmp_path, name).request(), "anna", owner)[0]) for name in ("a", "b")]
    assert len(pem) == 2
    # A personal one replaces the one before, which is revoked; one of a server does not.
    rows = find(one, uuid=owner)["certificates"]
    assert [(c["state"], c.get("reason")) for c in rows] == [("revoked", "superseded"), ("valid", None)]
    assert rows[0]["revoked-at"] >= rows[0]["issued"]
    who = str(uuid.uuid4())
    for _ in range(3):
        subject = f"/CN=tokyo/serialNumber={who}"
        csr = [subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                               "-keyout", "/dev/null", "-subj", subject], check=True, capture_output=True, text=True).stdout
               for _ in range(2)]
        one.ca.IssueServer(*csr, "tokyo", who, "secondary")
    states = [(c["kind"], c["state"]) for c in find(one, uuid=who)["certificates"]]
    assert states == [("server", "renewed"), ("sealing", "renewed")] * 2 + [("server", "valid"), ("sealing", "valid")]
    middle = serials(one, uuid=who, kind="server")[1]
    one.ca.Revoke(middle, "key-compromise")
    assert [c["state"] for c in find(one, uuid=who, kind="server")["certificates"]] == ["revoked", "revoked", "valid"]
    assert len(serials(one, uuid=who, state="renewed")) == 2


def test_authorities_count_what_they_issued(hosts):
    one, two = hosts
    domain = str(uuid.uuid4())
    one.ca.CreateDomainAuthority(domain, "London")
    one.issue("tokyo")
    rows = {a["name"]: a for a in content(one.ca.FindAuthorities(""))}
    assert set(rows) == {"root", "servers", domain}
    assert rows["root"]["counts"] == {"valid": 2, "renewed": 0, "revoked": 0, "expired": 0}
    assert rows["servers"]["issued"] == 2 and rows[domain]["issued"] == 0
    assert {a["kind"] for a in rows.values()} == {"root", "servers-ca", "domain-ca"} and all(a["key"] for a in rows.values())
    (shown,) = content(one.ca.FindAuthorities(domain))
    text = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-subject"], input=shown["certificate"],
                          capture_output=True, text=True, check=True).stdout
    assert shown["fingerprint"].upper() in text.replace(":", "") and "London ICA" in text
    assert content(one.ca.FindAuthorities("nobody")) == []
    two.keep(one.export(two))
    assert {a["name"]: a for a in content(two.ca.FindAuthorities(""))} == rows
