"""Unattended setup: where answers come from, which of them counts, and what is refused."""

import json
import os
import re
import shutil
import subprocess
import tempfile

import jsonschema
import pytest
from setup_machine import HASH, SETUP, needs_root

SECRET = "orange-boat-77"


def debconf(machine, **answers):
    """Answers as preseeding leaves them, by the real debconf."""
    lines = "".join(f"openmds-server mds/{key.replace('_', '-')} string {value}\n"
                    for key, value in answers.items())
    env = dict(os.environ, DEBCONF_DB_REPLACE=f"File{{{machine.folder}/config.dat}}")
    subprocess.run(["debconf-set-selections"], input=lines, text=True, env=env, check=True)


def set_option(machine, value):
    return ["--set", f"deployment={value}"]


def credential(machine, value):
    folder = machine.folder / "credentials"
    folder.mkdir(exist_ok=True)
    (folder / "mds.setup.deployment").write_text(value + "\n")
    machine.env["CREDENTIALS_DIRECTORY"] = str(folder)
    return []


def whole_credential(machine, value):
    folder = machine.folder / "credentials"
    folder.mkdir(exist_ok=True)
    (folder / "mds.setup.conf").write_text(f"[Deployment]\nName={value}\n")
    machine.env["CREDENTIALS_DIRECTORY"] = str(folder)
    return []


def kernel(machine, value):
    (machine.folder / "cmdline").write_text(f"BOOT_IMAGE=/vmlinuz quiet mds.setup.deployment={value} splash\n")
    return []


def drop_in(machine, value):
    (machine.etc / "setup.conf.d").mkdir(exist_ok=True)
    (machine.etc / "setup.conf.d" / "50-site.conf").write_text(f"[Deployment]\nName={value}\n")
    return []


def setup_conf(machine, value):
    (machine.etc / "setup.conf").write_text(f"[Deployment]\nName={value}\n")
    return []


def preseeded(machine, value):
    debconf(machine, deployment=value)
    return []


# Strongest first, with the words by which the summary names each.
SOURCES = [(set_option, "--set"), (credential, "credential mds.setup.deployment"),
           (whole_credential, "credential mds.setup.conf line 2"), (kernel, "kernel command line"),
           (drop_in, "setup.conf.d/50-site.conf line 2"), (setup_conf, "setup.conf line 2"),
           (preseeded, "debconf mds/deployment")]


def plan(machine, *arguments):
    password = machine.file("password", "orange-boat-77-long")
    done = machine.setup("--dry-run", "--set", "role=primary", "--set", f"password-file={password}",
                         "--set", "host-name=london.acme.example", *arguments)
    assert done.returncode == 0, done.stderr
    value, source = re.search(r"Deployment\.Name +(\S+) +\((.*)\)", done.stdout).groups()
    return value, source


@pytest.mark.parametrize("source, name", SOURCES, ids=[s.__name__ for s, _ in SOURCES])
def test_F_T3_every_source_alone(machine, source, name):
    value, said = plan(machine, *source(machine, "here"))
    assert value == "here" and said.endswith(name)


@pytest.mark.parametrize("strongest", range(len(SOURCES)), ids=[s.__name__ for s, _ in SOURCES])
def test_F_T3_the_stronger_source_wins(machine, strongest):
    arguments = []
    for i in reversed(range(strongest, len(SOURCES))):
        arguments = SOURCES[i][0](machine, f"from-{i}") + arguments
    value, said = plan(machine, *arguments)
    assert value == f"from-{strongest}" and said.endswith(SOURCES[strongest][1])


def test_F_T3_without_a_source_the_default_is_found(machine):
    assert plan(machine) == ("acme.example", "default")


