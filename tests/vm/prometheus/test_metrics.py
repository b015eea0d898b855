# SPDX-License-Identifier: GPL-2.0-only
"""--status --openmetrics and the alert rules, checked with Prometheus's own tools and with a
Prometheus that scrapes a node_exporter."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request

import pytest

from mma import (HERE, MPTCP, PINS, Cgroup, attach, connect, listen, make_socket, mma, resident, run, status, sysctl,
                 try_connection, unshare, wait_until)

EXAMPLES = f"{HERE}/examples"
CLONE_NEWNET = 0x40000000


def metrics():
    """{(name, labels): value}; labels as a frozenset of pairs."""
    text = mma("--status", "--openmetrics", check=True).out
    assert text.endswith("\n# EOF\n")
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line).groups()
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
        assert (name, frozenset(pairs)) not in found, line
        found[name, frozenset(pairs)] = float(value)
    return found


def value(found, metric, **labels):
    return found["mptcp_mail_" + metric, frozenset(labels.items())]


def lint():
    """The output of promtool."""
    return run(["promtool", "check", "metrics"], stdin=mma("--status", "--openmetrics", check=True).out, check=False)


@pytest.fixture
def world(cgroup):
    """A service with something to count for every metric, and one with an odd name."""
    odd = Cgroup(os.fsdecode(b"\xfcb\"e\\r \xc3\xa4.service"))
    attach(cgroup, "--port", "25,465/listen,587/connect", "--cgroup", odd)
    with listen(25, cgroup=cgroup) as listener, listen(26, cgroup=cgroup) as off, \
            resident(lambda: unshare(CLONE_NEWNET), cgroup=cgroup):
        for _ in range(3):
            try_connection(listener, make_socket(proto=MPTCP))
        try_connection(listener, make_socket(proto=6))
        try_connection(off, make_socket(proto=MPTCP))
        yield cgroup
    odd.remove()


def test_promtool_finds_nothing(world):
    done = lint()
    assert (done.rc, done.out, done.err) == (0, "", "")


def test_promtool_finds_nothing_where_nothing_is_attached():
    done = lint()
    assert (done.rc, done.out, done.err) == (0, "", "")
    found = metrics()
    assert value(found, "armed") == 0 and value(found, "services") == 0


def test_they_are_what_the_json_says(world):
    now, found = status(), metrics()
    assert value(found, "armed") == 1 and value(found, "services") == len(now["services"]) == 2
    service = next(s for s in now["services"] if s["path"] == world.path)
    name = {"service": world.path}
    assert value(found, "service_attached", **name) == 1
    assert value(found, "service_restarts_total", **name) == service["counters"]["restarts"]
    for outcome, n in service["counters"].items():
        if outcome == "upgraded" or outcome.startswith("kept_"):
            assert value(found, "sockets_total", outcome=outcome, **name) == n, outcome
    assert service["counters"]["upgraded"] > 0
    for role, counter in (("listen", "stripped_synack"), ("connect", "stripped_syn")):
        assert value(found, "handshakes_kept_tcp_total", role=role, **name) == service["counters"][counter]
    assert value(found, "handshakes_kept_tcp_total", role="listen", **name) == 1
    assert value(found, "listeners", protocol="mptcp", listed="yes", **name) == 1
    assert value(found, "listeners", protocol="mptcp", listed="no", **name) == 1
    assert value(found, "listeners", protocol="tcp", listed="yes", **name) == 0
    for row in service["connections"]:
        where = {**name, "port": str(row["port"]), "role": row["role"]}
        for result in ("mptcp", "fell_back", "plain", "off_list"):
            assert value(found, "connections_total", result=result, **where) == row[result], (row, result)
        assert value(found, "subflows_total", **where) == row["subflows"]
    assert {r["mptcp"] for r in service["connections"]} == {3, 0}
    for space in (n for n in now["netns"] if n["reachable"]):
        where = {"netns": str(space["cookie"])}
        assert value(found, "netns_covered", **where) == space["covered"]
        assert value(found, "netns_interfaces", **where) == space["interfaces"]
        assert value(found, "netns_interfaces_uncovered", **where) == space["uncovered"]
        assert value(found, "netns_mptcp_enabled", **where) == space["mptcp_enabled"]
        assert value(found, "table_full_total", **where) == max(0, space["table_full"])
        assert value(found, "blackholes_total", **where) == max(0, space["blackhole"]["detected"])
    odd = r'/\\xfcb\"e\\r ä.service'
    assert value(found, "service_attached", service=odd) == 1


def test_each_is_documented(world):
    """Each metric is documented with its labels, and no other is."""
    described = {}
    for name, labels in re.findall(r"^\| `mptcp_mail_(\w+)` \|([^|]*)\|", open(f"{HERE}/metrics.md", encoding="utf-8").read(), re.M):
        described[name] = set(re.findall(r"`(\w+)`", labels))
    printed = {}
    for name, labels in metrics():
        printed.setdefault(name.removeprefix("mptcp_mail_"), set()).update(k for k, _ in labels)
    assert printed == described


def test_rules(tmp_path):
    """Each alert has a state that raises it; a healthy host raises none."""
    names = ["mptcp-mail.rules.yml", "rules.test.yml", "days.test.yml"]
    for name in names:
        shutil.copy(f"{EXAMPLES}/prometheus/{name}" if name == names[0] else f"{HERE}/prometheus/{name}", tmp_path)
    rules, *tests = ((tmp_path / name).read_text() for name in names)
    done = run(["promtool", "check", "rules", names[0]], cwd=tmp_path)
    assert "SUCCESS: 7 rules found" in done.out, done
    done = run(["promtool", "test", "rules", *names[1:]], cwd=tmp_path, check=False, timeout=300)
    assert done.rc == 0, done
    for alert in re.findall(r"alert: (\w+)", rules):
        assert alert in "".join(tests), alert
    (tmp_path / names[0]).write_text(rules.replace("mptcp_mail_armed == 0", "mptcp_mail_armed == 2"))
    assert run(["promtool", "test", "rules", names[1]], cwd=tmp_path, check=False).rc != 0


@contextlib.contextmanager
def program(*argv, log):
    with open(log, "w", encoding="utf-8") as out, \
            subprocess.Popen(argv, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def query(expression):
    """The values that Prometheus returns, by the text of their labels."""
    text = get(f"http://127.0.0.1:9090/api/v1/query?query={urllib.request.quote(expression)}")
    return [float(r["value"][1]) for r in json.loads(text)["data"]["result"]] if text else []


def write_metrics(directory):
    """Runs the unit's command."""
    unit = open(f"{EXAMPLES}/prometheus/mptcp-mail-attach-metrics.service", encoding="utf-8").read()
    command = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", unit, re.M)[1]
    tool = os.environ.get("MMA_TOOL") or f"{HERE}/mptcp-mail-attach"
    run(["sh", "-c", command.replace("/usr/sbin/mptcp-mail-attach", tool)], env={**os.environ, "DIRECTORY": str(directory)})


