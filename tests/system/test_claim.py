"""A server that is not set up, and whoever reaches its HTTPS port: the page, its claim code, setup in a browser."""

import concurrent.futures
import os
import re
import ssl
import time
import urllib.parse

import pytest

from api import Api
from browser import Browser
from deployment import ADDRESSES, KEY, PASSWORD, package
from rig import Rig, wait_until
from test_firstboot import Console, Watcher, state, whole_text

ADDRESS = ADDRESSES["london"]
WRONG = "0000-0000-0000"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{ADDRESS}"}


@pytest.fixture(name="rig", scope="module")
def one_host():
    rig = Rig("claim" if not os.environ.get("OPENMDS_RIG") else os.environ["OPENMDS_RIG"] + "c")
    rig.down()
    rig.up({"london": ADDRESS}, deb=package())
    rig["london"].install(package())
    yield rig
    rig.down()


@pytest.fixture(name="host", scope="module")
def booted_host(rig):
    """Not set up, booted with the package: the page is up. Its consoles are the one of the container and tty1."""
    host = rig["london"]
    assert state(host, "mds-claim.socket") == "inactive", "installing starts nothing"
    host.tty1 = Console()
    host.terminals = {"tty1": host.tty1.path}
    restart(host)
    yield host
    host.tty1.close()


def restart(host):
    host.stop()
    host.boot()
    host.wait_up()
    wait_until(lambda: state(host, "mds-claim.socket") == "active", 20, "the page",
               lambda: host.out("journalctl -u 'mds-*' --no-pager"))


@pytest.fixture(name="browser")
def a_browser(rig):
    browser = Browser(ADDRESS, rig.network.switch)
    yield browser
    browser.close()


def code(host, option="--claim-code"):
    said = host.out(f"mds-setup {option}")
    return re.search(r"^Claim code   (\S+)$", said, re.M).group(1)


def everything(host):
    """What this server is: every file with its content, rights and times, units, addresses; but for what lives by
    itself (journal, the count of wrong codes)."""
    files = host.out(r"find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /var/log/journal -o -path /tmp "
                     r"-o -path /var/tmp \) -prune -o -type f -printf '%p %m %u %s %T@\n' | sort")
    run = host.out("find /run/mds /run/issue.d -type f -printf '%p %m %u ' -exec sha256sum {} + | sort")
    units = host.out("systemctl list-units --all --plain --no-legend --type=socket,target,timer | sort; "
                     "systemctl list-unit-files --no-legend | sort")
    return files, run, units, host.out("hostname; ip -o addr | awk '{print $2, $3, $4}'; timedatectl show -p Timezone -p NTP; getent passwd")


def test_T_24_the_page_says_what_it_is_and_nothing_else(host, browser):
    page = browser.get()
    assert "london: first-time setup of OpenMDS" in page.text and "This server is not set up." in page.text
    assert "console and tty1" in page.text and "mds-setup" in page.text and "code" in page.labels
    assert page.fields == {"code": ""} and page.buttons == ["claim"]
    headers = browser.headers
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self'; frame-ancestors 'none'; "
                        r"base-uri 'none'", headers["Content-Security-Policy"])
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert "Server" not in headers and "Set-Cookie" not in headers
    # Nothing from elsewhere, no script; for narrow screens and for screen readers.
    assert not re.search(r"<script|src=|url\(|https?:", page.source) and 'name="viewport"' in page.source
    assert '<html lang="en">' in page.source and "<h1>" in page.source and "<main>" in page.source
    assert browser.request("POST", "/web_api/login", "{}")[0] == 503


def test_T_24_the_code_is_on_the_consoles_and_roots_alone(host):
    claim = code(host)
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}", claim)
    issue = host.read_file("/run/issue.d/mds.web.issue")
    assert claim in issue and f"https://{ADDRESS}/" in issue
    host.tty1.wait("┤ Host name ├", f"https://{ADDRESS}/ code {claim}")
    wait_until(lambda: claim in host.console(100), 20, "the code on the console")
    # The certificate beside it is the one that is shown, and of this boot alone.
    shown = host.out("openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256")
    first, second = shown.split("=")[1][:47], shown.split("=")[1][48:]
    for text in (issue, host.console(100), host.out("mds-setup --claim-code")):
        assert first in text and second in text, text
    for path in ("/run/mds/claim/code", "/run/mds/claim/key.pem", "/run/issue.d/mds.web.issue"):
        assert host.out(f"stat -c '%a %U' {path}") == "600 root"
        assert host.sh(f"runuser -u nobody -- cat {path}", check=False).returncode != 0
        assert host.sh(f"runuser -u mds-claim -- cat {path}", check=False).returncode != 0
    done = host.sh("runuser -u nobody -- mds-setup --claim-code", check=False)
    assert done.returncode == 4 and claim not in done.stdout + done.stderr
    # Nobody but the page asks the side that is root.
    assert host.out("stat -c '%a %U %G' /run/mds/claim.sock") == "660 root mds-claim"


