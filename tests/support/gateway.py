"""A gateway of a deployment: this machine at the switch, with the mds-gateway of the same build."""

import json
import os
import subprocess
import tempfile

from clock import LIBRARY

ADDRESS = "10.77.0.1"
KEY = "tender-otter-lantern-31"


class Machine:
    """A gateway with a folder of its own."""

    def __init__(self, deployment, name):
        self.deployment, self.name = deployment, name
        self.folder = tempfile.mkdtemp(prefix="gateway-")
        self.waiting = None
        self.days = 0  # its clock, ahead of this machine's

    def command(self, *words):
        program = os.path.join(os.environ["MDS_BUILD"], "tools/gateway/mds-gateway")
        clock = ["env", f"LD_PRELOAD={LIBRARY}", f"FAKETIME=+{self.days}d", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        return ["ip", "netns", "exec", self.deployment.rig.network.switch, *(clock if self.days else []),
                program, *words, "--state", self.folder]

    def wait_for_trust(self, key):
        """Starts waiting; returns when the port is open."""
        self.waiting = subprocess.Popen(  # pylint: disable=consider-using-with
            self.command("trust", self.name, "--key-file", "-", "--wait", "5"), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.waiting.stdin.write(key + "\n")
        self.waiting.stdin.close()
        assert "Waiting on port 18211" in self.waiting.stdout.readline()

    def trusted(self):
        """What it said when it has trust."""
        said = self.waiting.stdout.read()
        assert self.waiting.wait(timeout=20) == 0, said
        return said

    def run(self, *words, code=0):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def status(self):
        return json.loads(self.run("status", "--json"))

    def policy(self):
        with open(f"{self.folder}/policy.json", encoding="utf-8") as file:
            return json.load(file)

    def stop(self):
        if self.waiting and self.waiting.poll() is None:
            self.waiting.kill()
            self.waiting.wait()

    def enrol(self, api):
        """Trust with the Domain of this session, published; returns the object."""
        self.wait_for_trust(KEY)
        shown = api.send("add-simple-gateway",
                         {"name": self.name, "ip-address": ADDRESS, "one-time-password": KEY})
        assert shown["sic-state"] == "trust established", shown
        assert "valid until" in self.trusted()
        api.publish()
        return shown

    def install(self, api):
        """Installs the standard policy on it."""
        api.wait(api.call("install-policy", policy_package="Standard", targets=[self.name]))
