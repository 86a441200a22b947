#!/usr/bin/python3
"""What a scrape of the metrics costs mds-core with 250 Domains on three servers: real mds-core, mds-sync and mds-ca
of each, in namespaces of this machine; the Domain Servers only say their status. Needs root.
RESULT lines: an answer that is made anew, one that is kept, and its size."""
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

import dbus.lowlevel

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import namespaces  # noqa: E402
from exposition import Metrics  # noqa: E402
from private_bus import wait_until  # noqa: E402

DOMAINS = int(os.environ.get("DOMAINS", "250"))
SERVERS = ["london", "tokyo", "paris"]


def result(name, value, unit):
    print(f"RESULT {name} {value:.3f} {unit}", flush=True)


def say(server, domain, uid, number, uids):
    """The status of a Domain Server, as it announces it itself."""
    position = SERVERS.index(server.name)
    peers = [{"server": f"{domain}-{n}", "mds": uids[name], "mds-name": name, "address": f"198.18.0.{i + 1}",
              "log-server": False, "primary": i == 0, "ha-state": "active" if i == number % 3 else "standby",
              "sync-status": "synchronized", "sync-state": "Ok", "revision": 7, "peer-revision": 7,
              "digest-equal": True, "since": 1, "last-contact": 1, "last-successful-sync": 1, "parked": 0,
              "reason": "", "next": ""}
             for i, (n, name) in enumerate(zip("123", SERVERS)) if i != position]
    status = {"domain": domain, "domain-uid": uid, "domain-type": "domain", "server": f"{domain}-{position + 1}",
              "mds": uids[server.name], "mds-name": server.name, "log-server": False, "state": "normal",
              "role": "active" if position == number % 3 else "standby", "revision": 7, "term": 1, "parked": 0,
              "sessions": 2, "peers": peers}
    message = dbus.lowlevel.SignalMessage("/org/openmds/Domain1", "org.openmds.Domain1", "StatusChanged")
    message.append(json.dumps(status), signature="s")
    server.bus.connection.send_message(message)


def main():
    nothing = tempfile.mkdtemp(prefix="mds-nothing-")
    os.symlink("/bin/true", f"{nothing}/mds-domain")
    real, namespaces.program = namespaces.program, lambda name: (
        pathlib.Path(nothing, name) if name == "mds-domain" else real(name))
    deployment = namespaces.Namespaces(*SERVERS)
    try:
        london = deployment["london"]
        uids = {row["name"]: row["uid"] for row in london.run("show-mdss")["objects"]}
        for number in range(DOMAINS):
            rows = [{"name": f"D{number}-{i + 1}", "ip-address": f"198.18.{number // 80 + 1}.{number % 80 * 3 + i}",
                     "multi-domain-server": name, "active": i == number % 3} for i, name in enumerate(SERVERS)]
            rows.sort(key=lambda row: not row["active"])  # the first one is the Active
            london.run("add-domain", name=f"D{number}", servers=rows)

        def listed():
            rows = london.run("show-domains", limit=500)["objects"]
            found = {row["name"]: row["uid"] for row in rows}
            return found if all(f"D{number}" in found for number in range(DOMAINS)) else None
        domains = wait_until(listed, 120, "every Domain", step=1)

        def all_said():
            for server in deployment:
                for number in range(DOMAINS):
                    say(server, f"D{number}", domains[f"D{number}"], number, uids)
            london.bus.connection.flush()
            time.sleep(3)
            try:
                body = london.scrape()[2]
            except TimeoutError:  # it looks at the task of every new Domain for each of these words
                return False
            return Metrics(body).value("openmds_domains", state="synchronized") >= DOMAINS
        wait_until(all_said, 300, "the status of every Domain")
        anew, kept = [], []
        for _ in range(15):
            time.sleep(1.3)
            for times in (anew, kept):
                begin = time.monotonic()
                body = london.scrape()[2]
                times.append((time.monotonic() - begin) * 1000)
        result(f"scrape_of_{DOMAINS}_domains_on_3_servers", statistics.median(anew), "ms")
        result(f"scrape_of_{DOMAINS}_domains_on_3_servers_kept", statistics.median(kept), "ms")
        result(f"scrape_of_{DOMAINS}_domains_on_3_servers_size", len(body) / 1024, "KiB")
    finally:
        deployment.close()


if __name__ == "__main__":
    main()
