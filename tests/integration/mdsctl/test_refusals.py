"""C-T5: what a refusal says to do instead can be typed."""
import json
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
from fake_core import HOSTILE
from private_bus import program

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/refusals.md").read_text()
SOURCES = [p for folder in ("lib", "services", "firstboot", "tools") for p in (ROOT / folder).rglob("*.cc")]
COMMAND = re.compile(r"\bmdsctl (?!answers|and|or|then)[^;\n]*")


def refusals():
    """(id, code, instead) of the catalogue as it was provoked."""
    for part in PAGE.split("\n## ")[1:]:
        code = re.search(r"^\* code: `(\w+)`", part, re.M)
        yield part[:5], code[1] if code else "", re.search(r"^\* instead: (.*)$", part, re.M)[1]


def commands(text):
    """Every command of mdsctl in a text, as words of a shell."""
    for found in COMMAND.findall(text):
        words = re.split(r" {3,}|\s\(", found)[0]
        yield shlex.split(words.rstrip(".,"))


def parses(control, words):
    """Whether the parser takes it; the core of the test refuses everything else."""
    done = control.run(*words[1:])
    return done.returncode != 2, done


def test_C_T5_every_refusal_has_a_way_out(control):
    seen = list(refusals())
    assert len(seen) == 40
    with_command = 0
    for rf, code, instead in seen:
        assert instead, rf
        for words in commands(instead):
            good, done = parses(control, words)
            # What a placeholder stands for is not there, which is no wrong usage.
            assert good, (rf, instead, done.stderr)
            with_command += 1
    assert with_command >= 22


@pytest.mark.parametrize("rf, code", [(rf, code) for rf, code, _ in refusals() if code])
def test_C_T5_the_exit_code_follows_from_the_code_of_the_refusal(control, rf, code):
    control.says("show-domain", {"code": code, "message": "it is refused", "refusal": {"id": rf, "next": "mdsctl status"}}, 400)
    done = control.run("domain", "show", "London")
    first = next(int(number) for word, number in re.findall(
        r'MDS_ERROR\(\w+, "(\w+)", \d+, (\d+)\)', (ROOT / "lib/base/errors.def").read_text()) if word == code)
    assert done.returncode == first != 0 and done.returncode in (1, 2, 4, 5, 6, 7), (rf, code)
    assert done.stderr == f"Error: it is refused  [{rf}]\nNext:  mdsctl status\n"
    told = json.loads(control.run("--json", "domain", "show", "London").stderr)
    assert told == {"code": code, "message": "it is refused", "hint": "mdsctl status", "rf": rf}


def texts():
    """Every text of the sources that may be a Next with a command: "…mdsctl ha set-active {} {}…"."""
    for path in SOURCES:
        text = re.sub(r'"\s*\n\s*"', "", path.read_text())
        for found in re.findall(r'"((?:[^"\\\n]|\\.)*\bmdsctl (?:[^"\\\n]|\\.)*)"', text):
            yield path, found.replace('\\"', '"').replace("\\n", " ")


def test_C_T5_every_next_of_the_sources_is_a_verb_of_the_parser(control):
    verbs = set(control.run("__complete", "verbs").stdout.splitlines())
    verbs |= {"registry set", "registry show", "registry is-primary", "registry delete"}
    nouns = {v.split()[0] for v in verbs}
    seen = 0
    for path, text in texts():
        for noun, verb in re.findall(r"\bmdsctl (?:-y |--yes |-H \S+ )*([a-z]+)(?: ([a-z-]+))?", text):
            if noun not in nouns:
                continue
            seen += 1
            leaf = noun in verbs
            # Or a noun of its own below the noun: "ha collision show".
            assert leaf or not verb or any(f"{v} ".startswith(f"{noun} {verb} ") for v in verbs), (path, text)
    assert seen > 80


@pytest.mark.parametrize("name", [n for n in HOSTILE if n.isprintable()] + ["a b$(x)"])
def test_C_T5_names_in_suggestions_are_one_word(control, name):
    # Made here; those of mds-core are tested with it (tests/system/test_zy_refusals.py).
    for verb in (["domain", "delete", name], ["ds", "mirror", "--to", name], ["ha", "set-active", "--all", "--on", name],
                 ["session", "show", "7c1", "-D", name], ["server", "uses", name]):
        done = control.run(*verb)
        nexts = [line for line in done.stderr.splitlines() if line.startswith("Next:")]
        # Only what is refused here has one; the core of the test has none for what it does not know.
        assert nexts or verb[0] in ("session", "server"), done
        for line in nexts:
            words = shlex.split(line.removeprefix("Next:"))
            assert words[0] == "mdsctl" and not set("$`;") & set("".join(w for w in words if w != name)), line
            assert verb[1] != "delete" or words == ["mdsctl", "domain", "delete", name, "--yes", "--reason", "TEXT"], line


def test_C_T10_classic_names_are_there_and_refuse_wrong_usage(control):

    classic = program("mds-classic")
    # Those that need a host are run on hosts: tests/system/test_promotion.py.
    for name, words, code, said in (("promote_util", [], 1, "RF-28"), ("promote_util", ["x"], 2, "Usage: promote_util"),
                                    ("cpprod_util", [], 2, "CPPROD_SetValue PRODUCT KEY TYPE VALUE OVERWRITE"),
                                    ("cpprod_util", ["CPPROD_SetValue", "SIC", "ICAState", "9", "3", "1"], 2, "TYPE"),
                                    ("ckp_regedit", ["-x"], 2, "ckp_regedit -d PATH NAME"), ("mdsstart", ["-q"], 2, "Usage: mdsstart"),
                                    ("mdsstop", ["-q"], 2, "Usage: mdsstop"), ("mdsstat", ["-q"], 2, "Usage: mdsstat"),
                                    ("cpca_client", [], 2, "lscert [-dn TEXT]"), ("cpca_client", ["lscert", "-x"], 2, "Usage: cpca"),
                                    ("cpca_client", ["lscert", "-stat", "Gone"], 2, "no value of -stat"),
                                    ("cpca_client", ["revoke_cert", "-n", "tokyo"], 2, "CN=NAME"),
                                    ("cpca_client", ["revoke_cert", "-n"], 2, "a value is missing"),
                                    ("cp_conf", ["sic"], 2, "cp_conf sic init KEY|-"), ("cp_conf", ["sic", "init"], 2, "Usage: cp_conf"),
                                    ("mdsstat", ["-h"], 0, "FWM"), ("mdsstart_customer", [], 2, "Usage: mdsstart_customer"),
                                    ("mdsstop_customer", ["-x", "a"], 2, "Usage: mdsstop_customer"), ("mdsstop_customer", ["a"], 8, "mds-setup"),
                                    ("cpwd_admin", [], 2, "Usage: cpwd_admin list"),
                                    ("api", ["x"], 2, "Usage: api status|start|stop|restart|fingerprint")):
        link = control.folder / name
        if not link.exists():
            shutil.copy(classic, link)
        done = subprocess.run([str(link), *words], env=control.env, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=20, check=False)
        assert done.returncode == code and said in done.stdout + done.stderr, (name, words, done)
        assert "mdsctl" not in done.stderr.replace("mdsctl(1)", ""), "C-2: no advice to use something else"
