#!/usr/bin/python3
"""Writes docs/first-deployment.md: the reference deployment built by hand on three fresh hosts, at a terminal of
80 x 24, and what it does when a site loses its power. With --check it only says whether the page is what one sees now.
Needs root and a package (./dev package)."""

import difflib
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/hosts")]

from console import Console  # noqa: E402
from deployment import ADDRESSES, EX1, KEY, PASSWORD, package  # noqa: E402
from rig import Rig, wait_until  # noqa: E402

PAGE = ROOT / "docs/first-deployment.md"
# As the package of a release is called; and apt as on a host with a network.
DEB = "openmds-server.deb"
APT = 'APT::Sandbox::User "root";\nDpkg::Use-Pty "0";\nDpkg::Progress-Fancy "0";\n'
SECRET = True
# All is well, nothing is on its way, and the way to the others was measured.
WELL = "mdsctl status > well && grep -q ' 0 running' well && grep -q Nearest well"


# What is another one each time, and what stands for it.
CHANGING = [
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "00000000-0000-4000-8000-000000000000"),
    (r"\b([0-9A-F]{2}:){3,31}[0-9A-F]{2}\b", lambda match: "5A" + ":5A" * match.group(0).count(":")),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", lambda match: "2026-12-01T09:00" + ":00" * bool(match.group(1))),
    (r"(?<=first to end, on )\S+", "2027-05-30"),
    (r"(?<=posix: )\d+", "1796115600000"),
    (r"\b[\d.,]+ (?=[kM]B\b)", "5,000 "),
    (r"\b\d+ (?=files and directories)", "12345 "),
    (r"(?<=[UG]ID )\d+", "995"),
    (r"(?<=openmds-server \()[^)]*(?=\))", "0.1.0"),
    (r"(?<=amd64 )\d[\d.]+\d", "0.1.0"),
    (r"(?<=[a-z] \()\d+[^ )]*(?=\) \.\.\.)", "1.0"),
    (r"  \d+\.\d s$", lambda match: "0.3 s".rjust(len(match.group(0)))),
    (r"(?<=[a-z] )[\d.]+ (?=(s|seconds?)( ago|\.|,|$))", "2 "),
    (r"(?<=about )\d+ s", "2 s"),
    (r"(?<=, )\d+\.\d ms$", "0.3 ms"),
]
# Cells of tables.
CELLS = {"CONTACT": lambda was: was if was in ("here", "-") else "2 s", "SINCE": lambda was: was if was == "-" else "2 s",
         "VERSION": lambda was: "0.1.0"}