def test_T_24_no_request_without_the_code_changes_anything(host, browser):
    browser.get()
    before = everything(host)
    answers = urllib.parse.urlencode({"do": "apply", "form": "x", "role": "primary", "password": PASSWORD,
                                      "password-again": PASSWORD})
    acts = [urllib.parse.urlencode({"do": act, "form": "AAAA", "role": "primary"})
            for act in ("answer", "back", "leave", "apply", "reset", "")]
    cookie = {"Cookie": "__Host-mds-setup=" + "A" * 43}
    said = set()

    def ask(method, target, body=None, headers=None):
        for _ in range(50):
            try:
                status, text = browser.request(method, target, body, headers)
            except (ssl.SSLError, ConnectionError):
                status = None  # too many connections of one address whose ends the server has not read yet
            if status not in (None, 429):
                break
            time.sleep(0.1)
        assert status, (method, target)
        said.add((method, status))
        assert "claim" in text or status != 200 or method == "HEAD", (method, target, text)
        assert "Set-Cookie" not in browser.headers and "name=\"form\"" not in text

    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        for target in ("/", "/?do=apply&role=primary", "/setup", "/apply", "/web_api/login", "/web_api/add-administrator",
                       "/../etc/passwd", "/%2e%2e/%2e%2e/run/mds/claim/code", "*"):
            ask(method, target, answers if method not in ("GET", "HEAD") else None, FORM)
    for body in acts:
        ask("POST", "/", body, {**FORM, **cookie})
    for headers in ({}, {"Content-Type": FORM["Content-Type"]}, {**FORM, "Origin": "https://evil.example"},
                    {**FORM, "Origin": "null"}, {**FORM, "Content-Type": "application/json"},
                    {**FORM, "Host": "evil.example", "Origin": "https://evil.example"},
                    {"Content-Type": FORM["Content-Type"], "Sec-Fetch-Site": "cross-site"}):
        ask("POST", "/", urllib.parse.urlencode({"do": "claim", "code": code(host)}), headers)
    for body in ("do", "do=claim&do=claim", "code=%00", "%", "a=1&" * 100 + "b=2"):
        ask("POST", "/", body, FORM)
    assert {status for _, status in said} <= {200, 400, 403, 404, 405, 503}, said
    assert browser.request("POST", "/", "x" * 20_000, FORM)[0] == 413
    assert everything(host) == before
    assert host.sh("test -e /var/lib/mds/setup.json", check=False).returncode == 1
    assert "Tries left   5" in host.out("mds-setup --claim-code")


def test_T_24_the_sixth_code_is_refused_also_the_right_one(host, browser):
    before, right = everything(host), code(host)
    page = browser.claim(WRONG)
    assert "This is not the claim code." in page.text and "Tries left: 4" in page.text
    browser.claim("nonsense")
    # Neither a new page process, nor a new one of the other side, nor many at once forget one.
    host.sh("systemctl kill -s KILL mds-claim.service; systemctl restart mds-firstboot-claim.service")
    wait_until(lambda: state(host, "mds-claim.service") == "active", 10, "the page")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        # As from pages that were all opened before the first of them was sent.
        tried = urllib.parse.urlencode({"do": "claim", "code": WRONG})
        pages = list(pool.map(lambda _: Browser(ADDRESS, browser.namespace).request("POST", "/", tried, FORM)[1], range(8)))
    assert len([text for text in pages if "No code is accepted any more" in text]) == 6, pages
    assert "only the console of this server works now" in browser.get().text and not browser.page.buttons
    status, text = browser.request("POST", "/", urllib.parse.urlencode({"do": "claim", "code": right}), FORM)
    assert status == 200 and "This code is not accepted." in text and "Set-Cookie" not in browser.headers
    host.sh("systemctl restart mds-firstboot-claim.service")
    assert "mds-setup --new-claim-code" in browser.get().text
    after = everything(host)
    # Nothing but the count.
    changed = [line for one, other in zip(before, after) for line in set(one.splitlines()) ^ set(other.splitlines())]
    assert changed and all("/run/mds/claim/code" in line for line in changed), changed
    # The console works, and a new code does.
    assert "┤ Host name ├" in "\n".join(host.tty1.screen.display)
    fresh = code(host, "--new-claim-code")
    assert fresh != right and fresh in host.read_file("/run/issue.d/mds.web.issue")
    assert "This is not the claim code." in browser.claim(right).text
    assert "What will this server be?" in browser.claim(fresh).text
    # With the code the session ends.
    code(host, "--new-claim-code")
    assert "Type the claim code again" in browser.get().text


