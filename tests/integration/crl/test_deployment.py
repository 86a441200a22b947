"""The lists on their way: a Primary, a Secondary and a log server with all their services (LS-8, LS-9; T-14,
K-15 to K-18)."""
import pathlib
import re
import subprocess
import time
import uuid

import dbus
import pytest

from crl_lists import number_of, openssl, text_of, urls_of
from namespaces import Namespaces
from private_bus import wait_until

LIST = "/servers/0-1.crl"
GLOBAL = "1e294ce0-367a-11e3-aa6e-0800200c9a66"


@pytest.fixture(name="three", scope="module")
def three_servers():
    """london (Primary), tokyo (Secondary), logs (log server)."""
    deployment = Namespaces("london", "tokyo", "logs")
    yield deployment
    deployment.close()


def files(server):
    folder = pathlib.Path(server.root) / "crl"
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.crl")}


def same_everywhere(deployment):
    london, *others = map(files, deployment)
    return london if london and all(other == london for other in others) else None


def issue(server, name):
    """The identity certificate of a server that is none, and its serial."""
    who = str(uuid.uuid4())
    requests = [subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
         "/dev/null", "-subj", f"/CN={name}/serialNumber={who}"], check=True, capture_output=True,
        text=True).stdout for _ in range(2)]
    identity = str(server.proxy("Ca1").IssueServer(*requests, name, who, "secondary")[0])
    return identity, openssl("x509", "-noout", "-serial", data=identity.encode()).strip().split("=")[1]


def lists_it(server, serial):
    status, body = server.fetch(LIST)
    return status == 200 and serial in text_of(body)


def test_K_17_every_server_has_the_lists_of_every_authority(three):
    lists = wait_until(lambda: same_everywhere(three), 20, "the lists on every server", step=0.1)
    assert set(lists) == {"root/0-1.crl", "servers/0-1.crl", f"{GLOBAL}/0-1.crl"}
    for server in three:
        for name, content in lists.items():
            assert server.fetch(f"/{name}") == (200, content)
        assert server.fetch("/../trust/identity.key")[0] == 404


def test_K_18_a_certificate_names_every_server_of_its_moment(three):
    def named():
        return urls_of(issue(three["london"], "nowhere")[0])
    everybody = [f"http://{three[name].address}:18264{LIST}" for name in ("london", "tokyo", "logs")]
    wait_until(lambda: named() == everybody, 10, "the authority to know every server", step=0.2)
    # The Primary's own was made when it was alone.
    first = (three["london"].root / "trust" / "identity.pem").read_text()
    assert urls_of(first) == [f"http://{three['london'].address}:18264{LIST}"]


def test_LS_9_T_14_what_is_revoked_is_listed_everywhere_within_seconds(three):
    _, serial = issue(three["london"], "nowhere")
    before = number_of(three["tokyo"].fetch(LIST)[1])
    three["london"].proxy("Ca1").Revoke(serial.lower(), "key-compromise")
    wait_until(lambda: all(lists_it(server, serial) for server in three), 5, "the serial in every list")
    assert number_of(three["tokyo"].fetch(LIST)[1]) > before
    assert len({server.fetch(LIST) for server in three}) == 1


def test_a_server_that_was_away_gets_what_it_lacks(three):
    three["tokyo"].daemons["sync"].stop()
    _, serial = issue(three["london"], "nowhere")
    three["london"].proxy("Ca1").Revoke(serial.lower(), "superseded")
    wait_until(lambda: lists_it(three["logs"], serial), 5, "the serial in the list of the log server")
    assert not lists_it(three["tokyo"], serial)
    three["tokyo"].daemons["sync"].start()
    wait_until(lambda: lists_it(three["tokyo"], serial), 20, "the serial in the list of Tokyo")
    # Also after it had lost them all.
    three["tokyo"].daemons["core"].stop()
    for path in sorted((three["tokyo"].root / "crl").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert three["tokyo"].fetch(LIST)[0] == 404
    three["tokyo"].daemons["core"].start()
    wait_until(lambda: same_everywhere(three), 20, "every list on Tokyo")


def test_nobody_but_the_primary_gives_lists(three):
    with pytest.raises(dbus.DBusException, match="replica"):
        three["tokyo"].proxy("Ca1").ListsAfter(dbus.UInt64(0))


# Last: the Primary is lost.

def test_LS_8_a_standby_and_a_log_server_serve_what_the_lost_active_served(three):
    wait_until(lambda: same_everywhere(three), 20, "the lists on every server")
    path = f"/{GLOBAL}/0-1.crl"
    of_the_active = three["london"].fetch(path)
    assert of_the_active[0] == 200
    three["london"].power_off()
    for name in ("tokyo", "logs"):
        assert three[name].fetch(path) == of_the_active
    ends = re.search(r"nextUpdate=(.+)", openssl("crl", "-inform", "DER", "-noout", "-nextupdate",
                                                 data=of_the_active[1]))[1]
    left = int(subprocess.run(["date", "-d", ends, "+%s"], check=True, capture_output=True,
                              text=True).stdout) - time.time()
    assert 6 * 86400 < left < 7 * 86400


def test_K_16_a_promoted_server_signs_lists_that_are_ahead(three):
    before = three["logs"].fetch(LIST)[1]
    # Tokyo must have missed it for a while.
    wait_until(lambda: three["tokyo"].ask("promote-mds", confirmed=True)[0] == 200, 60, "the promotion",
               step=0.5)
    wait_until(lambda: number_of(three["logs"].fetch(LIST)[1]) > 2**32, 60, "the new Primary's lists")
    now = three["logs"].fetch(LIST)[1]
    assert number_of(before) < 2**32
    # Nothing is forgotten.
    assert set(re.findall("Serial Number: ([0-9A-F]+)", text_of(before))) <= set(
        re.findall("Serial Number: ([0-9A-F]+)", text_of(now)))
    _, serial = issue(three["tokyo"], "later")
    three["tokyo"].proxy("Ca1").Revoke(serial.lower(), "key-compromise")
    wait_until(lambda: serial in text_of(three["logs"].fetch("/servers/1-1.crl")[1]), 5, "the new part")
