"""The package on one host: install, first boot, rights of the services, remove, purge."""

import os
import re
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/support")

from deployment import package  # noqa: E402
from rig import Rig, wait_until  # noqa: E402

MANAGER = ("busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 "
           "org.freedesktop.systemd1.Manager")
ANSWERS = """[Server]
Role=primary
HostName=one
Address=10.77.0.41
[Deployment]
Name=acme
[Administrator]
Name=anna
PasswordFile=/root/password
"""


FILES = (r"find / -xdev -not -path '/proc/*' -not -path '/sys/*' -not -path '/dev/*' -not -path '/tmp/*' "
         r"-not -path '/var/tmp/*' -not -type s | sort")


@pytest.fixture(name="host", scope="module")
def fixture_host():
    """A host with the package, not set up."""
    rig = Rig("pkg")
    rig.down()
    rig.up({"one": "10.77.0.41"}, deb=package())
    host = rig["one"]
    host.files_before = host.out(FILES).splitlines()
    host.installed = host.install(package()).stdout
    yield host
    rig.down()


def says(host, command):
    done = host.sh(command, check=False)
    return (done.stdout + done.stderr).strip()


def lines(host, command):
    return says(host, command).splitlines()


def test_installing_asks_nothing_starts_nothing_and_says_what_to_do(host):
    assert "Set up this server: mds-setup" in host.installed
    assert lines(host, "systemctl is-enabled mds-firstboot mds.target") == ["enabled", "disabled"]
    assert says(host, "systemctl list-units 'mds*' --no-legend --state=active") == ""
    assert lines(host, "stat -c '%n %a %U' /var/lib/mds /var/lib/mds/*") == [
        "/var/lib/mds 755 root", "/var/lib/mds/api 750 mds-api", "/var/lib/mds/ca 700 mds-ca",
        "/var/lib/mds/crl 755 mds",
        "/var/lib/mds/domains 750 mds", "/var/lib/mds/servers 750 mds",
        "/var/lib/mds/sync 750 mds-sync", "/var/lib/mds/system 750 mds",
        "/var/lib/mds/trust 750 mds-sync"]


def test_the_bus_knows_every_user_after_the_installation(host):
    host.sh("busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig")
    after = says(host, "journalctl -b -u dbus --no-pager -o cat | tail -3")
    assert "Reloaded configuration" in after and "Unknown username" not in after


def test_F_T3_the_service_manager_hands_answers_over_as_credentials(host):
    host.write_file("/root/key", "orange-boat-77\n", 0o600)
    plan = says(host, "systemd-run --pipe --wait --quiet --collect -p SetCredential=mds.setup.role:secondary "
                "-p SetCredential=mds.setup.host-name:credential.example "
                "-p LoadCredential=mds.setup.activation-key:/root/key /usr/bin/mds-setup --dry-run")
    host.sh("rm /root/key")
    assert re.search(r"Server.Role +Secondary .*\(credential mds.setup.role\)", plan), plan
    assert re.search(r"Server.HostName +credential.example +\(credential mds.setup.host-name\)", plan), plan
    assert re.search(r"activation_key +\*\*\* +\(credential mds.setup.activation-key\)", plan), plan
    assert "orange-boat" not in plan


def test_the_first_boot_of_an_image_enables_what_the_package_wants(host):
    """systemd then enables every unit that no preset names."""
    other = host.rig.up({"two": "10.77.0.43"})["two"]
    other.install(package())
    other.sh("systemctl disable mds-firstboot.service")
    # The rig gives this host its address: what would wait for a network of its own has none.
    other.sh("systemctl mask systemd-networkd.service systemd-networkd-wait-online.service")
    other.write_file("/etc/machine-id", "uninitialized\n")
    other.reboot()
    assert re.fullmatch("[0-9a-f]{32}", says(other, "cat /etc/machine-id"))
    assert lines(other, "systemctl is-enabled mds-firstboot mds.target") == ["enabled", "disabled"]
    active = lines(other, "systemctl list-units 'mds*' --no-legend --plain --state=active")
    # The questions, on the console and behind the claim code.
    assert sorted(line.split()[0] for line in active) == ["mds-claim.socket", "mds-firstboot-claim.socket",
                                                          "mds-firstboot-console@console.service"]
    other.destroy()
    del host.rig.hosts["two"]


