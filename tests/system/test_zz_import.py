"""The plug is pulled while the Ansible collection imports 10,000 rules: what is left is what the
playbook was told. Last in order: the rules stay."""

import json
import random
import re
import subprocess
import threading
import time

import pytest

from rig import RigError, wait_until
from test_ansible import Ansible

BATCHES, RULES = 10, 1000
# What a module of the collection says after a request that failed: it has discarded its session.
DISCARDED = "Unpublished changes were discarded"


class Import(threading.Thread):
    """One run of import.yml, and what it says in the end."""

    def __init__(self, deployment, folder, name):
        super().__init__(daemon=True)
        self.ansible, self.name = Ansible(deployment, folder), name
        rules = folder / "rules.json"
        rules.write_text(json.dumps({"batches": [
            [{"name": f"{name}-{b}-{r}", "action": "Accept"} for r in range(RULES)]
            for b in range(BATCHES)]}))
        self.rules, self.output, self.failed = rules, "", None

    def run(self):
        _, _, self.failed, self.output = self.ansible.run(
            "import.yml", "London", check=False, session=self.name, rules_file=self.rules)

    def told(self, task):
        """How often the playbook was told that a task was done."""
        return sum(line.startswith("changed:") for line in self.lines(task))

    def lines(self, task):
        return self.output.split(f"TASK [{task}]")[-1].split("TASK [")[0].splitlines()

    def complaints(self):
        """What failed, a line each, with what the module said: the rest of the line is the batch."""
        said = [(line[:40], re.search(r'"msg": "((?:[^"\\]|\\.)*)"', line)) for line in self.output.splitlines()
                if line.startswith(("failed:", "fatal:"))]
        return "".join(f"{line}: {msg.group(1) if msg else '?'}\n" for line, msg in said)

    def discarded(self):
        """Whether the playbook itself has discarded its session."""
        return DISCARDED in self.output

    def told_since_discard(self):
        """Batches that were told after it last did so."""
        # Up to its end: a publish that fails discards too.
        lines = self.output.split("TASK [Rules]")[-1].splitlines()
        last = max((i for i, line in enumerate(lines) if DISCARDED in line), default=-1)
        return sum(line.startswith("changed:") for line in lines[last + 1:])


class Watch:
    """Follows the session of an import from another connection: [(seconds, changes)]."""

    def __init__(self, deployment, name, job=None):
        self.api, self.name, self.seen = deployment.api("london", "London"), name, []
        self.job = job

    def changes(self):
        """Changes of the session now; None while, or when, there is no such open session."""
        for one in self.api.call("show-sessions", limit=500, details_level="full")["objects"]:
            if one.get("session-name", one.get("name")) == self.name:
                self.seen.append((time.monotonic(), one["changes"]))
                return one["changes"]
        return None

    def wait(self, count):
        """Until the session has so many changes."""
        def there():
            assert self.job.is_alive(), self.job.output[-3000:]
            return (self.changes() or 0) >= count
        wait_until(there, 120, f"{count} changes")

    def at(self, moment):
        """Changes that it certainly had at a moment."""
        return max([c for t, c in self.seen if t <= moment], default=0)


