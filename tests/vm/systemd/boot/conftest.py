# SPDX-License-Identifier: GPL-2.0-only
"""Nothing is installed or cleaned up for the tests: the first boot does what an administrator does
once, and the tests run in the second."""

import os
import signal

import pytest

from units import SERVERS, THIS, enable, install, quicken_reloads, reload_systemd, systemctl

MARKER = "/var/lib/first-boot"


@pytest.fixture(scope="session", autouse=True)
def warm():
    quicken_reloads()
    if os.path.exists(MARKER):
        return
    install(THIS)
    enable(*SERVERS)
    systemctl("add-wants", "multi-user.target", *SERVERS)  # "enable" runs perl for init scripts
    # The job of this boot ends with the reboot, which counts neither as success nor as failure.
    os.makedirs("/run/systemd/system/mma.service.d")
    with open("/run/systemd/system/mma.service.d/reboot.conf", "w") as f:
        f.write("[Unit]\nSuccessAction=none\nFailureAction=none\n")
    reload_systemd()
    with open("/proc/sys/kernel/random/boot_id") as f, open(MARKER, "w") as marker:
        marker.write(f.read())
    os.sync()
    systemctl("--no-block", "reboot")
    while True:  # until systemd ends this
        signal.pause()


@pytest.fixture(autouse=True)
def clean():
    pass


@pytest.fixture(scope="module", autouse=True)
def clean_module():
    pass
