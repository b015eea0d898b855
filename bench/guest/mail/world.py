# SPDX-License-Identifier: GPL-2.0-only
"""The mail host (here) and its clients (a network namespace), the tool, and what the kernel
reports about the connections between them."""

import os
import subprocess
import time

import network
from network import NETNS, in_client

TOOL = "/payload/mail/mptcp-mail-attach"
SERVER, CLIENT = network.SERVER[1], network.CLIENT[1]
CGROUP = "/sys/fs/cgroup/mail"


class Broken(Exception):
    """What happened was not what was to be measured."""


def say(text):
    print(text, flush=True)


def run(words, **more):
    """Returns its standard output."""
    if isinstance(words, str):
        words = words.split()
    done = subprocess.run(words, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        raise Broken(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Broken(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def set_up():
    os.makedirs(CGROUP)
    for words in (f"netns add {NETNS}", f"link add s1 type veth peer name c1 netns {NETNS}",
                  f"address add {SERVER}/24 dev s1", f"-n {NETNS} address add {CLIENT}/24 dev c1",
                  "link set s1 up", f"-n {NETNS} link set c1 up"):
        run(f"ip {words}")
    # Otherwise the round trips that the kernel remembers would make late runs differ from early
    # ones.
    _no_metrics()
    with in_client():
        _no_metrics()


def _no_metrics():
    with open("/proc/sys/net/ipv4/tcp_no_metrics_save", "w", encoding="ascii") as f:
        f.write("1")


# --- the tool

def detach():
    run([TOOL, "--detach", "-q"])


def attach(ports):
    run([TOOL, "-q", "--cgroup", CGROUP, "--port", ",".join(f"{port}/listen" for port in ports)])


def allow(ports):
    run([TOOL, "-q", "--allow", ",".join(f"{port}/listen" for port in ports)])


def deny(ports):
    run([TOOL, "-q", "--deny", ",".join(map(str, ports))])


# --- processes of a service

def _enter():
    with open(f"{CGROUP}/cgroup.procs", "w", encoding="ascii") as f:
        f.write("0")


def start_in_cgroup(words):
    """For a daemon: it would keep a pipe open as long as it lives."""
    with open("/run/said", "w+", encoding="utf-8") as said:
        if subprocess.run(words, preexec_fn=_enter, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                          check=False).returncode:
            said.seek(0)
            raise Broken(f"{' '.join(words)}: {said.read().strip()}")


# --- what the kernel reports

def listener_protocol(port):
    """tcp or mptcp; None: nothing listens there."""
    # The list of TCP listeners contains MPTCP listeners, too: their first subflow.
    for option, name in (("-M", "mptcp"), ("-t", "tcp")):
        if run(["ss", "-Hln", option, f"sport = :{port}"]).strip():
            return name
    return None


def _netstat():
    found = {}
    for name in ("netstat", "snmp"):
        with open(f"/proc/thread-self/net/{name}", encoding="ascii") as f:
            lines = f.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            prefix = names.split(":")[0]
            for key, value in zip(names.split()[1:], values.split()[1:]):
                found[prefix + key] = int(value)
    return found


def counters():
    """Those of the server's namespace and of the client's."""
    server = _netstat()
    with in_client():
        return server, _netstat()


def since(before):
    """How much they have grown."""
    return [{key: value - old[key] for key, value in new.items()} for new, old in zip(counters(), before)]


def idle():
    """Seconds for which the processor was idle."""
    with open("/proc/uptime", encoding="ascii") as f:
        return float(f.read().split()[1])


def settle():
    """Waits until only this process is busy: work that a server or the kernel does after its
    answer must not be part of the next measurement."""
    def rests():
        before = idle()
        time.sleep(0.2)
        return idle() - before > 0.18
    wait_until(rests, "the guest comes to rest", 120)
