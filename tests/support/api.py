"""A small client of the management API for tests and the demo: plain, strict, no retries."""

import contextlib
import ctypes
import http.client
import json
import os
import socket
import ssl
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def network_namespace(name):
    """This thread's new sockets belong to the named network namespace inside the block."""
    if not name:
        yield
        return
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if LIBC.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {name}")
        try:
            yield
        finally:
            LIBC.setns(back, CLONE_NEWNET)
    finally:
        os.close(back)
        os.close(there)


class ApiError(RuntimeError):
    """An answer other than 200: status, code, message and the whole body."""

    def __init__(self, command, status, body):
        super().__init__(f"{command}: {status} {body.get('code')}: {body.get('message')} "
                         f"{body.get('errors', '')}{body.get('warnings', '')}")
        self.status, self.body = status, body
        self.code, self.message = body.get("code"), body.get("message", "")
        self.refusal = body.get("refusal", {}).get("id")


class Connection(http.client.HTTPSConnection):
    """HTTPS whose socket is opened inside a network namespace."""

    def __init__(self, host, namespace=None, certificate=None, **more):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        super().__init__(host, context=context, **more)
        self.namespace = namespace

    def connect(self):
        with network_namespace(self.namespace):
            sock = socket.create_connection((self.host, self.port), self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._context.wrap_socket(sock, server_hostname=self.host)


class Api:
    """One session. `api = Api("10.77.0.11", namespace="rig-sw").login("admin", pw, "London")`."""

    def __init__(self, host, namespace=None, port=443, timeout=30, version=None, certificate=None):
        """`certificate`: files of a certificate and its key, shown to a server that asks."""
        self.connection = Connection(host, namespace, certificate, port=port, timeout=timeout)
        self.prefix = "/web_api/" + (f"v{version}/" if version else "")
        self.sid, self.info = None, {}

    def raw(self, command, body=b"{}", headers=None, method="POST"):
        """(status, parsed JSON) of one request with any bytes as body; reconnects once."""
        all_headers = {"Content-Type": "application/json", **(headers or {})}
        if self.sid and "X-chkp-sid" not in all_headers:
            all_headers["X-chkp-sid"] = self.sid
        for attempt in (1, 2):
            try:
                self.connection.request(method, self.prefix + command, body, all_headers)
                response = self.connection.getresponse()
                return response.status, json.loads(response.read() or b"null")
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError,
                    ssl.SSLError):
                self.connection.close()
                if attempt == 2:
                    raise

    def call(self, command, **params):
        """The reply of a command; underscores in parameter names become hyphens. ApiError when
        the status is not 200."""
        body = {key.replace("_", "-"): value for key, value in params.items()}
        return self.send(command, body)

    def send(self, command, body):
        """As call(), with the body as a dictionary."""
        status, reply = self.raw(command, json.dumps(body).encode())
        if status != 200:
            raise ApiError(command, status, reply)
        return reply

    def login(self, user, password, domain=None, **more):
        """Opens the session."""
        body = {"user": user, "password": password, **more}
        if domain:
            body["domain"] = domain
        self.sid = None
        self.info = self.send("login", body)
        self.sid = self.info["sid"]
        return self

    def publish(self):
        """Publishes and waits; returns the task."""
        return self.wait(self.call("publish"))

    def wait(self, reply, timeout=60):
        """Follows the task(s) of a reply; returns the last one. RuntimeError when one failed."""
        ids = [t["task-id"] for t in reply["tasks"]] if "tasks" in reply else [reply["task-id"]]
        end = time.monotonic() + timeout
        task = None
        for task_id in ids:
            while True:
                task = self.call("show-task", task_id=task_id, details_level="full")["tasks"][0]
                if task["status"] != "in progress":
                    break
                if time.monotonic() > end:
                    raise RuntimeError(f"task {task_id} still runs: {task}")
                time.sleep(0.05)
            if task["status"] == "failed":
                raise RuntimeError(f"task failed: {task['comments']}")
        return task

    def all(self, command, **params):
        """Every object of a list command, page by page of 500."""
        out = []
        while True:
            page = self.call(command, limit=500, offset=len(out), **params)
            out += page["objects"]
            if page["to"] >= page["total"]:
                return out

    def close(self):
        """Logs out and closes the connection."""
        if self.sid:
            self.raw("logout")
        self.connection.close()
