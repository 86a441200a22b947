"""Whom mds-sync talks to."""
import json
import time

import dbus
import pytest

from conftest import Owner, pump, wait_connected, wait_state, wait_until
from test_ca import TestCa


def wait_no_trust(host, other, word):
    """Waits until `host` refuses or is refused by `other` for a reason with `word` in it."""
    wait_state(host, other, "no-trust")
    wait_until(lambda: word in host.peer(other)[3], what=f"'{word}' in {host.peer(other)}")


def test_without_credentials_it_waits_for_trust(site):
    one = site.host("london", "127.0.0.2", ca=None)
    two = site.host("tokyo", "127.0.0.3")
    assert one.get("State") == "waiting for trust"
    assert one.get("Self") == ""
    one.set_members(two)
    two.set_members(one)
    assert one.state_of(two) == "no-trust"
    wait_state(two, one, "unreachable")
    site.ca().issue(one.trust, "london", one.uid)
    one.sync.ReloadTrust()
    assert one.get("State") == "listening"
    assert one.get("Self") == one.uid
    wait_connected(one, two)


def test_a_server_of_another_deployment_is_refused(site):
    one, two = site.pair(ca=site.ca("beef"))
    wait_no_trust(one, two, "certificate")
    wait_no_trust(two, one, "certificate")


def test_the_name_of_another_deployment_is_refused(site):
    # Signed by our Servers CA all the same: the name decides too.
    one, two = site.pair()
    wait_connected(one, two)
    site.ca().issue(two.trust, "tokyo", two.uid, deployment="beef")
    two.sync.ReloadTrust()
    assert "of no use" in two.get("State")
    assert two.state_of(one) == "no-trust"
    wait_state(one, two, "unreachable")


def test_an_expired_certificate_is_refused(site):
    one, two = site.pair(days=-1)
    wait_no_trust(one, two, "expired")
    wait_no_trust(two, one, "expired")


def test_who_is_not_a_member_is_refused(site):
    one = site.host("london", "127.0.0.2")
    two = site.host("tokyo", "127.0.0.3")
    one.set_members()
    two.set_members(one)
    wait_no_trust(two, one, "member")
    assert one.sync.Peers() == []


def test_another_server_at_the_address_is_refused(site):
    one = site.host("london", "127.0.0.2")
    two = site.host("tokyo", "127.0.0.3")
    real, two.uid = two.uid, one.uid[:-4] + "ffff"
    one.set_members(two)
    wait_no_trust(one, two, "another server")
    two.uid = real


def tried(host, other):
    """What Sync1.TestPeer tells."""
    return json.loads(str(host.sync.TestPeer(other.uid)))


def test_a_trial_goes_as_far_as_a_connection_would_and_leaves_those_alone(site):
    one, two = site.connected_pair()
    since = [one.peer(two)[1], two.peer(one)[1]]
    for host, other in ((one, two), (two, one)):
        told = tried(host, other)
        assert (told["step"], told["error"], told["trust"]) == ("done", "", False), told
        assert told["name"] == other.name and told["port"] == other.port and told["address"] == other.address
        assert told["serial"] == json.loads(other.get("Certificate"))["serial"]
        assert told["not-after"] == json.loads(other.get("Certificate"))["not-after"]
        assert 0 <= told["connect-ms"] < 1000 and 0 <= told["handshake-ms"] < 3000
    # The connections are those of before, and carry messages.
    assert [one.peer(two)[1], two.peer(one)[1]] == since
    here, there = Owner(one, "system"), Owner(two, "system")
    there.send(one, 1, b"after a trial")
    pump(lambda: here.received, what="a message")
    with pytest.raises(dbus.DBusException, match="no other server"):
        one.sync.TestPeer(one.uid)
    with pytest.raises(dbus.DBusException, match="not a uid"):
        one.sync.TestPeer("tokyo")


def test_a_trial_says_what_is_in_the_way(site):
    one, two = site.connected_pair()
    two.set_members()
    told = tried(one, two)
    assert (told["step"], told["trust"]) == ("hello", True) and "does not list this server" in told["error"], told
    two.set_members(one)
    # Of another deployment, then nobody there, then no credentials here.
    site.ca("beef").issue(two.trust, "tokyo", two.uid)
    two.sync.ReloadTrust()
    told = tried(one, two)
    assert (told["step"], told["trust"]) == ("handshake", True) and "certificate" in told["error"], told
    two.daemon.kill()
    told = tried(one, two)
    assert (told["step"], told["trust"], told["error"]) == ("connect", False, "Connection refused"), told
    (one.trust / "deployment.json").unlink()
    one.sync.ReloadTrust()
    assert tried(one, two)["error"] in ("Connection refused", "this server waits for trust")


