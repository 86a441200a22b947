"""Every program, unit and file that is installed has its manual page, and every page can be read."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MDS_BUILD", ROOT / "build" / "dev"))
sys.path.insert(0, str(ROOT / "tests" / "support"))

import refusal_pages  # noqa: E402

# Pages of others that ours refer to.
FOREIGN = {"systemctl(1)", "journalctl(1)", "polkit(8)"}
FILES = (ROOT / "docs/man/mds-files.7.scd").read_text(encoding="utf-8").replace("\\", "")


@pytest.fixture(name="tree", scope="module")
def installed(tmp_path_factory):
    """What "cmake --install" puts on a machine."""
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["cmake", "--install", str(BUILD)], env=dict(os.environ, DESTDIR=str(root)), text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return root


def manual(tree):
    """Paths of all pages."""
    return sorted((tree / "usr/share/man").glob("man?/*"))


def everything(tree):
    return [p for p in sorted(tree.rglob("*")) if (p.is_symlink() or p.is_file()) and "share/man" not in str(p)]


def test_every_program_has_a_page(tree):
    pages = {p.name for p in manual(tree)}
    programs = [p for folder in ("usr/bin", "usr/sbin", "usr/lib/mds") for p in (tree / folder).iterdir()]
    # One that is there for other names is called by those.
    behind = {os.path.basename(os.readlink(p)) for p in programs if p.is_symlink()}
    wanted = {p.name for p in programs} - behind
    wanted |= set(re.findall(r"^(\w+)\(\) ", (tree / "etc/profile.d/mds.sh").read_text(encoding="utf-8"), re.M))
    assert {"mdsctl", "mdsstop", "ckp_regedit", "mds_restore", "mcd", "mds-core", "mds-gateway"} <= wanted
    assert not [w for w in sorted(wanted) if not {f"{w}.1", f"{w}.8"} & pages]


def test_every_unit_has_a_page_which_it_names(tree):
    pages = {p.name for p in manual(tree)}
    units = [p for p in everything(tree) if p.parent.name == "system" and "systemd" in str(p)]
    assert len(units) > 15
    for unit in units:
        assert f"{unit.name}.8" in pages, f"{unit.name}: docs/man/units"
        assert f"Documentation=man:{unit.name}(8)" in unit.read_text(encoding="utf-8"), unit.name


def test_every_file_stands_in_mds_files(tree):
    missing = []
    for path in everything(tree):
        name = "/" + str(path.relative_to(tree))
        if path.parent.name.endswith(".d") and "systemd/system" in name:
            continue
        folders = [str(p) + "/" for p in pathlib.PurePath(name).parents]
        if f"_{name}_" not in FILES and not [f for f in folders if f"_{f}_" in FILES or f"_{f[:-1]}_" in FILES]:
            missing.append(name)
    assert not missing, f"docs/man/mds-files.7.scd: {missing}"


def test_every_folder_that_is_made_stands_in_mds_files():
    for folder in re.findall(r"^d\s+(\S+)", (ROOT / "units/tmpfiles.conf").read_text(encoding="utf-8"), re.M):
        if folder not in ("/etc/mds", "/run/mds", "/var/lib/mds"):
            assert f"_{folder}/" in FILES, folder


def test_every_settings_file_has_a_page(tree):
    pages = {p.name for p in manual(tree)}
    assert {"mds.conf.5", "setup.conf.5"} <= pages
    said = rendered(tree / "usr/share/man/man5/setup.conf.5")[0]
    for key in re.findall(r'"\w+\.(\w+)", k_', (ROOT / "firstboot/questions.def").read_text(encoding="utf-8")):
        assert f"{key}=" in said, key


def rendered(page):
    """(text, complaints) as on a terminal of 80 columns."""
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", str(page)], text=True, capture_output=True,
                          env=dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8", MANPAGER="cat"), check=False)
    return done.stdout, done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")


def test_every_page_is_read_without_a_complaint_and_fits(tree):
    for page in manual(tree):
        if page.is_symlink():
            assert (page.parent / os.readlink(page)).is_file(), f"{page.name} leads nowhere"
            continue
        text, complaints = rendered(page)
        assert not complaints, f"{page.name}: {complaints}"
        wide = [line for line in text.splitlines() if len(line) > 80]
        assert not wide, f"{page.name}: {wide}"
        assert "NAME" in text and " - " in text, page.name


def test_pages_refer_to_pages_that_are_there(tree):
    pages = {f"{p.name.rsplit('.', 1)[0]}({p.name.rsplit('.', 1)[1]})" for p in manual(tree)} | FOREIGN
    found = 0
    for page in manual(tree):
        for name in re.findall(r"\\fB((?:(?!\\f).)+)\\fR(\(\d\))", page.read_text(encoding="utf-8")):
            name = re.sub(r"\\&?", "", "".join(name))
            assert name in pages, f"{page.name}: {name}"
            found += 1
    assert found > 200


def test_every_refusal_has_its_pages():
    for path, text in refusal_pages.pages().items():
        file = ROOT / path
        assert file.exists() and file.read_text(encoding="utf-8") == text, f"{path}: ./dev refusals pages"
    made = {str(p.relative_to(ROOT)) for folder in ("docs/refusals", "docs/man/refusals") for p in (ROOT / folder).iterdir()}
    assert made == set(refusal_pages.pages())
