"""Backup of all Multi-Domain Servers at one moment, and bringing them back, together or one alone (BK-1 to
BK-9). On hosts of its own: whole deployments are replaced here."""

import base64
import contextlib
import io
import json
import re
import sqlite3
import subprocess
import tarfile
import tempfile
import time
import uuid

import pytest

from api import ApiError
from deployment import Deployment
from documents import commands_of
from rig import wait_until
from test_promotion import RAN, recorded

CITIES = ("london", "tokyo")


@pytest.fixture(name="kept", scope="module")
def deployment_with_backup():
    """EX-1 with something in it and a backup of that, taken on London into /root/safe."""
    d = Deployment("backup")
    d.build()
    for city in CITIES:
        d[city].sh = recorded(city, d[city].sh)
    api = d.api("london", "London")
    api.send("add-host", {"name": "before", "ip-address": "192.0.2.1"})
    api.publish()
    api.close()
    d.wait_synchronized("london", "London")
    d["london"].sh("mkdir -p /root/safe")
    d.told = json.loads(d["london"].out("cd /root/safe && mdsctl --json backup create --directory ."))
    d.files = {row["server"]: row["file"] for row in d.told}
    yield d
    d.down()


def there(d, city, name, domain="London"):
    """Whether a host object is published there."""
    api = d.api(city, domain)
    status = api.raw("show-host", json.dumps({"name": name}).encode())[0]
    api.close()
    return status == 200


def publish(d, city, name):
    api = d.api(city, "London")
    api.send("add-host", {"name": name, "ip-address": "192.0.2.9", "ignore-warnings": True})
    api.publish()
    api.close()


def contents(d, city):
    """Names in the backup of a host."""
    return d[city].out(f"tar tf {d.files[city]}").splitlines()


def test_BK_4_one_tar_file_named_by_date_and_time_on_every_server(kept):
    assert set(kept.files) == set(CITIES)
    assert re.fullmatch(r"/root/safe/\d\d[A-Z][a-z][a-z]\d{4}-\d{6}\.mdsbk\.tar", kept.files["london"])
    assert re.fullmatch(r"/var/backups/mds/\d\d[A-Z][a-z][a-z]\d{4}-\d{6}\.mdsbk\.tar", kept.files["tokyo"])
    assert len({f.rsplit("/", 1)[1] for f in kept.files.values()}) == 1
    for city in CITIES:
        whole = kept[city].sh(f"mdsctl backup verify {kept.files[city]}")
        assert f"Backup of   {city}" in whole.stdout and "is whole" in whole.stdout, whole.stdout
        assert kept[city].out(f"stat -c %a {kept.files[city]}").strip() == "600"
    # As a person sees it, at 80 columns.
    screen = kept["london"].out("mdsctl backup create --directory /root/safe")
    assert "SERVER" in screen and "Publishing was held for" in screen, screen
    assert max(len(line) for line in screen.splitlines()) <= 80, screen
    listed = kept["london"].out("mdsctl backup list --directory /root/safe")
    assert kept.files["london"] in listed, listed
    assert len(listed.splitlines()) == 3, listed  # also within one second none replaces another
    assert "backed up" in kept["london"].out("mdsctl backup create --plan")
    # Classic: into the working directory, without a question.
    kept["london"].sh("mkdir -p /root/classic")
    kept["london"].sh("cd /root/classic && mds_backup -b -l")
    out = kept["london"].out("ls /root/classic")
    assert re.fullmatch(r"\d\d[A-Z][a-z][a-z]\d{4}-\d{6}\.mdsbk\.tar", out.strip()), out
    plan = kept["tokyo"].out("cd /root && mds_backup -v")
    assert "london" in plan and "log server: not backed up" in plan, plan
    asked = kept["london"].sh("cd /root/classic && mds_backup </dev/null", check=False)
    assert asked.returncode == 9 and "-b" in asked.stderr, asked


