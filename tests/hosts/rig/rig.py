"""A rig: some hosts on one private network."""

import json
import os
import threading

from . import image
from .host import Host
from .network import Network
from .shell import RigError, run, write

DEFAULT = {"london": "10.77.0.11", "tokyo": "10.77.0.12", "logs": "10.77.0.13"}


class Rig:
    """Hosts by name. State is kept in /run/openmds-hosts/<prefix>, so that any later process can
    open the same rig again."""

    def __init__(self, prefix="rig"):
        if len(prefix) > 8:
            raise RigError("the rig's prefix has at most 8 characters (interface names)")
        self.prefix = prefix
        self.state = f"/run/openmds-hosts/{prefix}"
        self.disks = os.environ.get("OPENMDS_HOSTS_DISKS", "/var/tmp/openmds-hosts") + f"/{prefix}"
        self.network = Network(prefix)
        self.hosts = {}
        self._load()

    def _load(self):
        try:
            with open(f"{self.state}/rig.json", encoding="utf-8") as file:
                data = json.load(file)
        except OSError:
            return
        for number, (name, address) in enumerate(data["hosts"].items()):
            self.hosts[name] = Host(self, name, address, number + 11, data.get("images", {}).get(name))

    def _save(self):
        os.makedirs(self.state, exist_ok=True)
        write(f"{self.state}/rig.json", json.dumps(
            {"hosts": {h.name: h.address for h in self.hosts.values()},
             "images": {h.name: h.image for h in self.hosts.values()}}))

    def __getitem__(self, name):
        if name not in self.hosts:
            raise RigError(f"no host {name}; there are: {', '.join(self.hosts) or 'none'}")
        return self.hosts[name]

    def up(self, hosts=None, deb=None, timeout=120):
        """Boots hosts ({name: address}) in parallel and waits for them; returns them by name.

        `deb`: what is to be installed on them, or {name: deb}; a host is of the suite of its package.
        """
        hosts = hosts or DEFAULT
        for name in hosts:
            if len(name) > 10:
                raise RigError(f"{name}: a host name has at most 10 characters here")
        path = "/proc/sys/fs/inotify/max_user_instances"
        with open(path, encoding="ascii") as file:
            if int(file.read()) < 1024:
                write(path, "1024")
        self.network.up()
        for name, address in hosts.items():
            # A host keeps its image: what lies below a disk must not change at its next boot.
            if name not in self.hosts:
                self.hosts[name] = Host(self, name, address, len(self.hosts) + 11, self._image(name, deb))
        self._save()
        self.each([self.hosts[n] for n in hosts], lambda h: h.running() or h.boot())
        self.each([self.hosts[n] for n in hosts], lambda h: h.wait_up(timeout))
        return {n: self.hosts[n] for n in hosts}

    def place(self, name, address, image_folder, terminal=None):
        """Boots one more host from this image, and does not wait; `terminal` is its console."""
        host = self.hosts[name] = Host(self, name, address, len(self.hosts) + 11, image_folder)
        self._save()
        host.terminal = terminal
        host.boot()
        return host

    def _image(self, name, deb):
        """The image for a new host; without a package it is like the first host of the rig."""
        if deb:
            return image.build(deb[name] if isinstance(deb, dict) else deb)
        return next(iter(self.hosts.values())).image if self.hosts else image.build()

    @staticmethod
    def each(hosts, action):
        """Runs an action on hosts at the same time; raises the first error."""
        errors = []

        def one(host):
            try:
                action(host)
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)
        threads = [threading.Thread(target=one, args=(h,)) for h in hosts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def workstation(self, *argv, **more):
        """Runs a program of this machine at the switch: an administrator's workstation."""
        return run("ip", "netns", "exec", self.network.switch, *argv, **more)

    def cut(self, one, other, one_way=False):
        """See Network.cut."""
        self.network.cut(self[one].name, self[other].name, one_way)

    def heal(self, one=None, other=None):
        """See Network.heal."""
        self.network.heal(one, other)

    def down(self):
        """Takes everything away; works after any fault, and after a rig that was killed."""
        self.each(list(self.hosts.values()), lambda h: h.destroy())
        self.network.down()
        for tree in ("unified", "systemd", ""):
            base = f"/sys/fs/cgroup/{tree}/{self.prefix}".replace("//", "/")
            if os.path.isdir(base):
                try:
                    os.rmdir(base)
                except OSError:
                    pass
        self.hosts = {}
        run("rm", "-rf", "--one-file-system", self.state, self.disks)