def test_a_removed_member_is_disconnected_at_once(site):
    one, two = site.connected_pair()
    here, there = Owner(one, "system"), Owner(two, "system")
    there.send(one, 1, b"before")
    pump(lambda: here.received, what="a message")
    one.set_members()
    assert one.sync.Peers() == []
    begin = time.monotonic()
    wait_state(two, one, "no-trust")
    assert time.monotonic() - begin < 2
    there.send(one, 2, b"after")
    here.send(two, 3, b"after")
    time.sleep(0.5)
    pump(lambda: True)
    assert here.kinds() == [1] and there.kinds() == []


def test_a_revoked_server_is_disconnected_when_the_list_is_read(site):
    one, two = site.connected_pair()
    (one.trust / "crl.pem").write_text(site.ca().revoke(two.trust / "identity.pem"))
    one.sync.ReloadTrust()
    wait_no_trust(one, two, "revoked")
    wait_until(lambda: two.state_of(one) != "connected", what="two noticed")


def test_lists_of_the_authority_take_effect_at_once_and_those_of_strangers_are_refused(site, tmp_path):
    one, two = site.connected_pair()
    assert json.loads(one.get("Certificate"))["revocations"] == 0
    stranger = TestCa(tmp_path / "stranger")
    stranger.issue(tmp_path / "nobody", "nobody", two.uid)
    with pytest.raises(dbus.DBusException, match="stranger"):
        one.sync.InstallRevocations(stranger.revoke(tmp_path / "nobody" / "identity.pem"))
    assert one.state_of(two) == "connected"
    lists = site.ca().revoke(two.trust / "identity.pem")
    one.sync.InstallRevocations(lists)
    wait_no_trust(one, two, "revoked")
    assert json.loads(one.get("Certificate"))["revocations"] > 0
    # Taking them back would trust again what was revoked.
    with pytest.raises(dbus.DBusException, match="older"):
        one.sync.InstallRevocations("")
    one.sync.InstallRevocations(lists)


def test_a_renewed_certificate_needs_no_restart(site):
    one, two = site.connected_pair()
    site.ca().issue(two.trust, "tokyo", two.uid)
    two.sync.ReloadTrust()
    assert two.state_of(one) == "connected"
    one.daemon.kill()
    one.restart()
    one.set_members(two)
    wait_connected(one, two)


def test_a_primary_gets_its_identity_over_the_bus(site):
    one = site.host("london", "127.0.0.2", ca=None)
    two = site.host("tokyo", "127.0.0.3")
    ca = site.ca()
    deployment = json.dumps({"id": ca.deployment, "name": "test"})
    identity, sealing = one.sync.PrepareIdentity("london", one.uid)
    certificates = [ca.sign(identity, "london", one.uid),
                    ca.sign(sealing, "london", one.uid, kind="sealing")]
    authorities = [ca.pem("chain"), ca.pem("root"), "", deployment]
    with pytest.raises(dbus.DBusException, match="another key"):
        one.sync.InstallIdentity(certificates[0], certificates[0], *authorities)
    with pytest.raises(dbus.DBusException, match="another key"):
        one.sync.InstallIdentity(certificates[1], certificates[1], *authorities)
    assert one.get("State") == "waiting for trust"
    one.sync.InstallIdentity(*certificates, *authorities)
    assert one.get("State") == "listening"
    assert one.get("Self") == one.uid
    for name in ("identity.key", "identity.pem", "sealing.key", "sealing.pem", "chain.pem",
                 "root.pem", "crl.pem", "deployment.json"):
        assert (one.trust / name).resolve().parent == (one.trust / "current").resolve()
    assert (one.trust / "identity.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(dbus.DBusException, match="PrepareIdentity"):
        one.sync.InstallIdentity(*certificates, *authorities)
    one.set_members(two)
    two.set_members(one)
    wait_connected(one, two)


def test_credentials_of_no_use_are_told(site):
    one = site.host("london", "127.0.0.2")
    (one.trust / "identity.pem").write_text("nonsense")
    one.sync.ReloadTrust()
    assert "Not a certificate" in one.get("State")
