# SPDX-License-Identifier: GPL-2.0-only
"""The allowlist on the wire: both ends and every packet of connections over all pairs of link,
address family, checksum offload, governed end, list entry and the way the connection is made."""

import contextlib
import itertools
import random
import socket

import pytest

import links
import mma
from strip_rig import CONNECT, FAMILIES, LISTEN, TCP_FASTOPEN, Exchange, Ports, Rig, Row, faults

FIRST_PORT = 20000

# The ways to make a connection.
WAYS = ("plain", "extension headers", "retransmits", "fast open", "syncookies", "redirect", "redirect, syncookies",
        "output nat", "reuseport", "any port")


def way_of(rig, row, ports):
    """Sets up what this way needs, and undoes it on exit."""
    undo = contextlib.ExitStack()
    if "syncookies" in row.way:
        undo.enter_context(rig.sysctl("net.ipv4.tcp_syncookies", 2))
    if "redirect" in row.way:
        undo.enter_context(rig.nft("server", f"""chain in {{ type nat hook prerouting priority dstnat;
            tcp dport {ports.asked} redirect to :{ports.bound}
            }}"""))
    if row.way == "output nat":
        undo.enter_context(rig.nft("client", f"""chain out {{ type nat hook output priority -100;
            tcp dport {ports.asked} dnat ip to {rig.link.addresses[socket.AF_INET][0]}:{ports.bound}
            tcp dport {ports.asked} dnat ip6 to [{rig.link.addresses[socket.AF_INET6][0]}]:{ports.bound}
            }}"""))
    if row.way == "retransmits":  # the first of those under test
        flags, direction = ("syn", "dport") if row.governed == "connect" else ("syn | ack", "sport")
        side = "server" if row.governed == "connect" else "client"
        undo.enter_context(rig.nft(side, f"""chain in {{ type filter hook prerouting priority -500;
            tcp {direction} {ports.asked} tcp flags & (syn | ack) == {flags} numgen inc mod 2 0 drop
            }}"""))
    if row.way == "extension headers":
        undo.enter_context(segment_routing(rig.link))
    if row.way == "fast open":
        # Without cookies, so that even the first SYN carries data.
        for side in ("server", "client"):
            undo.enter_context(rig.sysctl("net.ipv4.tcp_fastopen", 0x607, side))
    return undo


@contextlib.contextmanager
def segment_routing(link):
    """A routing header in every packet (SRv6, inline), via the peer's own second address."""
    server, client = link.addresses[socket.AF_INET6]
    segments = ("2001:db8:f::1", "2001:db8:f::2")
    sides = [(link.server, link.devices[0], segments[0], client, segments[1]),
             (link.client, link.devices[1], segments[1], server, segments[0])]
    for netns, device, own, _, _ in sides:
        links.batch(netns, f"addr add {own}/64 dev {device} nodad")
        for name in ("all", device.replace(".", "/")):
            mma.sysctl(f"net/ipv6/conf/{name}/seg6_enabled", 1, netns=netns)
    for netns, device, _, peer, segment in sides:
        links.batch(netns, f"route add {peer}/128 encap seg6 mode inline segs {segment} dev {device}")
    try:
        yield
    finally:
        for netns, device, own, peer, _ in sides:
            links.batch(netns, f"route del {peer}/128 dev {device}", f"addr del {own}/64 dev {device}")


def possible(row):
    kind = links.KINDS[row.link]
    family = socket.AF_INET if row.family in ("v4", "mapped") else socket.AF_INET6
    if family not in kind.families or (row.offload and not kind.has_checksum_offload):
        return False
    if row.way == "extension headers" and (row.family != "v6" or row.link == "lo"):
        return False
    return not ("redirect" in row.way and row.link == "lo")  # on lo, NAT happens on OUTPUT


