# SPDX-License-Identifier: GPL-2.0-only
"""The drop-in in units with every kind of sandbox: one unit for each, started one after the other
by one command, and restarted once."""

import pytest

import mma
from units import IDENTIFIER, MPTCP, Unit, enable, journal, reload_systemd, show_all, speaks_mptcp, systemctl

KEEPS = True

SETTINGS = {
    "strict": "ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes\nDevicePolicy=closed\n"
              "ProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectKernelLogs=yes\nProtectControlGroups=yes\n"
              "ProtectProc=invisible\nProcSubset=pid\nRestrictNamespaces=yes\nMemoryDenyWriteExecute=yes\n"
              "SystemCallFilter=@system-service\nSystemCallFilter=~bpf @privileged\nRestrictSUIDSGID=yes\n"
              "NoNewPrivileges=yes\nCapabilityBoundingSet=\nAmbientCapabilities=",
    "dynamic": "DynamicUser=yes\nStateDirectory=dynamic",
    "user": "User=nobody\nGroup=nogroup\nUMask=0777\nTasksMax=8\nLimitNOFILE=64\nLimitMEMLOCK=0\nLimitNPROC=1\n"
            "MemoryMax=64M",
    "delegate": "Delegate=yes",
    "subgroup": "Delegate=yes\nDelegateSubgroup=main",
    "mounts": "PrivateMounts=yes\nInaccessiblePaths=/usr/sbin /sys/fs/bpf /sys/fs/cgroup\nTemporaryFileSystem=/run/x",
    "users": "PrivateUsers=yes\nPrivatePIDs=yes",
    "cgroup-private": "ProtectControlGroups=private",
    "cgroup-strict": "ProtectControlGroups=strict",
    "denied": "IPAddressAllow=localhost\nIPAddressDeny=any\nSocketBindAllow=2600-2699\nSocketBindDeny=any\n"
              "RestrictAddressFamilies=AF_UNIX AF_INET6",
    "slice": "Slice=my-own.slice\nTimeoutStartSec=14\nUnsetEnvironment=PATH\n"
             "Environment=LD_LIBRARY_PATH=/no LC_ALL=xx_YY PATH=/nowhere HOME= TMPDIR=/no",
}


@pytest.fixture(scope="module")
def fleet(clean_module):
    """{kind: (unit, what systemd shows, lines from the drop-in)}, in a list of two: after a start
    and after a restart."""
    units, before = {}, ""
    for i, (kind, settings) in enumerate(SETTINGS.items()):
        units[kind] = Unit(f"{kind}.service", 2600 + i, settings, unit=before)
        before = f"After={kind}.service"
    reload_systemd()
    names = [unit.name for unit in units.values()]
    enable(*names, "--port", "2600-2699")
    rounds = []
    for verb in ("start", "restart"):
        systemctl(verb, "--", *names, check=False, timeout=600)
        shown = show_all(units.values(), "StatusText", "ControlGroup", "InvocationID", "Result")
        entries = journal(*names)
        rounds.append({kind: (unit, shown[unit.name],
                              [e["MESSAGE"] for e in entries[unit.name] if e.get("SYSLOG_IDENTIFIER") == IDENTIFIER and
                               e.get("_SYSTEMD_INVOCATION_ID") == shown[unit.name]["InvocationID"]])
                       for kind, unit in units.items()})
    return rounds


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings(fleet, kind):
    words = iter(["attached", "already attached"])
    for unit, shown, lines in (r[kind] for r in fleet):
        assert shown["Result"] == "success"
        assert unit.protocol(shown["StatusText"]) == MPTCP, lines
        assert lines == [f"{next(words)} {shown['ControlGroup']}"]
    assert speaks_mptcp(unit.port)


def test_nothing_piles_up(fleet):
    assert len(mma.map_dict("paths")) == len(mma.map_dict("cgroups")) == len(SETTINGS)
