# SPDX-License-Identifier: GPL-2.0-only
"""What the systemd tests share: units, their journal, and the list of our objects that remain."""

import contextlib
import glob
import json
import os
import re
import shutil
import socket

import mma
from bpfsys import Map
from mma import MPTCP, TCP, run, wait_until  # noqa: F401 (for the tests)

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = f"{HERE}/../server"
TOOL = "/usr/sbin/mptcp-mail-attach"
# The package of this version, and one of the next version, whose programs differ.
THIS, NEXT = f"{HERE}/../this.deb", f"{HERE}/../next.deb"
RUNTIME = "/run/systemd/system"
SERVERS = ["postfix.service", "dovecot.service", "nginx.service"]
DROPIN = "/etc/systemd/system/{}.d/zz-mptcp-mail-attach.conf"
OLDER_DROPIN = "/etc/systemd/system/{}.d/mptcp-mail-attach.conf"  # of version 0.1.0
# The command in a drop-in, and its name in the journal.
START = "/usr/libexec/mptcp-mail-attach-start"
IDENTIFIER = os.path.basename(START)


def systemctl(*args, **kwargs):
    return run(["systemctl", *args], **kwargs)


def show(unit, *properties):
    """{property: value}, or the value itself if only one property is asked for. systemctl omits
    empty lists."""
    out = systemctl("show", "--property", ",".join(properties), "--", unit).out
    found = dict.fromkeys(properties, "") | dict(line.split("=", 1) for line in out.splitlines())
    return found if len(properties) > 1 else found[properties[0]]


def show_all(units, *properties):
    """{unit's name: {property: value}}"""
    out = systemctl("show", "--property", ",".join(["Id", *properties]), "--", *[u.name for u in units]).out
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in out.strip().split("\n\n")]
    return {block["Id"]: block for block in blocks}


def active(unit):
    return show(unit, "ActiveState") == "active"


class Unit:
    """A test service in /run/systemd/system that listens on a port. When it is ready, it reports
    the protocol of its listeners."""

    def __init__(self, name, port=0, settings="", before="", unit=""):
        self.name, self.port = name, port
        self.file = f"{RUNTIME}/{name}"
        with open(self.file, "w") as f:
            f.write(f"[Unit]\nStartLimitIntervalSec=0\n{unit}\n"
                    f"[Service]\nType=notify\n{before}\nExecStart={SERVER} {port}\n{settings}\n")

    @property
    def dropin(self):
        return DROPIN.format(self.name)

    def start(self):
        systemctl("start", "--", self.name)

    def restart(self):
        systemctl("restart", "--", self.name)

    def stop(self):
        systemctl("stop", "--", self.name)

    def protocol(self, text=None):
        """The protocol of the listener, as the server reports it."""
        text = text or show(self.name, "StatusText")
        assert text.startswith(f"{self.port}="), f"{self.name}: {text!r}"
        return int(text.split("=")[1])

    def lines(self):
        """What the drop-in's command printed at the last start."""
        return drop_in_lines(self.name, show(self.name, "InvocationID"))

    def pid(self):
        return int(show(self.name, "MainPID"))


def install(deb):
    return run(["dpkg", "-i", deb], timeout=300)


def quicken_reloads():
    """Makes reloads faster. A reload runs every generator, which takes two seconds in all under
    emulation. The tests need only those for init scripts and for Debian 12's Postfix."""
    os.makedirs("/run/systemd/system-generators", exist_ok=True)
    for name in os.listdir("/usr/lib/systemd/system-generators"):
        if "sysv" not in name and "postfix" not in name:
            os.symlink("/dev/null", f"/run/systemd/system-generators/{name}")


def reload_systemd():
    systemctl("daemon-reload")


def enable(*args, check=True, **kwargs):
    return mma.mma("--enable", *args, check=check, **kwargs)


def disable(*args, check=True, **kwargs):
    return mma.mma("--disable", *args, check=check, **kwargs)


def greeting(port, addr="127.0.0.1", proto=MPTCP, say=b"", **place):
    """Connects: (the server's greeting, whether this end speaks MPTCP)."""
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    with mma.connect(addr, port, family, proto, **place) as conn:
        conn.sendall(say)
        word = conn.recv(256)
        assert word, f"port {port} closed the connection"
        return word.decode(), mma.is_mptcp(conn)


def speaks_mptcp(port, **kwargs):
    return greeting(port, **kwargs)[1]


def journal(*units):
    """{unit: its journal entries of this boot}, in order."""
    out = run(["sh", "-c", 'journalctl --sync; exec journalctl -b -o json --no-pager "$@"', "sh",
               *[word for unit in units for word in ("-u", unit)]]).out
    found = {unit: [] for unit in units}
    for line in out.splitlines():
        entry = json.loads(line)
        found.setdefault(entry.get("UNIT", entry.get("_SYSTEMD_UNIT")), []).append(entry)
    return found


def drop_in_lines(unit, invocation):
    """What the drop-in's command printed at this start of the unit."""
    return [e["MESSAGE"] for e in journal(unit)[unit]
            if e.get("SYSLOG_IDENTIFIER") == IDENTIFIER and e.get("_SYSTEMD_INVOCATION_ID") == invocation]


def not_of_systemd(kind, *keys):
    """Leaves out systemd's own programs and maps, which come and go."""
    listed = json.loads(run(["bpftool", "-j", kind, "list"]).out)
    return sorted([o.get(key, "") for key in keys] for o in listed if not o.get("name", "").startswith(("sd_", "restrict_fil")))


def own_programs():
    return not_of_systemd("prog", "name", "type")


def own_objects():
    """What exists of ours: programs, maps with their memory, pins, entries. Without `departed`: it
    keeps the most recently departed cgroups, and its memory is allocated from the start."""
    # The pin of a repair link contains the cgroup's id, which changes with every restart.
    pins = sorted(re.sub(r"(repair-[a-z]+\d?)-\d+$", r"\1-ID", pin) for pin in glob.glob(f"{mma.PINS}/**", recursive=True))
    entries = {name: len(mma.map_dict(name)) for name in Map.SHAPES if name not in ("departed", "stats")}
    return {"progs": own_programs(), "maps": not_of_systemd("map", "name", "bytes_memlock"), "pins": pins,
            "entries": entries}


def wait_until_none_is_ours():
    """Waits until nothing is attached and the kernel has freed our last program, those of earlier
    tests included."""
    try:
        wait_until(lambda: not own_programs(), "the kernel frees the programs")
    except AssertionError:
        print(own_programs())
        raise


def remove_drop_ins():
    for file in glob.glob(DROPIN.format("*")) + glob.glob(OLDER_DROPIN.format("*")):
        os.unlink(file)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(file))


def remove_units():
    """Stops our units and every mail server, and removes our units. systemd remembers failed
    units, so reset that."""
    files = glob.glob(f"{RUNTIME}/*")
    if not files:
        return
    names = [os.path.basename(f).replace("@.", "@*.") for f in files if not f.endswith((".d", ".wants"))]
    systemctl("stop", "--", *names, check=False)
    for file in files:
        shutil.rmtree(file) if os.path.isdir(file) and not os.path.islink(file) else os.unlink(file)
    systemctl("reset-failed")
    reload_systemd()
