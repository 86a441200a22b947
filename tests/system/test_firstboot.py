"""First-time setup on booted hosts: the questions on the consoles, no secret anywhere, from apt to a Domain."""

import fcntl
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest

from deployment import ADDRESSES, KEY, PASSWORD, package
from rig import Rig, wait_until

ROOT = pathlib.Path(os.path.abspath(__file__)).parents[2]
sys.path.insert(0, str(ROOT / "tests/integration/firstboot"))

from screen import ENTER, SPACE, Screen  # noqa: E402
from api import Api, Connection  # noqa: E402
import schemas  # noqa: E402


class Console(Screen):
    """A terminal whose other end is a console of a host."""

    def __init__(self, columns=80, rows=24, term="linux"):
        import pyte
        self.term, self.text, self.status = term, b"", 0
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.fd, self.inside = pty.openpty()
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.path = os.ttyname(self.inside)

    def close(self):
        os.close(self.fd)
        os.close(self.inside)


@pytest.fixture(name="rig", scope="module")
def one_host():
    rig = Rig("first")
    rig.down()
    yield rig
    rig.down()


@pytest.fixture(name="host")
def fresh_host(rig):
    """A host with the package, not set up."""
    rig.up({"london": ADDRESSES["london"]}, deb=package())
    host = rig["london"]
    host.install(package())
    yield host
    host.destroy()
    rig.hosts.clear()


def state(host, unit):
    return host.out(f"systemctl is-active {unit} || true")


def test_F_1_installing_neither_asks_nor_starts_anything(host):
    assert host.out("systemctl list-units --no-legend 'mds*' | grep -v slice || true") == ""
    assert state(host, "console-getty") == "active" and "not set up" not in host.console()


def test_F_2_F_3_the_questions_stand_on_every_console_and_nobody_waits(host):
    tty1, serial = Console(), Console(term="vt220")
    host.terminals = {"tty1": tty1.path, "ttyS0": serial.path}
    host.stop()
    host.boot()
    tty1.wait("┤ Host name ├", "london", "Tab moves")
    serial.wait_text("Full host name of this server")
    # F-3: the machine is up, what is missing stands above the other login prompts.
    host.wait_up()
    assert host.out("systemctl is-system-running || true") == "running"
    issue = host.read_file("/run/issue.d/mds.issue")
    assert "This server is not set up yet. Missing:" in issue and "RF-03" in issue, issue
    assert "Setup asks on console and tty1 and ttyS0; or sign in as root and run: mds-setup" in " ".join(issue.split())
    assert all(len(line) < 80 for line in issue.splitlines()), issue
    wait_until(lambda: "Full host name of this server" in host.console(100), 20, "the questions on the console")
    # Answering on one takes it over, and the other ones say so.
    serial.type("\n")
    at = serial.wait_text("other servers reach")
    tty1.wait("First-time setup is being answered on ttyS0.", "Type login for the login prompt")
    wait_until(lambda: "First-time setup is being answered on ttyS0." in host.console(100), 20, "the console to say so")
    done = host.sh("mds-setup --set role=primary </dev/null", check=False)
    assert done.returncode == 2
    # He leaves: tty1 asks again, with what was answered; the console gets its prompt only when it is wanted.
    serial.type("login\n")
    serial.wait_text("Nothing was changed.", at)
    tty1.wait("┤ Host name ├", "london")
    wait_until(lambda: state(host, "mds-firstboot-console@ttyS0") == "inactive", 20, "ttyS0 to be given back")
    tty1.type(ENTER + ENTER)
    tty1.wait("┤ Time zone ├")
    tty1.type(ENTER + ENTER)
    tty1.wait("┤ Role ├")
    tty1.down()
    tty1.type(SPACE + ENTER)
    tty1.wait("┤ Trust ├")
    tty1.type(KEY + ENTER + KEY + ENTER + ENTER)
    tty1.wait("┤ Summary ├", "Secondary Multi-Domain Server")
    tty1.type(ENTER)
    tty1.wait("Waiting for the Primary.")
    wait_until(lambda: "This server was set up on tty1." in host.console(100), 20, "the console to hear of it")
    wait_until(lambda: state(host, "console-getty") == "active", 20, "the login prompt of the console")
    assert host.sh("test -e /run/issue.d/mds.issue", check=False).returncode == 1
    assert host.out("systemctl --failed --no-legend") == ""
    # The next boot asks nothing.
    host.stop()
    host.boot()
    host.wait_up()
    assert state(host, "mds-firstboot-console@tty1") == "inactive" and state(host, "mds.target") == "active"
    tty1.close()
    serial.close()


