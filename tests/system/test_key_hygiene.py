"""T-16: an activation key after its use is nowhere: not in files, journal, audit, histories, command lines, and in the
memory of no process of either server, the bus daemon's neither. tests/integration/sic has the part about memory
without booted hosts, with wrong and short keys too."""

import json
import secrets

from deployment import ADDRESSES
from rig import wait_until
from secret_search import forms_of_activation_key, in_command_lines, in_files, in_regions, processes
from test_join import fourth_host, set_up

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# What has to have been read for the search to mean anything.
ON_BOTH = {"mds-core", "mds-sync", "dbus-daemon", "systemd", "systemd-journal"}
# The fixture "paris".
assert fourth_host


def new_key():
    """As `mdsctl trust set-key --generate` makes them, with letters that are compared as digits."""
    return "-".join("".join(secrets.choice(DIGITS) for _ in range(4)) for _ in range(4)).lower()


def in_memory_of(host, forms):
    """["process pid: form in region at address"] of all processes of a host."""
    return [where for pid, name in processes(host) for where in in_regions(pid, name, forms)]


def everywhere(host, forms):
    """Where one of the forms is on a host, in words."""
    return [f"file {path}: {form}" for path, form in in_files(host, forms)] + \
        [f"command line or environment of {name}: {form}" for name, form in in_command_lines(host, forms)] + \
        [f"memory of {where}" for where in in_memory_of(host, forms)]


def test_T_16_the_search_finds_what_a_host_holds(ex1):
    london = ex1["london"]
    words = {what: secrets.token_hex(12) for what in ("memory", "line", "file", "journal", "late")}
    forms = {what: word.encode() for what, word in words.items()}
    assert everywhere(london, forms) == []
    # Put together in the process, so that no command line has it.
    halves = words["memory"][:12], words["memory"][12:]
    london.sh(f"systemd-run -q --unit t16-holder sh -c \"held={halves[0]}''{halves[1]}; sleep 600; : {words['line']}\"")
    london.write_file("/root/.t16_history", words["file"] + "\n", 0o600)
    london.sh("systemd-cat -t t16 sh -c 'read word; echo $word'", input=words["journal"] + "\n")
    try:
        def found():
            return {what: everywhere(london, {what: forms[what]}) for what in forms}
        wait_until(lambda: found()["memory"] and found()["journal"], 20, "what was put there", lambda: str(found()))
        seen = found()
        assert any(where.startswith("memory of sh ") for where in seen["memory"]), seen
        assert any(where.startswith("command line or environment of sh") for where in seen["line"]), seen
        assert "file /root/.t16_history: file" in seen["file"], seen
        assert "file journal: journal" in seen["journal"], seen
        assert not seen["late"], seen
    finally:
        london.sh("systemctl stop t16-holder; rm -f /root/.t16_history", check=False)


def test_T_16_an_activation_key_is_nowhere_after_use(ex1, paris):
    london, key, wrong = ex1["london"], new_key(), new_key()
    set_up(paris, "secondary")
    # By the terminal's input, and for the one key of the setup another one.
    paris.sh("mdsctl trust set-key", input=key + "\n")
    # The client's connection stays open, as that of an administrator would.
    api = ex1.api("london")
    body = {"name": "paris", "ip-address": ADDRESSES["paris"], "server-type": "multi-domain server"}

    def add(given):
        return api.raw("add-mds", json.dumps({**body, "one-time-password": given}).encode())
    status, reply = add(wrong)
    assert status != 200 and "keys do not match" in reply["message"], reply
    status, reply = wait_until(lambda: (lambda a: "try again in" not in a[1].get("message", "") and a)(add(key)), 20,
                               "paris to take another try", every=0.5)
    assert status == 200 and reply["sic-state"] == "trust established", reply
    api.publish()
    wait_until(lambda: [s["state"] for s in ex1.ctl_json("london", "server list") if s["name"] == "paris"] ==
               ["running"], 60, "paris to be heard")
    # After that mutual connection the other end has deleted the scalar too.
    wait_until(lambda: ex1.ctl("paris", "trust state").stdout.strip() == "trust established", 30,
               "the key to be deleted")
    trail = json.dumps(api.send("show-logs", {"new-query": {"type": "audit", "time-frame": "last-hour",
                                                            "max-logs-per-request": 100}}))
    tasks = json.dumps(api.call("show-tasks", details_level="full"))
    assert "Add server" in trail and "Add server" in tasks, "neither audit nor tasks know of it"
    for what, given in (("the key", key), ("the wrong key", wrong)):
        forms = forms_of_activation_key(given)
        told = [name for name, text in (("audit", trail), ("tasks", tasks)) for form in forms.values()
                if form.decode() in text]
        assert not told, (what, told)
        for host in (london, paris, ex1["tokyo"]):
            found = everywhere(host, forms)
            assert not found, f"{what} on {host.name}:\n" + "\n".join(found)
    for host in (london, paris):
        assert {name for _, name in processes(host)} >= ON_BOTH, processes(host)
    api.close()
    paris.sh("mdsstop")
    wait_until(lambda: ex1.ctl("london", "-y --reason test server delete paris", check=False).returncode == 0, 30,
               "paris to be deleted")
    ex1.wait_well("london")
