"""Every switch of the published command line (management-api.md 6.8): what mgmt_cli sends for it."""
import json
import threading
import time

import pytest
from fake_api import Proxy


def wire(client, command):
    """(path, headers, body) of the last request of a command."""
    return [r for r in client.api.requests if r[0].rsplit("/", 1)[1] == command][-1]


def test_user_and_password_log_in_publish_what_was_changed_and_log_out(client):
    assert client.run("add", "host", "name", "x", "ip-address", "192.0.2.1").returncode == 0
    assert client.api.commands() == ["login", "add-host", "publish", "logout"]
    assert client.api.body("login") == {"user": "anna", "password": "secret"}
    assert client.api.body("add-host") == {"name": "x", "ip-address": "192.0.2.1"}
    assert all(headers["X-chkp-sid"] == "sid-system" for path, headers, _ in client.api.requests[1:])
    client.api.requests.clear()
    client.run("show", "hosts")
    assert client.api.commands() == ["login", "show-hosts", "logout"], "nothing was changed"


def test_an_error_discards_and_says_so(client):
    client.api.replies["add-host"] = (400, {"code": "err_validation_failed", "message": "no"})
    done = client.run("add", "host", "name", "x")
    assert done.returncode == 6 and json.loads(done.stdout)["message"] == "no"
    assert client.api.commands() == ["login", "add-host", "discard", "logout"]


@pytest.mark.parametrize("words, command", [("add host", "add-host"), ("show ha-status", "show-ha-status"),
                                            ("make-server-active", "make-server-active"), ("where-used", "where-used"),
                                            ("add-host", "add-host"), ("set access-rule", "set-access-rule"),
                                            ("delete host", "delete-host"), ("publish", "publish")])
def test_two_spellings_of_a_command(client, words, command):
    assert client.run(*words.split()).returncode == 0
    assert command in client.api.commands()


@pytest.mark.parametrize("words, body", [
    ("name x", {"name": "x"}), ("groups.1 a", {"groups": ["a"]}), ("members.1 a members.2 b", {"members": ["a", "b"]}),
    ("servers.add.name n servers.add.ip-address 192.0.2.7 servers.add.multi-domain-server m",
     {"servers": {"add": {"name": "n", "ip-address": "192.0.2.7", "multi-domain-server": "m"}}}),
    ("interfaces.1.name eth0 interfaces.2.name eth1", {"interfaces": [{"name": "eth0"}, {"name": "eth1"}]}),
    ("members a", {"members": "a"}), ("members.add a", {"members": {"add": "a"}}),
    ("members.remove.1 a", {"members": {"remove": ["a"]}}), ("force true limit 5", {"force": True, "limit": 5}),
    ("version 007", {"version": "007"}), ("x null", {"x": None})])
def test_nested_values_lists_and_types(client, words, body):
    client.run("add", "thing", *words.split())
    assert client.api.body("add-thing") == body


def test_a_json_value(client):
    client.run("add", "thing", "tags", '["a", "b c"]')
    assert client.api.body("add-thing") == {"tags": ["a", "b c"]}


def test_session_file_session_id_and_the_version_in_the_url(client):
    done = client.run("login", "--version", "1.8", "session-name", "mine", "domain", "London")
    assert client.api.requests[0][0] == "/web_api/v1.8/login"
    assert client.api.body("login") == {"user": "anna", "password": "secret", "session-name": "mine", "domain": "London"}
    saved = json.loads(done.stdout)
    assert {"sid", "url", "api-server-version", "session-timeout"} <= set(saved)
    saved["url"] += "/v1.8"
    (client.folder / "id.txt").write_text(json.dumps(saved))
    for words in (["-s", "id.txt"], ["--session-file", "id.txt"], ["--session-file=id.txt"]):
        client.api.requests.clear()
        assert client.bare("add", "host", "name", "x", *client.there, *words).returncode == 0
        (path, headers, _), = client.api.requests
        assert path == "/web_api/v1.8/add-host" and headers["X-chkp-sid"] == "sid-London", "no login, publish or logout"
    client.api.requests.clear()
    client.bare("show", "hosts", *client.there, "--session-id", "other")
    (path, headers, _), = client.api.requests
    assert path == "/web_api/show-hosts" and headers["X-chkp-sid"] == "other"