def test_a_boot_without_answers_waits_for_nobody_and_says_so_at_the_login(host):
    host.reboot()
    assert says(host, "systemctl is-system-running") == "running"
    wait_until(lambda: "mds-setup" in says(host, "cat /run/issue.d/mds.issue"), 15, "the notice")
    # The questions stand in place of the console's login prompt (F-2).
    wait_until(lambda: says(host, "systemctl is-active mds-firstboot-console@console.service") == "active", 15, "the questions")


def test_a_boot_with_answers_sets_up_without_a_question(host):
    host.write_file("/root/password", "orange-boat-77\n", 0o600)
    host.write_file("/etc/mds/setup.conf", ANSWERS)
    host.reboot()
    wait_until(lambda: host.sh("test -e /var/lib/mds/setup.json", check=False).returncode == 0, 60,
               "setup")
    assert says(host, "systemctl is-active mds.target mds-core mds-api").split() == ["active"] * 3
    assert says(host, "systemctl is-enabled mds.target") == "enabled"
    assert says(host, "systemctl --failed --no-legend") == ""
    assert says(host, "find /run/issue.d -name mds.issue 2>/dev/null") == ""
    journal = says(host, "journalctl -b --no-pager -o cat")
    assert "orange-boat" not in journal and "$y$" not in journal
    assert says(host, "mds-setup --answers /etc/mds/setup.conf") == "Already set up as Primary, no change"


def test_a_domain_server_sees_its_own_folder_only(host):
    host.sh("mgmt_cli add-domain name London servers.1.name LonS servers.1.ip-address 10.77.0.42 "
            "servers.1.multi-domain-server one -r true")
    wait_until(lambda: says(host, "systemctl is-active mds-domain@LonS") == "active", 20, "LonS")
    inside = int(says(host, "systemctl show -p MainPID --value mds-domain@LonS"))
    outside = None
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                spaces = [l.split()[1:] for l in file if l.startswith("NSpid:")][0]
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"mds-domain\0LonS" in file.read() and spaces[-1] == str(inside):
                    outside = pid
        except OSError:
            continue
    assert outside
    data = f"/proc/{outside}/root/var/lib/mds"
    assert os.listdir(f"{data}/servers") == ["LonS"] and os.listdir(f"{data}/domains") == []
    assert "work.db" in os.listdir(f"{data}/servers/LonS")
    for other in ("system", "ca", "trust", "sync", "api"):
        assert os.listdir(f"{data}/{other}") == [], other


def test_the_helper_adds_the_address_and_leaves_the_rest(host):
    wait_until(lambda: "10.77.0.42/24" in says(host, "ip -br address"), 15, "the address")
    assert says(host, "cat /run/mds/helper-addresses") == "10.77.0.42 24 eth0"
    call = "busctl call org.openmds.Helper1 /org/openmds/Helper1 org.openmds.Helper1"
    assert "" == says(host, f"{call} RemoveAddress s 10.77.0.41")
    assert "10.77.0.41/24" in says(host, "ip -br address"), "not ours, so it stays"
    assert "cannot be the address" in says(host, f"{call} AddAddress sss 127.0.0.9 eth0 ''")
    assert "not a host name" in says(host, f"{call} SetHostName s 'a;b'")


@pytest.mark.parametrize("unit, may", [("mds-domain@LonS", True), ("mds-core", False),
                                       ("ssh", False), ("mds-firstboot", False)])
def test_the_user_mds_manages_domain_servers_only(host, unit, may):
    done = host.sh(f"runuser -u mds -- {MANAGER} RestartUnit ss {unit}.service replace", check=False)
    assert (done.returncode == 0) == may, done.stderr


