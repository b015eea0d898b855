# SPDX-License-Identifier: GPL-2.0-only
"""repair: the few socket options that it answers, on real connections, with it and without it. All
other options, sockets and processes behave as without it."""

import errno
import os
import socket
import struct

import pytest

from bpfsys import obj_get
from mma import (HERE, MPTCP, PINS, TCP, Cgroup, Map, _tool, attach, inside, is_mptcp, listen, make_socket, map_dict, mma,
                 resident, run, service, so_protocol, wait_until)

SOL_IP, SOL_IPV6 = 0, 41
IP_OPTIONS, TCP_MAXSEG, TCP_QUICKACK, TCP_INFO, TCP_ULP, TCP_MD5SIG = 4, 2, 12, 11, 31, 14
PORT = 7001
FAMILIES = [socket.AF_INET, socket.AF_INET6]


def get(sock, level, option, size=4):
    """The value, or the name of an errno."""
    try:
        return sock.getsockopt(level, option, size)
    except OSError as e:
        return errno.errorcode[e.errno]


def put(sock, level, option, value):
    try:
        sock.setsockopt(level, option, value)
        return "done"
    except OSError as e:
        return errno.errorcode[e.errno]


def answers_maxseg():
    """Whether the kernel itself answers TCP_MAXSEG on MPTCP, as Linux 6.18 does."""
    with socket.socket(proto=MPTCP) as sock:
        return get(sock, TCP, TCP_MAXSEG) != "ENOTSUP"


class Pair:
    """A connection whose server, client, or both are in a cgroup."""

    def __init__(self, server=None, client=None, family=socket.AF_INET, protocols=(0, MPTCP)):
        place = {"cgroup": server} if server else {}
        self.listener = listen(PORT, family=family, proto=protocols[0], **place)
        place = {"cgroup": client} if client else {}
        self.client = make_socket(family, proto=protocols[1], **place)
        self.client.settimeout(20)
        self.client.connect(("127.0.0.1" if family == socket.AF_INET else "::1", PORT))
        self.server, _ = self.listener.accept()
        self.server.settimeout(20)
        for one, other in ((self.client, self.server), (self.server, self.client)):
            one.sendall(b"?")
            assert other.recv(1) == b"?"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in (self.client, self.server, self.listener):
            sock.close()


REPAIRED, UNREPAIRED = ("ENOPROTOOPT", "done"), ("ENOTSUP", "ENOPROTOOPT")


def answers(sock):
    """The answers to the options that every kernel lacks."""
    return get(sock, SOL_IP, IP_OPTIONS, 40), put(sock, TCP, TCP_QUICKACK, 1)


def repaired(sock):
    found = answers(sock)
    assert found in (REPAIRED, UNREPAIRED), found
    return found == REPAIRED


def is_repaired(cgroup):
    with Pair(cgroup) as pair:
        assert is_mptcp(pair.server)
        return repaired(pair.server)


def links():
    return sorted(name for name in os.listdir(f"{PINS}/links") if name.startswith("repair-"))


def links_of(*cgroups):
    return sorted(f"repair-{which}-{cgroup.id}" for which in ("get", "set", "connect4", "connect6")
                  for cgroup in cgroups)


@pytest.fixture
def group(cgroup):
    attach(cgroup, "--port", str(PORT))
    return cgroup


@pytest.fixture
def bare(cgroup):
    """Attaches without repair."""
    attach(cgroup, "--port", str(PORT), "--no-repair")
    return cgroup


# What is repaired

@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", ["server", "client"])
def test_ip_options(cgroup, family, side):
    for args, answer in ((["--no-repair"], "ENOTSUP"), ([], "ENOPROTOOPT")):
        attach(cgroup, "--port", str(PORT), *args)
        with Pair(cgroup, cgroup, family, protocols=(0, 0)) as pair:
            sock = getattr(pair, side)
            assert is_mptcp(sock)
            assert get(sock, SOL_IP, IP_OPTIONS, 40) == answer
            assert get(pair.listener, SOL_IP, IP_OPTIONS, 40) == answer


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", ["server", "client"])
def test_maxseg(cgroup, family, side):
    """Compared with the kernel's own answer on the first subflow."""
    for args, answered in ((["--no-repair"], answers_maxseg()), ([], True)):
        attach(cgroup, "--port", str(PORT), *args)
        with Pair(cgroup, cgroup, family, protocols=(0, 0)) as pair:
            sock = getattr(pair, side)
            assert is_mptcp(sock)
            snd_mss = sock.getsockopt(TCP, TCP_INFO, 104)[16:20]
            assert struct.unpack("=I", snd_mss)[0] > 500
            assert get(sock, TCP, TCP_MAXSEG) == (snd_mss if answered else "ENOTSUP")
            # TCP truncates the value to a short buffer; repair leaves that case to the kernel.
            assert answers_maxseg() or get(sock, TCP, TCP_MAXSEG, 2) == "ENOTSUP"
            assert get(sock, TCP, TCP_MAXSEG, 8) == (snd_mss if answered else "ENOTSUP")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", ["server", "client"])