@pytest.mark.parametrize("words, body", [
    (["-d", "London"], {"domain": "London"}), (["--domain", "London"], {"domain": "London"}),
    (["--read-only", "true"], {"read-only": True}), (["--session-timeout", "900"], {"session-timeout": 900})])
def test_switches_of_the_login(client, words, body):
    client.run("show", "hosts", *words)
    assert client.api.body("login") == {"user": "anna", "password": "secret", **body}


def test_api_key(client):
    for words, env in ((["-k", "KEY"], {}), (["--api-key", "KEY"], {}), ([], {"MGMT_CLI_API_KEY": "KEY"})):
        done = client.bare("show", "hosts", *client.there, *words, env=env)
        assert done.returncode == 0 and client.api.body("login") == {"api-key": "KEY"}


def test_context_proxy_and_user_agent(client):
    client.run("show", "hosts", "--context", "gaia_api")
    assert client.api.requests[0][0] == "/gaia_api/login"
    client.run("show", "hosts", "--user-agent", "pipeline")
    assert client.api.requests[-1][1]["User-Agent"] == "pipeline"
    proxy = Proxy()
    for spelling in (f"127.0.0.1:{proxy.port}", f"http://127.0.0.1:{proxy.port}/"):
        assert client.run("show", "hosts", "--proxy", spelling).returncode == 0
    assert proxy.asked == [f"CONNECT 127.0.0.2:{client.api.port} HTTP/1.1"] * 2
    proxy.close()
    closed = Proxy(status=403)
    done = client.run("show", "hosts", "--proxy", f"127.0.0.1:{closed.port}")
    assert done.returncode == 7 and "proxy" in done.stderr and "403" in done.stderr
    closed.close()


def test_format(client):
    client.api.replies["show-host"] = (200, {"name": "x", "tags": ["a"]})
    assert json.loads(client.run("show", "host", "-f", "json").stdout) == {"name": "x", "tags": ["a"]}
    assert client.run("show", "host", "--format", "text").stdout == 'name: "x"\ntags:\n  - "a"\n'
    assert client.run("show", "host", env={"MGMT_CLI_FORMAT": "text"}).stdout.startswith("name:")


def test_sync(client):
    client.api.replies["install-policy"] = (200, {"task-id": "t1"})
    running = (200, {"tasks": [{"task-id": "t1", "status": "in progress"}]})
    failed = (200, {"tasks": [{"task-id": "t1", "status": "failed"}]})
    client.api.replies["show-task"] = [running, failed]
    assert client.run("install-policy").returncode == 1, "it waits, and the task fails"
    assert client.api.commands().count("show-task") == 2
    client.api.requests.clear()
    for words, env in ((["--sync", "false"], {}), ([], {"MGMT_CLI_SYNC": "false"})):
        assert client.run("install-policy", *words, env=env).returncode == 0
    assert "show-task" not in client.api.commands()


def test_batch_with_dotted_names_quotes_and_a_byte_order_mark(client):
    (client.folder / "b.csv").write_bytes('\ufeffname,groups.1,comments\r\na,g,"x, ""y"""\r\nb,,\r\n'.encode())
    assert client.run("add", "host", "color", "red", "--batch", "b.csv").returncode == 0
    sent = [body for path, _, body in client.api.requests if path.endswith("add-host")]
    assert sent == [{"name": "a", "groups": ["g"], "comments": 'x, "y"', "color": "red"}, {"name": "b", "color": "red"}]
    assert client.api.commands().count("publish") == 1