def test_F_3_a_console_that_is_masked_or_in_use_is_left_alone(host):
    tty1 = Console()
    host.terminals = {"tty1": tty1.path}
    host.sh("systemctl mask mds-firstboot-console@console.service")
    host.stop()
    host.boot()
    tty1.wait("┤ Host name ├")
    host.wait_up()
    assert state(host, "console-getty") == "active"
    # A boot whose answers are complete asks nobody.
    host.write_file("/etc/mds/key", KEY + "\n", 0o600)
    host.write_file("/etc/mds/setup.conf", "[Server]\nRole=log-server\n[Trust]\nActivationKeyFile=/etc/mds/key\n", 0o600)
    host.stop()
    host.boot()
    host.wait_up()
    wait_until(lambda: host.sh("test -e /var/lib/mds/setup.json", check=False).returncode == 0, 60, "setup at boot",
               lambda: host.out("journalctl -u mds-firstboot --no-pager"))
    assert state(host, "mds-firstboot-console@tty1") == "inactive"
    tty1.close()


class Watcher:
    """Looks at every process of a host, again and again: command lines and environments."""

    def __init__(self, host):
        self.host, self.seen, self.runs = host, set(), True
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        namespace = os.readlink(f"/proc/{self.host.leader()}/ns/pid")
        while self.runs:
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if os.readlink(f"/proc/{pid}/ns/pid") != namespace:
                        continue
                    for name in ("cmdline", "environ"):
                        self.seen.add(pathlib.Path(f"/proc/{pid}/{name}").read_bytes())
                except OSError:
                    continue

    def end(self):
        self.runs = False
        self.thread.join()
        return self.seen


def whole_text(host, folder):
    """Every file below a folder of the host, as bytes by name."""
    root = pathlib.Path(host.path(folder))
    return {str(p)[len(host.path("")):]: p.read_bytes() for p in root.rglob("*") if p.is_file() and not p.is_symlink()}


def clean_of(host, secret):
    """Nothing that setup writes has the secret in it, what it archives at a reset neither."""
    for folder in ("/var/lib/mds", "/var/cache/debconf", "/var/log", "/run/mds", "/run/issue.d", "/etc/mds", "/tmp",
                   "/var/backups/mds"):
        if host.sh(f"test -d {folder}", check=False).returncode == 0:
            assert not [name for name, text in whole_text(host, folder).items() if secret.encode() in text], folder


