"""What the journal tells with a MESSAGE_ID: table, code, catalog and commands agree."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MDS_BUILD", ROOT / "build" / "dev"))
sys.path.insert(0, str(ROOT / "tests" / "support"))

import messages  # noqa: E402

IDS = messages.ids()
CATALOG = messages.catalog()
# Commands of the system that entries may name.
OTHERS = {"systemctl", "journalctl", "timedatectl", "df"}


def mdsctl_help():
    done = subprocess.run([BUILD / "tools" / "mdsctl" / "mdsctl", "--help-all"], capture_output=True, text=True,
                          check=True)
    return done.stdout


@pytest.fixture(name="verbs", scope="module")
def fixture_verbs():
    """Every verb of mdsctl, as "ha status" or "status"."""
    out, noun = set(), None
    for line in mdsctl_help().split("Subcommands:\n", 1)[1].splitlines():
        if match := re.match(r"(\w[\w-]*)", line):
            noun = match.group(1)
            out.add(noun)
        elif match := re.match(r"    (\w[\w-]*)", line):
            out.add(f"{noun} {match.group(1)}")
    assert {"status", "ha status", "server delete"} <= out
    return out


def test_ids_are_unique_and_well_formed():
    uids = [uid for uid, _ in IDS.values()]
    assert len(IDS) > 30 and len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"[0-9a-f]{32}", uid) for uid in uids)
    assert {priority for _, priority in IDS.values()} <= {"error", "warning", "notice"}


def test_every_id_is_in_the_catalog_and_the_other_way_round():
    assert {uid for uid, _ in IDS.values()} == set(CATALOG)


def test_every_message_is_written_and_has_the_fields_that_its_entry_shows():
    uses = messages.uses()
    assert set(uses) == set(IDS), set(uses) ^ set(IDS)
    for name, places in uses.items():
        lines, text = CATALOG[IDS[name][0]]
        shown = set(re.findall(r"@(\w+)@", "\n".join(lines) + text))
        for fields in places:
            assert shown <= fields, f"{name}: {shown - fields} is not written everywhere"


@pytest.mark.parametrize("name", sorted(IDS))
def test_an_entry_is_for_people(name):
    lines, text = CATALOG[IDS[name][0]]
    keys = [line.split(": ")[0] for line in lines]
    assert keys == ["Subject", "Defined-By", "Documentation"]
    assert lines[1] == "Defined-By: OpenMDS"
    for line in lines + text.splitlines():
        assert len(line) <= 80 and line == line.rstrip(), line
    assert len(text.split()) >= 12, "what happened, what it means, what to do"
    # Either something is to be done, or the entry says that nothing is.
    assert re.search(r"^  \S", text, re.M), "no command"


def test_commands_that_entries_name_exist(verbs):
    commands = set(json.loads((ROOT / "docs" / "commands.json").read_text()))
    seen = 0
    for uid, (_, text) in CATALOG.items():
        for line in re.findall(r"^  (\S.*)$", text, re.M):
            first = line.split()[0]
            assert first in OTHERS | {"mdsctl", "mgmt_cli"} or re.fullmatch(r"\w+\(8\)", first), (uid, line)
            for noun, verb in re.findall(r"mdsctl (\w+)(?: ([\w-]+))?", line):
                seen += 1
                assert f"{noun} {verb}".strip() in verbs or (noun in verbs and not verb), (uid, line)
            for command in re.findall(r"mgmt_cli ([\w-]+)", line):
                seen += 1
                assert command in commands, (uid, line)
            for page in re.findall(r"(\w+)\((\d)\)", line):
                assert (ROOT / "docs" / "man" / f"{page[0]}.{page[1]}.scd").exists(), line
    assert seen > 50


def test_systemd_takes_the_catalog(tmp_path):
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    (folder / messages.CATALOG.name).write_bytes(messages.CATALOG.read_bytes())
    update = subprocess.run(["journalctl", f"--root={tmp_path}", "--update-catalog"], capture_output=True, text=True,
                            check=False)
    assert update.returncode == 0 and not update.stderr.strip(), update.stderr
    shown = subprocess.run(["journalctl", f"--root={tmp_path}", "--list-catalog"], capture_output=True, text=True,
                           check=True).stdout
    for name, (uid, _) in IDS.items():
        assert f"{uid} OpenMDS: " in shown, name


def test_the_package_leaves_the_update_to_the_trigger_of_systemd():
    """systemd.triggers(deb) is interested in /usr/lib/systemd/catalog; two updates would be one too many."""
    assert "openmds.catalog" in (ROOT / "etc" / "CMakeLists.txt").read_text()
    for script in (ROOT / "debian").glob("*.postinst"):
        assert "catalog" not in script.read_text(), script.name
    triggers = pathlib.Path("/var/lib/dpkg/info/systemd.triggers")
    if triggers.exists():
        assert "/usr/lib/systemd/catalog" in triggers.read_text()