class Disk(threading.Thread):
    """Flushes a file of its own on a host again and again: what the disk could have kept by a moment."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host, self.kept = host, time.monotonic()

    def run(self):
        while True:
            begin = time.monotonic()
            try:
                self.host.sh("dd if=/dev/zero of=/var/lib/mds/probe bs=4k count=1 conv=fdatasync")
            except (RigError, subprocess.SubprocessError):  # it is off
                return
            self.kept = begin
            time.sleep(0.2)


def rules(deployment, host, name):
    """Number of published rules of an import."""
    api = deployment.api(host, "London")
    found = api.call("show-access-rulebase", name="Network", filter=f"{name}-", limit=1)
    api.close()
    return found["total"]


def discards(api, name):
    """Changes that went with each discard of a session, by the audit trail."""
    query = {"type": "audit", "time-frame": "last-hour", "max-logs-per-request": 100,
             "filter": f"operation:discard {name}"}
    return [int(one["additional_info"].split()[0])
            for one in api.send("show-logs", {"new-query": query})["logs"]]


@pytest.mark.parametrize("moment", ["import", "publish"])
def test_power_cut_of_the_active_during_an_import_of_10000(ex1, tmp_path, moment):
    chance = random.Random()
    name = f"import-{moment}"
    job = Import(ex1, tmp_path, name)
    watch = Watch(ex1, name, job)
    disk = Disk(ex1["london"])
    disk.start()
    job.start()
    if moment == "import":
        watch.wait(chance.randint(2, BATCHES - 2) * RULES)
        time.sleep(chance.uniform(0, 2))
        watch.changes()
    else:
        watch.wait(BATCHES * RULES)
        wait_until(lambda: watch.changes() is None or chance.random() < 0.02, 60, "the publish")
    kept = disk.kept
    ex1["london"].kill()
    time.sleep(chance.uniform(0, 2))
    ex1.power_back("london")
    job.join(200)
    assert not job.is_alive()
    ex1.wait_role("london", "London", "active", 60)
    ex1.wait_synchronized("london", "London", 60)
    after = Watch(ex1, name)

    def explained():
        # The playbook's last request may be carried out after it gave up: published, or still there.
        there = rules(ex1, "london", name)
        return there == rules(ex1, "tokyo", name) and (there == BATCHES * RULES or job.discarded() or
                                                       after.changes() is not None)
    wait_until(explained, 30, "all published or the session open",
               lambda: f"{rules(ex1, 'london', name)} {after.changes()}")
    there = rules(ex1, "london", name)
    print(f"{moment}: told {job.told('Rules')} batches, published {job.told('Published')}; {there} rules")
    # All or nothing, the same everywhere, and never less than the playbook was told.
    assert there in (0, BATCHES * RULES)
    assert rules(ex1, "tokyo", name) == there
    if job.told("Published"):
        assert there == BATCHES * RULES
    if there:
        return
    # Not published: the session is there, with whole batches. A batch is on the disk before it is
    # answered, other private work is flushed every second: what was there three seconds before the last
    # flush of this disk is not missing.
    sure, left = watch.at(kept - 3), after.changes()
    if job.discarded():
        # The collection throws the session away when a request fails and the server answers again: then
        # the trail says how much that was, and what the playbook was told afterwards is there.
        left = left or 0
        found = discards(after.api, name)
        assert found and max(found) % RULES == 0 and max(found) >= sure, (found, sure, kept, watch.seen[::10])
        told = job.told_since_discard()
    else:
        told = job.told("Rules")
        assert left is not None and left >= sure, (left, sure, kept, watch.seen[::10], job.output[-600:])
    print(f"{sure} were certain, {left} left, {told} batches told" + ", discarded" * job.discarded())
    assert left % RULES == 0 and told * RULES <= left <= (told + 1) * RULES, (left, told, job.output[-600:])
    if not left:
        return
    # Its author takes it up and publishes it.
    (session,) = [o for o in after.api.call("show-sessions", limit=500, details_level="full")["objects"]
                  if o.get("session-name", o.get("name")) == name]
    after.api.call("publish", uid=session["uid"])
    wait_until(lambda: rules(ex1, "london", name) == left, 30, "the rest of the import")


def test_power_cut_of_the_standby_during_an_import_of_10000(ex1, tmp_path):
    name = "import-standby"
    job = Import(ex1, tmp_path, name)
    watch = Watch(ex1, name, job)
    job.start()
    watch.wait(random.randint(1, BATCHES) * RULES)
    time.sleep(random.uniform(0, 1))
    ex1["tokyo"].kill()
    job.join(200)
    # The import does not notice.
    assert job.failed == 0 and job.told("Published") == 1, job.complaints() + job.output[-600:]
    assert rules(ex1, "london", name) == BATCHES * RULES
    ex1.power_back("tokyo")
    ex1.wait_synchronized("london", "London", 60)
    assert rules(ex1, "tokyo", name) == BATCHES * RULES