def test_BK_5_a_backup_into_its_own_source_is_refused_RF_34(kept):
    for folder in ("/var/lib/mds", "/var/lib/mds/system", "/etc/mds/mds.conf.d"):
        done = kept["london"].sh(f"cd {folder} && mds_backup -b", check=False)
        assert done.returncode != 0 and "[RF-34]" in done.stderr and folder in done.stderr, done
    linked = kept["london"].sh("ln -sfn /var/lib/mds /root/link && mdsctl backup create --directory /root/link",
                               check=False)
    assert linked.returncode != 0 and "[RF-34]" in linked.stderr, linked


def test_BK_6_open_logs_are_not_in_it_and_none_without_logs(kept):
    names = contents(kept, "london")
    assert any(n.startswith("logs/") and n.endswith("-audit.jsonl") for n in names), names
    kept["london"].sh(f"mkdir -p /root/look && tar xf {kept.files['london']} -C /root/look")
    for work in kept["london"].out("find /root/look -name work.db").split():
        assert kept["london"].out(f"python3 -c \"import sqlite3; print(sqlite3.connect('{work}')"
                                  ".execute('SELECT count(*) FROM audit').fetchone()[0])\" "
                                  "2>/dev/null || echo no-python").strip() in ("0", "no-python")
    log = kept["london"].out("cat /root/look/logs/*-audit.jsonl")
    assert any(json.loads(line).get("operation") == "Publish" for line in log.splitlines())
    small = kept["london"].out("ls -d /root/classic/*.tar").split()[0]
    assert not [n for n in kept["london"].out(f"tar tf {small}").splitlines() if n.startswith("logs")]


def test_BK_2_BK_3_while_it_runs_nothing_is_published_or_created_RF_33(kept):
    # A server that is slow to keep its moment holds it long enough to be seen.
    kept["tokyo"].sh("mkdir -p /run/systemd/system/mds-backup.service.d && printf "
                     "'[Service]\\nExecPaths=/usr/bin/sleep\\nExecStartPre=/usr/bin/sleep 6\\n' > "
                     "/run/systemd/system/mds-backup.service.d/slow.conf && systemctl daemon-reload")
    try:
        kept["london"].sh("nohup mdsctl --json backup create > /root/running 2>&1 &")
        api = kept.api("london", "London")
        api.send("add-host", {"name": "meanwhile", "ip-address": "192.0.2.2"})

        def refused():
            try:
                api.call("publish")
            except ApiError as error:
                return error
            api.send("add-host", {"name": "meanwhile2", "ip-address": "192.0.2.3", "ignore-warnings": True})
            return None
        error = wait_until(refused, 5, "a publish to be refused")
        assert error.body["refusal"]["id"] == "RF-33" and "task" in error.message, error.body
        done = kept.ctl("london", "domain create X --on london --ip 10.77.0.99", check=False)
        assert "[RF-33]" in done.stderr, done
        done = kept.ctl("tokyo", "ha set-active Tokyo london", check=False)
        assert "[RF-33]" in done.stderr, done
        # The moment is over; what was refused is still there.
        wait_until(lambda: "held-ms" in kept["london"].out("cat /root/running"), 60, "the backup",
                   lambda: kept["london"].out("cat /root/running"))
        api.publish()
        api.close()
        assert there(kept, "london", "meanwhile")
    finally:
        kept["tokyo"].sh("rm -r /run/systemd/system/mds-backup.service.d && systemctl daemon-reload")


def test_a_backup_that_dies_on_a_server_fails_and_lets_everybody_go_on(kept):
    kept["tokyo"].sh("mkdir -p /run/systemd/system/mds-backup.service.d && printf "
                     "'[Service]\\nExecStart=\\nExecStart=/bin/false\\n' > "
                     "/run/systemd/system/mds-backup.service.d/bad.conf && systemctl daemon-reload")
    try:
        done = kept.ctl("london", "backup create", check=False)
        assert done.returncode != 0 and "tokyo" in done.stderr and "ended before it was done" in done.stderr, done
    finally:
        kept["tokyo"].sh("rm -r /run/systemd/system/mds-backup.service.d && systemctl daemon-reload")
    publish(kept, "london", "after-failure")
    assert not kept["tokyo"].out("ls -A /var/backups/mds | grep -v 'mdsbk.tar$' || true").strip()


