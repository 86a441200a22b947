"""Debian trees, cached by what is in them: what every host starts from, and what packages are built in."""

import fcntl
import hashlib
import os
import re

from .shell import run, remove_tree, write

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = ("systemd systemd-sysv dbus libpam-systemd polkitd login passwd adduser iproute2 "
        "iputils-ping nftables ca-certificates openssl procps less kmod").split()
MASKED = ("apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer "
          "dpkg-db-backup.timer").split()


def dependencies(deb):
    """Package names that a .deb needs: first alternative of each Depends and Pre-Depends."""
    names = []
    for field in ("Pre-Depends", "Depends"):
        text = run("dpkg-deb", "-f", deb, field).stdout
        for part in text.split(","):
            name = re.split(r"[ (|:]", part.strip())[0]
            if name:
                names.append(name)
    return names


def suites():
    """{name: what its packages have at the end of the version} of tests/hosts/suites."""
    with open(f"{HERE}/../suites", encoding="ascii") as file:
        rows = [line.split() for line in file if line.strip() and line[0] != "#"]
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows}


def suite_of(deb):
    """The suite that a .deb is built for, by its version; the oldest suite's has no mark."""
    version = run("dpkg-deb", "-f", deb, "Version").stdout.strip()
    return [suite for suite, mark in suites().items() if version.endswith(mark)][-1]


def tree(kind, suite, packages, key="", hooks=(), finish=None):
    """A folder with a Debian of these packages, made by mmdebstrap when it is not cached.

    `hooks` are mmdebstrap's; finish(folder) does the rest. `key`: what else the tree depends on.
    """
    packages = sorted(set(packages))
    name = hashlib.sha256(" ".join([suite, "v3", *packages, key]).strip().encode()).hexdigest()[:16]
    cache = os.environ.get("OPENMDS_HOSTS_CACHE", "/var/cache/openmds-hosts")
    os.makedirs(cache, exist_ok=True)
    folder = f"{cache}/{kind}{suite}-{name}"
    if os.path.isdir(folder):
        return folder
    # A lock for each: a long download of one does not keep others waiting.
    with open(f"{folder}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            return folder
        part = folder + ".part"
        remove_tree(part)
        run("mmdebstrap", "--variant=minbase", "--aptopt=Acquire::Languages \"none\"",
            "--dpkgopt=force-unsafe-io", "--include=" + ",".join(packages),
            *(f"--customize-hook={hook}" for hook in hooks),
            '--customize-hook=rm -f "$1"/etc/hostname "$1"/etc/resolv.conf', suite, part, timeout=1800)
        if finish:
            finish(part)
        os.rename(part, folder)
    return folder


def _host(folder):
    """What makes a tree the image of a host."""
    # dpkg on a host flushes what it unpacks, as everywhere: a power cut must find the package.
    for name in os.listdir(f"{folder}/etc/dpkg/dpkg.cfg.d"):
        os.remove(f"{folder}/etc/dpkg/dpkg.cfg.d/{name}")
    for unit in MASKED:
        path = f"{folder}/etc/systemd/system/{unit}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.lexists(path):
            os.symlink("/dev/null", path)
    os.makedirs(f"{folder}/var/log/journal", exist_ok=True)
    write(f"{folder}/etc/machine-id", "")


def build(deb=None, suite=None):
    """The image of a host that can install `deb` offline; of the suite that `deb` is built for."""
    suite = suite or (suite_of(deb) if deb else "bookworm")
    return tree("", suite, BASE + (dependencies(deb) if deb else []),
                hooks=['chroot "$1" passwd -q -d root'], finish=_host)
