"""Administrators who log in with one-time codes beside the password (S-3), on booted hosts."""

import re
import statistics
import subprocess
import time

import pytest

from api import Api, ApiError
from deployment import ADDRESSES, PASSWORD
from rig import wait_until


def code_of(secret, steps=0):
    """What the app of the administrator shows, some steps of 30 s from now."""
    return subprocess.run(["oathtool", "--totp", "--base32", f"--now=@{int(time.time()) + 30 * steps}", secret],
                          check=True, capture_output=True, text=True).stdout.strip()


def login(ex1, city, user, password=PASSWORD, **more):
    """Status of a login; the session ends again."""
    api = Api(ADDRESSES[city], namespace=ex1.rig.network.switch)
    try:
        api.login(user, password, **{key.replace("_", "-"): value for key, value in more.items()})
    except ApiError as error:
        # Whatever was wrong, a stranger learns the same.
        assert "Authentication to server failed" in error.message, error.message
        return error.status
    finally:
        api.close()
    return 200


def with_codes(ex1, name):
    """A new administrator with one-time codes: (secret, recovery codes)."""
    api = ex1.api("london")
    api.call("add-administrator", name=name, password=PASSWORD, must_change_password=False,
             multi_domain_profile="Multi-Domain Super User")
    api.publish()
    api.close()
    said = ex1["london"].out(f"mdsctl -y administrator totp {name} --new")
    assert max(len(line) for line in said.splitlines()) <= 110, said  # only the address for apps is longer
    secret = re.search(r"^Secret +([A-Z2-7]{32})$", said, re.M).group(1)
    assert f"secret={secret}" in said.replace("\n", "").replace(" ", "")
    recovery = re.findall(r"^  ([A-Z2-7]{5}-[A-Z2-7]{5})$", said, re.M)
    assert len(recovery) == 10
    shows = f"{name} logs in with one-time codes; 10 of 10 recovery codes are left"
    for city in ("london", "tokyo"):
        wait_until(lambda c=city: shows in ex1.ctl(c, f"administrator totp {name}", check=False).stdout, 10,
                   f"the codes of {name} on {city}")
    return secret, recovery


def test_T_21_a_one_time_code_is_asked_for_and_good_once_on_all_servers(ex1):
    secret, _ = with_codes(ex1, "otto")
    assert login(ex1, "london", "otto") == 400
    assert login(ex1, "london", "otto", one_time_code="000000") == 400
    now = code_of(secret)
    assert login(ex1, "london", "otto", "not-the-password", one_time_code=now) == 400
    assert login(ex1, "london", "otto", one_time_code=now) == 200, "a wrong password uses no code up"
    # Once, on this server and on the others.
    assert login(ex1, "london", "otto", one_time_code=now) == 400
    assert login(ex1, "tokyo", "otto", one_time_code=now) == 400
    # Clients that have no field for it give it behind the password; a clock may be a step ahead.
    following = code_of(secret, 1)
    assert login(ex1, "tokyo", "otto", PASSWORD + following) == 200
    assert login(ex1, "london", "otto", PASSWORD + following) == 400
    # Also after a restart, and after the plug was pulled.
    ex1["london"].sh("systemctl restart mds-core")
    ex1["tokyo"].kill()
    ex1.power_back("tokyo")
    for city in ("london", "tokyo"):
        wait_until(lambda c=city: login(ex1, c, "admin") == 200, 30, f"{city} to answer")
        assert login(ex1, city, "otto", one_time_code=following) == 400, city
    # How it was proved who he is stands in the trail (S-13).
    api = ex1.api("london")
    trail = api.send("show-logs", {"new-query": {"type": "audit", "time-frame": "last-hour",
                                                 "max-logs-per-request": 100, "filter": "otto"}})["logs"]
    api.close()
    assert [one for one in trail if "by password and one-time code" in one["additional_info"]], trail
    ex1.ctl("london", "-y administrator totp otto --off")
    wait_until(lambda: login(ex1, "tokyo", "otto") == 200, 10, "the password alone to be enough")
    assert "password alone" in ex1.ctl("london", "administrator totp otto").stdout
    ex1.wait_well("london")


def test_T_21_a_recovery_code_is_good_once(ex1):
    secret, recovery = with_codes(ex1, "olga")
    assert login(ex1, "tokyo", "olga", one_time_code=recovery[3].lower().replace("-", "")) == 200
    for city in ("tokyo", "london"):
        wait_until(lambda c=city: "9 of 10" in ex1.ctl(c, "administrator totp olga").stdout, 10,
                   f"{city} to know it")
        assert login(ex1, city, "olga", one_time_code=recovery[3]) == 400, city
    assert login(ex1, "london", "olga", one_time_code=recovery[4]) == 200
    assert login(ex1, "london", "olga", one_time_code=code_of(secret)) == 200
    # New ones end those of before; nobody who has no password gets any.
    ex1.ctl("london", "-y administrator totp olga --new")
    assert login(ex1, "london", "olga", one_time_code=code_of(secret, 1)) == 400
    assert login(ex1, "london", "olga", one_time_code=recovery[5]) == 400
    api = ex1.api("london")
    api.call("add-administrator", name="robot-codes", authentication_method="api key",
             multi_domain_profile="Multi-Domain Super User")
    with pytest.raises(ApiError, match="does not log in with a password"):
        api.call("add-administrator-totp", admin_name="robot-codes")
    api.call("discard")
    # What the codes are made of is shown to nobody again.
    shown = str(api.call("show-administrator", name="olga", details_level="full"))
    assert "totp" not in shown and "secret" not in shown and "credentials" not in shown, shown
    api.close()


def test_T_21_an_unknown_user_takes_as_long_as_a_wrong_password(ex1):
    took = {"admin": [], "nobody-at-all": [], "olga": []}
    for _ in range(15):
        for user, times in took.items():
            begin = time.monotonic()
            assert login(ex1, "london", user, "wrong-password-1") == 400
            times.append(time.monotonic() - begin)
    middle = {user: statistics.median(times) for user, times in took.items()}
    assert max(middle.values()) < 1.5 * min(middle.values()), middle
