"""Gateways of a Domain: trust by a one-time password, the policy they fetch from any server of the Domain (LS-7), and
the end of that trust. The gateway is this machine at the switch, with the mds-gateway of the same build."""

import json
import re
import subprocess
import tempfile
import time

import pytest

import schemas
from deployment import ADDRESSES
from documents import commands_of
from gateway import ADDRESS, KEY, Machine
from rig import wait_until
from test_crl import openssl, same_everywhere, text_of
from test_processes import screen, squeezed


@pytest.fixture(name="machine")
def gateway_machine(ex1):
    machine = Machine(ex1, "edge-gateway")
    yield machine
    machine.stop()
    api = ex1.api("london", "London")
    if api.raw("show-simple-gateway", json.dumps({"name": machine.name}).encode())[0] == 200:
        api.call("delete-simple-gateway", name=machine.name)
        api.publish()
    api.close()


def first_names(policy):
    return [rule.get("name") for rule in policy["layers"][0]["rules"]]


def test_LS_7_a_gateway_has_its_policy_from_a_standby_while_the_active_is_away(ex1, machine, london):
    machine.enrol(london)
    assert "no policy was installed" in machine.run("fetch", code=1)
    london.send("add-host", {"name": "ls7-web", "ip-address": "198.18.7.1"})
    london.send("add-access-rule", {"layer": "Network", "position": "top", "name": "ls7 installed",
                                    "destination": "ls7-web", "service": "https", "action": "Accept"})
    london.send("add-access-rule", {"layer": "Network", "position": "top", "name": "ls7 off", "enabled": False})
    london.publish()
    machine.install(london)
    # What is published later is not installed.
    london.send("set-access-rule", {"layer": "Network", "name": "ls7 installed", "new-name": "ls7 later"})
    london.publish()
    ex1.wait_synchronized("london", "London")

    said = machine.run("fetch")
    assert "London-1 (active)" in said, said
    first = machine.policy()
    assert "ls7 installed" in first_names(first) and "ls7 off" not in first_names(first)
    rule = next(r for r in first["layers"][0]["rules"] if r["name"] == "ls7 installed")
    assert [first["objects"][uid]["name"] for uid in rule["destination"]] == ["ls7-web"]
    assert first["objects"][rule["destination"][0]]["ipv4-address"] == "198.18.7.1"
    assert [first["objects"][uid]["port"] for uid in rule["service"]] == ["443"]
    shown = london.call("show-gateways-and-servers", details_level="full", filter=machine.name)["objects"][0]
    assert shown["policy"]["access-policy-installed"] and shown["sic-status"] == "communicating", shown
    assert london.call("test-sic-status", name=machine.name)["sic-message"] == ""

    machine.install(london)
    ex1.wait_synchronized("london", "London")
    ex1["london"].kill()
    try:
        said = machine.run("fetch")
        assert "London-2 (standby) on tokyo" in said, said
    finally:
        ex1.power_back("london")
    second = machine.policy()
    assert second["id"] != first["id"] and "ls7 later" in first_names(second)
    # The one that comes back has the same one.
    ex1.wait_synchronized("london", "London", timeout=60)
    assert "nothing newer than" in machine.run("fetch", "--from", ADDRESSES["london"])
    assert machine.policy() == second

    api = ex1.api("london", "London")
    for name in ("ls7 later", "ls7 off"):
        api.call("delete-access-rule", layer="Network", name=name)
    api.call("delete-host", name="ls7-web")
    api.publish()
    api.close()


def test_a_wrong_password_gives_no_trust_and_says_what_to_do(machine, london):
    machine.wait_for_trust("another-password-55")
    shown = london.send("add-simple-gateway", {"name": machine.name, "ip-address": ADDRESS, "one-time-password": KEY})
    assert shown["sic-state"] == "uninitialized" and "set-simple-gateway" in shown["sic-message"], shown
    machine.stop()
    # Nothing waits there: the object is kept, and the message says so.
    shown = london.send("set-simple-gateway", {"name": machine.name, "one-time-password": KEY})
    assert shown["sic-state"] == "uninitialized" and "Nothing answers" in shown["sic-message"], shown
    assert "mds-gateway trust" in machine.run("fetch", code=1)
    london.call("discard")


