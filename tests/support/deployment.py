"""The reference deployment of the HA chapter (EX-1) on booted hosts, built as a user builds it."""

import glob
import json
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/hosts")
sys.path.insert(0, f"{ROOT}/tests/support")

from api import Api  # noqa: E402
from rig import Rig, RigError, wait_until  # noqa: E402

PASSWORD = "correct-horse-battery-9"
KEY = "QX7M-2KDR-9PAW-41TV"
ROLES = {"london": "primary", "tokyo": "secondary", "logs": "log-server", "paris": "secondary"}
ADDRESSES = {"london": "10.77.0.11", "tokyo": "10.77.0.12", "logs": "10.77.0.13",
             "paris": "10.77.0.14"}
# The hosts of EX-1; Paris is for deployments of three Multi-Domain Servers.
EX1 = {name: ADDRESSES[name] for name in ("london", "tokyo", "logs")}
TEST_LIMITS_FILE = "/etc/mds/mds.conf.d/10-tests.conf"
TEST_LIMITS = """[Api]
LoginFailures=100000
AddressFailures=100000
LoginsPerMinute=1000000
RequestsPerSecond=1000000
HandshakesPerSecond=1000000
[Session]
PerAccount=1000
[Audit]
CheckpointSeconds=1
"""
# Addresses of the Domain Servers: London's on .2x, Tokyo's on .3x, the log servers' on .4x.
DOMAINS = {
    "London": [("London-1", "10.77.0.21", "london", "management server"),
               ("London-2", "10.77.0.31", "tokyo", "management server"),
               ("London-log", "10.77.0.41", "logs", "log server")],
    "Tokyo": [("Tokyo-1", "10.77.0.32", "tokyo", "management server"),
              ("Tokyo-2", "10.77.0.22", "london", "management server"),
              ("Tokyo-log", "10.77.0.42", "logs", "log server")],
}


def package(suite=None):
    """Path of the built package, of another suite than this machine's when one is given; RigError when
    there is none."""
    folder, verb = ("packages", "package") if not suite else (f"packages-{suite}", f"package --suite {suite}")
    found = sorted(glob.glob(f"{ROOT}/build/{folder}/openmds-server_*.deb"), key=os.path.getmtime)
    if not found:
        raise RigError(f"no package in build/{folder}: run ./dev {verb} first")
    return found[-1]


