"""T-26: every command with every profile, in the own Domain, in another one, in the Global Domain and in System Data.
What each command needs is written here; a command that stands nowhere here fails. Who may not is told so before
anything of his request is looked at: each is asked with a parameter that does not exist."""

import json

import pytest

from api import Api, ApiError
from deployment import ADDRESSES, PASSWORD

PASSWORD_26 = "correct-horse-battery-26"
# Area of the objects of each noun; the verb says whether they are seen or changed.
AREAS = {
    "objects": """address-range checkpoint-host dns-domain dynamic-object group group-with-exclusion host
        multicast-address-range network security-zone service-dce-rpc service-group service-icmp service-icmp6
        service-other service-rpc service-sctp service-tcp service-udp simple-gateway time time-group wildcard
        gateways-and-servers""",
    "access-policy": "access-layer access-rule access-section package access-rulebase layer-structure rules-batch",
    "nat-policy": "nat-rule nat-section nat-rulebase",
    "settings": "api-settings automatic-purge global-properties policy-settings login-message",
    "administrators": "administrator md-permissions-profile domain-permissions-profile",
    "servers": "mds domain trusted-client",
    "assignments": "global-assignment",
}
PLURALS = {"mds": "mdss", "group-with-exclusion": "groups-with-exclusion"}
# What is about objects by another word.
ABOUT = {"test-sic-status": ("objects", False), "get-interfaces": ("objects", False), "reset-sic": ("objects", True),
         "verify-policy": ("access-policy", False)}
# Rights beside areas; those that are in no area, or in addition to it.
RIGHTS = {"set-ha-state": "high-availability-operations", "make-server-active": "high-availability-operations",
          "ha-full-sync": "high-availability-operations", "install-policy": "install-policy",
          "install-database": "install-policy", "run-script": "run-scripts", "put-file": "run-scripts",
          "assign-session": "manage-sessions", "verify-revert": "manage-sessions",
          "revert-to-revision": "manage-sessions", "purge-published-sessions": "manage-sessions",
          "approve-session": "approve-or-reject-sessions", "reject-session": "approve-or-reject-sessions",
          "assign-global-assignment": "manage-global-assignments",
          **dict.fromkeys(("add-mds", "set-mds", "delete-mds", "add-domain", "set-domain", "delete-domain",
                           "promote-mds", "promote-domain-server", "readmit-mds", "set-licence", "backup-domain",
                           "restore-domain", "revoke-certificate", "revoke-trust", "renew-certificate"), "mds-provisioning"),
          **dict.fromkeys(("unlock-administrator", "add-api-key", "delete-api-key", "delete-administrator",
                           "add-administrator-certificate", "delete-administrator-certificate",
                           "show-administrator-certificate", "add-administrator-totp", "delete-administrator-totp",
                           "show-administrator-totp"), "manage-admins")}
# Anybody who has a session: what belongs to the session, and what tells only as much as he may see.
ANYBODY = """auto-complete keepalive show-api-status show-api-versions show-commands show-ha-state show-ha-status
    show-last-published-session show-session show-sessions show-task show-tasks show-validations show-version
    show-changes show-logs show-object show-objects show-unused-objects where-used export equals set-session discard
    show-gateway-managers show-tag show-tags login-to-domain show-servers-and-processes show-licences
    show-global-domain show-metrics show-authorities show-authority show-certificates show-revocation-lists""".split()
# The same, in a session that may write.
WRITERS = """publish submit-session switch-session take-over-session lock-object unlock-object add-objects-batch
    set-objects-batch delete-objects-batch""".split()
# Tags are objects in a Domain; in System Data whoever changes something there tags it.
TAGS = ["add-tag", "set-tag", "delete-tag"]
# In System Data they only say where they are of use.
NOT_IN_SYSTEM_DATA = {"set-ha-state", "make-server-active"}
# These end or change the session that asks.
APART = {"login", "logout", "disconnect"}
# With these flags a command works on a Standby too, so it is no matter of a session that may write.
ANYWHERE = {"set-ha-state", "make-server-active", "ha-full-sync", "assign-session", "unlock-administrator",
            "add-api-key", "delete-api-key", "set-licence", "backup-domain", "restore-domain"}


