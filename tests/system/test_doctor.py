"""mdsctl doctor names the cause of each failure that the fault tests make, and a command that helps; with --fix it
mends what cannot lose anything. Every failure is made on the reference deployment and taken back."""

import contextlib
import ctypes
import json
import os
import re
import shlex
import tarfile
import time

import pytest

import schemas
from clock import Clock
from deployment import KEY, PASSWORD
from documents import commands_of
from rig import wait_until
from secret_search import forms_of_activation_key, forms_of_key, forms_of_text
from test_zy_damage import flip

TOKYO_UNIT = "mds-domain@London-2.service"


def findings(ex1, host, words=""):
    """(exit code, all findings) of one look."""
    done = ex1.ctl(host, f"-o json doctor {words}", check=False, timeout=60)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return done.returncode, schemas.check("doctor", done.stdout)


def causes(ex1, host, words=""):
    """What is wrong and explained by nothing else."""
    return [f for f in findings(ex1, host, words)[1] if f["is-cause"]]


def can_be_pasted(ex1, host, command):
    """The shell takes it, and mdsctl, with nobody to answer."""
    assert ex1[host].sh(f"bash -n -c {shlex.quote(command)}", check=False).returncode == 0, command
    if command.startswith("mdsctl "):
        done = ex1[host].sh(f"DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere {command} </dev/null", check=False)
        assert done.returncode not in (2, 127), (command, done)


def told(ex1, host, check, words, server="", next_command=None, timeout=30, alone=True, explains=0):
    """Waits until a look names this cause, of this check or one of "a|b", and that it `explains`
    so much, which others find out a little later; and checks what people read of it."""
    seen = []

    def named():
        seen[:] = causes(ex1, host, server)
        return [f for f in seen if f["check"] in check.split("|") and re.search(words, f["cause"]) and
                f["explains"] >= explains]
    found = wait_until(named, timeout, f"the doctor on {host} to say {words!r}", lambda: json.dumps(seen, indent=1))[0]
    commands = [n["command"] for n in found["next"]]
    assert next_command is None or next_command in commands, commands
    for command in commands:
        can_be_pasted(ex1, host, command)
    if alone:
        others = [f for f in seen if f != found and f["verdict"] == "bad"]
        assert not others, json.dumps(others, indent=1)
    shown = []

    def agrees():
        """What people read is another look, a moment later."""
        done = ex1.ctl(host, f"doctor {server}", check=False)
        seen[:] = causes(ex1, host, server)
        shown[:] = [done.returncode, done.stdout]
        return done.returncode == 3 and done.stdout.count("Cause   ") == len(seen)
    wait_until(agrees, timeout, "what people read to be what programs do", lambda: f"{shown} {json.dumps(seen, indent=1)}")
    for line in shown[1].splitlines():
        # Commands are not wrapped.
        assert len(line) <= 80 or line.startswith(("Next    ", "        ")), line
    return found


def well(ex1, *hosts, timeout=60):
    """Waits until nothing is wrong any more, as these hosts see it."""
    for host in hosts or ex1.wanted:
        seen = []

        def good(host=host, seen=seen):
            code, seen[:] = findings(ex1, host)
            return code == 0
        wait_until(good, timeout, f"{host} to be well", lambda seen=seen: json.dumps([f for f in seen if f["is-cause"]], indent=1))


def fixed(ex1, host, words):
    """--fix does it, says so, and nothing is wrong afterwards."""
    done = ex1.ctl(host, "doctor --fix", check=False, timeout=90)
    assert f"--fix: {words}" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout
    well(ex1)


@pytest.fixture(name="ward", scope="module")
def all_well(ex1):
    well(ex1)
    return ex1


@pytest.fixture(autouse=True)
def healed(ward):
    yield
    ward.rig.heal()