@needs_root
def test_F_T3_a_server_set_up_from_every_source_at_once(machine):
    machine.boot()
    folder = machine.folder / "credentials"
    folder.mkdir()
    (folder / "mds.setup.password-hash").write_text(HASH + "\n")
    machine.env["CREDENTIALS_DIRECTORY"] = str(folder)
    (machine.folder / "cmdline").write_text("quiet mds.setup.host-name=london.acme.example\n")
    (machine.etc / "setup.conf").write_text("[Deployment]\nName=acme-msp\n")
    debconf(machine, administrator="anna", role="log-server")
    done = machine.setup("--firstboot", "--set", "role=primary")
    assert done.returncode == 0, done.stderr
    request = machine.request()
    assert (request["role"], request["host-name"], request["deployment"], request["administrator"],
            request["password-hash"]) == ("primary", "london.acme.example", "acme-msp", "anna", HASH)


def test_F_4_secrets_are_refused_where_others_can_read_them(machine):
    (machine.folder / "cmdline").write_text(f"quiet mds.setup.activation-key={SECRET}\n")
    (machine.etc / "setup.conf").write_text(f"[Administrator]\nPasswordHash={HASH}\n")
    (machine.etc / "setup.conf").chmod(0o644)
    debconf(machine, password=SECRET)
    done = machine.setup("--dry-run", "--set", f"activation-key={SECRET}", "--set", "role=primary")
    assert done.returncode == 2
    for text in ("kernel command line: activation_key is a secret: everybody on this host can read it here, so "
                 "it must be considered known. Use a credential with another one",
                 "setup.conf line 2: Administrator.PasswordHash is in a file that others can read; chmod 600 it",
                 "debconf mds/password: password is a secret", "--set: activation_key is a secret"):
        assert text in done.stderr, done.stderr
    assert SECRET not in done.stdout + done.stderr and HASH not in done.stdout + done.stderr


def test_F_7_unknown_keys_are_errors_in_every_source(machine):
    (machine.folder / "cmdline").write_text("mds.setup.adress=10.1.0.1\n")
    (machine.etc / "setup.conf").write_text("[Server]\nRol=primary\n")
    folder = machine.folder / "credentials"
    folder.mkdir()
    (folder / "mds.setup.rolle").write_text("primary")
    machine.env["CREDENTIALS_DIRECTORY"] = str(folder)
    debconf(machine, gui_client="any")
    done = machine.setup("--dry-run", "--set", "Deployment.Nam=x")
    assert done.returncode == 2
    for text in ("--set: unknown key Deployment.Nam, did you mean Deployment.Name?",
                 "credential mds.setup.rolle: unknown key rolle, did you mean role?",
                 "kernel command line: unknown key adress, did you mean address?",
                 "setup.conf line 2: unknown key Server.Rol, did you mean Server.Role?",
                 "debconf mds/gui-client: unknown key gui-client, did you mean gui-clients?"):
        assert text in done.stderr, done.stderr


@needs_root
@pytest.mark.parametrize("role", ["primary", "secondary", "log-server"])
def test_F_T4_a_second_run_changes_no_file(machine, role):
    machine.boot()
    secret = machine.file("secret", "orange-boat-77-long\n")
    (machine.etc / "setup.conf").write_text(
        f"[Server]\nRole={role}\n" + (f"[Administrator]\nPasswordFile={secret}\n" if role == "primary" else
                                      f"[Trust]\nActivationKeyFile={secret}\n"))
    assert machine.setup("--firstboot").returncode == 0

    def files():
        return {p: (p.stat().st_mtime_ns, p.stat().st_ino, p.read_bytes() if p.is_file() else None)
                for p in machine.folder.rglob("*")}

    before = files()
    for arguments in ((), ("--firstboot",), ("--plain",), ("--answers", str(machine.etc / "setup.conf"))):
        again = machine.setup(*arguments)
        assert again.returncode == 0 and "no change" in again.stdout, again.stderr
    assert files() == before


