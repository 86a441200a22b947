#!/usr/bin/python3
"""How long it takes from `apt install` to the first Domain, without a question (F-T10: below 60 s on two cores), and
how long applying first-time setup takes of it (below 15 s). On a booted host: ./dev hosts up, then
bench/first_domain.py [--rig PREFIX] [--host NAME]. The host must not be set up. Prints RESULT lines."""

import argparse
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/hosts"), str(ROOT / "tests/support")]

from deployment import ADDRESSES, PASSWORD, package  # noqa: E402
from rig import Rig  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", default="rig")
    parser.add_argument("--host", default="london")
    chosen = parser.parse_args()
    host = Rig(chosen.rig)[chosen.host]
    address = ADDRESSES[chosen.host]
    host.write_file("/etc/mds/admin.password", PASSWORD + "\n", 0o600)
    host.write_file("/etc/mds/setup.conf", f"[Server]\nRole=primary\nHostName={chosen.host}\nAddress={address}\n"
                    "Interface=eth0\n[Administrator]\nName=admin\nPasswordFile=/etc/mds/admin.password\n", 0o600)
    begin = time.monotonic()
    host.install(package())
    installed = time.monotonic()
    said = host.out("mds-setup")
    applied = time.monotonic()
    host.sh(f"mdsctl domain create First --on {chosen.host} --ip {address.rsplit('.', 1)[0]}.21", timeout=300)
    end = time.monotonic()
    for name, seconds in (("all", end - begin), ("apt_install", installed - begin),
                          ("setup_applied", float(re.search(r"Ready in (\d+\.\d) s", said).group(1))),
                          ("domain_create", end - applied)):
        print(f"RESULT first_domain_{name} {seconds:.3f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
