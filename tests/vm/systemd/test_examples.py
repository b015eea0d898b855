# SPDX-License-Identifier: GPL-2.0-only
"""The example units, installed as their headers say: a path over a second uplink, and metrics for
node_exporter."""

import os
import re
import shutil
import stat

import pytest

from units import HERE, active, reload_systemd, run, show, systemctl, wait_until

KEEPS = True
SYSTEM, EXAMPLES = "/etc/systemd/system", f"{HERE}/../examples"
PATHS, TIMER = "mptcp-paths@up1.service", "mptcp-mail-attach-metrics.timer"
DIRECTORY = "/var/lib/prometheus/node-exporter"
FILES = ["mptcp-paths@.service", f"prometheus/{TIMER}", "prometheus/mptcp-mail-attach-metrics.service"]


@pytest.fixture(scope="module", autouse=True)
def installed(clean_module):
    os.makedirs("/etc/mptcp-paths", exist_ok=True)
    with open("/etc/mptcp-paths/up1", "w") as f:
        f.write("ADDRESS=198.51.100.7\nGATEWAY=198.51.100.1\nTABLE=101\n")
    for name in FILES:
        shutil.copy(f"{EXAMPLES}/{name}", SYSTEM)
    reload_systemd()
    yield
    systemctl("disable", "--now", PATHS, TIMER)
    run(["ip", "link", "del", "up1"], check=False)
    for name in FILES:
        os.unlink(f"{SYSTEM}/{os.path.basename(name)}")
    shutil.rmtree("/etc/mptcp-paths")
    reload_systemd()


def plug_in():
    run(["ip", "link", "add", "up1", "type", "dummy"])


def number():
    run(["ip", "-batch", "-"], stdin="link set up1 up\naddr add 198.51.100.7/24 dev up1\n")


def state():
    """Whether (the rule, the route and the endpoint) exist."""
    return ("from 198.51.100.7 lookup 101" in run(["ip", "rule"]).out,
            "default via 198.51.100.1 dev up1" in run(["ip", "route", "show", "table", "101"], check=False).out,
            bool(re.search(r"^198\.51\.100\.7 id \d+ signal dev up1", run(["ip", "mptcp", "endpoint", "show"]).out, re.M)))


NOTHING, ALL = (False,) * 3, (True,) * 3


def test_a_path_comes_and_goes_with_its_interface():
    plug_in()
    number()
    assert state() == NOTHING
    systemctl("enable", "--now", PATHS)
    assert state() == ALL
    run(["ip", "link", "del", "up1"])
    wait_until(lambda: show(PATHS, "ActiveState") == "inactive", "the unit stops with its interface")
    assert state() == NOTHING
    plug_in()  # as at boot: it starts by itself, before there is an address
    wait_until(lambda: show(PATHS, "ActiveState") not in ("inactive", "active"), "it is started", 30)
    number()
    wait_until(lambda: active(PATHS), "it has come to its end", 30)
    assert state() == ALL
    systemctl("restart", PATHS)
    assert state() == ALL and run(["ip", "rule"]).out.count("198.51.100.7") == 1
    systemctl("disable", "--now", PATHS)
    assert state() == NOTHING


def test_metrics_are_written_by_the_timer():
    service = TIMER.replace(".timer", ".service")
    systemctl("start", service)
    assert not os.path.exists(DIRECTORY) and show(service, "ConditionResult") == "no"
    os.makedirs(DIRECTORY)
    systemctl("enable", "--now", TIMER)
    path = f"{DIRECTORY}/mptcp_mail.prom"
    wait_until(lambda: os.path.exists(path), "the first metrics", 90)
    with open(path) as f:
        text = f.read()
    assert "\nmptcp_mail_armed 0\n" in text and text.endswith("# EOF\n")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644 and os.listdir(DIRECTORY) == ["mptcp_mail.prom"]
    wait_until(lambda: show(service, "ActiveState") == "inactive", "it has ended")
    assert show(service, "Result") == "success"
    before = os.stat(path).st_mtime_ns
    wait_until(lambda: os.stat(path).st_mtime_ns > before, "the next minute's", 90)
