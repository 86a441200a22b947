"""A terminal: a program on a pseudo terminal of its own, and what an emulator shows of it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pyte

TAB, ENTER, ESC, SPACE, CTRL_C = "\t", "\r", "\x1b", " ", "\x03"
# What the keys of each kind of terminal send.
F1 = {"linux": "\x1b[[A", "xterm-256color": "\x1bOP", "vt100": "\x1bOP"}
DOWN = {"linux": "\x1b[B", "xterm-256color": "\x1bOB", "vt100": "\x1bOB"}
SECONDS = 20


class Screen:
    """`text` is what has been written, as bytes; `shown()` what stands on the screen now."""

    def __init__(self, command, env, columns=80, rows=24, term="xterm-256color"):
        self.term = term
        self.text = b""
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(command[0], command, dict(env, TERM=term))
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """Takes what comes within some seconds; false at the end of the program's output."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += chunk
        self.stream.feed(chunk)
        return bool(chunk)

    def is_quiet(self):
        """Nothing came for a moment: the screen is drawn to its end."""
        return not select.select([self.fd], [], [], 0.06)[0]

    def shown(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip("\n")

    def wait(self, *wanted):
        """Until all of the texts are on the screen."""
        end = time.monotonic() + SECONDS
        while True:
            shown = self.shown()
            if all(text in shown for text in wanted) and self.is_quiet():
                return self.shown()
            if time.monotonic() > end or not self.read(0.2):
                missing = [text for text in wanted if text not in self.shown()]
                assert not missing, f"not on the screen: {missing}\n{self.shown()}"

    def wait_gone(self, unwanted):
        end = time.monotonic() + SECONDS
        while unwanted in self.shown():
            assert time.monotonic() < end and self.read(0.2), f"still there: {unwanted}\n{self.shown()}"

    def wait_text(self, wanted, after=0):
        """Until the text was written; returns where it ends."""
        end = time.monotonic() + SECONDS
        while (at := self.text.find(wanted.encode(), after)) < 0:
            assert time.monotonic() < end and self.read(0.2), f"never written: {wanted}\n{self.text!r}"
        return at + len(wanted.encode())

    def hides_typing(self):
        """Until the program has switched the echo off."""
        while termios.tcgetattr(self.fd)[3] & termios.ECHO:
            time.sleep(0.01)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def f1(self):
        self.type(F1[self.term])

    def down(self):
        self.type(DOWN[self.term])

    def end(self):
        """The exit code, when the program has ended by itself."""
        limit = time.monotonic() + SECONDS
        while self.read(0.2):
            assert time.monotonic() < limit, f"still runs\n{self.shown()}"
        return self.close()

    def close(self):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.status = os.waitpid(self.pid, 0)[1]
            os.close(self.fd)
        return os.waitstatus_to_exitcode(self.status)


def without_host(text, replacements):
    """The text with what differs from host to host replaced, widths kept."""
    for pattern, name in replacements:
        text = re.sub(pattern, lambda m, n=name: n.ljust(len(m.group(0))), text)
    return text
