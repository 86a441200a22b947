#!/usr/bin/python3
"""Real faults on booted hosts while clients publish; afterwards everything that clients were told must
be explained by what is left. `./dev faults --seconds 900 --seed 7`. A seed gives the same faults in the
same order; when they strike is up to the machine."""

import argparse
import os
import random
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [f"{ROOT}/tests/support", f"{ROOT}/tests/hosts", f"{ROOT}/tests/faults"]

from clock import Clock  # noqa: E402
from deployment import DOMAINS, Deployment  # noqa: E402
from history import Client, Left, check  # noqa: E402
from rig import RigError, wait_until  # noqa: E402

PAIR = ("london", "tokyo")


class Faults:
    """Strikes one after the other; each ends as it began, with everything connected and running."""

    def __init__(self, deployment, seed, tell=print, clocks=None):
        self.d, self.random, self.tell = deployment, random.Random(seed), tell
        self.count, self.clocks = {}, clocks
        self.names = [n for n in dir(self) if n.startswith("fault_")]
        if not clocks:
            self.names.remove("fault_clock_jumps")

    def strike(self):
        """One fault, chosen by the seed."""
        name = self.random.choice(self.names)
        word = name[6:].replace("_", " ")
        self.count[word] = self.count.get(word, 0) + 1
        begin = time.monotonic()
        getattr(self, name)()
        self.tell(f"  {word} ({time.monotonic() - begin:.1f} s)")

    def wait(self, low=0.5, high=4.0):
        time.sleep(self.random.uniform(low, high))

    def domain(self):
        return self.random.choice(sorted(DOMAINS))

    def host(self):
        return self.random.choice(PAIR)

    def ctl(self, host, words):
        """An operator's command; its refusal is as good as its success."""
        return self.d.ctl(host, words, check=False, timeout=60)

    def server_on(self, host, domain):
        return next(n for n, _, m, _ in DOMAINS[domain] if m == host)

    # ---- the line ----

    def fault_line_cut(self):
        self.d.rig.cut(*PAIR)
        self.wait()
        self.d.rig.heal()

    def fault_line_cut_one_way(self):
        one, other = self.random.sample(PAIR, 2)
        self.d.rig.cut(one, other, one_way=True)
        self.wait()
        self.d.rig.heal()

    def fault_line_lossy(self):
        self.d.rig.network.lose(*PAIR, self.random.choice([2, 10, 40]))
        self.wait(2, 6)
        self.d.rig.heal()

    def fault_line_alters_bytes(self):
        self.d.rig.network.corrupt(*PAIR, self.random.choice([2, 10, 40]))
        self.wait(1, 4)
        self.d.rig.heal()

    def fault_clock_jumps(self):
        # Beyond the validity of the certificates too.
        self.clocks[self.host()].set(self.random.choice([-1, 1]) * self.random.choice(
            [90, 7200, 3 * 86400, 400 * 86400]))
        self.wait(1.5, 4)
        for clock in self.clocks.values():
            clock.set(0)

    def fault_forced_takeover_while_the_line_is_cut(self):
        domain, target = self.domain(), self.host()
        other = PAIR[1 - PAIR.index(target)]
        self.d.rig.cut(*PAIR)
        self.d.rig.cut(other, "logs")
        time.sleep(self.random.uniform(6, 8))  # until the other one counts as silent
        self.ctl(target, f"--yes --reason test ha force-active {domain} {target}")
        self.wait(1, 4)
        self.d.rig.heal()

    # ---- machines and processes ----

    def fault_power_cut(self):
        name = self.host()
        self.d[name].kill()
        self.wait(0.2, 3)
        if self.random.random() < 0.4:
            other = PAIR[1 - PAIR.index(name)]
            time.sleep(6)
            for domain in DOMAINS:
                self.ctl(other, f"--yes --reason test ha force-active {domain} {other}")
            self.wait(0.5, 3)
        self.d.power_back(name)

    def fault_process_killed(self):
        host, unit = self.d[self.host()], self.random.choice(
            ["mds-sync", "mds-core", "mds-api", "mds-domain@*", "mds-domain@*"])
        for _ in range(self.random.randint(1, 3)):
            host.sh(f"systemctl kill -s KILL '{unit}.service'", check=False)
            self.wait(0.1, 1)

    def fault_process_stopped_for_a_while(self):
        host, domain = self.host(), self.domain()
        unit = f"mds-domain@{self.server_on(host, domain)}.service"
        self.d[host].sh(f"systemctl kill -s STOP {unit}", check=False)
        self.wait(1, 8)
        self.d[host].sh(f"systemctl kill -s CONT {unit}", check=False)

    def fault_byte_flipped_on_a_disk(self):
        host, domain = self.host(), self.domain()
        folder = f"/var/lib/mds/servers/{self.server_on(host, domain)}"
        self.d[host].sh(
            f"f={folder}/$(cat {folder}/current)/public.db; s=$(stat -Lc %s $f); "
            f"printf x | dd of=$f bs=1 seek=$(( {self.random.randrange(1 << 30)} % (s - 4096) + 4096 )) "
            "conv=notrunc status=none", check=False)
        self.ctl(host, f"ha verify {domain}")

    def fault_disk_full(self):
        host = self.d[self.host()]
        host.sh("mkdir -p /run/small; df -B1 --output=avail /var/lib/mds | tail -n 1 >/run/small/free; "
                "fallocate -l $(( $(cat /run/small/free) - 200000 )) /var/lib/mds/filler", check=False,
                timeout=30)
        self.wait(1, 4)
        # On the disk, or the next power cut brings it back and nobody ever frees it.
        host.sh("rm -f /var/lib/mds/filler && sync -f /var/lib/mds", check=False)

    # ---- operators ----

    def fault_set_active_to_the_other(self):
        domain, host = self.domain(), self.host()
        self.ctl(host, f"ha set-active {domain} {host}")

    def fault_set_standby_and_active_again(self):
        domain, host = self.domain(), self.host()
        self.ctl(host, f"--yes ha set-standby {domain}")
        self.wait(0.1, 1.5)
        self.ctl(host, f"ha set-active {domain} {host}")

    def fault_full_copy(self):
        domain = self.domain()
        self.ctl("london", f"--yes --reason test ha sync {domain} --to {self.host()}")


