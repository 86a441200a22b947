"""Machines of the wrong kind, wrong keys: refused before anything is created."""

import json

import pytest

from api import ApiError
from deployment import KEY, PASSWORD, package
from rig import wait_until
from test_crl import list_of, text_of
from test_three_mds import certificates


@pytest.fixture(name="paris", scope="module")
def fourth_host(ex1):
    """A fourth host with the package, not set up."""
    ex1.rig.up({"paris": "10.77.0.14"})
    host = ex1.rig["paris"]
    host.install(package())
    yield host
    host.destroy()
    ex1.rig.hosts.pop("paris")


def answers(role):
    lines = f"[Server]\nRole={role}\nHostName=paris\nAddress=10.77.0.14\nInterface=eth0\n"
    if role == "primary":
        return lines + "[Deployment]\nName=other\n[Administrator]\nName=admin\n" \
                       "PasswordFile=/etc/mds/secret\n"
    return lines + "[Trust]\nActivationKeyFile=/etc/mds/secret\n"


def set_up(host, role):
    host.sh("systemctl stop mds.target mds-api.socket 'mds-*.service'; rm -rf /var/lib/mds/*; "
            "systemd-tmpfiles --create")
    host.write_file("/etc/mds/secret", (PASSWORD if role == "primary" else KEY) + "\n", 0o600)
    host.write_file("/etc/mds/setup.conf", answers(role), 0o600)
    host.sh("mds-setup --answers /etc/mds/setup.conf")


def add(ex1, key=KEY, kind="multi-domain server", **more):
    api = ex1.api("london")
    before = [m["name"] for m in api.all("show-mdss")]
    try:
        with pytest.raises(ApiError) as caught:
            api.call("add-mds", name="paris", ip_address="10.77.0.14", one_time_password=key,
                     server_type=kind, **more)
        assert [m["name"] for m in api.all("show-mdss")] == before
        return caught.value
    finally:
        api.close()


def test_PS_3_SM_2_SM_3_wrong_type_and_wrong_key_leave_nothing_behind(ex1, paris):
    set_up(paris, "log-server")
    assert paris.out("busctl get-property org.openmds.Core1 /org/openmds/Core1 org.openmds.Core1 "
                     "State") == 's "waiting for trust"'
    error = add(ex1)
    assert error.refusal == "RF-07", error.body
    assert "log" in error.message.lower()
    error = add(ex1, key="quite-another-key-77", kind="multi-domain log server")
    assert "key" in error.message.lower(), error.body


def test_PS_2_a_second_primary_is_refused(ex1, paris):
    set_up(paris, "primary")
    paris.sh("mdsctl trust set-key", input=KEY + "\n")
    error = add(ex1)
    assert error.refusal == "RF-02", error.body
    assert "set up as Primary" in error.message


def role_of(host):
    return host.out("busctl get-property org.openmds.Core1 /org/openmds/Core1 org.openmds.Core1 Role").split('"')[1]


def kept(host):
    """The archives of what was taken back, all of them for root alone."""
    found = host.out("stat -c '%a %n' /var/backups/mds/before-reset-* 2>/dev/null || true").splitlines()
    assert all(line.startswith("600 ") for line in found), found
    return [line.split()[1] for line in found]


def test_F_T6_a_wrong_role_is_mended_by_the_command_that_the_refusal_names(ex1, paris):
    set_up(paris, "primary")
    paris.sh("mdsctl trust set-key", input=KEY + "\n")
    cure = add(ex1).body["refusal"]["next"]
    assert cure == "On paris run: mds-setup --change-role secondary", cure
    command = cure.split(": ", 1)[1]
    # Without the key nothing is changed.
    paris.write_file("/root/empty.conf", "", 0o600)
    paris.sh("mv /etc/mds/setup.conf /root/before.conf")
    done = paris.sh(f"{command} </dev/null", check=False)
    assert done.returncode == 2 and "activation key required" in done.stderr, done
    assert role_of(paris) == "primary" and not kept(paris)
    paris.write_file("/etc/mds/secret", KEY + "\n", 0o600)
    paris.write_file("/root/trust.conf", "[Trust]\nActivationKeyFile=/etc/mds/secret\n", 0o600)
    said = paris.out(f"{command} --answers /root/trust.conf")
    assert "paris is set up anew, as Secondary Multi-Domain Server" in said and "Waiting for the Primary" in said, said
    assert role_of(paris) == "secondary" and len(kept(paris)) == 1
    assert "./ca/" in paris.out(f"tar -tf {kept(paris)[0]}")
    # Now it joins; then its role stays, and it is not taken back behind the others' backs.
    api = ex1.api("london")
    assert api.call("add-mds", name="paris", ip_address="10.77.0.14",
                    one_time_password=KEY)["sic-state"] == "trust established"
    wait_until(lambda: {s["name"]: s["state"] for s in json.loads(paris.out("mdsctl --json server list"))}
               == dict.fromkeys(("london", "tokyo", "paris", "logs"), "running"), 60, "paris to hear all")
    done = paris.sh("mds-setup --change-role log-server --answers /root/trust.conf", check=False)
    assert done.returncode == 1 and "cannot be changed any more" in done.stderr, done
    done = paris.sh("mds-setup --reset --confirm paris", check=False)
    assert done.returncode == 1 and "Next: on the Primary: mdsctl server delete paris" in done.stderr, done
    assert role_of(paris) == "secondary" and len(kept(paris)) == 1
    paris.sh("mdsstop")
    wait_until(lambda: ex1.ctl("london", "-y --reason test server delete paris", check=False).returncode == 0, 30,
               "paris to be deleted")
    paris.sh("mdsstart")
    wait_until(lambda: "running" not in [s["state"] for s in json.loads(paris.out("mdsctl --json server list"))
                                         if s["name"] != "paris"], 60, "paris to be alone")
    done = paris.sh("mds-setup --reset --confirm tokyo", check=False)
    assert done.returncode == 2 and "not confirmed" in done.stderr and role_of(paris) == "secondary", done
    said = paris.out("mds-setup --reset --confirm paris")
    assert "is not set up any more" in said and len(kept(paris)) == 2, said
    assert paris.out("find /var/lib/mds -type f") == ""
    assert paris.out("systemctl is-enabled mds.target || true") == "disabled"
    assert "Not set up" in paris.out("mds-setup --reset")
    api.close()
    ex1.wait_well("london")