@pytest.mark.parametrize("role", ["primary", "secondary"])
def test_F_T8_no_secret_in_log_process_list_environment_debconf_or_journal(host, role):
    secret = PASSWORD if role == "primary" else KEY
    question = "password" if role == "primary" else "activation-key"
    # By credential at boot, as a fleet does; what is tried by the wrong way is refused without a trace.
    host.write_file(f"/etc/credstore/mds.setup.{question}", secret + "\n", 0o600)
    host.write_file("/etc/mds/setup.conf", f"[Server]\nRole={role}\n", 0o600)
    watcher = Watcher(host)
    host.sh("systemctl start mds-firstboot")
    wait_until(lambda: host.sh("test -e /var/lib/mds/setup.json", check=False).returncode == 0, 90, "setup",
               lambda: host.out("journalctl -u mds-firstboot --no-pager"))
    clean_of(host, secret)
    # Again, on a terminal, by hand.
    host.sh("mds-setup --reset --confirm london; rm /etc/mds/setup.conf")
    done = host.sh(f"mds-setup --set role={role} --set host-name=london --set time-zone=UTC --set time-servers=system "
                   f"--{'set' if role == 'primary' else 'set'} address=10.77.0.11 --config-string -",
                   input=f"mgmt_admin_name=admin\nmgmt_admin_passwd={secret}\n" if role == "primary" else
                   f"ftw_sic_key={secret}\n")
    assert "Ready in" in done.stdout, done
    seen = watcher.end()
    assert any(b"mds-setup" in text for text in seen), "the watcher has seen it run"
    needle = secret.encode()
    assert not [text for text in seen if needle in text]
    assert secret not in done.stdout + done.stderr
    host.sh("journalctl --sync")
    assert secret not in host.sh("journalctl --no-pager -o export", timeout=120).stdout
    clean_of(host, secret)
    log = host.read_file("/var/lib/mds/setup.log")
    assert re.search(rf"{question.replace('-', '_')} = \*\*\*", log) and host.out("stat -c %a /var/lib/mds/setup.log") == "600"
    # Nobody else can read the log, nor what setup keeps.
    host.sh("useradd --create-home eve")
    for name in ("setup.log", "setup.json"):
        assert host.sh(f"runuser -u eve -- cat /var/lib/mds/{name}", check=False).returncode != 0


def test_F_T10_from_apt_to_the_first_domain_without_a_question(rig):
    """The time it takes is measured by bench/first_domain.py."""
    rig.up({"london": ADDRESSES["london"]}, deb=package())
    host = rig["london"]
    try:
        subprocess.run([sys.executable, "-B", str(ROOT / "bench/first_domain.py"), "--rig", rig.prefix], check=True,
                       timeout=600)
        api = Api(ADDRESSES["london"], namespace=rig.network.switch).login("admin", PASSWORD, "First")
        assert api.call("show-hosts")["total"] == 0
        api.close()
    finally:
        host.destroy()
        rig.hosts.clear()


def test_Q_10_the_address_of_the_primary_is_tested_and_a_second_primary_refused(host, rig):
    """3.8, first row: noticed before anything is applied."""
    host.write_file("/etc/mds/admin.password", PASSWORD + "\n", 0o600)
    host.sh("mds-setup --set role=primary --set deployment=acme-msp --set password-file=/etc/mds/admin.password")
    version = host.out("mdsctl --version").split()[1]
    rig.up({"london": ADDRESSES["london"], "paris": ADDRESSES["paris"]})
    paris = rig["paris"]
    try:
        paris.install(package())
        paris.write_file("/etc/mds/key", KEY + "\n", 0o600)
        paris.write_file("/etc/mds/password", PASSWORD + "\n", 0o600)
        plan = "mds-setup --dry-run --set activation-key-file=/etc/mds/key --set password-file=/etc/mds/key "
        done = paris.sh(plan + "--set role=secondary --set primary=10.77.0.11")
        assert re.search(rf"10\.77\.0\.11 is london, the Primary of acme-msp, version {re.escape(version)}, clock [+-]0\.\d s",
                         done.stderr), done
        done = paris.sh(plan + "--set role=primary --set primary=10.77.0.11", check=False)
        assert done.returncode == 2 and ("RF-01 --set: 10.77.0.11 is the Primary of acme-msp. A deployment has one Primary. "
                                         "Choose Secondary?") in done.stderr, done
        done = paris.sh(plan + "--set role=secondary --set primary=10.77.0.14")
        assert "10.77.0.14" in done.stderr and "The key is kept; the Primary can connect later." in done.stderr, done
        # K-3: the join string, made at either end.
        joined = host.out("mdsctl -q trust join-string paris --ip 10.77.0.14")
        schemas.check("trust join-string", host.out("mdsctl -q --json trust join-string rome --ip 10.77.0.15"))
        assert joined.startswith("mds1:") and len(joined) < 80
        paris.write_file("/etc/mds/key", joined + "\n", 0o600)
        done = paris.sh("mds-setup --dry-run --set role=primary --set password-file=/etc/mds/password "
                        "--set activation-key-file=/etc/mds/key", check=False)
        assert done.returncode == 2 and "RF-01" in done.stderr and "a join string is given" in done.stderr, done
        paris.sh("mds-setup --set role=secondary --set activation-key-file=/etc/mds/key")
        said = host.sh("mdsctl server add --join-string", input=joined + "\n")
        assert "paris: trust established" in said.stdout, said
        done = host.sh("mdsctl server add tokyo --join-string", input=joined + "\n", check=False)
        assert done.returncode != 0 and "the join string is for paris, not for tokyo" in done.stderr, done
    finally:
        paris.destroy()
        rig.hosts.pop("paris", None)