def altered(d, city, change):
    """A copy of a backup with some of its members changed."""
    raw = d[city].path(d.files[city])
    out = d[city].path("/root/altered.tar")
    with tarfile.open(raw) as source, tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as target:
        for member in source.getmembers():
            data = source.extractfile(member).read() if member.isfile() else b""
            for name, content in change(member.name, data):
                member.name, member.size = name, len(content) if member.isfile() else 0
                target.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return "/root/altered.tar"


@pytest.mark.parametrize("case,change,said", [
    ("a byte of a database", lambda n, d: [(n, d[:5000] + bytes([d[5000] ^ 1]) + d[5001:])]
     if n.endswith("public.db") else [(n, d)], "was altered"),
    ("the list of contents", lambda n, d: [(n, d.replace(b'"secondary"', b'"primary"').replace(b"mds-ca", b"root"))]
     if n == "manifest.json" else [(n, d)], "has signed"),
    ("one more file", lambda n, d: [(n, d), ("state/extra", d)] if n.endswith("identity.json") else [(n, d)],
     "not listed"),
    ("one file less", lambda n, d: [] if n.endswith("identity.json") else [(n, d)], "missing"),
    ("a way out", lambda n, d: [("../../etc/passwd", d)] if n.endswith("identity.json") else [(n, d)],
     "not listed"),
])
def test_T_33_a_backup_that_was_altered_is_refused(kept, case, change, said):
    file = altered(kept, "london", change)
    for command in (f"mdsctl backup verify {file}", f"mdsctl -y backup restore --alone {file}"):
        done = kept["london"].sh(command, check=False)
        assert done.returncode != 0 and said in done.stderr, (case, done)
    assert kept["london"].out("systemctl is-active mds-core.service").strip() == "active"


def odd_entry(d, kind, **more):
    """A copy of a backup whose identity.json is an entry of another kind, or has another size."""
    raw, out = d["london"].path(d.files["london"]), d["london"].path("/root/altered.tar")
    with tarfile.open(raw) as source, tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as target:
        for member in source.getmembers():
            if member.name.endswith("identity.json"):
                member.type, member.size = kind, 0
                for name, value in more.items():
                    setattr(member, name, value)
                target.addfile(member)
            else:
                target.addfile(member, source.extractfile(member) if member.isfile() else None)
    return "/root/altered.tar"


@pytest.mark.parametrize("kind,more", [
    (tarfile.SYMTYPE, {"linkname": "/etc/shadow"}), (tarfile.SYMTYPE, {"linkname": "../../../../etc/shadow"}),
    (tarfile.LNKTYPE, {"linkname": "/etc/shadow"}), (tarfile.LNKTYPE, {"linkname": "state/../../../etc/shadow"}),
    (tarfile.CHRTYPE, {"devmajor": 1, "devminor": 1}), (tarfile.FIFOTYPE, {}), (tarfile.DIRTYPE, {})],
    ids=["link", "link-up", "hard-link", "hard-link-up", "device", "fifo", "folder"])
def test_T_33_entries_of_another_kind_than_listed_are_refused(kept, kind, more):
    file = odd_entry(kept, kind, **more)
    shadow = kept["london"].out("stat -c '%i %h %s %Y' /etc/shadow")
    for command in (f"mdsctl backup verify {file}", f"mdsctl -y backup restore --alone {file}"):
        done = kept["london"].sh(command, check=False)
        assert done.returncode != 0 and "cannot be used" in done.stderr, done
    assert kept["london"].out("stat -c '%i %h %s %Y' /etc/shadow") == shadow
    assert kept["london"].out("systemctl is-active mds-core.service").strip() == "active"


