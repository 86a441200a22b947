"""Every refusal of the catalogue (docs/refusals.list), provoked on booted hosts: the same in the management API, on the
bus, in mgmt_cli and mdsctl, and nothing changes. Then what its page says to do (docs/refusals.cures) is typed. The last
ones cut the power."""

import json
import os
import re
import shlex

import pytest

import refusal_pages
import refusals
from cured import CURED, CURES, cure, leaves, primary_again
from deployment import ADDRESSES, KEY, PASSWORD
from refusals import by_api, by_bus, by_mdsctl, by_method, by_mgmt_cli, octets, of_text, run
from rig import wait_until
from test_ex1 import host
from test_join import fourth_host, set_up

WANTED = refusals.catalogue()
# The fixture "paris".
assert fourth_host
# What each has said: {id: (Refusal, faces)}.
SEEN = {}
PARIS = {"name": "paris", "ip-address": ADDRESSES["paris"], "one-time-password": KEY}


@pytest.fixture(name="keys", scope="module")
def key_files(ex1):
    """Activation keys in files, for mdsctl."""
    for city in ("london", "tokyo"):
        ex1[city].write_file("/root/key", KEY + "\n", 0o600)
        ex1[city].write_file("/root/short", "short\n", 0o600)


def state(ex1, city="london"):
    """What a refused act must leave as it was."""
    rows = ex1.ctl_json(city, "domain list")
    cells = sorted((r["name"], c["server"], c["mds-name"], c["ha-state"], c["primary"]) for r in rows for c in r["cells"])
    return cells, sorted(s["name"] for s in ex1.ctl_json(city, "server list")), \
        ex1.ha(city, '"System Data"').get("revision"), ex1.ha(city, "London").get("revision")


def same(rf, **faces):
    """All faces have said the same, which is what the catalogue wants."""
    when, code, words = WANTED[rf]
    first = next(iter(faces.values()))
    for face, refusal in faces.items():
        assert refusal.id == rf, (face, refusal)
        assert refusal.alike() == first.alike(), f"{face}: {refusal}\n{first}"
        assert not code or refusal.code in ("", code), (face, refusal)
    text = " ".join([first.message, *first.errors, first.next])
    assert not [w for w in words if w not in text], first
    assert first.next, f"{rf}, {when}: what to do instead is not told"
    known = SEEN.setdefault(rf, (first, []))
    known[1].extend(f for f in faces if f not in known[1])


def on_all(ex1, rf, city, domain, command, body, ctl=None):
    """The act by every face on one host; `ctl`: the words of mdsctl for it."""
    before = state(ex1)
    api = ex1.api(city, domain)
    faces = {"API": by_api(api, command, body)}
    api.raw("discard")
    api.close()
    faces["D-Bus"] = by_bus(ex1[city], domain, command, body)
    faces["mgmt_cli"] = by_mgmt_cli(ex1[city], domain, command, body)
    if ctl:
        faces["mdsctl"] = by_mdsctl(ex1[city], ctl)
    same(rf, **faces)
    assert state(ex1) == before


# ---- setting up and adding servers ----

def test_RF_01_RF_08_RF_09_RF_10_RF_32_add_mds(ex1, keys):
    assert keys is None
    on_all(ex1, "RF-01", "london", None, "add-mds", {**PARIS, "server-type": "primary"})
    on_all(ex1, "RF-01", "london", None, "set-mds", {"name": "tokyo", "server-type": "primary"})
    on_all(ex1, "RF-08", "london", None, "add-mds", {**PARIS, "name": "tokyo"},
           f"server add tokyo --ip {PARIS['ip-address']} --key-file /root/key")
    on_all(ex1, "RF-09", "london", None, "add-mds", {"name": "nowhere.invalid", "one-time-password": KEY},
           "server add nowhere.invalid --key-file /root/key")
    on_all(ex1, "RF-10", "london", None, "add-mds", {**PARIS, "ip-address": ADDRESSES["tokyo"]},
           f"server add paris --ip {ADDRESSES['tokyo']} --key-file /root/key")
    on_all(ex1, "RF-32", "london", None, "add-mds", {**PARIS, "one-time-password": "short"},
           f"server add paris --ip {PARIS['ip-address']} --key-file /root/short")
    cure(ex1, "RF-08")
    cure(ex1, "RF-10")
    same("RF-32", **{"Sic1.SetKey": by_method(ex1["london"], "org.openmds.Sic1", "SetKey", "ayahu", *octets("short"), "0", "86400")})


