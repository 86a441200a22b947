"""Backup and restore of one Domain (backup-domain, restore-domain) on the reference deployment: what is in a
file comes back as a Domain of its own, beside the one that it was or in its place; what was touched is refused,
and nothing is half done."""

import json
import shutil

import pytest

from api import ApiError
from deployment import PASSWORD
from documents import commands_of
from rig import wait_until
from test_ex1 import host
from test_promotion import RAN, recorded

STORE = "/var/backups/mds"
COPY_ADDRESS, ROME_ADDRESS = "10.77.0.71", "10.77.0.72"


@pytest.fixture(name="system", scope="module")
def system_session(ex1):
    """System Data on London; at the end the files and the Domains of these tests are gone."""
    plain = {city: ex1[city].sh for city in ("london", "tokyo")}
    for city, sh in plain.items():
        ex1[city].sh = recorded(city, sh)
    api = ex1.api("london")
    yield api
    for city, sh in plain.items():
        ex1[city].sh = sh
        sh(f"rm -rf {STORE}/t-* {STORE}/copy.* {STORE}/london.*")
    for name in ("Copy", "Rome", "Rome2", "Again"):
        if api.raw("show-domain", json.dumps({"name": name}).encode())[0] == 200:
            api.wait(api.call("delete-domain", name=name))
    api.close()


def backup(api, domain, name):
    """The details of the task that saved a Domain into the store."""
    task = api.wait(api.call("backup-domain", domain=domain, file_path=f"{STORE}/{name}"))
    assert task["status"] == "succeeded" and task["progress-percentage"] == 100, task
    return task["task-details"][0]


@pytest.fixture(name="saved", scope="module")
def london_with_content(ex1, system):
    """Domain London with a group that uses a host and a rule that uses the group, in a file."""
    api = ex1.api("london", "London")
    api.send("add-host", host("bd-web", "192.0.2.81"))
    api.send("add-group", {"name": "bd-servers", "members": ["bd-web"], "ignore-warnings": True})
    api.send("add-access-rule", {"layer": "Network", "position": "top", "name": "bd-rule",
                                 "destination": "bd-servers", "action": "Accept"})
    api.publish()
    ex1.wait_synchronized("london", "London")
    details = backup(system, "London", "t-london")
    yield details
    rule = next(r for r in api.call("show-access-rulebase", name="Network", limit=50)["rulebase"]
                if r.get("name") == "bd-rule")
    api.send("delete-access-rule", {"layer": "Network", "uid": rule["uid"]})
    api.send("delete-group", {"name": "bd-servers"})
    api.send("delete-host", {"name": "bd-web"})
    api.publish()
    api.close()


def refused(api, command, **params):
    """What a refused command says; the same Domains are there after it, and nothing of it is left."""
    before = sorted(d["name"] for d in api.all("show-domains"))
    with pytest.raises(ApiError) as caught:
        api.call(command, **params)
    assert sorted(d["name"] for d in api.all("show-domains")) == before
    return caught.value


def left_over(ex1, city="london"):
    """Files that a backup or restore should have taken away."""
    return ex1[city].out("ls -d /var/lib/mds/domains/restore-* /var/lib/mds/restore-* /var/backups/mds/.[0-9a-f]* "
                         "/var/lib/mds/domains/*/outgoing/*.backup /var/backups/mds/*.part 2>/dev/null || true").split()


def test_a_domain_is_saved_as_it_is_published(ex1, system, saved):
    london = ex1.ha("london", "London")
    assert saved["revision"] == london["revision"] and saved["name"] == "London", (saved, london)
    assert saved["server"] == "London-1" and saved["role"] == "active" and saved["file"] == f"{STORE}/t-london"
    assert len(saved["digest"]) == 64 and len(saved["sha256"]) == 64, saved
    assert ex1["london"].out(f"stat -c '%a %U' {STORE}/t-london").split() == ["600", "root"]
    manifest = json.loads(ex1["london"].out(f"tar xOf {STORE}/t-london manifest.json"))
    assert manifest["server"] == "london" and manifest["version"] and manifest["time"], manifest
    assert manifest["domain"]["revision"] == saved["revision"], manifest
    assert manifest["entries"]["domain/public.db"]["sha256"] == saved["sha256"], manifest
    whole = ex1["london"].out(f"mdsctl backup verify {STORE}/t-london")
    assert "Domain London" in whole and "is whole" in whole, whole
    # By uid, on the server of its Standby, while somebody publishes: the same content.
    uid = next(d["uid"] for d in system.all("show-domains") if d["name"] == "London")
    tokyo = ex1.api("tokyo")
    standby = backup(tokyo, uid, "t-standby")
    tokyo.close()
    assert standby["server"] == "London-2" and standby["role"] == "standby", standby
    assert (standby["revision"], standby["digest"]) == (saved["revision"], saved["digest"])
    assert not left_over(ex1) and not left_over(ex1, "tokyo")


