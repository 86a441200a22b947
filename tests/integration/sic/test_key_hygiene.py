"""T-16 without booted hosts: where an activation key is after its use, in the memory of every process of two servers
and of their bus daemons. tests/system/test_key_hygiene.py has the rest: files, journal, audit, process list."""
import json
import os
import pathlib
import secrets

import pytest

from api import Connection
from namespaces import Namespaces, Server
from private_bus import Daemon, program, wait_until
from secret_search import forms_of_activation_key, in_regions

PORT = 8443
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_key():
    """As `mdsctl trust set-key --generate` makes them."""
    return "-".join("".join(secrets.choice(DIGITS) for _ in range(4)) for _ in range(4))


@pytest.fixture(name="two")
def two_servers():
    """london, the Primary, with its management API; tokyo, not set up."""
    deployment = Namespaces("london")
    london = deployment["london"]
    deployment.servers["tokyo"] = Server("tokyo", 2, deployment)
    (london.root / "api").mkdir()
    command = ["ip", "netns", "exec", london.namespace, str(program("mds-api")), "--state", str(london.root / "api")]
    london.bus.daemons.append(Daemon(command, {**london.env, "MDS_API_LISTEN": f"0.0.0.0:{PORT}"},
                                     london.root / "api.log"))
    london.bus.wait_for_name("org.openmds.Api1")
    yield deployment
    deployment.close()


def processes_of(server):
    """{pid: name} of what belongs to a server: all that has its bus, and the bus daemon."""
    folder = server.bus.address.split("=", 1)[1].encode()
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            ours = folder in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        if ours:
            found[int(pid)] = name
    found[server.bus.pid] = "dbus-daemon"
    return found


def everywhere(deployment, forms):
    """Where one of the forms is, and which processes were read."""
    found, read = [], set()
    for server in deployment:
        for pid, name in processes_of(server).items():
            read.add(name)
            found += [f"{server.name} {where}" for where in in_regions(pid, name, forms)]
    return found, read


class Client:
    """A session of root on a connection that stays open."""

    def __init__(self, server):
        self.connection = Connection(server.address, server.namespace, port=PORT, timeout=90)
        self.sid = json.loads(server.proxy("Core1").LoginLocal("{}"))["sid"]

    def call(self, command, body):
        """(status, answer)"""
        self.connection.request("POST", f"/web_api/{command}", json.dumps(body),
                                {"X-chkp-sid": self.sid, "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


def after_the_wait(client, body):
    """add-mds, again as long as the other server waits after a wrong key."""
    return wait_until(lambda: (lambda answer: "try again in" not in answer[1].get("message", "") and answer)
                      (client.call("add-mds", body)), 20, "the other server takes a try", step=0.5)


def test_T_16_after_use_no_process_has_the_key_in_its_memory(two):
    london, tokyo = two["london"], two["tokyo"]
    key, short, wrong = new_key(), "k7-Qz9+w", new_key()
    tokyo.setup(role="secondary", **{"activation-key": key})
    client = Client(london)
    body = {"name": "tokyo", "ip-address": tokyo.address, "server-type": "multi-domain server"}
    # Neither of the first two is the right one. Short ones lie in text objects themselves, on stacks too.
    for given, good in ((short, False), (wrong, False), (key, True)):
        status, answer = after_the_wait(client, {**body, "one-time-password": given})
        assert (status == 200) == good, answer
        assert good or "keys do not match" in answer["message"], answer
    # The control: what a process holds is found.
    marker = secrets.token_hex(8)
    tokyo.bus.daemons.append(Daemon(["sh", "-c", f"held={marker[:8]}''{marker[8:]}; sleep 600; true"], tokyo.env,
                                    tokyo.root / "holder.log"))
    wait_until(lambda: everywhere(two, {"marker": marker.encode()})[0], 5, "what a shell holds")
    found, read = everywhere(two, {"marker": marker.encode()})
    assert all(" sh " in where for where in found), found
    assert {"mds-core", "mds-sync", "mds-sic", "mds-api", "dbus-daemon", "mds-domain"} <= read, read
    for what in (key, short, wrong):
        found, _ = everywhere(two, forms_of_activation_key(what))
        assert not found, "\n".join(found)
    client.connection.close()
