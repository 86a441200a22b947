"""The counting of tests/run.py: nothing that failed or died may be counted as passed."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import run  # noqa: E402


def gtest(folder, cases, code=0):
    path = folder / "report.json"
    path.write_text(json.dumps({"testsuites": [{"name": "S", "testsuite": cases}]}))
    return run.parse_gtest(str(path), "test_x", code, "output")


def case(name, **more):
    return dict({"name": name, "status": "RUN", "result": "COMPLETED"}, **more)


def test_gtest_results_are_counted(tmp_path):
    result = gtest(tmp_path, [case("a"), case("b", failures=[{"failure": "x"}]),
                              case("c", result="SKIPPED"), case("d", status="NOTRUN")], 1)
    assert (result.passed, result.failed, result.skipped) == (1, 1, 1)


def test_a_program_that_dies_is_a_failure(tmp_path):
    assert gtest(tmp_path, [case("a")], -11).failed == 1
    assert run.parse_gtest(str(tmp_path / "none"), "test_x", -6, "").failed == 1


def junit(folder, body, code):
    path = folder / "report.xml"
    path.write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>")
    return run.parse_junit(str(path), "tests/x", code, "output")


def test_pytest_results_are_counted(tmp_path):
    result = junit(tmp_path, '<testcase classname="c" name="a"/>'
                   '<testcase classname="c" name="b"><failure>x</failure></testcase>'
                   '<testcase classname="c" name="d"><skipped/></testcase>'
                   '<testcase classname="c" name="e"/>'
                   '<testcase classname="c" name="e"><error>teardown</error></testcase>', 1)
    assert (result.passed, result.failed, result.skipped) == (1, 2, 1)


def test_a_run_that_ends_otherwise_is_a_failure(tmp_path):
    assert junit(tmp_path, '<testcase classname="c" name="a"/>', 3).failed == 1
    assert run.parse_junit(str(tmp_path / "none"), "tests/x", 2, "").failed == 1
    assert run.parse_junit(str(tmp_path / "none"), "tests/x", 5, "").failed == 0


def test_nothing_that_ran_is_an_error_and_the_last_line_is_the_sum(tmp_path):
    done = subprocess.run([sys.executable, "tests/run.py", "--no-build", "--build", str(tmp_path),
                           "unit"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"0 passed, 0 failed", done.stdout.splitlines()[-1])


@pytest.mark.parametrize("storey", ["integration", "system", "fuzz"])
def test_every_test_of_a_storey_is_found(storey):
    """A file that cannot be imported would be known after the storeys before it have run."""
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider",
                           f"tests/{storey}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