def test_quickack(cgroup, family, side):
    for args, answer in ((["--no-repair"], "ENOPROTOOPT"), ([], "done")):
        attach(cgroup, "--port", str(PORT), *args)
        with Pair(cgroup, cgroup, family, protocols=(0, 0)) as pair:
            sock = getattr(pair, side)
            assert is_mptcp(sock)
            for value in (0, 1):
                assert put(sock, TCP, TCP_QUICKACK, value) == answer
            assert put(sock, TCP, TCP_QUICKACK, b"\1") != "done", "not an int: as the kernel says"
            sock.sendall(b"still works")
            other = pair.client if side == "server" else pair.server
            assert other.recv(11) == b"still works"


# Sequences of calls from real servers

def exim_greets(conn):
    """Exim's smtp_start_session(), built without IPv6: looks for source routes, and continues if
    there can be none."""
    options = get(conn, SOL_IP, IP_OPTIONS, 52)
    if options != "ENOPROTOOPT" and isinstance(options, str):
        return f"451 SMTP service not available ({options})"
    return "220" if isinstance(options, str) or not options else "554 SMTP service not available"


def postfix_warns(conn):
    """Postfix's vstream_tweak_tcp(): returns its warning, or the segment size from which it
    computes its buffer size."""
    mss = get(conn, TCP, TCP_MAXSEG)
    return f"getsockopt TCP_MAXSEG: {mss}" if isinstance(mss, str) else struct.unpack("=i", mss)[0]


def test_exim_without_ipv6(cgroup):
    attach(cgroup, "--port", str(PORT), "--no-repair")
    with Pair(cgroup) as pair:
        assert exim_greets(pair.server) == "451 SMTP service not available (ENOTSUP)"
    attach(cgroup)
    with Pair(cgroup) as pair:
        assert exim_greets(pair.server) == "220"
    with Pair(cgroup, protocols=(0, TCP)) as pair:
        assert exim_greets(pair.server) == "220"


def test_postfix_buffer(cgroup):
    attach(cgroup, "--port", str(PORT), "--no-repair")
    with Pair(cgroup) as pair:
        if answers_maxseg():
            assert postfix_warns(pair.server) > 500
        else:
            assert postfix_warns(pair.server) == "getsockopt TCP_MAXSEG: ENOTSUP"
    attach(cgroup)
    with Pair(cgroup) as pair:
        assert postfix_warns(pair.server) > 500


# What is not repaired

def shape(answer):
    """The part of an answer that does not change from moment to moment."""
    return answer if isinstance(answer, str) else len(answer)


def every_get(sock):
    return {(level, option): shape(get(sock, level, option, 64))
            for level in (SOL_IP, socket.SOL_SOCKET, TCP, SOL_IPV6, 284) for option in range(100)}


# Leaves out options that end or stall the connection.
SKIPPED = {(TCP, 19), (TCP, 20), (TCP, 21), (TCP, 22)}  # TCP_REPAIR…


def every_set(sock):
    """Sets each option to its current value, or to 1, and reads it again."""
    found = {}
    for level in (SOL_IP, TCP, SOL_IPV6):
        for option in range(70):
            if (level, option) in SKIPPED:
                continue
            before = get(sock, level, option)
            value = before if isinstance(before, bytes) and before else struct.pack("=i", 1)
            found[level, option] = put(sock, level, option, value), shape(get(sock, level, option))
    return found


