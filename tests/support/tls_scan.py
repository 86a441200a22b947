"""What a port's TLS offers, as sslscan sees it from the switch of a rig."""

import subprocess
import xml.etree.ElementTree as ET

SUITES = {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}
GROUPS = {"x25519", "secp256r1", "secp384r1"}


def only_what_k_12_lists(deployment, address, port):
    """Fails when the port offers anything but TLS 1.3 with the suites and groups of K-12."""
    done = subprocess.run(["ip", "netns", "exec", deployment.rig.network.switch, "sslscan", "--no-colour",
                           "--xml=-", "--connect-timeout=5", f"{address}:{port}"],
                          capture_output=True, text=True, check=True, timeout=120)
    test = ET.fromstring(done.stdout).find("ssltest")
    protocols = {f"{p.get('type')} {p.get('version')}" for p in test.iter("protocol") if p.get("enabled") == "1"}
    assert protocols == {"tls 1.3"}, done.stdout
    assert {c.get("cipher") for c in test.iter("cipher")} == SUITES, done.stdout
    assert {g.get("name").split()[0] for g in test.iter("group")} == GROUPS, done.stdout
    for flaw in test.iter("heartbleed"):
        assert flaw.get("vulnerable") == "0", done.stdout
    for word in ("renegotiation", "compression"):
        for found in test.iter(word):
            assert found.get("supported") == "0", done.stdout