def test_a_healthy_deployment_in_under_two_seconds(ward):
    for host in ward.wanted:
        done = ward.ctl(host, "doctor", check=False)
        assert done.returncode == 0 and "Cause" not in done.stdout and "✓ services run" in done.stdout, done.stdout
        took = ward[host].out("bash -c 'TIMEFORMAT=%R; time mdsctl doctor >/dev/null' 2>&1")
        assert float(took.split()[-1]) < 2, took
    shown = ward.ctl("london", "doctor tokyo").stdout
    for words in ("✓ name resolves to ", "✓ port 18221 answers", "✓ connected and trusted", "✓ version ", "✓ clock ",
                  "✓ certificate valid to "):
        assert words in shown, shown


def test_anybody_may_look_and_only_root_mends(ward):
    ward["london"].sh("id alice || useradd -m alice")
    done = ward["london"].sh("runuser -u alice -- mdsctl doctor", check=False)
    assert done.returncode == 0 and "✓ services run" in done.stdout, done.stdout + done.stderr
    for words in ("--fix", "--report /tmp/x"):
        assert ward["london"].sh(f"runuser -u alice -- mdsctl doctor {words}", check=False).returncode == 4


# ---- the line and the machine ----

def test_a_line_that_is_cut_is_told_once_with_who_hears_the_other(ward):
    ward.rig.cut("london", "tokyo")
    found = told(ward, "london", "server", "the network between london and tokyo: tokyo itself runs, logs hears it", explains=2)
    assert found["about"] == "tokyo"
    told(ward, "london", "server", "the network between london and tokyo", server="tokyo")
    assert "Domains suffer from it" in ward.ctl("london", "doctor", check=False).stdout
    ward.rig.heal()
    well(ward)


def test_a_line_that_is_cut_one_way(ward):
    ward.rig.cut("london", "tokyo", one_way=True)
    told(ward, "london", "server", "one direction only: what tokyo sends arrives here", timeout=60)
    told(ward, "tokyo", "server", "the network between tokyo and london", timeout=60)
    ward.rig.heal()
    well(ward)


def test_a_line_that_loses_packets(ward):
    ward.rig.network.lose("london", "tokyo", 40)
    told(ward, "london", "line", r"loses \d+ % of all packets", alone=False)
    ward.rig.heal()
    well(ward)


def test_a_cable_that_is_out(ward):
    ward.rig.network.cable("tokyo", False)
    try:
        told(ward, "tokyo", "network", "interface eth0 has no carrier: its cable is out", next_command="ip link show eth0")
        told(ward, "london", "server", "tokyo is switched off, or its cable is out: no server that answers hears it")
    finally:
        ward.rig.network.cable("tokyo", True)
    well(ward)


def test_a_packet_filter(ward):
    ward["tokyo"].sh("nft 'add table inet shut; add chain inet shut in { type filter hook input priority 0; }; "
                     "add rule inet shut in tcp dport 18221 drop; add rule inet shut in tcp sport 18221 drop'")
    try:
        told(ward, "london", "server", "answers ping but not port 18221: a packet filter", next_command="nft list ruleset")
    finally:
        ward["tokyo"].sh("nft delete table inet shut")
    well(ward)


def test_a_machine_that_hangs(ward):
    ward["tokyo"].freeze()
    try:
        told(ward, "london", "server", "takes connections and its mds-sync does not speak: .* hangs")
    finally:
        ward["tokyo"].thaw()
    well(ward)


def test_a_machine_that_is_off(ward):
    ward["tokyo"].kill()
    told(ward, "london", "server", "tokyo is switched off", next_command="mdsctl ha force-active Tokyo london", explains=3)
    ward.power_back("tokyo")
    well(ward)


def test_a_clock_that_is_wrong(ward):
    clock = Clock(ward["tokyo"])
    try:
        clock.set(7200)
        told(ward, "london", "server-clock", "the clock of tokyo is 2 h ahead of the one here", timeout=60,
             next_command="timedatectl set-ntp true")
        told(ward, "tokyo", "clock", "ahead of those of all other servers", timeout=60)
        clock.set(400 * 86400)
        ward["london"].sh("systemctl restart mds-sync")
        # Refused as expired, or still told by who is connected: the clock is named.
        told(ward, "london", "server|server-clock", r"the clock of tokyo is (wrong|\d+ d ahead)", timeout=60, alone=False)
    finally:
        clock.set(0)
        clock.remove()
    well(ward)


