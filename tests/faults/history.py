"""What clients were told, and whether what is left after the faults explains it."""

import http.client
import json
import os
import shutil
import sqlite3
import tempfile
import threading
import time

from api import Api, ApiError
from deployment import ADDRESSES, PASSWORD

NAMES = 3
# What a connection does that was cut: none of it says whether the request was carried out.
BROKEN = (OSError, ValueError, http.client.HTTPException)


class Once(Api):
    """Sends every request once: a publish that was sent again would blur what was told."""

    def raw(self, command, body=b"{}", headers=None, method="POST"):
        all_headers = {"Content-Type": "application/json", **(headers or {})}
        if self.sid:
            all_headers["X-chkp-sid"] = self.sid
        self.connection.request(method, self.prefix + command, body, all_headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read() or b"null")


class Client(threading.Thread):
    """Publishes small sets of hosts in one Domain, wherever its Active is, and remembers what it was told
    of each: "published", "refused" (surely not) or "unknown" (no answer came)."""

    def __init__(self, deployment, domain, hosts, tag, stop):
        super().__init__(name=f"client-{domain}", daemon=True)
        self.deployment, self.domain, self.hosts = deployment, domain, hosts
        self.tag, self.stop = tag, stop
        self.told = []
        self.trouble = {}

    def run(self):
        number = 0
        while not self.stop.is_set():
            for host in self.hosts:
                if self.stop.is_set():
                    return
                try:
                    api = Once(ADDRESSES[host], namespace=self.deployment.rig.network.switch,
                               timeout=8).login("admin", PASSWORD, self.domain)
                except (ApiError, *BROKEN):
                    continue
                try:
                    while not api.info["standby"] and not self.stop.is_set():
                        number += 1
                        if not self.one(api, host, number):
                            break
                finally:
                    self.forget(api)
            self.stop.wait(0.2)

    def one(self, api, host, number):
        """One publish; False when this connection is of no more use."""
        names = [f"{self.tag}-{self.domain}-{number}-{i}".lower() for i in range(NAMES)]
        entry = {"names": names, "host": host, "told": "refused", "time": time.time()}
        self.told.append(entry)
        try:
            for i, name in enumerate(names):
                n = number * NAMES + i
                api.send("add-host", {"name": name, "ignore-warnings": True,
                                      "ip-address": f"10.{100 + n // 65536}.{n // 256 % 256}.{n % 256}"})
            # From here on an error does not say that nothing was published.
            entry["told"] = "unknown"
            task = api.wait(api.call("publish"), timeout=20)
            entry["told"] = "published"
            entry["session"] = task["task-details"][0]["revision"]
            return True
        except ApiError as error:
            if entry["told"] == "unknown" and error.status in (400, 403, 409):
                entry["told"] = "refused"
            entry["error"] = str(error)
        except (KeyError, RuntimeError, *BROKEN) as error:
            entry["error"] = f"{type(error).__name__}: {error}"
        key = entry["error"][:60]
        self.trouble[key] = self.trouble.get(key, 0) + 1
        return False

    @staticmethod
    def forget(api):
        """Ends a connection that may be dead."""
        try:
            api.raw("discard")
            api.close()
        except BROKEN:
            api.connection.close()


def database(host, server, name, where):
    """A stopped server's database, copied from its disk into the folder `where`."""
    folder = host.path(f"/var/lib/mds/servers/{server}")
    folder = host.path("/var/lib/mds/domains/" + os.path.basename(os.readlink(folder)))
    generation = open(f"{folder}/current", encoding="ascii").read().strip()
    path = f"{folder}/{generation}/{name}" if name == "public.db" else f"{folder}/{name}"
    for tail in ("", "-wal"):
        if os.path.exists(path + tail):
            shutil.copyfile(path + tail, f"{where}/{name}{tail}")
    return sqlite3.connect(f"{where}/{name}")


class Left:
    """What one stopped server has on its disk."""

    def __init__(self, host, server):
        with tempfile.TemporaryDirectory() as where:
            self.read(host, server, where)

    def read(self, host, server, where):
        with database(host, server, "public.db", where) as public:
            self.names = {row[0] for row in public.execute("SELECT name FROM object WHERE type='host'")}
            self.log = {rev: (term, chain) for rev, term, chain in public.execute(
                "SELECT rev, term_id, hash FROM revision")}
            self.sessions = {bytes(s).hex(): rev for s, rev in public.execute(
                "SELECT session, rev FROM revision WHERE session IS NOT NULL")}
            self.actives = {bytes(i): bytes(a) for i, a in public.execute(
                "SELECT id, active FROM term")}
            self.digest = public.execute(
                "SELECT digest FROM revision ORDER BY rev DESC LIMIT 1").fetchone()[0]
        with database(host, server, "work.db", where) as work:
            self.parked = b"\n".join(bytes(r[0]) for r in work.execute(
                "SELECT record FROM parked"))
            self.private = "\n".join(str(r) for r in work.execute("SELECT * FROM overlay"))


def check(clients, servers):
    """Violations: lines of text. `servers`: {domain: {server name: Left}} of stopped servers."""
    bad = []
    for domain, left in servers.items():
        some = next(iter(left.values()))
        for name, one in left.items():
            if one.digest != some.digest:
                bad.append(f"{domain}: {name} has other content than its peers")
            for rev in set(one.log) & set(some.log):
                if one.log[rev] != some.log[rev]:
                    bad.append(f"{domain}: revision {rev} is another one on {name}")
                    break
        parked = b"\n".join(one.parked for one in left.values())
        private = "\n".join(one.private for one in left.values())
        for entry in [e for c in clients if c.domain == domain for e in c.told]:
            there = [n in some.names for n in entry["names"]]
            if any(there) and not all(there):
                bad.append(f"{domain}: half published: {json.dumps(entry)}")
            # Searching all that is parked and private takes milliseconds: only for what is not there.
            if entry["told"] == "published" and not all(there) and not (
                    all(n in private for n in entry["names"]) or
                    ("session" in entry and bytes.fromhex(entry["session"].replace("-", "")) in parked)):
                bad.append(f"{domain}: told published and nowhere: {json.dumps(entry)}")
            if entry["told"] == "refused" and any(there):
                bad.append(f"{domain}: told refused and published: {json.dumps(entry)}")
    return bad
