"""Re-establishing trust (RS): through mdsconfig and directly, on a Secondary and on a log server; what was
published meanwhile is caught up, without a full copy."""

import json

import pytest

from rig import wait_until
from secret_search import Recorder, forms_of_key, forms_of_text, in_command_lines, in_files, in_memory
from test_ex1 import host, refused
from test_three_mds import certificate, certificates

NEW_KEY, THIRD_KEY = "9TRW-4KQ2-XM7P-0DZA", "B7XK-82QM-TR4W-ZP5N"
WORDS = "Initialized but trust not established"


@pytest.fixture(name="synchronized")
def all_synchronized(ex1):
    ex1.wait_synchronized("london", "London", 60)
    return ex1


def state(deployment, name):
    """Sic1.State."""
    return deployment.ctl(name, "trust state").stdout.strip()


def menu(deployment, name, *lines):
    """What mdsconfig prints for these lines of input."""
    return deployment[name].sh("mdsconfig", input="\n".join(lines) + "\n", check=False, timeout=180)


def entry(deployment, name):
    """Number of the trust entry and of Exit in a host's menu."""
    text = menu(deployment, name, "x").stdout
    numbers = {line.split(") ", 1)[1]: line.split("(")[1].split(")")[0]
               for line in text.splitlines() if line.startswith("  (")}
    return numbers.get("Secure Internal Communication"), numbers["Exit"]


def publish(deployment, name, address):
    """One host published in Domain London."""
    api = deployment.api("london", "London")
    api.send("add-host", host(name, address, **{"ignore-warnings": True}))
    api.publish()
    api.close()


def test_RS_1_RF_31_the_primary_has_no_such_entry(synchronized):
    assert entry(synchronized, "london")[0] is None
    for command in ("mdsconfig --reset-trust", "mdsctl -y trust reset"):
        done = synchronized["london"].sh(command, check=False)
        assert done.returncode == 1 and "[RF-31]" in done.stderr, done.stderr
    api = synchronized.api("london")
    refused(lambda: api.call("set-mds", name="london", one_time_password=NEW_KEY), "RF-31")
    api.close()
    assert state(synchronized, "london") == "trust established"


def test_RS_2_RS_3_RF_32_only_y_and_two_equal_good_keys_change_anything(synchronized):
    sic, leave = entry(synchronized, "tokyo")
    before = certificate(synchronized, "tokyo")["serial"]
    for answer in ("n", "", "Y", "yes"):
        said = menu(synchronized, "tokyo", sic, answer, leave).stdout
        assert "Nothing was changed" in said and "restarted" not in said, said
    # Two keys that differ, one that is too short, none: asked again each time.
    said = menu(synchronized, "tokyo", sic, "y", NEW_KEY, NEW_KEY + "1", "short", "short", "", "")
    assert "The two keys differ" in said.stdout and said.stderr.count("RF-32") == 2, \
        said.stdout + said.stderr
    assert state(synchronized, "tokyo") == "trust established"
    assert certificate(synchronized, "tokyo")["serial"] == before
    synchronized.wait_synchronized("london", "London")


