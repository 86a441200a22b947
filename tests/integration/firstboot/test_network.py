"""What first-time setup finds out about the network: who else has the address, what time it is."""

import http.server
import json
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from screen import ENTER
from setup_machine import HASH, needs_root

pytestmark = needs_root

# A cable with somebody at its other end who answers for 10.1.0.11, too.
TWICE = """ip link add ens18 type veth peer name far && unshare --net sleep 60 & other=$!
while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
ip link set far netns $other
nsenter --net --target $other sh -ec 'ip link set far address 02:00:00:00:00:99 up && ip address add 10.1.0.11/24 dev far'
ip link set lo up && ip link set ens18 up && ip address add 10.1.0.11/24 dev ens18 && ip address add 10.1.0.12/24 dev ens18
until ip -o link show ens18 | grep -q LOWER_UP; do sleep 0.05; done
"$@"; code=$?
kill $other; exit $code
"""
FIXED = ("--set", "host-name=localhost", "--set", "time-zone=UTC", "--set", "time-servers=system", "--set", "role=log-server")


def program():
    return ["/usr/bin/unshare", "--net", "sh", "-c", TWICE, "setup"]


def test_an_address_that_somebody_else_has_is_refused(machine):
    screen = machine.screen(*FIXED, program=program())
    screen.wait("┤ Address ├", "10.1.0.11 on ens18, link up")
    screen.type(ENTER)
    screen.wait("Not accepted: 10.1.0.11 is used by another machine too", "02:00:00:00:00:99")
    screen.down()
    screen.type(ENTER)
    screen.wait("┤ Trust ├")


def test_an_address_that_somebody_else_has_is_a_problem_of_an_answers_file(machine):
    machine.boot()
    text = f"[Server]\nRole=primary\nHostName=localhost\nAddress=10.1.0.1%d\n[Administrator]\nPasswordHash={HASH}\n"
    screen = machine.screen("--answers", machine.file("answers", text % 1), program=program(), term="dumb", columns=150)
    assert screen.end() == 2, screen.shown()
    assert "10.1.0.11 is used by another machine too" in " ".join(screen.shown().split()), screen.shown()
    assert machine.calls() == []
    screen = machine.screen("--answers", machine.file("answers", text % 2), program=program(), term="dumb")
    assert screen.end() == 0, screen.shown()
    assert machine.request()["address"] == "10.1.0.12"


def test_a_given_address_that_somebody_else_has_is_refused_also_when_the_rest_is_asked(machine):
    machine.boot()
    screen = machine.screen("--plain", *FIXED, "--set", "address=10.1.0.11", program=program(), columns=150)
    for prompt in ("not shown): ", "again: "):
        screen.wait_text(prompt)
        screen.hides_typing()
        screen.type("orange-boat-77\n")
    screen.wait_text("Address of the Primary")
    screen.type("\n")
    screen.wait_text("q to leave: ")
    screen.type("yes\n")
    assert screen.end() == 2, screen.shown()
    assert "10.1.0.11 is used by another machine too" in " ".join(screen.shown().split()), screen.shown()
    assert machine.calls() == []


class Primary(http.server.BaseHTTPRequestHandler):
    """Says of itself what a terminal should not be told."""

    def do_GET(self):
        said = {"role": "primary", "name": "evil\x1b[2Jname", "deployment": "a\r\nb" + "x" * 9000, "version": "\x9b31m1",
                "clock-ms": int(time.time() * 1000)}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_what_a_server_says_of_itself_does_not_steer_the_terminal(machine):
    certificate = machine.folder / "tls.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    certificate, "-out", machine.folder / "cert.pem", "-subj", "/CN=primary"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(machine.folder / "cert.pem", certificate)
    server = http.server.HTTPServer(("127.0.0.1", 443), Primary)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        key = machine.file("key", "orange-boat-77\n")
        text = f"[Server]\nRole=secondary\nHostName=localhost\n[Trust]\nPrimary=127.0.0.1\nActivationKeyFile={key}\n"
        done = machine.setup("--dry-run", "--answers", machine.file("answers", text))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.returncode == 0 and "evil?[2Jname, the Primary of a??bx" in done.stderr, done
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stderr) and len(done.stderr) < 1000, done


class TimeServer:
    """Answers NTP with the time of this machine and some seconds."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 123))
        self.socket.settimeout(0.1)
        self.runs = True
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def close(self):
        self.runs = False
        self.thread.join()
        self.socket.close()

    def serve(self):
        while self.runs:
            try:
                _, client = self.socket.recvfrom(100)
            except TimeoutError:
                continue
            now = time.time() + self.seconds + 2208988800
            stamp = struct.pack("!II", int(now), int(now % 1 * 2 ** 32))
            self.socket.sendto(struct.pack("!BBBb11I", 0x24, 2, 4, -20, *[0] * 11)[:32] + stamp + stamp, client)


@pytest.mark.parametrize("seconds, said", [
    (0.2, None), (90, r"The clock of this host is (89\.9|90\.\d) s behind\s+127\.0\.0\.1"),
    (-7300, r"The clock of this host is 2 h ahead of\s+127\.0\.0\.1")])
def test_the_offset_of_the_clock_is_shown_beyond_five_seconds(machine, seconds, said):
    server = TimeServer(seconds)
    try:
        screen = machine.screen("--plain", "--set", "host-name=localhost", columns=150)
        screen.wait_text("other servers reach")
        screen.type("\n\n")
        at = screen.wait_text("Time servers, separated")
        screen.type("127.0.0.1\n")
        screen.wait_text("Step 3", at)
        text = screen.text[at:].decode()
        assert (re.search(said, text) if said else "clock" not in text), text
    finally:
        server.close()


def test_a_time_server_that_is_silent_and_a_host_without_a_service_are_said(machine):
    (machine.root / "lib/systemd/systemd-timesyncd").unlink()
    screen = machine.screen("--set", "host-name=localhost")
    screen.wait("┤ Address ├")
    screen.type(ENTER)
    screen.wait("┤ Time zone ├")
    screen.type(ENTER + "\x15127.0.0.1" + ENTER)
    screen.wait("┤ Role ├", "No time service is installed", "127.0.0.1 does not answer (UDP port", "apt install")


# Two interfaces on one network: each answers for the other's address.
BOTH = """ip link add ens18 type veth peer name ens19 && ip link set ens18 up && ip link set ens19 up && ip link set lo up
ip address add 10.1.0.11/24 dev ens18 && ip address add 10.1.0.12/24 dev ens19
until ip -o link show ens18 | grep -q LOWER_UP; do sleep 0.05; done
exec "$@"
"""


def test_another_interface_of_this_host_is_nobody_else(machine):
    screen = machine.screen(*FIXED, program=["/usr/bin/unshare", "--net", "sh", "-ec", BOTH, "setup"])
    screen.wait("┤ Address ├", "10.1.0.11 on ens18, link up", "10.1.0.12 on ens19, link up")
    screen.type(ENTER)
    screen.wait("┤ Trust ├")
