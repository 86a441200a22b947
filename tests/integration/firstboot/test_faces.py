"""First-time setup as people see it: the real program on an emulated terminal, driven by keys."""

import re

import pytest
from screen import CTRL_C, ENTER, ESC, SPACE, TAB, F1
from setup_machine import ADDRESS, HASH, needs_root

SECRET = "orange-boat-77"
ROLES = ["primary", "secondary", "log-server"]
FULL = "┤ Host name ├"
PLAIN = "At every question: ? for help"

pytestmark = needs_root


def wanted(role):
    common = {"role": role, "host-name": "tokyo-mds-01.acme.example"}
    if role == "primary":
        return dict(common, deployment="acme-msp", administrator="anna",
                    **{"gui-clients": "any", "recovery-certificate": ""})
    return dict(common, **{"activation-key": SECRET})


def check_request(machine, role):
    request = machine.request()
    assert request.pop("address") in ADDRESS and request.pop("interface")
    assert request.pop("password-hash", "$y$").startswith("$y$")
    assert request == wanted(role)


def clear(screen):
    screen.type("\x15")  # as in a shell: the whole line


def drive_full(screen, role):
    """All screens by keys; returns what each of them showed."""
    seen = [screen.wait("Host name ", "step 1 of 5 to 7", "<Next>", "Tab moves", "link up")]
    clear(screen)
    screen.type("tokyo-mds-01.acme.example" + ENTER + ENTER)
    seen.append(screen.wait(" Time zone ", "step 2 of 5 to 7", "Etc/UTC"))
    screen.type(ENTER + ENTER)
    seen.append(screen.wait(" Role ", "step 3 of 5 to 7"))
    for _ in range(ROLES.index(role)):
        screen.down()
    screen.type(SPACE + ENTER)
    if role == "primary":
        seen.append(screen.wait(" Deployment name ", "step 4 of 7"))
        clear(screen)
        screen.type("acme-msp" + ENTER)
        seen.append(screen.wait(" First administrator ", "step 5 of 7", "may connect from"))
        clear(screen)
        screen.type("anna" + ENTER + SECRET + ENTER + SECRET)
        seen.append(screen.wait("**************"))
        screen.type(ENTER + ENTER)
        seen.append(screen.wait(" Recovery key ", "step 6 of 7"))
        screen.down()
        screen.type(SPACE + ENTER)
        seen.append(screen.wait(" Summary ", "step 7 of 7"))
    else:
        seen.append(screen.wait(" Trust ", "step 4 of 5", "Address of the Primary"))
        screen.type(SECRET + ENTER + SECRET)
        seen.append(screen.wait("**************"))
        screen.type(ENTER + ENTER)
        seen.append(screen.wait(" Summary ", "step 5 of 5"))
    screen.type(ENTER)
    return seen


def drive_plain(screen, role):
    at = screen.wait_text("Full host name of this server")
    screen.type("tokyo-mds-01.acme.example\n")
    for prompt in ("other servers reach", "Time zone of this server", "Time servers, separated"):
        at = screen.wait_text(prompt, at)
        screen.type("\n")
    at = screen.wait_text("Number, or ? for help, < for back", at)
    screen.type(f"{ROLES.index(role) + 1}\n")
    if role == "primary":
        at = screen.wait_text("Name of the deployment", at)
        screen.type("acme-msp\n")
        at = screen.wait_text("Name of the first administrator", at)
        screen.type("anna\n")
    for prompt in ("not shown): ", "again: "):
        at = screen.wait_text(prompt, at)
        screen.hides_typing()
        screen.type(SECRET + "\n")
    if role == "primary":
        at = screen.wait_text("Addresses that administrators", at)
        screen.type("\n")
        at = screen.wait_text("[1]: ", at)
        screen.type("2\n")
    else:
        at = screen.wait_text("Address of the Primary", at)
        screen.type("\n")
    at = screen.wait_text("q to leave: ", at)
    screen.type("yes\n")


