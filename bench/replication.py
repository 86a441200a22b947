#!/usr/bin/python3
"""Replication between two booted hosts beside PostgreSQL 15, in alternating rounds on one machine.
Prints RESULT lines and, at the end, ours, theirs and the ratio; nothing here passes or fails. ROUNDS
(default 9), OBJECTS of the full copy (default 1000000); ONLY=word,word runs these parts: single,
zero, bulk, sustained, domains, catchup, handover, copy. PERF=FOLDER keeps a profile of each copy.
bench/README.md tells what each figure is."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/support")
os.environ.setdefault("OPENMDS_RIG_DISK", "24G")  # sparse

from deployment import ADDRESSES, PASSWORD, Deployment  # noqa: E402
from figures import Figures  # noqa: E402
from postgres import Cluster  # noqa: E402
from rig import wait_until  # noqa: E402

LOAD = os.environ.get("MDS_LOAD", f"{ROOT}/build/dev/bench/load")
ROUNDS = int(os.environ.get("ROUNDS", "9"))
OBJECTS = int(os.environ.get("OBJECTS", "1000000"))
PARTS = ["single", "zero", "bulk", "sustained", "domains", "catchup", "handover", "copy"]
ONLY = os.environ.get("ONLY", ",".join(PARTS)).split(",")
DOMAIN = "London"


@contextlib.contextmanager
def profile(name):
    """With PERF=FOLDER: what the whole machine does inside the block, as FOLDER/NAME.data for perf report."""
    folder = os.environ.get("PERF")
    if not folder:
        yield
        return
    os.makedirs(folder, exist_ok=True)
    with subprocess.Popen(["perf", "record", "-q", "-a", "-g", "-F", "199", "-o", f"{folder}/{name}.data"],
                          stderr=subprocess.DEVNULL) as recorder:
        try:
            yield
        finally:
            recorder.send_signal(signal.SIGINT)


class Bench:
    """Two hosts, a PostgreSQL primary and what follows it."""

    def __init__(self):
        self.figures = Figures()
        self.d = Deployment(os.environ.get("OPENMDS_RIG", "bench"),
                            hosts={n: ADDRESSES[n] for n in ("london", "tokyo")})
        self.used = int(time.time()) % 100 * 100_000
        self.tag = f"{int(time.time()) % 100000}-"
        self.primary = self.standby = None

    def base(self, count):
        """The number of the first of `count` addresses that nobody has."""
        self.used += count
        return self.used - count

    def https(self, city, domain=DOMAIN):
        """A target of the load program."""
        return ["https", ADDRESSES[city], "443", "admin", PASSWORD, domain]

    def load(self, writer, reader, *work):
        """Runs the load program where the hosts are reached: {figure: (value, unit)}."""
        words = [LOAD, *writer, "@", *reader, "--", *map(str, work)]
        if writer[0] == "https":
            words = ["ip", "netns", "exec", self.d.rig.network.switch] + words
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{work}: {done.stderr.strip()}")
        return {name: (float(value), unit) for _, name, value, unit in
                (line.split() for line in done.stdout.splitlines())}

    def ours(self, *work, domain=DOMAIN):
        """Written at London, read at Tokyo."""
        return self.load(self.https("london", domain), self.https("tokyo", domain), *work)

    def theirs(self, reader, *work):
        """Written at the primary as one INSERT, read at `reader`."""
        return self.load(["plain", self.primary.connection()], reader.target, *work)

    def note(self, side, measured, names):
        """Keeps what was measured under these names."""
        for name, as_name in names.items():
            self.figures.add(side, as_name, *measured[name])

    def alternate(self, rounds, *sides):
        """Calls each side in turn; who begins changes with every round."""
        for number in range(rounds):
            for side in sides[::1 if number % 2 == 0 else -1]:
                side(number)

    # ---- parts ----

    def single(self):
        """Goals 1 and 2: one object, answered and visible."""
        names = {"publish_1_ok_p50": "publish_1_ok", "publish_1_visible_p50": "publish_1_visible"}

        def ours(n):
            self.note("ours", self.ours("visible", 1, 150, f"s{self.tag}{n}-", self.base(150)), names)

        def theirs(n):
            self.note("streaming", self.theirs(self.standby, "visible", 1, 150, f"s{self.tag}{n}-",
                                               self.base(150)), names)
        self.alternate(ROUNDS, ours, theirs)

    def zero(self):
        """Goal 3: a publish that is answered when the other side has it."""
        names = {"publish_1_ok_p50": "zero_loss_publish_ok"}
        self.d["london"].write_file("/etc/mds/mds.conf.d/bench.conf", "[Sync]\nZeroLossSeconds=10\n")
        self.restart_domain()
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names='standby1'")
        self.primary.sql("ALTER ROLE bench SET synchronous_commit='remote_apply'")
        self.primary.sql("SELECT pg_reload_conf()")
        self.primary.wait_for("SELECT count(*) FROM pg_stat_replication WHERE sync_state='sync'", "1")

        def ours(n):
            self.note("ours", self.ours("visible", 1, 150, f"z{self.tag}{n}-", self.base(150)), names)

        def theirs(n):
            self.note("remote_apply", self.theirs(self.standby, "visible", 1, 150,
                                                  f"z{self.tag}{n}-", self.base(150)), names)
        self.alternate(ROUNDS, ours, theirs)
        self.d["london"].sh("rm /etc/mds/mds.conf.d/bench.conf")
        self.restart_domain()
        self.primary.sql("ALTER SYSTEM RESET synchronous_standby_names")
        self.primary.sql("ALTER ROLE bench RESET synchronous_commit")
        self.primary.sql("SELECT pg_reload_conf()")

    def restart_domain(self):
        """The Active reads its configuration anew."""
        self.d["london"].sh("systemctl restart mds-domain@London-1")
        self.level()

    def level(self, domain=DOMAIN):
        """Waits until the Standby has everything."""
        self.d.wait_role("london", domain, "active")
        self.d.wait_synchronized("london", domain)

    def bulk(self):
        """Goal 5: 10,000 objects in one publish."""
        names = {"publish_10000_visible_p50": "publish_10000_visible"}
        subscriber = self.primary.subscriber(55435)

        def ours(n):
            self.note("ours", self.ours("visible", 10000, 1, f"b{self.tag}{n}-", self.base(10000)),
                      names)

        def theirs(n):
            self.note("streaming", self.theirs(self.standby, "visible", 10000, 1, f"b{self.tag}{n}-",
                                               self.base(10000)), names)

        def logical(n):
            self.note("logical", self.theirs(subscriber, "visible", 10000, 1, f"l{self.tag}{n}-",
                                             self.base(10000)), names)
        self.alternate(min(ROUNDS, 5), ours, theirs, logical)
        subscriber.sql("ALTER SUBSCRIPTION sub55435 DISABLE; ALTER SUBSCRIPTION sub55435 SET "
                       "(slot_name=NONE); DROP SUBSCRIPTION sub55435")
        subscriber.stop()
        self.primary.unsubscribe(55435)

    def sustained(self):
        """Goal 7: one client, one publish after the other, counted when replicated."""
        names = {"sustained_publishes": "sustained_publishes_1_client"}

        def ours(n):
            self.note("ours", self.ours("sustained", 3, f"u{self.tag}{n}-", self.base(10000)), names)

        def theirs(n):
            self.note("streaming", self.theirs(self.standby, "sustained", 3, f"u{self.tag}{n}-",
                                               self.base(10000)), names)
        self.alternate(min(ROUNDS, 5), ours, theirs)

    def domains(self):
        """Goal 8: eight Domains at once, eight clients there."""
        api = self.d.api("london")
        for n in range(8):
            api.wait(api.call("add-domain", name=f"D{n}", servers=[
                {"name": f"D{n}-1", "ip-address": f"10.77.0.{100 + 2 * n}",
                 "multi-domain-server": "london"},
                {"name": f"D{n}-2", "ip-address": f"10.77.0.{101 + 2 * n}",
                 "multi-domain-server": "tokyo"}]), timeout=90)
        api.close()
        for n in range(8):
            self.level(f"D{n}")

        def together(one):
            rates = [0.0] * 8

            def run(i):
                rates[i] = one(i)["sustained_publishes"][0]
            threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return sum(rates)

        def ours(n):
            base = [self.base(10000) for _ in range(8)]
            rate = together(lambda i: self.ours("sustained", 3, f"v{self.tag}{n}-{i}-", base[i],
                                                domain=f"D{i}"))
            self.figures.add("ours", "sustained_publishes_8", rate, "1/s")

        def theirs(n):
            base = [self.base(10000) for _ in range(8)]
            rate = together(lambda i: self.theirs(self.standby, "sustained", 3,
                                                  f"v{self.tag}{n}-{i}-", base[i]))
            self.figures.add("streaming", "sustained_publishes_8", rate, "1/s")
        self.alternate(3, ours, theirs)

    def catchup(self):
        """Goal 14: a Standby that was away while 1,000 revisions were published."""
        for n in range(3):
            self.d["tokyo"].sh("systemctl stop mds-domain@London-2")
            api = self.d.api("london", DOMAIN)
            before = self.status("london", DOMAIN)["revision"]
            begin = time.monotonic()
            base = self.base(1000)
            for i in range(1000):
                m = base + i
                api.call("add-host", name=f"k{self.tag}{n}-{i}",
                         ip_address=f"10.{m // 65025 % 256}.{m // 255 % 255}.{m % 255 + 1}")
                api.call("publish")
            wait_until(lambda: self.status("london", DOMAIN)["revision"] >= before + 1000, 60,
                       "1000 revisions")
            took = time.monotonic() - begin
            api.close()
            size = self.sent()
            self.d["tokyo"].sh("systemctl start mds-domain@London-2")
            begin = time.monotonic()
            self.d.wait_synchronized("london", DOMAIN)
            behind = time.monotonic() - begin
            self.figures.add("ours", "publish_of_1000_revisions", took, "s")
            self.figures.add("ours", "catch_up_of_1000_revisions", behind, "s")
            self.figures.add("ours", "catch_up_to_publish", behind / took, "ratio")
            self.figures.add("ours", "catch_up_bytes", (self.sent() - size) / 1e6, "MB")

    def status(self, city, domain):
        """`mdsctl ha status` of a Domain, as JSON."""
        return self.d.ctl_json(city, f"ha status {domain}")

    def sent(self):
        """Bytes that London has sent to its peers."""
        text = self.d["london"].out("busctl get-property org.openmds.Sync1 /org/openmds/Sync1 "
                                    "org.openmds.Sync1 BytesSent")
        return int(text.split()[1])

    def handover(self):
        """Orderly handover under load, and a forced takeover after a power cut."""
        there = ["london", "tokyo"]
        for n in range(min(ROUNDS, 5)):
            result = {}
            writer = threading.Thread(target=lambda: result.update(self.load(
                self.https(there[0]), self.https(there[1]), "refused", f"h{self.tag}{n}-",
                self.base(10000), 6)))
            writer.start()
            time.sleep(2)
            begin = time.monotonic()
            self.d.ctl(there[1], f"--yes ha set-active {DOMAIN} {there[1]}")
            self.figures.add("ours", "set_active_command", (time.monotonic() - begin) * 1000, "ms")
            writer.join()
            self.figures.add("ours", "handover_without_a_publish",
                             *result["longest_without_a_publish"])
            there.reverse()
            self.d.wait_synchronized(there[0], DOMAIN)
        if there[0] != "london":
            self.d.ctl("london", f"--yes ha set-active {DOMAIN} london")
        self.d["london"].kill()
        wait_until(lambda: self.d.ctl("tokyo", f"--yes ha set-active {DOMAIN} tokyo",
                                      check=False).returncode != 0, 30, "the silence is noticed")
        begin = time.monotonic()
        self.d.ctl("tokyo", f"--yes --reason bench ha force-active {DOMAIN} tokyo")
        api = self.d.api("tokyo", DOMAIN)
        api.call("add-host", name=f"forced{self.tag}", ip_address="198.18.0.1")
        api.publish()
        self.figures.add("ours", "forced_takeover_to_publish", time.monotonic() - begin, "s")
        api.close()
        self.d.power_back("london")
        self.d.wait_role("london", DOMAIN, "standby")
        self.d.wait_synchronized("tokyo", DOMAIN)
        self.d.ctl("london", f"--yes ha set-active {DOMAIN} london")
        self.level()

    def copy(self):
        """Goal 6: a full copy, proved and serving."""
        self.fill()
        size = int(self.d["london"].out("stat -Lc %s /var/lib/mds/servers/London-1/current/public.db"
                                        " 2>/dev/null || du -sb /var/lib/mds/servers/London-1/").split()[0])
        self.figures.add("ours", "database", size / 1e6, "MB")

        def ours(number):
            begin = time.monotonic()
            steps, over = {}, threading.Event()
            watcher = threading.Thread(target=self.watch_steps, args=(steps, over))
            watcher.start()
            with profile(f"copy-{number}"):
                self.d.ctl("london", f"--yes --reason bench ha sync {DOMAIN} --to tokyo", timeout=900)
                self.d.wait_synchronized("london", DOMAIN)
            took = time.monotonic() - begin
            over.set()
            watcher.join()
            self.figures.add("ours", "full_copy", took, "s")
            for step, seconds in steps.items():
                self.figures.add("ours", f"full_copy_{step}", seconds, "s")

        def physical(_):
            begin = time.monotonic()
            other = self.primary.replica(55434, "fresh")
            self.figures.add("basebackup", "full_copy", time.monotonic() - begin, "s")
            other.stop()

        def logical(_):
            begin = time.monotonic()
            other = self.primary.subscriber(55436)
            self.figures.add("logical", "full_copy", time.monotonic() - begin, "s")
            other.stop()
            self.primary.unsubscribe(55436)
        self.alternate(int(os.environ.get("COPIES", "3")), ours, physical, logical)
        memory = self.d["tokyo"].out("ps -C mds-domain -o rss= | sort -n | tail -1")
        self.figures.add("ours", "domain_server_rss", int(memory) / 1024, "MiB")

    def watch_steps(self, steps, over):
        """How long London shows each step of a copy to Tokyo, in seconds: {step: seconds}."""
        last = time.monotonic()
        while not over.wait(0.05):
            rows = self.status("london", DOMAIN).get("servers", [])
            row = next((r for r in rows if r["multi-domain-server"] == "tokyo"), {})
            # Of what is there, but not yet proved to be whole, the status is another one.
            step = row.get("step") or row.get("sync-status", "none")
            now = time.monotonic()
            steps[step] = steps.get(step, 0) + now - last
            last = now

    def fill(self):
        """The same number of objects on both sides."""
        base = self.base(OBJECTS)
        begin = time.monotonic()
        words = ["fill", f"f{self.tag}", "0", str(OBJECTS), str(base)]
        for target in (self.https("london"), ["plain", self.primary.connection()]):
            self.load(target, target, *words)
        print(f"filled in {time.monotonic() - begin:.0f} s", flush=True)
        self.d.wait_synchronized("london", DOMAIN, timeout=600)

    def run(self):
        """All parts that were asked for."""
        unknown = [part for part in ONLY if part not in PARTS]
        if unknown:
            raise SystemExit(f"ONLY: no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
        self.d.boot()
        self.d.install()
        self.d.setup()
        self.d.join()
        api = self.d.api("london")
        api.wait(api.call("add-domain", name=DOMAIN, servers=[
            {"name": "London-1", "ip-address": "10.77.0.21", "multi-domain-server": "london"},
            {"name": "London-2", "ip-address": "10.77.0.31", "multi-domain-server": "tokyo"}]))
        api.close()
        self.level()
        self.primary = Cluster(55432)
        try:
            self.load(["postgres", self.primary.connection()], self.primary.target, "tables")
            self.standby = self.primary.replica(55433)
            for part in PARTS:
                if part in ONLY:
                    print(f"# {part}: {re.sub(' +', ' ', getattr(self, part).__doc__)}", flush=True)
                    getattr(self, part)()
        finally:
            for cluster in (self.standby, self.primary):
                if cluster:
                    cluster.stop()
            if not os.environ.get("KEEP"):
                self.d.down()
        self.figures.table()


if __name__ == "__main__":
    Bench().run()
