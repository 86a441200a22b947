"""docs/wizard.md shows the program as it is."""

import difflib
import os
import pathlib
import sys

from setup_machine import needs_root

ROOT = pathlib.Path(os.path.abspath(__file__)).parents[3]
sys.path.insert(0, str(ROOT / "tests"))

import wizard  # noqa: E402


@needs_root
def test_the_page_of_the_wizard_is_what_the_program_shows():
    now = wizard.page()
    kept = wizard.PAGE.read_text(encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(kept.splitlines(), now.splitlines(), "docs/wizard.md", "now",
                                                lineterm="", n=1))
    assert not difference, f"./dev wizard writes it again\n{difference}"
