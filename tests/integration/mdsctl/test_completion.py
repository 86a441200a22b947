"""Completion by the real shells, and what it is made of."""
import contextlib
import fcntl
import os
import pathlib
import pty
import re
import select
import subprocess
import termios
import time

import pytest
from fake_core import HOSTILE, task
from private_bus import build_folder, wait_until

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs/man/mdsctl.1.scd"
SCRIPTS = {"bash": "mdsctl", "zsh": "_mdsctl", "fish": "mdsctl.fish"}

# The command itself becomes a function that notes its arguments; completion asks the real one.
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "PS1='R'DY; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; . {script}; "
             "mdsctl() {{ printf '%s\\0' \"$@\" > {out}; }}"),
    "zsh": (["zsh", "-f", "-i"],
            "unsetopt beep; PS1='R'DY; fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; "
            "mdsctl() {{ printf '%s\\0' \"$@\" > {out} }}"),
    "fish": (["fish", "--no-config", "-i"],
             "function fish_prompt; printf 'R'; printf DY; end; function fish_greeting; end; source {script}; "
             "function mdsctl; printf '%s\\0' $argv > {out}; end"),
}


class Shell:
    """A real shell in a terminal."""

    def __init__(self, control, name):
        self.name, self.out, self.seen = name, control.folder / f"{name}.args", b""
        self.folder = build_folder() / "tools/mdsctl/completion" / name
        command, start = START[name]
        self.master, inside = pty.openpty()
        env = {**control.env, "XDG_DATA_HOME": str(control.folder / "data"), "XDG_CONFIG_HOME": str(control.folder / "conf")}
        self.process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, env=env,
                                        cwd=control.folder, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(inside)
        self.enter(start.format(script=self.folder / SCRIPTS[name], folder=self.folder, out=self.out))
        wait_until(lambda: self.read() or b"RDY" in self.seen, 20, f"a prompt of {name}: {self.seen!r}")

    def read(self):
        """Takes what it has written; returns nothing."""
        while select.select([self.master], [], [], 0.01)[0]:
            with contextlib.suppress(OSError):
                self.seen += os.read(self.master, 65536)
                continue
            return

    def enter(self, text):
        """Types a line."""
        os.write(self.master, text.encode() + b"\r")

    def complete(self, typed):
        """The arguments that the line has after Tab and Enter."""
        self.out.unlink(missing_ok=True)
        os.write(self.master, typed.encode())
        time.sleep(0.05)
        os.write(self.master, b"\t")
        time.sleep(0.35)
        self.read()
        os.write(self.master, b"\r")
        try:
            wait_until(lambda: self.read() or (self.out.exists() and self.out.stat().st_size), 5, "the command")
        except AssertionError:
            raise AssertionError(f"{self.name} ran nothing for {typed!r}: {self.seen[-1500:]!r}") from None
        time.sleep(0.05)
        return self.out.read_text().split("\0")[:-1]

    def close(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture(params=sorted(START))
def shell(request, control):
    """Each shell in turn."""
    control.domains("Global", "London", *HOSTILE)
    control.says("show-tasks", {"tasks": [task("9f2c1d3e"), task("a1b2c3d4", "succeeded", 100)]})
    one = Shell(control, request.param)
    yield one
    one.close()


def test_C10_real_shells_complete_verbs_options_values_and_names(shell):
    assert shell.complete("mdsctl dom") == ["domain"]
    assert shell.complete("mdsctl domain sho") == ["domain", "show"]
    assert shell.complete("mdsctl domain show Lon") == ["domain", "show", "London"]
    assert shell.complete("mdsctl domain create X --on tok") == ["domain", "create", "X", "--on", "tokyo-mds-01"]
    assert shell.complete("mdsctl domain create X --on=tok") == ["domain", "create", "X", "--on=tokyo-mds-01"]
    assert shell.complete("mdsctl domain list --prob") == ["domain", "list", "--problems"]
    assert shell.complete("mdsctl licence attach London nyc-mds-01 sta") == ["licence", "attach", "London",
                                                                            "nyc-mds-01", "standard"]
    assert shell.complete("mdsctl task watch 9f") == ["task", "watch", "9f2c1d3e"]
    assert shell.complete("mdsctl ha set-active London nyc") == ["ha", "set-active", "London", "nyc-mds-01"]


def test_C10_files_are_completed_by_the_shell(shell, control):
    (control.folder / "saved.mdsbk.tar").touch()
    assert shell.complete("mdsctl backup verify sav") == ["backup", "verify", "saved.mdsbk.tar"]


def test_C_T6_hostile_names_are_typed_as_they_are(shell, control):
    typed = {"My Domain": "My", "it's": "it", 'a"quote': "a\\\"", "$(touch PWNED)": "\\$", "`touch PWNED`": "\\`",
             "back\\slash": "back", "semi;colon": "semi", "a=b": "a=", "a:b": "a:", "star*": "sta", "bang!x": "ban",
             "#hash": "\\#", "comma,comma": "comm", "\u05e2\u05d1\u05e8\u05d9\u05ea": "\u05e2", "x" * 255: "xxx"}
    for name, begin in typed.items():
        assert shell.complete(f"mdsctl domain show {begin}") == ["domain", "show", name], name
    assert not (control.folder / "PWNED").exists()


def test_C_T6_names_in_open_quotes(shell):
    assert shell.complete("mdsctl domain show \"My")[:3] == ["domain", "show", "My Domain"]
    assert shell.complete("mdsctl domain show 'My")[:3] == ["domain", "show", "My Domain"]


def test_C_T6_names_with_control_characters_are_not_offered(control):
    control.domains(*HOSTILE)
    offered = control.run("__complete", "words", "domain", "show", "").stdout
    names = [line.split("\t")[0] for line in offered.splitlines()]
    assert sorted(names) == sorted(n for n in HOSTILE if not re.search("[\x00-\x1f\u202e]", n))


def test_C10_is_silent_when_nobody_answers(control):
    control.core.terminate()
    control.core.wait()
    done = control.run("__complete", "words", "domain", "show", "")
    assert (done.stdout, done.stderr) == ("", "")
    done = control.run("__complete", "words", "dom", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
    assert done.stdout.split("\t")[0] == "domain" and done.stderr == ""
    for wrong in (["bash"], [], ["words", "no-such-noun", ""], ["words", "domain", "show", "--no-such=", ""]):
        assert control.run("__complete", *wrong).stderr == ""


def test_C10_a_core_that_hangs_does_not_hang_the_shell(control):
    control.core.send_signal(19)  # SIGSTOP
    begin = time.monotonic()
    assert control.run("__complete", "words", "domain", "show", "").stdout == ""
    assert time.monotonic() - begin < 2
    control.core.send_signal(18)


def test_C10_names_of_a_domain(control):
    control.says("show-tasks", {"tasks": [task()]})
    assert control.run("__complete", "words", "task", "show", "-D", "London", "").stdout.startswith("9f2c\t")
    assert control.ran()[-1][:2] == ("London", "show-tasks")
    control.says("show-sessions", {"objects": [{"uid": "7c1e0000-0000-0000-0000-000000000001", "user-name": "anna", "changes": 3}]})
    assert control.run("__complete", "words", "session", "show", "-D", "London", "7").stdout == "7c1e0000\tanna, 3 changes\n"
    domains = control.run("__complete", "words", "promote", "--domains", "London,To").stdout
    assert [line.split("\t")[0] for line in domains.splitlines()] == ["London,Tokyo"]
    assert [line.split("\t")[0] for line in control.run("__complete", "words", "env", "L").stdout.splitlines()] == [
        "London"]


def test_C10_what_is_printed_is_what_is_installed(control):
    for shell, name in SCRIPTS.items():
        installed = build_folder() / "tools/mdsctl/completion" / shell / name
        assert control.run("completion", shell).stdout == installed.read_text()


def test_C10_each_shell_finds_its_own_in_the_package(tmp_path):
    subprocess.run(["cmake", "-P", build_folder() / "tools/mdsctl/cmake_install.cmake"], check=True, timeout=60,
                   capture_output=True, env={**os.environ, "DESTDIR": str(tmp_path)})
    for place in ("bash-completion/completions/mdsctl", "zsh/vendor-completions/_mdsctl",
                  "fish/vendor_completions.d/mdsctl.fish"):
        assert (tmp_path / "usr/share" / place).read_text(), place


def page_verbs():
    """The verbs that the manual page describes: "*domain* *list*|*show*" are two."""
    found = set()
    text = PAGE.read_text().split("# COMMANDS")[1].split("\n# ")[0]
    for line in text.splitlines():
        if not line.startswith("*"):
            continue
        for entry in line.split(", *"):
            entry = re.sub(r"\\?\[.*|_[^_]*_", "", "*" + entry.lstrip("*"))
            noun, *verbs = (bold for bold in re.findall(r"\*([^*]+)\*", entry) if not bold.startswith("-"))
            # "*backup verify*" is one verb, as is "*ha collision show*"; the words of completion are shells.
            noun = noun.split(" --")[0]
            found.update([noun] if not verbs or noun == "completion" else [f"{noun} {verb}" for verb in verbs])
    return found


def test_C_T8_the_manual_page_has_the_verbs_of_the_parser(control):
    parser = set(control.run("__complete", "verbs").stdout.split("\n")) - {""}
    assert len(parser) > 30
    assert page_verbs() == parser


def test_C_T8_the_help_and_the_completion_have_the_same_words(control):
    for verb in control.run("__complete", "verbs").stdout.splitlines():
        helped = control.run(*verb.split(), "--help")
        assert helped.returncode == 0 and helped.stdout, verb
        options = {line.split("\t")[0] for line in control.run("__complete", "words", *verb.split(), "--").stdout.splitlines()}
        shown = set(re.findall(r"^\s+(?:-\w,)?(--[\w-]+)", helped.stdout, re.M))
        assert shown and shown <= options, (verb, shown - options)
