"""The appliance image (packaging/image): built by mkosi from the package, booted, and seen on its console."""

import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time

import pyte
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/support")

from deployment import package  # noqa: E402
from rig import Rig, wait_until  # noqa: E402

NAME = "img"
ANSWERS = """[Server]
Role=primary
HostName=one
Address=10.77.0.61
Interface=eth0
[Deployment]
Name=acme
[Administrator]
Name=anna
PasswordFile=/etc/mds/password
"""


class Console:
    """The terminal of a host, 80 x 24."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)

    def wait(self, words, timeout=90):
        """Reads until the words stand on the screen; returns the screen."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.2)[0]:
                self.stream.feed(os.read(self.master, 65536))
            shown = "\n".join(line.rstrip() for line in self.screen.display)
            if words in shown:
                return shown
        raise AssertionError(f"no \"{words}\" on the console:\n{shown}")

    def type(self, text):
        """Somebody types a line."""
        os.write(self.master, text.encode() + b"\r")


@pytest.fixture(name="built", scope="module")
def fixture_built():
    """The folder of the image; mkosi fetches Debian's packages once and keeps them."""
    out = f"{ROOT}/build/image"
    done = subprocess.run(["./dev", "image"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=1800, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
    return f"{out}/openmds"


@pytest.fixture(name="boot")
def fixture_boot(built):
    """boot(console, files): a host that is the image."""
    rig = Rig(NAME)

    def boot(console=None, files=None):
        rig.down()
        image = f"/var/tmp/openmds-hosts/{NAME}-image"
        shutil.rmtree(image, ignore_errors=True)
        subprocess.run(["cp", "-a", built, image], check=True)
        for path, text in (files or {}).items():
            os.makedirs(os.path.dirname(image + path), exist_ok=True)
            with open(image + path, "w", opener=lambda p, f: os.open(p, f, 0o600), encoding="utf-8") as file:
                file.write(text)
        rig.network.up()
        return rig.place("one", "10.77.0.61", image, console and console.slave)
    yield boot
    rig.down()
    shutil.rmtree(f"/var/tmp/openmds-hosts/{NAME}-image", ignore_errors=True)


def test_the_image_enables_what_an_appliance_needs(built):
    def state(unit):
        return subprocess.run(["systemctl", f"--root={built}", "is-enabled", unit], stdout=subprocess.PIPE, text=True,
                              check=False).stdout.strip()
    assert state("mds-firstboot.service") == "enabled"
    assert state("mds.target") == "disabled", "it is not set up"
    assert not os.path.exists(f"{built}/var/lib/mds/setup.json")
    with open(f"{built}/etc/machine-id", encoding="ascii") as file:
        assert file.read().strip() in ("", "uninitialized"), "every machine has an id of its own"
    assert not [n for n in os.listdir(f"{built}/etc/apt/sources.list.d") if "openmds" in n]


def test_the_image_boots_into_the_wizard_and_takes_an_answer(boot):
    console = Console()
    host = boot(console)
    shown = console.wait("Full host name", 120)
    assert "login:" not in shown.split("First-time setup of OpenMDS.")[1], "they stand in place of the login prompt"
    assert host.out("systemctl is-active mds-firstboot-console@console.service") == "active"
    assert host.out("systemctl is-enabled mds.target", check=False) == "disabled"
    console.type("login")
    console.wait("login:")


def test_an_image_with_answers_asks_nothing(boot):
    console = Console()
    host = boot(console, {"/etc/mds/setup.conf": ANSWERS, "/etc/mds/password": "orange-boat-77\n"})
    wait_until(lambda: host.leader() and host.sh("systemctl is-active mds.target", check=False).stdout.strip()
               == "active", 120, "setup")
    host.wait_up()
    console.wait("login:")
    assert host.out("systemctl --failed --plain --no-legend") == ""
    assert host.out("mdsctl status -o csv | head -1") != ""
