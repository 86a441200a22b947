#!/usr/bin/python3
"""Writes docs/wizard.md: first-time setup in its three faces, captured from the real program on an
emulated terminal, on a host whose name and addresses are always the same. With --check it only says
whether the page is up to date (exit 1 when not). Needs root and a build (MDS_BUILD)."""

import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration/firstboot"))

from screen import ENTER, SPACE  # noqa: E402
from setup_machine import HASH, SETUP, Machine  # noqa: E402

PAGE = ROOT / "docs/wizard.md"
# A network and a host name of its own: two interfaces, one of them without a link.
HOST = """
hostname {name}
# Known to itself, as on every Debian host.
mount --bind {hosts} /etc/hosts
ip link add ens18 type veth peer name far18 && ip link add ens19 type veth peer name far19
ip address add {address}/24 dev ens18 && ip address add 192.168.7.4/24 dev ens19
ip link set far18 up && ip link set ens18 up && ip link set ens19 up && ip link set lo up
ip route add default via {gateway}
exec "$@"
"""
SITES = {"london": ("london-mds-01.acme.example", "10.1.0.11", "10.1.0.1"),
         "tokyo": ("tokyo-mds-01.acme.example", "10.2.0.11", "10.2.0.1"),
         "frankfurt": ("fra-log-01.acme.example", "10.3.0.11", "10.3.0.1")}
SECRET = "orange-boat-harbour-77"


class Stage:
    """A host that is not set up; `end` takes what is left of it away."""

    def __init__(self, site):
        self.folder = tempfile.TemporaryDirectory()
        self.machine = Machine(pathlib.Path(self.folder.name))
        self.machine.boot()
        name, address, gateway = SITES[site]
        hosts = self.machine.file("hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n", 0o644)
        script = HOST.format(name=name, address=address, gateway=gateway, hosts=hosts)
        self.program = ["/usr/bin/unshare", "--net", "--uts", "--mount", "sh", "-ec", script, "setup"]

    def screen(self, *arguments, **more):
        return self.machine.screen(*arguments, program=self.program, **more)

    def end(self):
        self.machine.close()
        self.folder.cleanup()

    def clean(self, text):
        """Without what differs from run to run: times that were measured, the folders of this run."""
        text = text.replace("\r\n", "\n").replace(self.folder.name + "/etc", "/etc/mds")
        text = text.replace(self.folder.name + "/state", "/var/lib/mds").replace(self.folder.name, "/root")
        text = re.sub(r"(Services started|Management API|Start at boot|Time zone and time servers)( +\d+\.\d) s",
                      lambda m: m.group(1) + "0.1".rjust(len(m.group(2))) + " s", text)
        return re.sub(r"Ready in \d+\.\d s", "Ready in 0.3 s", text)


def block(text):
    return "```\n" + text.strip("\n") + "\n```\n"


def words_back(screen):
    """Types the three words of a recovery key that are asked for, as somebody reads them off his paper."""
    shown = screen.wait("┤ Recovery key ├", "Type words")
    head, rest = shown.split("stored nowhere.")
    listed, tail = rest.split("Type words")
    words = dict(re.findall(r"(\d+) ([a-z]+)", listed))
    asked = re.match(r" (\d+), (\d+) and (\d+)", tail).groups()
    screen.type(" ".join(words[number] for number in asked) + ENTER)
    # They are others each time.
    listed = re.sub(r"(\d+ )([a-z]+ *)", lambda m: m.group(1) + "word".ljust(len(m.group(2))), listed)
    numbers, same = " {}, {} and {}".format(*asked), " 3, 7 and 12"
    tail = re.sub(r"(written down)( +)", lambda m: m.group(1) + " " * (len(m.group(2)) + len(numbers) - len(same)),
                  tail.replace(numbers, same, 1), count=1)
    return f"{head}stored nowhere.{listed}Type words{tail}"


def full(stage, role):
    """The screens of a role, and what is printed after them."""
    screen = stage.screen()
    shots = [screen.wait("┤ Host name ├")]
    if role == "primary":
        screen.f1()
        shots.append(screen.wait("┤ Help ├"))
        screen.type(ENTER)
        screen.wait_gone("┤ Help ├")
    screen.type(ENTER + ENTER)
    shots.append(screen.wait("┤ Time zone ├"))
    screen.type(ENTER + ENTER)
    screen.wait("┤ Role ├")
    for _ in range(["primary", "secondary", "log-server"].index(role)):
        screen.down()
    screen.type(SPACE)
    shots.append(screen.wait("(*)"))
    screen.type(ENTER)
    if role == "primary":
        shots.append(screen.wait("┤ Deployment name ├"))
        screen.type(ENTER)
        screen.wait("┤ First administrator ├")
        screen.type("\x15anna" + ENTER + "password1234" + ENTER + "password1234" + ENTER + ENTER)
        shots.append(screen.wait("Not accepted"))
        screen.type(SECRET + ENTER + SECRET)
        shots.append(screen.wait("*" * len(SECRET)))
        screen.type(ENTER + ENTER)
        shots.append(screen.wait("┤ Recovery key ├", "(*)"))
        screen.type(ENTER)
        shots.append(words_back(screen))
    else:
        screen.wait("┤ Trust ├")
        screen.type(SECRET + ENTER + SECRET)
        shots.append(screen.wait("*" * len(SECRET)))
        screen.type(ENTER + ENTER)
    shots.append(screen.wait("┤ Summary ├"))
    screen.type(ENTER)
    assert screen.end() == 0, screen.shown()
    return shots, stage.clean(screen.shown())