def answers(machine, role):
    if role == "primary":
        text = (f"[Server]\nRole=primary\nHostName=tokyo-mds-01.acme.example\n[Deployment]\nName=acme-msp\n"
                f"[Administrator]\nName=anna\nPasswordHash={HASH}\n")
    else:
        key = machine.file("key", SECRET + "\n")
        text = (f"[Server]\nRole={role}\nHostName=tokyo-mds-01.acme.example\n"
                f"[Trust]\nActivationKeyFile={key}\n")
    return machine.file("answers", text)


@pytest.mark.parametrize("face", ["full screen", "plain", "unattended"])
@pytest.mark.parametrize("role", ROLES)
def test_F_T1_every_role_on_every_face_at_80x24(machine, role, face):
    machine.boot()
    arguments = {"plain": ["--plain"], "unattended": ["--answers", answers(machine, role)]}.get(face, [])
    screen = machine.screen(*arguments)
    if face == "full screen":
        drive_full(screen, role)
    elif face == "plain":
        drive_plain(screen, role)
    assert screen.end() == 0, screen.shown()
    shown = screen.shown()
    for text in ("Setting up tokyo-mds-01.acme.example as", "✓ System database and Global Domain", "Ready in"):
        assert text in shown, shown
    assert ("log in as anna" if role == "primary" else "Waiting for the Primary.") in shown
    assert SECRET.encode() not in screen.text, "secrets are never shown"
    check_request(machine, role)
    assert not (machine.state / "setup-draft.conf").exists()


@pytest.mark.parametrize("role", ROLES)
def test_F_T1_a_large_screen_has_the_window_in_its_middle(machine, role):
    machine.boot()
    screen = machine.screen(columns=200, rows=50)
    seen = drive_full(screen, role)
    assert screen.end() == 0, screen.shown()
    first = seen[0].split("\n")
    assert first[0].startswith(" First-time setup") and first[0].endswith("step 1 of 5 to 7")
    assert len(first[0]) == 199 and len(first) == 50
    top = next(i for i, line in enumerate(first) if FULL in line)
    assert 12 <= top <= 16 and first[top].index("┌") == 60
    check_request(machine, role)


@pytest.mark.parametrize("role", ROLES)
def test_F_T1_a_small_screen_falls_back_to_plain(machine, role):
    machine.boot()
    screen = machine.screen(columns=60, rows=15)
    drive_plain(screen, role)
    assert screen.end() == 0, screen.shown()
    check_request(machine, role)


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
@pytest.mark.parametrize("term", ["linux", "vt100", "xterm-256color"])
def test_F_T2_terminals_with_cursor_control(machine, term, locale):
    machine.boot()
    screen = machine.screen(term=term, LC_ALL=locale)
    seen = drive_full(screen, "secondary")
    assert screen.end() == 0, screen.shown()
    check_request(machine, "secondary")
    frame = seen[0].split("\n")[1]
    assert re.fullmatch("┌─+┤ Host name ├─+┐" if locale == "C.UTF-8" else r"\+-+\+ Host name \+-+\+", frame)
    assert locale == "C.UTF-8" or screen.text.isascii()
    assert b"\x1b(0" not in screen.text and b"\x0e" not in screen.text, "no other character set"
    for shown in seen:
        assert all(len(line) <= 80 for line in shown.split("\n"))
        assert "Ctrl+C leaves, answers kept" in shown.split("\n")[23]


@pytest.mark.parametrize("term", ["dumb", "", "no-such-terminal"])
def test_F_T2_terminals_without_get_the_plain_face(machine, term):
    machine.boot()
    screen = machine.screen(term=term)
    drive_plain(screen, "secondary")
    assert screen.end() == 0, screen.shown()
    check_request(machine, "secondary")


