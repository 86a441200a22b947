"""mds-ca on a private bus: an authority without the rest of its server."""

import contextlib
import json
import re
import subprocess
import uuid

import dbus
import pytest

from private_bus import PrivateBus

CA, PATH = "org.openmds.Ca1", "/org/openmds/Ca1"


class Host:
    """A host with mds-ca and nothing else."""

    def __init__(self, bus, folder, env=None):
        self.bus, self.folder, self.env = bus, folder, env
        self.start()

    def start(self):
        self.daemon = self.bus.start("mds-ca", "--state", str(self.folder), env=self.env)
        self.look()

    def stop(self):
        self.daemon.stop()

    def value(self, name):
        return str(self.ca.Get(CA, name, dbus_interface="org.freedesktop.DBus.Properties"))

    def look(self):
        self.bus.wait_for_name(CA)
        self.ca = self.bus.proxy(CA, PATH)

    @property
    def authority(self):
        """Ca1.Authority."""
        return json.loads(self.value("Authority"))

    def certificates(self, authority="servers"):
        return json.loads(self.ca.ListCertificates(authority))

    def export(self, other):
        """What this one seals for another."""
        return bytes(bytearray(self.ca.Export(other.authority["sealing"])))

    def keep(self, sealed):
        self.ca.Import(dbus.Array(sealed, signature="y"))

    def issue(self, name):
        """Certificates for a new server."""
        who = str(uuid.uuid4())
        subject = f"/CN={name}/serialNumber={who}"
        requests = []
        for _ in range(2):
            requests.append(subprocess.run(
                ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-keyout", "/dev/null", "-subj", subject], check=True,
                capture_output=True, text=True).stdout)
        return self.ca.IssueServer(*requests, name, who, "secondary")

    def lists(self, after=0):
        """Ca1.ListsAfter: (version, {name: PEM})."""
        inline, files = self.ca.ListsAfter(dbus.UInt64(after))
        content = bytes(bytearray(inline))
        for file in files:
            with open(file.take(), "rb") as memory:
                memory.seek(0)
                content = memory.read()
        answer = json.loads(content)
        return answer["version"], {row["name"]: row["pem"] for row in answer["lists"]}

    def list_number(self):
        """Number of the newest revocation list of the Servers CA."""
        pem = str(self.ca.RevocationLists())
        text = subprocess.run(["openssl", "crl", "-noout", "-crlnumber"], input=pem, check=True,
                              capture_output=True, text=True).stdout
        return int(re.search(r"0x([0-9A-Fa-f]+)", text)[1], 16)


@contextlib.contextmanager
def two_hosts(folder):
    """Two hosts, each with a bus of its own; the first one is the authority of acme."""
    with PrivateBus("one") as first, PrivateBus("two") as second:
        one, two = Host(first, folder / "one"), Host(second, folder / "two")
        one.ca.Initialize("acme")
        yield one, two


def refused(action, word):
    """mds-ca refuses it, with this word."""
    with pytest.raises(dbus.DBusException, match=word):
        action()
