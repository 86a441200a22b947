"""Two hosts with mds-sync, each on a private bus, that reach each other on loopback."""
import os
import pathlib
import random
import socket
import sys
import uuid

import dbus
import dbus.lowlevel
import dbus.service
import pytest
from gi.repository import GLib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from private_bus import PrivateBus, wait_until  # noqa: E402
from test_ca import TestCa  # noqa: E402

SYNC = "org.openmds.Sync1"
SYNC_PATH = "/org/openmds/Sync1"
INLINE = 48 * 1024


def pump(condition, seconds=10, what="the condition"):
    """Runs the main loop of the test until condition() is true."""
    def step():
        while GLib.MainContext.default().iteration(False):
            pass
        return condition()
    return wait_until(step, seconds, what, 0.005)


def free_port(address):
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        while True:
            port = random.randint(20000, 32000)
            try:
                probe.bind((address, port))
                return port
            except OSError:
                continue


class Owner(dbus.service.Object):
    """A channel owner as mds-core is one: sends, and keeps what is delivered to it."""

    def __init__(self, host, channel, path="/org/openmds/Core1"):
        self.own = host.bus.connect()
        super().__init__(self.own, path)
        self.host, self.channel, self.received = host, channel, []
        self.sync = host.bus.proxy(SYNC, SYNC_PATH, connection=self.own)
        self.register()

    def register(self):
        """Becomes the owner of the channel (again after a restart of mds-sync)."""
        self.sync.Register(self.channel, dbus.ObjectPath(self.__dbus_object_path__))

    def send(self, peer, kind, payload):
        """Sends bytes to the same channel on the host `peer`."""
        small = len(payload) <= INLINE
        fds = []
        if not small:
            fd = os.memfd_create("test")
            view = memoryview(payload)
            while view:
                view = view[os.write(fd, view):]
            fds.append(dbus.types.UnixFd(fd))
            os.close(fd)
        message = dbus.lowlevel.MethodCallMessage(SYNC, SYNC_PATH, SYNC, "Send")
        message.append(peer.uid, self.channel, dbus.UInt16(kind),
                       dbus.Array(payload if small else b"", signature="y"),
                       dbus.Array(fds, signature="h"), signature="ssqayah")
        # As lib/server does; the bus allows only 128 answers that are waited for.
        message.set_no_reply(True)
        self.own.send_message(message)
        self.own.flush()

    @dbus.service.method("org.openmds.Internal.Peer1", in_signature="ssqayah", out_signature="",
                         byte_arrays=True)
    def Deliver(self, peer, channel, kind, payload, payload_fd):  # noqa: N802
        """As mds-sync calls it."""
        content = bytes(payload)
        if payload_fd:
            fd = payload_fd[0].take()
            content = os.pread(fd, os.fstat(fd).st_size, 0)
            os.close(fd)
        assert channel == self.channel
        self.received.append((str(peer), int(kind), content))

    def payloads(self):
        """The payloads that came, in order."""
        return [payload for _, _, payload in self.received]

    def kinds(self):
        """The kinds that came, in order."""
        return [kind for _, kind, _ in self.received]


class Host:
    """One simulated server with mds-sync."""

    def __init__(self, name, address, folder, ca, **certificate):
        self.name, self.address, self.ca = name, address, ca
        self.uid = str(uuid.uuid4())
        self.port = free_port(address)
        self.bus = PrivateBus(name, folder / name)
        self.trust = folder / name / "trust"
        self.trust.mkdir(parents=True)
        self.bus.configure(f"[Sync]\nPort={self.port}\n")
        if ca:
            ca.issue(self.trust, name, self.uid, **certificate)
        self.daemon = self.bus.start("mds-sync", env={"MDS_TRUST": str(self.trust)})
        self.bus.wait_for_name(SYNC)

    @property
    def sync(self):
        """The interface of mds-sync."""
        return self.bus.proxy(SYNC, SYNC_PATH)

    def get(self, prop):
        """A property of mds-sync."""
        return self.bus.get(SYNC, SYNC_PATH, prop)

    def set_members(self, *others):
        """Tells mds-sync the other servers, as mds-core does."""
        rows = [(o.uid, o.name, o.address, dbus.UInt16(o.port)) for o in others]
        self.sync.SetMembers(self.uid, dbus.Array(rows, signature="(sssq)"))

    def peer(self, other):
        """The row of `other`: state, since, last contact, reason, round trip; or None."""
        for row in self.sync.Peers():
            if row[0] == other.uid:
                return tuple(row[3:])
        return None

    def state_of(self, other):
        """The state of a peer, None when it is not a member."""
        row = self.peer(other)
        return str(row[0]) if row else None

    def restart(self):
        """Starts mds-sync again after a kill."""
        wait_until(lambda: not self.bus.connection.name_has_owner(SYNC), what="the name is free")
        self.daemon.start()
        self.bus.wait_for_name(SYNC)


class Site:
    """Makes hosts of one or more deployments and ends them after the test."""

    def __init__(self, folder):
        self.folder, self.hosts = folder, []
        self._cas = {}

    def ca(self, deployment="7f3a"):
        """The authorities of a deployment."""
        if deployment not in self._cas:
            self._cas[deployment] = TestCa(self.folder / f"ca-{deployment}", deployment)
        return self._cas[deployment]

    def host(self, name, address, ca="", **certificate):
        """A host; `ca` None: without credentials."""
        host = Host(name, address, self.folder, self.ca() if ca == "" else ca, **certificate)
        self.hosts.append(host)
        return host

    def pair(self, **second):
        """Two hosts that list each other."""
        one = self.host("london", "127.0.0.2")
        two = self.host("tokyo", "127.0.0.3", **second)
        one.set_members(two)
        two.set_members(one)
        return one, two

    def connected_pair(self):
        """Two hosts that are connected in both directions."""
        one, two = self.pair()
        wait_connected(one, two)
        return one, two

    def close(self):
        """Ends all hosts."""
        for host in self.hosts:
            host.bus.close()


def wait_state(host, other, state, seconds=10):
    """Waits until `host` sees `other` in that state."""
    wait_until(lambda: host.state_of(other) == state, seconds,
               f"{host.name} sees {other.name} as {state} (is {host.peer(other)})")


def wait_connected(one, two):
    """Waits until both see each other."""
    wait_state(one, two, "connected")
    wait_state(two, one, "connected")


@pytest.fixture
def site(tmp_path):
    """Hosts for one test; the output of the daemons is shown when the test fails."""
    place = Site(tmp_path)
    yield place
    for host in place.hosts:
        print(host.bus.logs())
    place.close()
