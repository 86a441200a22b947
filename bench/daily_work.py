#!/usr/bin/python3
"""What an operator does and waits for: from the package to the first Domain, what is typed for each change, how soon a
lost server is noticed, how the Primary is replaced. Prints RESULT lines; ends with 1 when a goal is missed. On booted
hosts, as root, with a package (./dev package). An action is a command, or a question that it asks."""

import os
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/support")

from deployment import ADDRESSES, KEY, Deployment, package  # noqa: E402
from rig import wait_until  # noqa: E402

MISSED = []


def result(name, value, unit, goal):
    """One figure beside its goal, which is the most that it may be."""
    print(f"RESULT {name} {value:.3f} {unit}", flush=True)
    if value > goal:
        MISSED.append(f"{name}: {value:.2f} {unit}, goal {goal} {unit}")


def seconds(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def acts(deployment, name, goal, *commands):
    """Commands on hosts, ("london", "mdsctl ..."): none may ask anything, so each is one action."""
    took = 0
    for host, command in commands:
        took += seconds(lambda h=host, c=command: deployment[h].sh(f"{c} </dev/null"))
    result(f"{name}_actions", len(commands), "actions", goal)
    result(f"{name}_seconds", took, "s", 60)


def first_domain(deployment):
    """apt install, mds-setup and the first Domain, one after the other on one host."""
    london = deployment["london"]
    took = seconds(lambda: london.install(package()))
    setup = seconds(lambda: deployment.setup(["london"]))
    took += setup + seconds(lambda: london.sh("mdsctl domain create London --on london --ip 10.77.0.21"))
    result("install_to_first_domain", took, "s", 60)
    result("setup_applied", setup, "s", 15)


def status(deployment):
    """mdsctl status; what entering the host takes is taken off."""
    def median(command):
        return statistics.median(seconds(lambda: deployment["london"].sh(command)) for _ in range(21))
    result("status", (median("mdsctl status") - median("true")) * 1000, "ms", 300)


def noticed(deployment, name, begin, goal):
    """Until mdsctl status of London says that something is not well."""
    begin()
    took = seconds(lambda: wait_until(lambda: deployment.ctl("london", "status", check=False).returncode == 3, 60, name))
    result(name, took, "s", goal)


def main():
    """Measures all of it."""
    deployment = Deployment(os.environ.get("OPENMDS_RIG", "oper"))
    try:
        deployment.boot()
        first_domain(deployment)
        deployment.install(["tokyo", "logs"])
        deployment.setup(["tokyo", "logs"])
        deployment["london"].write_file("/root/key", KEY + "\n", 0o600)
        acts(deployment, "add_secondary", 4, ("london", f"mdsctl server add tokyo --ip {ADDRESSES['tokyo']} --key-file /root/key"))
        acts(deployment, "add_standby", 3, ("london", "mdsctl ds create London tokyo --ip 10.77.0.31"))
        deployment.wait_well("london")
        status(deployment)
        acts(deployment, "change_active", 3, ("london", "mdsctl ha set-active London tokyo"))
        acts(deployment, "change_active_back", 3, ("london", "mdsctl ha set-active London london"))
        deployment.wait_well("london")
        noticed(deployment, "cut_noticed", lambda: deployment.rig.cut("london", "tokyo"), 15)
        deployment.rig.heal()
        deployment.wait_well("london")
        noticed(deployment, "power_cut_noticed", deployment["tokyo"].kill, 15)
        deployment.power_back("tokyo")
        deployment.wait_well("london")
        deployment["london"].kill()
        wait_until(lambda: deployment.ctl("tokyo", "promote --plan", check=False).returncode == 0, 60, "the plan to have nothing against it")
        acts(deployment, "replace_primary", 1, ("tokyo", "mdsctl promote -y --reason bench"))
        wait_until(lambda: deployment.ha("tokyo", "London").get("role") == "active", 30, "London to be Active")
    finally:
        deployment.down()
    for line in MISSED:
        print("missed", line)
    return 1 if MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