def test_RF_13_what_the_primary_does(ex1, keys):
    assert keys is None
    on_all(ex1, "RF-13", "tokyo", None, "add-mds", PARIS,
           f"server add paris --ip {PARIS['ip-address']} --key-file /root/key")


def test_RF_02_RF_07_RF_11_RF_12_RF_30_what_the_machine_is(ex1, keys, paris):
    assert keys is None
    add = f"server add paris --ip {PARIS['ip-address']} --key-file /root/key"
    paris.write_file("/root/key", KEY + "\n", 0o600)
    set_up(paris, "log-server")
    on_all(ex1, "RF-07", "london", None, "add-mds", PARIS, add)
    cure(ex1, "RF-07")
    ex1.wait_well("london")
    on_all(ex1, "RF-30", "london", None, "delete-mds", {"name": "paris"}, "-y --reason test server delete paris")
    cure(ex1, "RF-30")
    set_up(paris, "secondary")
    cure(ex1, "RF-32")
    set_up(paris, "secondary")
    on_all(ex1, "RF-11", "london", None, "add-mds", {**PARIS, "version": "7.7.7"})
    # To be added is also what helps in RF-01, RF-09 and RF-13.
    cure(ex1, "RF-11", "RF-01", "RF-09", "RF-13")
    leaves(ex1, paris)
    set_up(paris, "secondary")
    version = ex1["london"].out("mdsctl --version").split()[1]
    other, plain = version[:-1] + str((int(version[-1]) + 1) % 10), version.replace(".", "\\.")
    program = "/usr/lib/mds/mds-sic"
    paris.sh(f"systemctl stop mds-sic; LC_ALL=C sed -i 's/{plain}/{other}/g' {program}; systemctl start mds-sic")
    on_all(ex1, "RF-12", "london", None, "add-mds", PARIS, add)
    cure(ex1, "RF-12")
    leaves(ex1, paris)
    set_up(paris, "primary")
    paris.sh("mdsctl trust set-key", input=KEY + "\n")
    on_all(ex1, "RF-02", "london", None, "add-mds", PARIS, add)
    cure(ex1, "RF-02")
    leaves(ex1, paris)


def test_RF_03_RF_04_first_setup(ex1, paris):
    assert ex1
    paris.sh("systemctl stop mds.target mds-api.socket 'mds-*.service'; rm -rf /var/lib/mds/*; "
             "systemd-tmpfiles --create; systemctl start mds-core")
    name = paris.out("hostname")
    answers = {"host-name": "other", "address": ADDRESSES["paris"], "interface": "eth0"}
    base = f"--set Server.HostName=other --set Server.Address={ADDRESSES['paris']} --set Server.Interface=eth0"
    for rf, role in (("RF-03", "primary,secondary"), ("RF-04", "secondary")):
        done = paris.sh(f"mds-setup {base} --set Server.Role={role} </dev/null", check=False)
        assert done.returncode == 2, done.stdout + done.stderr
        said = next(line for line in (done.stdout + done.stderr).splitlines() if rf in line)
        bus = by_method(paris, "org.openmds.Core1", "Setup", "ayah", *octets(json.dumps({**answers, "role": role})), "0")
        assert bus.message in said, (said, bus)
        same(rf, **{"Core1.Setup": bus})
        SEEN[rf][1].append("mds-setup")
    assert paris.out("hostname") == name
    assert paris.out("ls /var/lib/mds/system").strip() == ""
    paris.sh("rm -rf /etc/mds/setup.conf /etc/mds/setup.conf.d/*")
    paris.write_file("/root/key", KEY + "\n", 0o600)
    cure(ex1, "RF-03", "RF-04")
    assert "secondary" in paris.out("cat /var/lib/mds/setup.json")


