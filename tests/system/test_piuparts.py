"""piuparts on the built packages (F-T11, T-36): install, upgrade, remove, purge in a Debian that has never booted;
every file that appears, changes or stays is named."""

import glob
import os
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/support")
sys.path.insert(0, f"{ROOT}/tests/hosts")

from deployment import package  # noqa: E402
from next_release import next_release  # noqa: E402
from rig import image  # noqa: E402

PIUPARTS = ["piuparts", "--keep-sources-list", "--no-eatmydata", "--fail-on-broken-symlinks", "--pedantic-purge-test",
            "--log-level=info"]


@pytest.fixture(name="chroot", scope="module")
def fixture_chroot(tmp_path_factory):
    """Debian with what the packages depend on, cached; apt finds nothing but a folder of packages."""
    folder = tmp_path_factory.mktemp("piuparts") / "root"
    subprocess.run(["cp", "-a", image.build(package()), str(folder)], check=True)
    for name in os.listdir(folder / "etc/apt/sources.list.d"):
        os.remove(folder / "etc/apt/sources.list.d" / name)
    (folder / "etc/apt/sources.list").write_text("")
    return folder


def piuparts(chroot, *argv):
    """Runs it; its log when it fails."""
    done = subprocess.run([*PIUPARTS, "--existing-chroot", str(chroot), *argv], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def debs():
    """The packages of this tree."""
    return sorted(glob.glob(f"{ROOT}/build/packages/*.deb"))


@pytest.mark.parametrize("way", ["purge", "remove and install", "purge and install"])
def test_F_T11_T_36_piuparts_finds_nothing_left(chroot, way):
    more = {"purge": [], "remove and install": ["--install-remove-install"],
            "purge and install": ["--install-purge-install"]}[way]
    said = piuparts(chroot, "--no-upgrade-test", *more, *debs())
    assert "PASS: Installation and purging test" in said, said[-3000:]


def test_F_T11_T_36_piuparts_upgrades_to_the_next_release(chroot):
    """This release stands in an archive, as the last one will; the next one is given as a file."""
    archive = chroot / "opt/archive"
    archive.mkdir()
    try:
        shutil.copy(package(), archive)
        index = subprocess.run(["dpkg-scanpackages", "-m", "."], cwd=archive, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, check=True).stdout
        (archive / "Packages").write_text(index)
        (chroot / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/opt/archive ./\n")
        said = piuparts(chroot, "--no-install-purge-test", next_release())
        assert "PASS: Upgrading" in said or "PASS: Installation, upgrade and purging tests" in said, said[-3000:]
    finally:
        shutil.rmtree(archive)
        (chroot / "etc/apt/sources.list").write_text("")
