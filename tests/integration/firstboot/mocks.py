"""A service manager, a core and an API on a private bus, for mds-setup: they say what they are asked
and keep a record."""

import json
import sys
import time

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

PROPERTIES = "org.freedesktop.DBus.Properties"
MANAGER = "org.freedesktop.systemd1.Manager"
CORE = "org.openmds.Core1"


class Record:
    """What was called; the call `hang` ("start mds.target", "setup") is recorded and gets no answer."""

    def __init__(self, path, hang):
        self.path = path
        self.hang = hang

    def add(self, *what):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")
        if self.hang in (what[0], f"{what[0]} {what[-1]}"):
            time.sleep(600)


class Unit(dbus.service.Object):
    def __init__(self, bus, path, state):
        super().__init__(bus, path)
        self.state = state

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if name == "Job":
            return dbus.Struct((dbus.UInt32(0), dbus.ObjectPath("/")), signature="uo")
        return self.state


class Manager(dbus.service.Object):
    def __init__(self, bus, record, broken):
        super().__init__(bus, "/org/freedesktop/systemd1")
        self.bus = bus
        self.record = record
        self.broken = broken
        self.units = {}

    @dbus.service.method(MANAGER, in_signature="s", out_signature="o")
    def LoadUnit(self, name):
        path = "/org/freedesktop/systemd1/unit/" + "".join(c if c.isalnum() else "_" for c in name)
        if path not in self.units:
            state = "failed" if name == self.broken else "active"
            self.units[path] = Unit(self.bus, path, state)
        return dbus.ObjectPath(path)

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def StartUnit(self, name, mode):
        self.record.add("start", name)
        return dbus.ObjectPath("/org/freedesktop/systemd1/job/1")

    @dbus.service.method(MANAGER, in_signature="asbb", out_signature="ba(sss)")
    def EnableUnitFiles(self, names, runtime, force):
        self.record.add("enable", list(names))
        return True, dbus.Array([], signature="(sss)")

    @dbus.service.method(MANAGER)
    def Reload(self):
        self.record.add("reload")


class RefusedError(dbus.DBusException):
    _dbus_error_name = "org.openmds.Error.HaInvalid"


class Core(dbus.service.Object):
    def __init__(self, bus, record, refuse):
        super().__init__(bus, "/org/openmds/Core1")
        self.record = record
        self.refuse = refuse
        self.state = "not set up"

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return {"Role": "", "Name": "", "Domains": dbus.UInt32(0),
                "Peers": dbus.Array([], signature="(ssssx)")}.get(name, self.state)

    @dbus.service.method(CORE, in_signature="ayah", out_signature="s")
    def Setup(self, inline, files):
        assert not inline, "the bus daemon sees the answers"
        with open(files[0].take(), "rb") as memory:
            memory.seek(0)
            answers = memory.read()
        self.record.add("setup", json.loads(answers))
        if self.refuse:
            raise RefusedError("The disk is full [RF-99]\nNext: free some space")
        self.SetupStep("Host name", 400)
        self.SetupStep("System database and Global Domain", 3100)
        self.state = "running" if json.loads(answers)["role"] == "primary" else "waiting for trust"
        return "{}"

    @dbus.service.signal(CORE, signature="su")
    def SetupStep(self, step, milliseconds):
        pass


class Api(dbus.service.Object):
    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return "4F9A11C0" * 8


def main():
    record_path, broken, refuse, hang = sys.argv[1:5]
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    record = Record(record_path, hang)
    kept = [Manager(bus, record, broken), Core(bus, record, refuse == "refuse"),
            Api(bus, "/org/openmds/Api1")]
    names = [dbus.service.BusName(name, bus) for name in
             ("org.freedesktop.systemd1", "org.openmds.Core1", "org.openmds.Api1")]
    print("ready", flush=True)
    GLib.MainLoop().run()
    del kept, names


if __name__ == "__main__":
    main()