def test_question_7_only_gui_clients_may_log_in(host, rig):
    host.write_file("/etc/mds/admin.password", PASSWORD + "\n", 0o600)
    host.sh("mds-setup --set role=primary --set password-file=/etc/mds/admin.password --set gui-clients=10.99.0.0/16")

    def login():
        return Api(ADDRESSES["london"], namespace=rig.network.switch).login("admin", PASSWORD)
    with pytest.raises(Exception, match="login|Authentication|credentials"):
        login()
    assert "may not connect from this address" in host.out("journalctl -u mds-core --no-pager")
    # From the server itself always; and there it is changed.
    assert "GUI clients" in host.out("mgmt_cli -r true show trusted-clients --format json")
    done = host.sh("mds-setup --set gui-clients=10.77.0.0/24 --yes")
    assert "Access.GuiClients is 10.77.0.0/24 now" in done.stdout, done
    login().close()


def authority(host, name):
    return host.out(f"busctl get-property org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1 {name}").split('"')[1]


def test_F_T5_a_primary_that_was_cut_off_takes_what_the_second_run_answers(host, rig):
    """As after a power cut between the identity of mds-core and setup.json: also the password and the recovery key."""
    host.write_file("/etc/mds/admin.password", "harbour-of-the-first-run-1\n", 0o600)
    first = "mds-setup --set role=primary --set deployment=acme --set password-file=/etc/mds/admin.password "
    host.sh(first + "--set gui-clients=10.99.0.0/16")
    assert authority(host, "Recovery") == "declined"
    host.sh("rm /var/lib/mds/setup.json; systemctl disable mds.target; systemctl stop mds.target mds-core")
    before = host.read_file("/var/lib/mds/system/identity.json")
    # Other answers are refused, and what is named helps.
    done = host.sh(first.replace("acme", "other"), check=False)
    assert done.returncode != 0 and "RF-03" in done.stderr and "mds-setup --reset" in done.stderr, done
    host.write_file("/etc/mds/admin.password", PASSWORD + "\n", 0o600)
    words = host.out("mds-setup --make-recovery-key /root/recovery.pem 2>/dev/null")
    host.sh(first + "--set recovery-certificate-file=/root/recovery.pem --set administrator=anna --set gui-clients=any")
    assert host.read_file("/var/lib/mds/system/identity.json") == before
    assert authority(host, "Recovery") == "set"
    Api(ADDRESSES["london"], namespace=rig.network.switch).login("anna", PASSWORD).close()
    host.sh("systemctl stop mds-ca; rm /var/lib/mds/ca/sealing.key; systemctl start mds-ca")
    assert "keys of the authority are open" in host.sh("mds-setup --recover", input=words + "\n").stdout
    # A third run with the password of the second changes it for the administrator there is.
    host.sh("rm /var/lib/mds/setup.json")
    host.write_file("/etc/mds/admin.password", PASSWORD + "-third\n", 0o600)
    host.sh(first + "--set administrator=anna")
    Api(ADDRESSES["london"], namespace=rig.network.switch).login("anna", PASSWORD + "-third").close()
    # And it can be taken back from that state.
    host.sh("rm /var/lib/mds/setup.json")
    done = host.sh("mds-setup --reset --confirm london")
    assert "This server is not set up any more." in done.stdout, done
    host.write_file("/etc/mds/key", KEY + "\n", 0o600)
    host.sh("mds-setup --set role=log-server --set activation-key-file=/etc/mds/key")


