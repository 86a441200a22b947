#!/usr/bin/python3
"""Booted hosts for autopkgtest: autopkgtest ... -- autopkgtest_virt_rig.py RIG. Each is fresh, with the built package
installed. The protocol is autopkgtest's own (README.virtualisation-server)."""

import os
import sys

sys.path.insert(0, "/usr/share/autopkgtest/lib")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import VirtSubproc  # noqa: E402
from deployment import package  # noqa: E402
from rig import Rig  # noqa: E402

HOSTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "hosts", "hosts")
RIG = Rig(sys.argv[1])
NAME = "tested"


def hook_open():
    """A fresh host; every command goes through the rig, into all namespaces of it."""
    RIG.down()
    RIG.up({NAME: "10.77.0.51"}, deb=package())
    RIG[NAME].install(package())
    # env between: the rig would take a single word as text of a shell.
    VirtSubproc.auxverb = [HOSTS, "--rig", RIG.prefix, "sh", NAME, "env", "--"]


def hook_downtmp(path):
    """A folder on the host."""
    return VirtSubproc.downtmp_mktemp(path)


def hook_revert():
    """Another one."""
    hook_cleanup()
    hook_open()


def hook_cleanup():
    """The host goes, and whatever is on it."""
    RIG.down()


def hook_capabilities():
    """What the host is: systemd has booted it, and it is thrown away."""
    return ["isolation-container", "revert", "revert-full-system", "root-on-testbed"]


VirtSubproc.main()
