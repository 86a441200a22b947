"""Somebody at the terminal of a booted host: what is typed there, and all that is seen, 80 columns wide."""

import os
import re
import sys
import time

import pyte

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/integration/firstboot")

from screen import Screen  # noqa: E402

SECONDS = 180
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Console:
    """A shell of root on a host, on an emulated terminal of 80 x 24 whose scrolled lines are kept."""

    def __init__(self, rig, name):
        self.name, self.prompt = name, f"{name}#"
        # Lines of ours that were wider than the terminal.
        self.wide = []
        self.at = Screen(["/usr/bin/python3", f"{ROOT}/tests/hosts/hosts", "--rig", rig, "sh", name, "bash", "--norc",
                          "--noediting"], dict(os.environ))
        self.clear()
        self.at.type(f"PS1='{name}# '; PS2='> '; cd /root; . /etc/profile.d/mds.sh 2>/dev/null; clear\r")
        self.wait(lambda: self.lines() == [self.prompt])

    def clear(self):
        """An empty screen, on which the prompt stands."""
        self.at.screen = pyte.HistoryScreen(80, 24, history=2000)
        self.at.stream = pyte.ByteStream(self.at.screen)
        self.at.text = b""

    def lines(self):
        """All that was written since the screen was empty."""
        screen = self.at.screen
        above = ["".join(row[x].data for x in range(80)).rstrip() for row in screen.history.top]
        shown = [line.rstrip() for line in screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return above + shown

    def wait(self, done):
        """Until something is seen."""
        end = time.monotonic() + SECONDS
        while not (done() and self.at.is_quiet()):
            assert time.monotonic() < end and self.at.read(0.2), "\n".join(self.lines())

    def run(self, command, *answers, ours=True):
        """Types a command, then each answer when its question, (what is asked, answer, whether it is a secret), stands on
        the last line. Returns everything from the prompt to the next one, which is left out. What is not `ours`
        may be wider than the terminal."""
        self.clear()
        self.at.stream.feed(f"{self.prompt} ".encode())
        for number, line in enumerate(command.split("\n")):
            if number:
                self.wait(lambda: self.lines()[-1] == ">")
            self.at.type(line + "\r")
        asked = 0
        for question, answer, *secret in answers:
            self.wait(lambda q=question: q in " ".join(self.lines()[asked:][-6:]) and not self.lines()[-1].startswith(self.prompt))
            asked = len(self.lines())
            if secret:
                self.at.hides_typing()
            self.at.type(answer + "\r")
        self.wait(lambda: len(self.lines()) > 1 and self.lines()[-1] == self.prompt)
        wide = [line for line in ESCAPES.sub(b"", self.at.text).decode(errors="replace").split("\n")
                if len(line.rstrip("\r").rsplit("\r", 1)[-1]) > 80]
        self.wide += wide if ours else []
        return self.lines()[:-1]

    def end(self):
        """Leaves the terminal."""
        self.at.close()