def test_batch_stops_at_an_error_unless_it_is_told_to_go_on(client):
    (client.folder / "b.csv").write_text("name\na\nb\nc\n")
    wrong, good = (400, {"code": "err_validation_failed", "message": "no"}), (200, {})
    client.api.replies["add-host"] = [good, wrong, good]
    assert client.run("add", "host", "-b", "b.csv").returncode == 6
    assert client.api.commands() == ["login", "add-host", "add-host", "discard", "logout"]
    client.api.requests.clear()
    client.api.replies["add-host"] = [good, wrong, good]
    assert client.run("add", "host", "-b", "b.csv", "--ignore-errors", "true").returncode == 6
    assert client.api.commands() == ["login", "add-host", "add-host", "add-host", "publish", "logout"]


def test_batch_with_a_short_line_sends_nothing(client):
    (client.folder / "b.csv").write_text("name,color\na\n")
    done = client.run("add", "host", "-b", "b.csv")
    assert done.returncode == 2 and "line 2" in done.stderr and not client.api.requests


def test_fingerprints(client):
    there = client.there[:4]
    done = client.bare("show", "hosts", *there, *client.who)
    assert done.returncode == 7 and client.api.fingerprint in done.stderr and "--unsafe-auto-accept" in done.stderr
    assert not client.api.requests, "nothing is sent to a stranger"
    assert client.run("show", "hosts").returncode == 0
    assert client.bare("show", "hosts", *there, *client.who).returncode == 0, "it is known now"
    known = json.loads((client.folder / ".config/openmds/fingerprints.json").read_text())
    assert known == {"127.0.0.2": client.api.fingerprint}


def test_conn_timeout(client):
    client.api.replies["show-hosts"] = (200, {})
    client.api.answer = lambda *_: time.sleep(5) or (200, {})
    begun = time.monotonic()
    done = client.run("show", "hosts", "--conn-timeout", "1")
    assert done.returncode == 7 and time.monotonic() - begun < 4
    assert client.run("show", "hosts", "--conn-timeout", "soon").returncode == 2


def test_an_order_that_is_not_answered_in_time_is_not_sent_again(client):
    end = threading.Event()
    client.api.replies["add-host"] = lambda: (200, {"answered": end.wait(30)})
    try:
        assert client.run("add", "host", "name", "x", "--conn-timeout", "2").returncode == 7
        assert client.api.commands().count("add-host") == 1, client.api.commands()
    finally:
        end.set()


def test_root_login_is_for_this_server(client):
    done = client.bare("login", "-r", "true", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
    assert done.returncode != 0 and not client.api.requests, "over the bus, not over HTTPS"


def test_every_switch_can_come_from_the_environment(client):
    env = {"MGMT_CLI_USER": "bert", "MGMT_CLI_PASSWORD": "word", "MGMT_CLI_DOMAIN": "Tokyo", "MGMT_CLI_MANAGEMENT": "127.0.0.2",
           "MGMT_CLI_PORT": str(client.api.port), "MGMT_CLI_UNSAFE_AUTO_ACCEPT": "true", "MGMT_CLI_VERSION": "1.7",
           "MGMT_CLI_CONN_TIMEOUT": "20"}
    done = client.bare("show", "hosts", env=env)
    assert done.returncode == 0 and "Warning" not in done.stderr
    assert wire(client, "login")[2] == {"user": "bert", "password": "word", "domain": "Tokyo"}
    assert wire(client, "show-hosts")[0] == "/web_api/v1.7/show-hosts"
    assert "seen by others" in client.run("show", "hosts").stderr, "an argument is warned of (C-11)"


@pytest.mark.parametrize("words, said", [("show hosts --domian London", "--domain"), ("show hosts -d", "needs a value"),
                                         ("add host name", "needs a value"), ("add host members.0 x", "begin with 1")])
def test_wrong_usage_is_2_and_sends_nothing(client, words, said):
    done = client.bare(*words.split())
    assert done.returncode == 2 and said in done.stderr and not client.api.requests


def test_nothing_waits_for_input(client):
    for words in (["show", "hosts", "-u", "anna", *client.there], ["login", "-u", "anna", *client.there]):
        done = client.bare(*words)
        assert done.returncode == 2 and "MGMT_CLI_PASSWORD" in done.stderr
