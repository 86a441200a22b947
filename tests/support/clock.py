"""The wall clock of a host's services, moved by libfaketime (hosts share the clock of this machine)."""

import os
import shutil

from private_bus import build_folder

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
INSIDE = "/usr/lib/libfaketimeMT.so.1"
TIMERS = "/usr/lib/mds-timers.so"  # timers.cc tells why
FILE = "/etc/mds-clock"
DROP_IN = f"""[Service]
Environment=LD_PRELOAD={TIMERS}:{INSIDE} FAKETIME_TIMESTAMP_FILE={FILE} FAKETIME_CACHE_DURATION=1
Environment=FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1 NO_FAKE_STAT=1
"""


class Clock:
    """Moves the clock of every mds service of one host; set() works while they run."""

    def __init__(self, host, unit="mds-"):
        """Of every service, or of one (its name without `.service`)."""
        self.host, self.unit = host, unit
        if host.sh(f"test -e {INSIDE}", check=False).returncode:
            shutil.copyfile(LIBRARY, host.path(INSIDE))
        shutil.copyfile(os.path.join(build_folder(), "tests/support/mds-timers.so"), host.path(TIMERS))
        self.set(0)
        host.write_file(f"/etc/systemd/system/{unit}.service.d/90-clock.conf", DROP_IN)
        self._start_anew()

    def _start_anew(self):
        again = "mdsstop; mdsstart" if self.unit == "mds-" else f"systemctl restart {self.unit}.service"
        self.host.sh(f"systemctl daemon-reload; {again}", timeout=120)

    def set(self, seconds):
        """From within a second or so on, the services see the time this much later (or earlier)."""
        self.host.write_file(FILE, f"{seconds:+d}\n")

    def remove(self):
        """Back to the clock of the machine."""
        self.host.sh(f"rm -rf /etc/systemd/system/{self.unit}.service.d {FILE} {INSIDE} {TIMERS}")
        self._start_anew()
