"""What mds-setup runs on in these tests: folders of its own and a private bus."""

import json
import os
import subprocess
import sys

import pytest
from screen import Screen

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("MDS_BUILD", os.path.join(ROOT, "build", "dev"))
SETUP = os.path.join(BUILD, "firstboot", "mds-setup")
ADDRESS = subprocess.run(["hostname", "-I"], capture_output=True, text=True,
                         check=False).stdout.split()
HASH = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="setup is for root")


class Machine:
    """Folders of its own and a private system bus."""

    def __init__(self, folder):
        self.folder = folder
        self.etc = folder / "etc"
        self.state = folder / "state"
        self.etc.mkdir()
        self.state.mkdir()
        self.record = folder / "record"
        # Files of the operating system: a time zone, a service that keeps the time.
        self.root = folder / "root"
        for name in ("etc", "run", "lib/systemd"):
            (self.root / name).mkdir(parents=True)
        (self.root / "etc" / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
        (self.root / "lib" / "systemd" / "systemd-timesyncd").touch()
        self.env = dict(os.environ, MDS_ETC=str(self.etc), MDS_STATE=str(self.state), LC_ALL="C.UTF-8",
                        TERM="dumb", MDS_PROC=str(folder), MDS_DEBCONF=str(folder), MDS_ROOT=str(self.root),
                        MDS_RUN=str(self.root / "run"))
        for name in ("CREDENTIALS_DIRECTORY", "DBUS_SYSTEM_BUS_ADDRESS"):
            self.env.pop(name, None)
        self.processes = []
        self.mocks = None
        self.screens = []

    def boot(self, broken="-", refuse="-", hang="-"):
        if not self.processes:
            bus = subprocess.Popen(["dbus-daemon", "--session", "--print-address", "--nofork"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.processes.append(bus)
            self.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus.stdout.readline().strip()
        if self.mocks:
            self.mocks.kill()
            self.mocks.wait()
        self.mocks = subprocess.Popen([sys.executable, os.path.join(HERE, "mocks.py"),
                                       str(self.record), broken, refuse, hang], stdout=subprocess.PIPE,
                                      env=self.env, text=True)
        self.processes.append(self.mocks)
        assert self.mocks.stdout.readline() == "ready\n"

    def close(self):
        for screen in self.screens:
            screen.close()
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def file(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def setup(self, *arguments, stdin=""):
        return subprocess.run([SETUP, *arguments], input=stdin, capture_output=True, text=True,
                              env=self.env, timeout=60, check=False)

    def screen(self, *arguments, program=(), columns=80, rows=24, term="xterm-256color", **env):
        """mds-setup on a terminal of its own; closed with the machine."""
        made = Screen([*program, SETUP, *arguments], dict(self.env, **env), columns, rows, term)
        self.screens.append(made)
        return made

    def request(self):
        """What the core was asked to set up, once."""
        setups = [call[1] for call in self.calls() if call[0] == "setup"]
        assert len(setups) == 1, setups
        return setups[0]

    def calls(self):
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def snapshot(self):
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in self.state.rglob("*")
                if p.is_file()}