@pytest.mark.parametrize("user, name, call", [
    ("nobody", "Helper1", "org.openmds.Helper1 SetHostName s evil"),
    ("mds-api", "Helper1", "org.openmds.Helper1 SetHostName s evil"),
    ("nobody", "Core1", "org.openmds.Internal.Peer1 Deliver ssqayah a b 1 0 0"),
    ("mds-api", "Core1", "org.openmds.Internal.Peer1 Deliver ssqayah a b 1 0 0"),
    ("nobody", "Core1", "org.openmds.Internal.Command1 Execute sssayaha{ss} a b c 0 0 0"),
    ("nobody", "Sync1", "org.openmds.Sync1 ReloadTrust"),
    ("mds-api", "Ca1", "org.openmds.Ca1 ListAuthorities"),
    ("nobody", "Sic1", "org.openmds.Sic1 ClearKey"),
])
def test_the_bus_denies_what_is_not_for_others(host, user, name, call):
    said = says(host, f"runuser -u {user} -- busctl call org.openmds.{name} /org/openmds/{name} {call}")
    assert "Access denied" in said or "AccessDenied" in said, said


def test_nobody_else_owns_our_names(host):
    for name in ("org.openmds.Core1", "org.openmds.Domain1.Evil", "org.openmds.Ca1"):
        said = says(host, "runuser -u nobody -- busctl call org.freedesktop.DBus "
                          f"/org/freedesktop/DBus org.freedesktop.DBus RequestName su {name} 0")
        assert "not allowed to own" in said or "Access denied" in said, said


def test_everybody_may_look(host):
    for name in ("Core1", "Sync1", "Api1", "Ca1"):
        said = says(host, f"runuser -u nobody -- busctl get-property org.openmds.{name} "
                          f"/org/openmds/{name} org.openmds.{name} State")
        assert said.startswith("s "), said


def test_removing_keeps_the_data_and_installing_again_goes_on(host):
    host.sh("apt-get -y remove openmds-server")
    assert says(host, "systemctl list-units 'mds*' --no-legend --state=active,failed") == ""
    assert says(host, "ls /var/lib/mds/servers").split() == ["Global", "LonS"]
    again = host.install(package()).stdout
    assert "Set up this server" not in again
    host.reboot()
    wait_until(lambda: says(host, "systemctl is-active mds-domain@LonS") == "active", 30, "LonS")


def test_installing_over_a_running_server_restarts_it(host):
    before = says(host, "systemctl show -p MainPID --value mds-core")
    host.sh(f"apt-get -y -o APT::Sandbox::User=root install --reinstall "
            f"/var/tmp/{os.path.basename(package())}", timeout=300)
    wait_until(lambda: says(host, "systemctl is-active mds-domain@LonS mds-core").split()
               == ["active", "active"], 30, "the services")
    assert says(host, "systemctl show -p MainPID --value mds-core") != before


# What stays, and why: mds-setup(8) names the first two; the rest is Debian's own, of any package.
STAYS = (r"/var/backups/mds(/.*)?", r"/var/log/.*", r"/root(/.*)?", r"/etc/hostname",
         r"/var/lib/(dpkg|apt|systemd|polkit-1)/.*", r"/var/cache/(apt|man|ldconfig|debconf)/.*", r"/var/backups/.*",
         r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-", r"/etc/(machine-id|\.pwd\.lock|\.updated)", r"/var/\.updated",
         r"/run/.*", r"/var/lib/dbus/.*")


def test_F_T11_purging_after_setup_leaves_what_the_manual_names(host):
    host.sh("install -D -m 0644 /dev/null /etc/mds/mds.conf.d/50-ours.conf")
    host.sh("apt-get -y purge openmds-server")
    assert says(host, "getent passwd | grep ^mds") == ""
    assert says(host, "getent group | grep ^mds") == ""
    left = lines(host, r"find / -xdev \( -name 'mds*' -o -name '*openmds*' \) "
                       "-not -path '/proc/*' -not -path '/var/tmp/*'")
    assert left == [], left
    new = set(host.out(FILES).splitlines()) - set(host.files_before)
    stays = re.compile("|".join(f"(?:{pattern})" for pattern in STAYS))
    assert [path for path in sorted(new) if not stays.fullmatch(path)] == []
    # Units that stay enabled would point nowhere.
    assert says(host, "find /etc/systemd -xtype l -not -lname /dev/null") == ""