def test_private_changes_are_not_in_it(ex1, system, saved):
    api = ex1.api("london", "London")
    api.send("add-host", host("bd-private", "192.0.2.82"))
    details = backup(system, "London", "t-private")
    assert details["digest"] == saved["digest"], "only what is published"
    api.call("discard")
    api.close()
    assert ex1["london"].out(f"grep -ac bd-private {STORE}/t-private || true") == "0"


def test_verify_only_reads_all_and_changes_nothing(ex1, system, saved):
    before = ex1.ha("london", '"System Data"').get("revision")
    task = system.wait(system.call("restore-domain", file_path=f"{STORE}/t-london", verify_only=True))
    (details,) = task["task-details"]
    assert details["revision"] == saved["revision"] and details["digest"] == saved["digest"], details
    assert details["taken-on"] == "london" and "restored-as" not in details, details
    assert ex1.ha("london", '"System Data"').get("revision") == before
    assert not left_over(ex1)
    # Also where no Domain could be made: this is no Primary.
    tokyo = ex1.api("tokyo")
    tokyo.wait(tokyo.call("restore-domain", file_path=f"{STORE}/t-standby", verify_only=True))
    error = refused(tokyo, "restore-domain", file_path=f"{STORE}/t-standby", domain_name="Rome")
    assert error.refusal == "RF-13", error.body
    tokyo.close()


def test_a_domain_comes_back_under_another_name_with_all_that_it_had(ex1, system, saved):
    task = system.wait(system.call("restore-domain", file_path=f"{STORE}/t-london", domain_name="Copy",
                                   domain_ip_address=COPY_ADDRESS))
    assert task["status"] == "succeeded", task
    assert task["task-details"][0]["restored-as"] == "Copy", task
    shown = system.call("show-domain", name="Copy")
    (server,) = shown["servers"]
    assert server["name"] == "Copy-1" and server["multi-domain-server"] == "london", shown
    assert server["ipv4-address"] == COPY_ADDRESS and server["active"], shown
    london = next(d for d in system.all("show-domains") if d["name"] == "London")
    assert shown["uid"] != london["uid"]
    original, api = ex1.api("london", "London"), ex1.api("london", "Copy")
    for command, name in (("show-host", "bd-web"), ("show-group", "bd-servers")):
        was, now = original.call(command, name=name), api.call(command, name=name)
        assert was["uid"] == now["uid"] and was["name"] == now["name"], (was, now)
    assert [m["name"] for m in api.call("show-group", name="bd-servers")["members"]] == ["bd-web"]
    rules = api.call("show-access-rulebase", name="Network", limit=50)["rulebase"]
    assert "bd-rule" in [r.get("name") for r in rules], rules
    # It is a Domain of its own: what is published there is not in the other, and the other way.
    api.send("add-host", host("bd-copy-only", "192.0.2.83"))
    api.publish()
    assert original.raw("show-host", b'{"name": "bd-copy-only"}')[0] == 404
    original.close()
    # Its servers are its own, and a Standby gets all of it.
    names = [o["name"] for o in api.all("show-checkpoint-hosts")]
    assert "Copy-1" in names and "London-1" not in names, names
    api.close()
    system.wait(system.call("set-domain", name="Copy", servers={
        "add": {"name": "Copy-2", "ip-address": "10.77.0.73", "multi-domain-server": "tokyo"}}))
    ex1.wait_synchronized("london", "Copy")
    copy = ex1.api("tokyo", "Copy")
    assert copy.call("show-host", name="bd-web")["name"] == "bd-web"
    copy.close()
    verified = ex1.ctl("london", "ha verify Copy")
    assert verified.returncode == 0, verified
    ex1.wait_synchronized("london", "London")
    assert not left_over(ex1)


