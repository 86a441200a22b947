"""HTTPS byte for byte, for tests of the door."""

import json
import socket
import ssl

from api import network_namespace
from deployment import ADDRESSES


class Raw:
    """One TLS connection that sends exactly the bytes it is told to."""

    def __init__(self, deployment, name="london", timeout=30):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with network_namespace(deployment.rig.network.switch):
            plain = socket.create_connection((ADDRESSES[name], 443), timeout)
        self.socket = context.wrap_socket(plain, server_hostname=name)

    def send(self, data):
        self.socket.sendall(data)

    def post(self, path, body=b"{}", headers=""):
        """Sends a whole request."""
        self.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
                  .encode() + body)

    def answer(self):
        """(status line, headers, JSON body) of one answer."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(65536)
            assert piece, f"closed after {data!r}"
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        while len(body) < int(headers["content-length"]):
            body += self.socket.recv(65536)
        return lines[0], headers, json.loads(body)

    def closed(self, seconds):
        """Whether the other end closes within `seconds`; nothing may be sent by it before."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()
