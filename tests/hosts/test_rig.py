"""The rig itself: what other tests rely on."""

import os
import subprocess
import time

import pytest

from rig import Rig, RigError, run, wait_until


@pytest.fixture(name="rig", scope="module")
def two_hosts():
    """Two hosts of their own rig."""
    rig = Rig("selftest")
    rig.down()
    rig.up({"a": "10.77.0.11", "b": "10.77.0.12"})
    yield rig
    rig.down()


def ping(rig, one, other):
    return rig[one].sh(f"ping -c1 -W1 {rig[other].address}", check=False).returncode == 0


def test_commands_pass_exit_code_and_input(rig):
    assert rig["a"].sh("exit 7", check=False).returncode == 7
    assert rig["a"].sh("cat", input="hello\n").stdout == "hello\n"
    assert rig["a"].out("hostname") == "a"
    with pytest.raises(RigError):
        rig["a"].sh("false")


def test_clock_of_the_machine_cannot_be_set_from_a_host(rig):
    assert rig["a"].sh("date -s 2001-01-01", check=False).returncode != 0
    assert time.time() > 1_600_000_000


def test_cut_and_heal(rig):
    assert ping(rig, "a", "b")
    rig.cut("a", "b", one_way=True)
    assert not ping(rig, "a", "b")
    rig.heal("a", "b")
    assert ping(rig, "a", "b")


def test_power_cut_loses_what_was_not_flushed_and_sends_no_fin(rig):
    a, b = rig["a"], rig["b"]
    a.sh("echo kept > /root/kept; sync; echo lost > /root/lost")
    a.sh("systemd-run --quiet --unit=listen -- /bin/bash -c "
         "'exec 3<>/dev/tcp/10.77.0.12/22022 || true; sleep 1000'", check=False)
    listener = subprocess.Popen(["ip", "netns", "exec", "selftest-b", "/usr/bin/python3", "-c",
                                 "import socket;s=socket.create_server(('10.77.0.12',22023));"
                                 "c,_=s.accept();print('in',flush=True);c.settimeout(3);\n"
                                 "try:\n print('end' if c.recv(1)==b'' else 'data')\n"
                                 "except TimeoutError:\n print('silence')"],
                                stdout=subprocess.PIPE, text=True)
    a.sh("systemd-run --quiet --unit=talk -- /bin/bash -c "
         "'until exec 3<>/dev/tcp/10.77.0.12/22023; do sleep 0.1; done; sleep 1000'")
    assert listener.stdout.readline() == "in\n"
    a.kill()
    assert not a.running()
    assert listener.stdout.readline() == "silence\n"
    listener.wait()
    a.boot()
    a.wait_up()
    assert a.read_file("/root/kept") == "kept\n"
    assert not os.path.exists(a.path("/root/lost"))


def test_poweroff_reboot_and_freeze(rig):
    b = rig["b"]
    b.sh("echo x > /root/file")
    b.stop()
    assert not b.running()
    with pytest.raises(RigError, match="is off"):
        b.sh("true")
    b.boot()
    b.wait_up()
    assert b.read_file("/root/file") == "x\n"
    boot = b.out("cat /proc/sys/kernel/random/boot_id; cat /proc/1/stat | cut -d' ' -f22")
    b.reboot()
    assert b.out("cat /proc/1/stat | cut -d' ' -f22") not in boot.splitlines()
    b.freeze()
    b.thaw()
    assert b.sh("true").returncode == 0


def test_down_leaves_nothing_and_rigs_do_not_meet(rig):
    other = Rig("selfoth")
    other.up({"a": "10.77.0.11"})
    assert other["a"].out("hostname") == "a"
    other["a"].freeze()
    other.down()
    assert rig["a"].sh("true").returncode == 0
    assert "selfoth" not in run("ip", "netns", "list").stdout
    assert "selfoth" not in run("losetup", "-a").stdout
    assert "selfoth" not in run("mount").stdout
    assert not os.path.exists("/run/openmds-hosts/selfoth")
    for tree in ("unified", "systemd"):
        assert not os.path.isdir(f"/sys/fs/cgroup/{tree}/selfoth")
    wait_until(lambda: run("pgrep", "-f", "machine=selfoth", check=False).returncode == 1, 10,
               "processes to end")