# ---- Domains and Domain Servers ----

def test_RF_06_RF_14_RF_15_RF_18_domains(ex1):
    on_all(ex1, "RF-06", "london", None, "delete-domain", {"name": "Global"}, "-y --reason test domain delete Global")
    on_all(ex1, "RF-14", "london", None, "set-domain", {"name": "London", "servers": {
        "add": {"name": "London-9", "ip-address": "10.77.0.91", "multi-domain-server": "tokyo"}}},
        "ds create London tokyo --ip 10.77.0.91 --name London-9")
    on_all(ex1, "RF-15", "london", None, "set-domain", {"name": "London", "servers": {
        "update": {"name": "London-2", "ipv4-address": "10.77.0.95"}}})
    on_all(ex1, "RF-18", "london", None, "add-domain", {"name": "Rome", "servers": [
        {"name": "Rome-1", "ip-address": "10.77.0.93", "multi-domain-server": "london"},
        {"name": "Rome-2", "ip-address": "10.77.0.94", "multi-domain-server": "tokyo", "active": True}]})
    for rf in ("RF-06", "RF-14", "RF-15", "RF-18"):
        cure(ex1, rf)
    assert ex1.ha("tokyo", "Rome")["role"] == "active"
    ex1.ctl("london", "-y --reason test domain delete Rome")
    ex1.wait_synchronized("london", "London")


def test_RF_16_RF_17_the_active_and_the_primary_domain_server_stay(ex1):
    gone = {"name": "London", "servers": {"remove": "London-1"}}
    on_all(ex1, "RF-16", "london", None, "set-domain", gone, "-y ds delete London london")
    cure(ex1, "RF-16")
    ex1.wait_synchronized("tokyo", "London")
    wait_until(lambda: ("London", "London-1", "london", "standby", True) in state(ex1)[0], 15, "all to know")
    try:
        on_all(ex1, "RF-17", "london", None, "set-domain", gone, "-y ds delete London london")
        cure(ex1, "RF-17")
    finally:
        ex1.ctl("london", "-y ha set-active London london")
        ex1.wait_synchronized("london", "London")


def test_RF_26_RF_31_servers(ex1):
    on_all(ex1, "RF-26", "london", None, "delete-mds", {"name": "london"}, "-y --reason test server delete london")
    cure(ex1, "RF-26")
    cure(ex1, "RF-31")
    on_all(ex1, "RF-31", "london", None, "set-mds", {"name": "london", "one-time-password": KEY})
    reset = by_mdsctl(ex1["london"], "-y trust reset --key-file /root/key")
    assert reset.id == "RF-31" and "Primary" in reset.message


# ---- High Availability ----

def test_RF_05_RF_19_RF_29_roles(ex1):
    ex1.wait_synchronized("london", "London")
    on_all(ex1, "RF-05", "tokyo", "London", "add-host", host("rf05", "198.18.31.5"))
    on_all(ex1, "RF-19", "tokyo", "London", "ha-full-sync", {"name": "London-1"})
    on_all(ex1, "RF-29", "london", "London", "make-server-active", {})
    cure(ex1, "RF-19")
    ex1.wait_synchronized("london", "London")
    cure(ex1, "RF-29", "RF-05")
    assert ex1.ha("tokyo", "London")["role"] == "active"
    ex1.ctl("london", "-y ha set-active London london")
    ex1.wait_synchronized("london", "London")