def test_a_clock_that_nobody_keeps(ward):
    """Containers share the clock of this machine; without the mark of one the kernel's word counts."""
    buffer = ctypes.create_string_buffer(512)
    kept = ctypes.CDLL(None).adjtimex(buffer) != 5 and not int.from_bytes(buffer.raw[40:44], "little") & 0x40
    ward["logs"].sh("mv /run/systemd/container /run/systemd/was-container")
    try:
        found = [f for f in causes(ward, "logs") if f["check"] == "clock"]
        assert bool(found) != kept, found
        assert kept or found[0]["next"][0]["command"] == "timedatectl set-ntp true"
    finally:
        ward["logs"].sh("mv /run/systemd/was-container /run/systemd/container")


# ---- services ----

@pytest.mark.parametrize("unit, words", [("mds-sync", "no other server is reached"), ("mds-ca", "no certificate is issued"),
                                         ("mds-core", "nobody logs in"), ("mds-domain@London-2", "has one server less")])
def test_a_service_that_is_stopped_is_started(ward, unit, words):
    ward["tokyo"].sh(f"systemctl stop {unit}")
    check = "domain-server" if "@" in unit else "services"
    told(ward, "tokyo", check, f"{unit}.service was stopped, and has not failed; .*{words}",
         next_command=f"systemctl start {unit}.service")
    if unit == "mds-sync":
        told(ward, "london", "server", "nothing listens on 10.77.0.12 port 18221")
    if unit == "mds-domain@London-2":
        told(ward, "london", "domain", "London-2 on tokyo is stopped, while its host runs")
    fixed(ward, "tokyo", f"start {unit}.service")


@pytest.mark.parametrize("unit", ["mds-core", "mds-domain@London-2"])
def test_a_service_that_hangs_is_restarted(ward, unit):
    ward["tokyo"].sh(f"systemctl kill -s STOP {unit}")
    check = "domain-server" if "@" in unit else "services"
    told(ward, "tokyo", check, f"{unit}.service runs, but does not answer: it hangs")
    if unit == "mds-core":
        told(ward, "london", "server", "mds-sync of tokyo answers and its mds-core does not")
    fixed(ward, "tokyo", f"restart {unit}.service")


def test_everything_is_stopped(ward):
    ward["tokyo"].sh("mdsstop")
    told(ward, "tokyo", "services", "mds.target is stopped, and with it every service", next_command="systemctl start mds.target")
    fixed(ward, "tokyo", "start mds.target")


def test_a_service_that_cannot_start(ward):
    folder = "/etc/systemd/system/mds-ca.service.d"
    ward["tokyo"].write_file(f"{folder}/99-broken.conf", "[Service]\nExecStart=\nExecStart=/usr/lib/mds/mds-nothing\n")
    ward["tokyo"].sh("systemctl daemon-reload; systemctl restart mds-ca", check=False)
    try:
        told(ward, "tokyo", "services", "mds-ca.service (has failed|is restarted again and again)",
             next_command="journalctl -u mds-ca.service -n 20")
    finally:
        ward["tokyo"].sh(f"rm {folder}/99-broken.conf; systemctl daemon-reload; systemctl reset-failed mds-ca; "
                         "systemctl start mds-ca", check=False)
    well(ward)


def test_settings_that_are_wrong_explain_the_services_that_fail(ward):
    bad = "/etc/mds/mds.conf.d/99-bad.conf"
    ward["tokyo"].write_file(bad, "[Sync]\nPort=many\n")
    ward["tokyo"].sh("systemctl restart mds-sync", check=False)
    try:
        found = told(ward, "tokyo", "configuration", "Sync.Port=many is not a number from 1 to 65535", explains=1)
        assert found["about"] == bad, found
    finally:
        ward["tokyo"].sh(f"rm {bad}; systemctl reset-failed mds-sync; systemctl restart mds-sync", check=False)
    well(ward)


# ---- disk and files ----

