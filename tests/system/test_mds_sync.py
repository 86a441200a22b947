"""Manual synchronization of the system data between Multi-Domain Servers (MM)."""

import json

from rig import wait_until
from test_ex1 import refused


def synchronized(ex1, name="london"):
    """The system data is the same on all servers, as a host sees it."""
    api = ex1.api(name)

    def level():
        rows = api.call("show-ha-status")["servers"]
        return rows and all(r["sync-status"] == "synchronized" for r in rows)
    wait_until(level, 60, "the system data on all", lambda: json.dumps(api.call("show-ha-status"), indent=1))
    api.close()


def test_MM_2_without_a_peer_nothing_starts_and_the_peers_are_listed(ex1):
    api = ex1.api("london")
    before = api.call("show-tasks")["total"]
    refused(lambda: api.call("ha-full-sync"), "RF-19", words=["tokyo", "logs"])
    assert api.call("show-tasks")["total"] == before
    api.close()


def test_MM_1_MM_3_the_system_data_of_a_peer_is_replaced_and_its_progress_is_visible(ex1):
    synchronized(ex1)
    api = ex1.api("london")
    reply = api.call("ha-full-sync", name="tokyo", ignore_errors=True)
    task = api.wait(reply)
    assert task["status"] == "succeeded" and task["progress-percentage"] == 100, task
    assert task["progress-description"], task
    api.close()
    synchronized(ex1)
    synchronized(ex1, "tokyo")
    # Its administrators and Domains are what they were.
    there, here = ex1.api("tokyo"), ex1.api("london")
    for command in ("show-administrators", "show-domains", "show-mdss"):
        assert [o["name"] for o in there.all(command)] == [o["name"] for o in here.all(command)]
    there.close()
    here.close()


def test_MM_4_RF_20_a_peer_that_cannot_be_reached_is_refused_with_the_reason(ex1):
    ex1.rig.network.cut("london", "tokyo")
    api = ex1.api("london")
    wait_until(lambda: [s["state"] for s in ex1.ctl_json("london", "server list")
                        if s["name"] == "tokyo"] == ["silent"], 30, "Tokyo to be missed")
    wait_until(lambda: {r["name"]: r["sync-status"] for r in api.call("show-ha-status")["servers"]}
               .get("tokyo") == "unreachable", 60, "the status to say so")
    refused(lambda: api.call("ha-full-sync", name="tokyo", ignore_errors=True), "RF-20", words=["tokyo"])
    api.close()
    ex1.rig.network.heal("london", "tokyo")
    synchronized(ex1)
