"""Where on a host a secret can be found: files, memory of processes, what went over the cable."""

import base64
import os
import re
import socket
import subprocess
import threading

from api import network_namespace

ETH_P_ALL = 3
# What is not read twice, or is no content of a file.
SKIP = ("/proc", "/sys", "/dev", "/usr", "/boot", "/lib", "/bin", "/sbin", "/lib64")


def forms_of_key(pem):
    """The forms in which a private key may lie about: {name: bytes}. Of an EC or Ed25519 key in PEM."""
    def openssl(*words):
        return subprocess.run(["openssl", *words], input=pem.encode(), check=True, capture_output=True).stdout
    text = openssl("pkey", "-noout", "-text").decode()
    number = bytes.fromhex(re.search(r"priv:\n([\s0-9a-f:]+)", text).group(1).replace(":", "").replace(" ", "")
                           .replace("\n", "")).lstrip(b"\0")
    forms = {"number": number, "number as in memory": number[::-1], "hex": number.hex().encode(),
             "HEX": number.hex().upper().encode()}
    written = {"PKCS8": openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER")}
    if not text.startswith("ED25519"):
        written["SEC1"] = openssl("ec", "-outform", "DER")
    for name, der in written.items():
        at = der.index(number)
        # The part of the base64 that holds nothing but the number, up to or from where PEM breaks a line.
        first, last = -(-at // 3) * 4, (at + len(number)) // 3 * 4
        piece = max((base64.b64encode(der)[max(first, line):min(last, line + 64)]
                     for line in range(0, last, 64)), key=len)
        assert len(piece) >= 20, name
        forms[name] = piece
    return forms


def forms_of_text(text):
    """The forms of a typed key."""
    bare = text.replace("-", "")
    return {"as typed": text.encode(), "without dashes": bare.encode(), "lower case": bare.lower().encode(),
            "base64": base64.b64encode(text.encode()).rstrip(b"=")[:-1]}


def forms_of_activation_key(text):
    """The forms of an activation key: as typed, as it is compared (lib/enrol/key.cc), and pieces that a register
    or a short text holds."""
    normal = text.upper().replace("-", "").replace(" ", "").translate(str.maketrans("ILO", "110"))
    forms = {**forms_of_text(text), "normalized": normal.encode()}
    if len(text) >= 16:
        forms |= {"first piece": text[:8].encode(), "last piece": text[-8:].encode()}
    return forms


def _matches(data, forms):
    return [name for name, form in forms.items() if form in data]


def in_files(host, forms, skip=()):
    """[(path, form)] of files of a host that hold one of the forms."""
    root, found = host.path(""), []
    for folder, names, files in os.walk(root):
        inside = folder[len(root):]
        names[:] = [n for n in names if f"{inside}/{n}" not in SKIP and not os.path.islink(f"{folder}/{n}")]
        for name in files:
            path = f"{folder}/{name}"
            if f"{inside}/{name}" in skip or not os.path.isfile(path) or os.path.islink(path):
                continue
            try:
                with open(path, "rb") as file:
                    data = file.read()
            except OSError:
                continue
            found += [(f"{inside}/{name}", form) for form in _matches(data, forms)]
    # Journal files may be compressed.
    journal = host.sh("journalctl -q --no-pager -a -o export").stdout.encode("utf-8", "replace")
    return found + [("journal", form) for form in _matches(journal, forms)]


def processes(host):
    """[(pid outside, name)] of the processes of a host."""
    own = os.readlink(f"/proc/{host.leader()}/ns/pid")
    out = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/ns/pid") == own:
                with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as file:
                    out.append((int(pid), file.read().strip()))
        except OSError:
            continue
    return out


def regions(pid):
    """Pieces (name, address, bytes) of the memory of a process that it may write."""
    try:
        with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, \
                open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
            for line in maps:
                span, rights, _, _, _, *name = line.split(None, 5)
                if not rights.startswith("rw") or "[vvar]" in line:
                    continue
                begin, end = (int(x, 16) for x in span.split("-"))
                try:
                    mem.seek(begin)
                    yield name[0].strip() if name else "anonymous", begin, mem.read(end - begin)
                except (OSError, ValueError):
                    continue
    except OSError:
        return


def in_regions(pid, name, forms):
    """["process pid: form in region at address"] of one process."""
    return [f"{name} {pid}: {form} in {region} at {begin + data.index(forms[form]):#x}"
            for region, begin, data in regions(pid) for form in _matches(data, forms)]


def in_memory(host, forms, skip=()):
    """[(process, form)] of processes of a host that hold one of the forms."""
    found = set()
    for pid, name in processes(host):
        if name in skip:
            continue
        for _, _, data in regions(pid):
            found |= {(name, form) for form in _matches(data, forms)}
    return sorted(found)


def in_command_lines(host, forms):
    """[(process, form)] whose arguments or environment hold one of the forms."""
    found = []
    for pid, name in processes(host):
        for what in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{what}", "rb") as file:
                    found += [(name, form) for form in _matches(file.read(), forms)]
            except OSError:
                continue
    return found


class Recorder:
    """Records every frame on a host's cable while it is open."""

    def __init__(self, deployment, name):
        with network_namespace(deployment.rig.network.switch):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind((f"p-{name}"[:15], 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.frames, self.open = [], True
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        self.socket.settimeout(0.1)
        while self.open:
            try:
                self.frames.append(self.socket.recv(65536))
            except TimeoutError:
                continue

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.open = False
        self.thread.join()
        self.socket.close()

    def bytes(self):
        """All frames, one after the other; a stream that two frames share is in both pieces."""
        return b"".join(self.frames)

    def payload(self):
        """The content of TCP frames without heads, joined: what spans two frames is whole."""
        out = []
        for frame in self.frames:
            if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
                continue
            head = 14 + (frame[14] & 15) * 4
            length = int.from_bytes(frame[16:18], "big")
            out.append(frame[head + (frame[head + 12] >> 4) * 4:14 + length])
        return b"".join(out)
