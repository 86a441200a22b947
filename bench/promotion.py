#!/usr/bin/python3
"""The plug of the Primary is pulled under load: how long until a promoted Secondary and every Domain take
publishes again, and whether everything is there that was acknowledged. Three Multi-Domain Servers and a
log server; DOMAINS (default 50), half of them Active on the Primary. Prints RESULT lines; ends with 1 when
a Domain was not writable or an acknowledged publish that another server had confirmed is gone."""

import os
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/support")
os.environ.setdefault("OPENMDS_RIG_DISK", "24G")  # sparse

from api import ApiError  # noqa: E402
from deployment import ADDRESSES, Deployment  # noqa: E402
from rig import wait_until  # noqa: E402

DOMAINS = int(os.environ.get("DOMAINS", "50"))
CITIES = ["london", "tokyo", "paris"]


def result(name, value, unit):
    """One figure."""
    print(f"RESULT {name} {value:.3f} {unit}", flush=True)


def host(number):
    """A host object of its own name and address."""
    return {"name": f"h{number}", "ip-address": f"192.0.{2 + number // 250}.{number % 250 + 1}",
            "ignore-warnings": True}


class Load(threading.Thread):
    """Publishes in one Domain until its server is gone; remembers what was acknowledged."""

    def __init__(self, deployment, domain):
        super().__init__(daemon=True)
        self.api, self.domain, self.published = deployment.api("london", domain), domain, []

    def run(self):
        number = 0
        try:
            while True:
                self.api.send("add-host", host(number))
                self.api.publish()
                self.published.append((f"h{number}", time.monotonic()))
                number += 1
        except (ApiError, OSError, AssertionError, ValueError):
            return


def names(api):
    """Names of the hosts of a Domain."""
    return {o["name"] for o in api.all("show-hosts")}


def main():
    """Builds, cuts, promotes, looks; the exit code."""
    d = Deployment(os.environ.get("OPENMDS_RIG", "bench"),
                   hosts={n: ADDRESSES[n] for n in CITIES + ["logs"]})
    d.boot()
    d.install()
    d.setup()
    d.join()
    api = d.api("london", **{"session-timeout": 3600})
    for n in range(DOMAINS):
        # Every second one is Active elsewhere.
        order = CITIES if n % 2 == 0 else [CITIES[1 + n // 2 % 2], "london", CITIES[2 - n // 2 % 2]]
        servers = [{"name": f"d{n}-{i}", "ip-address": f"10.{80 + i}.0.{n + 1}", "multi-domain-server": c}
                   for i, c in enumerate(order)]
        servers.append({"name": f"d{n}-log", "ip-address": f"10.84.0.{n + 1}",
                        "multi-domain-server": "logs", "type": "log server"})
        api.wait(api.call("add-domain", name=f"d{n}", servers=servers), timeout=90)
    api.close()
    wait_until(lambda: d.ctl("london", "--json status", check=False).returncode == 0, 300, "all to be well",
               lambda: d.ctl("london", "status", check=False).stdout)
    load = [Load(d, f"d{n}") for n in range(0, min(DOMAINS, 20), 2)]
    for one in load:
        one.start()
    time.sleep(10)
    cut = time.monotonic()
    d["london"].kill()
    for one in load:
        one.join(60)
    wait_until(lambda: all(c["state"] == "good" for c in
                           d.ctl_json("tokyo", "promote --plan")["checks"]), 30, "the Primary to be missed")
    result("primary_missed", time.monotonic() - cut, "s")
    begin = time.monotonic()
    done = d.ctl("tokyo", "-y --reason test promote", check=False, timeout=120)
    print(done.stdout, done.stderr, flush=True)
    result("promote", time.monotonic() - begin, "s")
    # Every Domain takes a publish where it is Active now.
    bad = 0
    active = {}
    for row in d.ctl_json("tokyo", "domain list"):
        active[row["name"]] = [c["mds-name"] for c in row["cells"] if c["ha-state"] == "active"]
    for domain, where in active.items():
        try:
            api = d.api(where[0], domain)
            api.send("add-host", host(5000))
            api.publish()
            api.close()
        except (ApiError, IndexError) as error:
            bad += 1
            print(f"{domain} on {where}: {error}", flush=True)
    result("every_domain_has_published_again", time.monotonic() - begin, "s")
    result("domains_not_writable", bad, "")
    acknowledged = sum(len(one.published) for one in load)
    missing, late = 0, 0
    for one in load:
        api = d.api(active[one.domain][0], one.domain)
        there = names(api)
        api.close()
        for name, when in one.published:
            if name in there:
                continue
            # What was acknowledged in the last moment was on its way; it comes back with its server.
            late, missing = (late + 1, missing) if when > cut - 0.5 else (late, missing + 1)
    result("publishes_acknowledged", acknowledged, "")
    result("of_these_only_on_the_lost_server", late + missing, "")
    d.power_back("london")
    wait_until(lambda: d.ctl("london", "status", check=False).stdout.count("read-only"), 60,
               "the old Primary to be fenced")
    wait_until(lambda: all(c["sync-status"] == "synchronized" for row in d.ctl_json("tokyo", "domain list")
                           for c in row["cells"]), 120, "all to be synchronized",
               lambda: d.ctl("tokyo", "status", check=False).stdout)
    result("old_primary_back_and_synchronized", time.monotonic() - cut, "s")
    handed = 0
    for one in load:
        api = d.api(active[one.domain][0], one.domain)
        handed += sum(o["changes"] for o in api.all("show-sessions", details_level="full")
                      if o["changes"] and not o.get("connected", False))
        api.close()
    result("handed_back_as_recovered_sessions", handed, "changes")
    d.down()
    return 1 if bad or missing or handed < late + missing else 0


if __name__ == "__main__":
    sys.exit(main())
