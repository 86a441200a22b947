"""The private network of one rig: a bridge in a namespace of its own, one cable a host, cuts."""

import fcntl
import os

from .shell import run

TABLE = """
table bridge rig {
  chain cut { type filter hook forward priority 0; policy accept;
  }
}
"""


def add_namespace(name):
    """A network namespace with a name. Two first ones at once would each mount /run/netns, one over the other's
    namespace, which then has a name that leads nowhere: one at a time."""
    with open("/run/lock/openmds-namespaces", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run("ip", "netns", "add", name)


class Network:
    """Bridge 10.77.0.0/24 in the namespace <prefix>-sw; nothing leads outside."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.switch = f"{prefix}-sw"

    def up(self):
        """Makes the bridge when it is not there."""
        if os.path.exists(f"/run/netns/{self.switch}"):
            return
        add_namespace(self.switch)
        ip = ("ip", "-n", self.switch)
        run(*ip, "link", "set", "lo", "up")
        run(*ip, "link", "add", "br0", "type", "bridge", "forward_delay", "0",
            "mcast_snooping", "0")
        run(*ip, "addr", "add", "10.77.0.1/24", "dev", "br0")
        run(*ip, "link", "set", "br0", "up")
        run("ip", "netns", "exec", self.switch, "sh", "-c",
            "for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ -e $f ] && echo 0 > $f; done; true")
        run("ip", "netns", "exec", self.switch, "nft", "-f", "-", input=TABLE)

    def down(self):
        """Removes bridge and cuts."""
        if os.path.exists(f"/run/netns/{self.switch}"):
            run("ip", "netns", "del", self.switch)

    def namespace(self, name):
        """The network namespace of a host."""
        return f"{self.prefix}-{name}"

    def plug(self, name, address, number):
        """A new namespace and cable for a host, with its address."""
        ns, port = self.namespace(name), f"p-{name}"[:15]
        self.unplug(name)
        add_namespace(ns)
        run("ip", "-n", self.switch, "link", "add", port, "type", "veth", "peer", "name", "eth0",
            "address", f"02:00:00:00:77:{number:02x}", "netns", ns)
        run("ip", "-n", self.switch, "link", "set", port, "master", "br0", "up")
        run("ip", "-n", ns, "link", "set", "lo", "up")
        run("ip", "-n", ns, "link", "set", "eth0", "up")
        run("ip", "-n", ns, "addr", "add", f"{address}/24", "brd", "+", "dev", "eth0")

    def unplug(self, name):
        """Removes a host's namespace with its cable and its old sockets."""
        if os.path.exists(f"/run/netns/{self.namespace(name)}"):
            run("ip", "netns", "del", self.namespace(name), check=False)
        run("ip", "-n", self.switch, "link", "del", f"p-{name}"[:15], check=False)

    def cable(self, name, up):
        """Pulls or plugs the cable at the switch."""
        run("ip", "-n", self.switch, "link", "set", f"p-{name}"[:15], "up" if up else "down")

    def cut(self, one, other, one_way=False):
        """Drops every frame from `one` to `other`, and back unless one_way."""
        pairs = [(one, other)] if one_way else [(one, other), (other, one)]
        for a, b in pairs:
            run("ip", "netns", "exec", self.switch, "nft",
                f'add rule bridge rig cut iifname "p-{a}" oifname "p-{b}" counter drop '
                f'comment "{a}>{b}"')

    def lose(self, one, other, percent):
        """Drops this part of the frames between two hosts, at random, until heal()."""
        for a, b in ((one, other), (other, one)):
            run("ip", "netns", "exec", self.switch, "nft",
                f'add rule bridge rig cut iifname "p-{a}" oifname "p-{b}" '
                f'numgen random mod 100 < {percent} counter drop comment "{a}>{b}"')

    def corrupt(self, one, other, percent):
        """Alters a byte in this part of the TCP segments with data between two hosts, until heal()."""
        for a, b in ((one, other), (other, one)):
            # Behind a header of 32 bytes with its timestamps; the receiver trusts the checksum of a
            # virtual cable.
            run("ip", "netns", "exec", self.switch, "nft",
                f'add rule bridge rig cut iifname "p-{a}" oifname "p-{b}" ip protocol tcp '
                f'meta length > 200 numgen random mod 100 < {percent} @th,800,8 set 0x5a '
                f'counter comment "{a}>{b}"')

    def altered(self):
        """How many segments corrupt() has altered."""
        text = run("ip", "netns", "exec", self.switch, "nft", "list", "chain", "bridge", "rig",
                   "cut").stdout
        return sum(int(line.split("packets ")[1].split()[0]) for line in text.splitlines()
                   if " set " in line and "packets " in line)

    def heal(self, one=None, other=None):
        """Takes back the cuts between two hosts, or all."""
        ns = ("ip", "netns", "exec", self.switch, "nft")
        if one is None:
            run(*ns, "flush chain bridge rig cut")
            return
        listing = run(*ns, "-a", "list", "chain", "bridge", "rig", "cut").stdout
        for line in listing.splitlines():
            if f'"{one}>{other}"' in line or f'"{other}>{one}"' in line:
                run(*ns, "delete", "rule", "bridge", "rig", "cut", "handle",
                    line.rsplit("handle", 1)[1].strip())