def ascii_screen(stage):
    """One screen where the locale is not UTF-8."""
    screen = stage.screen("--set", "role=secondary", LC_ALL="C", term="vt100")
    shot = screen.wait("+ Host name +")
    screen.close()
    return shot


def plain(stage, typed, *arguments):
    """The transcript of the plain face, with what was typed as the terminal echoes it."""
    screen = stage.screen("--plain", *arguments, term="dumb")
    at = 0
    for prompt, text in typed:
        at = screen.wait_text(prompt, at)
        if "not shown" in prompt or "again" in prompt:
            screen.hides_typing()
        screen.type(text + "\n")
    assert screen.end() == 0, screen.shown()
    return stage.clean(screen.text.decode())


def unattended(stage, *arguments, code=0):
    screen = stage.screen(*arguments, columns=110, rows=50, term="dumb")
    assert screen.end() == code, screen.shown()
    said = " ".join(stage.clean(word) for word in arguments)
    return f"# mds-setup {said}\n" + stage.clean(screen.text.decode())


def staged(site, play, *arguments, **more):
    stage = Stage(site)
    try:
        return play(stage, *arguments, **more)
    finally:
        stage.end()


def full_part():
    shots, applied = staged("london", full, "primary")
    text = "## Full screen\n\nA terminal with cursor control and at least 80 x 24 characters.\n\n### A Primary\n\n"
    text += "\n".join(block(shot) for shot in shots)
    text += "\nAfter \"Set up\" the screen is given back, and this is printed:\n\n" + block(applied)
    shots, applied = staged("tokyo", full, "secondary")
    text += "\n### A Secondary: what is different\n\n" + "\n".join(block(shot) for shot in shots[2:])
    text += "\n" + block(applied)
    shots, _ = staged("frankfurt", full, "log-server")
    text += "\n### A log server: its summary\n\n" + block(shots[-1])
    return text + "\n### Where the locale is not UTF-8\n\n" + block(staged("tokyo", ascii_screen))


def plain_part():
    times = [("Time zone of", ""), ("Time servers, sep", "")]
    begin = [("Full host name", ""), ("reach", ""), *times]
    key = [("not shown): ", SECRET), ("again: ", SECRET)]
    primary = [("Full host name", "?"), ("Full host name", "london_1"), ("Full host name", ""), ("reach", ""),
               *times, ("Number", "1"), ("Name of the deployment", "acme-msp"), ("first administrator", "anna"), *key,
               ("may connect from", "10.1.0.0/24"), ("[1]: ", "2"), ("q to leave: ", "yes")]
    secondary = [*begin, ("Number", "2"), ("not shown): ", SECRET), ("again: ", SECRET + "8"), *key,
                 ("to test it now", ""), ("q to leave: ", "d"), ("q to leave: ", "yes")]
    log = [*begin, ("Number", "3"), *key, ("to test it now", ""), ("q to leave: ", "yes")]
    text = ("## Plain lines\n\nSerial consoles, `TERM=dumb` or unknown, smaller screens, `--plain`. Secrets are not "
            "shown while they are typed.\n")
    for name, site, typed in (("A Primary", "london", primary), ("A Secondary", "tokyo", secondary),
                              ("A log server", "frankfurt", log)):
        text += f"\n### {name}\n\n" + block(staged(site, plain, typed))
    return text


def unattended_part():
    def wrong(stage):
        path = stage.machine.file("setup.conf", "[Server]\nRole=secondary\nHostNam=tokyo\nAddress=10.2.0.300\n")
        return unattended(stage, "--check", path, code=2)

    def sources(stage):
        machine = stage.machine
        path = machine.file("password", SECRET)
        (machine.folder / "cmdline").write_text("quiet mds.setup.host-name=london-mds-01.acme.example\n")
        (machine.folder / "config.dat").write_text("Name: mds/administrator\nValue: anna\n")
        (machine.etc / "setup.conf").write_text(f"[Server]\nRole=secondary\n[Deployment]\nName=acme-msp\n"
                                                f"[Administrator]\nPasswordFile={path}\n")
        return unattended(stage, "--dry-run", "--set", "role=primary")

    def apply(role):
        def play(stage):
            secret = stage.machine.file("key", SECRET)
            text = f"[Server]\nRole={role}\n[Trust]\nActivationKeyFile={secret}\n"
            if role == "primary":
                text = f"[Server]\nRole=primary\n[Administrator]\nName=anna\nPasswordHash={HASH}\n"
            path = stage.machine.file("setup.conf", text)
            first = unattended(stage, "--answers", path)
            return first + "\n" + unattended(stage, "--answers", path)
        return play

    text = "## Unattended\n\nA file is checked anywhere, without root; every problem is told at once:\n\n"
    text += block(staged("tokyo", wrong))
    text += "\nThe plan names the source of every answer:\n\n" + block(staged("london", sources))
    for name, site, role in (("A Primary", "london", "primary"), ("A Secondary", "tokyo", "secondary"),
                             ("A log server", "frankfurt", "log-server")):
        text += f"\n### {name}, and again\n\n" + block(staged(site, apply(role)))
    return text


def page():
    """The whole page, from the program as it is now."""
    return ("# First-time setup as it looks\n\nCaptured from the program by `./dev wizard`; a test compares. What it "
            "asks and takes: mds-setup(8). The services behind it are stand-ins here: the fingerprint and the times "
            "are none of a real server.\n\n" + full_part() + "\n" + plain_part() + "\n" + unattended_part())


def main():
    """Writes or checks the page."""
    if not pathlib.Path(SETUP).exists():
        sys.exit(f"{SETUP} is not there: ./dev build mds-setup")
    now = page()
    if "--check" in sys.argv:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == now else 1
    PAGE.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
