"""What mds-sync does with connections that our own program would never make."""
import json
import os
import random
import socket
import ssl
import struct
import uuid

import pytest

from conftest import wait_connected, wait_until

HEADER = struct.Struct("<IBBBBQ")
HELLO, WELCOME, REFUSED, PING, PONG = 1, 2, 3, 4, 5


def frame(kind, payload=b"", flags=0, codec=0, request=0):
    """The bytes of one frame."""
    return HEADER.pack(len(payload), kind, flags, codec, 0, request) + payload


HELLO_FRAME = frame(HELLO, json.dumps({"protocol": 1, "instance": "test"}).encode())


class Rogue:
    """A TLS client with any certificate."""

    def __init__(self, site, host, uid, protocol="mds-sync/1", version=ssl.TLSVersion.TLSv1_3,
                 certificate=True, with_issuer=None, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = version
        context.set_alpn_protocols([protocol])
        if certificate:
            trust = site.folder / f"rogue-{uuid.uuid4()}"
            site.ca().issue(trust, "tokyo", uid, **options)
            chain = (trust / "identity.pem").read_text()
            chain += site.ca().pem(with_issuer or options.get("issuer", "chain"))
            (trust / "identity.pem").write_text(chain)
            context.load_cert_chain(trust / "identity.pem", trust / "identity.key")
        plain = socket.create_connection((host.address, host.port), timeout=5)
        self.socket = context.wrap_socket(plain)

    def send(self, data):
        """Sends bytes; False when the connection is closed."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def read(self):
        """The next frame as (type, payload), None at the end of the connection."""
        data = self._exactly(HEADER.size)
        if data is None:
            return None
        length, kind, _, _, _, request = HEADER.unpack(data)
        return kind, self._exactly(length), request

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                return None
            data += more
        return data


def greeting(site, host, uid, **options):
    """The type of the answer to a hello, or None when there was none."""
    try:
        rogue = Rogue(site, host, uid, **options)
        rogue.send(HELLO_FRAME)
        answer = rogue.read()
    except (ssl.SSLError, ConnectionError):
        return None, ""
    return (answer[0], answer[1].decode()) if answer else (None, "")


@pytest.fixture
def pair(site):
    """london runs; tokyo is a member that the test plays."""
    london = site.host("london", "127.0.0.2")
    tokyo = site.host("tokyo", "127.0.0.3")
    tokyo.daemon.kill()
    london.set_members(tokyo)
    return london, tokyo


def test_a_member_is_welcome(site, pair):
    london, tokyo = pair
    assert greeting(site, london, tokyo.uid)[0] == WELCOME


@pytest.mark.parametrize("options,word", [
    ({"issuer": "ica"}, "issuer"),
    ({"issuer": "root"}, "authority"),
    ({"usage": "clientAuth"}, "both ends"),
    ({"names": "DNS:tokyo"}, "exactly one URI"),
    ({"names": "URI:mds://a.servers.7f3a.mds.internal/server/x,URI:mds://b"}, "exactly one URI"),
    ({"names": "URI:mds://*.servers.7f3a.mds.internal/server/" + str(uuid.UUID(int=5))}, "wildcard"),
    ({"deployment": "beef"}, "authority"),
    # IC-2: what an administrator logs in with is none between servers, whatever its usages.
    ({"kind": "administrator", "usage": "clientAuth"}, "both ends"),
    ({"kind": "administrator"}, "expected a server"),
])
def test_a_wrong_certificate_is_refused_with_the_reason(site, pair, options, word):
    london, tokyo = pair
    kind, text = greeting(site, london, tokyo.uid, **options)
    assert kind == REFUSED and word in text
    assert json.loads(text)["trust"] is True


@pytest.mark.parametrize("options", [
    {"days": -1}, {"certificate": False}, {"version": ssl.TLSVersion.TLSv1_2},
    {"protocol": "http/1.1"}, {"usage": "serverAuth"},
])
def test_tls_itself_refuses(site, pair, options):
    london, tokyo = pair
    assert greeting(site, london, tokyo.uid, **options)[0] is None


def test_the_later_connection_of_a_peer_replaces_the_first(site, pair):
    london, tokyo = pair
    first, second = Rogue(site, london, tokyo.uid), Rogue(site, london, tokyo.uid)
    for one in (first, second):
        one.send(HELLO_FRAME)
        assert one.read()[0] == WELCOME
    assert first.read() is None
    second.send(frame(PING, request=77))
    assert second.read() == (PONG, b"", 77)


def test_who_says_nothing_is_disconnected(site, pair):
    london, tokyo = pair
    rogue = Rogue(site, london, tokyo.uid)
    rogue.socket.settimeout(8)
    assert rogue.read() is None


def test_a_flood_of_silent_connections_does_not_keep_a_member_out(site, pair):
    london, tokyo = pair
    silent = [socket.create_connection((london.address, london.port)) for _ in range(200)]
    tokyo.restart()
    tokyo.set_members(london)
    wait_connected(london, tokyo)
    assert silent


def test_nonsense_ends_the_connection_and_nothing_else(site, pair):
    london, tokyo = pair
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    nonsense = [
        os.urandom(200), frame(9), frame(WELCOME, b"{}"), frame(HELLO, b"[["),
        frame(HELLO, b"x" * 5000), b"\xff" * 16,
        HELLO_FRAME + HELLO_FRAME, HELLO_FRAME + frame(6, b"abc", flags=1),
        HELLO_FRAME + frame(6, b"abc", flags=0), HELLO_FRAME + b"\xff\xff\xff\xff" * 8,
        HELLO_FRAME + frame(6, struct.pack("<I", 1 << 30) + b"junk", flags=1, codec=1),
        HELLO_FRAME + frame(6, struct.pack("<IHH", 1 << 31, 1, 1) + b"x", flags=1),
    ]
    nonsense += [HELLO_FRAME + frame(dice.randrange(8), dice.randbytes(dice.randrange(40)),
                                     flags=dice.randrange(5), codec=dice.randrange(3),
                                     request=dice.randrange(3)) + os.urandom(64)
                 for _ in range(20)]
    for data in nonsense:
        rogue = Rogue(site, london, tokyo.uid)
        rogue.send(data)
        try:
            while rogue.read():
                pass
        except OSError:
            pass
    assert london.daemon.process.poll() is None
    wait_until(lambda: greeting(site, london, tokyo.uid)[0] == WELCOME, what="a welcome")
