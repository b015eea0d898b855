# SPDX-License-Identifier: GPL-2.0-only
"""The ten acts."""

import contextlib
import json
import os
import socket
import subprocess

import checks
import cut
import kernel
import mail
from checks import (ALL, HTTP_PORT, NONE, OFFER_ONLY, SUBMISSION_PORT, UNITS, Visitor, claim_listeners,
                    restart, round_trip, short_trip, show_ends, show_wire)
from claims import act, claim, command, say, wait_for
from kernel import MPTCP, TCP

TOOL = "mptcp-mail-attach"
PINS = "/sys/fs/bpf/mptcp-mail"
# Ports that only root may bind, for listening only: whatever else a service opens stays TCP. 220
# is imap3, used by nginx here.
PORTS = "25/listen,143/listen,220/listen,587/listen,993/listen"
INSIDE, OUTSIDE = "demo-inside.service", "demo-outside.service"

# The links that each BREAK removes, right after the attach.
BROKEN_LINKS = {"upgrade": ("upgrade",), "follow": ("follow_",), "strip": ("strip-",)}


def name(unit):
    return unit.split(".")[0].capitalize().replace("Nginx", "nginx")


def each_listens(act_name, want, text):
    for unit in UNITS:
        claim_listeners(act_name, unit, want, text.format(name(unit)))


