"""Administrators who log in with a certificate (IC-2; security.md 2 and 3, S-3, K-9, T-6, T-13): three
Multi-Domain Servers and a log server."""

import json
import time

import pytest

from api import ApiError
from clock import Clock
from deployment import PASSWORD
from personal import Workstation, log_in, openssl, refusal, visit
from rig import wait_until
from test_promotion import built
from test_three_mds import certificates

MDSS = ["london", "tokyo", "paris"]
EVERYWHERE = MDSS + ["logs"]
CA = "busctl --json=short -- call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1"
FAILED = "Authentication to server failed."


@pytest.fixture(name="four", scope="module")
def three_mdss_and_a_log_server():
    """London is the Primary; Domain A has a server everywhere."""
    deployment = built("certs", EVERYWHERE, ["A"])
    yield deployment
    deployment.down()


@pytest.fixture(name="root")
def session_in_system_data(four):
    """A session of the first administrator on the Primary."""
    api = four.api("london")
    yield api
    api.raw("discard")
    api.close()


@pytest.fixture(name="people")
def administrators_of_a_test(four):
    """Deletes who was added."""
    names = []
    yield names
    api = four.api("london")
    for name in names:
        api.raw("delete-administrator", json.dumps({"name": name}).encode())
    api.publish()
    api.close()
    wait_until(lambda: not any(asks(four, n) for n in EVERYWHERE), 15, "nobody to be asked for a certificate")


def add(api, people, name, **more):
    """A new superuser who logs in with a certificate; published."""
    people.append(name)
    api.send("add-administrator", {"name": name, "authentication-method": "certificate",
                                   "multi-domain-profile": "Multi-Domain Super User", **more})
    api.publish()


def personal(deployment, server, name=None):
    """What mds-ca of a server has issued to administrators, or to one."""
    return [c for c in certificates(deployment, server, "servers") if c["kind"] == "administrator" and
            (name is None or c["subject"].endswith(f"CN={name}"))]


def asks(deployment, server):
    """Whom a server asks clients for certificates of: lines of openssl s_client."""
    text = deployment[server].out("openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null")
    lines = text.splitlines()
    if "No client certificate CA names sent" in text:
        return []
    at = lines.index("Acceptable client certificate CA names")
    return lines[at + 1:at + 2]


def wait_asked(deployment, servers=EVERYWHERE):
    """Until clients are asked for a certificate."""
    for server in servers:
        wait_until(lambda s=server: asks(deployment, s), 10, f"{server} to ask for certificates")


def same_authority(deployment):
    """IC-3."""
    return all(certificates(deployment, n, a) == certificates(deployment, "london", a)
               for n in ("tokyo", "paris") for a in ("servers", "root"))


def new_person(deployment, api, people, folder, name):
    """A workstation whose administrator has a certificate."""
    station = Workstation(folder, name)
    add(api, people, name, **{"certificate-request": station.request()})
    wait_until(lambda: len(personal(deployment, "tokyo", name)) == 1, 10, "a certificate")
    station.keep(api.call("show-administrator-certificate", admin_name=name)["certificate"])
    wait_asked(deployment)
    return station


def alive(api):
    """Whether a session goes on."""
    return api.raw("show-session")[0] == 200


def test_IC_2_IC_3_a_new_administrator_gets_a_certificate_with_the_publish(four, root, people, tmp_path):
    assert not any(asks(four, name) for name in EVERYWHERE)
    assert not personal(four, "london")
    carol = Workstation(tmp_path, "carol")
    people += ["carol", "dave"]
    root.send("add-administrator", {
        "name": "carol", "authentication-method": "certificate", "certificate-request": carol.request(),
        "multi-domain-profile": "Multi-Domain Super User"})
    root.send("add-administrator", {"name": "dave", "password": PASSWORD,
                                    "multi-domain-profile": "Multi-Domain Super User"})
    # Nobody is an administrator before the publish.
    assert not personal(four, "london")
    root.publish()
    # On all, by now or in a moment; one, and none for Dave.
    for name in MDSS:
        wait_until(lambda n=name: len(personal(four, n)) == 1, 10, f"the certificate on {name}")
    wait_until(lambda: same_authority(four), 15, "equal databases of the authority")
    (issued,) = personal(four, "paris")
    assert issued["subject"].endswith("OU=servers,CN=carol") and not issued["revoked"]
    assert issued["uuid"] == root.call("show-administrator", name="carol")["uid"]
    # Every Multi-Domain Server gives it to whom it belongs.
    paris = four.api("paris")
    shown = paris.call("show-administrator-certificate", admin_name="carol")
    assert shown["serial-number"] == issued["serial"] and shown["status"] == "valid"
    paris.close()
    carol.keep(shown["certificate"])
    assert openssl("x509", "-noout", "-pubkey", "-in", carol.certificate) == openssl(
        "pkey", "-in", carol.key, "-pubout")
    # For clients, not for servers, below the Servers CA.
    (tmp_path / "root.pem").write_text(four["logs"].out("cat /var/lib/mds/trust/root.pem"))
    (tmp_path / "chain.pem").write_text(four["logs"].out("cat /var/lib/mds/trust/chain.pem"))
    chain = ["verify", "-CAfile", tmp_path / "root.pem", "-untrusted", tmp_path / "chain.pem"]
    openssl(*chain, "-purpose", "sslclient", carol.certificate)
    with pytest.raises(AssertionError):
        openssl(*chain, "-purpose", "sslserver", carol.certificate)
    # Each server asks for certificates of this authority alone, and takes it.
    wait_asked(four)
    for name in EVERYWHERE:
        assert asks(four, name) == asks(four, "london") and "servers" in asks(four, name)[0]
        api = log_in(four, name, carol)
        # It can do what she may do.
        assert api.call("show-session")["user-name"] == "carol"
        api.close()
    api = log_in(four, "tokyo", carol, user="Carol", domain="A")
    assert api.call("show-hosts")["total"] >= 0
    api.close()
    trail = root.call("show-logs", **{"new-query": {"type": "audit", "filter": "carol"}})["logs"]
    assert any("certificate" in json.dumps(row) for row in trail), trail


