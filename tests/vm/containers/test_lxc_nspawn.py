# SPDX-License-Identifier: GPL-2.0-only
"""LXC and systemd-nspawn, by the examples that the package has."""

import os
import shutil

import pytest

import mma
from engines import BUSYBOX, LISTED, SERVER, UNLISTED, by_id, greeting, log_lines
from mma import run, wait_until

EXAMPLES = "/usr/share/doc/mptcp-mail-attach/examples/containers"
# The guest's dpkg leaves documentation out.
if not os.path.exists(EXAMPLES):
    EXAMPLES = f"{os.path.dirname(os.path.abspath(__file__))}/../examples/containers"


def root_in(where):
    for name in ("bin", "dev", "etc", "proc", "run", "sys", "tmp", "usr", "var"):
        os.makedirs(f"{where}/{name}", exist_ok=True)
    shutil.copy(SERVER, f"{where}/server")
    shutil.copy(BUSYBOX, f"{where}/bin/busybox")
    with open(f"{where}/etc/os-release", "w") as f:
        f.write("ID=test\n")


def example(name):
    with open(f"{EXAMPLES}/{name}") as f:
        return f.read()


def check_ports(addr):
    wait_until(lambda: run(["ping", "-c1", "-W1", addr], check=False).rc == 0 if shutil.which("ping") else True, addr)
    assert greeting(addr, LISTED) == (262, True)
    assert greeting(addr, UNLISTED) == (6, False)


LXC = """
lxc.uts.name = mail
lxc.rootfs.path = dir:/var/lib/lxc/mail/rootfs
lxc.init.cmd = /server 25 2525
lxc.apparmor.profile = unconfined
lxc.console.logfile = /run/lxc-console
lxc.net.0.type = veth
lxc.net.0.link = brlxc
lxc.net.0.flags = up
lxc.net.0.ipv4.address = 203.0.113.2/24
"""


@pytest.fixture
def lxc():
    root_in("/var/lib/lxc/mail/rootfs")
    with open("/var/lib/lxc/mail/config", "w") as f:
        f.write(LXC + example("lxc.conf"))
    run(["ip", "-batch", "-"], stdin="link add brlxc type bridge\naddr add 203.0.113.1/24 dev brlxc\nlink set brlxc up\n")
    yield
    run(["lxc-stop", "-k", "-n", "mail"], check=False)
    run(["ip", "link", "del", "brlxc"])


def told():
    with open("/run/lxc-console") as f:
        return f.read().split()


def start_lxc():
    open("/run/lxc-console", "w").close()
    run(["lxc-start", "-d", "-n", "mail", "-l", "debug", "-o", "/run/lxc.log"])
    return wait_until(told, "the server tells its sockets", 30)


def test_lxc(lxc):
    for _ in range(2):
        assert start_lxc() == ["25=262", "2525=262"]
        check_ports("203.0.113.2")
        [found] = [s for s in by_id() if s["alive"]]
        assert found["container"] == {"engine": "lxc", "id": "mail"}
        run(["lxc-stop", "-k", "-n", "mail"])
    assert not log_lines()


def test_lxc_without_the_tool(lxc):
    os.rename("/usr/libexec/mptcp-mail-attach", "/usr/libexec/spare")
    try:
        assert start_lxc() == ["25=6", "2525=6"]
    finally:
        os.rename("/usr/libexec/spare", "/usr/libexec/mptcp-mail-attach")


def test_nspawn():
    root_in("/var/lib/machines/mail")
    os.makedirs("/etc/systemd/system/systemd-nspawn@mail.service.d", exist_ok=True)
    text = example("systemd-nspawn@mail.service.d/mptcp-mail-attach.conf")
    assert "--boot" in text
    with open("/etc/systemd/system/systemd-nspawn@mail.service.d/mptcp-mail-attach.conf", "w") as f:
        f.write(text.replace("--boot", "--as-pid2").replace("--machine=mail", "--machine=mail /server 25 2525"))
    run(["systemctl", "daemon-reload"])
    try:
        run(["systemctl", "start", "systemd-nspawn@mail"], timeout=120)
        for _ in range(2):
            wait_until(lambda: mma.connect("192.0.2.2", LISTED) if answers("192.0.2.2") else None, "it listens", 30).close()
            check_ports("192.0.2.2")
            run(["systemctl", "restart", "systemd-nspawn@mail"], timeout=120)
    finally:
        run(["systemctl", "stop", "systemd-nspawn@mail"], check=False, timeout=120)


def answers(addr):
    try:
        mma.connect(addr, LISTED).close()
    except OSError:
        return False
    return True
