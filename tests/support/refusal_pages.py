#!/usr/bin/python3
"""The page of each refusal, docs/refusals/RF-nn.md and RF-nn(7), and their list, mds-refusals(7): from what was
provoked (docs/refusals.md) and what is to be done (docs/refusals.cures). Run as a program it writes them."""

import dataclasses
import os
import re
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOTHING = "Nothing was changed: what is refused is refused before anything is done."
# What fits into a page of 80 columns, with its margins.
COLUMNS = 69


@dataclasses.dataclass
class Cure:
    """Why it is refused, what was kept, what to do in words, and [(host, command)] of it."""
    why: str = ""
    kept: str = NOTHING
    cure: str = ""
    commands: list = dataclasses.field(default_factory=list)


def cures():
    """{id: Cure} of docs/refusals.cures."""
    found, now = {}, None
    with open(f"{ROOT}/docs/refusals.cures", encoding="utf-8") as file:
        for line in file.read().splitlines():
            if not line or line.startswith("#"):
                continue
            if re.fullmatch(r"RF-\d\d", line):
                now = found[line] = Cure()
            elif match := re.fullmatch(r"(why|kept|cure): (.*)", line):
                setattr(now, match[1], match[2])
            else:
                match = re.fullmatch(r"([a-z]+)# (.*)", line)
                assert match, f"docs/refusals.cures: {line}"
                now.commands.append((match[1], match[2]))
    return found


def provoked():
    """{id: (when, [lines of what it says and is])} of docs/refusals.md."""
    with open(f"{ROOT}/docs/refusals.md", encoding="utf-8") as file:
        parts = re.split(r"^## (RF-\d\d)$", file.read(), flags=re.M)[1:]
    out = {}
    for rf, text in zip(parts[::2], parts[1::2]):
        out[rf] = (re.search(r"^Refused when (.*)\.$", text, re.M)[1],
                   dict(re.findall(r"^\* (code|says|instead|seen in): (.*(?:\n  \* .*)*)", text, re.M)))
    return out


def typed(commands):
    """The commands with their prompts, in lines that fit."""
    lines = []
    for host, command in commands:
        width = COLUMNS if len(f"{host}# {command}") <= COLUMNS else COLUMNS - 2
        whole = textwrap.wrap(f"{host}# {command}", width, subsequent_indent="    ", break_long_words=False,
                              break_on_hyphens=False)
        lines += [line + " \\" for line in whole[:-1]] + [whole[-1]]
    return "\n".join(lines)


def wrapped(text):
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def markdown(rf, when, said, cure):
    """docs/refusals/RF-nn.md"""
    message, *errors = said["says"].splitlines()
    says = "\n".join([f"    Error: {message}  [{rf}]", *["    " + e.strip("* ") for e in errors],
                      f"    Next:  {said['instead']}"])
    code = said["code"].strip("`")
    return f"""# {rf}: {when}

{says}

**Why.** {wrapped(cure.why)}

**What was kept.** {wrapped(cure.kept)}

**What to do.** {wrapped(cure.cure)}

```
{typed(cure.commands)}
```

On a server: `man {rf}`. Code of the management API: {code}. Seen in: {said['seen in']}. [All refusals](../refusals.md)
"""


def escaped(text):
    """As scdoc takes it; `code` in bold."""
    text = re.sub(r"([_*\\#~<])", r"\\\1", text)
    return re.sub(r"`([^`]*)`", r"*\1*", text)


def backslashes(text):
    """A literal block: scdoc takes a backslash there as elsewhere."""
    return text.replace("\\", "\\\\")


def manual(rf, when, said, cure):
    """RF-nn(7)"""
    message, *errors = said["says"].splitlines()
    says = "\n".join([f"\tError: {escaped(message)}  [{rf}]", *["\t" + escaped(e.strip("* ")) for e in errors], "",
                      f"\tNext: {escaped(said['instead'])}"])
    return f"""{rf}(7)

# NAME

{rf} - refused when {escaped(when)}

# MESSAGE

{says}

# WHY

{wrapped(escaped(cure.why))}

# WHAT WAS KEPT

{wrapped(escaped(cure.kept))}

# WHAT TO DO

{wrapped(escaped(cure.cure))}

```
{backslashes(typed(cure.commands))}
```

Names and addresses are examples. Code of the management API: {escaped(said['code'].strip('`'))}.

# SEE ALSO

*mds-refusals*(7), *mdsctl*(1), *mds*(7)
"""


def index(seen):
    """mds-refusals(7)"""
    rows = "\n".join(f"*{rf}*(7)\n\tRefused when {escaped(when)}.\n" for rf, (when, _) in sorted(seen.items()))
    return f"""mds-refusals(7)

# NAME

mds-refusals - what a Multi-Domain Server refuses, and what to do then

# DESCRIPTION

What is refused has a number that is the same on the command line, in the management API, and on the bus. A
command shows it in brackets, with what to do instead:

```
Error: london is the Primary; it cannot be deleted  [RF-26]
Next:  mdsctl server list
```

*man RF-26* says why, what was kept, and what to do. The management API has the number in the member
_refusal_ of its answer.

# REFUSALS

{rows}
# SEE ALSO

*mds*(7), *mdsctl*(1), *mgmt_cli*(1)
"""


def pages():
    """{path from the root: text} of all of them."""
    seen, cure, out = provoked(), cures(), {}
    assert sorted(seen) == sorted(cure)
    for rf, (when, said) in seen.items():
        out[f"docs/refusals/{rf}.md"] = markdown(rf, when, said, cure[rf])
        out[f"docs/man/refusals/{rf}.7.scd"] = manual(rf, when, said, cure[rf])
    out["docs/man/refusals/mds-refusals.7.scd"] = index(seen)
    return out


def write():
    """Writes all pages."""
    for path, text in pages().items():
        os.makedirs(os.path.dirname(f"{ROOT}/{path}"), exist_ok=True)
        with open(f"{ROOT}/{path}", "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    write()
