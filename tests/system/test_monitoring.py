"""Monitoring on booted hosts: the socket as the units open it, the catalog as dpkg installs it, journal entries
with fields (docs/monitoring.md). The values are compared in tests/integration/core."""
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/support")

import messages  # noqa: E402
from exposition import Metrics  # noqa: E402

# Perl is on every Debian; curl and Python are not.
SCRAPE = ("perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(\"/run/mds/metrics.sock\") or die \"$!\\n\"; "
          "print $s \"GET /metrics HTTP/1.0\\r\\n\\r\\n\"; print while <$s>'")
IDS = {name: uid for name, (uid, _) in messages.ids().items()}


def metrics_of(host):
    """What a scrape on the host gives; Python has made "\n" of the ends of lines."""
    return Metrics(host.sh(SCRAPE).stdout.split("\n\n", 1)[1])


def test_the_socket_is_for_root_and_adm(ex1):
    for name in ("london", "tokyo", "logs"):
        assert ex1[name].out("stat -c '%U %G %a' /run/mds/metrics.sock") == "root adm 660"
        m = metrics_of(ex1[name])
        assert len(m.rows("openmds_server_up")) == 3
        assert all(value == 1 for _, value in m.rows("openmds_server_up"))
    refused = ex1["london"].sh("setpriv --reuid=nobody --regid=nogroup --clear-groups " + SCRAPE, check=False)
    assert refused.returncode != 0 and "Permission denied" in refused.stderr
    ex1["london"].sh("setpriv --reuid=nobody --regid=nogroup --groups=adm " + SCRAPE)


def test_show_metrics_is_for_administrators_of_system_data(ex1):
    api = ex1.api("london")
    try:
        assert Metrics(api.call("show-metrics")["metrics"]).value("openmds_domains", state="synchronized") is not None
    finally:
        api.call("logout")
        api.close()


def test_a_stopped_core_is_not_started_by_a_scrape(ex1):
    tokyo = ex1["tokyo"]
    tokyo.sh("systemctl stop mds-core")
    try:
        assert tokyo.sh(SCRAPE, check=False).returncode != 0
        assert tokyo.sh("systemctl is-active mds-core", check=False).stdout.strip() == "inactive"
    finally:
        tokyo.sh("systemctl start mds-core")
    ex1.wait_well("london")
    assert metrics_of(tokyo).rows("openmds_server_up")


def test_the_catalog_explains_what_the_journal_tells(ex1):
    london = ex1["london"]
    listed = london.out("journalctl --list-catalog")
    for name, uid in IDS.items():
        assert f"{uid} OpenMDS: " in listed, name
    entry = json.loads(london.out(f"journalctl -o json -n 1 MESSAGE_ID={IDS['role_changed']} MDS_DOMAIN=London"))
    assert entry["MDS_SERVER"] and entry["MDS_ROLE"] and entry["MDS_REASON"]
    text = london.out(f"journalctl -x -n 1 MESSAGE_ID={IDS['role_changed']} MDS_DOMAIN=London")
    assert f"Subject: {entry['MDS_SERVER']} is {entry['MDS_ROLE']} now" in text
