"""The Debian image that every host starts from, cached by what is in it."""

import fcntl
import hashlib
import os
import re

from .shell import run, remove_tree, write

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


def build(deb=None, suite="bookworm"):
    """Makes the image when it is not cached; returns its folder."""
    packages = sorted(set(BASE + (dependencies(deb) if deb else [])))
    key = hashlib.sha256(" ".join([suite, "v3"] + packages).encode()).hexdigest()[:16]
    cache = os.environ.get("OPENMDS_HOSTS_CACHE", "/var/cache/openmds-hosts")
    os.makedirs(cache, exist_ok=True)
    folder = f"{cache}/{suite}-{key}"
    if os.path.isdir(folder):
        return folder
    with open(f"{cache}/lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            return folder
        part = folder + ".part"
        remove_tree(part)
        run("mmdebstrap", "--variant=minbase", "--aptopt=Acquire::Languages \"none\"",
            "--dpkgopt=force-unsafe-io", "--include=" + ",".join(packages),
            '--customize-hook=chroot "$1" passwd -q -d root; '
            'rm -f "$1"/etc/hostname "$1"/etc/resolv.conf', suite, part, timeout=900)
        # dpkg on a host flushes what it unpacks, as everywhere: a power cut must find the package.
        for name in os.listdir(f"{part}/etc/dpkg/dpkg.cfg.d"):
            os.remove(f"{part}/etc/dpkg/dpkg.cfg.d/{name}")
        for unit in MASKED:
            path = f"{part}/etc/systemd/system/{unit}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not os.path.lexists(path):
                os.symlink("/dev/null", path)
        os.makedirs(f"{part}/var/log/journal", exist_ok=True)
        write(f"{part}/etc/machine-id", "")
        os.rename(part, folder)
    return folder