def test_what_exists_is_not_overwritten_and_the_cure_is_told(ex1, system, saved):
    path = f"{STORE}/t-london"
    error = refused(system, "restore-domain", file_path=path)
    assert error.refusal == "RF-08" and "London" in error.message, error.body
    assert "domain-name" in error.body["message"] and "delete" in error.body["message"], error.body
    assert error.body["refusal"]["next"] == "mdsctl domain restore --file FILE --name NAME", error.body
    error = refused(system, "restore-domain", file_path=path, domain_name="tokyo")
    assert error.refusal == "RF-08" and "Tokyo" in error.message, error.body
    error = refused(system, "restore-domain", file_path=path, domain_name="Rome", domain_server_name="London-1",
                    domain_ip_address=ROME_ADDRESS)
    assert error.refusal == "RF-08" and "domain-server-name" in error.body["refusal"]["next"], error.body
    error = refused(system, "restore-domain", file_path=path, domain_name="Rome")
    assert error.refusal == "RF-10" and "domain-ip-address" in error.body["refusal"]["next"], error.body
    error = refused(system, "restore-domain", file_path=path, domain_name="Rome", domain_ip_address="10.77.0")
    assert "[domain-ip-address]" in error.message, error.body
    error = refused(system, "restore-domain", file_path=path, domain_name="no good")
    assert "[domain-name]" in error.message, error.body
    error = refused(system, "restore-domain", file_path=path, domain_name="Rome", domain_server_name="no good",
                    domain_ip_address=ROME_ADDRESS)
    assert "[domain-server-name]" in error.message, error.body
    assert not left_over(ex1)


@pytest.mark.parametrize("command", ["backup-domain", "restore-domain"])
@pytest.mark.parametrize("path,said", [
    ("t-new", "not an absolute path"), ("/root/t-new", f"outside of {STORE}"), (f"{STORE}/../t-new", "outside of"),
    ("/var/lib/mds/system/public.db", "outside of"), (f"{STORE}/t-none/new", "there is no folder"),
    (f"{STORE}/", "does not name a file")])
def test_a_file_lies_where_backups_are_kept(system, saved, command, path, said):
    assert saved
    domain = {"domain": "London"} if command == "backup-domain" else {"domain_name": "Rome"}
    error = refused(system, command, file_path=path, **domain)
    assert "[file-path]" in error.message and said in error.message, error.body


def test_refusals_of_a_backup_name_the_field_and_the_cure(ex1, system, saved):
    error = refused(system, "backup-domain", domain="London", file_path=saved["file"])
    assert "[file-path]" in error.message and "is there already" in error.message, error.body
    ex1["london"].sh(f"mkdir -p /root/elsewhere && ln -sfn /root/elsewhere {STORE}/t-link")
    error = refused(system, "backup-domain", domain="London", file_path=f"{STORE}/t-link/new")
    assert "[file-path]" in error.message, error.body
    error = refused(system, "restore-domain", file_path=f"{STORE}/t-missing", domain_name="Rome")
    assert "[file-path]" in error.message and "there is no file" in error.message, error.body
    for missing, params in (("domain", {"file_path": f"{STORE}/t-x"}), ("file-path", {"domain": "London"})):
        error = refused(system, "backup-domain", **params)
        assert error.code == "generic_err_missing_required_parameters" and missing in error.message, error.body
    error = refused(system, "backup-domain", domain="Nowhere", file_path=f"{STORE}/t-x")
    assert error.code == "generic_err_object_not_found", error.body
    error = refused(system, "backup-domain", domain="Global", file_path=f"{STORE}/t-x")
    assert "mdsctl backup create" in error.body["refusal"]["next"], error.body
    # A Domain that has no server here: where it has one is told.
    system.wait(system.call("add-domain", name="Rome", servers=[
        {"name": "Rome-1", "ip-address": ROME_ADDRESS, "multi-domain-server": "tokyo"}]))
    error = refused(system, "backup-domain", domain="Rome", file_path=f"{STORE}/t-x")
    assert "london has no server of Domain Rome; tokyo has" in error.message, error.body
    system.wait(system.call("delete-domain", name="Rome"))
    # In a Domain the command says where it works.
    api = ex1.api("london", "London")
    with pytest.raises(ApiError) as caught:
        api.call("backup-domain", domain="London", file_path=f"{STORE}/t-x")
    assert caught.value.refusal == "RF-40", caught.value.body
    api.close()
    assert not left_over(ex1)