def every(right):
    """All areas with one right."""
    return dict.fromkeys(AREAS, right)


# Who: (what his multi-domain profile and his profile in London are made of, his areas, his other rights) there.
IN_DOMAIN = {
    "t26-all": ("Read Write All", every("write"), set(RIGHTS.values())),
    "t26-reader": ("Read Only All", every("read"), set()),
    "t26-objects": ({"access-control": {"access-control-objects-and-settings": "write", "show-policy": False}},
                    {"objects": "write", "settings": "write"}, set()),
    "t26-policy": ({"access-control": {
        "access-control-objects-and-settings": "read", "nat-policy": "write", "install-policy": True,
        "policy-layers": {"edit-layers": "By Software Blades", "app-control-and-url-filtering": True, "firewall": True}}},
                   {"objects": "read", "settings": "read", "access-policy": "write", "nat-policy": "write"},
                   {"install-policy"}),
    "t26-operator": ({"access-control": {"access-control-objects-and-settings": "disabled", "show-policy": False},
                      "management": {"high-availability-operations": True, "manage-sessions": True}},
                     {"objects": "read"}, {"high-availability-operations", "manage-sessions"}),
}
IN_SYSTEM = {
    "t26-admins": ({"manage-admins": True}, {**every("read"), "administrators": "write"}, {"manage-admins"}),
    "t26-servers": ({"mds-provisioning": True}, {**every("read"), "servers": "write"}, {"mds-provisioning"}),
    "t26-assigns": ({"manage-global-assignments": True}, {**every("read"), "assignments": "write"},
                    {"manage-global-assignments"}),
}


def nouns():
    """{noun of a command: area}."""
    out = {}
    for area, words in AREAS.items():
        for noun in words.split():
            first, _, rest = noun.partition("-")
            plural = PLURALS.get(noun, f"services-{rest}" if first == "service" and noun != "service-group"
                                 else noun + "s")
            out.update({noun: area, plural: area})
    return out


NOUNS = nouns()


def may(command, areas, rights, domain):
    """Whether somebody with these areas and rights may; None: the command stands nowhere."""
    if command in ANYBODY or (domain is None and command in NOT_IN_SYSTEM_DATA):
        return True
    writes = "write" in areas.values()
    if command in WRITERS:
        return writes
    if command in TAGS:
        return writes if domain is None else areas.get("objects") == "write"
    verb, _, noun = command.partition("-")
    known, allowed = False, True
    if command in RIGHTS:
        known, allowed = True, RIGHTS[command] in rights and (writes or command in ANYWHERE)
    area, changes = ABOUT.get(command, (NOUNS.get(noun), verb != "show"))
    if area and command not in ANYWHERE:
        right = areas.get(area, "disabled")
        known, allowed = True, allowed and (right == "write" or (not changes and right == "read"))
    return allowed if known else None


def asked(api):
    """{command: whether it was denied} of all commands of a session."""
    out = {}
    for command in [c["name"] for c in api.call("show-commands")["commands"]]:
        if command in APART:
            continue
        _, reply = api.raw(command, b'{"no-such-parameter": 1}')
        out[command] = (reply or {}).get("code") == "generic_err_no_permissions"
    return out


