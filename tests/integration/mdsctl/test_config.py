"""mdsctl config: the settings of a host, shown and changed, with no service at work."""

import os

import pytest
import schemas


@pytest.fixture(name="host")
def host_with_settings(control, tmp_path):
    """A host whose mds.conf sets two; nobody is on its bus."""
    etc = tmp_path / "etc"
    (etc / "mds.conf.d").mkdir(parents=True)
    (etc / "mds.conf").write_text("[Sync]\nLogMiB=512\n[Api]\nIdleSeconds=20\n")
    control.env.update(MDS_ETC=str(etc), DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={tmp_path}/nobody")
    control.etc = etc
    return control


def shown(host, name):
    [row] = schemas.check("config show", host.run("--json", "config", "show", name).stdout)
    return row


def test_what_is_set_and_where(host):
    done = host.run("config", "show", "--changed")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["SETTING", "VALUE", "DEFAULT", "FILE"], ["Api.IdleSeconds", "20", "10", "mds.conf"],
        ["Sync.LogMiB", "512", "1024", "mds.conf"]], done
    rows = schemas.check("config show", host.run("--json", "config").stdout)
    assert len(rows) > 20 and {r["name"] for r in rows if r["file"]} == {"Sync.LogMiB", "Api.IdleSeconds"}
    assert all(r["value"] == r["default"] and not r["problem"] for r in rows if not r["file"])
    done = host.run("config", "show", "sync.logmib")
    assert done.returncode == 0 and "range    1 to 1048576" in done.stdout and "purged" in done.stdout, done
    assert max(len(line) for line in host.on_terminal("config", "show")[1].replace("\r", "").splitlines()) <= 80


def test_a_setting_is_set_and_taken_back(host):
    done = host.run("config", "set", "sync.logMib", "2048")
    assert done.returncode == 0 and "Sync.LogMiB is 2048 from the next start of the services on (before: 512)" in done.stdout
    assert done.stdout.splitlines()[-1] == "Next:  systemctl restart mds.target", done
    file = host.etc / "mds.conf.d/90-mdsctl.conf"
    assert file.read_text() == "# Written by mdsctl config set.\n\n[Sync]\nLogMiB=2048\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert shown(host, "Sync.LogMiB")["file"] == str(file)
    told = schemas.check("config set", host.run("--json", "config", "set", "Api.Port", "4434").stdout)
    assert (told["name"], told["value"], told["before"]) == ("Api.Port", "4434", "443"), told
    assert "systemctl edit mds-api.socket" in host.run("config", "set", "Api.Port", "4435").stdout
    assert shown(host, "Sync.LogMiB")["value"] == "2048", "the other one is kept"
    # A service of ours reads it so.
    told = schemas.check("config unset", host.run("--json", "config", "unset", "Sync.LogMiB").stdout)
    assert (told["value"], told["before"]) == ("512", "2048"), told
    assert host.run("config", "unset", "Api.Port").returncode == 0
    assert not file.exists(), "a file that sets nothing is none"


@pytest.mark.parametrize("words, code, said", [
    (["set", "Sync.LogMib", "0"], 2, "is not a number from 1 to 1048576"),
    (["set", "Sync.LogMiB", "many"], 2, "is not a number from 1 to 1048576"),
    (["set", "Sync.LogMB", "2"], 5, "did you mean Sync.LogMiB?"),
    (["set", "Network.LeadingInterface", "eth0\n[Api]"], 2, "one line"),
    (["show", "nonsense"], 5, "there is no setting nonsense"),
    (["unset", "Sync.LogMiB"], 1, "is set in"),
    (["unset", "Sync.Port"], 1, "has its default"),
    (["set", "Api.Tls12", "1"], 1, "which is read later"),
])
def test_what_cannot_be_is_refused_and_nothing_changes(host, words, code, said):
    (host.etc / "mds.conf.d/95-later.conf").write_text("[Api]\nTls12=0\n")
    before = sorted(os.listdir(host.etc / "mds.conf.d"))
    done = host.run("config", *words)
    assert done.returncode == code and said in done.stderr and "Next:" in done.stderr, done
    assert sorted(os.listdir(host.etc / "mds.conf.d")) == before


def test_a_wrong_value_is_told_with_what_mends_it(host):
    (host.etc / "mds.conf.d/50.conf").write_text("[Sync]\nLogMiB=much\n")
    done = host.run("config", "show", "Sync.LogMiB")
    assert done.returncode == 3 and "is not a number" in done.stdout, done
    assert "Next:  mdsctl config set Sync.LogMiB 1024" in done.stdout, done
    assert host.run("config").returncode == 3
    assert host.run("config", "set", "Sync.LogMiB", "1024").returncode == 0
    assert host.run("config").returncode == 0


def test_dry_run_and_another_host(host):
    done = host.run("--dry-run", "config", "set", "Sync.LogMiB", "2048")
    assert done.returncode == 0 and "would be 2048 (now: 512)" in done.stdout and "Nothing was changed" in done.stdout
    assert os.listdir(host.etc / "mds.conf.d") == []
    done = host.run("-H", "tokyo-mds-01", "config", "show")
    assert done.returncode == 2 and "on tokyo-mds-01: mdsctl config show" in done.stderr, done


def test_names_are_completed(host):
    done = host.run("__complete", "words", "config", "set", "Sync.L")
    assert done.stdout == "Sync.LogMiB\t512\n", done