@pytest.mark.parametrize("term", sorted(F1))
def test_F1_helps_and_escape_goes_back(machine, term):
    screen = machine.screen(term=term)
    screen.wait(FULL)
    screen.type(ESC)
    screen.wait("This is the first step.")
    screen.f1()
    screen.wait("┤ Help ├", "<Close>", "for example")
    screen.type(ESC)
    screen.wait_gone("┤ Help ├")
    screen.type(ENTER + ENTER)
    screen.wait("┤ Time zone ├")
    screen.type(ENTER + ENTER)
    screen.wait("┤ Role ├")
    screen.f1()
    screen.wait("┤ Help ├", "Then choose Secondary")
    screen.type(ENTER)
    screen.wait("┤ Role ├")
    screen.type(ESC)
    screen.wait("┤ Time zone ├")
    screen.type(TAB + TAB + ENTER)  # Back
    screen.wait(FULL)
    screen.type(CTRL_C)
    assert screen.end() == 0 and b"Nothing was changed." in screen.text


def test_every_button_is_reached_by_tab(machine):
    screen = machine.screen()
    screen.wait(FULL)
    screen.type(TAB * 4 + ENTER)
    screen.wait("┤ Help ├")
    screen.type(ENTER)
    screen.type(TAB * 4 + ENTER)  # past the end to the entry, the addresses, Back, Next
    screen.wait("┤ Time zone ├")


def test_what_is_wrong_is_said_in_the_words_of_the_plain_face(machine):
    """The checks and messages are one implementation; both faces show them."""
    # Each on a machine of its own: one terminal at a time answers.
    full, plain = machine.screen(), machine.screen("--plain", MDS_RUN=str(machine.root / "other"))
    full.wait(FULL)
    clear(full)
    full.type("a_b" + ENTER + ENTER)
    at = plain.wait_text("Full host name")
    plain.type("a_b\n")
    for said in ('Not accepted: "a_b" is not a host name.',):
        full.wait(said)
        at = plain.wait_text(said, at)
    clear(full)
    full.type("a.example" + ENTER + ENTER)
    full.wait("┤ Time zone ├")
    full.type(ENTER + ENTER)
    full.wait("┤ Role ├")
    full.type(TAB * 4 + ENTER)  # Next, with nothing chosen
    full.wait("Not accepted: an answer is needed.")
    full.down()
    full.type(ENTER)  # takes the role under the cursor
    full.wait("┤ Trust ├")
    plain.type("a.example\n\n\n\n2\n")
    at = plain.wait_text("not shown): ", at)
    for first, second, said in (("short", "short", "Not accepted: an activation key needs 8 to 128 characters."),
                                ("password123", "password123", "is among the most common ones"),
                                (SECRET, "orange-boat-78", "The two differ. Nothing was stored.")):
        full.type(first + ENTER + second + ENTER + ENTER)
        full.wait(said)
        plain.hides_typing()
        plain.type(first + "\n")
        if first == SECRET:
            plain.wait_text("again: ", at)
            plain.type(second + "\n")
        at = plain.wait_text(said, at)
    assert SECRET.encode() not in full.text + plain.text


def test_going_back_to_another_role_asks_what_that_one_needs(machine):
    machine.boot()
    screen = machine.screen("--set", "Server.HostName=tokyo-mds-01.acme.example")
    screen.wait("┤ Address ├", "step 1 of 5 to 7")
    screen.type(ENTER)
    screen.wait("┤ Time zone ├")
    screen.type(ENTER + ENTER)
    screen.wait("┤ Role ├")
    screen.type(SPACE + ENTER)
    screen.wait("┤ Deployment name ├", "step 4 of 7")
    screen.type(ESC)
    screen.wait("┤ Role ├", "(*) Primary")
    screen.down()
    screen.type(SPACE + ENTER)
    screen.wait("┤ Trust ├", "step 4 of 5")
    screen.type(SECRET + ENTER + SECRET + ENTER + ENTER)
    shown = screen.wait("┤ Summary ├")
    assert re.search(r"host name +tokyo-mds-01.acme.example +\(--set\)", shown), shown
    assert re.search(r"role +Secondary Multi-Domain Server +\(answer\)", shown)
    assert re.search(r"trust +\*\*\* +\(answer\)", shown) and "deployment" not in shown
    screen.type(TAB * 3)  # past Help and Write file to the text
    for _ in range(8):
        screen.down()
    screen.wait("18211 while it waits for the Primary")
    screen.type(TAB * 2 + ENTER)
    assert screen.end() == 0
    check_request(machine, "secondary")