def test_SM_8_SM_9_RF_11_what_is_said_of_the_machine_is_what_it_reports(ex1, paris):
    set_up(paris, "secondary")
    version = ex1["london"].out("mdsctl --version").split()[1]
    error = add(ex1, version="7.7.7")
    assert error.refusal == "RF-11" and "7.7.7" in error.message and version in error.message
    error = add(ex1, os="Gaia")
    assert error.refusal == "RF-11" and "Gaia" in error.message and "Debian" in error.message
    # Another release: refused before anything is copied.
    other = version[:-1] + str((int(version[-1]) + 1) % 10)
    plain, program = version.replace(".", "\\."), "/usr/lib/mds/mds-sic"
    paris.sh(f"systemctl stop mds-sic; cp -p {program} /var/tmp/mds-sic; "
             f"LC_ALL=C sed -i 's/{plain}/{other}/g' {program}; systemctl start mds-sic")
    error = add(ex1)
    paris.sh(f"systemctl stop mds-sic; cp -p /var/tmp/mds-sic {program}; systemctl start mds-sic")
    assert error.refusal == "RF-12" and other in error.message and version in error.message, error.body


def test_SM_5_SM_10_SM_11_SM_12_IC_1_PE_1_EX_7_a_fourth_server_joins_and_goes_again(ex1, paris):
    set_up(paris, "secondary")
    # SM-5: the address comes from the resolver.
    ex1["london"].sh("sed -i '/ paris$/d' /etc/hosts; echo '10.77.0.14 paris' >> /etc/hosts")
    api = ex1.api("london")
    reply = api.call("add-mds", name="paris", one_time_password=KEY)
    assert reply["sic-state"] == "trust established" and reply["ipv4-address"] == "10.77.0.14", reply
    # SM-8: defaults are what it reports. IC-1: the Primary's authority has issued its certificate.
    assert "Debian" in reply["os"] and reply["version"] == ex1["london"].out("mdsctl --version").split()[1]
    assert any("CN=paris" in c["subject"] for c in certificates(ex1, "london", "servers"))
    # SM-11: the task of adding it.
    names = [t["task-name"] for t in api.call("show-tasks", details_level="full")["tasks"]]
    assert "Add server" in names, names
    # SM-12: it is restarted in the middle of the first synchronization; nothing is added again.
    paris.kill()
    paris.boot()
    paris.wait_up()
    # SM-10, PE-1: every server of the deployment is connected with it.
    for name in ("london", "tokyo", "logs"):
        wait_until(lambda n=name: [s["state"] for s in ex1.ctl_json(n, "server list")
                                   if s["name"] == "paris"] == ["running"], 60, f"{name} to hear paris")
    wait_until(lambda: {s["name"]: s["state"] for s in json.loads(paris.out("mdsctl --json server list"))}
               == dict.fromkeys(("london", "tokyo", "paris", "logs"), "running"), 60, "paris to hear all")

    def level():
        rows = api.call("show-ha-status")["servers"]
        return len(rows) == 3 and all(r["sync-status"] == "synchronized" for r in rows)
    wait_until(level, 60, "the system data on all", lambda: json.dumps(api.call("show-ha-status"), indent=1))
    # EX-7: a Domain on three Multi-Domain Servers.
    task = api.wait(api.call("add-domain", name="Paris", servers=[
        {"name": f"Paris-{i}", "ip-address": f"10.77.0.{110 + i}", "multi-domain-server": city}
        for i, city in enumerate(("paris", "london", "tokyo"))]), timeout=90)
    assert task["status"] == "succeeded", task
    ex1.wait_synchronized("london", "Paris", 60)
    ex1.ctl("london", "-y --reason test domain delete Paris")
    uid = api.call("show-mds", name="paris")["uid"]
    paris.sh("mdsstop")
    wait_until(lambda: ex1.ctl("london", "-y --reason test server delete paris", check=False).returncode == 0, 30,
               "paris to be deleted")
    ex1.wait_well("london")
    # LS-9: what was revoked with the publish stands in the list that any other server gives.
    serials = {c["serial"].upper() for c in certificates(ex1, "london", "servers") if c["uuid"] == uid}
    assert len(serials) >= 2
    for name in ("tokyo", "logs"):
        wait_until(lambda n=name: all(s in text_of(list_of(ex1, n, "/servers/0-1.crl")) for s in serials), 10,
                   f"the list of {name}")
    api.close()