@pytest.mark.parametrize("name", ["manifest.json", "manifest.pem", "identity.json", "extra"])
def test_T_33_ten_gigabytes_of_zeros_are_not_read(kept, name):
    """An entry whose head says 10 GiB; the file of it is a hole."""
    raw, out = kept["london"].path(kept.files["london"]), kept["london"].path("/root/altered.tar")
    bomb = 10 << 30
    with tarfile.open(raw) as source, open(out, "wb") as file:
        for member in source.getmembers():
            data = source.extractfile(member).read() if member.isfile() else b""
            if member.name.endswith(name):
                member.size = bomb
                file.write(member.tobuf(tarfile.PAX_FORMAT))
                file.truncate(file.tell() + bomb + 1024)
                break
            file.write(member.tobuf(tarfile.PAX_FORMAT) + data + b"\0" * (-len(data) % 512))
        else:
            member = tarfile.TarInfo("state/extra")
            member.size = bomb
            file.write(member.tobuf(tarfile.PAX_FORMAT))
            file.truncate(file.tell() + bomb + 1024)
    free = int(kept["london"].out("df --output=avail -k / | tail -1"))
    for command in ("mdsctl backup verify", "mdsctl -y backup restore --alone"):
        done = kept["london"].sh(f"ulimit -v 1500000; timeout 60 {command} /root/altered.tar", check=False)
        assert done.returncode not in (0, 124) and "cannot be used" in done.stderr, (name, done)
    assert int(kept["london"].out("df --output=avail -k / | tail -1")) > free - 200_000
    assert not kept["london"].out("ls -d /var/lib/mds/restore-* 2>/dev/null || true")
    kept["london"].sh("rm /root/altered.tar")


def test_T_33_a_list_that_a_stranger_has_signed_is_refused(kept, tmp_path):
    """With the whole chain of another authority, whose names are those of ours."""
    def openssl(*words, **more):
        return subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True, **more)
    with tarfile.open(kept["london"].path(kept.files["london"])) as tar:
        manifest = tar.extractfile("manifest.json").read()
        ours = tar.extractfile("manifest.pem").read().decode().split("-----END CERTIFICATE-----")[0] + \
            "-----END CERTIFICATE-----\n"
    (tmp_path / "ours.pem").write_text(ours)
    text = openssl("x509", "-in", "ours.pem", "-noout", "-ext", "subjectAltName").stdout.decode()
    uri = text.split("URI:")[1].split()[0]
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out", "ca.pem", "-subj", "/CN=Deployment Root", "-days", "30")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "own.key",
            "-out", "own.csr", "-subj", "/CN=london")
    (tmp_path / "ext").write_text(f"subjectAltName=URI:{uri}\nbasicConstraints=critical,CA:FALSE\n"
                                  "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n")
    openssl("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile",
            "ext", "-out", "own.pem", "-days", "30")
    (tmp_path / "m").write_bytes(manifest)
    signature = openssl("dgst", "-sha256", "-sign", "own.key", "m").stdout
    chain = (tmp_path / "own.pem").read_bytes() + (tmp_path / "ca.pem").read_bytes()
    new = {"manifest.sig": signature, "manifest.pem": chain}
    file = altered(kept, "london", lambda n, d: [(n, new.get(n, d))])
    for command in (f"mdsctl backup verify {file}", f"mdsctl -y backup restore --alone {file}"):
        done = kept["london"].sh(command, check=False)
        assert done.returncode != 0 and "not one of this deployment" in done.stderr, done