def test_what_anybody_may_ask_does_not_keep_the_core_busy(host, rig):
    host.write_file("/etc/mds/admin.password", PASSWORD + "\n", 0o600)
    host.sh("mds-setup --set role=primary --set password-file=/etc/mds/admin.password")
    host.sh("systemd-run --unit=asked --property=StandardOutput=file:/root/asked --property=StandardError=file:/root/asked "
            "busctl monitor --match=\"member='GetAll',path='/org/openmds/Core1',interface='org.freedesktop.DBus.Properties'\"")
    wait_until(lambda: "Monitoring" in host.read_file("/root/asked"), 20, "busctl to listen")
    connection = Connection(ADDRESSES["london"], rig.network.switch, timeout=10)
    begin = time.monotonic()
    for _ in range(200):
        connection.request("GET", "/about")
        answer = connection.getresponse()
        said = json.loads(answer.read())
        assert answer.status == 200 and said["role"] == "primary" and abs(said["clock-ms"] - time.time() * 1000) < 5000, said
    seconds = time.monotonic() - begin
    connection.close()
    host.sh("systemctl stop asked")
    assert 1 <= host.read_file("/root/asked").count("Member=GetAll") <= seconds + 2


def test_F_2_removing_the_package_brings_the_login_prompts_back(host):
    tty1 = Console()
    host.terminals = {"tty1": tty1.path}
    host.stop()
    host.boot()
    tty1.wait("┤ Host name ├")
    host.wait_up()
    host.sh("mkdir -p /etc/systemd/timesyncd.conf.d /etc/chrony/sources.d; touch "
            "/etc/systemd/timesyncd.conf.d/50-openmds.conf /etc/chrony/sources.d/openmds.sources")
    host.sh("DEBIAN_FRONTEND=noninteractive apt-get -y purge openmds-server", timeout=180)
    wait_until(lambda: state(host, "console-getty") == "active", 20, "the login prompt of the console")
    assert host.out("systemctl list-units --no-legend --all 'mds-firstboot-console@*' | grep -c running || true") == "0"
    for path in ("/etc/systemd/timesyncd.conf.d/50-openmds.conf", "/etc/chrony/sources.d/openmds.sources"):
        assert host.sh(f"test -e {path}", check=False).returncode == 1, path
    tty1.close()


def test_K_26_a_recovery_key_opens_the_authority_of_a_server_whose_sealing_key_is_lost(host):
    host.write_file("/etc/mds/admin.password", PASSWORD + "\n", 0o600)
    words = host.out("mds-setup --make-recovery-key /root/recovery.pem 2>/dev/null")
    host.sh("mds-setup --set role=primary --set password-file=/etc/mds/admin.password "
            "--set recovery-certificate-file=/root/recovery.pem")
    host.sh("systemctl stop mds-ca; rm /var/lib/mds/ca/sealing.key; systemctl start mds-ca")
    assert authority(host, "State") == "locked"
    done = host.sh("mds-setup --recover", input="acid " * 16, check=False)
    assert done.returncode == 2 and "do not fit together" in done.stderr, done
    done = host.sh("mds-setup --recover", input=words.replace(" ", "\n") + "\n")
    assert "keys of the authority are open" in done.stdout and authority(host, "State") == "ready", done
    host.sh("mdsctl domain create London --on london --ip 10.77.0.21", timeout=120)
    assert words not in host.out("cat /var/lib/mds/setup.log") and time.time() > 0