@needs_root
def test_F_8_everything_that_is_missing_is_said_at_once_and_nothing_is_asked(machine):
    machine.boot()
    nothing = machine.setup()
    assert nothing.returncode == 2 and "RF-03" in nothing.stderr and nothing.stdout == ""
    (machine.etc / "setup.conf").write_text("[Server]\nRole=log-server\nAddress=203.0.113.9\nHostName=a_b\n")
    done = machine.setup(stdin="\n" * 20)
    assert done.returncode == 2
    for text in ("3 problems:", "RF-04", "203.0.113.9 is not an address of this host", '"a_b" is not a host name'):
        assert text in done.stderr, done.stderr
    assert machine.calls() == [] and machine.snapshot() == {}


CASES = {
    "primary": (f"[Server]\nRole=primary\n[Administrator]\nPasswordHash={HASH}\n", True),
    "password file": ("[Server]\nRole=primary\n[Administrator]\nPasswordFile=/root/p\n", True),
    "secondary": ("[Server]\nRole=secondary\nHostName=a.example\n[Trust]\nActivationKeyFile=/root/k\n", True),
    "log server": ("[Server]\nRole=log-server\n[Trust]\nActivationKeyFile=/root/k\n", True),
    "no key": ("[Server]\nRole=secondary\n", False),
    "no password": ("[Server]\nRole=primary\n[Administrator]\nName=anna\n", False),
    "no role": ("[Deployment]\nName=x\n", False),
    "other role": ("[Server]\nRole=boss\n", False),
    "unknown key": (f"[Server]\nRole=primary\nX=1\n[Administrator]\nPasswordHash={HASH}\n", False),
    "unknown section": (f"[Server]\nRole=primary\n[X]\nY=1\n[Administrator]\nPasswordHash={HASH}\n", False),
}


def as_json(text):
    made, section = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            section = made.setdefault(line[1:-1], {})
        else:
            key, value = line.split("=", 1)
            section[key] = value
    return made


@pytest.mark.parametrize("name", sorted(CASES))
def test_F_6_the_schema_and_the_check_agree(machine, name):
    text, good = CASES[name]
    printed = machine.setup("--print-schema")
    assert printed.returncode == 0
    schema = json.loads(printed.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert jsonschema.Draft202012Validator(schema).is_valid(as_json(text)) == good
    checked = machine.setup("--check", machine.file("answers", text))
    assert (checked.returncode == 0) == good, checked.stderr


def test_F_6_check_needs_no_root_and_names_every_line(machine):
    text = "[Server]\nRole=primary\nAddress=127.0.0.1\nHostNam=x\nnonsense\n[Deployment]\nName=\n[Access]\nGuiClients=me\n"
    with tempfile.TemporaryDirectory() as folder:  # where somebody else than root can look
        os.chmod(folder, 0o755)
        command = [shutil.copy(SETUP, folder), "--check", f"{folder}/answers"]
        with open(f"{folder}/answers", "w", encoding="utf-8") as file:
            file.write(text)
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        done = subprocess.run(command, capture_output=True, text=True, env=machine.env, check=False)
    assert done.returncode == 2, done.stderr
    for line, text in ((3, "127.0.0.1 cannot be reached"), (4, "did you mean Server.HostName?"),
                       (5, "not a section, a key or a comment"), (7, "a deployment name has 1 to 64 characters"),
                       (9, '"me" is not "any", an address')):
        assert re.search(rf"answers line {line}: .*{re.escape(text)}", done.stderr), done.stderr
    assert "the password is missing" in done.stderr and "6 problems:" in done.stderr


def test_F_12_the_plan_names_files_units_users_ports_and_time(machine):
    machine.file("key", SECRET)
    done = machine.setup("--dry-run", "--set", "role=secondary", "--set",
                         f"activation-key-file={machine.folder}/key")
    assert done.returncode == 0, done.stderr
    for word in ("Files", "Units", "Users", "Ports", "Time", "Nothing was changed."):
        assert re.search(rf"^ *{word}", done.stdout, re.M), done.stdout
    assert machine.snapshot() == {} and SECRET not in done.stdout