def test_RF_20_a_domain_server_that_is_silent(ex1):
    ex1.wait_synchronized("london", "London")
    ex1["tokyo"].sh("systemctl stop mds-domain@London-2")
    wait_until(lambda: ex1.peer("london", "London", "London-2").get("sync-status") == "unreachable", 30, "the silence")
    wait_until(lambda: ("London", "London-2", "tokyo", "stopped", False) in state(ex1)[0], 10, "the stop to be told")
    try:
        on_all(ex1, "RF-20", "london", "London", "ha-full-sync", {"name": "London-2"}, "-y --reason test ha sync London --to tokyo")
        cure(ex1, "RF-20")
    finally:
        ex1["tokyo"].sh("systemctl start mds-domain@London-2")
    ex1.wait_synchronized("london", "London")


def test_RF_27_RF_28_no_server_of_a_domain_is_active(ex1):
    ex1["london"].sh("systemctl stop mds-domain@London-1")
    try:
        wait_until(lambda: ex1.ha("tokyo", "London").get("state") == "no-active", 30, "London to have no Active")
        wait_until(lambda: "stopped" in [row[3] for row in state(ex1, "tokyo")[0]], 10, "the stop to be told")
        before = state(ex1, "tokyo")
        api, tokyo, act = ex1.api("tokyo"), ex1["tokyo"], {"domain": "London"}
        same("RF-27", **{"API": by_api(api, "promote-domain-server", act),
                         "D-Bus": by_bus(tokyo, None, "promote-domain-server", act),
                         "mgmt_cli": by_mgmt_cli(tokyo, None, "promote-domain-server", act),
                         "mdsctl": by_mdsctl(tokyo, "ds promote London"),
                         "promote_util": of_text(tokyo.sh(". /etc/profile.d/mds.sh && mdsenv London-2 && promote_util",
                                                          check=False).stderr)})
        api.close()
        assert state(ex1, "tokyo") == before
        cure(ex1, "RF-27")
        done = tokyo.sh("promote_util", check=False)
        assert done.returncode != 0
        same("RF-28", promote_util=of_text(done.stderr))
        cure(ex1, "RF-28")
        assert ("London", "London-2", "tokyo", "active", True) in state(ex1, "tokyo")[0]
    finally:
        ex1["london"].sh("systemctl start mds-domain@London-1")
    ex1.wait_role("london", "London", "standby")
    ex1.ctl("london", "-y ha set-active London london")
    ex1.wait_role("london", "London", "active")
    primary_again(ex1)
    ex1.wait_synchronized("london", "London")


# ---- objects, sessions, permissions ----

def test_RF_25_RF_36_RF_37_RF_38_RF_40_objects_and_sessions(ex1, london):
    london.send("add-host", host("rf25", "198.18.31.25"))
    london.send("add-host", host("rf37", "198.18.31.37"))
    london.send("add-group", {"name": "rf25-group", "members": ["rf25", "rf37"]})
    london.publish()
    on_all(ex1, "RF-25", "london", "London", "delete-host", {"name": "rf25"})
    on_all(ex1, "RF-40", "london", "London", "show-mdss", {})
    london.send("set-host", {"name": "rf25", "comments": "mine"})
    on_all(ex1, "RF-36", "london", "London", "set-host", {"name": "rf25", "comments": "no, mine"})
    cure(ex1, "RF-36", UID=re.search(r"uid (\S+)", SEEN["RF-36"][0].next).group(1))
    assert london.call("show-session")["changes"] == 0
    london.call("discard")
    # What is used is deleted all the same, which publishing refuses.
    before = state(ex1)
    gone = {"name": "rf37", "ignore-errors": True}
    london.send("delete-host", gone)
    same("RF-37", API=by_api(london, "publish", {}))
    cure(ex1, "RF-37")
    london.call("discard")
    # On the bus there is one session of root in each Domain.
    run(ex1["london"], "London", "delete-host", gone)
    same("RF-37", **{"D-Bus": by_bus(ex1["london"], "London", "publish", {})})
    run(ex1["london"], "London", "discard", {})
    same("RF-37", mgmt_cli=by_mgmt_cli(ex1["london"], "London", "delete-host", gone))
    assert state(ex1) == before
    api = ex1.api("london", "London")
    sid = api.sid
    api.call("logout")
    ex1["london"].write_file("/root/sid", json.dumps({"sid": sid}), 0o600)
    same("RF-38", API=by_api(api, "show-hosts", {}),
         mgmt_cli=by_mgmt_cli(ex1["london"], None, "show-hosts", {}, login="-s /root/sid"))
    api.sid = None
    api.close()
    for rf in ("RF-25", "RF-38", "RF-40"):
        cure(ex1, rf)
    assert london.raw("show-host", b'{"name":"rf25"}')[0] == 404


