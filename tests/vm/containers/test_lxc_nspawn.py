# SPDX-License-Identifier: GPL-2.0-only
"""LXC and systemd-nspawn, set up as in the package's examples."""

import os
import shutil

import pytest

import mma
from engines import BUSYBOX, LISTED, SERVER, UNLISTED, by_id, example, greeting
from mma import run, wait_until


def root_in(where):
    for name in ("bin", "dev", "etc", "proc", "run", "sys", "tmp", "usr", "var"):
        os.makedirs(f"{where}/{name}", exist_ok=True)
    shutil.copy(SERVER, f"{where}/server")
    shutil.copy(BUSYBOX, f"{where}/bin/busybox")
    with open(f"{where}/etc/os-release", "w") as f:
        f.write("ID=test\n")


def answers(addr):
    try:
        mma.connect(addr, LISTED).close()
    except OSError:
        return False
    return True


def check_ports(addr):
    assert greeting(addr, LISTED) == (262, True)
    assert greeting(addr, UNLISTED) == (6, False)


LXC_ADDR = "203.0.113.2"
LXC = f"""
lxc.uts.name = mail
lxc.rootfs.path = dir:/var/lib/lxc/mail/rootfs
lxc.init.cmd = /server 25 2525
lxc.apparmor.profile = unconfined
lxc.net.0.type = veth
lxc.net.0.link = brlxc
lxc.net.0.flags = up
lxc.net.0.ipv4.address = {LXC_ADDR}/24
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


def start_lxc():
    """As a daemon it prints nothing, so its sockets are looked at directly."""
    run(["lxc-start", "-d", "-n", "mail", "-l", "debug", "-o", "/run/lxc.log"])
    wait_until(lambda: answers(LXC_ADDR), "the server listens", 30)


def test_lxc(lxc, quiet):
    for _ in range(2):
        start_lxc()
        [found] = [s for s in by_id() if s["alive"]]
        assert found["container"] == {"engine": "lxc", "id": "mail"}
        assert [(li["port"], li["proto"]) for li in found["listeners"]] == [(LISTED, "mptcp"), (UNLISTED, "mptcp")]
        check_ports(LXC_ADDR)
        run(["lxc-stop", "-k", "-n", "mail"])


def test_lxc_without_the_tool(lxc):
    os.rename("/usr/libexec/mptcp-mail-attach", "/usr/libexec/spare")
    try:
        start_lxc()
        assert greeting(LXC_ADDR, LISTED) == (6, False)
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
            wait_until(lambda: answers("192.0.2.2"), "the server listens", 30)
            check_ports("192.0.2.2")
            run(["systemctl", "restart", "systemd-nspawn@mail"], timeout=120)
    finally:
        run(["systemctl", "stop", "systemd-nspawn@mail"], check=False, timeout=120)
