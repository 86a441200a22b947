"""A deployment of real daemons on one machine, without booting hosts: each server has a bus, a folder and a
network namespace of its own. Its processes are not confined and not started by units; for that there are
booted hosts (tests/hosts). Needs root."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import dbus

from api import network_namespace
from private_bus import Daemon, PrivateBus, program

NETWORK = "198.18.0."  # for measurements between networks (RFC 2544): nobody has it
KEY = "orange-boat-harbour-77"
# What runs on a server, and the folder of each.
SERVICES = {"ca": "ca", "sync": "sync", "core": "system", "sic": "sync", "crl": "crl"}
ENTER = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"']
# The same with a socket, as a service manager passes it: descriptor 3, for the process of this number.
LISTEN = ["unshare", "--uts", "bash", "-c", 'hostname "$0"; exec 3<&"$MDS_TEST_SOCKET"; unset MDS_TEST_SOCKET; '
          'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=metrics exec "$@"']


def memory_file(content):
    """An open file that is nowhere on a disk, as secrets are passed on the bus."""
    file = os.fdopen(os.memfd_create("test"), "w+b")
    file.write(content)
    file.flush()
    return file


def ip(*arguments, check=True):
    subprocess.run(["ip", *arguments], check=check, capture_output=True)


class Server:
    """One server: its namespace is connected, its services run, it is not set up."""

    def __init__(self, name, number, deployment):
        self.name, self.address = name, f"{NETWORK}{number}"
        self.namespace = f"{deployment.prefix}{number}"
        self.root = pathlib.Path(deployment.folder) / name
        for folder in {*SERVICES.values(), "domains", "servers", "trust"}:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        ip("netns", "add", self.namespace)
        ip("-n", deployment.switch, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0",
           "netns", self.namespace)
        ip("-n", deployment.switch, "link", "set", f"port{number}", "master", "switch", "up")
        ip("-n", self.namespace, "address", "add", f"{self.address}/24", "dev", "eth0")
        for interface in ("eth0", "lo"):
            ip("-n", self.namespace, "link", "set", interface, "up")
        self.bus = PrivateBus(name)
        self.env = self.bus.environment({
            "MDS_TRUST": str(self.root / "trust"), "MDS_DOMAIN_LAUNCHER": "fork",
            "MDS_LIBEXEC": str(program("mds-domain").parent)})
        # Paths of sockets are short, those of the folders are not.
        self.metrics = self.bus.folder / "metrics.sock"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.metrics))
        self._socket.listen(16)
        self.daemons = {word: self._start(word, folder) for word, folder in SERVICES.items()}

    def _start(self, word, folder):
        listens = word == "core"
        command = ["ip", "netns", "exec", self.namespace, *(LISTEN if listens else ENTER), self.name,
                   str(program(f"mds-{word}")), "--debug", "--state", str(self.root / folder)]
        descriptors = (self._socket.fileno(),) if listens else ()
        env = dict(self.env, MDS_TEST_SOCKET=str(self._socket.fileno())) if listens else self.env
        daemon = Daemon(command, env, self.root / f"{word}.log", descriptors)
        self.bus.daemons.append(daemon)
        return daemon

    def proxy(self, word):
        """The object of a service, for example "Core1"."""
        self.bus.wait_for_name(f"org.openmds.{word}")
        return self.bus.proxy(f"org.openmds.{word}", f"/org/openmds/{word}")

    def setup(self, **answers):
        for word in ("Ca1", "Sync1", "Sic1"):
            self.bus.wait_for_name(f"org.openmds.{word}")
        given = json.dumps({"host-name": self.name, "address": self.address, "interface": "eth0", **answers})
        with memory_file(given.encode()) as file:
            self.proxy("Core1").Setup(dbus.ByteArray(b""), dbus.Array([dbus.types.UnixFd(file)], signature="h"), timeout=90)

    def run(self, command, **body):
        """A command of the management API at the Multi-Domain level, as root; its reply."""
        status, reply = self.ask(command, **body)
        assert status == 200, reply
        return reply

    def ask(self, command, **body):
        """The same with its status, which may be that of a refusal."""
        status, inline, files = self.proxy("Core1").Run(
            "", command, dbus.ByteArray(json.dumps(body).encode()), dbus.Array([], signature="h"), timeout=90)
        text = bytes(bytearray(inline))
        for file in files:
            with open(file.take(), "rb") as memory:
                memory.seek(0)
                text = memory.read()
        return int(status), json.loads(text)

    def fetch(self, path, port=18264):
        """(status, body) from a port of it, by HTTP."""
        connection = http.client.HTTPConnection(self.address, port, timeout=10)
        try:
            with network_namespace(self.namespace):
                connection.connect()
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def scrape(self, request=b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        """(status, headers, body) of a request at the socket of the metrics; status 0: no answer."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(self.metrics))
            answer = b""
            try:  # it may have hung up before the request is whole, or read none of it
                client.sendall(request)
                while piece := client.recv(1 << 20):
                    answer += piece
            except (BrokenPipeError, ConnectionResetError):
                pass
        head, _, body = answer.decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]) if answer else 0, headers, body

    def power_off(self):
        """Ends every process; mds-core in order, as it ends its Domain Servers."""
        for word, daemon in self.daemons.items():
            if word != "core":
                daemon.kill()
        self.daemons["core"].stop()


class Namespaces:
    """Servers by name, set up and joined: the first is the Primary, those named log… are log servers."""

    def __init__(self, *names):
        self.prefix = f"mds{os.getpid()}n"
        self.switch = f"{self.prefix}s"
        self.folder = tempfile.mkdtemp(prefix="mds-namespaces-")
        self.servers = {}
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "switch", "type", "bridge")
        ip("-n", self.switch, "link", "set", "switch", "up")
        try:
            for number, name in enumerate(names, 1):
                self.servers[name] = Server(name, number, self)
            first, *others = self.servers.values()
            first.setup(role="primary", deployment="acme", administrator="admin", **{"password-hash": "x"})
            for server in others:
                log = server.name.startswith("log")
                server.setup(role="log-server" if log else "secondary", **{"activation-key": KEY})
                first.run("add-mds", name=server.name, **{
                    "ip-address": server.address, "one-time-password": KEY,
                    "server-type": f"multi-domain {'log ' if log else ''}server"})
        except BaseException:
            print(self.logs())
            self.close()
            raise

    def __getitem__(self, name):
        return self.servers[name]

    def __iter__(self):
        return iter(self.servers.values())

    def logs(self):
        return "\n".join(f"--- {s.name} {word}\n{d.output()[-2000:]}" for s in self
                         for word, d in s.daemons.items())

    def close(self):
        for server in self:
            server.bus.close()
            ip("netns", "delete", server.namespace, check=False)
        ip("netns", "delete", self.switch, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
