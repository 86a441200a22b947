#!/usr/bin/python3
"""The whole product on three booted hosts: install, wizard, trust, two Domains with shared load, a
real object list, publish, synchronization, power cut of London, failover, return. Every step is
printed with its time; the hosts stay up. Exit 0 only when every step did what it says."""

import csv
import ipaddress
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/support")

from deployment import ADDRESSES, PASSWORD, Deployment  # noqa: E402
from rig import RigError, wait_until  # noqa: E402

DATA = os.environ.get("OPENMDS_DATA", f"{ROOT}/../shared/data")
PREFIX = os.environ.get("OPENMDS_RIG", "demo")


def tell(text, seconds):
    """One line a step."""
    print(f"  ✓ {text:<62}{seconds:>7.1f} s", flush=True)


def services(limit):
    """(command, parameters) of TCP and UDP services of the IANA registry."""
    seen = set()
    with open(f"{DATA}/iana-service-ports/service-names-port-numbers.csv", encoding="utf-8") as file:
        for row in csv.reader(file):
            if len(row) < 3 or row[2] not in ("tcp", "udp") or not row[0] or not row[1]:
                continue
            name = f"iana-{row[0]}-{row[2]}"
            if name.lower() in seen or len(seen) >= limit:
                continue
            seen.add(name.lower())
            yield f"add-service-{row[2]}", {"name": name, "port": row[1],
                                            "comments": " ".join(row[3:])[:100].strip()}


def networks(provider):
    """(command, parameters) of the published prefixes of a cloud provider."""
    with open(f"{DATA}/cloud-ip-ranges/{provider}-ipv4_merged.txt", encoding="ascii") as file:
        for line in file:
            net = ipaddress.ip_network(line.strip())
            text = str(net.network_address)
            if net.prefixlen == 32:
                yield "add-host", {"name": f"{provider}-{text}", "ip-address": text}
            else:
                yield "add-network", {"name": f"{provider}-{text}-{net.prefixlen}", "subnet": text,
                                      "mask-length": net.prefixlen}


def import_objects(api):
    """Imports services, networks, hosts and a group a provider; returns how many objects."""
    count = 0
    for command, body in services(2600):
        api.send(command, body)
        count += 1
    for provider in ("amazon", "google", "oracle", "digitalocean", "linode"):
        members = []
        for command, body in networks(provider):
            body["ignore-warnings"] = True
            api.send(command, body)
            members.append(body["name"])
            count += 1
        api.send("add-group", {"name": f"cloud-{provider}", "members": members})
        count += 1
    return count


def names(api):
    """Names of the imported objects as a Domain Server shows them."""
    return sorted(o["name"] for command in
                  ("show-hosts", "show-networks", "show-services-tcp", "show-services-udp", "show-groups")
                  for o in api.all(command)
                  if o.get("domain", {}).get("domain-type") != "data domain")


def screen(deployment, host, words):
    """A command and its output as an operator sees them."""
    print(f"\n{host}# mdsctl {words}")
    print(deployment.ctl(host, words, check=False).stdout, flush=True)


def main():
    """Runs the demo."""
    begin = time.monotonic()
    if not os.path.isdir(DATA):
        raise RigError(f"no sample data in {DATA}; set OPENMDS_DATA")
    print("OpenMDS on three hosts\n")
    d = Deployment(PREFIX, tell=tell)
    d.build()
    london = d.api("london", "London")
    objects = d.step("real object list imported through the API", lambda: import_objects(london))
    if objects < 5000:
        raise RigError(f"only {objects} objects were imported")
    d.step(f"{objects} objects published", london.publish)
    d.step("both Standbys synchronized, digests equal",
           lambda: (d.wait_synchronized("london", "London"), d.wait_synchronized("tokyo", "Tokyo")))
    published = names(london)
    screen(d, "london", "status")
    screen(d, "london", "domain list")
    screen(d, "london", "ha status London")

    d.step("London is cut off from power", d["london"].kill)
    d.step("Tokyo notices", lambda: wait_until(
        lambda: d.peer("tokyo", "London", "london").get("sync-status") == "unreachable", 30,
        "Tokyo to notice"))
    refused = d.ctl("tokyo", "ha set-active London tokyo", check=False)
    if refused.returncode == 0 or "RF-21" not in refused.stderr:
        raise RigError(f"an orderly change must be refused: {refused.stdout}{refused.stderr}")
    print("\ntokyo# mdsctl ha set-active London tokyo\n" + refused.stderr)
    d.step("London's Domain made Active on Tokyo",
           lambda: d.ctl("tokyo", "--yes --reason test ha force-active London tokyo"))
    tokyo = d.api("tokyo", "London")
    found = d.step("every published object is there", lambda: names(tokyo))
    if found != published:
        raise RigError(f"{len(published)} objects were published, {len(found)} are on Tokyo")
    tokyo.call("add-host", name="after-failover", ip_address="192.0.2.77")
    d.step("and it takes changes", tokyo.publish)
    d.step("London is back", lambda: d.power_back("london"))
    d.step("and follows", lambda: d.wait_synchronized("tokyo", "London", timeout=60))
    d.wait_role("london", "London", "standby")
    back = d.api("london", "London")
    back.call("show-host", name="after-failover")
    screen(d, "tokyo", "ha status London")
    print(f"Done in {time.monotonic() - begin:.0f} s. The hosts stay up; take them away with: "
          f"./dev hosts --rig {PREFIX} down\n")
    for name, address in ADDRESSES.items():
        print(f"  {name:<8} https://{address}/   ./dev hosts --rig {PREFIX} sh {name}")
    print(f"\n  login    admin, password {PASSWORD}")
    print(f"  try      ./dev hosts --rig {PREFIX} sh tokyo mdsctl status")
    print(f"           ./dev hosts --rig {PREFIX} sh tokyo mgmt_cli show hosts limit 3 -r true "
          "-d London")


if __name__ == "__main__":
    try:
        main()
    except RigError as error:
        print(f"\n✕ {error}", file=sys.stderr)
        sys.exit(1)
