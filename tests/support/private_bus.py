"""A private bus for integration tests: one PrivateBus stands for one host.

It starts a dbus-daemon that allows everything, starts our daemons on it as their "system bus",
keeps their output, and ends what it started. Works without root and beside other tests.

    with PrivateBus("london") as bus:
        sync = bus.start("mds-sync", env={"MDS_TRUST": folder})
        bus.wait_for_name("org.openmds.Sync1")
        bus.proxy("org.openmds.Sync1", "/org/openmds/Sync1").Peers()

MDS_BUILD names the build folder with our programs (default build/dev in the project).
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import dbus
import dbus.bus
import dbus.mainloop.glib

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)


def build_folder():
    """The build folder, absolute."""
    folder = pathlib.Path(os.environ.get("MDS_BUILD", "build/dev"))
    return folder if folder.is_absolute() else PROJECT / folder


def program(name):
    """The path of one of our programs in the build folder, by its file name."""
    for place in ("services", "tools", "firstboot"):
        for path in sorted((build_folder() / place).glob(f"**/{name}")):
            if path.is_file() and os.access(path, os.X_OK):
                return path
    raise FileNotFoundError(f"{name} is not built in {build_folder()} (set MDS_BUILD)")


def wait_until(condition, seconds=10, what="the condition", step=0.02):
    """Waits until condition() is true and returns its value; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come about in {seconds} s"
        time.sleep(step)


class Daemon:
    """One process of ours on a private bus; its output goes to `log`; it keeps these descriptors."""

    def __init__(self, arguments, env, log, descriptors=()):
        self.arguments, self.env, self.log, self.descriptors = arguments, env, log, descriptors
        self.process = None
        self.start()

    def start(self):
        """Starts it, again after kill() or stop()."""
        # A terminal, because lib/log writes to one and else to the journal, which may be absent.
        terminal, inside = os.openpty()
        self.process = subprocess.Popen(self.arguments, env=self.env, stdout=inside, stderr=inside,
                                        stdin=subprocess.DEVNULL, pass_fds=self.descriptors)
        os.close(inside)
        threading.Thread(target=self._collect, args=(terminal,), daemon=True).start()

    def _collect(self, terminal):
        with open(self.log, "ab", buffering=0) as out, contextlib.suppress(OSError):
            while data := os.read(terminal, 65536):
                out.write(data.replace(b"\r\n", b"\n"))
        os.close(terminal)

    def output(self):
        """What it has written so far."""
        path = pathlib.Path(self.log)
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_idle(self, seconds=10):
        """Waits until it has nothing to do: asleep, and no processor time since the last look."""
        def look():
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return fields[0], fields[11], fields[12]
        seen = []

        def quiet():
            seen.append(look())
            return len(seen) > 5 and seen[-1][0] == "S" and len(set(seen[-5:])) == 1
        wait_until(quiet, seconds, f"{self.arguments[0]} is idle")

    def kill(self):
        """Ends it as a crash would (SIGKILL)."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=10):
        """Ends it in an orderly way and returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.arguments[0]} did not stop:\n{self.output()}") from None


class PrivateBus:
    """A bus of its own, the daemons on it and a folder for their files."""

    def __init__(self, name="host", folder=None):
        self.name = name
        self._own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix=f"mds-{name}-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        # Paths of sockets are short: the bus always gets a folder of its own.
        self._socket_folder = tempfile.mkdtemp(prefix="mds-bus-")
        self.address = f"unix:path={self._socket_folder}/bus"
        config = self.folder / "bus.conf"
        config.write_text(CONFIG.format(folder=self._socket_folder))
        self.daemons = []
        self._connections = []
        self._bus = subprocess.Popen(["dbus-daemon", "--nofork", "--nosyslog",
                                      f"--config-file={config}"], stdin=subprocess.DEVNULL)
        wait_until(self._listens, what="the private bus")
        self.connection = self.connect()

    def _listens(self):
        # The socket is there a moment before the daemon listens on it.
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(f"{self._socket_folder}/bus")
            except OSError:
                return False
        return True

    @contextlib.contextmanager
    def stopped(self):
        """The bus takes nothing while this lasts."""
        self._bus.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._bus.send_signal(signal.SIGCONT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def pid(self):
        """The process of the bus itself."""
        return self._bus.pid

    def connect(self):
        """A new connection of the test to this bus (a caller with a unique name of its own)."""
        connection = dbus.bus.BusConnection(self.address)
        connection.set_exit_on_disconnect(False)
        self._connections.append(connection)
        return connection

    def environment(self, extra=None):
        """The environment of programs on this host. Settings are in `folder`/etc."""
        (self.folder / "etc").mkdir(exist_ok=True)
        env = {key: value for key, value in os.environ.items()
               if key not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "STATE_DIRECTORY")}
        env.update(DBUS_SYSTEM_BUS_ADDRESS=self.address, MDS_ETC=str(self.folder / "etc"))
        env.update(extra or {})
        return env

    def configure(self, text):
        """Writes mds.conf of this host."""
        (self.folder / "etc").mkdir(exist_ok=True)
        (self.folder / "etc" / "mds.conf").write_text(text)

    def start(self, name, *arguments, env=None, state=None):
        """Starts one of our daemons by its file name; returns its Daemon. Its files are in
        `state` (default `folder`/state/<name>)."""
        state = pathlib.Path(state or self.folder / "state" / name)
        state.mkdir(parents=True, exist_ok=True)
        command = [str(program(name)), "--debug", "--state", str(state), *arguments]
        daemon = Daemon(command, self.environment(env),
                        self.folder / f"{name}-{len(self.daemons)}.log")
        self.daemons.append(daemon)
        return daemon

    def wait_for_name(self, name, seconds=20):
        """Waits until somebody owns the bus name."""
        wait_until(lambda: self.connection.name_has_owner(name), seconds, f"{name} on the bus")

    def proxy(self, name, path, interface=None, connection=None):
        """An interface of an object; the interface is `name` when not given."""
        connection = connection or self.connection
        return dbus.Interface(connection.get_object(name, path, introspect=False),
                              interface or name)

    def get(self, name, path, prop, interface=None):
        """The value of a property."""
        return self.proxy(name, path, dbus.PROPERTIES_IFACE).Get(interface or name, prop)

    def logs(self):
        """What all daemons wrote, for the message of a failed test."""
        return "\n".join(f"--- {d.log}\n{d.output()}" for d in self.daemons)

    def close(self):
        """Ends everything and removes the files, unless the folder was given."""
        for daemon in self.daemons:
            with contextlib.suppress(AssertionError):
                daemon.stop()
        for connection in self._connections:
            with contextlib.suppress(dbus.DBusException):
                connection.close()
        self._bus.terminate()
        self._bus.wait()
        shutil.rmtree(self._socket_folder, ignore_errors=True)
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
