"""The authorities and certificates of the deployment by mdsctl ca and mdsctl trust, and under their classic names
(C-T10): what was issued, revoking, renewing, the way to another server."""

import json
import re
import subprocess
import time

import pytest

import schemas
from api import ApiError
from rig import wait_until
from test_crl import SERVERS, issue, list_of, number_of, text_of
from test_three_mds import certificate

KEY = "7M2K-W9TR-4XQZ-0PDA"


def openssl(host, words):
    return host.out(f"openssl {words}")


def told(deployment, host, words, verb=None, code=0):
    """mdsctl --json, checked against the published schema; `verb` when its words are others."""
    done = deployment.ctl(host, f"--json {words}", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return schemas.check(verb or " ".join(words.split()[:2]), done.stdout)


def certificates(deployment, host, words=""):
    return told(deployment, host, f"ca certs {words}", "ca certs")


def fits(text):
    """Every line of it on 80 columns."""
    wide = [line for line in text.splitlines() if len(line) > 80]
    assert not wide, wide
    return text


def screen_of(deployment, host, words):
    """What a verb shows on a terminal of 80 columns."""
    done = deployment[host].sh(f"TERM=xterm script -qec 'stty cols 80 rows 24; mdsctl --no-pager --color never {words}' /dev/null")
    return fits(done.stdout.replace("\r", ""))


def status_of(deployment, host, serial):
    """Of one certificate, as a server knows it."""
    return {c["serial-number"]: c["status"] for c in certificates(deployment, host, "servers")}.get(serial)


def refused(deployment, host, words, code, *says):
    done = deployment.ctl(host, words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.startswith("Error: ") and (code == 2 or "\nNext:  " in done.stderr), done.stderr
    for text in says:
        assert text in done.stderr, done.stderr
    return done


def audited(deployment, host, operation):
    """The newest record of an operation on a server."""
    rows = deployment.ctl_json(host, "audit list --since 2h")
    return next(r for r in rows if r["operation"] == operation)


# ---- what there is ----


def test_every_multi_domain_server_knows_all_authorities(ex1):
    rows = told(ex1, "london", "ca list")
    assert [r["name"] for r in rows][:2] == ["root", "servers"]
    assert [r["name"] for r in rows][2:] == ["Global", "London", "Tokyo"]
    assert [r["kind"] for r in rows] == ["root", "servers-ca"] + ["domain-ca"] * 3
    assert all(r["key-opened"] and r["status"] == "valid" for r in rows)
    wait_until(lambda: told(ex1, "tokyo", "ca list") == told(ex1, "london", "ca list"), 10, "the replica to be level")
    screen = screen_of(ex1, "tokyo", "ca")
    assert re.search(r"^servers +servers-ca +20\d\d-", screen, re.M) and "london signs" in screen, screen
    assert 'this server is "replica"' in " ".join(screen.split()), screen
    refused(ex1, "logs", "ca list", 1, "log servers keep no certificates")


def test_one_authority_is_shown_with_its_certificate(ex1):
    london = ex1["london"]
    for name in ("root", "servers", "London"):
        shown = told(ex1, "tokyo", f"ca show {name}")
        london.write_file("/var/tmp/ca.pem", shown["certificate"])
        text = openssl(london, "x509 -in /var/tmp/ca.pem -noout -serial -fingerprint -sha256")
        assert shown["serial-number"].upper().lstrip("0") in text
        assert shown["fingerprint"].upper() in text.replace(":", "")
    screen = screen_of(ex1, "london", "ca show servers")
    assert "Valid" in screen and "BEGIN CERTIFICATE" in screen
    refused(ex1, "london", "ca show Paris", 5, "no authority is called Paris", "mdsctl ca list")


def test_what_was_issued_is_what_the_certificates_say(ex1):
    rows = certificates(ex1, "london", "servers")
    assert {(c["name"], c["kind"]) for c in rows} >= {(n, k) for n in SERVERS for k in ("server", "sealing")}
    for name in SERVERS:
        mine = certificate(ex1, name)["serial"]
        (row,) = [c for c in rows if c["serial-number"] == mine]
        text = openssl(ex1[name], "x509 -in /var/lib/mds/trust/current/identity.pem -noout -serial -subject -nameopt RFC2253 "
                                  "-startdate -enddate -ext crlDistributionPoints -dateopt iso_8601")
        assert mine.upper().lstrip("0") in text and f"CN={name}" in text
        begin, end = (re.search(rf"not{w}=(\S+) (\S+)", text) for w in ("Before", "After"))
        assert row["valid-from"].startswith(f"{begin[1]}T{begin[2].rstrip('Z')}"), (row, text)
        assert row["valid-to"].startswith(f"{end[1]}T{end[2].rstrip('Z')}"), (row, text)
        assert row["revocation-list"] + ".crl" in text
        assert (row["status"], row["authority"]) == ("valid", "servers")
    wait_until(lambda: certificates(ex1, "tokyo") == certificates(ex1, "london"), 10, "the replica to know all")
    assert {c["kind"] for c in certificates(ex1, "london", "root")} == {"servers-ca", "domain-ca"}
    assert {c["name"] for c in certificates(ex1, "london", "--kind sealing --status valid")} >= set(SERVERS)
    refused(ex1, "london", "ca certs --kind pki", 2)
    refused(ex1, "london", "ca certs --expiring soon", 2, "60d")


def test_what_ends_soon_comes_first(ex1):
    assert certificates(ex1, "london", "--expiring 30d") == []
    soon = certificates(ex1, "london", "--expiring 200d")
    ends = [c["valid-to"] for c in soon]
    assert len(soon) >= 6 and ends == sorted(ends) and {c["kind"] for c in soon} == {"server", "sealing"}
    everything = certificates(ex1, "london", "--expiring 520w")
    assert {c["kind"] for c in everything} >= {"server", "sealing"}
    screen = screen_of(ex1, "london", "ca certs servers --expiring 200d")
    assert re.search(r"^[0-9a-f]{12}  tokyo +server +. valid +20\d\d-\d\d-\d\d +1[78]\d d +servers$", screen, re.M), screen


def test_over_the_api_lists_have_pages_and_wrong_words_are_named(ex1):
    api = ex1.api("tokyo")
    whole = api.call("show-certificates", authority="servers", limit=500)
    pages = []
    for offset in range(whole["total"]):
        page = api.call("show-certificates", authority="servers", limit=1, offset=offset)
        assert (page["from"], page["to"], page["total"]) == (offset + 1, offset + 1, whole["total"])
        pages += page["certificates"]
    assert pages == whole["certificates"]
    (one,) = api.call("show-certificates", serial_number=pages[0]["serial-number"][:10])["certificates"]
    assert one == pages[0]
    assert {c["name"] for c in api.call("show-certificates", contains="TOKYO", kind="server")["certificates"]} == {"tokyo"}
    for wrong in ({"kind": "pki"}, {"certificate-status": "gone"}, {"limit": 0}, {"expires-within": -1}, {"offset": -1}):
        with pytest.raises(ApiError) as refusal:
            api.send("show-certificates", wrong)
        assert f"[{next(iter(wrong))}]" in refusal.value.message, refusal.value.message
    api.close()


def test_the_lists_of_revoked_certificates_are_those_that_are_served(ex1):
    for name in SERVERS:
        rows = told(ex1, name, "ca crl")
        assert {r["authority"] for r in rows} == {"root", "servers", "Global", "London", "Tokyo"}
        for row in rows:
            assert len(row["urls"]) == 3 and row["status"] == "valid", row
            path = "/" + row["urls"][0].split("/", 3)[3]
            served = list_of(ex1, name, path)
            assert number_of(served) == row["number"], row
            assert text_of(served).count("Serial Number:") == row["entries"], row
        screen = screen_of(ex1, name, "ca crl")
        assert f"  http://{ex1.ctl_json(name, 'ca crl')[0]['urls'][0].split('/')[2]}/root/0-1.crl" in screen, screen


# ---- revoking ----


@pytest.fixture(name="stranger")
def certificates_of_nobody(ex1):
    """Serial numbers of (server, sealing) that were issued for a machine that is no member."""
    before = {c["serial-number"] for c in certificates(ex1, "london", "servers")}
    issue(ex1, "nobody")
    new = [c for c in certificates(ex1, "london", "servers") if c["serial-number"] not in before]
    assert [c["kind"] for c in new] == ["server", "sealing"]
    yield [c["serial-number"] for c in new]


@pytest.mark.parametrize("where", ["london", "tokyo"])
def test_a_certificate_is_revoked_on_any_server_and_nobody_takes_it_then(ex1, stranger, where):
    serial = stranger[0]
    refused(ex1, where, f"ca revoke {serial}", 9, "whoever has its key cannot connect", f"mdsctl ca revoke {serial} --yes --reason TEXT")
    refused(ex1, where, f"-y ca revoke {serial}", 2, "--reason TEXT")
    plan = told(ex1, where, f"--dry-run ca revoke {serial[:10]}", "ca revoke --dry-run")
    assert (plan["serial-number"], plan["status"], plan["already-revoked"], plan["earlier"]) == (serial, "valid", False, 0)
    shown = screen_of(ex1, where, f"--dry-run ca revoke {serial}")
    assert "CN=nobody" in shown and "Nothing was changed." in shown, shown
    assert status_of(ex1, "london", serial) == "valid"
    done = ex1.ctl(where, f"-y --reason key-compromise ca revoke {serial[:8]}")
    assert f"certificate {serial} of nobody is revoked" in " ".join(done.stdout.split()), done.stdout
    for name in ("london", "tokyo"):
        wait_until(lambda n=name: status_of(ex1, n, serial) == "revoked", 10, f"{name} to know")
    (row,) = [c for c in certificates(ex1, "tokyo", "--status revoked") if c["serial-number"] == serial]
    assert row["revocation-reason"] == "key-compromise" and row["revoked-at"] > row["valid-from"]
    # The other kind is another certificate.
    assert status_of(ex1, "london", stranger[1]) == "valid"
    for name in SERVERS:
        wait_until(lambda n=name: serial.upper() in text_of(list_of(ex1, n, f"/{row['revocation-list']}.crl")), 10,
                   f"the list of {name}")
    record = audited(ex1, where, "Revoke certificate")
    assert (record["administrator"], record["subject"], record["status"]) == ("root", serial, "Success"), record
    assert "key-compromise" in record["additional-info"], record
    # Again: nothing is left to do.
    again = ex1.ctl(where, f"-y --reason again ca revoke {serial}")
    assert "revoked already" in " ".join(again.stdout.split())
    ex1.wait_well("london")


def test_what_must_not_be_revoked_is_refused_with_the_way_out(ex1):
    own = certificate(ex1, "london")["serial"]
    for where in ("london", "tokyo"):
        refused(ex1, where, f"-y --reason x ca revoke {own}", 1, "in use of london, the Primary", "mdsctl trust renew london")
    sealing = certificates(ex1, "london", "servers --kind sealing --status valid")
    (mine,) = [c["serial-number"] for c in sealing if c["name"] == "london"]
    refused(ex1, "london", f"-y --reason x ca revoke {mine}", 1, "the Primary", "mdsctl trust renew london")
    for kind, says in (("servers-ca", "every server has its certificate"), ("domain-ca", "the gateways of Domain")):
        serial = certificates(ex1, "london", f"--kind {kind}")[0]["serial-number"]
        refused(ex1, "london", f"-y --reason x ca revoke {serial}", 1, says)
    refused(ex1, "london", "-y --reason x ca revoke 00000000ffff", 5, "mdsctl ca certs")
    refused(ex1, "london", "-y --reason x ca revoke 12", 2, "[serial-number]")
    refused(ex1, "logs", f"-y --reason x ca revoke {own}", 1)
    ex1.wait_well("london")


def test_without_the_primary_nothing_is_revoked_and_the_answer_says_so(ex1, stranger):
    ex1["london"].sh("systemctl stop mds-core")
    try:
        wait_until(lambda: {s["name"]: s["state"] for s in ex1.ctl_json("tokyo", "server list")}["london"] != "running", 20,
                   "tokyo to see it")
        refused(ex1, "tokyo", f"-y --reason x ca revoke {stranger[0]}", 1, "london does not answer", "[RF-21]")
    finally:
        ex1["london"].sh("systemctl start mds-core")
    ex1.wait_well("london")
    ex1.wait_well("tokyo")
    assert status_of(ex1, "london", stranger[0]) == "valid"


# ---- renewing ----


@pytest.mark.parametrize("where, server", [("london", "tokyo"), ("tokyo", "logs"), ("london", "london")])
def test_a_server_gets_a_new_certificate_at_once(ex1, where, server):
    before = certificate(ex1, server)["serial"]
    starts = ex1[server].out("systemctl show -P ActiveEnterTimestampMonotonic mds-sync")
    done = told(ex1, where, f"trust renew {server}")
    # It is installed when the answer comes.
    now = certificate(ex1, server)["serial"]
    assert now == done["serial-number"] != before and done["server"] == server
    text = openssl(ex1[server], "x509 -in /var/lib/mds/trust/current/identity.pem -noout -serial")
    assert now.upper().lstrip("0") in text
    assert (status_of(ex1, "london", before), status_of(ex1, "london", now)) == ("renewed", "valid")
    assert ex1[server].out("systemctl show -P ActiveEnterTimestampMonotonic mds-sync") == starts
    assert audited(ex1, where, "Renew certificate")["subject"] == server
    if server == "london":
        # What it used until now may go: connections that were made with it come back with the new one.
        ex1.ctl("london", f"-y --reason superseded ca revoke {before}")
        assert (status_of(ex1, "london", before), status_of(ex1, "london", now)) == ("revoked", "valid")
    for name in ("london", "tokyo"):
        ex1.wait_well(name)


def test_all_servers_are_renewed_a_line_each_and_one_that_is_silent_is_told(ex1):
    before = {name: certificate(ex1, name)["serial"] for name in SERVERS}
    done = ex1.ctl("london", "trust renew --all")
    lines = fits(done.stdout).splitlines()
    assert sum(": certificate until 20" in line for line in lines) == 3, lines
    assert lines[-1] == "3 certificates renewed, 0 failed", lines
    assert not set(before.values()) & {certificate(ex1, name)["serial"] for name in SERVERS}
    ex1["logs"].sh("systemctl stop mds-core")
    try:
        wait_until(lambda: {s["name"]: s["state"] for s in ex1.ctl_json("london", "server list")}["logs"] != "running", 20,
                   "london to see it")
        rows = told(ex1, "london", "trust renew --all", "trust renew --all", code=10)
        ends = {r["server"]: r["result"] for r in rows}
        assert ends == {"london": "renewed", "tokyo": "renewed", "logs": "failed"}, rows
        assert "does not answer" in {r["server"]: r["reason"] for r in rows}["logs"]
        refused(ex1, "london", "trust renew logs", 1, "does not answer")
    finally:
        ex1["logs"].sh("systemctl start mds-core")
    refused(ex1, "london", "trust renew nobody", 5)
    refused(ex1, "london", "trust renew", 2, "mdsctl trust renew --all")
    refused(ex1, "london", "trust renew tokyo --all", 2)
    for name in ("london", "tokyo"):
        ex1.wait_well(name)


# ---- the way to another server ----


@pytest.mark.parametrize("where, server", [("london", "tokyo"), ("tokyo", "london"), ("tokyo", "logs")])
def test_the_way_to_a_server_is_tested_and_connections_stay(ex1, where, server):
    def contact():
        """Since when they are connected."""
        out = ex1[where].out("busctl --json=short call org.openmds.Sync1 /org/openmds/Sync1 org.openmds.Sync1 Peers")
        return [row[:5] for row in json.loads(out)["data"][0]]
    before, began = contact(), ex1[server].out("date +%s.%N")
    done = ex1.ctl(where, f"trust test {server}")
    screen = fits(done.stdout)
    for what in ("route", "port 18221 answers", "port 443 answers", "port 18264 answers", "port 18211 closed",
                 "TLS handshake in", "clock ", "connected and trusted", certificate(ex1, server)["serial"][:8]):
        assert what in screen, screen
    rows = told(ex1, where, f"trust test {server}")
    assert {r["check"] for r in rows} >= {"server", "port", "handshake", "server-clock", "certificate"}
    assert contact() == before
    assert "Refused" not in ex1[server].out("journalctl -u mds-sync -o cat --since @" + began + " | grep -i refused || true")


def test_what_is_wrong_on_the_way_is_named_with_cause_and_next(ex1):
    ex1["tokyo"].sh("systemctl stop mds-api.socket mds-api.service")
    try:
        done = ex1.ctl("london", "trust test tokyo", check=False)
        assert done.returncode == 3 and "port 443 (management API): connection refused" in done.stdout, done.stdout
        assert "Cause   nothing listens" in done.stdout and "on tokyo:  systemctl status mds-api.socket" in done.stdout
    finally:
        ex1["tokyo"].sh("systemctl start mds-api.socket")
    ex1.rig.cut("london", "tokyo")
    try:
        wait_until(lambda: "unreachable" in ex1.ctl("london", "ha status London", check=False).stdout, 30, "the cut to be seen")
        done = ex1.ctl("london", "trust test tokyo", check=False)
        assert done.returncode == 3 and "Cause   " in done.stdout and "Next    " in done.stdout, done.stdout
        fits(done.stdout)
        # One cause: what does not answer on the way explains ports and handshake.
        assert done.stdout.count("Cause   ") == 1, done.stdout
    finally:
        ex1.rig.heal()
    refused(ex1, "london", "trust test london", 2, "is this server")
    refused(ex1, "london", "trust test toky", 5, "mdsctl trust test tokyo")
    refused(ex1, "london", "-H 10.77.0.12 trust test tokyo", 2)
    ex1.wait_well("london")
    # Who is not root has the rest.
    ex1["london"].sh("id alice || useradd -m alice")
    done = ex1["london"].sh("runuser -u alice -- mdsctl trust test tokyo", check=False)
    assert done.returncode == 0 and "handshake not tried: only root" in done.stdout, done.stdout + done.stderr


# ---- a server that is not to be trusted any more ----


def test_the_trust_of_a_server_is_revoked_and_established_anew(ex1):
    refused(ex1, "tokyo", "-y --reason x trust revoke logs", 1, "[RF-13]")
    refused(ex1, "london", "-y --reason x trust revoke london", 1, "[RF-31]")
    refused(ex1, "london", "trust revoke tokyo", 9, "Its data is kept", "Tokyo", "mdsctl trust revoke tokyo --yes --reason TEXT")
    refused(ex1, "london", "-y trust revoke tokyo", 2, "--reason TEXT")
    assert told(ex1, "london", "--dry-run trust revoke tokyo", "trust revoke --dry-run")["active-domains"] == ["Tokyo"]
    serial = certificate(ex1, "tokyo")["serial"]
    assert status_of(ex1, "london", serial) == "valid"
    begin = time.monotonic()
    done = ex1.ctl("london", "-y --reason 'stolen disk' trust revoke tokyo")
    assert "tokyo is cut off" in done.stdout and "mdsctl trust connect tokyo" in done.stdout
    wait_until(lambda: ex1.peer("london", "London", "tokyo").get("sync-status") == "trust-missing", 20, "tokyo to be cut off")
    assert time.monotonic() - begin < 10
    mine = [c for c in certificates(ex1, "london", "servers") if c["name"] == "tokyo"]
    assert {c["status"] for c in mine} == {"revoked"} and {c["kind"] for c in mine} == {"server", "sealing"}
    assert "stolen disk" in audited(ex1, "london", "Revoke trust of server")["additional-info"]
    tested = ex1.ctl("london", "trust test tokyo", check=False)
    assert tested.returncode == 3 and "revoked" in tested.stdout and "mdsctl trust reset" in fits(tested.stdout), tested.stdout
    # Once is enough; nothing is barred for ever.
    assert "cut off already" in " ".join(ex1.ctl("london", "-y --reason x trust revoke tokyo").stdout.split())
    api = ex1.api("london", "London")
    api.send("add-host", {"name": "while-revoked", "ip-address": "192.0.2.141", "ignore-warnings": True})
    api.publish()
    api.close()
    ex1["tokyo"].sh("mdsctl -y trust reset", input=KEY + "\n")
    wait_until(lambda: ex1["london"].sh("mdsctl trust connect tokyo", input=KEY + "\n", check=False).returncode == 0, 30,
               "tokyo to be connected")
    for name in ("london", "tokyo"):
        ex1.wait_well(name)
    ex1.wait_role("tokyo", "Tokyo", "active")
    reader = ex1.api("tokyo", "London")
    assert reader.call("show-host", name="while-revoked")["name"] == "while-revoked"
    reader.close()
    assert status_of(ex1, "london", certificate(ex1, "tokyo")["serial"]) == "valid"
    assert ex1.ctl("london", "trust test tokyo").returncode == 0
    api = ex1.api("london", "London")
    api.call("delete-host", name="while-revoked")
    api.publish()
    api.close()


# ---- the classic names ----


def entries(text):
    """What lscert and search print: [{field: value}]."""
    head, *blocks = text.split("\n\n")
    assert re.fullmatch(r"Operation succeeded\. rc=0\.\n\d+ certs found\.\n?", head), head
    out = [dict(re.findall(r"(Subject|Status|Kind|Serial|DP|Not_Before|Not_After)(?: =|:) (.*?)(?:   |\n|$)", block))
           for block in blocks]
    assert len(out) == int(head.split()[3])
    assert all(list(e) == ["Subject", "Status", "Kind", "Serial", "DP", "Not_Before", "Not_After"] for e in out), out
    return out


def test_C_T10_cpca_client_lists_in_the_classic_layout(ex1):
    london = ex1["london"]
    whole = entries(fits(london.out("cpca_client lscert") + "\n"))
    rows = certificates(ex1, "london", "servers")
    assert [e["Serial"] for e in whole] == [c["serial-number"] for c in rows]
    for entry, row in zip(whole, rows):
        assert (entry["Subject"], entry["Status"].lower(), entry["Kind"]) == (row["subject"], row["status"], "SIC")
        assert "servers/" + entry["DP"] == row["revocation-list"]
        stamp = subprocess.run(["date", "-u", "-d", entry["Not_After"] + " UTC", "+%FT%TZ"], capture_output=True, text=True,
                               check=True).stdout.strip()
        assert row["valid-to"][:19] == stamp[:19]
    tokyo = entries(london.out("cpca_client -d lscert -dn CN=TOKYO -stat Valid -kind SIC"))
    assert len(tokyo) == 2 and all("CN=tokyo" in e["Subject"] for e in tokyo)
    serial = tokyo[0]["Serial"]
    assert entries(london.out(f"cpca_client lscert -ser {serial[:9]}")) == tokyo[:1]
    assert entries(london.out(f"cpca_client lscert -dp 1 -ser {serial}")) == tokyo[:1]
    assert entries(london.out("cpca_client lscert -dp 77")) == []
    for none in ("-stat Pending", "-kind IKE", "-kind LDAP", "-kind User"):
        assert entries(london.out(f"cpca_client lscert {none}")) == [], none
    assert entries(london.out("cpca_client search tokyo -where dn -stat Valid")) == tokyo
    assert entries(london.out(f"cpca_client search {serial[4:20]} -where serial")) == tokyo[:1]
    assert entries(london.out("cpca_client search tokyo -where comment")) == []
    assert len(entries(london.out("cpca_client search tokyo -max 1"))) == 1
    # A Secondary answers too; in a Domain's context it is about the Domain's authority.
    assert entries(ex1["tokyo"].out("cpca_client lscert -dn CN=tokyo -stat Valid")) == tokyo
    assert not [e for e in entries(london.out("bash -lc 'mdsenv London && cpca_client lscert'")) if "CN=tokyo" in e["Subject"]]
    for words in ("lscert -stat Gone", "lscert -zz", "search", "revoke_cert", "revoke_cert -n CN=a -s 12345678", "create_cert", ""):
        assert london.sh(f"cpca_client {words}", check=False).returncode == 2, words
    assert ex1["logs"].sh("cpca_client lscert", check=False).returncode == 1
    london.sh("id alice || useradd -m alice")
    assert london.sh("runuser -u alice -- cpca_client lscert", check=False).returncode == 4 or \
        london.sh("runuser -u alice -- /usr/sbin/cpca_client lscert", check=False).returncode == 4


def test_C_T10_cpca_client_prints_where_lists_are_and_revokes(ex1, stranger):
    london = ex1["london"]
    assert london.out("cpca_client get_crldp") == "http://10.77.0.11:18264/servers/0-1.crl"
    url = london.out("bash -lc 'mdsenv London && cpca_client get_crldp -p 18209'")
    assert re.fullmatch(r"http://10\.77\.0\.11:18264/[0-9a-f-]{36}/0-1\.crl", url), url
    assert london.sh("cpca_client get_crldp -p x", check=False).returncode == 2
    done = london.sh("cpca_client revoke_cert -n CN=london", check=False)
    assert done.returncode == 1 and "the Primary" in done.stderr, done.stderr
    assert london.sh("cpca_client revoke_cert -n CN=unknown", check=False).returncode == 5
    said = london.out(f"cpca_client revoke_cert -s {stranger[1]}")
    assert re.fullmatch(rf"Certificate O=.*,CN=nobody \(serial {stranger[1]}\) was revoked\.", said), said
    record = audited(ex1, "london", "Revoke certificate")
    assert (record["subject"], record["status"]) == (stranger[1], "Success")
    # By name: what is valid of that name, wherever it is asked.
    wait_until(lambda: status_of(ex1, "tokyo", stranger[0]) == "valid", 10, "tokyo to know them")
    ex1["tokyo"].out("cpca_client revoke_cert -n cn=nobody")
    wait_until(lambda: {status_of(ex1, "tokyo", s) for s in stranger} == {"revoked"}, 10, "tokyo to know")
    assert london.sh("cpca_client revoke_cert -n CN=nobody", check=False).returncode == 5
    ex1.wait_well("london")


def test_C_T10_cp_conf_shows_and_resets_trust(ex1):
    logs, london = ex1["logs"], ex1["london"]
    assert logs.out("cp_conf sic state") == "Trust State: Trust established"
    for words in ("", "sic", "sic what", "sic init", "admin get"):
        assert london.sh(f"cp_conf {words}", check=False).returncode == 2, words
    done = london.sh(f"cp_conf sic init {KEY}", check=False)
    assert done.returncode == 1 and "[RF-31]" in done.stderr, done.stderr
    done = logs.sh("cp_conf sic init short", check=False)
    assert done.returncode == 2 and "RF-32" in done.stderr, done.stderr
    assert logs.out("cp_conf sic state") == "Trust State: Trust established"
    done = logs.sh(f"cp_conf sic init {KEY} norestart")
    assert done.stdout == "Trust State: Initialized but trust not established\n" and "Warning:" in done.stderr, done.stderr
    assert logs.out("cp_conf sic state") == "Trust State: Initialized but trust not established"
    # It waits already; from standard input, without a warning, another key takes the place of that one.
    other = KEY[::-1]
    done = logs.sh("cp_conf sic init -", input=other + "\n")
    assert done.stderr == "" and done.stdout.startswith("Trust State: Initialized"), done
    assert london.sh("mdsctl trust connect logs", input=KEY + "\n", check=False).returncode != 0
    wait_until(lambda: london.sh("mdsctl trust connect logs", input=other + "\n", check=False).returncode == 0, 30,
               "the log server to be connected")
    for name in ("london", "tokyo"):
        ex1.wait_well(name)
    assert logs.out("cp_conf sic state") == "Trust State: Trust established"