SOCKETS = {  # protocols of server and client; the end under test
    "TCP": ((TCP, TCP), "server"),
    "server, fallen back": ((MPTCP, TCP), "server"),
    "client, fallen back": ((TCP, MPTCP), "client"),
    "MPTCP server": ((MPTCP, MPTCP), "server"),
    "MPTCP client": ((MPTCP, MPTCP), "client"),
}
GETS = {(SOL_IP, IP_OPTIONS): ("ENOTSUP", "ENOPROTOOPT"), (TCP, TCP_MAXSEG): ("ENOTSUP", 4)}
SETS = {(TCP, TCP_QUICKACK): (("ENOPROTOOPT", "ENOTSUP"), ("done", "ENOTSUP")),
        (SOL_IP, IP_OPTIONS): (("ENOPROTOOPT", "ENOTSUP"), ("ENOPROTOOPT", "ENOPROTOOPT")),
        (TCP, TCP_MAXSEG): (("ENOPROTOOPT", "ENOTSUP"), ("ENOPROTOOPT", 4))}


@pytest.mark.parametrize("name", SOCKETS)
def test_every_option(cgroup, name):
    """Reads and sets every option: the answer differs with repair for these options only, and on
    MPTCP only. The sockets ask for their protocol themselves: nothing is upgraded here."""
    protocols, side = SOCKETS[name]

    def all_answers():
        found = []
        for ask in (every_get, every_set):
            with Pair(group, group, protocols=protocols) as pair:
                sock = getattr(pair, side)
                assert is_mptcp(sock) == name.startswith("MPTCP")
                found.append(ask(sock))
        return found

    group = cgroup.child("asks")
    attach(cgroup, "--port", str(PORT), "--no-repair")
    with Map("cgroups") as cgroups:
        del cgroups[cgroup.id]
    without = all_answers()
    links_before = links()
    mma("--cgroup", cgroup, check=True)
    with Map("cgroups") as cgroups:
        del cgroups[cgroup.id]
    assert links_before == [] and links() == links_of(cgroup)
    for before, after, expected in zip(without, all_answers(), (GETS, SETS)):
        changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
        if not name.startswith("MPTCP"):
            expected = {}
        elif answers_maxseg():
            expected = {key: change for key, change in expected.items() if key != (TCP, TCP_MAXSEG)}
        assert changed == expected
    if name.startswith("MPTCP"):
        assert without[1][TCP, 18][0] == "ENOPROTOOPT", "TCP_USER_TIMEOUT is a promise"
        assert without[1][TCP, TCP_ULP][0] == without[1][TCP, TCP_MD5SIG][0] == "ENOPROTOOPT"


@pytest.mark.parametrize("protocols, side", [((TCP, MPTCP), "client"), ((MPTCP, TCP), "server")])
def test_quickack_after_fallback_is_tcps(group, protocols, side):
    with Pair(group, group, protocols=(0, 0)) as pair:
        assert repaired(pair.server) and repaired(pair.client)
    mma("--deny", str(PORT), check=True)
    with Pair(*((None, group) if side == "client" else (group, None)), protocols=protocols) as pair:
        sock = getattr(pair, side)
        assert not is_mptcp(sock)
        for value in (0, 1, 0):
            assert put(sock, TCP, TCP_QUICKACK, value) == "done"
            assert get(sock, TCP, TCP_QUICKACK) == struct.pack("=i", value)


def test_fallen_back_later(group):
    """The peer's key is known, but packets after the handshake carry no MPTCP."""
    run(["nft", "-f", "-"], stdin=f"""table ip late {{
        chain out {{
            type filter hook output priority 0
            tcp flags & syn == 0 tcp dport {PORT} reset tcp option mptcp
            tcp flags & syn == 0 tcp sport {PORT} reset tcp option mptcp
        }}
    }}""")
    try:
        with Pair(None, group, protocols=(MPTCP, 0)) as pair:
            assert so_protocol(pair.client) == MPTCP and not is_mptcp(pair.client)
            for value in (0, 1, 0):
                assert put(pair.client, TCP, TCP_QUICKACK, value) == "done"
                assert get(pair.client, TCP, TCP_QUICKACK) == struct.pack("=i", value), "TCP heeds it"
            assert get(pair.client, SOL_IP, IP_OPTIONS, 40) == b""
    finally:
        run(["nft", "delete table ip late"])


RECORD_ROUTE = bytes([7, 7, 4, 0, 0, 0, 0, 0])  # one hop, and the end


