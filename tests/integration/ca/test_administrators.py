"""Certificates of administrators from mds-ca on a private bus: one at a time each, one a key (IC-2)."""
import json
import pathlib
import subprocess
import sys
import uuid

import dbus
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from ca_host import refused, two_hosts  # noqa: E402
from personal import Workstation, openssl  # noqa: E402


@pytest.fixture(name="hosts")
def two_of_them(tmp_path):
    with two_hosts(tmp_path) as hosts:
        yield hosts


def issued(host, who=""):
    """Ca1.AdministratorCertificates."""
    return json.loads(host.ca.AdministratorCertificates(who))


def test_IC_2_one_certificate_of_an_administrator_is_in_effect(hosts, tmp_path):
    one, two = hosts
    who, other = str(uuid.uuid4()), str(uuid.uuid4())
    first, second = Workstation(tmp_path, "first"), Workstation(tmp_path, "second")
    # What the request says of its owner does not matter.
    pem, chain, root = one.ca.IssueAdministrator(first.request("/O=acme/CN=root"), "Carol", who)
    for name, text in (("pem", pem), ("chain", chain), ("root", root)):
        (tmp_path / name).write_text(text)
    openssl("verify", "-CAfile", tmp_path / "root", "-untrusted", tmp_path / "chain", "-purpose", "sslclient",
            tmp_path / "pem")
    text = openssl("x509", "-noout", "-text", "-in", tmp_path / "pem")
    assert "TLS Web Client Authentication" in text and "TLS Web Server" not in text
    assert f"/administrator/{who}" in text and "CN = Carol" in text and "CA:FALSE" in text
    one.ca.IssueAdministrator(Workstation(tmp_path, "others").request(), "Dave", other)
    one.ca.IssueAdministrator(second.request(), "Carol", who)
    assert [row["revoked"] for row in issued(one, who)] == [True, False]
    assert [row["revoked"] for row in issued(one, other)] == [False]
    assert issued(one, who)[0]["certificate"] == pem and "certificate" not in issued(one)[0]
    lists = str(one.ca.RevocationLists())
    serial = issued(one, who)[0]["serial"].upper()
    said = subprocess.run(["openssl", "crl", "-noout", "-text"], input=lists, check=True, capture_output=True,
                          text=True).stdout
    assert serial in said and "Superseded" in said
    # A key that was given up does not come back, whoever asks.
    for station in (first, second):
        refused(lambda s=station: one.ca.IssueAdministrator(s.request(), "Carol", who), "new key")
        refused(lambda s=station: one.ca.IssueAdministrator(s.request(), "Eve", str(uuid.uuid4())), "new key")
    one.ca.RevokeAdministrator(who, "key-compromise")
    assert all(row["revoked"] for row in issued(one, who)) and not issued(one, other)[0]["revoked"]
    # Replicas know, and sign nothing.
    two.keep(one.export(two))
    assert issued(two) == issued(one) and issued(two, who) == issued(one, who)
    refused(lambda: two.ca.IssueAdministrator(Workstation(tmp_path, "late").request(), "Carol", who), "replica")
    refused(lambda: two.ca.RevokeAdministrator(other, ""), "replica")


def test_what_is_no_request_of_an_administrator_is_refused_and_changes_nothing(hosts, tmp_path):
    one, _ = hosts
    who = str(uuid.uuid4())
    station = Workstation(tmp_path, "one")
    one.ca.IssueAdministrator(station.request(), "Carol", who)
    number = one.authority["number"]
    rsa = openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x")
    damaged = Workstation(tmp_path, "two").request().splitlines()
    damaged[2] = damaged[2][::-1]
    for csr, word in ((rsa, "P-256"), ("nonsense", "certificate request"), ("\n".join(damaged), "")):
        refused(lambda c=csr: one.ca.IssueAdministrator(c, "Carol", who), word)
    refused(lambda: one.ca.IssueAdministrator(Workstation(tmp_path, "two").request(), "Carol", "x"), "uid")
    refused(lambda: one.ca.RevokeAdministrator(who, "mood"), "reason")
    assert one.authority["number"] == number and [r["revoked"] for r in issued(one)] == [False]


def test_K_19_a_restored_authority_learns_of_the_certificates_that_another_copy_knows(hosts, tmp_path):
    one, two = hosts
    who = str(uuid.uuid4())
    station = Workstation(tmp_path, "one")
    two.keep(one.export(two))
    two.ca.Activate()
    two.look()
    two.ca.IssueAdministrator(station.request(), "Carol", who)
    two.ca.Retire()
    one.ca.Merge(dbus.Array(two.export(one), signature="y"))
    assert issued(one) == issued(two)
    refused(lambda: one.ca.IssueAdministrator(station.request(), "Carol", who), "new key")