@pytest.fixture(name="people", scope="module")
def administrators_of_every_profile(ex1):
    """One administrator for each profile."""
    root = ex1.api("london")
    usual = {"password": PASSWORD_26, "must-change-password": False}
    for name, (made_of, _, _) in IN_DOMAIN.items():
        profile = made_of
        if isinstance(made_of, dict):
            root.send("add-domain-permissions-profile", {"name": name, **made_of})
            profile = name
        root.send("add-administrator", {"name": name, "multi-domain-profile": "Domain Level Only", **usual,
                                        "permissions-profile-list": [{"domain": "London", "profile": profile}]})
    for name, (made_of, _, _) in IN_SYSTEM.items():
        root.send("add-md-permissions-profile", {"name": name, "permission-level": "manager", **made_of})
        root.send("add-administrator", {"name": name, "multi-domain-profile": name, **usual})
    root.publish()
    root.close()
    yield ex1
    root = ex1.api("london")
    for name in [*IN_DOMAIN, *IN_SYSTEM]:
        root.call("delete-administrator", name=name)
    root.publish()
    root.close()


@pytest.mark.parametrize("name", [*IN_DOMAIN, *IN_SYSTEM, "admin"])
def test_T_26_every_command_for_every_profile_where_it_has_a_session(people, name):
    where = [None, "Global", "London"] if name == "admin" else ["London"] if name in IN_DOMAIN else [None]
    _, areas, rights = {**IN_DOMAIN, **IN_SYSTEM}.get(name, (None, every("write"), set(RIGHTS.values())))
    cells = 0
    for domain in where:
        api = people.api("london", domain, user=name, password=PASSWORD if name == "admin" else PASSWORD_26)
        wrong = []
        for command, denied in asked(api).items():
            expected = may(command, areas, rights, domain)
            cells += 1
            if expected is None or expected == denied:
                wrong.append((domain, command, "denied" if denied else "allowed", "expected:", expected))
        api.raw("discard")
        api.close()
        assert wrong == []
    assert cells >= 100, cells


@pytest.mark.parametrize("name", [*IN_DOMAIN, *IN_SYSTEM])
def test_T_26_nobody_has_a_session_where_he_has_no_profile(people, name):
    api = Api(ADDRESSES["london"], namespace=people.rig.network.switch)
    foreign = [None, "Global", "Tokyo"] if name in IN_DOMAIN else ["Global", "London", "Tokyo"]
    for domain in foreign:
        body = {"user": name, "password": PASSWORD_26, **({"domain": domain} if domain else {})}
        status, reply = api.raw("login", json.dumps(body).encode())
        assert status in (400, 403) and "sid" not in reply, (name, domain, reply)
    api.close()


def test_administrators_are_made_changed_and_deleted_by_mdsctl(ex1):
    london, password = ex1["london"], "Correct-Horse-9-Battery"
    london.write_file("/root/password", password + "\n", 0o600)
    names = [p["name"] for p in ex1.ctl_json("london", "administrator profile list")]
    assert {"Multi-Domain Super User", "Read Only All", "Read Write All"} <= set(names)
    shown = ex1.ctl("london", "administrator profile show 'Read Only All'").stdout
    assert "read only all" in shown, shown
    done = ex1.ctl("london", "administrator create clara --password-file /root/password --permissions "
                             "'London=Read Only All' --email clara@acme.example --expires 2031-12-31")
    assert "administrator clara is created" in done.stdout, done
    again = ex1.ctl("london", "administrator create clara --password-file /root/password", check=False)
    assert again.returncode == 6 and "clara" in again.stderr, again
    try:
        shown = ex1.ctl("london", "administrator show clara").stdout
        for text in ("London: Read Only All", "clara@acme.example", "2031-12-31"):
            assert text in shown, shown
        api = ex1.api("tokyo", "London", user="clara", password=password)
        api.call("show-hosts")
        with pytest.raises(ApiError):
            api.call("add-host", name="of-clara", ip_address="192.0.2.171")
        api.close()
        ex1.ctl("london", "administrator edit clara --permissions 'London=Read Write All' --comments 'on duty'")
        api = ex1.api("london", "London", user="clara", password=password)
        api.call("add-host", name="of-clara", ip_address="192.0.2.171", ignore_warnings=True)
        api.call("discard")
        api.close()
        done = ex1.ctl("london", "administrator edit clara --permissions London", check=False)
        assert done.returncode == 2 and "DOMAIN=PROFILE" in done.stderr, done
        done = ex1.ctl("london", "administrator edit clara", check=False)
        assert done.returncode == 2 and "say what is to change" in done.stderr, done
        done = ex1.ctl("london", "administrator delete clara </dev/null", check=False)
        assert done.returncode == 9 and "mdsctl administrator delete clara --yes" in done.stderr, done
    finally:
        ex1.ctl("london", "-y administrator delete clara")
    assert ex1.ctl("london", "administrator show clara", check=False).returncode == 5
    with pytest.raises(ApiError):
        ex1.api("london", user="clara", password=password)


