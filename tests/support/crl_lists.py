"""Revocation lists in tests: what openssl reads in them, and mds-crl on loopback."""
import http.client
import os
import pathlib
import re
import socket
import subprocess

from clock import LIBRARY
from private_bus import build_folder, wait_until

WEEK_S = 7 * 86400


def openssl(*arguments, data=None, check=True):
    """What an openssl command prints, on both outputs."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode()
    assert not check or done.returncode == 0, text
    return text


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ProgramClock:
    """The wall clock of a program on loopback; set() works while it runs."""

    def __init__(self, folder):
        self.file = folder / "clock"
        timers = pathlib.Path(build_folder()) / "tests/support/mds-timers.so"
        self.env = {"LD_PRELOAD": f"{timers}:{LIBRARY}", "FAKETIME_TIMESTAMP_FILE": str(self.file),
                    "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "FAKETIME_DISABLE_SHM": "1", "NO_FAKE_STAT": "1"}
        self.set(0)

    def set(self, seconds):
        self.file.write_text(f"{seconds:+d}\n")


class Door:
    """mds-crl of one server, with the lists in `folder`."""

    def __init__(self, bus, folder, env=None):
        self.folder, self.port = pathlib.Path(folder), free_port()
        self.folder.mkdir(exist_ok=True)
        self.daemon = bus.start("mds-crl", "--state", str(folder),
                                env={"MDS_CRL_LISTEN": f"127.0.0.1:{self.port}", **(env or {})})
        wait_until(self._listens, what="mds-crl")

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def keep(self, lists):
        """Puts lists (name, PEM) where mds-core puts them."""
        for name, pem in lists.items():
            path = self.folder / f"{name}.crl"
            path.parent.mkdir(exist_ok=True)
            incoming = path.with_suffix(".part")
            incoming.write_bytes(der_of(pem))
            os.rename(incoming, path)

    def ask(self, path, method="GET", headers=None):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def raw(self, data):
        """What comes back for these bytes until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        return answer


def der_of(pem):
    return subprocess.run(["openssl", "crl", "-outform", "DER"], input=pem.encode(), capture_output=True,
                          check=True).stdout


def text_of(der):
    return openssl("crl", "-inform", "DER", "-noout", "-text", data=der)


def number_of(der):
    return int(re.search(r"0x([0-9A-Fa-f]+)",
                         openssl("crl", "-inform", "DER", "-noout", "-crlnumber", data=der))[1], 16)


def urls_of(certificate):
    """The addresses of the list in a certificate's distribution point."""
    text = openssl("x509", "-noout", "-ext", "crlDistributionPoints", data=certificate.encode())
    return re.findall(r"URI:(\S+)", text)
