"""What becomes of certificates of gateways that an administrator revokes."""

import re
import subprocess
import uuid

import dbus

HEX = re.compile(r"serial=([0-9A-F]+)")


def openssl(*words, text=None):
    return subprocess.run(["openssl", *words], input=text, check=True, capture_output=True, text=True).stdout


def issue(host, domain, name):
    """The serial of a new gateway's certificate."""
    who = str(uuid.uuid4())
    csr = openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null",
                  "-subj", f"/CN={name}/serialNumber={who}")
    return HEX.search(openssl("x509", "-noout", "-serial", text=str(host.ca.IssueGateway(domain, csr, name, who)[0]))).group(1)


def of_domains(host):
    """What servers are told of Domains: [(issuer, number, text of the list)]."""
    blocks = re.findall(r"-----BEGIN ([A-Z0-9 ]+)-----\n(?s:.+?)-----END \1-----\n", str(host.ca.RevocationLists()))
    pem = re.findall(r"-----BEGIN X509 CRL-----\n(?s:.+?)-----END X509 CRL-----\n", str(host.ca.RevocationLists()))
    # The servers' and the root's come first; each other one stands behind its authority.
    assert blocks == ["X509 CRL", "X509 CRL"] + ["CERTIFICATE", "X509 CRL"] * (len(pem) - 2), blocks
    return [openssl("crl", "-noout", "-text", text=one) for one in pem[2:]]


def number(text):
    return int(re.search(r"CRL Number:\s+(\w+)", text).group(1), 0)


def test_servers_are_told_of_what_was_revoked_by_hand_and_of_nothing_else(hosts):
    one, two = hosts
    london, tokyo = str(uuid.uuid4()), str(uuid.uuid4())
    for domain, name in ((london, "London"), (tokyo, "Tokyo")):
        one.ca.CreateDomainAuthority(domain, name)
    gone, stolen, other = issue(one, london, "gone"), issue(one, london, "stolen"), issue(one, tokyo, "other")
    one.ca.SettleGateways(london, dbus.Array([stolen.lower()], signature="s"), dbus.Array([gone.lower()], signature="s"))
    assert not of_domains(one), "who is gone is known by the data of the Domain"
    one.ca.Revoke(stolen.lower(), "key-compromise")
    (told,) = of_domains(one)
    assert stolen in told and "Key Compromise" in told and gone not in told and other not in told, told
    # Whoever takes over tells it too, and is ahead: a list that was never signed there as well.
    two.keep(one.export(two))
    one.ca.Revoke(other.lower(), "")
    last = {number(text) for text in of_domains(one)}
    two.ca.Activate()
    (taken,) = of_domains(two)
    assert stolen in taken and number(taken) > max(last), (taken, last)
    two.ca.Revoke(other.lower(), "")
    both = of_domains(two)
    assert len(both) == 2 and all(number(text) > max(last) for text in both), both
