"""Upgrading a deployment that is at work to the next release (T-36): server by server, while people publish."""

import sys
import os
import threading
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/support")

from deployment import EX1, Deployment  # noqa: E402
from next_release import COMMENT, VERSION, next_release  # noqa: E402
from rig import wait_until  # noqa: E402

SERVICES = "mds-core mds-sync mds-ca mds-api mds-domain@London-1"


@pytest.fixture(name="mds", scope="module")
def fixture_mds():
    """London (Primary, Active of Domain London) and Tokyo (Secondary), at work, of this release."""
    deployment = Deployment("upg", {n: EX1[n] for n in ("london", "tokyo")})
    deployment.boot()
    deployment.install()
    deployment.setup()
    deployment.join()
    deployment.domains(["London"])
    yield deployment
    deployment.down()


class Publisher:
    """Somebody who publishes without a pause, and logs in again when the server was away."""

    def __init__(self, mds):
        self.mds, self.done, self.gap = mds, [], 0.0
        self.stop, self.number = threading.Event(), 0
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.done, 30, "the first publish")
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(60)

    def work(self):
        api, last = None, time.monotonic()
        while not self.stop.is_set():
            try:
                api = api or self.mds.api("london", "London")
                self.number += 1
                name = f"p{self.number}"
                api.call("add-host", name=name, ip_address=f"10.8.{self.number // 250}.{self.number % 250 + 1}")
                api.publish()
                self.done.append(name)
                self.gap = max(self.gap, time.monotonic() - last)
                last = time.monotonic()
            except Exception:  # pylint: disable=broad-except
                # Refused, cut, restarting: what was not answered may be there or not.
                api = None
                self.stop.wait(0.1)

    def wait_more(self, count=3):
        """Until it has published again."""
        wanted = len(self.done) + count
        wait_until(lambda: len(self.done) >= wanted, 60, "more publishes")


def upgrade(host, deb):
    """apt as an administrator types it, nobody at the keyboard; returns what it says."""
    name = os.path.basename(deb)
    os.system(f"cp {deb} {host.path('/var/tmp/')}")
    return host.sh(f"apt-get -y -o APT::Sandbox::User=root install /var/tmp/{name} 2>&1 </dev/null && sync -f /",
                   timeout=300).stdout


def pids(host, units=SERVICES):
    """Main processes of services that run."""
    return host.out(f"systemctl show -p MainPID --value {units}").split()


def test_T_36_upgrade_of_a_deployment_at_work_loses_nothing_and_asks_nothing(mds):
    deb = next_release()
    london, tokyo = mds["london"], mds["tokyo"]
    for host in (london, tokyo):
        assert VERSION not in host.out("mdsctl --version")
        # An administrator's own settings are no reason to ask.
        host.sh("printf '# ours\\n' >> /etc/mds/mds.conf")
    private = mds.api("london", "London")
    private.call("add-host", name="unfinished", ip_address="10.9.9.9")
    sid = private.sid
    private.connection.close()
    with Publisher(mds) as publisher:
        before = pids(london)
        told = upgrade(tokyo, deb)
        assert "does not run" not in told and "?" not in told.replace("[Y/n]", ""), told
        publisher.wait_more()
        assert pids(london) == before, "the upgrade of the peer restarts nothing here"
        mds.wait_well("london")
        assert VERSION in tokyo.out("mdsctl --version")
        wait_until(lambda: [s["version"] for s in mds.ctl_json("london", "status")["servers"]].count(VERSION) == 1,
                   30, "London to see one server of the next release")
        assert COMMENT not in str(mds.api("london", "London").call("show-host", name=publisher.done[0])), \
            "documents are raised when every server knows them"

        told = upgrade(london, deb)
        assert "does not run" not in told and "?" not in told.replace("[Y/n]", ""), told
        publisher.wait_more()
    print(f"{len(publisher.done)} publishes, the longest pause {publisher.gap:.1f} s")
    assert publisher.gap < 30, f"nobody could publish for {publisher.gap:.0f} s"
    mds.wait_well("london")
    mds.wait_well("tokyo")
    mds.wait_synchronized("london", "London")
    for host in (london, tokyo):
        assert host.out("systemctl --failed --plain --no-legend") == ""
        assert "(deleted)" not in host.out("ls -l /proc/[0-9]*/exe 2>/dev/null | grep /usr/lib/mds/ || true"), \
            "a service runs the program of before"
    assert set(pids(london)).isdisjoint(before), "every service is of the next release"
    # Nothing that was answered for is lost, on either server, and the documents were raised.
    wait_until(lambda: mds.api("london", "London").call("show-host", name="p1").get("comments") == COMMENT, 30,
               "the documents to be raised")
    mds.wait_synchronized("london", "London")
    for server in ("london", "tokyo"):
        api = mds.api(server, "London", **{"read-only": True})
        names = {o["name"] for o in api.all("show-hosts")}
        assert set(publisher.done) <= names, (server, sorted(set(publisher.done) - names))
        api.close()
    # Work that was not published is still its author's.
    private.sid = sid
    status, reply = private.raw("show-host", b'{"name": "unfinished"}')
    assert status == 200, reply


def test_what_an_administrator_stopped_stays_stopped(mds):
    tokyo = mds["tokyo"]
    tokyo.sh("mdsstop")
    tokyo.sh(f"apt-get -y -o APT::Sandbox::User=root install --reinstall /var/tmp/{os.path.basename(next_release())} "
             "</dev/null", timeout=300)
    assert tokyo.out("systemctl list-units --plain --no-legend --state=active 'mds-*.service' mds.target") == ""
    tokyo.sh("mdsstart")
    mds.wait_well("london")


def test_an_upgrade_says_what_it_did_not_bring_back(mds):
    tokyo = mds["tokyo"]
    folder = "/etc/systemd/system/mds-ca.service.d"
    tokyo.write_file(f"{folder}/99-broken.conf", "[Service]\nExecStart=\nExecStart=/bin/false\n")
    try:
        told = tokyo.sh("apt-get -y -o APT::Sandbox::User=root install --reinstall "
                        f"/var/tmp/{os.path.basename(next_release())} 2>&1 </dev/null", timeout=300).stdout
        assert "mds-ca.service does not run after the upgrade. Next: journalctl -xeu mds-ca.service" in told, told
    finally:
        tokyo.sh(f"rm -r {folder}; systemctl daemon-reload; systemctl restart mds.target")
    mds.wait_well("london")
