"""A stand-in for the management API over HTTPS, for tests of what our command lines send: it notes every request and answers
from a table. And a proxy, which notes where it was asked to go."""
import http.server
import json
import socket
import ssl
import subprocess
import threading


class Api:
    """https://127.0.0.2:PORT/web_api/...; `replies`: {command: (status, reply)}, or what returns it. Behind the answer to a command in
    `closes` the connection ends, of one in `cuts` the half is missing."""

    def __init__(self, folder):
        self.folder, self.requests, self.replies, self.closes, self.cuts = folder, [], {}, set(), set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.fingerprint = self.show_certificate("certificate")
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                """A command."""
                text = self.rfile.read(int(self.headers["Content-Length"]))
                status, reply = api.answer(self.path, dict(self.headers), json.loads(text))
                body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                self.send_response(status, "OK" if status == 200 else "Error")
                command = self.path.rsplit("/", 1)[1]
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:len(body) // 2] if command in api.cuts else body)
                self.close_connection = command in api.cuts | api.closes

            def log_message(self, format, *args):  # noqa: A002
                """Nothing."""

        # Not 127.0.0.1: that one needs no fingerprint.
        self.server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Handler)
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def show_certificate(self, name):
        """A new certificate, which connections from now on get; its fingerprint."""
        key, certificate = self.folder / f"{name}-key.pem", self.folder / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=test", "-days", "2", "-keyout", str(key), "-out", str(certificate)],
                       check=True, capture_output=True)
        told = subprocess.run(["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha1"], check=True,
                              capture_output=True, text=True).stdout
        self.context.load_cert_chain(certificate, key)
        return told.strip().split("=")[1].replace(":", "")

    def answer(self, path, headers, body):
        """(status, reply); login and tasks have one of their own."""
        command = path.rsplit("/", 1)[1]
        self.requests.append((path, headers, body))
        if command in self.replies:
            reply = self.replies[command]
            if callable(reply):
                reply = reply()
            return reply.pop(0) if isinstance(reply, list) else reply
        if command in ("login", "login-to-domain"):
            return 200, {"sid": f"sid-{body.get('domain', 'system')}", "url": f"https://127.0.0.2:{self.port}/web_api",
                         "api-server-version": "1.9.1", "session-timeout": 600, "uid": "u"}
        if command == "show-task":
            return 200, {"tasks": [{"task-id": body["task-id"], "status": "succeeded", "task-name": "x"}]}
        return 200, {"message": "OK"}

    def commands(self):
        """The commands so far, in order."""
        return [path.rsplit("/", 1)[1] for path, _, _ in self.requests]

    def body(self, command):
        """Of the last such request."""
        return [body for path, _, body in self.requests if path.rsplit("/", 1)[1] == command][-1]

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


class Proxy:
    """An HTTP proxy that lets everything pass, or nothing."""

    def __init__(self, status=200):
        self.status, self.asked = status, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        """Until it is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def one(self, client):
        """A connection."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        where = head.split()[1].decode()
        self.asked.append(head.split(b"\r\n")[0].decode())
        if self.status != 200:
            client.sendall(f"HTTP/1.1 {self.status} No\r\n\r\n".encode())
            client.close()
            return
        host, port = where.rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self.pump, args=(client, server), daemon=True).start()
        self.pump(server, client)

    @staticmethod
    def pump(source, sink):
        """All bytes of one direction."""
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        """Ends it."""
        self.listener.close()