def spoiled(ex1, change):
    """A copy of the file on London, changed as bytes; its path there."""
    path = f"{STORE}/t-spoiled"
    shutil.copy(ex1["london"].path(f"{STORE}/t-london"), ex1["london"].path(path))
    with open(ex1["london"].path(path), "r+b") as file:
        data = bytearray(file.read())
        change(data)
        file.seek(0)
        file.truncate()
        file.write(data)
    return path


def flip(where):
    """Changes one bit at a place, which is found by a function."""
    def change(data):
        at = where(data)
        data[at] ^= 1
    return change


def cut(part):
    """Leaves only a part of the file."""
    def change(data):
        del data[int(len(data) * part):]
    return change


@pytest.mark.parametrize("case,change", [
    ("a byte of the database", flip(lambda d: d.index(b"SQLite format 3") + 5000)),
    ("the first byte of the database", flip(lambda d: d.index(b"SQLite format 3"))),
    ("the revision in the list", flip(lambda d: d.index(b'"revision":') + 11)),
    ("the name in the list", flip(lambda d: d.index(b'"name":"London"') + 9)),
    ("cut in the database", cut(0.8)), ("cut in the list", lambda d: d.__delitem__(slice(700, None))),
    ("nothing left", cut(0))], ids=lambda v: v.replace(" ", "-") if isinstance(v, str) else "")
@pytest.mark.parametrize("verify", [True, False], ids=["verify", "restore"])
def test_T_33_a_file_that_was_touched_is_refused_and_nothing_is_half_done(ex1, system, saved, case, change, verify):
    assert saved
    path = spoiled(ex1, change)
    before = sorted(d["name"] for d in system.all("show-domains"))
    folders = ex1["london"].out("ls /var/lib/mds/domains")
    with pytest.raises((ApiError, RuntimeError)) as caught:
        system.wait(system.call("restore-domain", file_path=path, domain_name="Rome",
                                domain_ip_address=ROME_ADDRESS, verify_only=verify))
    assert "this backup cannot be used" in str(caught.value), (case, str(caught.value))
    assert sorted(d["name"] for d in system.all("show-domains")) == before
    assert ex1["london"].out("ls /var/lib/mds/domains") == folders
    assert not left_over(ex1)
    # The next one works at once.
    system.wait(system.call("restore-domain", file_path=f"{STORE}/t-london", verify_only=True))


def test_the_backup_of_a_domain_is_none_of_a_server_and_the_other_way(ex1, system, saved):
    done = ex1["london"].sh(f"mdsctl -y backup restore --alone {saved['file']}", check=False)
    assert done.returncode != 0 and "backup of Domain London, not of a server" in done.stderr, done
    assert "mdsctl domain restore" in done.stderr, done
    servers = json.loads(ex1["london"].out("mdsctl --json backup create --no-logs"))
    file = next(row["file"] for row in servers if row["server"] == "london")
    error = refused(system, "restore-domain", file_path=file, domain_name="Rome")
    assert "[file-path]" in error.message and "of the server london, not of a Domain" in error.message, error.body
    for row in servers:
        ex1[row["server"]].sh(f"rm {row['file']}")


