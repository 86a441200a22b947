"""What mdsctl prints: for people, for programs, into files."""
import csv
import io
import json
import pathlib
import re
import subprocess

import pytest
from fake_core import HOSTILE, grid, task

PROFILE = pathlib.Path(__file__).resolve().parents[3] / "etc/profile.d/mds.sh"
LISTS = ["domain list", "ds list", "server list", "task list", "licence list", "trust status", "ha status London",
         "domain show London", "domain gateways London", "administrator list"]
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture
def full(control):
    """A core that has something for every list."""
    control.domains("Global", "London", *HOSTILE)
    names = ["London", *HOSTILE]
    control.says("show-tasks", {"tasks": [dict(task(f"t{i}"), **{"task-name": n}) for i, n in enumerate(names)]})
    control.says("show-licences", {"licences": [
        {"domain": n, "server": n + "-1", "multi-domain-server": "london-mds-01", "ip-address": "10.1.1.1",
         "primary": True, "licence-type": "ha", "problem": n} for n in names]})
    control.says("show-ha-status", {
        "name": "London", "server": "London-1", "state": "normal", "role": "active", "revision": 7,
        "successfully-synced": True, "servers": [
            {"name": n, "multi-domain-server": n, "ha-state": "standby", "sync-status": "synchronized",
             "peer-revision": 7, "since": {"posix": 1764500000000, "iso-8601": "2025-11-30T10:53+0000"}}
            for n in names]})
    control.says("show-ha-state", {"name": "System Data"})
    control.says("show-domain", {"name": "London", "uid": "u", "domain-type": "domain", "servers": [
        {"name": n, "multi-domain-server": "london-mds-01", "ipv4-address": "10.1.1.1", "active": True,
         "type": "management server"} for n in names]})
    control.says("show-gateway-managers", {"gateways": [
        {"name": n, "ipv4-address": "10.1.1.9", "manager": {"name": n}, "management-servers": [{"name": n}]}
        for n in names]})
    control.says("show-administrators", {"objects": [
        {"name": n, "uid": "u", "authentication-method": "check point password"} for n in names]})
    control.says("show-mds", {"name": "london-mds-01", "comments": "\n".join(HOSTILE)})
    return control


def table_of(done):
    """The rows of a CSV, as a program reads them."""
    return list(csv.reader(io.StringIO(done.stdout, newline=""), strict=True))


def terminal(control, *words, env=None):
    """What mdsctl writes to a terminal."""
    return control.on_terminal(*words, env=env)[1]


def test_C5_every_list_has_every_form(full):
    for verb in LISTS:
        people = full.run(*verb.split())
        assert people.returncode == 0 and people.stdout, (verb, people.stderr)
        plain = full.run(*verb.split(), "--no-headers").stdout
        assert plain.count("\n") < people.stdout.count("\n"), verb
        rows = table_of(full.run(*verb.split(), "-o", "csv"))
        assert len(rows) > 2 and len({len(r) for r in rows}) == 1, verb
        assert table_of(full.run("-o", "csv", "--no-headers", *verb.split())) == rows[1:], verb
        names = full.run(*verb.split(), "-o", "name").stdout.splitlines()
        assert len(names) == len(rows) - 1, verb
        told = json.loads(full.run(*verb.split(), "-o", "json").stdout)
        assert told == json.loads(full.run("--json", *verb.split()).stdout), verb
        lines = [json.loads(line) for line in full.run(*verb.split(), "-o", "jsonl").stdout.splitlines()]
        assert lines == (told if isinstance(told, list) else [told]), verb
        assert all(isinstance(row["schema"], int) for row in lines), verb
        assert len(full.run(*verb.split(), "-o", "wide").stdout) >= len(people.stdout), verb
    for noun in ("domains", "servers", "tasks", "licences", "ds", "trust", "administrators"):
        assert full.run(noun).returncode == 0, noun


def test_C5_times_and_keys(control):
    times = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    control.says("show-tasks", {"tasks": [task()]})
    control.says("show-task", {"tasks": [task()]})
    shown = json.loads(control.run("--json", "task", "show", "9f2c").stdout)
    assert isinstance(shown, dict) and times.fullmatch(shown["start-time"])
    for row in json.loads(control.run("--json", "server", "list").stdout):
        assert times.fullmatch(row["last-contact"]) and times.fullmatch(row["certificate-until"])
        assert all(re.fullmatch("[a-z0-9-]+", key) for key in row)
    assert "start-time" in control.run("task", "show", "9f2c").stdout
    assert table_of(control.run("-o", "csv", "server", "list"))[1][4] == "2025-11-30T10:53:20Z"


