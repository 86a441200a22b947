"""The services as systemd, the bus and an unprivileged user see them."""

import time

import pytest

from rig import wait_until

SERVICES = {"mds-core": "org.openmds.Core1", "mds-sync": "org.openmds.Sync1",
            "mds-ca": "org.openmds.Ca1", "mds-api": "org.openmds.Api1",
            "mds-domain@London-1": "org.openmds.Domain1.London_2d1"}


def main_pid(host, unit):
    return int(host.out(f"systemctl show -p MainPID --value {unit}.service"))


def test_target_stops_starts_and_restarts_in_under_ten_seconds(ex1):
    host = ex1["tokyo"]
    for verb, state in (("stop", "inactive"), ("start", "active"), ("restart", "active")):
        begin = time.monotonic()
        host.sh(f"systemctl {verb} mds.target")
        assert time.monotonic() - begin < 10
        wait_until(lambda state=state: host.sh("systemctl is-active mds-core.service", check=False)
                   .stdout.strip() == state, 10, f"mds-core to be {state} after {verb}")
    ex1.wait_synchronized("london", "London")
    ex1.wait_role("tokyo", "Tokyo", "active")


@pytest.mark.parametrize("unit", SERVICES)
def test_kill_9_recovers_and_nothing_published_is_lost(ex1, unit):
    host = ex1["london"]
    api = ex1.api("london", "London")
    name = f"kill-{unit.replace('@', '-').lower()}"
    api.send("add-host", {"name": name, "ip-address": "192.0.2.90", "ignore-warnings": True})
    api.publish()
    before = main_pid(host, unit)
    host.sh(f"kill -9 {before}")
    wait_until(lambda: main_pid(host, unit) not in (0, before), 20, f"{unit} to be back")
    wait_until(lambda: host.sh(f"busctl status {SERVICES[unit]}", check=False).returncode == 0, 20,
               f"{SERVICES[unit]} on the bus")
    ex1.wait_role("london", "London", "active")
    # The same session goes on: sids and private changes survive (trap 5).
    assert api.call("show-host", name=name)["name"] == name
    ex1.wait_synchronized("london", "London")
    api.close()


def test_introspection_is_useful_to_a_person(ex1):
    for name, path, words in (
            ("org.openmds.Core1", "/org/openmds/Core1", ["Role", "State", "Revision", "Peers"]),
            ("org.openmds.Domain1.London_2d1", "/org/openmds/Domain1",
             ["Role", "State", "Revision", "Peers", "Digest"]),
            ("org.openmds.Sync1", "/org/openmds/Sync1", ["Connected", "BytesSent"])):
        text = ex1["london"].out(f"busctl introspect {name} {path}")
        for word in words:
            assert f".{word} " in text, text


@pytest.fixture(name="since", scope="module", autouse=True)
def beginning(ex1):
    """Where the journal of the log server was before this module: other modules break what they warn of."""
    return ex1["logs"].out("journalctl -n 0 --show-cursor").split("cursor: ")[1]


def test_units_verify_silently_and_the_journal_has_no_warning(ex1, since):
    host = ex1["logs"]
    done = host.sh("systemd-analyze verify --man=no /lib/systemd/system/mds*.service "
                   "/lib/systemd/system/mds.target /lib/systemd/system/mds-*.socket")
    assert done.stdout + done.stderr == ""
    lines = host.out("systemctl restart mds.target; "
                     f"journalctl --after-cursor='{since}' -p 4 -o cat --no-pager -u 'mds-core*' -u 'mds-ca*' -u 'mds-api*'")
    assert lines == "", lines


def test_status_lines_in_systemctl(ex1):
    for unit in SERVICES:
        assert ex1["london"].out(f"systemctl show -p StatusText --value {unit}.service"), unit


def test_an_unprivileged_user_reads_status_and_changes_nothing(ex1):
    host = ex1["london"]
    host.sh("id alice || useradd -m alice")
    assert "acme-msp" in host.out("runuser -u alice -- mdsctl status")
    before = ex1.ha("london", "London")["role"]
    for command in ("mdsctl --yes ha set-standby London", "mdsctl domain delete London --yes --reason test",
                    "mgmt_cli add host name evil ip-address 192.0.2.66 -r true -d London",
                    "busctl call org.openmds.Domain1.London_2d1 /org/openmds/Domain1 "
                    "org.openmds.Domain1 HaAction s '{}'",
                    "busctl call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1 Revoke ss a b",
                    "cat /var/lib/mds/system/gen-000001/public.db"):
        done = host.sh(f"runuser -u alice -- {command} </dev/null", check=False)
        assert done.returncode != 0, command
    assert ex1.ha("london", "London")["role"] == before


def test_a_large_publish_that_a_power_cut_interrupted_is_finished_at_the_start(ex1):
    """Between the commit of public.db and that of work.db: what the session had is published, not open."""
    london, unit, folder = ex1["london"], "mds-domain@Cut-1", "/var/lib/mds/servers/Cut-1"
    api = ex1.api("london")
    api.wait(api.call("add-domain", name="Cut", servers=[
        {"name": "Cut-1", "ip-address": "10.77.0.120", "multi-domain-server": "london"}]), timeout=90)
    cut = ex1.api("london", "Cut")
    for batch in range(6):
        cut.call("add-objects-batch", objects=[{"type": "host", "list": [
            {"name": f"cut-{batch}-{n}", "ip-address": f"10.{batch}.{n // 250}.{n % 250 + 1}"}
            for n in range(1000)]}])
    pid = main_pid(london, unit)
    files = " ".join(f"{folder}/work.db{end}" for end in ("", "-wal"))
    london.sh(f"kill -STOP {pid}; mkdir -p /var/tmp/cut; cp -p {files} /var/tmp/cut; kill -CONT {pid}")
    cut.publish()
    london.sh(f"kill -9 {pid}; systemctl stop {unit}; rm -f {files}; cp -p /var/tmp/cut/* {folder}/; "
              f"systemctl reset-failed {unit}; systemctl start {unit}")
    ex1.wait_role("london", "Cut", "active")
    assert "was published as revision" in london.out(f"journalctl -b -u '{unit}' -o cat")
    again = ex1.api("london", "Cut")
    assert again.call("show-hosts", limit=1)["total"] == 6000
    assert not [s for s in again.call("show-sessions", details_level="full", limit=500)["objects"]
                if s["changes"]]
    again.close()
    api.wait(api.call("delete-domain", name="Cut"), timeout=90)
    api.close()


@pytest.mark.parametrize("time", [1, 2])
def test_ST_6_a_mds_core_that_starts_again_knows_every_domain_at_once(ex1, time):
    """The others tell it everything with their next heartbeat, though the connection between the hosts never broke."""
    assert time
    ex1["tokyo"].sh("systemctl restart mds-core")
    wait_until(lambda: ex1.ctl("tokyo", "status", check=False).returncode == 0, 5, "tokyo to know all",
               lambda: ex1.ctl("tokyo", "status", check=False).stdout)