def test_IC_2_the_p12_is_for_mgmt_cli_and_the_key_is_nowhere_else(four, root, people, tmp_path):
    add(root, people, "erin")
    # No certificate without a key.
    assert not personal(four, "london", "erin")
    tokyo = four.api("tokyo")
    issued = tokyo.send("add-administrator-certificate", {"admin-name": "erin", "certificate-password": PASSWORD})
    erin = Workstation(tmp_path, "erin").keep_p12(issued["p12"], PASSWORD)
    wait_asked(four)
    log_in(four, "paris", erin).close()
    host = four["london"]
    host.write_file("/var/tmp/erin.b64", issued["p12"])
    host.sh("base64 -d /var/tmp/erin.b64 >/var/tmp/erin.p12")
    done = host.sh(f"MGMT_CLI_PASSWORD={PASSWORD} mgmt_cli show session -c /var/tmp/erin.p12 -f json")
    assert json.loads(done.stdout)["user-name"] == "erin"
    wrong = host.sh("MGMT_CLI_PASSWORD=no mgmt_cli show session -c /var/tmp/erin.p12", check=False)
    assert wrong.returncode and "password" in wrong.stderr, wrong
    # T-10: the key of the answer is on no disk of a server.
    # Its second line: the first is the same for every key of the curve.
    secret = [line for line in erin.key.read_text().splitlines() if "KEY" not in line][1]
    for name in MDSS:
        found = four[name].sh(f"grep -rlF {secret[:40]!r} /var/lib/mds /var/log || true").stdout
        assert not found, found
        assert PASSWORD not in four[name].out("journalctl -o cat -u 'mds-*' | tail -500")
    # mdsctl, with a key of her own and with a file.
    other = Workstation(tmp_path, "erin-2")
    host.write_file("/var/tmp/erin.csr", other.request())
    host.sh("mdsctl administrator certificate erin --csr /var/tmp/erin.csr --out /var/tmp/erin.pem")
    other.keep(host.out("cat /var/tmp/erin.pem"))
    wait_until(lambda: refusal(four, "tokyo", erin), 5, "the earlier one to be refused")
    log_in(four, "tokyo", other).close()
    # Its administrator has it at once; the copy of the authority there, which shows it, a moment later.
    screen = wait_until(lambda: four.ctl("tokyo", "administrator certificate erin", check=False).stdout, 10, "Tokyo")
    assert "valid" in screen and all(len(line) <= 80 for line in screen.splitlines()), screen
    host.write_file("/var/tmp/password", PASSWORD + "\n", 0o600)
    host.sh("mdsctl administrator certificate erin --p12 /var/tmp/new.p12 --password-file /var/tmp/password")
    assert host.out("stat -c %a /var/tmp/new.p12") == "600"
    third = Workstation(tmp_path, "erin-3").keep_p12(host.out("base64 -w0 /var/tmp/new.p12"), PASSWORD)
    log_in(four, "tokyo", third).close()
    assert [c["revoked"] for c in personal(four, "london", "erin")] == [True, True, False]
    tokyo.close()