def test_a_prometheus_scrapes_it_and_the_alert_fires(world, tmp_path):
    """With the real rules, except that those that wait for 5 min wait for 2 s here."""
    textfiles = tmp_path / "textfiles"
    textfiles.mkdir()
    rules = open(f"{EXAMPLES}/prometheus/mptcp-mail.rules.yml", encoding="utf-8").read()
    (tmp_path / "mptcp-mail.rules.yml").write_text(re.sub(r"for: \d+m", "for: 2s", rules))
    (tmp_path / "prometheus.yml").write_text("""
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [mptcp-mail.rules.yml]
scrape_configs:
  - job_name: node
    static_configs: [{targets: ["127.0.0.1:9100"]}]
""")
    write_metrics(textfiles)
    assert sorted(os.listdir(textfiles)) == ["mptcp_mail.prom"]
    assert os.stat(textfiles / "mptcp_mail.prom").st_mode & 0o777 == 0o644
    with program("prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
                 f"--collector.textfile.directory={textfiles}", "--web.listen-address=127.0.0.1:9100",
                 log=tmp_path / "node.log"), \
            program("prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
                    "--web.listen-address=127.0.0.1:9090", log=tmp_path / "prometheus.log"):
        wait_until(lambda: "mptcp_mail_armed 1" in get("http://127.0.0.1:9100/metrics"), "node_exporter has it", 60)
        assert "# TYPE mptcp_mail_connections_total counter" in get("http://127.0.0.1:9100/metrics")
        assert "node_textfile_scrape_error 0" in get("http://127.0.0.1:9100/metrics")
        wait_until(lambda: query("mptcp_mail_armed") == [1], "Prometheus has scraped it", 120)
        assert query('sum(mptcp_mail_connections_total{result="mptcp",port="25"})') == [3]
        firing = 'ALERTS{alertname="MptcpMailNotArmed",alertstate="firing"}'
        assert query(firing) == []
        os.unlink(f"{PINS}/links/upgrade")
        write_metrics(textfiles)
        wait_until(lambda: query(firing) == [1], "the alert fires", 60)
        mma("--refresh", check=True)
        write_metrics(textfiles)
        wait_until(lambda: query(firing) == [], "the alert ends", 60)
