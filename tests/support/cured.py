"""What the pages of the refusals say to do, done on the hosts of a deployment."""

import re
import shlex

import refusal_pages
from rig import wait_until

CURES = refusal_pages.cures()
# Those whose page was followed.
CURED = set()
# What was stopped or started a moment ago is not known everywhere at once: these may be given again.
AGAIN = re.compile(r"status|server delete|promote|ha sync")


def cure(ex1, rf, *same_words, **words):
    """Types what the page of a refusal says, which must end well. `same_words`: other pages that end in the same words;
    `words`: what stands for something else."""
    for name, command in CURES[rf].commands:
        for word, value in words.items():
            command = command.replace(word, value)
        said = []

        def typed(host=ex1[name], text=shlex.join(["bash", "-lc", command]), told=said):
            done = host.sh(text, check=False)
            told[:] = [f"exit {done.returncode}", done.stdout, done.stderr]
            return done.returncode == 0
        wait_until(typed, 30 if AGAIN.search(command) else 0, f"{rf}: {name}# {command}", lambda told=said: "\n".join(told))
    for other in same_words:
        assert CURES[other].commands == CURES[rf].commands[-len(CURES[other].commands):], other
    CURED.update((rf, *same_words))


def leaves(ex1, host):
    """A server that has joined goes again, without a rest."""
    host.sh("mdsstop")
    wait_until(lambda: ex1.ctl("london", f"-y --reason test server delete {host.name}", check=False).returncode == 0, 30, "it to be deleted")


def primary_again(ex1):
    """London-1 is the Primary server of its Domain again, which promote_util has taken from it."""
    ex1["tokyo"].sh("systemctl stop mds-domain@London-2")
    wait_until(lambda: ex1.ctl("london", "ds promote London", check=False).returncode == 0, 30, "London-1 to be promoted")
    ex1["tokyo"].sh("systemctl start mds-domain@London-2")
