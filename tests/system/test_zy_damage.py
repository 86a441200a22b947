"""One byte changed on a disk: found, located, said, and repaired from another server."""

import json

from rig import wait_until

UNIT = "mds-domain@London-2.service"


def flip(host, server, name):
    """Changes one byte of the row of a host object of `server`, with dd, wherever its files have it:
    readers see the write-ahead log when the page is there now, and it keeps older pages, too."""
    folder = f"/var/lib/mds/servers/{server}"
    base = f"{folder}/{host.out(f'cat {folder}/current').strip()}/public.db"
    row = f"hostnetwork{name}"
    flipped = 0
    for path in (base + "-wal", base):
        for found in host.sh(f"grep -abo {row} {path}", check=False).stdout.split():
            at = int(found.split(":")[0]) + len(row) - 1
            host.sh(f"printf x | dd of={path} bs=1 seek={at} conv=notrunc status=none")
            flipped += 1
    assert flipped, f"{name} is nowhere in {base}"


def test_HW_4_a_byte_flipped_by_dd_on_a_standby_is_found_and_repaired_without_a_full_copy(ex1, london):
    for i in range(20):
        london.send("add-host", {"name": f"disk-{i}", "ip-address": f"10.66.6.{i + 1}"})
    london.publish()
    ex1.wait_synchronized("london", "London")
    tokyo = ex1["tokyo"]
    generation = tokyo.out("cat /var/lib/mds/servers/London-2/current")
    flip(tokyo, "London-2", "disk-7")
    done = ex1.ctl("tokyo", "ha verify London", check=False)
    assert done.returncode != 0
    assert "1 object damaged" in done.stdout + done.stderr
    wait_until(lambda: ex1.ha("tokyo", "London")["damage"] == "", 30, "the repair")
    ex1.wait_synchronized("london", "London")
    assert tokyo.out("cat /var/lib/mds/servers/London-2/current") == generation, "no full copy"
    journal = tokyo.out(f"journalctl -u {UNIT} -o cat --no-pager -n 60")
    assert "the database is damaged at revision" in journal and "disk-" in journal
    assert "1 objects and 0 records taken from London-1" in journal
    assert "the database is whole again" in journal
    done = ex1.ctl("tokyo", "ha verify London")
    assert "all good" in done.stdout
    back = ex1.api("tokyo", "London")
    assert back.call("show-host", name="disk-7")["ipv4-address"] == "10.66.6.8"
    back.close()
    london.send("set-host", {"name": "disk-7", "comments": "goes on"})
    london.publish()
    ex1.wait_synchronized("london", "London")


def test_ST_3_damage_without_a_peer_is_said_with_its_cause_until_it_is_repaired(ex1, london):
    london.send("add-host", {"name": "alone-1", "ip-address": "10.66.7.1"})
    london.publish()
    ex1.wait_synchronized("london", "London")
    ex1.rig.cut("london", "tokyo")
    ex1.rig.cut("tokyo", "logs")
    wait_until(lambda: ex1.peer("tokyo", "London", "london").get("sync-status") == "unreachable",
               30, "Tokyo to notice")
    flip(ex1["tokyo"], "London-2", "alone-1")
    ex1.ctl("tokyo", "ha verify London", check=False)
    status = ex1.ctl("tokyo", "ha status London", check=False)
    assert status.returncode == 3
    assert "1 object damaged" in json.dumps(ex1.ha("tokyo", "London"))
    ex1.rig.heal()
    wait_until(lambda: ex1.ha("tokyo", "London")["damage"] == "", 60, "the repair")
    ex1.wait_synchronized("london", "London", 60)