@pytest.mark.parametrize("face", ["full", "plain"])
def test_answers_are_kept_when_somebody_leaves(machine, face):
    plain = ["--plain"] if face == "plain" else []
    first = machine.screen(*plain)
    if plain:
        first.wait_text("Full host name")
        first.type("tokyo.acme.example\n")
        first.wait_text("reach")
        first.type("q\n")
    else:
        first.wait(FULL)
        clear(first)
        first.type("tokyo.acme.example" + ENTER + ENTER)
        first.wait("┤ Time zone ├")
        first.type(CTRL_C)
    assert first.end() == 0
    draft = machine.state / "setup-draft.conf"
    assert draft.stat().st_mode & 0o777 == 0o600
    again = machine.screen(*plain)
    if plain:
        again.wait_text("[tokyo.acme.example]")
    else:
        again.wait(FULL, "tokyo.acme.example")


@pytest.mark.parametrize("face", ["full", "plain"])
def test_the_summary_writes_the_answers_to_a_file(machine, face):
    sets = ["--set", "role=secondary", "--set", "host-name=tokyo.acme.example", "--set", "time-zone=UTC", "--set", "time-servers=system"]
    if face == "plain":
        screen = machine.screen("--plain", *sets)
        screen.wait_text("reach")
        screen.type("\n")
        for prompt in ("not shown): ", "again: "):
            screen.wait_text(prompt)
            screen.hides_typing()
            screen.type(SECRET + "\n")
        screen.wait_text("Address of the Primary")
        screen.type("\n")
        screen.wait_text("q to leave: ")
        screen.type("d\n")
        screen.wait_text("Written to")
    else:
        screen = machine.screen(*sets)
        screen.wait("┤ Address ├")
        screen.type(ENTER)
        screen.wait("┤ Trust ├")
        screen.type(SECRET + ENTER + SECRET + ENTER + ENTER)
        screen.wait("┤ Summary ├")
        screen.type(TAB * 2 + ENTER)
        screen.wait("Written to")
    text = (machine.state / "answers.conf").read_text()
    assert "Role=secondary\n" in text and "HostName=tokyo.acme.example\n" in text and SECRET not in text
    key = machine.file("key", SECRET)
    filled = text.replace("#ActivationKeyFile=", f"ActivationKeyFile={key}")
    assert machine.setup("--check", machine.file("filled", filled)).returncode == 0


