"""What the line and the clocks do to trust and synchronization: expired certificates, clocks that jump,
bytes altered in transit, servers of another release. Revocation: test_three_mds.py."""

import json
import time

import pytest

from clock import Clock
from rig import wait_until
from test_ex1 import host

DAY = 86400


def publish(deployment, name, address, city="london"):
    """One host published in Domain London; its answer is its success."""
    api = deployment.api(city, "London")
    api.send("add-host", host(name, address, **{"ignore-warnings": True}))
    api.publish()
    api.close()


def there(deployment, name, city="tokyo"):
    """Whether a host is published there."""
    api = deployment.api(city, "London")
    status = api.raw("show-host", json.dumps({"name": name}).encode())[0]
    api.close()
    return status == 200


def status_of_tokyo(deployment):
    """Sync status of London's Standby as London sees it, and the reason."""
    row = deployment.peer("london", "London", "tokyo")
    return row.get("sync-status"), row.get("reason", "")


@pytest.fixture(name="clocks", scope="module")
def faked_clocks(ex1):
    clocks = {name: Clock(ex1[name]) for name in ("london", "tokyo")}
    ex1.wait_synchronized("london", "London", 60)
    yield clocks
    for clock in clocks.values():
        clock.remove()
    ex1.wait_synchronized("london", "London", 60)


def test_clocks_that_jump_change_nothing_that_is_published(ex1, clocks):
    for number, (city, seconds) in enumerate([("london", 3 * 3600), ("tokyo", -2 * DAY),
                                              ("london", -3600), ("tokyo", 5 * DAY)]):
        clocks[city].set(seconds)
        time.sleep(1.5)  # libfaketime looks at its file once a second
        publish(ex1, f"clock-{number}", f"192.0.2.{70 + number}")
        ex1.wait_synchronized("london", "London")
        assert there(ex1, f"clock-{number}")
    api = ex1.api("london", "London")
    revisions = api.call("show-sessions", **{"view-published-sessions": True, "limit": 500})
    assert revisions["total"] >= 4
    api.close()
    # Roles are changed as ever while the clocks differ by days.
    ex1.ctl("london", "ha set-active London tokyo")
    ex1.wait_role("tokyo", "London", "active")
    publish(ex1, "clock-there", "192.0.2.74", "tokyo")
    ex1.ctl("london", "ha set-active London london")
    ex1.wait_role("london", "London", "active")
    for clock in clocks.values():
        clock.set(0)
    ex1.wait_synchronized("london", "London")


def test_an_expired_certificate_ends_trust_and_its_renewal_by_the_clock_ends_that(ex1, clocks):
    clocks["tokyo"].set(400 * DAY)
    # An old connection is not believed for ever either.
    ex1["tokyo"].sh("systemctl restart mds-sync")
    wait_until(lambda: status_of_tokyo(ex1)[0] in ("trust-missing", "unreachable"), 30,
               "the link to end", lambda: str(status_of_tokyo(ex1)))
    wait_until(lambda: "expired" in status_of_tokyo(ex1)[1] or "not valid" in status_of_tokyo(ex1)[1],
               30, "the reason", lambda: str(status_of_tokyo(ex1)))
    publish(ex1, "while-expired", "192.0.2.75")
    screen = ex1.ctl("london", "ha status London", check=False)
    assert screen.returncode == 3 and "expired" in screen.stdout, screen.stdout
    assert not there(ex1, "while-expired")
    clocks["tokyo"].set(0)
    ex1.wait_synchronized("london", "London", 60)
    assert there(ex1, "while-expired")


def test_bytes_altered_in_transit_are_never_taken(ex1):
    def alerts():
        # The receiver tells the sender, so both logs may name it.
        return sum(int(ex1[n].out("journalctl -u mds-sync -o cat --no-pager | "
                                  "grep -c 'bad record mac' || true")) for n in ("london", "tokyo"))
    before = alerts()
    ex1.rig.network.corrupt("london", "tokyo", 20)
    try:
        for number in range(20):
            publish(ex1, f"corrupt-{number}", f"192.0.2.{80 + number}")
        assert ex1.rig.network.altered() > 0
    finally:
        ex1.rig.heal()
    ex1.wait_synchronized("london", "London", 60)
    assert all(there(ex1, f"corrupt-{n}") for n in (0, 7, 19))
    assert alerts() > before
    assert ex1.ctl("tokyo", "ha verify London").returncode == 0


def test_servers_of_two_releases_replicate_in_both_directions(ex1):
    version = ex1["london"].out("mdsctl --version").split()[1]
    other = version[:-1] + str((int(version[-1]) + 1) % 10)
    # The same program that says it is another release: what counts is what it can read.
    plain, program = version.replace(".", "\\."), "/usr/lib/mds/mds-domain"
    ex1["tokyo"].sh(f"cp -p {program} {program}.new; LC_ALL=C sed -i 's/{plain}/{other}/g' {program}.new; "
                    f"mv {program} /var/tmp/mds-domain; mv {program}.new {program}; "
                    "systemctl restart 'mds-domain@*'")
    try:
        assert other in ex1["tokyo"].out(f"{program} --version")
        ex1.wait_synchronized("london", "London", 60)
        publish(ex1, "release-1", "192.0.2.101")
        ex1.wait_synchronized("london", "London")
        ex1.ctl("london", "ha set-active London tokyo")
        ex1.wait_role("tokyo", "London", "active")
        publish(ex1, "release-2", "192.0.2.102", "tokyo")
        ex1.wait_synchronized("tokyo", "London")
        assert there(ex1, "release-1", "london") and there(ex1, "release-2", "london")
        ex1.ctl("london", "ha set-active London london")
        ex1.wait_role("london", "London", "active")
    finally:
        # By name: a pattern finds only what is loaded.
        ex1["tokyo"].sh(f"mv /var/tmp/mds-domain {program}; systemctl restart 'mds-domain@*' mds-domain@London-2 mds-domain@Tokyo-1")
    for name in ("tokyo", "london"):
        ex1.wait_well(name)
