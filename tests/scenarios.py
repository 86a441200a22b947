#!/usr/bin/python3
"""Writes docs/scenarios.md: every scenario id of docs/scenarios.list and every security test of
docs/security-tests.list, the tests that carry it in their name, and its state. With --check it only says
whether the file is up to date (exit 1 when not)."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PY = re.compile(r"^def (test_\w+)", re.M)
CPP = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.M)
ID = re.compile(r"(?:^|_)([A-Z]{2}|T)_(\d+)(?=_|$)")


def tests():
    """(file, test name) of every test in the tree."""
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.suffix == ".py":
            for name in PY.findall(path.read_text(encoding="utf-8")):
                yield path, name
        elif path.suffix == ".cc":
            for suite, name in CPP.findall(path.read_text(encoding="utf-8")):
                yield path, f"{suite}.{name}"


def main():
    """Writes or checks the table."""
    ids = [line.split()[0] for line in (ROOT / "docs/scenarios.list").read_text().splitlines()
           if line.strip() and not line.startswith("#")]
    found = {}
    for path, name in tests():
        for letters, number in ID.findall(name.replace(".", "_")):
            found.setdefault(f"{letters}-{number}", []).append(
                f"`{path.relative_to(ROOT / 'tests')}` {name}")
    lines = ["# Scenarios and their tests", "",
             "Made by `./dev scenarios`. An id without a test is open.", "",
             f"{sum(i in found for i in ids)} of {len(ids)} have a test.", "",
             "| id | state | tests |", "| --- | --- | --- |"]
    for one in ids:
        state = "tested" if one in found else "**open**"
        lines.append(f"| {one} | {state} | {'<br>'.join(found.get(one, []))} |")
    security = [line.split(" ", 1) for line in (ROOT / "docs/security-tests.list").read_text().splitlines()
                if line.strip() and not line.startswith("#")]
    lines += ["", "## Security tests", "",
              f"{sum(i in found for i, _ in security)} of {len(security)} have a test.", "",
              "| id | proves | state | tests |", "| --- | --- | --- | --- |"]
    for one, words in security:
        state = "tested" if one in found else "**open**"
        lines.append(f"| {one} | {words} | {state} | {'<br>'.join(found.get(one, []))} |")
    text = "\n".join(lines) + "\n"
    target = ROOT / "docs/scenarios.md"
    if "--check" in sys.argv:
        return 0 if target.exists() and target.read_text() == text else 1
    target.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