def test_RS_4_RS_5_RS_6_RS_7_RS_8_a_secondary_is_connected_anew_and_catches_up(synchronized):
    ex1 = synchronized
    sic, leave = entry(ex1, "tokyo")
    old = certificate(ex1, "tokyo")["serial"]
    copies = ex1["tokyo"].out("journalctl -u 'mds-domain@London-2' -o cat | grep -c 'full copy' || true")
    said = menu(ex1, "tokyo", sic, "y", NEW_KEY, NEW_KEY, leave)
    assert said.returncode == 0 and "services are restarted" in said.stdout, said.stdout + said.stderr
    ex1["tokyo"].wait_up()
    assert state(ex1, "tokyo") == WORDS.lower()
    wait_until(lambda: ex1.peer("london", "London", "tokyo").get("sync-status") in
               ("trust-missing", "unreachable"), 30, "Tokyo to be cut off")
    publish(ex1, "while-without-trust", "192.0.2.131")
    # A wrong key, then the right one; then it is used up.
    api = ex1.api("london")
    wrong = refused(lambda: api.call("set-mds", name="tokyo", one_time_password=NEW_KEY[::-1]))
    assert "do not match" in wrong.message, wrong.message
    assert state(ex1, "tokyo") == WORDS.lower()
    refused(lambda: ex1.api("tokyo").call("set-mds", name="tokyo", one_time_password=NEW_KEY), "RF-13")
    # The port waits a moment after a wrong key.
    wait_until(lambda: ex1["london"].sh("mdsctl trust connect tokyo", input=NEW_KEY + "\n",
                                        check=False).returncode == 0, 30, "Tokyo to be connected")
    wait_until(lambda: state(ex1, "tokyo") == "trust established", 30, "the key to be deleted")
    assert refused(lambda: api.call("set-mds", name="tokyo", one_time_password=NEW_KEY)).status != 200
    api.close()
    ex1.wait_synchronized("london", "London", 60)
    reader = ex1.api("tokyo", "London")
    assert reader.call("show-host", name="while-without-trust")["name"] == "while-without-trust"
    reader.close()
    assert copies == ex1["tokyo"].out(
        "journalctl -u 'mds-domain@London-2' -o cat | grep -c 'full copy' || true")
    # The old certificates are revoked, the new ones are not.
    mine = {c["serial"]: c["revoked"] for c in certificates(ex1, "london", "servers")
            if "CN=tokyo" in c["subject"]}
    assert mine[old] and not mine[certificate(ex1, "tokyo")["serial"]]
    assert list(mine.values()).count(False) == 2, mine


def test_RS_8_a_log_server_is_connected_anew(synchronized):
    ex1 = synchronized
    said = ex1["logs"].sh("mdsctl -y trust reset", input=NEW_KEY + "\n").stdout
    assert WORDS in said and "mdsctl trust connect logs" in said
    publish(ex1, "while-no-logs", "192.0.2.132")
    ex1["london"].sh("mdsctl trust connect logs", input=NEW_KEY + "\n")
    ex1.wait_synchronized("london", "London", 60)
    ex1.wait_well("london")
    assert json.loads(ex1.ctl("logs", "--json status", check=False).stdout)["role"] == "log-server"


def test_T_7_the_private_key_stays_and_the_activation_key_is_on_no_disk_and_no_cable(synchronized):
    """Disks, memory and cables of all servers, after an enrolment with a new key."""
    # T-16 wants the activation key in no memory either: the bus and mds-core do not overwrite what they free.
    ex1 = synchronized
    typed = forms_of_text(THIRD_KEY)
    ex1["logs"].sh("mdsctl -y trust reset", input=THIRD_KEY + "\n")
    # While it waits, who has the key is mds-sic, and that in another form.
    assert in_command_lines(ex1["logs"], typed) == []
    assert in_files(ex1["logs"], typed) == []
    with Recorder(ex1, "logs") as recording:
        ex1["london"].sh("mdsctl trust connect logs", input=THIRD_KEY + "\n")
        wait_until(lambda: state(ex1, "logs") == "trust established", 30, "the key to be deleted")
        ex1.wait_synchronized("london", "London", 60)
    wire = recording.payload()
    assert b"mds-enrol/1" in wire and len(wire) > 10_000
    assert not [name for name, form in typed.items() if form in wire or form in recording.bytes()]
    for name in ("london", "tokyo", "logs"):
        assert in_files(ex1[name], typed) == [], name
        assert in_command_lines(ex1[name], typed) == [], name
    # The search finds what is there.
    key = ex1["logs"].read_file("/var/lib/mds/trust/current/identity.key")
    forms = forms_of_key(key)
    found = {path for path, _ in in_files(ex1["logs"], forms)}
    assert found == {ex1["logs"].out("readlink -f /var/lib/mds/trust/current/identity.key")}
    assert "mds-sync" in [process for process, _ in in_memory(ex1["logs"], forms)]
    for kind in ("identity", "sealing"):
        forms = forms_of_key(ex1["logs"].read_file(f"/var/lib/mds/trust/current/{kind}.key"))
        assert not [name for name, form in forms.items() if form in wire or form in recording.bytes()]
        for name in ("london", "tokyo"):
            assert in_files(ex1[name], forms) == [], (kind, name)
            assert in_memory(ex1[name], forms) == [], (kind, name)
