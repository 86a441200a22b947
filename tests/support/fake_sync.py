"""A stand-in for mds-sync on a private bus, for tests of mdsctl: it tells what a file says.

    {"state": "listening", "certificate": {...}, "peers": [{"uid", "name", "address", "state", "reason"}, ...]}"""

import json
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

SYNC = "org.openmds.Sync1"
PATH = "/org/openmds/Sync1"


class Sync(dbus.service.Object):
    """Sync1, as far as mdsctl asks it."""

    def __init__(self, bus, file):
        super().__init__(bus, PATH)
        self.file = file

    def data(self):
        """The file as it is now."""
        with open(self.file, encoding="utf-8") as text:
            return json.load(text)

    @dbus.service.method(SYNC, out_signature="a(ssssxxsu)")
    def Peers(self):  # noqa: N802
        """The connections."""
        return [(p["uid"], p["name"], p["address"], p["state"], p.get("since", 1764500000000),
                 p.get("last-contact", 1764500000000), p.get("reason", ""), p.get("round-trip-us", 0))
                for p in self.data()["peers"]]

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, interface, name):  # noqa: N802
        """State and Certificate."""
        del interface
        data = self.data()
        return {"State": data.get("state", "listening"),
                "Certificate": json.dumps(data.get("certificate", {}))}[str(name)]


def main():
    """Serves until it is killed."""
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    sync = Sync(bus, sys.argv[1])
    name = dbus.service.BusName(SYNC, bus)
    GLib.MainLoop().run()
    del sync, name


if __name__ == "__main__":
    main()