def test_BK_7_another_version_is_refused_RF_35(kept):
    # The same program that says it is another release.
    version = kept["london"].out("mdsctl --version").split()[1]
    other = version[:-1] + str((int(version[-1]) + 1) % 10)
    program = "/usr/lib/mds/mds-backup"
    plain = version.replace(".", "\\.")
    kept["london"].sh(f"LC_ALL=C sed 's/{plain}/{other}/g' {program} > /root/other && chmod 700 /root/other")
    done = kept["london"].sh(f"/root/other restore --yes --alone {kept.files['london']}", check=False)
    assert done.returncode != 0 and "[RF-35]" in done.stderr, done
    assert version in done.stderr and other in done.stderr


def test_BK_9_a_backup_of_the_primary_is_refused_on_a_secondary(kept):
    data = kept["london"].path(kept.files["london"])
    kept["tokyo"].sh("mkdir -p /root/safe")
    with open(data, "rb") as source, open(kept["tokyo"].path("/root/safe/other.tar"), "wb") as target:
        target.write(source.read())
    done = kept["tokyo"].sh("mdsctl -y backup restore /root/safe/other.tar", check=False)
    assert done.returncode != 0, done
    assert "backup of london (Primary); this server is tokyo (Secondary)" in done.stderr, done.stderr


def test_BK_8_one_server_alone_is_behind_and_never_pushes_old_data(kept):
    publish(kept, "london", "since")
    kept.ctl("london", "ha set-active London tokyo")
    kept.wait_role("tokyo", "London", "active")
    publish(kept, "tokyo", "newer")
    kept.wait_synchronized("tokyo", "London")
    refused = kept["london"].sh(f"mdsctl -y backup restore {kept.files['london']}", check=False)
    assert refused.returncode != 0 and "tokyo still runs" in refused.stderr, refused
    unasked = kept["london"].sh(f"mdsctl backup restore --alone {kept.files['london']} </dev/null", check=False)
    assert unasked.returncode == 9 and "WARNING: only this server goes back" in unasked.stderr, unasked
    done = kept["london"].sh(f"mds_restore {kept.files['london']} --alone -y", timeout=120)
    assert "london is restored" in done.stdout, done.stdout
    kept["london"].wait_up()
    # It was Active in the backup; Tokyo is by now, and has more. London takes that and gives nothing.
    kept.wait_synchronized("tokyo", "London", 60)
    assert kept.ha("london", "London")["role"] == "standby"
    for city in CITIES:
        assert all(there(kept, city, name) for name in ("before", "since", "newer")), city
    assert kept.ha("tokyo", "London")["recovered-sessions"] == []
    # Where it was Active all the time it has what it lacked from the Standby, and goes on.
    kept.wait_role("london", "Global", "active", 60)
    kept.ctl("london", "ha set-active London london")
    kept.wait_role("london", "London", "active")
    publish(kept, "london", "goes-on-alone")
    kept.wait_synchronized("london", "London")