class Deployment:
    """Hosts, logins and the steps that build EX-1; every step can be timed and printed. `suites`: hosts
    that run another Debian than this machine, {name: suite}."""

    def __init__(self, prefix, hosts=None, tell=None, suites=None):
        self.rig = Rig(prefix)
        self.wanted = hosts or EX1
        self.suites = suites or {}
        self.tell = tell or (lambda text, seconds: None)

    def __getitem__(self, name):
        return self.rig[name]

    def step(self, text, action):
        """Runs one step and tells how long it took."""
        begin = time.monotonic()
        value = action()
        self.tell(text, time.monotonic() - begin)
        return value

    def boot(self):
        """Fresh hosts."""
        self.rig.down()
        self.rig.up(self.wanted, deb={name: self.package(name) for name in self.wanted})

    def package(self, name):
        """Path of the package for a host."""
        return package(self.suites.get(name))

    def install(self, names=None):
        """apt install of the package on the hosts, in parallel."""
        def one(host):
            # Tests are one administrator at one address who does in a minute what people do in a week.
            host.write_file(TEST_LIMITS_FILE, TEST_LIMITS)
            host.install(self.package(host.name))
        self.rig.each([self[n] for n in names or self.wanted], one)

    def answers(self, name, **more):
        """/etc/mds/setup.conf of a host."""
        role = ROLES[name]
        lines = ["[Server]", f"Role={role}", f"HostName={name}", f"Address={ADDRESSES[name]}",
                 "Interface=eth0"]
        if role == "primary":
            lines += ["[Deployment]", "Name=acme-msp", "[Administrator]", "Name=admin",
                      "PasswordFile=/etc/mds/admin.password"]
        else:
            lines += ["[Trust]", "ActivationKeyFile=/etc/mds/activation.key"]
        return "\n".join(lines) + "\n"

    def setup(self, names=None):
        """Runs the wizard unattended on the hosts, in parallel."""
        def one(host):
            secret = "admin.password" if ROLES[host.name] == "primary" else "activation.key"
            text = PASSWORD if ROLES[host.name] == "primary" else KEY
            host.write_file(f"/etc/mds/{secret}", text + "\n", 0o600)
            host.write_file("/etc/mds/setup.conf", self.answers(host.name), 0o600)
            host.sh("mds-setup --answers /etc/mds/setup.conf", timeout=120)
        self.rig.each([self[n] for n in names or self.wanted], one)

    def api(self, name="london", domain=None, user="admin", password=PASSWORD, **more):
        """A logged-in session, as from an administrator's workstation. `name`: host or address."""
        address = ADDRESSES.get(name, name)
        return Api(address, namespace=self.rig.network.switch).login(user, password, domain, **more)

    def visitor(self, name="london", **more):
        """A client that has not logged in."""
        return Api(ADDRESSES.get(name, name), namespace=self.rig.network.switch, **more)

    def join(self):
        """Adds Tokyo and the log server on London."""
        api = self.api("london")
        try:
            for name in [n for n in self.wanted if n != "london"]:
                kind = "multi-domain log server" if ROLES[name] == "log-server" \
                    else "multi-domain server"
                reply = api.call("add-mds", name=name, ip_address=ADDRESSES[name],
                                 server_type=kind, one_time_password=KEY)
                assert reply["sic-state"] == "trust established", reply
            api.publish()
        finally:
            api.close()

    def domains(self, names=None):
        """Creates the Domains of EX-1 and waits until every server is synchronized."""
        api = self.api("london")
        try:
            for name in names or DOMAINS:
                servers = [{"name": n, "ip-address": a, "multi-domain-server": m, "type": t,
                            "active": i == 0}
                           for i, (n, a, m, t) in enumerate(DOMAINS[name]) if m in self.wanted]
                task = api.wait(api.call("add-domain", name=name, servers=servers), timeout=90)
                assert task["status"] == "succeeded", task
        finally:
            api.close()

    def build(self):
        """Everything up to EX-1."""
        self.step("three hosts up", self.boot)
        self.step("package installed on each", self.install)
        self.step("wizard, unattended", self.setup)
        self.step("trust and first synchronization", self.join)
        self.step("Domains London and Tokyo, load shared", self.domains)
        return self

    # ---- looking ----

    def ctl(self, host, words, check=True, **more):
        """mdsctl on a host."""
        return self[host].sh(f"mdsctl {words}", check=check, **more)

    def ctl_json(self, host, words, **more):
        """mdsctl --json on a host, parsed; its exit code does not matter."""
        done = self.ctl(host, f"--json {words}", check=False, **more)
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise RigError(f"mdsctl --json {words} on {host}: exit {done.returncode}: "
                           f"{done.stdout}{done.stderr}") from error

    def ha(self, host, domain):
        """show-ha-status of a Domain as the host sees it; empty while its server there starts."""
        done = self.ctl(host, f"--json ha status {domain}", check=False)
        if done.returncode == 7:
            return {}
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise RigError(f"ha status {domain} on {host}: exit {done.returncode}: {done.stdout}"
                           f"{done.stderr}") from error

    def peer(self, host, domain, server):
        """The row of one peer in ha()."""
        for row in self.ha(host, domain).get("servers", []):
            if server in (row.get("name"), row.get("multi-domain-server")):
                return row
        return {}

    def wait_synchronized(self, host, domain, timeout=30):
        """Waits until every peer of a Domain is synchronized with equal digests."""
        def good():
            rows = self.ha(host, domain).get("servers")
            return rows and all(r["sync-status"] == "synchronized" and r["digest-equal"]
                                for r in rows)
        wait_until(good, timeout, f"{domain} to be synchronized (seen from {host})",
                   lambda: json.dumps(self.ha(host, domain), indent=1))

    def wait_well(self, host, timeout=60):
        """Waits until everything runs and every Domain is synchronized, as a host sees it."""
        def good():
            done = self.ctl(host, "--json status", check=False)
            return done.returncode == 0 and all(d["sync"] in ("synchronized", "single")
                                                for d in json.loads(done.stdout)["domains"])
        def told():
            out = self.ctl(host, "status", check=False).stdout
            for domain in json.loads(self.ctl(host, "--json status", check=False).stdout)["domains"]:
                if domain["sync"] in ("synchronized", "single"):
                    continue
                for name in self.wanted:
                    shown = self[name].sh(f"timeout 10 mdsctl ha status '{domain['name']}'", check=False)
                    out += f"\n{name}:\n{shown.stdout}{shown.stderr}"
            return out
        wait_until(good, timeout, f"all to be well as {host} sees it", told)

    def wait_role(self, host, domain, role, timeout=30):
        """Waits until this host's server of the Domain has a role."""
        wait_until(lambda: self.ha(host, domain).get("role") == role, timeout,
                   f"{domain} to be {role} on {host}",
                   lambda: json.dumps(self.ha(host, domain), indent=1))

    def property(self, host, name, path, interface, prop):
        """One bus property, as busctl prints it."""
        return self[host].out(f"busctl get-property {name} {path} {interface} {prop}")

    def power_back(self, name):
        """Boots a host that was cut off and waits for its services."""
        self[name].boot()
        self[name].wait_up()

    def down(self):
        """Takes the hosts away."""
        self.rig.down()