def test_IC_2_who_has_a_certificate_has_no_password_and_nobody_learns_what_was_wrong(four, root, people, tmp_path):
    frank = new_person(four, root, people, tmp_path, "frank")
    nobody = Workstation(tmp_path, "nobody").self_signed()
    answers = []
    for station, body in ((frank, {"user": "admin"}), (frank, {"user": "who"}),
                          (frank, {"user": "frank", "password": PASSWORD}),
                          (frank, {"user": "frank", "password": ""}), (nobody, {}), (nobody, {"user": "frank"})):
        error = refusal(four, "tokyo", station, **body)
        answers.append((error.status, error.body))
    assert all(answer == answers[0] for answer in answers) and answers[0][1]["message"] == FAILED, answers
    # What is not there to be given is said.
    plain = four.visitor("tokyo")
    with pytest.raises(ApiError, match="user"):
        plain.send("login", {})
    with pytest.raises(ApiError, match="password"):
        plain.send("login", {"user": "frank"})
    plain.close()
    # The journal and the trail know why.
    assert "certificate is the one of frank" in four["tokyo"].out("journalctl -o cat -u mds-core | tail -100")
    # Other methods have nothing to do with certificates.
    with pytest.raises(ApiError, match="certificate-request"):
        root.send("add-administrator", {"name": "gus", "password": PASSWORD, "certificate-request": frank.request()})
    with pytest.raises(ApiError, match="certificate-request"):
        root.send("set-administrator", {"name": "frank", "certificate-request": "nonsense"})
    with pytest.raises(ApiError, match="authentication-method"):
        root.send("add-administrator-certificate", {"admin-name": "admin", "certificate-password": PASSWORD})
    for both in ({}, {"certificate-password": PASSWORD, "certificate-request": frank.request()}):
        with pytest.raises(ApiError, match="certificate-request"):
            root.send("add-administrator-certificate", {"admin-name": "frank", **both})
    with pytest.raises(ApiError, match="certificate-password"):
        root.send("add-administrator-certificate", {"admin-name": "frank", "certificate-password": "short"})
    # The same key gets no second certificate.
    with pytest.raises(ApiError, match="new key"):
        root.send("add-administrator-certificate", {"admin-name": "frank", "certificate-request": frank.request()})
    log_in(four, "paris", frank).close()


def test_IC_2_clients_without_certificates_notice_nothing(four, root, people, tmp_path):
    new_person(four, root, people, tmp_path, "frida")
    stranger = Workstation(tmp_path, "stranger").self_signed()
    for name in EVERYWHERE:
        four.api(name).close()
        # One whose workstation shows whatever it has.
        api = visit(four, name, stranger).login("admin", PASSWORD)
        assert alive(api)
        api.close()
    # A client that leaves after the handshake.
    text = four["london"].out("openssl s_client -connect 127.0.0.1:443 </dev/null 2>&1")
    assert "Acceptable client certificate CA names" in text
    assert json.loads(four["london"].out(
        f"MGMT_CLI_PASSWORD={PASSWORD} mgmt_cli show hosts -u admin -d A -f json"))["total"] >= 0


def test_IC_2_T_6_certificates_of_other_kinds_and_authorities_log_nobody_in(four, root, people, tmp_path):
    gina = new_person(four, root, people, tmp_path, "gina")
    uid = root.call("show-administrator", name="gina")["uid"]
    deployment_id = openssl("x509", "-noout", "-subject", "-nameopt", "multiline", "-in", gina.certificate)
    deployment_id = deployment_id.split("organizationName")[1].split("=")[1].split()[0]
    uri = f"mds://gina.servers.{deployment_id}.mds.internal/administrator/{uid}"
    shown = {"self-signed": Workstation(tmp_path, "mallory").self_signed(uri)}
    # The identity and the sealing certificate of a server, keys and all.
    for kind in ("identity", "sealing"):
        shown[kind] = Workstation(tmp_path, kind)
        shown[kind].key.write_text(four["tokyo"].out(f"cat /var/lib/mds/trust/{kind}.key"))
        shown[kind].keep(four["tokyo"].out(f"cat /var/lib/mds/trust/{kind}.pem"))
    # A server's certificate that names her: what whoever can ask mds-ca for servers could get.
    forged = shown["server"] = Workstation(tmp_path, "forged")
    subject = f"/CN=gina/serialNumber={uid}"
    four["london"].write_file("/var/tmp/csr", forged.request(subject))
    answer = json.loads(four["london"].out(f'{CA} IssueServer sssss "$(cat /var/tmp/csr)" "$(cat /var/tmp/csr)" '
                                           f"gina {uid} secondary"))["data"]
    forged.keep(answer[0])
    # Her own certificate with the key of another is no handshake at all; the one of the API's own.
    shown["api"] = Workstation(tmp_path, "api")
    shown["api"].key.write_text(four["tokyo"].out("cat /var/lib/mds/api/server.key"))
    shown["api"].keep(four["tokyo"].out("cat /var/lib/mds/api/server.pem"))
    for kind, station in shown.items():
        for name in EVERYWHERE:
            error = refusal(four, name, station)
            assert error and error.status == refusal(four, name, station, user="gina").status, kind
            assert error.message == FAILED and error.code == "err_login_failed", kind
    # That hers is none between servers is test_strangers.py's.
    log_in(four, "tokyo", gina).close()


