# SPDX-License-Identifier: GPL-2.0-only
"""The guest: its network, its units, their listeners and their logs."""

import contextlib
import os
import re
import socket

import mma

NETNS = "client"
SERVER = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
CLIENT = {socket.AF_INET: "192.0.2.2", socket.AF_INET6: "2001:db8::2"}
NAME, DOMAIN = "mail.example.test", "example.test"
CERT, KEY = "/etc/suite/cert.pem", "/etc/suite/key.pem"
TOOL = "/usr/local/sbin/mptcp-mail-attach"


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def sh(script):
    """Runs a shell script to its end; returns its output."""
    return mma.run(["sh", "-euc", script], timeout=120).out


def set_up():
    """Sets up a client behind a veth in its own network namespace, a certificate, and the tool
    where --enable finds it."""
    sh(f"""
        ip netns add {NETNS}
        ip link add mail type veth peer name net netns {NETNS}
        ip address add {SERVER[socket.AF_INET]}/24 dev mail
        ip address add {SERVER[socket.AF_INET6]}/64 dev mail nodad
        ip link set mail up
        ip -n {NETNS} address add {CLIENT[socket.AF_INET]}/24 dev net
        ip -n {NETNS} address add {CLIENT[socket.AF_INET6]}/64 dev net nodad
        ip -n {NETNS} link set net up
        ip -n {NETNS} link set lo up
        hostname {NAME}
        echo '127.0.0.1 {NAME} localhost' >>/etc/hosts
        install -m 755 "{mma.HERE}/mptcp-mail-attach" {TOOL}
        install -d -m 755 /etc/suite
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj /CN={NAME} -addext subjectAltName=DNS:{NAME} -keyout {KEY} -out {CERT} 2>/dev/null
        chmod 644 {KEY}
    """)


@contextlib.contextmanager
def in_client():
    """Sockets created in this context are the client's; for this thread only."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{NETNS}", os.O_RDONLY)
    try:
        os.setns(there, os.CLONE_NEWNET)
        yield
    finally:
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)
        os.close(there)


def systemctl(*words):
    mma.run(["systemctl", *words], timeout=120)


def versions(packages):
    out = mma.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages]).out
    return dict(line.split() for line in out.splitlines())


def listeners(unit):
    """{(address, port): "tcp" or "mptcp"} of an attached unit, from --status."""
    services = [s for s in mma.status()["services"] if s["path"].endswith(f"/{unit}")]
    return {(lis["addr"], lis["port"]): lis["proto"] for s in services for lis in s["listeners"]}


def await_port(port, seconds=60):
    """Waits until the port is open: a server reports that it has started some time before it
    listens."""
    def connects():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return True
        except OSError:
            return False
    mma.wait_until(connects, f"port {port} answers", seconds)


def journal(units, *words):
    """The units' log lines of level warning or worse, and those that say so in their text."""
    named = [word for unit in units for word in ("-u", unit)]
    out = mma.run(["journalctl", "--sync"], check=False)
    out = mma.run(["journalctl", "-b", "-o", "short-unix", "--no-hostname", *named, *words]).out
    return [line.split(" ", 1)[1] for line in out.splitlines() if re.match(r"\d", line)]


ALARMING = re.compile(r"warning|error|fatal|panic|fail|refused|not supported|not available|\bemerg|\bcrit|\balert",
                      re.I)


def kind_of(line):
    """A log line without the parts that change from time to time."""
    line = re.sub(r"[0-9A-F]{10,}|\b[0-9A-Za-z]{11,}:", "ID", line)
    return re.sub(r"[0-9a-f:.]*\d[0-9a-f:.]*", "N", line)


def alarms(lines):
    """{kind: line} of the lines that a postmaster would look at."""
    return {kind_of(line): line for line in lines if ALARMING.search(line)}