def test_C8_nothing_is_said_on_standard_error(control):
    control.domains()
    for verb, said in {"domain list": "No Domains.\n", "ds list": "No Domain Servers.\n"}.items():
        done = control.run(*verb.split())
        assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
        assert control.run(*verb.split(), "-q").stderr == ""
        done = control.run(*verb.split(), "--json")
        assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [], "")
    control.says("show-task", {"tasks": []})
    assert control.run("task", "show", "none").returncode == 5
    assert control.run("server", "show", "none").returncode == 5


def test_C3_colour_is_for_terminals(control):
    assert "\x1b[" in terminal(control, "status")
    assert "\x1b[" not in terminal(control, "status", env={"NO_COLOR": "1"})
    assert "\x1b[" not in terminal(control, "status", "--color", "never")
    assert "\x1b[" not in control.run("status").stdout
    assert "\x1b[" in control.run("status", "--color", "always").stdout
    assert terminal(control, "status", "--ascii", env={"NO_COLOR": "1"}).isascii()
    assert control.run("status", env={"LC_ALL": "C"}).stdout.isascii()
    assert control.run("status", "-q").stdout == ""


def test_C3_redirected_tables_are_whole(control):
    control.domains("x" * 255)
    assert "x" * 255 in control.run("domain", "list").stdout
    assert "x" * 255 not in terminal(control, "domain", "list")
    assert "x" * 255 in terminal(control, "domain", "list", "-o", "wide").replace("\r\n", "")


def test_C_T2_files_get_no_control_characters(full):
    for verb in [*LISTS, "status", "server show london-mds-01"]:
        for form in ("table", "wide", "json", "jsonl", "csv", "name"):
            out = full.run(*verb.split(), "-o", form).stdout
            # A record of RFC 4180 ends with CR LF.
            out = out.replace("\r\n", "\n") if form == "csv" else out
            assert out and not CONTROL.search(out), (verb, form, CONTROL.search(out))
        for text in (terminal(full, *verb.split(), env={"TERM": "dumb"}),
                     terminal(full, *verb.split(), "--color", "auto", env={"TERM": ""})):
            assert "\x1b" not in text, verb


def test_C_T3_nothing_waits_for_input(full):
    full.says("add-domain", {"tasks": [{"task-id": "9f2c"}]})
    full.says("show-task", {"tasks": [task()]})
    for verb in full.run("__complete", "verbs").stdout.splitlines():
        for arguments in ([], ["London"], ["London", "tokyo-mds-01"], ["London", "tokyo-mds-01", "standard"]):
            done = full.run("--timeout", "1s", *verb.split(), *arguments)
            assert done.returncode in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), (verb, arguments, done)
    done = full.run("--timeout", "1s", "domain", "create", "X", "--on", "london-mds-01")
    assert done.returncode == 7 and "mdsctl task watch 9f2c" in done.stderr


def test_C_T6_hostile_names_in_tables_csv_and_json(full):
    names = ["Global", "London", *HOSTILE]
    rows = json.loads(full.run("domain", "list", "--json").stdout)
    assert [row["name"] for row in rows] == names
    lines = full.run("domain", "list").stdout.splitlines()
    assert len(lines) == len(names) + 2, "a name is on one line"
    cells = [row[0] for row in table_of(full.run("domain", "list", "-o", "csv"))[1:]]
    for name, cell in zip(names, cells):
        # Formulas are made text; what steers a terminal or the direction of text is masked.
        want = "'" + name if name[0] in "=+-@" else re.sub("[\x00-\x08\x0b-\x1f\u202e]", "?", name)
        assert cell == want, name


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_C_T6_mdsenv_enters_hostile_names(full, shell):
    for name in HOSTILE:
        script = f'. "{PROFILE}"; mdsenv "$1" || exit 9; printf %s "$MDS_DOMAIN"; printf "|%s" "$MDS_DOMAIN_SERVER"'
        done = subprocess.run([shell, "-c", script, shell, name], env=full.env, cwd=full.folder, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=20, check=False)
        assert done.returncode == 0 and done.stdout == f"{name}|{name}-1", (name, done)
    assert not (full.folder / "PWNED").exists()


def test_C_T6_a_domain_with_a_hostile_name_that_is_not_there(full):
    for name in HOSTILE:
        done = full.run("env", "no " + name)
        assert done.returncode == 5 and done.stdout == "" and not CONTROL.search(done.stderr), name


def test_status_has_an_exit_code_for_what_is_wrong(control):
    assert control.run("status").returncode == 0
    control.data["grid"] = grid(problems=[{"what": "tokyo-mds-01 does not answer", "why": "", "since": 0,
                                           "next": ["mdsctl server list"]}])
    control.save()
    done = control.run("status")
    assert done.returncode == 3 and "Next: mdsctl server list" in done.stdout
    done = control.run("status", "-q")
    assert (done.returncode, done.stdout) == (3, "")