def test_a_disk_that_is_full(ward):
    ward["tokyo"].sh("fallocate -l $(( $(df -B1 --output=avail /var/lib/mds | tail -n 1) - 200000 )) /var/lib/mds/filler")
    try:
        told(ward, "tokyo", "disk", r"the disk of /var/lib/mds is full: .*the largest file is /var/lib/mds/filler")
    finally:
        ward["tokyo"].sh("rm -f /var/lib/mds/filler && sync -f /var/lib/mds")
    well(ward)


def test_a_disk_that_became_read_only(ward):
    # A shell in a host may not mount; its systemd may.
    ward["logs"].sh("systemd-run -q --wait sh -c 'mount --bind /var/lib/mds /var/lib/mds && mount -o remount,ro,bind /var/lib/mds'")
    try:
        told(ward, "logs", "disk", "mounted read-only", next_command="journalctl -k -p err -n 20", alone=False)
    finally:
        ward["logs"].sh("systemd-run -q --wait umount /var/lib/mds")
    well(ward)


def test_a_byte_that_was_changed_on_the_disk(ward):
    api = ward.api("london", "London")
    name = f"doctor-{int(time.time())}"
    api.send("add-host", {"name": name, "ip-address": "10.66.8.1", "ignore-warnings": True})
    api.publish()
    api.close()
    ward.wait_synchronized("london", "London")
    ward.rig.cut("london", "tokyo")
    ward.rig.cut("tokyo", "logs")
    wait_until(lambda: ward.peer("tokyo", "London", "london").get("sync-status") == "unreachable", 30, "Tokyo to notice")
    flip(ward["tokyo"], "London-2", name)
    ward.ctl("tokyo", "ha verify London", check=False)
    told(ward, "tokyo", "damage", "the database of London-2 on tokyo is not what was written: 1 object damaged",
         next_command="mdsctl ha verify London tokyo", alone=False)
    # And the second cause beside it, once for both servers.
    told(ward, "tokyo", "server", "this server is cut off: none of london, logs answers", alone=False)
    ward.rig.heal()
    wait_until(lambda: ward.ha("tokyo", "London")["damage"] == "", 60, "the repair")
    well(ward)


def test_files_of_another_user_are_given_back(ward):
    tokyo = ward["tokyo"]
    # chain.pem is a link to the newest set.
    name = tokyo.out("realpath --relative-to=/var/lib/mds/trust /var/lib/mds/trust/chain.pem")
    tokyo.sh(f"chown root:root /var/lib/mds/trust/{name}; chmod 0700 /var/lib/mds/crl; chown -h root /var/lib/mds/servers/London-2")
    try:
        told(ward, "tokyo", "owners", f"/var/lib/mds/trust/{name} belongs to root:root instead of mds-sync", alone=False)
        told(ward, "tokyo", "owners", "/var/lib/mds/crl is mds:mds 0700 and must be mds:mds 0755", alone=False)
    except BaseException:
        ward.ctl("tokyo", "doctor --fix", check=False)
        raise
    fixed(ward, "tokyo", "give /var/lib/mds/trust back to mds-sync")
    assert tokyo.out(f"stat -c '%U:%G' /var/lib/mds/trust/{name}") == "mds-sync:mds-sync"
    assert tokyo.out("stat -c %a /var/lib/mds/crl") == "755"


def test_an_address_that_was_taken_away_is_put_back(ward):
    ward["tokyo"].sh("ip address del 10.77.0.31/24 dev eth0")
    told(ward, "tokyo", "address", "the address 10.77.0.31 of Domain Server London-2 was taken off the interface",
         next_command="mdsctl doctor --fix")
    fixed(ward, "tokyo", "put 10.77.0.31 back")
    assert "10.77.0.31" in ward["tokyo"].out("ip -o address show dev eth0")