def test_T_11_trust_that_is_reset_ends_at_once_everywhere(ex1, machine, london):
    uid = machine.enrol(london)["uid"]
    machine.install(london)
    ex1.wait_synchronized("london", "London")
    for server in ("london", "tokyo"):
        machine.run("fetch", "--from", ADDRESSES[server])
    status = machine.status()
    domain = status["domain"]
    serial = int(status["certificate-serial"], 16)
    london.call("reset-sic", name=machine.name)
    london.publish()
    ex1.wait_synchronized("london", "London")
    for server in ("london", "tokyo"):
        assert "no gateway of Domain London has this certificate" in machine.run("fetch", "--from", ADDRESSES[server],
                                                                                code=1)

    def listed():
        der = same_everywhere(ex1, f"/{domain}/0-1.crl")
        return der and any(int(line.split(":")[1], 16) == serial for line in text_of(der).splitlines()
                           if "Serial Number:" in line)
    wait_until(listed, 10, "the serial in the list of every server")
    # The same machine enrols anew, with another certificate; the object is the same.
    machine.wait_for_trust(KEY)
    shown = london.send("set-simple-gateway", {"name": machine.name, "one-time-password": KEY})
    assert shown["sic-state"] == "trust established" and shown["uid"] == uid
    machine.trusted()
    london.publish()
    assert machine.status()["certificate-serial"] != status["certificate-serial"]
    assert "London-1" in machine.run("fetch", "--from", ADDRESSES["london"], "--older")


def test_a_stranger_learns_nothing_at_the_port_of_gateways(ex1):
    with tempfile.TemporaryDirectory() as folder:
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                "-days", "1", "-keyout", f"{folder}/key", "-out", f"{folder}/cert")
        for more in ([], ["-cert", f"{folder}/cert", "-key", f"{folder}/key"]):
            done = subprocess.run(
                ["ip", "netns", "exec", ex1.rig.network.switch, "openssl", "s_client", "-connect",
                 f"{ADDRESSES['london']}:18221", "-alpn", "mds-gateway/1", "-quiet", *more],
                input=b"\x02\0\0\0\x01\0\0\0" + 8 * b"\0" + b"{}", capture_output=True, check=False, timeout=30)
            assert b"policy" not in done.stdout and done.returncode != 0, done


def test_the_document_is_what_its_commands_do(ex1):
    machine = Machine(ex1, "edge")
    count = 0
    try:
        for line in commands_of("gateways.md"):
            host, command = line.split("# ", 1)
            count += 1
            words = command.split()
            if host == "london":
                said = ex1["london"].out(command)
                if "--preview" in words:
                    assert re.match(r"edge: Standard of revision \d+, installed \d+ s ago by \S+; Standard of revision \d+ would ", said), said
                elif words[0] == "mdsctl":
                    assert re.search(r"^edge +10\.77\.0\.1 +London-1", said, re.M), said
                if "one-time-password" in words:
                    assert '"sic-state": "trust established"' in said, said
            elif words[1] == "trust":
                machine.wait_for_trust("tender-otter-31")
            else:
                if machine.waiting:
                    machine.trusted()
                    machine.waiting = None
                machine.run(*words[1:])
        assert count == 8 and machine.policy()["package"] == "Standard"
        assert "no gateway of Domain London" in machine.run("fetch", code=1)
    finally:
        machine.stop()
        ex1["london"].sh("mgmt_cli -r true -d London delete simple-gateway name edge", check=False)


def number_of(der):
    """The number of a list."""
    text = openssl("crl", "-inform", "DER", "-noout", "-crlnumber", data=der)
    return int(text.split("=")[1], 16)


def test_T_11_a_standby_that_became_active_takes_over_issuing(ex1, machine, london):
    machine.enrol(london)
    ex1.wait_synchronized("london", "London")
    status, other = machine.status(), Machine(ex1, "second-gateway")
    path, serial = f"/{status['domain']}/0-1.crl", int(status["certificate-serial"], 16)
    before = number_of(same_everywhere(ex1, path))
    ex1["london"].sh("systemctl stop mds-domain@London-1")
    try:
        ex1.ctl("tokyo", "-y ha force-active London tokyo --reason T-11")
        ex1.wait_role("tokyo", "London", "active")
        api = ex1.api("tokyo", "London")
        begin = time.monotonic()
        other.enrol(api)
        api.call("reset-sic", name=machine.name)
        api.publish()

        def listed():
            der = same_everywhere(ex1, path)
            return der and number_of(der) > before and f"{serial:X}" in text_of(der).replace(":", "").upper()
        wait_until(listed, 10, "the serial in the list of every server")
        assert time.monotonic() - begin < 10
        other.install(api)
        assert "London-2 (active)" in other.run("fetch", "--from", ADDRESSES["tokyo"])
        api.call("delete-simple-gateway", name=other.name)
        api.publish()
        api.close()
    finally:
        other.stop()
        ex1["london"].sh("systemctl start mds-domain@London-1")
    ex1.wait_synchronized("tokyo", "London")
    ex1.ctl("london", "-y ha set-active London london")
    ex1.wait_role("london", "London", "active")
    ex1.wait_synchronized("london", "London")


