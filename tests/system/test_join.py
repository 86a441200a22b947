"""Machines of the wrong kind, wrong keys: refused before anything is created."""

import pytest

from api import ApiError
from deployment import KEY, PASSWORD, package


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


def add(ex1, key=KEY, kind="multi-domain server"):
    api = ex1.api("london")
    before = [m["name"] for m in api.all("show-mdss")]
    try:
        with pytest.raises(ApiError) as caught:
            api.call("add-mds", name="paris", ip_address="10.77.0.14", one_time_password=key,
                     server_type=kind)
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