def test_T_24_another_boot_has_another_code_and_certificate(host, browser):
    before = host.out("mds-setup --claim-code")
    restart(host)
    after = host.out("mds-setup --claim-code")
    assert "Tries left   5" in after and not set(before.splitlines()[3:]) & set(after.splitlines()[3:])
    old = re.search(r"code   (\S+)", before).group(1)
    assert "This is not the claim code." in browser.claim(old).text
    # A session is no way in for who has not its token, nor a form that is not its own.
    browser.claim(code(host).replace("-", " ").lower())
    other = Browser(ADDRESS, browser.namespace)
    other.cookies = {"__Host-mds-setup": "A" * 43}
    assert "Type the claim code again" in other.get().text
    browser.page.fields["form"] = "A" * 43
    assert "This form is an old one" in browser.send("answer", role="primary").text
    assert state(host, "mds-core") == "inactive"


def test_T_24_the_page_may_do_nothing(host):
    said = host.out("systemd-analyze security mds-claim.service --no-pager | tail -1")
    assert float(re.search(r"mds-claim.service: ([\d.]+)", said).group(1)) <= 1.0, said
    pid = host.out("systemctl show -p MainPID --value mds-claim")
    status = host.read_file(f"/proc/{pid}/status")
    assert re.search(r"^CapBnd:\s+0+$", status, re.M) and not re.search(r"^Uid:\s+0\b", status, re.M)
    assert host.out(f"readlink /proc/{pid}/ns/net") != host.out("readlink /proc/self/ns/net")