def test_a_gateway_whose_certificate_was_revoked_gets_nothing_until_it_has_trust_again(ex1, machine, london):
    ex1["london"].write_file("/root/key-of-gateway", KEY + "\n", 0o600)
    machine.enrol(london)
    machine.install(london)
    machine.run("fetch")
    serial = f"{int(machine.status()['certificate-serial'], 16):x}"
    (row,) = [c for c in ex1.ctl_json("london", "ca certs London") if int(c["serial-number"], 16) == int(serial, 16)]
    assert machine.name in row["name"] and row["status"] == "valid", row
    done = ex1.ctl("london", f"-y --reason 'stolen from the branch' ca revoke {row['serial-number']}")
    assert "is revoked" in done.stdout, done
    for server in ("london", "tokyo"):
        wait_until(lambda s=server: "revoked" in machine.run("fetch", "--from", ADDRESSES[s], code=1), 20, f"{server} to refuse it")
    # The way back is the usual one.
    london.call("reset-sic", name=machine.name)
    london.publish()
    machine.wait_for_trust(KEY)
    ex1.ctl("london", f"gateway trust {machine.name} -D London --key-file /root/key-of-gateway")
    assert "valid until" in machine.trusted()
    assert "London-1 (active)" in machine.run("fetch")


def test_a_gateway_gets_trust_and_policy_by_mdsctl(ex1, machine, london):
    london.send("add-simple-gateway", {"name": machine.name, "ip-address": ADDRESS})
    london.publish()
    done = ex1.ctl("london", f"gateway show {machine.name} -D London", check=False)
    assert f"{machine.name}, Domain London" in done.stdout and ADDRESS in done.stdout, done
    ex1["london"].write_file("/root/key-of-gateway", KEY + "\n", 0o600)
    machine.wait_for_trust(KEY)
    done = ex1.ctl("london", f"gateway trust {machine.name} -D London --key-file /root/key-of-gateway")
    assert "trust established" in done.stdout, done
    assert f"Next:  mdsctl gateway install-policy {machine.name} -D London" in done.stdout, done
    assert "valid until" in machine.trusted()
    preview = f"gateway install-policy {machine.name} -D London --preview"
    assert f"{machine.name}: nothing is installed yet; Standard of revision " in ex1.ctl("tokyo", preview).stdout
    done = ex1.ctl("london", f"gateway install-policy {machine.name} -D London")
    assert f"Standard is installed on {machine.name}" in done.stdout, done
    machine.run("fetch")
    # What has changed since is told before it goes there, on a Standby too.
    assert "would change nothing" in squeezed(ex1.ctl("london", preview).stdout)
    london.call("add-host", **{"name": "mail-1", "ip-address": "192.0.2.25"})
    london.call("add-access-rule", layer="Network", position=1, name="mail", destination="mail-1", service="smtp", action="Accept")
    london.publish()
    ex1.wait_synchronized("london", "London")
    for host in ("london", "tokyo"):
        code, text = screen(ex1, host, preview)
        assert code == 0 and "Standard of revision" in squeezed(text) and "would make 1 change" in squeezed(text), text
        assert text.split("\n\n", 1)[1].rstrip().splitlines() == [
            "  + access-rule        Network 1: mail", "      source             Any", "      destination        mail-1",
            "      service            smtp", "      action             Accept"], text
    told = schemas.check("gateway install-policy --preview", ex1.ctl("london", f"--json {preview}").stdout)
    assert [c["change"] for c in told[0]["changes"]] == ["added"], told
    ex1.ctl("london", f"gateway install-policy {machine.name} -D London")
    assert "would change nothing" in squeezed(ex1.ctl("london", preview).stdout)
    london.call("delete-access-rule", layer="Network", name="mail")
    london.call("delete-host", name="mail-1")
    london.publish()
    assert "  - access-rule        Network 1: mail" in ex1.ctl("london", preview).stdout
    shown = ex1.ctl_json("london", f"gateway show {machine.name} -D London")
    assert shown["sic-state"] == "trust established" and shown["manager"], shown
    done = ex1.ctl("london", "gateway install-policy nobody -D London", check=False)
    assert done.returncode != 0 and "nobody" in done.stderr, done
    london.call("add-package", name="Second", access=True)
    london.publish()
    done = ex1.ctl("london", f"gateway install-policy {machine.name} -D London", check=False)
    assert done.returncode == 2 and "2 policy packages: Second, Standard" in done.stderr, done
    ex1.ctl("london", f"gateway install-policy {machine.name} -D London --package Standard")
    london.call("delete-package", name="Second")
    london.publish()
