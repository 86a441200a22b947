#!/usr/bin/python3
"""The management API beside PostgreSQL 15 doing the same work behind TLS, in alternating rounds on
one machine. Prints RESULT lines and, at the end, ours, theirs and the ratio. Nothing here passes or
fails. OBJECTS (default 1000000) and RULES (default 100000) are the sizes that are filled; ROUNDS
(default 5); KEEP=1 keeps the host, REUSE=1 takes the one that was kept. bench/README.md tells what
each figure means."""

import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/support")
os.environ.setdefault("OPENMDS_RIG_DISK", "24G")  # sparse

from deployment import ADDRESSES, PASSWORD, Deployment  # noqa: E402
from figures import Figures  # noqa: E402
from postgres import Cluster  # noqa: E402

LOAD = os.environ.get("MDS_LOAD", f"{ROOT}/build/dev/bench/load")
OBJECTS = int(os.environ.get("OBJECTS", "1000000"))
RULES = int(os.environ.get("RULES", "100000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))


def main():
    """Boots one host, fills both, measures in turns."""
    d = Deployment(os.environ.get("OPENMDS_RIG", "bench"), hosts={"london": ADDRESSES["london"]})
    if not os.environ.get("REUSE"):
        d.boot()
        d.install()
        binaries = os.environ.get("BINARIES")
        if binaries:
            # Daemons of a build folder in place of the package's, to compare two states of a tree.
            for name in ("api", "core", "domain"):
                with open(f"{binaries}/services/{name}/mds-{name}", "rb") as file:
                    d["london"].write_file(f"/usr/lib/mds/mds-{name}", file.read(), 0o755)
        d.setup()
        d.domains(["London"])
    postgres = Cluster()
    figures = Figures()

    def run(side, *work):
        words = [LOAD] + (postgres.target if side == "theirs" else
                          ["https", ADDRESSES["london"], "443", "admin", PASSWORD, "London"])
        if side == "ours":
            words = ["ip", "netns", "exec", d.rig.network.switch] + words
        done = subprocess.run([*words, "--", *map(str, work)], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            print(f"FAILED {side} {work}: {done.stderr.strip()}", flush=True)
        for line in done.stdout.splitlines():
            _, name, value, unit = line.split()
            figures.add(side, name, float(value), unit)

    def both(rounds, *work, addresses=0):
        for number in range(rounds):
            words = [str(w).replace("#", f"{number}") for w in work]
            if "B" in words:
                words[words.index("B")] = base(addresses)
            elif addresses:
                words.append(base(addresses))
            # Who begins changes with every round.
            for side in ("ours", "theirs")[::1 if number % 2 == 0 else -1]:
                run(side, *words)

    def memory(name):
        pid = d["london"].out("systemctl show -P MainPID mds-domain@London-1").strip()
        lines = d["london"].out(f"cat /proc/{pid}/smaps_rollup")
        private = sum(int(line.split()[1]) for line in lines.splitlines()
                      if line.startswith(("Private_Clean", "Private_Dirty")))
        figures.add("ours", f"memory_{name}", private / 1024, "MiB")

    def restarts():
        for _ in range(3):
            for side in ("ours", "theirs"):
                begin = time.monotonic()
                if side == "ours":
                    d["london"].sh("systemctl restart mds-domain@London-1")
                else:
                    postgres.restart()
                run(side, "read", 1, f"f{tag}", OBJECTS)
                figures.add(side, "restart_to_first_read", time.monotonic() - begin, "s")

    used = [int(time.time()) % 1000 * 3000]

    def base(count):
        """The number of the first of `count` addresses that nobody has."""
        used[0] += count
        return used[0] - count

    tag = f"{int(time.time()) % 100000}-"
    try:
        memory("idle")
        run("theirs", "tables")
        both(3, "visit", 100)
        both(ROUNDS, "adds", 1, 1500, f"a{tag}#-", addresses=1500)
        both(ROUNDS, "adds", 16, 300, f"b{tag}#-", addresses=4800)
        both(ROUNDS, "publish", 1, f"p{tag}#-", addresses=100)
        both(ROUNDS, "publish", 100, f"q{tag}#-", addresses=2000)
        both(3, "publish", 10000, f"r{tag}#-", addresses=10000)
        first = min(OBJECTS, 100000)
        both(1, "fill", f"f{tag}", 0, first, addresses=first)
        memory("with_100000")
        if OBJECTS > first:
            both(1, "fill", f"f{tag}", first, OBJECTS - first, addresses=OBJECTS)
        memory("filled")
        both(ROUNDS, "read", 1500, f"f{tag}", OBJECTS)
        both(ROUNDS, "reads", 16, 300, f"f{tag}", OBJECTS)
        for offset in (0, OBJECTS // 2, OBJECTS - 1000):
            both(ROUNDS, "page", 20, offset)
        both(ROUNDS, "search", 5, f"f{tag}123", "prefix")
        both(ROUNDS, "search", 5, "10.55.7.77", "address")
        both(ROUNDS, "adds", 16, 300, f"c{tag}#-", addresses=4800)
        both(3, "publish", 10000, f"s{tag}#-", addresses=10000)
        both(2, "publish", 100000, f"t{tag}#-", addresses=100000)
        both(2, "beside", 100000, f"u{tag}#-", "B", f"f{tag}", OBJECTS, addresses=100000)
        both(1, "rules", RULES, f"x{tag}")
        both(ROUNDS, "middle", 200, f"y{tag}#-", RULES // 2)
        for offset in (0, RULES // 2, RULES - 1000):
            both(ROUNDS, "rule_page", 10, offset)
        both(ROUNDS, "rule_search", 5, f"x{tag}123")
        memory("end")
        restarts()
        both(1, "read", 1500, f"f{tag}", OBJECTS)
        memory("after_restart")
    finally:
        postgres.stop()
        if not os.environ.get("KEEP"):
            d.down()
    figures.table()


if __name__ == "__main__":
    main()