def pairwise(parameters, possible_row, seed=3):
    """Rows in which every possible pair of values occurs."""
    generator = random.Random(seed)
    names = list(parameters)

    def pairs(row):
        return {((i, row[i]), (j, row[j])) for i, j in itertools.combinations(range(len(names)), 2)}

    def fill(fixed):
        for _ in range(200):
            row = Row(*(fixed.get(i, generator.choice(parameters[n])) for i, n in enumerate(names)))
            if possible_row(row):
                return row
        return None

    left = {((i, a), (j, b)) for i, j in itertools.combinations(range(len(names)), 2)
            for a in parameters[names[i]] for b in parameters[names[j]]}
    while left:
        wanted = max(left, key=repr)
        candidates = [row for row in (fill(dict(wanted)) for _ in range(20)) if row]
        if not candidates:
            left.discard(wanted)
            continue
        best = max(candidates, key=lambda row: len(pairs(row) & left))
        left -= pairs(best)
        yield best


ROWS = list(pairwise({
    "link": list(links.KINDS), "family": list(FAMILIES), "offload": [False, True],
    "governed": ["listen", "connect", "both", "nobody"], "roles": [None, 0, 1, 2, 3], "way": list(WAYS)}, possible))


def run_row(rig, row, port):
    """Runs one row, and returns its faults."""
    family = FAMILIES[row.family]
    listens, connects = row.governed in ("listen", "both"), row.governed in ("connect", "both")
    nat = "redirect" in row.way or row.way == "output nat"
    ports = Ports(port, port + 1 if nat else port)
    listeners = []

    def prepare(sock):
        if row.way == "reuseport":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if row.way == "fast open":
            sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
    with contextlib.ExitStack() as stack:
        stack.enter_context(way_of(rig, row, ports))
        for _ in range(2 if row.way == "reuseport" else 1):
            bound = 0 if row.way == "any port" else ports.bound
            listeners.append(stack.enter_context(rig.listener(listens, family, bound, prepare)))
        if row.way == "any port":
            ports = Ports(*[listeners[0].getsockname()[1]] * 2)
        roles = {ports.asked: row.roles, ports.bound: row.roles}
        if nat:  # the other port has the opposite entry, which shows which one strip asks for
            other = ports.asked if row.governed == "listen" else ports.bound
            roles[other] = 3 ^ (row.roles or 0)
        for number, value in roles.items():
            rig.allow(number, value)
        client = rig.socket("client", connects, family)
        exchange = Exchange(rig, client, listeners, rig.address(row.family), ports, row.way == "fast open")
    syn = not connects or bool((roles[ports.asked] or 0) & CONNECT)
    synack = syn and (not listens or bool((roles[ports.bound] or 0) & LISTEN))
    found = faults(exchange, syn, synack, row.way)
    rig.stripped["stripped_syn"] += 0 if syn else len(exchange.syns)
    rig.stripped["stripped_synack"] += len(exchange.synacks) if syn and not synack else 0
    if row.way == "retransmits" and len(exchange.syns if row.governed == "connect" else exchange.synacks) < 2:
        found.append("no retransmit")
    if row.way == "fast open" and not exchange.syns[0].payload:
        found.append("no data in the SYN")
    if row.way == "extension headers" and not all(p.ip_options for p in exchange.syns + exchange.synacks):
        found.append("no extension headers")
    return found


@pytest.mark.parametrize("kind", links.KINDS)
def test_rows(kind, cgroup):
    if not links.available(kind):
        pytest.skip(f"{kind}: no module")
    link = links.KINDS[kind]()
    rig = Rig(link, cgroup)
    wrong = []
    try:
        rows = sorted((row for row in ROWS if row.link == kind), key=lambda row: row.offload)
        offload = None
        for i, row in enumerate(rows):
            if link.has_checksum_offload and row.offload != offload:
                link.set_offload(offload := row.offload)
            try:
                found = run_row(rig, row, FIRST_PORT + 2 * i)
            except Exception as e:
                found = [f"{type(e).__name__}: {e}"]
            if found:
                wrong.append(f"{row}: {'; '.join(found)}")
        print(f"{kind}: {len(rows)} rows, {rig.stripped}")
        counted = mma.counters(cgroup)
        if rig.stripped.items() - counted.items():
            wrong.append(f"counted {counted} instead of {rig.stripped}")
    finally:
        rig.close()
        link.remove()
    assert not wrong, "\n".join(wrong)
