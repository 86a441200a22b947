"""A server of the deployment that somebody took over (T-9): its certificate is good, and it sends what no honest
server sends: revisions of a Domain that it is not Active in, of old terms, with wrong hashes, a million rows, orders
and claims. Refused, told in the journal, and nobody else notices."""

import json
import os
import shlex

import pytest

from private_bus import build_folder
from rig import wait_until
from test_ex1 import exported, host

ATTACKS = ["active", "newer", "records", "old-term", "wrong-hash", "copy-me", "full-sync", "offer", "found",
           "parked", "nonsense", "million"]


class BadMember:
    """One host whose server of Domain London is put out of the way, and what root does there instead."""

    def __init__(self, ex1, city, server):
        self.host, self.city, self.unit = ex1[city], city, f"mds-domain@{server}"
        self.ids = {s["name"]: s["uid"] for s in ex1.ctl_json("london", "server list")}
        self.folder = self.host.out(f"readlink -f /var/lib/mds/servers/{server}").strip()
        self.domain = os.path.basename(self.folder)
        self.uid = json.loads(self.host.out(f"cat {self.folder}/server.json"))["server"]["uid"]
        with open(os.path.join(build_folder(), "tests/support/mds-bad-member"), "rb") as file:
            program = file.read()
        with open(self.host.path("/root/mds-bad-member"), "wb") as file:
            file.write(program)
        self.host.sh(f"chmod 700 /root/mds-bad-member; systemctl stop {self.unit}")

    def attack(self, victim, what, channel=None):
        """Runs it on a fresh copy of the database; True when it was sent."""
        self.host.sh(f"rm -rf /root/copy && cp -a {self.folder} /root/copy")
        words = ["/root/mds-bad-member", "/root/copy", self.uid, self.ids[victim],
                 channel or f"domain/{self.domain}", what]
        said = self.host.sh(shlex.join(words), timeout=180)
        assert "sent" in said.stdout, said.stdout + said.stderr

    def honest(self):
        """Its own server again."""
        self.host.sh(f"rm -rf /root/copy /root/mds-bad-member; systemctl start {self.unit}")


def told(ex1, city, server, after=0):
    """What the Domain Server of a host has said, without its first lines."""
    return ex1[city].out(f"journalctl -u mds-domain@{server} -o cat --no-pager").splitlines()[after:]


def restarts(ex1, city, server):
    """Process and restarts of what was attacked."""
    return ex1[city].out(f"systemctl show -P MainPID -P NRestarts mds-domain@{server} mds-sync mds-core")


@pytest.mark.parametrize("city, server", [("logs", "London-log"), ("tokyo", "London-2")])
def test_T_9_a_bad_member_is_refused_and_told_of_and_the_others_are_unharmed(ex1, city, server):
    ex1.wait_synchronized("london", "London")
    # Whoever follows: a Standby, or the log server when the Standby is the bad one.
    victim, its = ("tokyo", "London-2") if city == "logs" else ("logs", "London-log")
    others = (("london", "London-1"), (victim, its))
    # What honest servers said late, as after a change of the Active or a start, was told already and is not told
    # again.
    def begins_anew():
        before = [len(told(ex1, c, s)) for c, s in others]
        for where, name in others:
            ex1[where].sh(f"systemctl restart mds-domain@{name}")
            ex1.wait_synchronized(where, "London")
        ex1.wait_role("london", "London", "active")
        ex1.wait_synchronized("london", "London")
        return not any("was refused" in line for (c, s), n in zip(others, before) for line in told(ex1, c, s, n))
    wait_until(begins_anew, 60, "servers that refused nothing yet")
    marks = [len(told(ex1, c, s)) for c, s in others]
    bad = BadMember(ex1, city, server)
    before = [restarts(ex1, c, s) for c, s in others]
    try:
        for what in ATTACKS:
            # A Standby may say that it was made Active: who takes that over is obeyed, as an operator is.
            if city == "tokyo" and what in ("active", "parked"):
                continue
            for target in ("london", victim):
                bad.attack(target, what)
        # Of a Domain in which it has no server.
        if city == "logs":
            nobody = os.path.basename(ex1["tokyo"].out("readlink -f /var/lib/mds/servers/Global").strip())
            bad.attack("tokyo", "records", f"domain/{nobody}")
            wait_until(lambda: "it has no server of this Domain" in "".join(told(ex1, "tokyo", "Global")), 10,
                       "the stranger to be told of")
        api = ex1.api("london", "London")
        api.send("add-host", host(f"t9-{city}", "198.18.31.9", **{"ignore-warnings": True}))
        api.publish()
        reader = ex1.api(victim, "London")
        wait_until(lambda: reader.raw("show-host", json.dumps({"name": f"t9-{city}"}).encode())[0] == 200, 15,
                   "what is published to arrive", lambda: json.dumps(ex1.ha("london", "London"), indent=1))
        for session in (api, reader):
            assert [t["name"] for t in session.all("show-tags") if t["name"].startswith("forged")] == []
            sessions = session.call("show-sessions", details_level="full", limit=500)["objects"]
            assert [s["name"] for s in sessions if "recovered" in s] == []
        assert exported(api) == exported(reader)
        api.close()
        reader.close()
        assert ex1.ha("london", "London")["role"] == "active"
        assert before == [restarts(ex1, c, s) for c, s in others]
        here, there = ("\n".join(told(ex1, c, s, mark)) for (c, s), mark in zip(others, marks))
        assert here.count("was refused") < 100 > there.count("was refused")
        for text in ("this server's own term", "records were not asked for there", "nothing was asked there"):
            assert text in here, here
        for text in ("records were not asked for there", "nothing was asked there", "it is not the Active server"):
            assert text in there, there
        if city == "logs":
            assert "a log server never is" in here and "a log server never is" in there
            assert "a log server publishes nothing" in here
    finally:
        bad.honest()
    ex1.wait_synchronized("london", "London", 60)
    ex1.wait_well("london")