def test_a_backup_that_is_too_old(ward):
    # Those that other tests have made are newer.
    ward["london"].sh("mkdir -p /root/newer; find /var/backups/mds -maxdepth 1 -name '*.mdsbk.tar' -exec mv -t /root/newer {} +; "
                      "touch -d '40 days ago' /var/backups/mds/old.mdsbk.tar")
    try:
        told(ward, "london", "backup", "is 40 d old", next_command="mdsctl backup create")
    finally:
        ward["london"].sh("rm /var/backups/mds/old.mdsbk.tar; find /root/newer -type f -exec mv -t /var/backups/mds {} +")
    well(ward, "london")


# ---- roles and trust ----

def test_a_domain_without_an_active_server_is_mended_by_what_is_told(ward):
    ward.ctl("london", "-y ha set-standby London")
    found = told(ward, "london", "domain", "no server of Domain London is Active, though all answer")
    ward["london"].sh(found["next"][0]["command"])
    ward.wait_role("london", "London", "active")
    well(ward)


def test_trust_that_was_reset_is_established_by_what_is_told(ward):
    ward["logs"].write_file("/root/key", KEY + "\n", 0o600)
    ward["london"].write_file("/root/key", KEY + "\n", 0o600)
    ward.ctl("logs", "-y trust reset --key-file /root/key", timeout=60)
    found = told(ward, "logs", "listening", "this server has no certificate: its trust was reset", alone=False)
    assert {"on": "the Primary", "command": "mdsctl trust connect logs"} in found["next"], found
    told(ward, "london", "server", "logs", alone=False)
    ward["london"].sh("mdsctl trust connect logs --key-file /root/key", timeout=60)
    well(ward)


# ---- the report ----

def secrets(ex1):
    """What no report may hold: {what: bytes}."""
    out = {f"password {k}": v for k, v in forms_of_text(PASSWORD).items()}
    out |= {f"activation key {k}": v for k, v in forms_of_activation_key(KEY).items()}
    for host in ex1.wanted:
        for path in ex1[host].sh("grep -rlE 'BEGIN (EC )?PRIVATE KEY' /var/lib/mds", check=False).stdout.split():
            out |= {f"{host}:{path} {k}": v for k, v in forms_of_key(ex1[host].read_file(path)).items()}
    return out


@pytest.mark.parametrize("host", ["london", "tokyo"])
def test_F_14_the_report_holds_no_secret(ward, host):
    known = secrets(ward)
    assert len(known) > 20
    for path in ("/root/report.tar.gz", "/root/report2.tar.gz"):
        ward[host].sh(f"rm -f {path}")
    api = ward.api(host)
    done = ward.ctl(host, "doctor --report /root/report.tar.gz", timeout=90)
    assert "for root only" in done.stdout and ward[host].out("stat -c '%a %U' /root/report.tar.gz") == "600 root"
    with tarfile.open(ward[host].path("/root/report.tar.gz")) as archive:
        parts = {m.name.removeprefix("mds-report/"): archive.extractfile(m).read() for m in archive}
    for name in ("doctor.txt", "doctor.json", "status.json", "show-ha-status.json", "metrics.txt", "settings/setup.conf",
                 "journal/mds.txt", "system/units.txt", "setup/setup.json", "setup/setup.log"):
        assert len(parts[name]) > 20, (name, parts[name])
    whole = b"\n".join(parts.values())
    assert not [what for what, form in known.items() if form in whole]
    assert api.sid.encode() not in whole
    api.close()
    # Hashes of passwords and keys, in their context.
    assert re.findall(rb".{0,60}\$y\$.{0,20}", whole) == []


def test_every_command_of_the_guide(ward):
    ward["london"].sh("rm -f /root/mds-report.tar.gz")
    ran = 0
    for command in commands_of("troubleshooting.md"):
        done = ward["london"].sh(command, check=False, timeout=90)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        ran += 1
    assert ran == 7
    listed = re.findall(r"^\| `([\w-]+)` \|", open(os.path.join(os.path.dirname(__file__), "../../docs/troubleshooting.md"),
                                                   encoding="utf-8").read(), re.M)
    with contextlib.closing(tarfile.open(ward["london"].path("/root/mds-report.tar.gz"))) as archive:
        table = json.load(archive.extractfile("mds-report/doctor.json"))["checks"]
    assert listed == [c["check"] for c in table]
