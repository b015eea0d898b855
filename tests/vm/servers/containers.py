# SPDX-License-Identifier: GPL-2.0-only
"""Postfix in a systemd-nspawn container whose network namespace is the server's end of the
network. The host addresses it by its cgroup."""
GUEST = "systemd-containers"
TESTS = "test_containers.py"

import socket

import machine
import mma
import postfix
from clients import Submit
from machine import SERVER as ADDRESSES, in_client

NETNS = "box"
UNIT = "box.service"

# The host's own files, as a layer below the container's.
SERVICE = f"""
[Service]
Delegate=yes
ExecStart=/usr/bin/systemd-nspawn --quiet --keep-unit --register=no --machine=box --directory=/run/lower \
    --volatile=overlay --bind=/srv/mail --network-namespace-path=/run/netns/{NETNS} --as-pid2 \
    /usr/sbin/postfix start-fg
"""


class Container(postfix.Postfix):
    packages = ["postfix", "systemd-container"]
    units = [UNIT]
    cgroup, netns = f"system.slice/{UNIT}", NETNS
    listens = [25]
    sessions = [Submit("smtp", 25), Submit("smtp, STARTTLS", 25, "starttls")]

    def configure(self):
        super().configure()
        machine.sh(f"""
            postconf -MX submission/inet submissions/inet
            mkdir /run/lower
            mount --bind / /run/lower
            ip netns add {NETNS}
            ip link set mail netns {NETNS}
            ip -n {NETNS} address add {ADDRESSES[socket.AF_INET]}/24 dev mail
            ip -n {NETNS} address add {ADDRESSES[socket.AF_INET6]}/64 dev mail nodad
            ip -n {NETNS} link set mail up
            ip -n {NETNS} link set lo up
        """)
        machine.write(f"/etc/systemd/system/{UNIT}", SERVICE)
        machine.systemctl("daemon-reload")

    def settle(self):
        def answers():
            with in_client():
                sock = socket.socket()
            with sock:
                return sock.connect_ex((ADDRESSES[socket.AF_INET], 25)) == 0
        mma.wait_until(answers, "the container's Postfix answers", 60)


SERVER = Container()