def settle(d, timeout=120):
    """Everything connected; one Active in every Domain, chosen by an operator where needed; all
    synchronized with no further input."""
    d.rig.heal()
    for name in d.wanted:
        if not d[name].running():
            d.power_back(name)
    for domain in DOMAINS:
        end = time.monotonic() + timeout
        while True:
            state = d.ha("london", domain).get("state")
            if state == "normal":
                break
            if time.monotonic() > end:
                raise RigError(f"{domain} is {state}: {d.ha('london', domain)}")
            if state == "no-active":
                d.ctl("tokyo", f"--yes ha set-active {domain} tokyo", check=False)
            if state == "collision":
                d.ctl("tokyo", f"--yes ha set-standby {domain} tokyo", check=False)
            time.sleep(1)
        d.wait_synchronized("london", domain, timeout)
        wait_until(lambda: all(d.ha(h, domain).get("damage", "") == "" for h in PAIR), timeout,
                   f"{domain} to be repaired")


def look(d):
    """What the stopped servers have."""
    for name in d.wanted:
        d[name].sh("systemctl stop mds.target")
    try:
        return {domain: {server: Left(d[mds], server) for server, _, mds, _ in rows}
                for domain, rows in DOMAINS.items()}
    finally:
        for name in d.wanted:
            d[name].sh("systemctl start mds.target")


def run(d, seconds, seed, tell=print, clocks=None):
    """Returns (violations, what happened) of `seconds` of faults on a built deployment; with `clocks`
    (clock.Clock by host) the clocks jump too."""
    stop = threading.Event()
    tag = f"f{seed % 100000}"
    clients = [Client(d, domain, PAIR, tag, stop) for domain in DOMAINS]
    faults = Faults(d, seed, tell, clocks)
    for client in clients:
        client.start()
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            faults.wait(0.3, 2)
            faults.strike()
    finally:
        # One that has died tells nothing any more, and nothing would be checked.
        ended = [c.name for c in clients if not c.is_alive()]
        stop.set()
        for client in clients:
            client.join(60)
        settle(d)
    bad = check(clients, look(d)) + [f"{name} has ended before its time" for name in ended]
    for domain in DOMAINS:
        d.wait_synchronized("london", domain, 60)
    told = {}
    for client in clients:
        for entry in client.told:
            told[entry["told"]] = told.get(entry["told"], 0) + 1
    return bad, {"seed": seed, "faults": faults.count, "told": told,
                 "trouble": {k: v for c in clients for k, v in c.trouble.items()}}


def main():
    """Boots the reference deployment, or takes the one that is there (REUSE=1)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    d = Deployment("faults")
    if not os.environ.get("REUSE"):
        d.build()
    clocks = {name: Clock(d[name]) for name in PAIR}
    for domain in DOMAINS:
        d.wait_synchronized("london", domain, 60)
    bad, what = run(d, options.seconds, options.seed, clocks=clocks)
    print(what)
    for line in bad:
        print("VIOLATION", line)
    print(f"{len(bad)} violations, seed {options.seed}")
    if not bad and not os.environ.get("KEEP"):
        d.down()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