def ended_everywhere(deployment, station, sessions, begin, *, seconds=5):
    """Nobody logs in with it and nobody goes on with it, on any server, in time."""
    for name in EVERYWHERE:
        wait_until(lambda n=name: refusal(deployment, n, station), seconds + 5, f"{name} to refuse it")
        wait_until(lambda n=name: not alive(sessions[n]), seconds + 5, f"the session on {name} to end")
    took = time.monotonic() - begin
    assert took < seconds, took
    for api in sessions.values():
        api.connection.close()


@pytest.mark.parametrize("how", ["delete", "other method", "revoke", "new certificate"])
def test_IC_2_T_13_what_ends_a_certificate_ends_it_on_every_server_within_5_s(four, root, people, tmp_path, how):
    name = "henry-" + how.split()[0]
    henry = new_person(four, root, people, tmp_path, name)
    sessions = {server: log_in(four, server, henry) for server in EVERYWHERE}
    in_domain = log_in(four, "paris", henry, domain="A")
    tokyo = four.api("tokyo")
    begin = time.monotonic()
    if how == "delete":
        tokyo.call("delete-administrator", name=name)
        tokyo.publish()
    elif how == "other method":
        tokyo.send("set-administrator", {"name": name, "authentication-method": "check point password",
                                         "password": PASSWORD})
        tokyo.publish()
    elif how == "revoke":
        tokyo.call("delete-administrator-certificate", admin_name=name)
    else:
        tokyo.send("add-administrator-certificate",
                   {"admin-name": name, "certificate-request": Workstation(tmp_path, "new").request()})
    tokyo.close()
    ended_everywhere(four, henry, sessions, begin)
    assert not alive(in_domain)
    in_domain.connection.close()
    wait_until(lambda: personal(four, "london", name)[0]["revoked"], 5, "the authority to know")
    wait_until(lambda: same_authority(four), 15, "equal databases of the authority")
    # The same request, published once more, does not bring it back.
    if how == "revoke":
        root.send("set-administrator", {"name": name, "comments": "again"})
        root.publish()
        time.sleep(2)
        assert len(personal(four, "london", name)) == 1
    if how == "other method":
        four.api("paris", user=name).close()


def test_IC_4_a_certificate_is_taken_while_the_primary_is_down_and_none_is_issued(four, root, people, tmp_path):
    iris = new_person(four, root, people, tmp_path, "iris")
    tokyo = four.api("tokyo")
    four["london"].kill()
    try:
        for name in ("tokyo", "paris", "logs"):
            log_in(four, name, iris).close()
        shown = tokyo.call("show-administrator-certificate", admin_name="iris")
        assert shown["status"] == "valid"
        with pytest.raises(ApiError, match="london does not answer"):
            wait_until(lambda: four.ctl("tokyo", "--json status", check=False).returncode != 0, 20, "the loss")
            tokyo.send("add-administrator-certificate",
                       {"admin-name": "iris", "certificate-password": PASSWORD})
    finally:
        four.power_back("london")
        tokyo.close()
    four.wait_well("london")
    root.connection.close()


def test_IC_2_SY_2_who_is_published_tentatively_gets_one_when_the_primary_has_ordered_it(four, people, tmp_path):
    kate = Workstation(tmp_path, "kate")
    tokyo = four.api("tokyo")
    four["london"].kill()
    try:
        add(tokyo, people, "kate", **{"certificate-request": kate.request()})
        assert tokyo.call("show-administrator", name="kate")["name"] == "kate"
        for name in ("tokyo", "paris"):
            assert not personal(four, name, "kate")
    finally:
        four.power_back("london")
    for name in ("tokyo", "london"):
        wait_until(lambda name=name: len(personal(four, name, "kate")) == 1, 60, f"the certificate on {name}")
    shown = tokyo.call("show-administrator-certificate", admin_name="kate")
    wait_asked(four)
    log_in(four, "london", kate.keep(shown["certificate"])).close()
    tokyo.close()
    four.wait_well("london")


# Last: the clock of a server is moved.

def test_IC_2_T_12_an_ended_certificate_logs_nobody_in(four, root, people, tmp_path):
    jack = new_person(four, root, people, tmp_path, "jack")
    log_in(four, "paris", jack).close()
    clock = Clock(four["paris"], "mds-core")
    try:
        clock.set(366 * 86400)
        # mds-core begins anew with the clock: its first answers may be that it is not there yet.
        wait_until(lambda: refusal(four, "paris", jack) and
                   "expired" in four["paris"].out("journalctl -o cat -u mds-core | tail -50"), 30, "it to be refused")
        four.api("paris").close()
        log_in(four, "tokyo", jack).close()
    finally:
        clock.remove()