def test_RF_39_no_permission(ex1):
    api = ex1.api("london")
    api.call("add-domain-permissions-profile", name="rf39",
             access_control={"access-control-objects-and-settings": "write"})
    api.call("add-administrator", name="rf39", password="correct-horse-battery-39", must_change_password=False,
             permissions_profile="rf39", multi_domain_profile="Domain Level Only")
    api.publish()
    before = state(ex1)
    eve = ex1.api("london", "London", user="rf39", password="correct-horse-battery-39")
    act = {"new-state": "standby"}
    same("RF-39", API=by_api(eve, "set-ha-state", act),
         mgmt_cli=by_mgmt_cli(ex1["london"], "London", "set-ha-state", act, "-u rf39 -p correct-horse-battery-39"))
    eve.close()
    # On the bus polkit decides, by its own names.
    bus = by_bus(ex1["london"], "London", "set-ha-state", act, user="nobody")
    assert (bus.id, bus.code) == ("RF-39", "generic_err_no_permissions") and "org.openmds.ha.manage" in bus.message, bus
    SEEN["RF-39"][1].append("D-Bus")
    assert state(ex1) == before
    cure(ex1, "RF-39")
    eve = ex1.api("london", "London", user="rf39", password="correct-horse-battery-39")
    eve.call("set-ha-state", new_state="active")
    eve.close()
    api.call("delete-administrator", name="rf39")
    api.call("delete-domain-permissions-profile", name="rf39")
    api.publish()
    api.close()


# ---- backup ----

def test_RF_33_RF_34_RF_35_backup(ex1):
    london, slow = ex1["london"], "/run/systemd/system/mds-backup.service.d"
    ex1["tokyo"].sh(f"mkdir -p {slow} && printf '[Service]\\nExecPaths=/usr/bin/sleep\\nExecStartPre=/usr/bin/sleep 8\\n'"
                    f" > {slow}/slow.conf && systemctl daemon-reload")
    try:
        london.sh("mkdir -p /root/rf33; cd /root/rf33; nohup mdsctl --json backup create --directory . > running 2>&1 &")
        api = ex1.api("london")
        rome = {"name": "Rome", "servers": [
            {"name": "Rome_Server", "ip-address": "10.77.0.93", "multi-domain-server": "london"}]}
        wait_until(lambda: [t for t in api.call("show-tasks", limit=500)["tasks"]
                            if t["task-name"].startswith("Back") and t["status"] == "in progress"], 10, "the backup")
        on_all(ex1, "RF-33", "london", None, "add-domain", rome, "domain create Rome --on london --ip 10.77.0.93")
        api.close()
        wait_until(lambda: "held-ms" in london.out("cat /root/rf33/running"), 60, "the backup")
    finally:
        ex1["tokyo"].sh(f"rm -r {slow}; systemctl daemon-reload")
    cure(ex1, "RF-33")
    ex1.ctl("london", "-y --reason test domain delete Rome")
    same("RF-34", mdsctl=by_mdsctl(london, "backup create --directory /var/lib/mds"),
         mds_backup=of_text(london.sh("cd /var/lib/mds && mds_backup -b", check=False).stderr))
    cure(ex1, "RF-34")
    version = london.out("mdsctl --version").split()[1]
    other, plain = version[:-1] + str((int(version[-1]) + 1) % 10), version.replace(".", "\\.")
    file = london.out("ls /root/rf33/*.tar").split()[0]
    london.sh(f"LC_ALL=C sed 's/{plain}/{other}/g' /usr/lib/mds/mds-backup > /root/other && chmod 700 /root/other")
    before = state(ex1)
    done = london.sh(f"/root/other restore --yes --alone {shlex.quote(file)}", check=False)
    assert done.returncode != 0
    same("RF-35", **{"mdsctl backup restore": of_text(done.stderr[done.stderr.index("Error: "):])})
    assert state(ex1) == before
    cure(ex1, "RF-35")
    london.sh("rm -rf /root/rf33 /root/other")


