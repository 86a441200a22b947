"""A stand-in for mds-core on a private bus, for tests and measurements of mdsctl: it answers from a file.

    {"grid": {...}, "run": {"show-tasks": {"status": 200, "reply": {...}}, ...}, "error": "not_set_up"}

A list of answers instead of one: one after the other, the last one for ever. `error`: every call ends so. The file is read anew when it has changed; SIGHUP: something has changed, which the bus
is told. What was run goes into FILE.log, a JSON list a line."""

import json
import os
import signal
import sys
import uuid

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

CORE = "org.openmds.Core1"
PATH = "/org/openmds/Core1"

HOSTILE = ["My Domain", "it's", 'a"quote', "$(touch PWNED)", "`touch PWNED`", "back\\slash", "semi;colon", "a=b", "a:b",
           "star*", "~home", "bang!x", "#hash", "=1+1", "comma,comma", "new\nline", "tab\there", "esc\x1b[31m",
           "\u05e2\u05d1\u05e8\u05d9\u05ea", "turn\u202eed", "x" * 255]


def grid(domains=("Global", "London", "Tokyo"), servers=3, problems=()):
    """A deployment: Domain names, with a server of each on every Multi-Domain Server."""
    names = ["london-mds-01", "tokyo-mds-01", "nyc-mds-01"] + [f"mds-{i:02}" for i in range(3, servers)]
    mds = [{"uid": str(uuid.UUID(int=i + 1)), "name": name, "address": f"10.{i + 1}.0.11",
            "role": "primary" if i == 0 else "secondary", "self": i == 0, "state": "running",
            "last-contact": 1764500000000, "reason": "", "round-trip-us": 0 if i == 0 else 1000 * i,
            "version": "1.0.0", "certificate-until": 1795000000000, "renewal-problem": "",
            "active": len(domains) if i == 0 else 0, "standby": 0 if i == 0 else len(domains)}
           for i, name in enumerate(names[:servers])]
    rows = [{"name": name, "uid": str(uuid.UUID(int=1000 + n)),
             "domain-type": "global domain" if name == "Global" else "domain", "sync": "synchronized",
             "cells": [{"mds": m["uid"], "mds-name": m["name"], "server": f"{name}-{i + 1}",
                        "address": f"10.{i + 1}.1.{n % 250 + 1}", "type": "management server",
                        "primary": i == 0, "server-uid": str(uuid.UUID(int=100000 + 100 * n + i)),
                        "licence": "", "ha-state": "active" if i == 0 else "standby",
                        "sync-status": "synchronized", "revision": 7, "parked": 0}
                       for i, m in enumerate(mds)]}
            for n, name in enumerate(domains)]
    return {"deployment": "acme-msp", "self": mds[0]["uid"], "role": "primary", "servers": mds, "domains": rows,
            "tasks": {"running": 0, "failed": 0}, "problems": list(problems), "notes": []}


def task(name="9f2c", status="in progress", percent=62):
    """A task as show-task tells it."""
    return {"task-id": name, "task-name": "Create Domain", "status": status, "progress-percentage": percent,
            "progress-description": "first synchronization", "comments": "",
            "start-time": {"posix": 1764500000000, "iso-8601": "2025-11-30T10:53+0000"}}


class Core(dbus.service.Object):
    """Core1, as far as mdsctl asks it."""

    def __init__(self, bus, file):
        super().__init__(bus, PATH)
        self.file, self.read, self.known, self.grid, self.told = file, None, {}, "", {}

    def data(self):
        """The file; the error it orders is raised."""
        state = os.stat(self.file)
        if self.read != (state.st_ino, state.st_mtime_ns):
            with open(self.file, encoding="utf-8") as text:
                self.known = json.load(text)
            self.read, self.grid = (state.st_ino, state.st_mtime_ns), json.dumps(self.known["grid"])
        if self.known.get("error"):
            raise dbus.DBusException("ordered by the test", name="org.openmds.Error." + self.known["error"])
        return self.known

    @dbus.service.method(CORE, out_signature="s")
    def Grid(self):  # noqa: N802
        """The whole deployment."""
        self.data()
        return self.grid

    @dbus.service.method(CORE, in_signature="ssayah", out_signature="qayah", byte_arrays=True)
    def Run(self, domain, command, body, fds):  # noqa: N802
        """A command of the management API."""
        del fds
        with open(self.file + ".log", "a", encoding="utf-8") as log:
            log.write(json.dumps([str(domain), str(command), json.loads(bytes(body) or b"{}")]) + "\n")
        answer = self.data().get("run", {}).get(str(command))
        if isinstance(answer, list):
            told = self.told.setdefault(str(command), 0)
            self.told[str(command)] += 1
            answer = answer[min(told, len(answer) - 1)]
        if answer is None:
            answer = {"status": 404, "reply": {"code": "generic_err_object_not_found",
                                               "message": f"Requested object [{command}] not found"}}
        text = json.dumps(answer["reply"]).encode()
        if len(text) <= 48 * 1024:
            return dbus.UInt16(answer["status"]), dbus.ByteArray(text), dbus.Array([], signature="h")
        big = os.memfd_create("reply")
        os.write(big, text)
        fd = dbus.types.UnixFd(big)
        os.close(big)
        return dbus.UInt16(answer["status"]), dbus.ByteArray(b""), dbus.Array([fd], signature="h")

    @dbus.service.signal("org.freedesktop.DBus.Properties", signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):  # noqa: N802
        """As sdbus-c++ tells it."""


def main():
    """Serves until it is killed."""
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    core = Core(bus, sys.argv[1])
    name = dbus.service.BusName(CORE, bus)

    def tell():
        core.PropertiesChanged(CORE, dbus.Dictionary({"Revision": dbus.UInt64(8)}, signature="sv"), [])
        return True
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGHUP, tell)
    GLib.MainLoop().run()
    del name


if __name__ == "__main__":
    main()