def test_F_T9_the_plain_face_writes_no_control_characters(machine):
    machine.boot()
    screen = machine.screen("--plain")
    at = screen.wait_text("Full host name")
    screen.type("?\n")
    at = screen.wait_text("Letters, digits", at)
    screen.type("\x1b[31mred\n")
    screen.wait_text("Not accepted", at)
    drive_plain(screen, "primary")
    assert screen.end() == 0, screen.shown()
    # What was typed is echoed by the terminal, not by the program: ^[ for escape.
    text = screen.text.decode().replace("\r\n", "\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), repr(text)


def test_no_color_is_respected(machine):
    screen = machine.screen(NO_COLOR="1")
    screen.wait(FULL)
    assert not re.search(rb"\x1b\[(?:3|4)[0-7]m", screen.text)


def test_letters_of_other_languages_arrive_as_they_were_typed(machine):
    machine.boot()
    screen = machine.screen("--set", "role=primary", "--set", "host-name=zh.example", "--set", "time-zone=UTC", "--set", "time-servers=system",
                            "--set", "recovery=decline")
    screen.wait("┤ Address ├")
    screen.type(ENTER)
    screen.wait("┤ Deployment name ├")
    clear(screen)
    screen.type("Zürcher Börse 株式" + ENTER)
    screen.wait("┤ First administrator ├")
    screen.type(ENTER + SECRET + ENTER + SECRET + ENTER + ENTER)
    screen.wait("┤ Summary ├", "Zürcher Börse")
    screen.type(ENTER)
    assert screen.end() == 0, screen.shown()
    assert machine.request()["deployment"] == "Zürcher Börse 株式"


NETWORK = """ip link add ens18 type veth peer name far && ip link set far up && ip link set ens18 up
for i in $0; do ip address add 10.1.0.$i/24 dev ens18; done
exec "$@"
"""


def test_many_addresses_scroll_and_the_last_can_be_chosen(machine):
    machine.boot()
    numbers = " ".join(str(i) for i in range(1, 15))
    screen = machine.screen("--set", "role=secondary", "--set", "host-name=a.example", "--set", "time-zone=UTC", "--set", "time-servers=system",
                            program=["/usr/bin/unshare", "--net", "sh", "-ec", NETWORK, numbers])
    shown = screen.wait("┤ Address ├", "10.1.0.10 on ens18")
    assert "10.1.0.11 on" not in shown
    for _ in range(13):
        screen.down()
    screen.wait("10.1.0.14 on ens18")
    screen.type(ENTER)
    screen.wait("┤ Trust ├")
    screen.type(SECRET + ENTER + SECRET + ENTER + ENTER)
    screen.wait("┤ Summary ├", "10.1.0.14")
    screen.type(ENTER)
    assert screen.end() == 0, screen.shown()
    assert machine.request()["address"] == "10.1.0.14"


def test_a_host_without_an_address_is_told_so(machine):
    screen = machine.screen("--set", "role=secondary", "--set", "host-name=a.example", "--set", "time-zone=UTC", "--set", "time-servers=system",
                            program=["/usr/bin/unshare", "--net"])
    screen.wait("┤ Address ├")
    screen.type("10.1.0.1" + ENTER)
    screen.wait("Not accepted: 10.1.0.1 is not an address of this host.")


def test_the_answers_are_not_lost_with_words_when_they_cannot_be_kept(machine):
    machine.env["MDS_STATE"] = "/proc/no-such-folder"
    screen = machine.screen("--set", "host-name=a.example")
    screen.wait("┤ Address ├")
    screen.type(CTRL_C)
    assert screen.end() == 0
    assert b"Note: the answers are not kept: " in screen.text and b"Nothing was changed." in screen.text


def words_of(text):
    """Number and word of a recovery key as it is shown, and the numbers that are asked for."""
    shown, asked = text.split("stored nowhere.")[1].split("Type words")
    return (dict(re.findall(r"(\d+) ([a-z]+)", shown)),
            re.match(r" (\d+), (\d+) and (\d+)", asked).groups())


@pytest.mark.parametrize("face", ["full", "plain"])
def test_K_26_the_recovery_key_is_shown_once_and_typed_back(machine, face):
    machine.boot()
    sets = ["--set", "host-name=localhost", "--set", f"address={ADDRESS[0]}", "--set", "time-zone=UTC", "--set",
            "time-servers=system", "--set", "role=primary", "--set", "deployment=acme", "--set", "administrator=anna",
            "--set", "gui-clients=any"]
    screen = machine.screen(*sets, *(["--plain"] if face == "plain" else []))
    if face == "full":
        screen.wait("┤ Password ├", "step 1 of 3")
        screen.type(SECRET + ENTER + SECRET + ENTER)
        screen.wait("┤ Recovery key ├", "(*) Make one now", "step 2 of 3")
        screen.type(ENTER)
        shown = screen.wait("Type words", "step 2 of 3")
    else:
        for prompt in ("not shown): ", "again: "):
            screen.wait_text(prompt)
            screen.hides_typing()
            screen.type(SECRET + "\n")
        at = screen.wait_text("[1]: ")
        screen.type("1\n")
        screen.wait_text("written down: ", at)
        shown = screen.text.decode()
    assert all(len(line.rstrip()) <= 80 for line in shown.splitlines()), shown
    words, asked = words_of(shown)
    assert sorted(map(int, words)) == list(range(1, 17)), words
    enter = ENTER if face == "full" else "\n"
    screen.type("acid acorn actor" + enter)
    if face == "full":
        screen.wait("Not accepted: these are not the three words.")
        screen.type("\x15" + " ".join(words[n] for n in asked) + enter)
        screen.wait("┤ Summary ├", "recovery key", "Make one now")
        screen.type(enter)
    else:
        screen.wait_text("Not accepted: these are not the three words.")
        screen.type(" ".join(words[n] for n in asked) + enter)
        screen.wait_text("q to leave: ")
        screen.type("yes\n")
    assert screen.end() == 0, screen.shown()
    certificate = machine.request()["recovery-certificate"]
    assert certificate.startswith("-----BEGIN CERTIFICATE") and "PRIVATE" not in certificate
    # Nothing that is kept has them.
    for path in machine.folder.rglob("*"):
        if path.is_file():
            assert words["1"] + " " + words["5"] not in path.read_text(errors="replace"), path
            assert " ".join(words[n] for n in asked) not in path.read_text(errors="replace"), path


def test_F_2_who_answers_first_has_the_turn_and_the_others_say_so(machine):
    """Two terminals at once, one of each face."""
    machine.boot()
    full, plain = machine.screen(), machine.screen("--plain")
    full.wait(FULL)
    at = plain.wait_text("Full host name")
    plain.type("tokyo.acme.example\n")
    at = plain.wait_text("other servers reach", at)
    holder = re.search(r"First-time setup is being answered on (pts/\d+)\.",
                       full.wait("First-time setup is being answered on pts/")).group(1)
    # He leaves; it is asked here again, with what he has answered.
    plain.type("q\n")
    assert plain.end() == 0
    full.wait(FULL, "tokyo.acme.example")
    late = machine.screen("--plain")
    late.wait_text("Full host name")
    drive_full(full, "secondary")
    late.wait_text("First-time setup is being answered on pts/")
    assert full.end() == 0, full.shown()
    late.wait_text("This server was set up on pts/")
    assert late.end() == 0
    assert holder.startswith("pts/")
    check_request(machine, "secondary")


def test_F_2_whoever_has_the_turn_may_die(machine):
    machine.boot()
    first, second = machine.screen("--plain"), machine.screen("--plain")
    at = first.wait_text("Full host name")
    second.wait_text("Full host name")
    first.type("tokyo.acme.example\n")
    first.wait_text("other servers reach", at)
    at = second.wait_text("being answered on pts/")
    done = machine.setup("--answers", answers(machine, "secondary"))
    assert done.returncode == 1 and "being answered on pts/" in done.stderr and machine.calls() == [], done
    first.close()
    second.wait_text("Full host name", at)
    drive_plain(second, "secondary")
    assert second.end() == 0, second.shown()
    check_request(machine, "secondary")


@pytest.mark.parametrize("console, result", [("tty1", "Ready in"), ("ttyS0", "Ready in"), ("tty1", "The disk is full")])
def test_F_2_on_a_console_the_result_stands_until_somebody_has_read_it(machine, console, result):
    machine.boot(refuse="-" if "Ready" in result else "refuse")
    sets = ["--set", "host-name=localhost", "--set", f"address={ADDRESS[0]}", "--set", "time-zone=UTC", "--set",
            "time-servers=system", "--set", "role=secondary", "--set", "primary=none"]
    screen = machine.screen(*sets, "--console", console)
    if console == "tty1":
        screen.wait("┤ Trust ├")
        screen.type(SECRET + ENTER + SECRET + ENTER)
        screen.wait("┤ Summary ├")
        screen.type(ENTER)
    else:
        for prompt in ("not shown): ", "again: "):
            screen.wait_text(prompt)
            screen.hides_typing()
            screen.type(SECRET + "\n")
        screen.wait_text("q to leave: ")
        screen.type("yes\n")
    screen.wait(result, "Press Enter for the login prompt.")
    screen.type("\n")
    assert screen.end() == (0 if "Ready" in result else 1)
    log = (machine.state / "setup.log").read_text()
    assert "Ready" in result or "failed: RF-99 The disk is full; next: free some space" in log, log
