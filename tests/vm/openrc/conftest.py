# SPDX-License-Identifier: GPL-2.0-only
"""Debian without systemd, booted twice. The first boot does what an administrator does once, from
dist/examples/openrc; the tests run in the second."""

import os
import shutil
import signal

import pytest

from mma import run

HERE = os.path.dirname(os.path.abspath(__file__))
MARKER = "/var/lib/first-boot"
# Like the init scripts of Gentoo and Alpine it is OpenRC's own, and so has its own cgroup.
# Debian's init script is not.
POSTFIX = """#!/sbin/openrc-run
depend() { after localmount net; }
start() { ebegin Starting; postfix -v start >/var/log/postfix-start 2>&1; eend $?; }
stop() { ebegin Stopping; postfix stop >/var/log/postfix-stop 2>&1; eend $?; }
"""


def script(path, text):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)


def first_boot():
    run(["dpkg", "-i", f"{HERE}/../this.deb"], timeout=300)
    examples = f"{HERE}/../examples/openrc"
    shutil.copy(f"{examples}/init.d/mptcp-mail-attach", "/etc/init.d/")
    with open(f"{examples}/conf.d/mptcp-mail-attach") as f:
        lines = f.read()
    assert 'services="postfix dovecot"' in lines, "Postfix is here, and Dovecot need not be"
    script("/etc/conf.d/mptcp-mail-attach", lines)
    os.chmod("/etc/init.d/mptcp-mail-attach", 0o755)
    script("/etc/init.d/postfix", POSTFIX)
    run(["postconf", "-e", "inet_interfaces=loopback-only"])
    for name in ("mptcp-mail-attach", "postfix"):
        run(["rc-update", "add", name, "default"])


@pytest.fixture(scope="session", autouse=True)
def warm():
    if os.path.exists(MARKER):
        return
    first_boot()
    with open("/proc/sys/kernel/random/boot_id") as f, open(MARKER, "w") as marker:
        marker.write(f.read())
    os.sync()
    with open("/proc/sysrq-trigger", "w") as f:
        f.write("b")
    while True:
        signal.pause()


@pytest.fixture(autouse=True)
def clean():
    """Each test continues from the state that the one before left."""
