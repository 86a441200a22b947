#!/usr/bin/python3
"""Measurements on two booted hosts, each with its floor in the same run. Prints RESULT lines:
RESULT <name> <value> <unit>. Nothing here passes or fails."""

import os
import statistics
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/support")

from deployment import ADDRESSES, Deployment  # noqa: E402


def result(name, value, unit):
    """One figure."""
    print(f"RESULT {name} {value:.3f} {unit}", flush=True)


def floor_fsync(count=200):
    """Median of a 4 kB write with fdatasync on the disk that carries the hosts."""
    path = "/var/tmp/openmds-bench.floor"
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        os.pwrite(fd, os.urandom(4096), 0)
        os.fdatasync(fd)
        times.append(time.perf_counter() - begin)
    os.close(fd)
    os.unlink(path)
    return statistics.median(times) * 1000


def visible(tokyo, name):
    """Polls a Standby until an object is there; the moment it was."""
    while True:
        status, _ = tokyo.raw("show-host", ('{"name":"%s"}' % name).encode())
        if status == 200:
            return time.perf_counter()


def main():
    """Boots two hosts, measures, takes them away."""
    d = Deployment("bench", hosts={n: ADDRESSES[n] for n in ("london", "tokyo")})
    d.build()
    london, tokyo = d.api("london", "London"), d.api("tokyo", "London")
    result("floor_fdatasync_4k_p50", floor_fsync(), "ms")
    begin = time.perf_counter()
    for _ in range(300):
        london.call("keepalive")
    result("floor_https_keepalive_p50", (time.perf_counter() - begin) / 300 * 1000, "ms")

    ok, seen = [], []
    for i in range(60):
        london.call("add-host", name=f"one-{i}", ip_address=f"192.0.2.{i + 1}")
        begin = time.perf_counter()
        london.call("publish")
        ok.append(time.perf_counter() - begin)
        seen.append(visible(tokyo, f"one-{i}") - begin)
    result("publish_ok_p50", statistics.median(ok) * 1000, "ms")
    result("publish_to_visible_p50", statistics.median(seen) * 1000, "ms")

    begin = time.perf_counter()
    for i in range(1000):
        london.call("add-network", name=f"n-{i}", subnet=f"10.{i // 250}.{i % 250}.0", mask_length=24)
    result("adds_one_session", 1000 / (time.perf_counter() - begin), "1/s")
    begin = time.perf_counter()
    london.publish()
    result("publish_1000_changes", (time.perf_counter() - begin) * 1000, "ms")
    result("publish_1000_visible", (visible_network(tokyo, "n-999") - begin) * 1000, "ms")

    sessions = [d.api("london", "London") for _ in range(16)]

    def work(number):
        for i in range(100):
            sessions[number].call("add-host", name=f"p-{number}-{i}",
                                  ip_address=f"172.16.{number}.{i + 1}")
    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result("adds_16_sessions", 1600 / (time.perf_counter() - begin), "1/s")
    for session in sessions:
        session.publish()

    begin = time.perf_counter()
    d.ctl("london", "--yes --reason bench ha sync London --to tokyo")
    took = time.perf_counter() - begin
    size = int(d["tokyo"].out("journalctl -u mds-domain@London-2 -o cat --no-pager | "
                              "sed -n 's/^full copy of .*, \\([0-9]*\\) bytes$/\\1/p' | tail -n 1"))
    result("full_copy_of", size / 1e6, "MB")
    result("full_copy", size / 1e6 / took, "MB/s")
    begin = time.perf_counter()
    d.ctl("london", "ha set-active London tokyo")
    d.wait_role("tokyo", "London", "active")
    result("set_active_command", (time.perf_counter() - begin) * 1000, "ms")
    begin = time.perf_counter()
    d.ctl("london", "--json status", check=False)
    result("mdsctl_status", (time.perf_counter() - begin) * 1000, "ms")
    memory = d["london"].out("ps -C mds-domain -o rss= | sort -n | tail -1")
    result("domain_server_rss", int(memory) / 1024, "MiB")
    d.down()


def visible_network(tokyo, name):
    """As visible(), for a network."""
    while True:
        status, _ = tokyo.raw("show-network", ('{"name":"%s"}' % name).encode())
        if status == 200:
            return time.perf_counter()


if __name__ == "__main__":
    main()
