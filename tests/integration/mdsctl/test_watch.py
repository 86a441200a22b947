"""mdsctl watch on a terminal and in a pipe."""
import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest
from fake_core import grid
from private_bus import wait_until

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Watch:
    """mdsctl watch on a terminal."""

    def __init__(self, control, *words):
        self.master, self.inside = pty.openpty()
        termios.tcsetwinsize(self.inside, (24, 80))
        self.before = termios.tcgetattr(self.inside)
        self.seen = b""
        self.process = subprocess.Popen([str(control.mdsctl), "watch", *words], stdin=self.inside,
                                        stdout=self.inside, stderr=self.inside, env=control.env)
        self.wait("q quits")

    def read(self):
        """Takes what was drawn."""
        while select.select([self.master], [], [], 0.01)[0]:
            self.seen += os.read(self.master, 65536)

    def wait(self, text, seconds=8):
        """Waits until it was drawn."""
        wait_until(lambda: self.read() or text.encode() in self.seen, seconds, f"{text!r} on the screen")

    def ended(self):
        """The exit code, and that the terminal is as it was."""
        code = self.process.wait(5)
        self.read()
        assert self.seen.count(ENTER) == 1 and self.seen.count(LEAVE) == 1
        assert self.seen.endswith(b"\x1b[?25h" + LEAVE), "the cursor is back too"
        assert termios.tcgetattr(self.inside) == self.before
        os.close(self.master)
        os.close(self.inside)
        return code


def worse(control):
    """Something is not well from now on."""
    control.data["grid"] = grid(problems=[{"what": "tokyo-mds-01 does not answer", "why": "", "since": 0, "next": []}])
    control.save()
    control.signal()


def test_watch_is_drawn_again_at_a_signal_and_quits_at_q(control):
    watch = Watch(control)
    assert b"acme-msp" in watch.seen
    begin = time.monotonic()
    worse(control)
    watch.wait("tokyo-mds-01 does not answer")
    assert time.monotonic() - begin < 2, "by the signal, not by the clock"
    os.write(watch.master, b"x")
    os.write(watch.master, b"q")
    assert watch.ended() == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_watch_gives_the_terminal_back(control, number):
    watch = Watch(control)
    watch.process.send_signal(number)
    assert watch.ended() == 128 + number


def test_watch_ends_while_the_core_hangs(control):
    watch = Watch(control)
    control.core.send_signal(signal.SIGSTOP)
    time.sleep(5.5)  # it asks by now
    watch.process.send_signal(signal.SIGINT)
    assert watch.ended() == 130
    control.core.send_signal(signal.SIGCONT)


def test_watch_is_drawn_at_most_twice_a_second(control):
    watch = Watch(control, "--timeout", "4s")
    for _ in range(60):
        control.signal()
        time.sleep(0.04)
    assert watch.ended() == 0
    assert 2 <= watch.seen.count(b"q quits") <= 9


def test_watch_goes_on_when_the_core_is_away(control):
    watch = Watch(control)
    control.core.terminate()
    control.core.wait()
    watch.wait("does not answer on this host")
    watch.process.send_signal(signal.SIGINT)
    assert watch.ended() == 130


def lines_of(control, *words):
    """mdsctl watch in a pipe."""
    return subprocess.Popen([str(control.mdsctl), "watch", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=control.env, text=True, encoding="utf-8")


def test_watch_in_a_pipe_is_a_line_a_change(control):
    watch = lines_of(control)
    first = watch.stdout.readline()
    assert "3 of 3 servers run, 3 of 3 Domains synchronized" in first
    for _ in range(3):
        control.signal()
        time.sleep(0.6)
    worse(control)
    assert "; tokyo-mds-01 does not answer" in watch.stdout.readline(), "what has not changed has no line"
    watch.send_signal(signal.SIGINT)
    assert watch.wait(5) == 130
    assert watch.stdout.read() == "" and watch.stderr.read() == ""


def test_watch_of_json_is_an_object_a_change(control):
    watch = lines_of(control, "--json", "--timeout", "3s")
    assert json.loads(watch.stdout.readline())["problems"] == []
    worse(control)
    assert json.loads(watch.stdout.readline())["problems"][0]["what"].startswith("tokyo")
    assert watch.wait(8) == 3
    with contextlib.closing(watch.stdout), contextlib.closing(watch.stderr):
        assert watch.stdout.read() == ""


def test_without_a_bus_it_says_so(control):
    nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}
    done = control.run("watch", env=nowhere)
    assert done.returncode == 7 and done.stderr.splitlines()[-1] == "Next:  systemctl status dbus.service", done
    code, out = control.on_terminal("watch", env=nowhere)
    assert code == 7 and "system bus of this host does not answer" in out