def test_a_profile_is_made_changed_and_deleted_by_mdsctl(ex1):
    london, password = ex1["london"], "Correct-Horse-9-Battery"
    london.write_file("/root/password", password + "\n", 0o600)
    done = ex1.ctl("london", "administrator profile create Writers --set access-control.show-policy=true "
                             "--set access-control.access-control-objects-and-settings=read")
    assert "profile Writers is created" in done.stdout, done
    assert ex1.ctl("london", "administrator profile create Writers", check=False).returncode == 6
    ex1.ctl("london", "administrator create clara --password-file /root/password --permissions London=Writers")

    def adds():
        api = ex1.api("london", "London", user="clara", password=password)
        status, body = api.raw("add-host", json.dumps({"name": "of-clara", "ip-address": "192.0.2.171"}).encode())
        api.raw("discard")
        api.close()
        return status, body
    try:
        assert adds()[0] == 403
        done = ex1.ctl("london", "administrator profile edit Writers --comments 'on duty' "
                                 "--set access-control.access-control-objects-and-settings=write")
        assert "profile Writers is changed" in done.stdout, done
        assert adds()[0] == 200, adds()
        # The rest of the map is as it was.
        shown = ex1.ctl_json("london", "administrator profile show Writers")
        assert shown["access-control"]["show-policy"] is True and shown["comments"] == "on duty", shown
        for words, code, text in (("edit Writers", 2, "say what is to change"),
                                  ("edit Writers --set access-control", 2, "is not FIELD=VALUE"),
                                  ("edit Writers --set access-control.no-such=true", 2, "no-such"),
                                  ("edit Nobody --set permission-type=customized", 5, "no profile Nobody"),
                                  ("edit 'Read Only All' --comments x", 4, "read-only"),
                                  ("delete Writers </dev/null", 9, "delete Writers --yes"),
                                  ("delete Writers -y", 1, "clara")):
            done = ex1.ctl("london", f"administrator profile {words}", check=False)
            assert done.returncode == code and text in done.stderr, (words, done)
    finally:
        ex1.ctl("london", "-y administrator delete clara")
        ex1.ctl("london", "-y administrator profile delete Writers")
    assert ex1.ctl("london", "administrator profile show Writers", check=False).returncode == 5


def test_a_program_gets_a_key_by_mdsctl_and_loses_it(ex1):
    london = ex1["london"]
    done = ex1.ctl("london", "administrator create robot --api-key --profile 'Domain Super User'")
    assert "Next:  mdsctl administrator keys robot --new" in done.stdout, done
    try:
        key = ex1.ctl("london", "administrator keys robot --new").stdout.strip()
        visitor = ex1.visitor("london")
        visitor.sid = visitor.send("login", {"api-key": key, "domain": "London"})["sid"]
        visitor.call("show-hosts")
        visitor.call("logout")
        london.write_file("/root/key-of-robot", key + "\n", 0o600)
        ex1.ctl("london", "administrator keys robot --revoke /root/key-of-robot")
        with pytest.raises(ApiError):
            visitor.send("login", {"api-key": key, "domain": "London"})
        done = ex1.ctl("london", "administrator keys robot", check=False)
        assert done.returncode == 2 and "keys robot --new" in done.stderr, done
    finally:
        ex1.ctl("london", "-y administrator delete robot")