def test_T_24_P10_a_primary_is_set_up_in_a_browser_and_the_page_is_gone(host, browser):
    page = browser.claim(code(host))
    assert page.fields["role"] is None and len(re.findall('name="role" ', page.source)) == 3
    page = browser.send("answer")
    assert "is not one of primary, secondary, log-server" in page.problem("role") or "answer is needed" in page.problem("role")
    page = browser.send("answer", role="primary")
    # The turn is the browser's now, and the consoles say so.
    host.tty1.wait("First-time setup is being answered on a browser at 10.77.0.1.")
    done = host.sh("mds-setup --set role=primary --config-string -", check=False,
                   input=f"mgmt_admin_name=admin\nmgmt_admin_passwd={PASSWORD}\n")
    assert done.returncode != 0 and "being answered on a browser" in done.stderr, done
    watcher = Watcher(host)
    wrong = "short-1"
    page = browser.send("answer", host_name="lon don", time_zone="Europe/Nowhere", password=wrong, password_AGAIN=wrong,
                        gui_clients="10.77.0.300", recovery="decline")
    assert "is not a host name" in page.problem("host_name") and page.fields["host_name"] == "lon don"
    assert "is not a time zone" in page.problem("time_zone") and page.problem("gui_clients")
    assert "12 to 128 characters" in page.problem("password") and not page.problem("deployment")
    assert {"#host_name", "#time_zone", "#password", "#gui_clients"} == set(page.links)
    assert {name for name in page.fields if name != "form"} <= page.labels, page.labels
    page = browser.send("answer", host_name="london", time_zone="Etc/UTC", password=PASSWORD, password_AGAIN=PASSWORD + "x",
                        gui_clients="any", administrator="anna", deployment="acme-msp")
    assert "The two differ" in page.problem("password")
    page = browser.send("answer", password=PASSWORD, password_AGAIN=PASSWORD)
    assert "Primary Multi-Domain Server" in page.text and "acme-msp" in page.text and "anna" in page.text, page.text
    assert "***" in page.text and "Nothing has been changed yet." in page.text
    assert state(host, "mds-core") == "inactive"
    page = browser.send("back")
    assert page.fields["password"] == "" and "kept; type only to change it" in page.source
    browser.send("answer")
    page = browser.send("apply")
    assert "Setting up london as Primary Multi-Domain Server" in page.text and "This server is set up" in page.text, page.text
    assert re.search(r"Ready in [\d.]+ s\.", page.text) and "API https://london/web_api/" in page.text
    assert "log in as anna" in page.text
    # Who waited at the console hears of it; the port is another program's, with the certificate that was told.
    host.tty1.wait_text("This server was set up on a browser at 10.77.0.1.")
    wait_until(lambda: state(host, "mds-claim.service") == "inactive", 10, "the page to end")
    shown = host.out("openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256")
    assert shown.split("=")[1].replace(":", "") in page.text.replace(":", "").replace(" ", "")
    assert browser.request("GET", "/")[1].startswith("OpenMDS management server. The management API is at /web_api/.")
    for unit in ("mds-claim.socket", "mds-firstboot-claim.socket", "mds-firstboot-claim.service"):
        wait_until(lambda unit=unit: state(host, unit) == "inactive", 10, unit)
    assert host.sh("ls /run/mds/claim /run/mds/claim.sock /run/issue.d/mds.web.issue /run/issue.d/mds.issue",
                   check=False).stdout == ""
    assert host.sh("mds-setup --claim-code", check=False).returncode == 1
    assert host.out("systemctl --failed --no-legend") == ""
    api = Api(ADDRESS, namespace=browser.namespace).login("anna", PASSWORD)
    api.close()
    # What was typed is nowhere but in its hash.
    seen = watcher.end()
    host.sh("journalctl --sync")
    journal = host.sh("journalctl --no-pager -o export", timeout=120).stdout
    for secret in (PASSWORD, wrong):
        assert secret not in browser.seen and secret not in journal
        assert not [text for text in seen if secret.encode() in text]
        for folder in ("/var/lib/mds", "/run", "/etc/mds", "/tmp", "/var/log"):
            assert not [name for name, text in whole_text(host, folder).items() if secret.encode() in text], folder
    log = host.read_file("/var/lib/mds/setup.log")
    assert "the claim code was given by a browser at 10.77.0.1" in log and "password = ***" in log
    # The next boot has no page.
    host.stop()
    host.boot()
    host.wait_up()
    assert state(host, "mds-claim.socket") == "inactive" and state(host, "mds-api.socket") == "active"


def test_T_24_a_log_server_is_set_up_in_a_browser_after_the_console_gave_the_turn_back(host, browser):
    host.sh("mds-setup --reset --confirm london; rm -r /var/backups/mds/*")
    restart(host)
    browser.claim(code(host))
    host.tty1.wait("┤ Host name ├")
    host.tty1.type("\r\r")
    host.tty1.wait("┤ Time zone ├")
    page = browser.send("answer", role="log-server")
    assert "First-time setup is being answered on tty1." in page.text and "Look again" in page.text
    host.tty1.type("\x03")
    wait_until(lambda: "being answered" not in browser.get().text, 10, "the turn")
    browser.send("answer", role="log-server")
    page = browser.send("answer", activation_key="password", activation_key_AGAIN="password")
    assert "most common" in page.problem("activation_key")
    page = browser.send("answer", activation_key=KEY, activation_key_AGAIN=KEY)
    assert "Multi-Domain Log Server" in page.text, page.text
    page = browser.send("apply")
    assert "Waiting for the Primary." in page.text and "This server is set up" in page.text, page.text
    assert KEY not in browser.seen


def test_T_24_removing_the_package_takes_the_page_along(host):
    host.sh("mds-setup --reset --confirm london")
    restart(host)
    host.out("curl -sk https://127.0.0.1/ || true")
    host.sh("apt-get -y purge openmds-server", timeout=120)
    assert host.out("ls -d /run/mds /run/issue.d/mds* 2>/dev/null || true") == ""
    assert host.out("systemctl list-units --no-legend --plain '*claim*' || true") == ""
    assert host.sh("getent passwd mds-claim", check=False).returncode != 0
    assert "443" not in host.out("ss -Hltn 'sport = :443'")
