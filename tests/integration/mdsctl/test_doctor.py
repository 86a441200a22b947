"""mdsctl doctor where no hosts are needed: a real network of this machine, real files, a core and an mds-sync that say
what is told them."""
import contextlib
import json
import os
import pathlib
import pwd
import re
import shlex
import signal
import socket
import subprocess
import sys
import tarfile
import time

import pytest
from fake_core import HOSTILE
from private_bus import wait_until

SUPPORT = pathlib.Path(__file__).resolve().parents[2] / "support"
DAY = 86_400_000
# What the machine that runs the tests is like is not what they are about.
MACHINE = {"clock", "services"}
PASTED = set()


class Patient:
    """Three servers, all on the loopback of this machine, and all well."""

    def __init__(self, control, folder):
        self.control, self.folder, self.sockets = control, folder, {}
        self.state, self.etc = folder / "state", folder / "etc"
        for path in (self.state / "crl", self.etc / "mds.conf.d", folder / "backups"):
            path.mkdir(parents=True)
        (self.state / "setup.json").write_text("{}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.etc / "mds.conf").write_text(f"[Sync]\nPort={self.port}\n")
        (folder / "tmpfiles.conf").write_text("")
        control.env.update(MDS_STATE=str(self.state), MDS_ETC=str(self.etc), MDS_BACKUPS=str(folder / "backups"),
                           MDS_TMPFILES=str(folder / "tmpfiles.conf"))
        self.sync_file, self.sync = folder / "sync.json", None
        self.servers = control.data["grid"]["servers"]
        for i, server in enumerate(self.servers):
            server.update({"address": f"127.0.0.{i + 1}", "certificate-until": int(time.time() * 1000) + 100 * DAY})
            if i:
                server.update({"clock-ms": 12, "heard-by": []})
        for domain in control.data["grid"]["domains"]:
            for cell in domain["cells"]:
                cell["address"] = "127.0.0.1"
        self.peers = [{"uid": s["uid"], "name": s["name"], "address": s["address"], "state": "connected"}
                      for s in self.servers[1:]]
        self.told = {"state": "listening", "peers": self.peers,
                     "certificate": {"not-before": 1, "not-after": int(time.time() * 1000) + 100 * DAY}}
        for server in self.servers[1:]:
            self.listen(server["address"])
        self.save()

    def listen(self, address):
        """A server takes connections on its port."""
        self.sockets[address] = socket.create_server((address, self.port))

    def refuse(self, address):
        """It does not any more."""
        self.sockets.pop(address).close()

    def save(self):
        """What was changed counts."""
        self.control.save()
        self.sync_file.write_text(json.dumps(self.told))
        if self.sync is None:
            self.sync = subprocess.Popen([sys.executable, str(SUPPORT / "fake_sync.py"), str(self.sync_file)],
                                         env=self.control.env, stdin=subprocess.DEVNULL)
            self.control.bus.wait_for_name("org.openmds.Sync1")

    def silent(self, number, state="unreachable", reason="timed out", **more):
        """A server is not heard; what mds-sync says about it."""
        server = self.servers[number]
        server.update({"state": "silent", "reason": reason, "clock-ms": None, **more})
        del server["clock-ms"]
        self.peers[number - 1].update(state=state, reason=reason)
        self.save()

    def findings(self, *words, code=None):
        """Everything that was found, besides what this machine is like."""
        done = self.control.run("-o", "json", "doctor", *words)
        assert done.returncode in (0, 3), done
        assert code is None or done.returncode == code, done
        found = [f for f in json.loads(done.stdout) if f["check"] not in MACHINE]
        for one in found:
            assert one["verdict"] in ("ok", "note", "unknown") or (one["cause"] and one["next"]), one
            for command in one["next"]:
                self.can_be_pasted(command["command"])
        return found

    def can_be_pasted(self, command):
        """The shell takes it; mdsctl too, with nobody to answer. Each is tried once."""
        if command in PASTED:
            return
        PASTED.add(command)
        assert subprocess.run(["bash", "-n", "-c", command], check=False).returncode == 0, command
        words = shlex.split(command)
        if words[0] == "mdsctl":
            done = self.control.run(*words[1:], env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
            assert done.returncode != 2 or "is not a directory" in done.stderr, (command, done)

    def causes(self, *words):
        """What is wrong and explained by nothing else."""
        return [f for f in self.findings(*words) if f["is-cause"]]

    def cause(self, *words):
        """The only one."""
        found = self.causes(*words)
        assert len(found) == 1, json.dumps(found, indent=1)
        return found[0]

    def close(self):
        """Ends what was started."""
        self.sync.send_signal(signal.SIGCONT)
        self.sync.terminate()
        self.sync.wait()
        for one in self.sockets.values():
            one.close()


@pytest.fixture(name="patient")
def healthy_patient(control, tmp_path):
    one = Patient(control, tmp_path)
    yield one
    one.close()


def test_a_healthy_deployment_has_nothing_wrong(patient):
    found = patient.findings()
    assert not [f for f in found if f["verdict"] in ("warning", "bad")], found
    assert {"configuration", "disk", "network", "listening", "core", "server", "certificate", "domain", "audit"} <= \
        {f["check"] for f in found if f["verdict"] == "ok"}
    shown = patient.control.run("doctor").stdout
    assert "tokyo-mds-01 is connected" in shown and "3 Domains synchronized" in shown
    shown = patient.control.run("doctor", "tokyo-mds-01").stdout
    for words in ("connected and trusted", "certificate valid to", "version 1.0.0 matches", f"port {patient.port} answers"):
        assert words in shown, shown


# State and reason that mds-sync gives, more of the server, the cause, a command that helps.
REFUSALS = [
    ("no-trust", "this server waits for trust", {}, "this server has no certificate", "mdsctl trust connect london-mds-01"),
    ("no-trust", "it does not list this server as a member", {}, "does not know this server as a member", "mdsctl server list"),
    ("no-trust", "another server answers there: evil", {}, "another machine has the address", "ip neigh show 127.0.0.2"),
    ("no-trust", "its certificate was refused here: certificate is not yet valid", {}, "a clock is wrong", "timedatectl"),
    ("no-trust", "its certificate was refused here: certificate has expired", {}, "the clock of this server is wrong",
     "timedatectl set-ntp true"),
    ("no-trust", "its certificate was refused here: certificate has expired", {"certificate-until": 1},
     "the certificate of tokyo-mds-01 has expired", "mdsctl trust connect tokyo-mds-01"),
    ("no-trust", "it refused the certificate of this server: expired", {}, "the clock of tokyo-mds-01 is wrong", "timedatectl"),
    ("no-trust", "it refused the certificate of this server: revoked", {}, "certificate of this server was revoked",
     "mdsctl trust connect london-mds-01"),
    ("no-trust", "The certificate is refused: revoked", {}, "certificate of tokyo-mds-01 was revoked",
     "mdsctl trust connect tokyo-mds-01"),
    ("no-trust", "it refused the certificate of this server: unknown authority", {}, "different authorities",
     "mdsctl trust connect tokyo-mds-01"),
    ("no-trust", "its certificate was refused here: self-signed certificate in certificate chain", {},
     "different authorities", "mdsctl trust state"),
    ("unreachable", "bad record mac", {}, "alters what is sent", "ip -s link"),
    ("unreachable", "timed out", {}, "mds-sync does not speak", "systemctl restart mds-sync.service"),
    ("connected", "", {}, "its mds-core does not", "systemctl restart mds-core.service"),
]


@pytest.mark.parametrize("state, reason, more, words, command", REFUSALS)
def test_the_reason_of_a_refusal_is_told_as_its_cause(patient, state, reason, more, words, command):
    patient.silent(1, state, reason, **more)
    for target in ((), ("tokyo-mds-01",)):
        found = next(f for f in patient.causes(*target) if f["check"] == "server")
        assert words in found["cause"] and found["about"] == "tokyo-mds-01", found
        assert command in [n["command"] for n in found["next"]], found


def test_a_closed_port_is_a_service_that_is_stopped(patient):
    patient.refuse("127.0.0.2")
    patient.silent(1, reason="Connection refused")
    found = patient.cause()
    assert "nothing listens on 127.0.0.2 port" in found["cause"], found
    assert {"on": "tokyo-mds-01", "command": "systemctl start mds.target"} in found["next"]


def test_a_name_that_does_not_resolve(patient):
    patient.silent(1, reason="no-such-host.invalid: Host not found", address="no-such-host.invalid")
    found = patient.cause()
    assert "the name no-such-host.invalid of tokyo-mds-01 does not resolve" in found["cause"], found
    assert "getent hosts no-such-host.invalid" in [n["command"] for n in found["next"]]


def test_no_route(patient):
    # Refused by the kernel itself, whatever routes this machine has.
    patient.silent(1, reason="Network is unreachable", address="255.255.255.255")
    found = patient.cause()
    assert found["check"] == "server" and found["about"] == "tokyo-mds-01"
    assert found["cause"].endswith(" has no route to tokyo-mds-01 (255.255.255.255)"), found
    assert [n["command"] for n in found["next"]] == ["ip route get 255.255.255.255", "ip route"]


def test_one_lost_server_is_one_line_and_not_one_for_each_domain(patient):
    names = [f"tenant-{i:04}" for i in range(166)]
    patient.control.domains(*names)
    kept = patient.servers
    patient.control.data["grid"]["servers"] = kept
    for domain in patient.control.data["grid"]["domains"]:
        for cell in domain["cells"]:
            cell["address"] = "127.0.0.1"
            if cell["mds-name"] == "tokyo-mds-01":
                cell.update({"ha-state": "unknown", "sync-status": "unreachable", "reason": "not heard"})
    patient.refuse("127.0.0.2")
    patient.silent(1, reason="Connection refused")
    found = patient.cause()
    assert found["explains"] >= 166
    shown = patient.control.run("doctor").stdout
    assert "166 Domains suffer from it: tenant-0000" in shown and "and 161 more" in shown
    assert shown.count("tenant-") == 5, shown
    assert all(len(line) <= 80 for line in shown.splitlines()), shown


@pytest.mark.parametrize("change, check, words, command", [
    ({"ha-state": "stopped", "sync-status": "unreachable"}, "domain", "is stopped, while its host runs",
     "systemctl start mds-domain@London-2.service"),
    ({"sync-status": "unreachable"}, "domain", "hangs or is starting", "systemctl restart mds-domain@London-2.service"),
    ({"sync-status": "lagging", "reason": "London-2 is 3 revisions behind"}, "domain", "3 revisions behind",
     "mdsctl ha status London"),
    ({"sync-status": "sync-failed", "reason": "the last synchronization failed there: disk full"}, "domain", "disk full",
     "mdsctl ha sync London --to tokyo-mds-01"),
    ({"sync-status": "version-mismatch", "reason": "London-2 (release 0.9) cannot read the documents"}, "domain",
     "cannot read the documents", "apt-get install --only-upgrade openmds-server"),
    ({"sync-status": "trust-missing", "reason": "trust is not established"}, "domain", "trust is not established",
     "mdsctl trust connect tokyo-mds-01"),
    ({"sync-status": "never-synchronized", "reason": "first synchronization has not run"}, "domain", "first synchronization",
     "mdsctl ha status London"),
    ({"sync-status": "sync-failed", "damage": "1 object damaged", "reason": "damaged"}, "damage", "1 object damaged",
     "mdsctl ha verify London tokyo-mds-01"),
    ({"ha-state": "active"}, "domain", "are both Active", "mdsctl ha set-standby London"),
])
def test_what_is_wrong_with_a_domain(patient, change, check, words, command):
    cell = patient.control.data["grid"]["domains"][1]["cells"][1]
    cell.update(change)
    patient.save()
    found = patient.cause()
    assert found["check"] == check and words in found["cause"] and found["about"] == "London", found
    assert command in [n["command"] for n in found["next"]], found


def test_what_the_active_elsewhere_does_not_hear_is_told_as_its_word(patient):
    cells = patient.control.data["grid"]["domains"][1]["cells"]
    cells[0].update({"ha-state": "standby", "sync-status": "unreachable"})
    cells[1].update({"ha-state": "active", "sync-status": "synchronized"})
    patient.save()
    found = patient.cause()
    assert found["cause"] == ("London-2 on tokyo-mds-01 does not hear the Domain Server London-1 on london-mds-01: the network "
                              "between tokyo-mds-01 and london-mds-01, or it hangs or is starting"), found
    assert found["next"][0] == {"on": "tokyo-mds-01", "command": "mdsctl doctor london-mds-01"}, found
    # When that server does not answer here either, its word of the others is no second cause: it is cut off itself.
    patient.refuse("127.0.0.2")
    patient.silent(1, reason="Connection refused")
    found = patient.cause()
    assert found["check"] == "server" and found["about"] == "tokyo-mds-01" and found["explains"] >= 1, found


def test_what_was_just_published_is_no_problem(patient):
    patient.control.data["grid"]["domains"][1]["cells"][1]["sync-status"] = "lagging"
    patient.save()
    assert not patient.causes()


def test_no_active_server(patient):
    patient.control.data["grid"]["domains"][1]["cells"][0]["ha-state"] = "standby"
    patient.save()
    found = patient.cause()
    assert "no server of Domain London is Active, though all answer" in found["cause"], found
    assert found["next"][0]["command"] == "mdsctl ha set-active London london-mds-01"


@pytest.mark.parametrize("row, check, words", [
    ({"clock-ms": -840_000, "clock-wrong-ms": -840_000}, "server-clock", "is 14 min behind the one here"),
    ({"certificate-until": 1764500000000}, "certificate", "it was not renewed in time"),
    ({"renewal-problem": "mds-ca does not answer"}, "certificate", "renewing it fails: mds-ca does not answer"),
])
def test_clock_and_certificate_of_another_server(patient, row, check, words):
    patient.servers[1].update(row)
    patient.save()
    found = patient.cause()
    assert found["check"] == check and words in found["cause"] and found["about"] == "tokyo-mds-01", found


def test_another_release_is_a_note(patient):
    patient.servers[1]["version"] = "1.1.0"
    patient.save()
    found = [f for f in patient.findings() if f["check"] == "version"]
    assert [f["verdict"] for f in found] == ["note"] and "release 1.1.0, here 1.0.0" in found[0]["what"]


@pytest.mark.parametrize("kind", ["replaced", "two-primaries", "waiting", "promotion", "audit"])
def test_what_the_core_says_of_the_system_data(patient, kind):
    patient.control.data["grid"]["problems"] = [{"kind": kind, "what": "it is so", "why": "because", "since": 0,
                                                 "next": ["mdsctl promote --plan"]}]
    patient.save()
    assert "it is so: because" in patient.cause()["cause"]


def test_an_altered_audit_trail(patient):
    patient.control.says("show-metrics", {"metrics": 'openmds_audit_intact{server="tokyo-mds-01"} 0\n'
                                                     'openmds_audit_verified_age_seconds{server="london-mds-01"} 900000\n'})
    found = patient.cause()
    assert found["check"] == "audit" and "somebody with access to its files changed it" in found["cause"]
    assert found["next"][0]["command"] == "mdsctl audit verify tokyo-mds-01"
    notes = [f for f in patient.findings() if f["check"] == "audit" and f["verdict"] == "note"]
    assert [n["about"] for n in notes] == ["london-mds-01"]


def test_the_port_is_taken_by_somebody_else(patient):
    patient.told["state"] = "cannot listen: Address already in use"
    patient.save()
    found = patient.cause()
    assert "Address already in use" in found["cause"] and f"ss -ltnp 'sport = :{patient.port}'" in \
        [n["command"] for n in found["next"]]


@pytest.mark.parametrize("lasts, words", [({"not-before": 1, "not-after": 2}, "every other server refuses it"),
                                          ({"not-before": 4 * 10**12, "not-after": 5 * 10**12}, "the clock is wrong")])
def test_the_own_certificate(patient, lasts, words):
    patient.told["certificate"] = lasts
    patient.save()
    assert words in patient.cause()["cause"]


def test_settings_are_named_with_file_and_range(patient):
    bad = patient.etc / "mds.conf.d/50.conf"
    bad.write_text("[Sync]\nPort=many\n")
    found = next(f for f in patient.causes() if f["check"] == "configuration")
    assert "Sync.Port=many is not a number from 1 to 65535" in found["cause"] and found["about"] == str(bad)
    bad.write_text("[Sync]\nProt=1\n")
    found = patient.cause()
    assert found["verdict"] == "warning" and "did you mean Sync.Port" in found["cause"]


def test_owners_and_modes_are_those_of_the_package(patient):
    folder = patient.state / "trust"
    folder.mkdir(mode=0o750)
    table = pathlib.Path(patient.control.env["MDS_TMPFILES"])
    table.write_text("#Type Path Mode User Group\nd /var/lib/mds/trust 0750 root root\n")
    assert not patient.causes()
    folder.chmod(0o777)
    found = patient.cause()
    assert found["check"] == "owners" and "root:root 0777 and must be root:root 0750" in found["cause"], found
    # The command that is named mends it.
    subprocess.run(["bash", "-c", found["next"][0]["command"]], check=True)
    assert not patient.causes()
    folder.chmod(0o700)
    assert "--fix: give" in patient.control.run("doctor", "--fix").stdout
    assert folder.stat().st_mode & 0o7777 == 0o750
    folder.rmdir()
    assert "is missing" in patient.cause()["cause"]
    table.write_text("d /var/lib/mds/trust 0750 no-such-user root\n")
    found = patient.cause()
    assert found["check"] == "owners" and found["what"] == "the user no-such-user is missing", found
    assert found["next"][0]["command"] == "systemd-sysusers"


def test_what_is_given_back_is_only_what_lies_in_the_folder(patient, tmp_path):
    folder, other = patient.state / "trust", tmp_path / "other"
    for path in (folder / "deep", other / "deep"):
        path.mkdir(parents=True)
        (path / "file").write_text("")
    (folder / "link").symlink_to(other)
    (folder / "file").symlink_to(other / "deep/file")
    folder.chmod(0o750)
    pathlib.Path(patient.control.env["MDS_TMPFILES"]).write_text("d /var/lib/mds/trust 0750 nobody nogroup\n")
    assert "--fix: give" in patient.control.run("doctor", "--fix").stdout
    inside = [folder, *folder.rglob("*")]
    assert len(inside) == 5 and {p.lstat().st_uid for p in inside} == {pwd.getpwnam("nobody").pw_uid}
    assert {p.stat().st_uid for p in (other, *other.rglob("*"))} == {0}


def test_revocation_lists_that_ended(patient, tmp_path):
    def run(*words):
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "ca.cnf").write_text("[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\n")
    (tmp_path / "index").write_text("")
    (tmp_path / "number").write_text("01\n")
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k", "-out", "c", "-subj", "/CN=CA")
    for seconds, well in ((3600, True), (1, False)):
        run("ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "k", "-cert", "c", "-crlsec", str(seconds), "-out", "l")
        run("crl", "-in", "l", "-outform", "DER", "-out", str(patient.state / "crl/servers.crl"))
        if well:
            assert not patient.causes()
            continue
        found = wait_until(patient.causes, 10, "the list to end")
        assert [f["check"] for f in found] == ["lists"] and "revocation lists ended on" in found[0]["cause"]


def test_a_damaged_revocation_list(patient):
    (patient.state / "crl/root").mkdir()
    for name in ("0-1", "0-2"):
        (patient.state / f"crl/root/{name}.crl").write_text("no list")
    found = [f for f in patient.causes() if f["check"] == "lists"]
    assert sorted(f["about"] for f in found) == [str(patient.state / f"crl/root/{name}.crl") for name in ("0-1", "0-2")]
    assert all(f["verdict"] == "bad" and "cannot be read" in f["cause"] for f in found), found
    assert patient.control.run("doctor").returncode == 3


def test_a_backup_that_is_too_old(patient):
    folder = pathlib.Path(patient.control.env["MDS_BACKUPS"])
    assert [f["verdict"] for f in patient.findings() if f["check"] == "backup"] == ["note"]
    file = folder / "london.mdsbk.tar"
    file.write_text("")
    assert [f["verdict"] for f in patient.findings() if f["check"] == "backup"] == ["ok"]
    os.utime(file, (time.time() - 40 * 86400,) * 2)
    found = patient.cause()
    assert "is 40 d old" in found["cause"] and found["next"][0]["command"] == "mdsctl backup create"


def test_a_kept_database_is_a_note(patient):
    (patient.state / "domains/1/damaged-1").mkdir(parents=True)
    assert [f["verdict"] for f in patient.findings() if f["check"] == "kept"] == ["note"] and not patient.causes()


def test_without_a_core(patient):
    patient.control.core.terminate()
    patient.control.core.wait()
    found = next(f for f in patient.causes() if f["check"] == "core")
    assert "mds-core does not answer" in found["cause"]
    # The others are known from mds-sync.
    assert {f["about"] for f in patient.findings() if f["check"] == "server"} == {"tokyo-mds-01", "nyc-mds-01"}


def test_without_a_core_this_server_still_knows_its_name(patient):
    patient.control.core.terminate()
    patient.control.core.wait()
    (patient.state / "setup.json").write_text('{"host_name": "london-mds-01.example.net"}')
    done = patient.control.run("doctor", "london-mds-01")
    assert done.returncode == 3 and "mds-core does not answer" in done.stdout, done
    assert patient.control.run("doctor", "london").returncode == 5


def test_an_address_is_missing_because_its_domain_server_does_not_run(patient):
    patient.control.data["grid"]["domains"][1]["cells"][0]["address"] = "192.0.2.77"
    patient.save()
    assert [f["about"] for f in patient.causes() if f["check"] == "address"] == ["London-1"]
    systemctl = patient.folder / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text("#!/bin/sh\nprintf 'Id=mds-domain@%s-1.service\\nLoadState=loaded\\nActiveState=%s\\n\\n' "
                         "London failed Tokyo active\n")
    systemctl.chmod(0o755)
    patient.control.env["PATH"] = f"{systemctl.parent}:{patient.control.env['PATH']}"
    found = patient.findings()
    stopped = next(f for f in found if f["check"] == "domain-server" and f["about"] == "London-1")
    address = next(f for f in found if f["check"] == "address")
    # What the Domain Server itself suffers from is the cause of both.
    assert address["because"] == (stopped["because"] or stopped["what"]) and not address["is-cause"], (stopped, address)


def test_a_core_that_hangs_does_not_hang_the_doctor(patient):
    patient.control.core.send_signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        found = patient.causes()
        assert time.monotonic() - begin < 15
        assert any(f["check"] == "core" for f in found), found
    finally:
        patient.control.core.send_signal(signal.SIGCONT)


def test_without_a_bus(patient):
    done = patient.control.run("-o", "json", "doctor", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
    found = [f for f in json.loads(done.stdout) if f["check"] not in MACHINE]
    assert done.returncode == 3
    causes = [f for f in found if f["is-cause"]]
    assert [f["check"] for f in causes] == ["bus"] and "systemctl start dbus.service" in \
        [n["command"] for n in causes[0]["next"]]
    assert [f["because"] for f in found if f["check"] == "core"] == [causes[0]["what"]]


def test_before_the_setup(patient):
    (patient.state / "setup.json").unlink()
    patient.control.data["error"] = "not_set_up"
    patient.save()
    done = patient.control.run("doctor")
    assert done.returncode == 8 and "mdsctl server add" in done.stderr, done
    patient.control.core.terminate()
    patient.control.core.wait()
    done = patient.control.run("doctor")
    assert done.returncode == 8 and done.stderr.splitlines()[-1] == "Next:  mds-setup", done


def test_a_server_that_is_not_there(patient):
    done = patient.control.run("doctor", "tokio-mds-01")
    assert done.returncode == 5 and done.stderr.splitlines()[-1] == "Next:  mdsctl doctor tokyo-mds-01"


def test_forms_and_signs(patient):
    patient.refuse("127.0.0.2")
    patient.silent(1, reason="Connection refused")
    shown = patient.control.run("doctor").stdout
    assert "✕ tokyo-mds-01: port" in shown and re.search(r"^Cause   the machine of tokyo-mds-01 runs", shown, re.M)
    assert re.search(r"^Next    on tokyo-mds-01:  systemctl start mds.target$", shown, re.M), shown
    plain = patient.control.run("doctor", "--ascii").stdout
    assert plain.isascii() and "x tokyo-mds-01: port" in plain
    assert patient.control.run("-o", "csv", "doctor").stdout.startswith("CHECK,ABOUT,VERDICT,WHAT,CAUSE,NEXT\n")
    for line in patient.control.run("-o", "jsonl", "doctor").stdout.splitlines():
        assert {"check", "about", "verdict", "what", "cause", "next", "because", "is-cause", "explains", "schema"} <= \
            set(json.loads(line))
    assert patient.control.run("-q", "doctor").stdout == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_C_T6_names_do_no_harm(patient, name):
    patient.servers[1]["name"] = name
    patient.peers[0]["name"] = name
    for cell in (d["cells"][1] for d in patient.control.data["grid"]["domains"]):
        cell["mds-name"] = name
    patient.refuse("127.0.0.2")
    patient.silent(1, reason="Connection refused")
    found = patient.causes()
    assert [f["about"] for f in found] == [name]
    shown = patient.control.run("doctor").stdout
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


def test_the_report_has_what_support_needs_and_no_secret(patient, tmp_path):
    key = tmp_path / "key"
    key.write_text("QX7M-2KDR-9PAW-41TV\n")
    (patient.etc / "admin.password").write_text("correct-horse-battery-9\n")
    (patient.state / "setup.json").write_text('{"role": "secondary", "key_hash": "$y$jBT$abcdef$ghijkl"}')
    (patient.etc / "setup.conf").write_text(
        f"[Server]\nRole=primary\n[Administrator]\nPasswordHash=$y$jBT$abcdef$ghijkl\n[Trust]\nActivationKeyFile={key}\n")
    patient.control.says("show-tasks", {"tasks": [{"task-id": "1", "password": 'hunter2"-the-tail\\"-and-more',
                                                   "comments": "typed qx7m2kdr9paw41tv and correct-horse-battery-9"}]})
    file = tmp_path / "report.tar.gz"
    done = patient.control.run("doctor", "--report", str(file))
    assert done.returncode in (0, 3) and f"Report: {file}" in done.stdout, done
    assert file.stat().st_mode & 0o7777 == 0o600
    with tarfile.open(file) as archive:
        parts = {m.name.removeprefix("mds-report/"): archive.extractfile(m).read().decode() for m in archive}
    assert {"doctor.txt", "doctor.json", "status.json", "settings/mds.conf", "settings/setup.conf", "journal/mds.txt",
            "system/units.txt", "network/addresses.txt"} <= set(parts)
    assert "Role=primary" in parts["settings/setup.conf"] and "PasswordHash=***" in parts["settings/setup.conf"]
    whole = "\n".join(parts.values()).lower()
    for secret in ("correct-horse", "qx7m", "hunter2", "the-tail", "and-more", "$y$", "ghijkl"):
        assert secret not in whole, secret
    again = patient.control.run("doctor", "--report", str(file))
    assert again.returncode == 6, "an earlier report is not overwritten"
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
