#!/usr/bin/python3
"""Many Domains on two or three booted hosts, each Domain Server a process: what they cost when nothing
happens. Prints RESULT lines; nothing here passes or fails. DOMAINS (default 250), SERVERS of each
(2 or 3, default 2), IDLE seconds of looking at idle processes (default 60)."""

import os
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/support")
os.environ.setdefault("OPENMDS_RIG_DISK", "24G")  # sparse

from deployment import ADDRESSES, Deployment  # noqa: E402
from rig import wait_until  # noqa: E402

DOMAINS = int(os.environ.get("DOMAINS", "250"))
IDLE = int(os.environ.get("IDLE", "60"))
CITIES = ["london", "tokyo", "paris"][:int(os.environ.get("SERVERS", "2"))]
# Processor time in ticks, context switches, and private memory in kB of every Domain Server.
LOOK = """for p in $(pgrep -x mds-domain); do
  awk '{print $14+$15}' /proc/$p/stat
  awk '/ctxt/{n+=$2} END{print n}' /proc/$p/status
  awk '/^Private_(Clean|Dirty)/{n+=$2} END{print n}' /proc/$p/smaps_rollup
done"""


def result(name, value, unit):
    """One figure."""
    print(f"RESULT {name} {value:.3f} {unit}", flush=True)


def look(host):
    """[(ticks, switches, kB)] of the Domain Servers of a host."""
    numbers = [int(word) for word in host.out(LOOK).split()]
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3]))


def processor(host, unit):
    """Seconds of processor time that a unit has used."""
    return int(host.out(f"systemctl show -P CPUUsageNSec {unit}")) / 1e9


def main():
    """Boots, fills, looks."""
    d = Deployment(os.environ.get("OPENMDS_RIG", "bench"), hosts={n: ADDRESSES[n] for n in CITIES})
    d.boot()
    d.install()
    d.setup()
    d.join()
    api = d.api("london", **{"session-timeout": 3600})
    begin = time.monotonic()
    for n in range(DOMAINS):
        servers = [{"name": f"d{n}-{i}", "ip-address": f"10.{80 + i}.{n // 250}.{n % 250 + 1}",
                    "multi-domain-server": city} for i, city in enumerate(CITIES)]
        api.wait(api.call("add-domain", name=f"d{n}", servers=servers), timeout=90)
    result("create_a_domain", (time.monotonic() - begin) / DOMAINS, "s")
    api.close()

    def well():
        return d.ctl("london", "--json status", check=False).returncode == 0
    wait_until(well, 300, "all to be well", lambda: d.ctl("london", "status", check=False).stdout)
    times = []
    for _ in range(9):
        begin = time.monotonic()
        d.ctl("london", "--json status")
        times.append((time.monotonic() - begin) * 1000)
    result(f"status_of_{DOMAINS}_domains", statistics.median(times), "ms")
    begin = time.monotonic()
    d["london"].sh("true")
    result("of_that_entering_the_host", (time.monotonic() - begin) * 1000, "ms")
    # Beside the scrape the first answer only; what follows within a second is kept.
    scrape = ("import socket,time; t=time.monotonic(); s=socket.socket(socket.AF_UNIX); "
              "s.connect('/run/mds/metrics.sock'); s.sendall(b'GET /metrics HTTP/1.0\\r\\n\\r\\n'); "
              "n=len(s.makefile('rb').read()); print((time.monotonic()-t)*1000, n)")
    times = []
    for _ in range(9):
        time.sleep(1.5)
        took, size = d["london"].out(f'python3 -c "{scrape}"').split()
        times.append(float(took))
    result(f"scrape_of_{DOMAINS}_domains", statistics.median(times), "ms")
    result(f"size_of_a_scrape_of_{DOMAINS}_domains", int(size) / 1024, "KiB")

    time.sleep(90)  # caches are given back after a minute without use
    for city in CITIES:
        host = d[city]
        before = look(host)
        units = ["mds-core", "mds-sync", "dbus"]
        used = {u: processor(host, u) for u in units}
        time.sleep(IDLE)
        after = look(host)
        ticks = sum(a[0] for a in after) - sum(b[0] for b in before)
        switches = sum(a[1] for a in after) - sum(b[1] for b in before)
        result(f"{city}_idle_processor_of_all_domain_servers", ticks / IDLE, "% of a core")
        result(f"{city}_wake_ups_of_a_domain_server", switches / IDLE / len(after), "1/s")
        for unit in units:
            result(f"{city}_idle_processor_of_{unit}",
                   100 * (processor(host, unit) - used[unit]) / IDLE, "% of a core")
        result(f"{city}_private_memory_of_a_domain_server",
               statistics.median(a[2] for a in after) / 1024, "MiB")
        for name in ("mds-core", "mds-sync"):
            kib = host.out(f"awk '/^Private_(Clean|Dirty)/{{n+=$2}} END{{print n}}' "
                           f"/proc/$(pgrep -x {name})/smaps_rollup")
            result(f"{city}_private_memory_of_{name}", int(kib) / 1024, "MiB")

    begin = time.monotonic()
    d["tokyo"].sh("mdsstop; mdsstart", timeout=600)
    wait_until(well, 300, "all to be well again")
    result("restart_of_all_on_a_host_until_synchronized", time.monotonic() - begin, "s")
    begin = time.monotonic()
    d.ctl("london", "--yes ha set-active --all --on tokyo", timeout=1200)
    result("set_active_all", time.monotonic() - begin, "s")
    d.down()


if __name__ == "__main__":
    main()
