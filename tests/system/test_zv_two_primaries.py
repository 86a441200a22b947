"""Two servers that do not hear each other are both promoted: nothing is published then until an administrator
has said which of them it is, and nothing of the other one is lost (MM-5; two Primaries)."""

import json

import pytest

from api import ApiError
from rig import wait_until
from test_promotion import DOMAINS, built, lost, role

SYSTEM = '"System Data"'


@pytest.fixture(name="split", scope="module")
def two_primaries():
    """London is lost, tokyo and paris are cut off from each other and both promoted; then they meet. Paris has
    a new administrator that only it knows."""
    assert "A" in DOMAINS
    three = built("two", ["london", "tokyo", "paris"], ["A"])
    lost(three, "london")
    three.rig.cut("tokyo", "paris")
    for name in ("tokyo", "paris"):
        wait_until(lambda: all(s["state"] == "silent" for s in three.ctl_json(name, "server list")
                               if s["name"] != name), 30, f"{name} to be alone")
        three.ctl(name, "-y --reason test promote --ignore-silent", timeout=60)
        assert role(three, name) == "primary"
    api = three.api("paris")
    api.send("add-administrator", {"name": "pia", "password": "correct-horse-9",
                                   "multi-domain-profile": "Multi-Domain Super User"})
    api.publish()
    api.close()
    three.rig.heal()
    yield three
    three.down()


def authority(three, name):
    """State and number of the authority on a host."""
    text = three.property(name, "org.openmds.Ca1", "/org/openmds/Ca1", "org.openmds.Ca1", "Authority")
    return json.loads(json.loads(text.split(" ", 1)[1]))


def test_two_primaries_publish_nothing_and_say_how_to_end_it(split):
    for name in ("tokyo", "paris"):
        def collides(city=name):
            api = split.api(city)
            try:
                api.send("add-tag", {"name": "nobody"})
                api.publish()
                return None
            except (ApiError, RuntimeError) as error:
                return str(error) if "two Active servers" in str(error) else None
            finally:
                api.raw("discard")
                api.close()
        told = wait_until(collides, 30, f"{name} to see the other one")
        assert "publishing stops" in told, told
        screen = split.ctl(name, "status", check=False)
        assert screen.returncode == 3 and 'mdsctl ha set-standby "System Data"' in screen.stdout, screen.stdout


def test_MM_5_what_the_other_lacks_is_told_with_its_authors_before_it_is_done(split):
    asked = split["paris"].sh(f"mdsctl ha set-standby {SYSTEM} </dev/null", check=False)
    assert asked.returncode == 9, asked
    text = asked.stdout + asked.stderr
    assert "by admin" in text and "is taken back and given to its author" in text, text
    assert role(split, "paris") == "primary"


def test_one_of_two_primaries_steps_back_and_its_work_is_handed_over(split):
    split.ctl("paris", f"-y ha set-standby {SYSTEM}")
    wait_until(lambda: role(split, "paris") == "secondary", 30, "paris to step back")
    for domain in ("Global", "A"):
        split["paris"].sh(f"mdsctl -y ha set-standby {domain} paris", check=False)
        wait_until(lambda: split.ha("paris", domain).get("role") == "standby", 30, f"{domain} on paris",
                   lambda: json.dumps(split.ha("paris", domain), indent=1))
    # What only Paris had waits for its author on Tokyo; publishing it makes nobody Primary.
    api = split.api("tokyo")

    def recovered():
        found = [o for o in api.call("show-sessions", limit=100, details_level="full")["objects"]
                 if o.get("recovered") and o["changes"] > 0]
        return found if {"admin", "root"} <= {o["user-name"] for o in found} else None
    sessions = wait_until(recovered, 60, "the work of paris on tokyo")
    for session in sessions:
        # Also what root did there: the promotion itself.
        take = "switch-session" if session["user-name"] == "admin" else "take-over-session"
        api.call(take, uid=session["uid"])
        api.wait(api.send("publish", {"ignore-warnings": True}))
    assert api.call("show-administrator", name="pia")["name"] == "pia"
    api.close()
    for name in ("tokyo", "paris"):
        wait_until(lambda: {s["name"]: s["role"] for s in split.ctl_json(name, "server list")}["tokyo"] ==
                   "primary", 30, f"{name} to know the Primary")
        roles = {s["name"]: s["role"] for s in split.ctl_json(name, "server list")}
        assert roles == {"london": "secondary", "tokyo": "primary", "paris": "secondary"}, roles
        assert role(split, name) == roles[name]
    # One authority, which the other's copy follows.
    wait_until(lambda: authority(split, "paris")["state"] == "replica", 60, "paris to sign no more")
    wait_until(lambda: authority(split, "paris")["number"] == authority(split, "tokyo")["number"], 60,
               "one authority", lambda: f"{authority(split, 'paris')} {authority(split, 'tokyo')}")
    api = split.api("tokyo")
    api.send("add-tag", {"name": "goes-on"})
    api.publish()
    api.close()
    there = split.api("paris")
    wait_until(lambda: there.raw("show-tag", b'{"name":"goes-on"}')[0] == 200, 30, "the publish on paris")
    there.close()
