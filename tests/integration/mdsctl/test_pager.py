"""C-4: long lists page by page, on a terminal only."""
import subprocess

import pytest

TEN = [f"D{n:03}" for n in range(60)]


@pytest.fixture
def long_lists(control):
    """More Domains than a screen has lines, and a pager that tells that it ran."""
    control.domains("Global", *TEN)
    pager = control.folder / "pager"
    pager.write_text('#!/bin/sh\necho PAGED\nexec cat\n')
    pager.chmod(0o755)
    control.env["PAGER"] = str(pager)
    return control


def screen(control, *words, rows=24, stdin=None, env=None):
    """What a terminal of that size shows; `stdin`: instead of the terminal."""
    code, out = control.on_terminal(*words, rows=rows, stdin=stdin, env=env)
    return code, out.replace("\r\n", "\n")


def test_C_4_a_long_list_is_paged_whole(long_lists):
    code, out = screen(long_lists, "domain", "list")
    assert code == 0 and out.startswith("PAGED\n") and all(name in out for name in TEN), out
    assert "61 Domains" in out


def test_C_4_what_fits_is_not_paged(long_lists):
    code, out = screen(long_lists, "domain", "list", rows=80)
    assert code == 0 and "PAGED" not in out and TEN[-1] in out
    assert "PAGED" not in screen(long_lists, "server", "list")[1]


@pytest.mark.parametrize("words", ["status", "watch --timeout 1s", "trust status"])
def test_C_4_never_status(long_lists, words):
    # More than five lines have these; lists of that length are paged.
    assert "PAGED" in screen(long_lists, "server", "list", rows=3)[1]
    code, out = screen(long_lists, *words.split(), rows=3)
    assert code == 0 and "PAGED" not in out and ("server" in out.lower() or words.startswith("watch")), out


@pytest.mark.parametrize("words", ["domain list --no-pager", "domain list -o table",
                                   "domain list -o wide", "domain list --json", "domain list -o csv", "domain list -y"])
def test_C_4_never_with_these(long_lists, words):
    code, out = screen(long_lists, *words.split())
    assert code == 0 and "PAGED" not in out and "london-mds-01" in out


def test_C_4_never_without_a_terminal(long_lists):
    assert "PAGED" not in screen(long_lists, "domain", "list", stdin=subprocess.DEVNULL)[1]
    assert "PAGED" not in long_lists.run("domain", "list").stdout
    assert "PAGED" not in screen(long_lists, "domain", "list", env={"TERM": "dumb"})[1]


def test_C_4_colours_go_through_the_pager(long_lists):
    assert "\x1b[32m" in screen(long_lists, "domain", "list")[1]


def test_C_4_a_pager_that_is_not_there_loses_nothing(long_lists):
    code, out = screen(long_lists, "domain", "list", env={"PAGER": "no-such-program"})
    assert code == 0 and TEN[-1] in out


def test_C_4_a_pager_that_is_left_early_is_no_error(long_lists):
    long_lists.domains(*(f"D{n:05}" for n in range(5000)))
    code, out = screen(long_lists, "domain", "list", env={"PAGER": "head -1"})
    assert code == 0 and out.startswith("DOMAIN")


def test_C_4_the_exit_code_is_that_of_the_verb(long_lists):
    long_lists.data["error"] = "not_set_up"
    long_lists.save()
    code, out = screen(long_lists, "domain", "list")
    assert code == 8 and "Error:" in out