def laid_out(lines):
    """A table with the cells that change replaced, its columns as wide as they are then."""
    head = lines[0].split()
    rows = [re.split(r" {2,}", line.strip()) for line in lines]
    for row in rows[1:]:
        row[:] = [CELLS.get(name, str)(cell) for name, cell in zip(head, row)]
        if "TRIP" in head:
            # It is measured now and then.
            row[head.index("TRIP")] = "-" if "here" in row or "silent" in row[head.index("STATE")] else "0.3 ms"
    widths = [max(map(len, column)) for column in zip(*rows)]
    indent = lines[0][:len(lines[0]) - len(lines[0].lstrip())]
    return [indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def settled(lines):
    """What was seen, without what changes from one time to the next."""
    out = []
    while lines:
        size = 1
        if re.search(r"\b(CONTACT|SINCE)\b", lines[0]) and lines[0] == lines[0].upper():
            columns = len(lines[0].split())
            while size < len(lines) and len(re.split(r" {2,}", lines[size].strip())) == columns:
                size += 1
            out += laid_out(lines[:size])
        else:
            line = lines[0]
            for pattern, word in CHANGING:
                line = re.sub(pattern, word, line)
            out.append(line)
        lines = lines[size:]
    return "\n".join(out)


class Story:
    """The page, as far as it is written."""

    def __init__(self, prefix):
        self.rig, self.parts, self.consoles, self.wide = Rig(prefix), [], {}, []

    def say(self, text):
        self.parts.append(text.strip() + "\n")

    def at(self, name, command, *answers, ours=True):
        """A command at the terminal of a host, and what is seen."""
        if name not in self.consoles:
            self.consoles[name] = Console(self.rig.prefix, name)
        at = self.consoles[name]
        self.parts.append("```\n" + settled(at.run(command, *answers, ours=ours)) + "\n```\n")
        self.wide += at.wide
        at.wide = []

    def boot(self):
        """Three hosts with nothing of ours."""
        self.rig.down()
        self.rig.up(EX1, deb=package())
        for name in EX1:
            host = self.rig[name]
            host.write_file("/etc/apt/apt.conf.d/90recording", APT)
            host.sh("rm -f /root/*")
            with open(package(), "rb") as deb, open(host.path(f"/root/{DEB}"), "wb") as copy:
                copy.write(deb.read())

    def wait(self, name, command, code=0):
        """Until a command ends with a code: what is seen next is not on its way any more."""
        wait_until(lambda: self.rig[name].sh(command, check=False).returncode == code, 60, f"{name}: {command}",
                   lambda: self.rig[name].sh(command, check=False).stdout)

    def leave(self, name):
        self.consoles.pop(name).end()

    def text(self):
        return "\n".join(self.parts)


def setting_up(story):
    story.say("""# A deployment by hand

The reference deployment of the High Availability chapter, as somebody builds it who has three fresh Debian hosts, `london`,
`tokyo` and `logs`, and the package. Everything below was typed at terminals of 80 x 24 and is what was seen there; `./dev
recording` types it again, and a test compares. Times, fingerprints and the like are replaced. Secrets are not shown while
they are typed: the password of the first administrator, and one activation key that all three are told.

## Installing

Nothing is asked and nothing is started. The same on all three:""")
    for name in EX1:
        if name != "london":
            story.rig[name].install(package())
    story.at("london", f"apt-get -y install ./{DEB}", ours=False)
    story.say("""## Setting up

On the first server, the Primary. On a terminal with cursor control it fills the screen ([wizard.md](wizard.md)); these are
the plain lines of a serial console. Enter takes what is suggested.""")
    begin = [("Full host name", ""), ("reach", ""), ("Time zone", ""), ("Time servers", "")]
    key = [("not shown", KEY, SECRET), ("again", KEY, SECRET), ("Address of the Primary", "")]
    story.at("london", "mds-setup --plain", *begin, ("Number", "1"), ("deployment", "acme-msp"), ("first administrator", "anna"),
             ("not shown", PASSWORD, SECRET), ("again", PASSWORD, SECRET), ("connect", ""), ("offline recovery", "2"), ("q to leave", "yes"))
    story.say("The second one, a Secondary:")
    story.at("tokyo", "mds-setup --plain", *begin, ("Number", "2"), *key, ("q to leave", "yes"))
    story.say("The log server is set up in the same way, with the number 3. Then all of them are one deployment:")
    story.at("logs", "mds-setup --plain", *begin, ("Number", "3"), *key, ("q to leave", "yes"))
    story.parts.pop()
    for name, more in (("tokyo", ""), ("logs", " --log")):
        story.at("london", f"mdsctl server add {name} --ip {ADDRESSES[name]}{more}", ("ctivation key", KEY, SECRET))
    story.wait("london", WELL)
    story.at("london", "mdsctl status")


def domains(story):
    story.say("""## Domains

One is Active in London with its Standby in Tokyo, the other the other way round; the log server follows both.""")
    story.at("london", "mdsctl domain create London --on london --ip 10.77.0.21 \\\n"
                       "--standby tokyo=10.77.0.31 --log logs=10.77.0.41")
    story.at("london", "mdsctl domain create Tokyo --on tokyo --ip 10.77.0.32 \\\n"
                       "--standby london=10.77.0.22 --log logs=10.77.0.42")
    story.wait("london", "mdsctl status")
    story.at("london", "mdsctl domain list")
    story.say("""## Publishing

On the Active; `mgmt_cli` as root needs no password (`-r true`) and publishes what it has changed.""")
    story.at("london", "mgmt_cli -r true -d London add host name web ip-address 192.0.2.10")
    story.say("It is on the Standby when the command has ended, or a moment later:")
    story.wait("tokyo", "mgmt_cli -r true -d London show host name web")
    story.at("tokyo", "mgmt_cli -r true -d London show hosts limit 1 details-level uid")
    story.wait("london", "mdsctl ha status London")
    story.at("london", "mdsctl ha status London")


def roles(story):
    story.say("""## Changing the Active

In order, while both answer: for maintenance, or to be nearer to those who work in it.""")
    story.at("london", "mdsctl ha set-active London tokyo")
    story.wait("london", "mdsctl status")
    story.at("london", "mdsctl ha set-active London london")
    story.wait("london", "mdsctl status")
    story.say("""## London loses its power

Nothing becomes Active by itself, and nothing is Active twice. In Tokyo, some seconds later:""")
    story.leave("london")
    story.rig["london"].kill()
    story.wait("tokyo", "mdsctl status > dark; test $(grep -c 'no server is Active' dark) = 2 && grep -q Global dark && "
                        "grep -q 'Domain Tokyo: a server is unreachable' dark && "
                        "grep -q 'silent for' dark")
    story.at("tokyo", "mdsctl status")
    story.say("An orderly change needs both:")
    story.at("tokyo", "mdsctl ha set-active London tokyo")
    story.say("What is refused has a number, and `man RF-21` its page. London is dark, so it is forced:")
    story.at("tokyo", "mdsctl ha force-active London tokyo", ("y/N", "y"))
    story.say("And Tokyo works on in Domain London:")
    story.at("tokyo", "mgmt_cli -r true -d London add host name mail ip-address 192.0.2.25")
    story.say("""## It comes back

By itself it becomes a Standby, and takes what it has missed. What only it had published would come back to its
authors as recovered sessions; here there is nothing.""")
    story.rig["london"].boot()
    story.rig["london"].wait_up()
    story.wait("tokyo", "mdsctl status")
    story.wait("london", "mdsctl status")
    story.at("london", "mdsctl ha status London")
    story.at("london", "mdsctl ha set-active London london")
    story.wait("london", WELL)
    story.at("london", "mdsctl status")
    story.say("""## Where to go from here

When the Primary itself is lost for good: [recovery.md](recovery.md). Every procedure of the High Availability chapter:
[chapter.md](chapter.md). Backups: [backup.md](backup.md).""")


def page(prefix):
    """The whole page, as it is seen now."""
    story = Story(prefix)
    try:
        story.boot()
        for part in (setting_up, domains, roles):
            part(story)
        assert not story.wide, f"wider than 80 columns: {story.wide}"
        return story.text()
    finally:
        if os.environ.get("OPENMDS_SHOW_RECORDING"):
            print(story.text())
        for name in list(story.consoles):
            story.leave(name)
        if not os.environ.get("OPENMDS_KEEP_HOSTS"):
            story.rig.down()


def difference(prefix):
    """What is seen otherwise than in the page, as lines of a diff."""
    then = PAGE.read_text(encoding="utf-8").splitlines()
    return list(difflib.unified_diff(then, page(prefix).splitlines(), "docs/first-deployment.md", "now", lineterm="", n=1))


def main():
    prefix = os.environ.get("OPENMDS_RIG", "rec")
    if "--check" in sys.argv:
        wrong = difference(prefix)
        print("\n".join(wrong))
        return 1 if wrong else 0
    PAGE.write_text(page(prefix), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