def start():
    act(1, "Debian's own Postfix, Dovecot and nginx mail proxy")
    command("dpkg-query", "-W", "-f", "${Package} ${Version}\\n", "postfix", "dovecot-core",
            "nginx", "libnginx-mod-mail", shown="dpkg-query -W")
    command("systemctl", "start", *UNITS)
    with claim("start.unmodified", "the units run as Debian ships them") as c:
        for unit in UNITS:
            checks.show_active(c, unit)
            out = subprocess.run(["systemctl", "show", "-p", "FragmentPath,DropInPaths", unit],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout
            shown = dict(line.split("=", 1) for line in out.splitlines())
            c.show(f"{shown['FragmentPath']}, drop-ins: {shown['DropInPaths'] or 'none'}")
            c.holds(not shown["DropInPaths"]
                    and shown["FragmentPath"].startswith("/usr/lib/systemd/system/"))


def before():
    act(2, "Before: plain TCP")
    each_listens("before", TCP, "{} listens on TCP")
    with claim("before.connection", "an MPTCP client that connects gets TCP") as c:
        visitor = Visitor("smtp", MPTCP)
        show_ends(c, visitor.sock, visitor.unit, TCP)
        show_wire(c, visitor.sock, OFFER_ONLY)
        visitor.close()


def break_it(what):
    """Removes links of the attachment, and waits until the kernel has freed them."""
    def links():
        return sum(kind == "link" for kind, _ in kernel.bpf_objects())

    pins = [f"{PINS}/links/{pin}" for pin in sorted(os.listdir(f"{PINS}/links"))
            if pin.startswith(BROKEN_LINKS.get(what, ()))]
    expected = links() - len(pins)
    for pin in pins:
        os.unlink(pin)
        say(f"BREAK={what}: {pin} is removed", indent=2, hang=4)
    wait_for("unpinned links to go", lambda: links() == expected)


def attach(broken):
    act(3, "Attach by cgroup path, then restart the services")
    paths = [kernel.cgroup_of(unit) for unit in UNITS]
    words = [word for path in paths for word in ("--cgroup", path)]
    # Another cgroup, which does not exist yet: act 7 starts its unit.
    words += ["--cgroup", f"/sys/fs/cgroup/system.slice/{INSIDE}"]
    words += ["--port", PORTS]
    code, said = command(TOOL, *words, shown=" \\\n".join(
        [TOOL] + [f"  {option} {value}" for option, value in zip(words[::2], words[1::2])]))
    with claim("attach.named", "it names each listener that stays TCP until its restart") as c:
        c.holds(code == 0)
        for unit in UNITS:
            for at, _ in sorted(kernel.listeners(unit).items()):
                c.holds(any(unit in line and checks.address(at) in line and "TCP until the service" in line
                            for line in said.splitlines()))
    with claim("attach.unchanged", "none of them has changed") as c:
        for unit in UNITS:
            found = kernel.listeners(unit)
            c.show(f"{unit}: {len(found)} listeners, SO_PROTOCOL "
                   f"{', '.join(str(p) for p in sorted({e.protocol for e in found.values()}))}")
            c.holds(all(end.protocol == TCP for end in found.values()))
    break_it(broken)
    restart()
    each_listens("after", MPTCP, "{} listens on MPTCP after its restart")
    with claim("after.nothing-of-ours", "no drop-in, no unit and no process of ours") as c:
        units = subprocess.run(["systemctl", "list-unit-files", "--no-legend", "mptcp*"],
                               stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        drop_ins = subprocess.run(["systemctl", "show", "--value", "-p", "DropInPaths", *UNITS],
                                  stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        ours = [pid for pid in os.listdir("/proc") if pid.isdigit() and is_ours(pid)]
        c.show(f"units: {units or 'none'}; drop-ins: {drop_ins or 'none'}; "
               f"processes: {' '.join(ours) or 'none'}")
        c.holds(not units and not drop_ins and not ours)
    if not broken:  # repair is lost with a cgroup; the drop-in of --enable would restore it
        command(TOOL, "--refresh")
    show_status()


def is_ours(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith(TOOL)
    except OSError:
        return False


def status():
    out = subprocess.run([TOOL, "--status", "--json"], stdout=subprocess.PIPE, text=True,
                         check=True).stdout
    return json.loads(out)


def show_status():
    _, text = command(TOOL, "--status")
    with open(f"{os.environ['OUT']}/status.txt", "w", encoding="utf-8") as f:
        f.write(text)
    with claim("status.armed", "--status says that it is armed") as c:
        now = status()
        c.show(f"armed: {now['armed']}, reason: {now['reason']}")
        c.holds(now["armed"])
    with claim("status.listeners", "--status says MPTCP of each of these listeners") as c:
        for service in status()["services"]:
            unit = os.path.basename(service["path"])
            for listener in service["listeners"]:
                if listener["port"] in checks.MAIL_PORTS.get(unit, ()):
                    c.holds(listener["proto"] == "mptcp")
    with claim("status.covered", "--status says that every interface carries strip") as c:
        for netns in status()["netns"]:
            c.show(f"interfaces: {netns['interfaces']}, uncovered: {netns['uncovered']}")
            c.holds(netns["uncovered"] == 0)


COUNTERS = ("MPCapableSYNRX", "MPCapableACKRX", "MPCapableFallbackACK")


def mptcp_client():
    act(4, "An MPTCP client sends a message and reads it")
    old = kernel.counters(*COUNTERS)
    round_trip("mptcp", "by MPTCP", MPTCP, MPTCP, ALL)
    new = kernel.counters(*COUNTERS)
    rise = {counter: new[counter] - old[counter] for counter in COUNTERS}
    with claim("mptcp.counters", "nstat counts these four handshakes at the server") as c:
        for counter in COUNTERS[:2]:
            c.show(f"MPTcpExt{counter} {old[counter]} -> {new[counter]}")
            c.holds(rise[counter] >= 4)
    with claim("mptcp.no-fallback", "and no fallback") as c:
        c.show(f"MPTcpExt{COUNTERS[2]} {old[COUNTERS[2]]} -> {new[COUNTERS[2]]}")
        c.holds(rise[COUNTERS[2]] == 0)


def tcp_client():
    act(5, "A plain TCP client does the same")
    round_trip("tcp", "by TCP", TCP, TCP, NONE)


def allowlist():
    act(6, "The allowlist: exact, and live")
    with contextlib.ExitStack() as stack:
        web(stack)
    with contextlib.ExitStack() as stack:
        live_edit(stack)


def web(stack):
    web_process = None
    with claim("http.answer", "an MPTCP client is served by HTTP, port 80 (not on the list)") as c:
        sock = stack.enter_context(mail.dial(MPTCP, HTTP_PORT))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: mail.demo.example\r\n\r\n")
        answer = stack.enter_context(sock.makefile("rb")).readline().decode().strip()
        c.show(answer)
        c.holds(answer.endswith("200 OK"))
    with claim("http.ends", "that connection is plain TCP") as c:
        web_process = show_ends(c, sock, "nginx.service", TCP).process
    with claim("http.wire", "the SYN-ACK has no MP_CAPABLE") as c:
        show_wire(c, sock, OFFER_ONLY)
    with claim("http.same-process", "IMAP from the same nginx process is MPTCP") as c:
        proxy = Visitor("proxy", MPTCP)
        stack.callback(proxy.close)
        mail.log_in(proxy.mail)
        c.holds(show_ends(c, proxy.sock, proxy.unit, MPTCP).process == web_process)
    with claim("outgoing", "nginx's own connection to Dovecot is TCP: its worker can use no port on the list") as c:
        end = wait_for("Dovecot's end of it", lambda: kernel.find(
            "dovecot.service", lambda s: s.getpeername()[0] == "127.0.0.1"
            and s.getsockname()[1] == 143))
        c.show(f"Dovecot's end, {end.process}: {end}")
        c.holds(end.protocol == TCP)


def next_connection(ident, text, service, want):
    with claim(ident, text) as c:
        visitor = Visitor(service, MPTCP)
        show_ends(c, visitor.sock, visitor.unit, want)
        show_wire(c, visitor.sock, ALL if want == MPTCP else OFFER_ONLY)
        visitor.close()


def live_edit(stack):
    with claim("edit.before", "a connection to port 220 is opened, and stays open") as c:
        stays = Visitor("proxy", MPTCP)
        stack.callback(stays.close)
        mail.log_in(stays.mail)
        c.holds(stays.mail.noop()[0] == "OK")
    command(TOOL, "--deny", "220")
    next_connection("edit.deny", "the next connection to port 220 is TCP", "proxy", TCP)
    with claim("edit.open", "the open one is still MPTCP, and serves") as c:
        show_ends(c, stays.sock, stays.unit, MPTCP)
        c.show(f"NOOP: {stays.mail.noop()[0]}")
        c.holds(stays.mail.noop()[0] == "OK")
    command(TOOL, "--allow", "220/listen")
    next_connection("edit.allow", "the next connection is MPTCP again", "proxy", MPTCP)
    key = [str(byte) for byte in (143).to_bytes(2, "little")]
    update = ["bpftool", "map", "update", "pinned", f"{PINS}/ports", "key", *key, "value"]
    command(*update, "0")
    next_connection("edit.bpftool-deny", "bpftool does the same: port 143 is TCP", "imap", TCP)
    command(*update, "1")
    next_connection("edit.bpftool-allow", "and MPTCP again", "imap", MPTCP)


def bystander():
    act(7, "A bystander: the same program outside and inside")
    # The same listed port at two addresses.
    places = ((OUTSIDE, socket.AF_INET, TCP, "outside the attached cgroups"),
              (INSIDE, socket.AF_INET6, MPTCP, "in a cgroup attached before it existed"))
    for unit, family, _, _ in places:
        command("systemd-run", "--quiet", "--collect", f"--unit={unit}", "/usr/bin/python3",
                f"{os.path.dirname(os.path.abspath(__file__))}/listener.py", mail.SERVER[family],
                str(SUBMISSION_PORT))
    for unit, family, want, where in places:
        word = unit.split(".")[0].removeprefix("demo-")
        with claim(f"{word}.listen", f"{where} it listens on {kernel.NAMES[want]}") as c:
            found = wait_for(f"listener of {unit}", lambda u=unit: kernel.listeners(u))
            for at, end in found.items():
                c.show(f"{checks.address(at)} SO_PROTOCOL {end.protocol}")
                c.holds(end.protocol == want)
        with claim(f"{word}.connection",
                   f"and what connects there is {kernel.NAMES[want]}") as c:
            with mail.dial(MPTCP, SUBMISSION_PORT, family) as sock:
                c.holds(sock.recv(16) == b"hello\n")
                show_ends(c, sock, unit, want)
                show_wire(c, sock, ALL if want == MPTCP else OFFER_ONLY)
    subprocess.run(["systemctl", "stop", INSIDE, OUTSIDE], check=True)


def switched_off():
    act(8, "MPTCP switched off in the kernel, and on again")
    command("sysctl", "-w", "net.mptcp.enabled=0")
    code = restart()
    with claim("off.start", "the services start all the same") as c:
        for unit in UNITS:
            checks.show_active(c, unit)
        c.holds(code == 0)
    each_listens("off", TCP, "{} listens on TCP")
    short_trip("off", "while MPTCP is off", TCP)
    with claim("off.status", "--status says that MPTCP is off") as c:
        enabled = [netns["mptcp_enabled"] for netns in status()["netns"]]
        c.show(f"mptcp_enabled: {enabled}")
        c.holds(enabled == [False])
    command("sysctl", "-w", "net.mptcp.enabled=1")
    restart()
    each_listens("on", MPTCP, "{} listens on MPTCP again")
    short_trip("on", "MPTCP is on again", MPTCP)


def two_paths():
    act(9, "Two paths, and one is lost")
    cut.show()


def detach(baseline):
    act(10, "Detach")
    code, said = command(TOOL, "--detach")
    with claim("detach.named", "it names each listener that stays MPTCP until its restart") as c:
        c.holds(code == 0)
        for unit in UNITS:
            for at, end in sorted(kernel.listeners(unit).items()):
                c.holds(end.protocol == MPTCP and any(
                    unit in line and checks.address(at) in line and "MPTCP on every port" in line
                    for line in said.splitlines()))
    restart()
    each_listens("detached", TCP, "{} listens on TCP again")
    short_trip("detached", "after the detach", TCP)

    def left():
        # systemd attaches its own programs to a restarted unit: sd_devices, sd_fw_…
        return [text for key, text in kernel.bpf_objects().items()
                if key not in baseline and not text.split()[2].startswith("sd_")]

    with claim("detached.nothing", "bpftool prog, link and map list nothing of ours") as c:
        with contextlib.suppress(TimeoutError):
            wait_for("objects to go", lambda: not left())
        found = left() + ([PINS] if os.path.exists(PINS) else [])
        c.show(f"left: {', '.join(found) or 'nothing'}")
        c.holds(not found)