def by_hand(server, port, options):
    """An MPTCP client made of raw packets: a three-way handshake with IP options."""
    client, sport = "192.0.2.99", 4711  # an unused address: no kernel answers for it
    key = bytes(range(1, 9))
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    raw.setsockopt(SOL_IP, socket.IP_HDRINCL, 1)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    wire.bind(("c0", 0x0800))
    wire.settimeout(20)
    src, dst = socket.inet_aton(client), socket.inet_aton(server)

    def send(seq, ack, flags, mptcp):
        tcp = struct.pack("!HHIIBBHHH", sport, port, seq, ack, (20 + len(mptcp)) // 4 << 4, flags, 65535, 0, 0) + mptcp
        pseudo = src + dst + struct.pack("!BBH", 0, 6, len(tcp)) + tcp
        total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        tcp = tcp[:16] + struct.pack("!H", total ^ 0xffff) + tcp[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x40 | (20 + len(options)) // 4, 0, 20 + len(options) + len(tcp), 1, 0, 64,
                         6, 0, src, dst) + options
        raw.sendto(ip + tcp, (server, 0))

    def mp_capable(packet):
        at = (packet[0] & 15) * 4
        end, found = at + (packet[at + 12] >> 4) * 4, at + 20
        while found < end and packet[found] != 30:
            found += 1 if packet[found] == 1 else packet[found + 1]
        return struct.unpack("!I", packet[at + 4:at + 8])[0], packet[found + 4:found + 12]

    send(1000, 0, 2, bytes([30, 4, 1, 1]))
    while True:
        packet = wire.recv(2048)
        at = (packet[0] & 15) * 4
        if packet[16:20] == src and packet[at + 13] & 0x3f == 0x12:
            break
    seq, server_key = mp_capable(packet)
    send(1001, seq + 1, 16, bytes([30, 20, 1, 1]) + key + server_key)


@pytest.mark.parametrize("options, answer", [(b"", "ENOPROTOOPT"), (RECORD_ROUTE, "ENOTSUP")], ids=["none", "some"])
def test_ip_options_that_are_there(group, net, options, answer):
    """The answer "none" would be wrong here. The kernel's answer stays, and the server refuses because it
    cannot check the options."""
    attach(group, "--netns", f"/run/netns/{net.server}")
    run(["ip", "-n", net.server, "neigh", "add", "192.0.2.99", "lladdr", "02:00:00:00:00:01", "dev", "s0"])
    run(["ip", "-n", net.client, "link", "set", "c0", "promisc", "on"])
    with listen(PORT, cgroup=group, netns=net.server) as listener:
        inside(by_hand, "192.0.2.1", PORT, options, netns=net.client)
        conn, _ = listener.accept()
        with conn:
            assert is_mptcp(conn)
            assert get(conn, SOL_IP, IP_OPTIONS, 40) == answer
            assert exim_greets(conn)[:3] == ("220" if answer == "ENOPROTOOPT" else "451")


def test_other_processes(group):
    with Pair(group) as pair:
        assert repaired(pair.server)
        assert is_mptcp(pair.client) and not repaired(pair.client), "outside, though its peer is attached"
    outside = Cgroup()
    try:
        with Pair(outside, outside, protocols=(MPTCP, MPTCP)) as pair:
            assert not repaired(pair.server) and not repaired(pair.client)
    finally:
        outside.remove()


def test_a_child_is_covered(group):
    below = group.child("worker")
    assert is_repaired(below)
    assert links() == links_of(group)


# Attaching, restarts, detaching

def test_no_repair_and_back(group):
    assert is_repaired(group) and service(group)["repair"] == "on"
    attach(group, "--no-repair")
    assert not is_repaired(group) and service(group)["repair"] == "off"
    assert links() == []
    mma("--refresh", check=True)
    assert links() == [], "the choice is kept"
    attach(group)
    assert is_repaired(group) and service(group)["repair"] == "on"
    assert links() == links_of(group)


def line(start):
    lines = [l for l in mma("--status", check=True).out.splitlines() if l.startswith(start)]
    assert len(lines) == 1, lines
    return lines[0]


def test_status_is_measured(group):
    assert line("  socket options") == "  socket options are repaired"
    for name in links_of(group):
        os.unlink(f"{PINS}/links/{name}")
        wait_until(lambda: service(group)["repair"] == "missing", "the link goes")
        assert line("  socket options") == "  socket options are NOT repaired; run --refresh"
        mma("--refresh", check=True)
        assert service(group)["repair"] == "on"
    attach(group, "--no-repair")
    assert line("  socket options") == "  socket options are not repaired (--no-repair)"
    os.rmdir(group.dir)
    assert service(group)["repair"] is None
    assert not [l for l in mma("--status").out.splitlines() if l.startswith("  socket options")]


def test_restart(group):
    """An attachment by path loses repair with the cgroup. With `self`, as in the drop-in, the new
    cgroup gets it again. The old cgroup's links are swept."""
    old = group.id
    group.restart()
    assert group.id != old
    assert service(group)["upgrading"] is True and service(group)["repair"] == "missing"
    assert not is_repaired(group)
    done = mma("--cgroup", "self", cgroup=group, check=True)
    assert done.out == f"already attached {group.path}\n" and "repair" not in done.err
    assert is_repaired(group) and service(group)["repair"] == "on"
    wait_until(lambda: mma("--allow", str(PORT), check=True) and links() == links_of(group), "the old links are swept")


def test_restart_and_refresh(group):
    group.restart()
    mma("--refresh", check=True)
    assert is_repaired(group)


def test_the_next_run_sweeps(group):
    assert len(links()) == 4
    os.rmdir(group.dir)
    wait_until(lambda: mma("--allow", "7009", check=True) and links() == [], "links of a dead cgroup are swept")
    assert service(group)["repair"] is None


def test_sockets_outlive_the_cgroup(group):
    """While one of its sockets lives, a removed cgroup holds the programs; then it releases
    them."""
    with Pair(group) as pair:
        os.rmdir(group.dir)
        mma("--refresh", check=True)
        assert repaired(pair.server)
    wait_until(lambda: mma("--refresh", check=True) and links() == [], "then they are swept")


def test_what_is_said(group):
    with resident(cgroup=group):
        said = mma("--cgroup", group, check=True).err
        assert f"{group.path}: socket options are repaired only until the service restarts" in said
        assert f"--enable {group.name}" in said
        assert "repair" not in mma("--cgroup", "self", cgroup=group, check=True).err
        assert "repair" not in mma("--cgroup", group, "--no-repair", check=True).err
        assert mma("--cgroup", group, "-q", check=True).err == ""


def test_before_it_exists(group):
    later = group.child("later.service", make=False)
    said = mma("--cgroup", later, check=True).err
    assert "socket options can be repaired only once it exists" in said
    assert links() == links_of(group)
    assert service(later)["repair"] is None
    later.make()
    assert service(later)["repair"] == "on", "by its parent's"
    mma("--detach", "--cgroup", group, check=True)
    assert service(later)["repair"] == "missing"
    mma("--refresh", check=True)
    assert links() == links_of(later) and service(later)["repair"] == "on"


def test_detach_one(group):
    other = Cgroup()
    try:
        attach(other)
        assert links() == links_of(group, other)
        mma("--detach", "--cgroup", group, check=True)
        assert links() == links_of(other)
        assert is_repaired(other)
    finally:
        other.remove()


def test_a_socket_after_detach(group):
    """It stays MPTCP until it closes, and gives the kernel's answers."""
    with Pair(group) as pair:
        assert repaired(pair.server)
        mma("--detach", check=True)
        assert not os.path.exists(PINS)
        wait_until(lambda: answers(pair.server) == UNREPAIRED, "both links are gone")
        assert is_mptcp(pair.server)


def ids_of(link):
    """The ids of the link and of its program."""
    fd = obj_get(f"{PINS}/links/{link}")
    try:
        with open(f"/proc/self/fdinfo/{fd}") as f:
            found = dict(l.split(":") for l in f if ":" in l)
        return int(found["link_id"]), int(found["prog_id"])
    finally:
        os.close(fd)


def test_upgrade_of_the_tool(group):
    """The links stay and get the new programs: at no moment is there none."""
    before = {name: ids_of(name) for name in links()}
    with Map("meta") as meta:
        meta[0] = (*meta.get(0)[:6], "another build")
    mma("--refresh", check=True)
    after = {name: ids_of(name) for name in links()}
    assert set(after) == set(before) == set(links_of(group))
    for name, (link, program) in after.items():
        assert link == before[name][0] and program != before[name][1]
    assert service(group)["repair"] == "on" and is_repaired(group)


def test_upgrade_from_a_tool_without_it(group):
    """In the state that 0.1.0 leaves."""
    for name in links():
        os.unlink(f"{PINS}/links/{name}")
    for name in ("repair-get", "repair-set", "repair-connect4", "repair-connect6"):
        os.unlink(f"{PINS}/progs/{name}")
    os.unlink(f"{PINS}/asked")
    with Map("meta") as meta:
        meta[0] = (*meta.get(0)[:6], "another build")
    assert service(group)["repair"] == "missing"
    mma("--refresh", check=True)
    assert is_repaired(group)


# Where repair cannot be attached

@pytest.mark.parametrize("program", ["repair_get", "repair_set", "repair_connect4", "repair_connect6"])
def test_a_kernel_that_refuses_it(cgroup, program):
    """Everything else is attached; a message and --status say that repair is missing."""
    done = run([f"{HERE}/failat", str(errno.EINVAL), program, _tool(), "--cgroup", cgroup.dir, "--port", str(PORT)])
    assert f"{cgroup.dir}: socket options cannot be repaired: this kernel did not load the programs; run --check; " in done.err
    assert service(cgroup)["repair"] == "missing" and links() == []
    assert not is_repaired(cgroup), "and MPTCP all the same"
    # Later runs leave it so, and say so again.
    assert "socket options cannot be repaired" in mma("--cgroup", cgroup, check=True).err
    assert service(cgroup)["repair"] == "missing"


@pytest.mark.parametrize("program", ["repair_get", "repair_set", "repair_connect4", "repair_connect6"])
def test_check_says_that_it_does_not_load(program):
    done = run([f"{HERE}/failat", str(errno.EINVAL), program, _tool(), "--check"], check=False)
    lines = [l for l in done.out.splitlines() if l.split()[1] == "repair"]
    assert len(lines) == 1 and lines[0].startswith("! ") and "load failed (Invalid argument)" in lines[0], done.out


PROGRAMS = "/sys/fs/bpf/sockopt"
HOOKS = [("cgroup_getsockopt", "other_get"), ("cgroup_setsockopt", "other_set")]


@pytest.fixture
def others(clean):
    """Attaches another project's programs (progs/sockopt.bpf.c) to a cgroup."""
    run(["bpftool", "prog", "loadall", f"{HERE}/sockopt.bpf.o", PROGRAMS])

    def attach_others(cgroup, *flags):
        for hook, name in HOOKS:
            run(["bpftool", "cgroup", "attach", cgroup.dir, hook, "pinned", f"{PROGRAMS}/{name}", *flags])

    yield attach_others
    run(["rm", "-rf", PROGRAMS])


def seen(sock):
    """The effects of the other programs."""
    return get(sock, socket.SOL_SOCKET, socket.SO_MARK), put(sock, SOL_IP, socket.IP_TOS, 4)


THEIRS = (struct.pack("=I", 77), "EPERM")


@pytest.mark.parametrize("flags", [["multi"], ["override"], []], ids=["multi", "override", "exclusive"])
@pytest.mark.parametrize("first", [True, False])
def test_another_program_on_a_child(cgroup, others, flags, first):
    below = cgroup.child("below")
    if first:
        others(below, *flags)
    attach(cgroup, "--port", str(PORT))
    if not first:
        others(below, *flags)
    with Pair(below) as pair:
        assert repaired(pair.server)
        assert seen(pair.server) == THEIRS
    with Pair(cgroup) as pair:
        assert repaired(pair.server)
        assert seen(pair.server) == (bytes(4), "done")


@pytest.mark.parametrize("where", ["here", "above"])
def test_another_program_beside(cgroup, others, where):
    group = cgroup.child("service")
    others(group if where == "here" else cgroup, "multi")
    attach(group, "--port", str(PORT))
    assert service(group)["repair"] == "on"
    with Pair(group) as pair:
        assert repaired(pair.server)
        assert seen(pair.server) == THEIRS


@pytest.mark.parametrize("where", ["here", "above"])
def test_a_program_that_allows_no_other(cgroup, others, where):
    """The rest is attached anyway, with a message."""
    group = cgroup.child("service")
    others(group if where == "here" else cgroup)
    done = attach(group, "--port", str(PORT))
    assert done.out == f"attached {group.path}\n"
    assert f"{group.dir}: socket options cannot be repaired (Operation not permitted); " in done.err
    assert service(group)["repair"] == "missing"
    with Pair(group) as pair:
        assert is_mptcp(pair.server) and not repaired(pair.server)
        assert seen(pair.server) == THEIRS
    assert links() == []


def test_nothing_but_links_is_kept(group):
    """No map is kept, and only one program for each hook, however many services there are."""
    paths = map_dict("paths")
    assert set(paths) == {group.path}
    assert sorted(os.listdir(f"{PINS}/progs")).count("repair-get") == 1
    assert inside(lambda: so_protocol(socket.socket()), cgroup=group) == MPTCP
