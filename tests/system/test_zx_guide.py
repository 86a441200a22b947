"""Every command of docs/high-availability.md, in its order, on the reference deployment; and what the guide
says of backups and snapshots."""

import os
import re
import shutil

from deployment import DOMAINS, KEY, ROOT
from rig import wait_until
from test_ex1 import host
from test_join import fourth_host

GUIDE = f"{ROOT}/docs/high-availability.md"
LINE = re.compile(r"^(london|tokyo|logs|paris)# (.*?)(?: +# exit (\d+))?$")
# The fixture "paris".
assert fourth_host


def steps():
    """("run", host, command, exit code) and ("do", words) of the guide, in order."""
    inside = False
    with open(GUIDE, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("```"):
                inside = not inside
            elif inside and line:
                match = LINE.match(line)
                assert match, f"not a command: {line}"
                yield "run", match[1], match[2], int(match[3] or 0)
            elif line.startswith("<!-- "):
                yield "do", line[5:-4]


def snapshot(deployment, take):
    """Switches all off, takes or restores a copy of every disk, and switches them on."""
    for name in deployment.wanted:
        deployment[name].stop()
        disk = deployment[name].disk
        if take:
            deployment.rig.workstation("cp", "--sparse=always", disk, disk + ".set")
        else:
            shutil.move(disk + ".set", disk)
    for name in deployment.wanted:
        deployment[name].boot()
    for name in deployment.wanted:
        deployment[name].wait_up()


def test_every_command_of_the_high_availability_guide(ex1, paris):
    ran = 0
    for step in steps():
        if step[0] == "do":
            if step[1] == "power off london":
                ex1["london"].kill()
                wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") ==
                           "unreachable", 30, "Tokyo to notice")
            elif step[1] == "power on london":
                ex1.power_back("london")
                ex1.wait_role("london", "London", "standby")
                ex1.wait_synchronized("tokyo", "London", 60)
            elif step[1] == "new machine paris":
                for one in (paris, ex1["london"]):
                    one.write_file("/root/key", KEY + "\n", 0o600)
            elif step[1] == "key":
                for name in ("london", "tokyo"):
                    ex1[name].write_file("/root/key", "7GQT-XK2M-0WPD-94RZ\n", 0o600)
            else:
                assert step[1] == "snapshot", step
            continue
        _, name, command, code = step
        done = ex1[name].sh(command, check=False)
        if code == 0 and "server delete" in command:
            # mdsstop was a moment ago.
            wait_until(lambda d=done, c=command, n=name: d.returncode == 0 or ex1[n].sh(c, check=False).returncode == 0, 30,
                       command)
        elif code == 0 and "status" in command:
            # What was changed a moment ago may still be on its way.
            wait_until(lambda c=command, n=name: ex1[n].sh(c, check=False).returncode == 0, 30,
                       command, lambda c=command, n=name: ex1[n].sh(c, check=False).stdout)
        else:
            assert done.returncode == code, f"{name}# {command}\n{done.stdout}{done.stderr}"
        ran += 1
    assert ran > 25
    ex1.wait_well("london")


def test_AS_7_snapshots_of_all_servers_together_come_back_together(ex1):
    with open(GUIDE, encoding="utf-8") as file:
        assert "of **all** servers of the deployment at the same time" in file.read()
    api = ex1.api("london", "London")
    api.send("add-host", host("as7-in-the-set", "192.0.2.221", **{"ignore-warnings": True}))
    api.publish()
    ex1.wait_synchronized("london", "London")
    api.close()
    snapshot(ex1, take=True)
    ex1.wait_well("london")
    for domain, name in (("London", "london"), ("Tokyo", "tokyo")):
        api = ex1.api(name, domain)
        api.send("add-host", host("as7-after-it", "192.0.2.222", **{"ignore-warnings": True}))
        api.publish()
        ex1.wait_synchronized(name, domain)
        api.close()
    snapshot(ex1, take=False)
    assert not any(os.path.exists(ex1[n].disk + ".set") for n in ex1.wanted)
    ex1.wait_well("london")
    for domain, servers in DOMAINS.items():
        for _, _, name, _ in servers:
            if name == "logs":
                continue
            api = ex1.api(name, domain)
            assert api.raw("show-host", b'{"name":"as7-after-it"}')[0] == 404
            assert api.raw("show-host", b'{"name":"as7-in-the-set"}')[0] == \
                (200 if domain == "London" else 404)
            api.close()
    api = ex1.api("london", "London")
    api.send("add-host", host("as7-goes-on", "192.0.2.223", **{"ignore-warnings": True}))
    api.publish()
    ex1.wait_synchronized("london", "London")
    api.close()