def test_BK_1_T_13_all_servers_are_restored_together_and_come_up_synchronized(kept, tmp_path):
    fresh = json.loads(kept["london"].out("mdsctl --json backup create"))
    files = {row["server"]: row["file"] for row in fresh}
    # Revoked after the backup: that is not taken back by a restore (K-19, T-13).
    gone = str(uuid.uuid4())
    kept["london"].sh("busctl call org.openmds.Ca1 /org/openmds/Ca1 org.openmds.Ca1 RevokeServer ss "
                      f"{gone} cessation-of-operation")
    publish(kept, "london", "too-late")
    kept.wait_synchronized("london", "London")
    for city in CITIES:
        kept[city].sh("mdsstop", timeout=60)
    for city in CITIES:
        done = kept[city].sh(f"mdsctl -y backup restore {files[city]}", timeout=120)
        assert "WARNING: everything published since" in done.stderr, done.stderr
    for city in CITIES:
        kept[city].wait_up()
    for domain, city in (("London", "london"), ("Tokyo", "tokyo"), ("Global", "london")):
        kept.wait_role(city, domain, "active", 60)
    other = {"london": "tokyo", "tokyo": "london"}
    for domain, city in (("London", "london"), ("Tokyo", "tokyo"), ("Global", "london")):
        wait_until(lambda: kept.peer(city, domain, other[city]).get("sync-status") == "synchronized", 60,
                   f"{domain} to be synchronized", lambda: json.dumps(kept.ha(city, domain), indent=1))
    for city in CITIES:
        assert there(kept, city, "since") and not there(kept, city, "too-late")
    for name in ("ca.db", "ca.db-wal"):
        data = kept["london"].out(f"base64 -w0 /var/lib/mds/ca/{name}")
        (tmp_path / name).write_bytes(base64.b64decode(data))
    with contextlib.closing(sqlite3.connect(tmp_path / "ca.db")) as ca:
        assert ca.execute("SELECT count(*) FROM barred WHERE uuid=?", (gone,)).fetchone() == (1,)
    # The log server was not restored; its newer history is not this one, and it gets a full copy.
    for domain, city in (("London", "london"), ("Tokyo", "tokyo")):
        kept.ctl(city, f'-y ha sync {domain} logs --reason "restored"')
        kept.wait_synchronized(city, domain, 60)
    publish(kept, "london", "goes-on")
    kept.wait_synchronized("london", "London")
    assert there(kept, "tokyo", "goes-on")
    # A restore is no tampering: the trails go on as the others have seen them.
    done = kept.ctl("london", "audit verify", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept["london"].out("ls -d /var/lib/mds/before-*").strip()


@contextlib.contextmanager
def taken_out(host, folder, back=False):
    """A connection to a copy of the work.db in a folder of a host; `back`: what it is in the end is put there.
    SQLite itself resolves the links by which this machine sees the files of a host, and finds others."""
    with tempfile.TemporaryDirectory() as here:
        for name in ("work.db", "work.db-wal"):
            with contextlib.suppress(FileNotFoundError), open(host.path(f"{folder}/{name}"), "rb") as file, \
                    open(f"{here}/{name}", "wb") as copy:
                copy.write(file.read())
        with contextlib.closing(sqlite3.connect(f"{here}/work.db")) as database:
            yield database
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if back:
            # Into the same file: owner and mode stay.
            with open(f"{here}/work.db", "rb") as changed, open(host.path(f"{folder}/work.db"), "wb") as file:
                file.write(changed.read())
            host.sh(f"rm -f {folder}/work.db-*")


def forget_since(kept, since_ms):
    """Takes what the others have witnessed since then out of their files: what a trail told that was tampered
    with is evidence for ever."""
    for city in ("tokyo", "logs"):
        kept[city].sh("systemctl stop mds-core.service")
        with taken_out(kept[city], "/var/lib/mds/system", back=True) as database:
            database.execute("DELETE FROM witness WHERE heard_ms>=?", (since_ms,))
        kept[city].sh("systemctl start mds-core.service")
    kept.wait_well("tokyo")


def tampered(kept, act):
    """Stops London's server of Domain London, changes its work.db by a function, starts it; puts back what
    was there at the end. What `mdsctl audit verify` on Tokyo says meanwhile: (exit code, text)."""
    london, unit = kept["london"], "mds-domain@London-1.service"
    folder = london.out("readlink -f /var/lib/mds/servers/London-1")
    london.sh(f"systemctl stop {unit}; rm -rf /root/kept; mkdir /root/kept; cp -p {folder}/work.db* /root/kept/")
    since = int(time.time() * 1000)
    try:
        with taken_out(london, folder, back=True) as database:
            act(database)
        london.sh(f"systemctl start {unit}")
        kept.wait_role("london", "London", "active")
        done = kept.ctl("tokyo", "audit verify london", check=False)
        return done.returncode, done.stdout + done.stderr
    finally:
        london.sh(f"systemctl stop {unit}; rm -f {folder}/work.db*; cp -p /root/kept/work.db* {folder}/; "
                  f"systemctl start {unit}")
        kept.wait_role("london", "London", "active")
        forget_since(kept, since)


def fill(kept, count):
    """Records in Domain London's trail on London, all seen by the others."""
    for _ in range(count):
        kept.api("london", "London").close()
    wait_until(lambda: kept.ctl("tokyo", "audit verify london", check=False).returncode == 0, 30,
               "a trail that is as written", lambda: str(kept.ctl("tokyo", "audit verify", check=False)))

    def seen():
        rows = kept.ctl_json("tokyo", "audit verify london")["servers"]
        (log,) = [g for g in rows[0]["logs"] if g["log"] == "London"]
        return log
    last = seen()["last"]
    wait_until(lambda: witnessed(kept, "tokyo", "London") >= last, 20, "the others to have seen it")
    return last


def witnessed(kept, city, domain):
    """The newest record of London's trail of a Domain that a city has witnessed."""
    uid = next(d["uid"] for d in kept.ctl_json("london", "domain list") if d["name"] == domain)
    mds = next(s["uid"] for s in kept.ctl_json("london", "server list") if s["name"] == "london")
    # A copy: the service has the file for itself.
    kept[city].sh("rm -rf /root/look; mkdir /root/look; cp /var/lib/mds/system/work.db* /root/look/")
    with taken_out(kept[city], "/root/look") as database:
        (newest,) = database.execute("SELECT max(id) FROM witness WHERE mds=? AND log=?", (mds, uid)).fetchone()
    return newest or 0


def test_T_30_what_was_done_to_a_trail_is_found_and_its_place_is_named(kept):
    last = fill(kept, 6)
    at = last - 5
    code, text = tampered(kept, lambda d: d.execute("UPDATE audit SET user='nobody' WHERE id=?", (at,)))
    assert code == 3 and re.search(rf"London: record {at} is not", text), text
    # The end is cut off: only the others know it.
    code, text = tampered(kept, lambda d: d.execute("DELETE FROM audit WHERE id>?", (at,)))
    assert code == 3 and re.search(rf"records ({at + 1}|{at + 2}) to \d+.*(tokyo|logs) has seen", text.replace("\n  ", " ")), text
    # Another file in its place.

    def replace(d):
        d.execute("DELETE FROM audit")
        d.execute("DELETE FROM audit_chain")
    code, text = tampered(kept, replace)
    assert code == 3 and "another trail" in text, text
    # The whole deployment's trails are as written, and the command says who has seen them.
    done = kept.ctl("london", "audit verify")
    assert "as written" in done.stdout and done.returncode == 0, done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    # An older file, with which the server went on.
    fill(kept, 1)
    london, unit = kept["london"], "mds-domain@London-1.service"
    folder = london.out("readlink -f /var/lib/mds/servers/London-1")
    london.sh(f"systemctl stop {unit}; rm -rf /root/older; mkdir /root/older; cp -p {folder}/work.db* /root/older/; "
              f"systemctl start {unit}")
    kept.wait_role("london", "London", "active")
    before = fill(kept, 3)
    london.sh(f"systemctl stop {unit}; rm -f {folder}/work.db*; cp -p /root/older/work.db* {folder}/; "
              f"systemctl start {unit}")
    kept.wait_role("london", "London", "active")
    done = kept.ctl("tokyo", "audit verify london", check=False)
    assert done.returncode == 3 and f"to {before}" in (done.stdout + done.stderr).replace("\n  ", " "), done


def test_the_backup_document_holds_only_commands_that_ran_here(kept):
    assert kept.files
    stamp = re.compile(r"\d\d[A-Z][a-z][a-z]\d{4}-\d{6}")
    ran = {stamp.sub("STAMP", line) for line in RAN}
    count = 0
    for line in commands_of("backup.md"):
        count += 1
        assert stamp.sub("STAMP", line) in ran, line
    assert count >= 10
