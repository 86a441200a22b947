"""One word names a process everywhere: folder, binary, unit, bus name, policy, polkit, manual."""

import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ET

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MDS_BUILD", ROOT / "build" / "dev"))
WORDS = sorted(p.parent.name for p in (ROOT / "services").glob("*/CMakeLists.txt"))
# Those that speak on the bus; mds-crl must not.
ON_BUS = [word for word in WORDS
          if "lone_main" not in (ROOT / "services" / word / "main.cc").read_text()]
SOURCES = [p for folder in ("services", "tools", "firstboot", "lib")
           for p in (ROOT / folder).rglob("*") if p.suffix in (".cc", ".hh")]


def unit_file(word):
    for name in (f"mds-{word}.service", f"mds-{word}@.service"):
        if (ROOT / "units" / name).exists():
            return ROOT / "units" / name
    return None


def capital(word):
    return word[0].upper() + word[1:]


@pytest.mark.parametrize("word", WORDS)
def test_a_service_has_one_word(word):
    cmake = (ROOT / "services" / word / "CMakeLists.txt").read_text()
    assert f"mds_daemon({word}" in cmake, "the binary is mds-" + word
    assert (ROOT / "services" / word / "main.cc").exists()
    assert (ROOT / "services" / word / "README.md").exists(), "half a page for people"
    unit = unit_file(word)
    assert unit, f"units/mds-{word}.service is missing"
    assert f"ExecStart=/usr/lib/mds/mds-{word}" in unit.read_text()
    for end in ("xml", "conf"):
        interface = ROOT / "dbus" / f"org.openmds.{capital(word)}1.{end}"
        assert interface.exists() == (word in ON_BUS), interface.name
    description = re.search(r'word\s*=\s*"(\w+)"', (ROOT / "services" / word / "main.cc").read_text())
    assert description and description.group(1) == word


def test_every_unit_runs_something_of_the_tree():
    for unit in (ROOT / "units").glob("*.service"):
        program = re.search(r"^ExecStart=(\S+)", unit.read_text(), re.M).group(1)
        word = program.rsplit("mds-", 1)[1]
        tool = (ROOT / "tools" / word / "CMakeLists.txt").exists()
        assert word in WORDS or tool or program == "/usr/bin/mds-setup", unit.name


def test_every_bus_name_that_is_owned_has_a_policy():
    names = set()
    for path in SOURCES:
        names.update(re.findall(r'own\(\s*"(org\.openmds\.\w+)"', path.read_text()))
    assert "org.openmds.Helper1" in names
    for name in names:
        policy = ROOT / "dbus" / f"{name}.conf"
        assert policy.exists(), name
        assert f'own="{name}"' in policy.read_text() or f'own_prefix="{name}"' in policy.read_text()


def test_a_bus_name_is_owned_by_the_user_of_its_unit():
    for word in ON_BUS:
        user = re.search(r"^User=(\S+)", unit_file(word).read_text(), re.M).group(1)
        tree = ET.parse(ROOT / "dbus" / f"org.openmds.{capital(word)}1.conf")
        owners = [policy.get("user") for policy in tree.iter("policy")
                  for rule in policy if rule.get("own") or rule.get("own_prefix")]
        assert owners == [user], word


def test_policies_have_no_rule_that_voids_the_file():
    for path in (ROOT / "dbus").glob("*.conf"):
        for rule in ET.parse(path).iter():
            if rule.get("send_member"):
                assert rule.get("send_interface"), f"{path.name}: send_member without send_interface"


def test_the_bus_daemon_reads_every_policy(tmp_path):
    includes = "".join(f"<include>{p}</include>" for p in (ROOT / "dbus").glob("org.openmds.*.conf"))
    config = tmp_path / "bus.conf"
    config.write_text('<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
                      '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
                      f"<busconfig><listen>unix:dir={tmp_path}</listen>{includes}</busconfig>")
    daemon = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork",
                               "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    address = daemon.stdout.readline()
    daemon.terminate()
    error = daemon.communicate()[1]
    assert address.startswith("unix:"), error


def test_activation_files_name_the_unit():
    for path in (ROOT / "dbus").glob("*.service"):
        text = path.read_text()
        unit = re.search(r"^SystemdService=(\S+)", text, re.M).group(1)
        name = re.search(r"^Name=(\S+)", text, re.M).group(1)
        assert path.name == name + ".service"
        assert f"BusName={name}" in (ROOT / "units" / unit).read_text()


def test_polkit_actions_in_code_are_declared_and_owned():
    tree = ET.parse(ROOT / "dbus" / "org.openmds.policy")
    declared = {}
    for action in tree.iter("action"):
        owner = [a.text for a in action.iter("annotate")
                 if a.get("key") == "org.freedesktop.policykit.owner"]
        declared[action.get("id")] = owner
    used = set()
    for path in SOURCES:
        used.update(re.findall(r'"(org\.openmds\.[a-z]+\.[a-z][a-z-]+)"', path.read_text()))
    assert used and used <= set(declared), used - set(declared)
    assert all(o and "unix-user:mds" in o[0] for o in declared.values()), "see polkit(8), owner"


def test_every_program_has_a_manual_page():
    names = {"mds-setup", "mdsenv"}
    for path in (ROOT / "tools").rglob("CMakeLists.txt"):
        names.update(re.findall(r"foreach\(name ([\w ]+)\)", path.read_text())[0].split()
                     if "foreach(name" in path.read_text() else [])
        names.update(re.findall(r"install\(TARGETS (\w+) RUNTIME DESTINATION \$\{CMAKE_INSTALL_BIN",
                                path.read_text()))
    pages = "".join(p.read_text() for p in (ROOT / "docs" / "man").glob("*.scd"))
    for name in sorted(names):
        assert list((ROOT / "docs" / "man").glob(f"{name}.?.scd")) or re.search(
            rf"^{name}|, {name}(,| - )", pages, re.M), f"{name} has no manual page"


@pytest.mark.parametrize("word", WORDS)
def test_every_daemon_says_help_and_version(word):
    program = BUILD / "services" / word / f"mds-{word}"
    for option in ("--help", "--version"):
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=20,
                              check=False)
        assert done.returncode == 0 and f"mds-{word}" in done.stdout, done.stderr


def test_what_the_package_builds_with_is_installed_by_dev():
    control = (ROOT / "debian" / "control").read_text().split("\n\n")[0]
    wanted = re.search(r"Build-Depends:(.*?)\n(?=\S)", control, re.S).group(1).replace("\n", " ")
    listed = (ROOT / "dev-packages.txt").read_text().split()
    for entry in wanted.split(","):
        names = [alternative.split("(")[0].strip() for alternative in entry.split("|")]
        names = [n for n in names if n not in ("debhelper-compat", "dh-sequence-installsysusers")]
        assert not names or any(n in listed for n in names), entry


def test_the_table_of_scenarios_is_up_to_date():
    done = subprocess.run(["/usr/bin/python3", "tests/scenarios.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run ./dev scenarios"
