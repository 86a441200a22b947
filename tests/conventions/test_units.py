"""The units as systemd reads them."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = ROOT / "units"
# Exposure in tenths, systemd-analyze security: 0 best, 100 worst.
LIMITS = {"mds-ca": 6, "mds-crl": 6, "mds-claim": 6, "mds-api": 10, "mds-core": 15, "mds-sync": 15, "mds-sic": 15,
          "mds-domain@LONDON-A": 15, "mds-helper": 20, "mds-gateway": 20, "mds-backup": 20, "mds-firstboot": 35,
          "mds-firstboot-claim": 35, "mds-firstboot-console@tty1": 38}
NAMES = sorted(p.name.replace("@.", "@LONDON-A.") for pattern in
               ("*.service", "*.socket", "*.target", "*.slice", "*.timer") for p in UNITS.glob(pattern))


@pytest.fixture(name="stage", scope="module")
def fixture_stage(tmp_path_factory):
    """A root folder with our units, those of this machine, and programs to point at."""
    root = tmp_path_factory.mktemp("root")
    folder = root / "lib" / "systemd" / "system"
    source = pathlib.Path("/lib/systemd/system")
    shutil.copytree(source, folder, symlinks=True,
                    ignore=lambda _, names: [n for n in names if n.startswith("mds")])
    for path in UNITS.iterdir():
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        elif path.suffix in (".service", ".socket", ".target", ".slice", ".timer"):
            shutil.copy(path, folder)
    for unit in UNITS.glob("*.service"):
        program = root / re.search(r"^ExecStart=/(\S+)", unit.read_text(), re.M).group(1)
        program.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", program)
    return root


@pytest.mark.parametrize("name", NAMES)
def test_units_verify_silently(stage, name):
    done = subprocess.run(["systemd-analyze", "verify", f"--root={stage}", "--man=no", name],
                          capture_output=True, text=True, check=False)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "mds" in line]
    assert not ours, ours


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_T_29_units_are_confined(stage, name):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--root={stage}",
                           f"--threshold={LIMITS[name]}", f"{name}.service"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:]


# Those that stay; a oneshot unit ends by itself.
STAY = [p for p in UNITS.glob("*.service")
        if "firstboot" not in p.name and "Type=oneshot" not in p.read_text()]


@pytest.mark.parametrize("path", STAY, ids=lambda p: p.name)
def test_units_are_watched_and_come_back(path):
    text = path.read_text()
    for line in ("Type=notify", "WatchdogSec=30", "Restart=on-failure", "RestartPreventExitStatus=78",
                 "Slice=mds.slice", "PartOf=mds.target", "User=", "MemoryMax=", "LimitNOFILE=",
                 "Documentation=man:"):
        assert re.search(rf"^{re.escape(line)}", text, re.M), f"{path.name}: no {line}"


def test_every_user_and_folder_is_made():
    users = re.findall(r"^u\s+(\S+)", (UNITS / "sysusers.conf").read_text(), re.M)
    folders = re.findall(r"^d\s+(\S+)", (UNITS / "tmpfiles.conf").read_text(), re.M)
    for unit in UNITS.glob("*.service"):
        text = unit.read_text()
        user = re.search(r"^User=(\S+)", text, re.M)
        assert not user or user.group(1) in users + ["root"], unit.name
        for line in re.findall(r"^ReadWritePaths=(.*)$", text, re.M):
            for folder in line.split():
                assert folder.lstrip("-") in folders, f"{unit.name}: {folder}"


@pytest.mark.parametrize("name", ["mds-firstboot", "mds-firstboot-console@", "mds-firstboot-claim"])
def test_setup_units_take_every_answer_as_a_credential(name):
    rows = re.findall(r"^MDS_QUESTION\((\w+),", (ROOT / "firstboot" / "questions.def").read_text(), re.M)
    wanted = {"mds.setup.conf"} | {"mds.setup." + row.replace("_", "-") for row in rows}
    lines = re.findall(r"^LoadCredential=(\S+)$", (UNITS / f"{name}.service").read_text(), re.M)
    assert len(rows) > 10 and len(lines) == len(set(lines)) and set(lines) == wanted
