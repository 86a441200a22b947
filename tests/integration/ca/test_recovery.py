"""The offline recovery key (K-21, K-26): sixteen words open the keys of the authority when no sealing key does."""
import os
import pathlib
import subprocess
import sys

import dbus
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from ca_host import refused, two_hosts  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
SETUP = pathlib.Path(os.environ.get("MDS_BUILD", ROOT / "build" / "dev")) / "firstboot" / "mds-setup"
DOMAIN = "11111111-2222-7333-8444-555555555555"


@pytest.fixture(name="hosts")
def two_of_them(tmp_path):
    with two_hosts(tmp_path) as hosts:
        yield hosts


def recovery_key(tmp_path, name):
    """Words and certificate of a key that mds-setup makes."""
    file = tmp_path / f"{name}.pem"
    made = subprocess.run([SETUP, "--make-recovery-key", file], check=True, capture_output=True, text=True)
    words = made.stdout.split()
    assert len(words) == 16 and "PRIVATE" not in file.read_text()
    return " ".join(words), file.read_text()


def recover(host, words):
    return host.ca.Recover(dbus.ByteArray(words.encode()), dbus.Array([], signature="h"))


def test_K_26_the_words_open_the_keys_when_the_sealing_key_is_lost(hosts, tmp_path):
    one, two = hosts
    one.ca.CreateDomainAuthority(DOMAIN, "London")
    assert one.value("Recovery") == "not decided"
    one.ca.SetRecovery("")
    assert one.value("Recovery") == "declined"
    words, certificate = recovery_key(tmp_path, "first")
    one.ca.SetRecovery(certificate)
    assert one.value("Recovery") == "set"
    one.ca.SetRecovery("")  # a second setup does not take it away
    assert one.value("Recovery") == "set"
    roots = {p.name: p.read_bytes() for p in one.folder.glob("*.pem") if p.name != "sealing.pem"}
    # A replica gets it with everything else.
    two.keep(one.export(two))
    assert two.value("Recovery") == "set"
    for host, after in ((one, "ready"), (two, "replica")):
        host.stop()
        (host.folder / "sealing.key").unlink()
        host.start()
        assert host.value("State") == "locked"
        refused(lambda h=host: h.ca.CreateDomainAuthority(DOMAIN.replace("1111", "9999"), "Paris"), "mds-setup --recover")
        refused(lambda h=host: recover(h, recovery_key(tmp_path, "other")[0]), "not the one of deployment")
        refused(lambda h=host: recover(h, words.rsplit(" ", 1)[0]), "16 words, not 15")
        assert host.value("State") == "locked"
        assert recover(host, words.upper()) == 3, "root, servers and London"
        assert host.value("State") == after
        refused(lambda h=host: recover(h, words), "nothing to recover")
        host.stop()
        host.start()
        assert host.value("State") == after, "sealed for the new sealing key"
    assert {n: (one.folder / n).read_bytes() for n in roots} == roots, "the same authorities"
    one.ca.CreateDomainAuthority(DOMAIN.replace("1111", "9999"), "Paris")
    # The words stand nowhere.
    for host in hosts:
        for path in host.folder.rglob("*"):
            if path.is_file():
                text = path.read_bytes().lower()
                assert words.encode() not in text and b" ".join(words.encode().split()[:3]) not in text, path


def lose_sealing_key(host):
    host.stop()
    (host.folder / "sealing.key").unlink()
    host.start()


@pytest.mark.parametrize("sealed", range(4))
def test_K_26_a_power_cut_while_a_recovery_key_is_replaced_leaves_one_that_opens_everything(hosts, tmp_path, sealed):
    """After so many of the three keys were sealed for the new one: the next start goes on."""
    one = hosts[0]
    one.ca.CreateDomainAuthority(DOMAIN, "London")
    (first, before), (second, after) = recovery_key(tmp_path, "first"), recovery_key(tmp_path, "second")
    one.ca.SetRecovery(before)
    blobs = sorted(one.folder.glob("*.cms"))
    assert len(blobs) == 3
    old = {path: path.read_bytes() for path in blobs}
    one.ca.SetRecovery(after)
    one.stop()
    for path in blobs[sealed:]:
        path.write_bytes(old[path])
    (one.folder / "recovery.pem").write_text(before)
    (one.folder / "recovery.pem.next").write_text(after)
    one.start()
    assert one.value("State") == "ready" and one.value("Recovery") == "set"
    assert (one.folder / "recovery.pem").read_text() == after and not (one.folder / "recovery.pem.next").exists()
    lose_sealing_key(one)
    refused(lambda: recover(one, first), "not the one of deployment")
    assert recover(one, second) == 3


def test_K_26_a_recovery_key_that_could_not_be_replaced_still_opens_everything(hosts, tmp_path):
    one = hosts[0]
    one.ca.CreateDomainAuthority(DOMAIN, "London")
    (first, before), (_, after) = recovery_key(tmp_path, "first"), recovery_key(tmp_path, "second")
    one.ca.SetRecovery(before)
    # The last of the three cannot be written.
    last = one.folder / "servers.cms"
    kept = last.read_bytes()
    last.unlink()
    (last / "in-the-way").mkdir(parents=True)
    refused(lambda: one.ca.SetRecovery(after), "servers.cms")
    assert (one.folder / "recovery.pem").read_text() == before
    (last / "in-the-way").rmdir()
    last.rmdir()
    last.write_bytes(kept)
    lose_sealing_key(one)
    assert recover(one, first) == 3
