"""A minute of real faults, chosen anew in every run; `./dev faults` goes on for as long as wanted."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "faults"))

import faults  # noqa: E402


def test_what_clients_were_told_is_explained_after_a_minute_of_faults(ex1):
    seed = int(time.time())
    lines = []
    bad, what = faults.run(ex1, 60, seed, lines.append)
    # Roles are where the faults left them: as they were, for who comes next.
    for domain, host in (("London", "london"), ("Tokyo", "tokyo")):
        if ex1.ha(host, domain)["role"] != "active":
            ex1.ctl(host, f"-y ha set-active {domain} {host}")
        ex1.wait_role(host, domain, "active")
        ex1.wait_synchronized(host, domain, 60)
    assert not bad, f"./dev faults --seed {seed}\n" + "\n".join(lines + bad) + f"\n{what}"
    assert what["told"].get("published", 0) > 10, what
    assert len(what["faults"]) > 2, what