def test_one_at_a_time_and_beside_no_backup_of_servers_RF_33(ex1, system, saved):
    """A mds-backup that is slow to begin is long enough to be seen."""
    london = ex1["london"]
    london.sh("mkdir -p /run/systemd/system/mds-backup.service.d && printf "
              "'[Service]\\nExecPaths=/usr/bin/sleep\\nExecStopPost=\\nExecStopPost=/usr/bin/sleep 4\\n"
              "ExecStopPost=/usr/lib/mds/mds-backup ended\\n' > /run/systemd/system/mds-backup.service.d/slow.conf && "
              "systemctl daemon-reload")
    try:
        running = system.call("restore-domain", file_path=saved["file"], verify_only=True)
        error = refused(system, "backup-domain", domain="London", file_path=f"{STORE}/t-x")
        assert error.refusal == "RF-33" and running["task-id"] in error.message, error.body
        done = ex1.ctl("london", "backup create", check=False)
        assert done.returncode != 0 and running["task-id"] in done.stderr, done
        system.wait(running)
    finally:
        london.sh("rm -r /run/systemd/system/mds-backup.service.d && systemctl daemon-reload")


def test_a_domain_that_was_deleted_comes_back_as_it_was(ex1, system, saved):
    """By mdsctl, as in docs/backup-domain.md: also in place of the old one, with name, server and address of it."""
    assert saved
    if system.raw("show-domain", b'{"name": "Copy"}')[0] != 200:
        system.wait(system.call("restore-domain", file_path=saved["file"], domain_name="Copy",
                                domain_ip_address=COPY_ADDRESS))
    out = ex1["london"].out("mdsctl domain backup Copy --file copy.mdsdom.tar")
    assert f"{STORE}/copy.mdsdom.tar" in out and "Domain Copy, revision" in out, out
    out = ex1["london"].out("mdsctl domain restore --file copy.mdsdom.tar --verify")
    assert "Backup of   Domain Copy" in out and "is whole" in out, out
    assert max(len(line) for line in out.splitlines()) <= 80, out
    before = ex1.ha("london", "Copy")["revision"]
    ex1["london"].sh('mdsctl -y domain delete Copy --reason "looked at"')
    wait_until(lambda: ex1["london"].sh("test -e /var/lib/mds/servers/Copy-1", check=False).returncode == 1, 20,
               "Copy-1 to go away")
    out = ex1["london"].out("mdsctl domain restore --file copy.mdsdom.tar")
    assert "Domain Copy: succeeded" in out, out
    ex1.wait_role("london", "Copy", "active")
    assert ex1.ha("london", "Copy")["revision"] > before
    (server,) = system.call("show-domain", name="Copy")["servers"]
    assert (server["name"], server["ipv4-address"]) == ("Copy-1", COPY_ADDRESS), server
    api = ex1.api("london", "Copy")
    assert api.call("show-host", name="bd-web")["name"] == "bd-web"
    api.send("add-host", host("bd-goes-on", "192.0.2.84"))
    api.publish()
    api.close()
    ex1["london"].out("mdsctl domain restore --file copy.mdsdom.tar --name Again --ip 10.77.0.74")
    ex1["london"].sh("mdsctl -y --reason test domain delete Again")
    ex1["london"].out("mdsctl domain backup London --file london.mdsdom.tar")
    # What was deleted by an administrator is not missed in the trails.
    assert ex1.ctl("london", "audit verify").returncode == 0


def test_rights_and_audit_records(ex1, system, saved):
    system.call("add-administrator", name="bd-reader", password="correct-horse-battery-7",
                must_change_password=False, multi_domain_profile="Domain Level Only",
                permissions_profile_list=[{"domain": "London", "profile": "Read Only All"}])
    system.publish()
    try:
        api = ex1.visitor("london")
        assert api.raw("login", json.dumps({"user": "bd-reader", "password": "correct-horse-battery-7",
                                            "domain": "London"}).encode())[0] == 200
        api.connection.close()
        refused(system, "restore-domain", file_path="/etc/passwd", domain_name="Rome")
        logs = system.send("show-logs", {"new-query": {"type": "audit", "time-frame": "last-hour",
                                                       "max-logs-per-request": 100}})["logs"]
        rows = {(r["operation"], r["subject"], r["status"]) for r in logs}
        assert ("Back up Domain", "London", "Success") in rows, rows
        assert ("Restore Domain", "Rome", "Failure") in rows, rows
        assert saved and PASSWORD not in json.dumps(logs)
    finally:
        system.call("delete-administrator", name="bd-reader")
        system.publish()


def test_the_document_holds_only_commands_that_ran_here(saved):
    assert saved
    count = 0
    for line in commands_of("backup-domain.md"):
        count += 1
        assert line in RAN, line
    assert count >= 5