# ---- the day the Primary is lost; powers are cut from here on ----

def test_RF_22_the_primary_answers(ex1):
    ex1.wait_well("london")
    on_all(ex1, "RF-22", "tokyo", None, "promote-mds", {}, "-y --reason test promote")
    cure(ex1, "RF-22")
    assert {ex1.ha("tokyo", name)["role"] for name in ("London", "Tokyo", "Global")} == {"active"}
    for domain in ("London", "Global"):
        ex1.ctl("london", f"-y --reason test ha set-active {domain} london")


def test_RF_21_RF_23_RF_24_the_primary_is_lost(ex1):
    ex1.wait_well("london")
    ex1["london"].kill()
    ex1["logs"].kill()
    try:
        without_the_primary(ex1)
    finally:
        for name in ("london", "logs"):
            ex1.power_back(name)
    ex1.wait_role("london", "London", "standby", 60)
    for domain in ("London", "Global"):
        ex1.wait_synchronized("tokyo", domain, 60)
        ex1.ctl("london", f"-y ha set-active {domain} london")
    ex1.wait_well("london")


def without_the_primary(ex1):
    """What Tokyo refuses while London and the log server are without power."""
    tokyo = ex1["tokyo"]

    def silent():
        return {s["name"] for s in ex1.ctl_json("tokyo", "server list") if s["state"] == "silent" and s["reason"]}
    wait_until(lambda: silent() == {"london", "logs"}, 30, "both to be missed")
    wait_until(lambda: ex1.ha("tokyo", "London").get("state") == "no-active", 30, "London to have no Active")
    before = state(ex1, "tokyo")

    def refused(rf, command, body, ctl, domain=None, on_bus=None):
        api = ex1.api("tokyo", domain)
        same(rf, **{"API": by_api(api, command, body), "D-Bus": by_bus(tokyo, *(on_bus or (domain, command, body))),
                    "mgmt_cli": by_mgmt_cli(tokyo, domain, command, body), "mdsctl": by_mdsctl(tokyo, ctl)})
        api.close()
    refused("RF-23", "promote-mds", {}, "-y --reason test promote")
    refused("RF-24", "promote-mds", {"ignore-silent": True, "domains": "none"},
            "-y --reason test promote --ignore-silent --domains none")
    act = {"domain": "London", "action": "set-active", "target": "tokyo"}
    refused("RF-21", "set-ha-state", {"new-state": "active"}, "ha set-active London tokyo", "London",
            (None, "domain-ha-action", act))
    assert state(ex1, "tokyo") == before
    for rf in ("RF-23", "RF-24", "RF-21"):
        cure(ex1, rf)
    assert ex1.ha("tokyo", "London")["role"] == "active"


def test_every_refusal_was_provoked_and_stands_in_the_documents():
    if os.environ.get("OPENMDS_WRITE_REFUSALS"):
        with open(refusals.PAGE, "w", encoding="utf-8") as file:
            file.write(refusals.page(SEEN))
        refusal_pages.write()
    assert sorted(SEEN) == sorted(WANTED)
    assert sorted(CURED) == sorted(CURES), "whose page was not followed"
    with open(refusals.PAGE, encoding="utf-8") as file:
        assert file.read() == refusals.page(SEEN), "write it again: ./dev refusals"
    assert PASSWORD not in refusals.page(SEEN) and KEY not in refusals.page(SEEN)
