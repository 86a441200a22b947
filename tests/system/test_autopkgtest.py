"""debian/tests, as Debian's own machines run them: by autopkgtest, on a booted host."""

import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_T_36_autopkgtest_on_a_booted_host(tmp_path):
    """The package is installed already and hosts are offline, so autopkgtest builds and fetches nothing; it
    does check what debian/tests/control depends on."""
    # The tests need nothing of the tree but what is in debian; debian/files says that it was built.
    tree = tmp_path / "openmds"
    (tree / "debian").mkdir(parents=True)
    for name in ("debian/control", "debian/changelog", "debian/tests", "build/package/openmds/debian/files"):
        subprocess.run(["cp", "-r", f"{ROOT}/{name}", str(tree / "debian")], check=True)
    done = subprocess.run(
        ["autopkgtest", "--no-built-binaries", f"--summary-file={tmp_path}/summary", f"--output-dir={tmp_path}/out",
         str(tree), "--", f"{ROOT}/tests/support/autopkgtest_virt_rig.py", "adt"],
        capture_output=True, text=True, timeout=600, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    assert (tmp_path / "summary").read_text().split() == ["first-domain", "PASS"], said[-3000:]
    assert "Nothing failed" in said
