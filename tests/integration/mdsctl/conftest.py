"""mdsctl as it was built, with a stand-in for mds-core that answers from a file."""
import fcntl
import json
import os
import pathlib
import pty
import signal
import struct
import subprocess
import sys
import termios

import pytest

SUPPORT = pathlib.Path(__file__).resolve().parents[2] / "support"
sys.path.insert(0, str(SUPPORT))
import fake_core  # noqa: E402
from private_bus import PrivateBus, program  # noqa: E402


class Control:
    """A host whose core says what `data` holds, and mdsctl on it."""

    def __init__(self, bus, folder):
        self.bus, self.folder, self.file = bus, folder, folder / "core.json"
        self.mdsctl = program("mdsctl")
        # Of a server that is set up.
        (folder / "state").mkdir(exist_ok=True)
        (folder / "state/setup.json").write_text("{}")
        self.env = bus.environment({"MDS_STATE": str(folder / "state"), "LC_ALL": "C.UTF-8", "TERM": "xterm", "HOME": str(folder),
                                    "PATH": f"{self.mdsctl.parent}:{os.environ['PATH']}"})
        self.env.pop("NO_COLOR", None)
        self.data = {"grid": fake_core.grid(), "run": {}}
        self.save()
        self.core = subprocess.Popen([sys.executable, str(SUPPORT / "fake_core.py"), str(self.file)],
                                     env=self.env, stdin=subprocess.DEVNULL)
        bus.wait_for_name("org.openmds.Core1")

    def save(self):
        """What was changed in `data` counts from now on."""
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.data))
        part.rename(self.file)

    def says(self, command, reply, status=200):
        """The answer to a command of the management API."""
        self.data["run"][command] = {"status": status, "reply": reply}
        self.save()

    def domains(self, *names):
        """These Domains are there."""
        self.data["grid"] = fake_core.grid(names)
        self.save()

    def signal(self):
        """The core tells that something has changed."""
        self.core.send_signal(signal.SIGHUP)

    def ran(self):
        """The commands that were run: (Domain, command, body) each."""
        log = pathlib.Path(f"{self.file}.log")
        return [tuple(json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []

    def run(self, *words, env=None, **more):
        """mdsctl with these words; standard input is empty."""
        return subprocess.run([str(self.mdsctl), *words], env={**self.env, **(env or {})}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                              encoding="utf-8", **more)

    def close(self):
        """Ends the core."""
        self.core.terminate()
        self.core.wait()

    def on_terminal(self, *words, rows=24, columns=80, stdin=subprocess.DEVNULL, env=None):
        """(exit code, what mdsctl writes) at a terminal of that size; `stdin` None: the terminal, too."""
        master, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen([str(self.mdsctl), *words], stdin=inside if stdin is None else stdin, stdout=inside,
                                   stderr=inside, env={**self.env, **(env or {})})
        os.close(inside)
        out = b""
        try:
            while data := os.read(master, 65536):
                out += data
        except OSError:
            pass
        os.close(master)
        return process.wait(20), out.decode()


@pytest.fixture
def control(tmp_path):
    """mdsctl with a core that knows three Domains on three servers."""
    with PrivateBus("mdsctl") as bus:
        one = Control(bus, tmp_path)
        yield one
        one.close()
