# SPDX-License-Identifier: GPL-2.0-only
"""strip is on every interface of every namespace where it should be, the tool knows that, and the
gate `netns` is open only while that holds."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import time

import pytest

import bpfsys
import links
import mma
from mma import MPTCP, TCP

TCX_NEXT, TCX_PASS, TCX_DROP, TCX_EGRESS = -1, 0, 2, 47
PORT = 7443


def interfaces(netns=None):
    return {name: index for index, name in mma.inside(socket.if_nameindex, netns=netns)}


def egress(netns=None):
    """{interface: names of its TCX egress programs in order}, as the kernel reports them."""
    out = json.loads(mma.run(["bpftool", "-j", "net", "list"], netns=netns).out)
    found = {name: [] for name in interfaces(netns)}
    for program in out[0]["tc"]:
        if program["kind"] == "tcx/egress":
            found[program["devname"]].append(program["name"])
    return found


def pins():
    with contextlib.suppress(FileNotFoundError):
        return {name for name in os.listdir(f"{mma.PINS}/links") if name.startswith("strip-")}
    return set()


def uncovered(*namespaces):
    """The interfaces without strip."""
    return [(n, i) for n in namespaces for i, programs in egress(n).items() if "strip" not in programs]


def assert_covered(*namespaces):
    """Each interface carries strip and has its pin, and there is no other pin."""
    assert not uncovered(*namespaces)
    assert pins() == {f"strip-{mma.netns_cookie(n)}-{index}" for n in namespaces for index in interfaces(n).values()}
    assert set(mma.map_dict("netns")) == {mma.netns_cookie(n) for n in namespaces}


@pytest.fixture
def namespaces(clean):
    """Makes network namespaces by name."""
    made = []

    def make(*names):
        for name in names:
            mma.run(["ip", "netns", "add", name])
            made.append(name)
        return names
    yield make
    for name in made:
        mma.run(["ip", "netns", "del", name], check=False)


def test_every_namespace(cgroup, namespaces):
    named, inhabited, below, other = namespaces("n1", "n2", "n3", "n4")
    links.batch(named, "link add d0 type dummy", "link add d1 type dummy")
    child = cgroup.child()
    with mma.resident(cgroup=cgroup, netns=inhabited), mma.resident(cgroup=child, netns=below):
        mma.attach(cgroup, "--netns", f"/run/netns/{named}")
        assert_covered(None, named, inhabited, below)
        for netns, proto in ((None, MPTCP), (named, MPTCP), (inhabited, MPTCP), (below, MPTCP), (other, TCP)):
            with mma.make_socket(netns=netns, cgroup=child) as sock:
                assert mma.so_protocol(sock) == proto, netns
    assert mma.counters(cgroup)["kept_netns_uncovered"] == 1


@pytest.mark.parametrize("run", [["--refresh"], ["--cgroup"]], ids=["refresh", "cgroup"])
def test_interface_that_comes_and_goes(run, cgroup, net):
    args = run if run == ["--refresh"] else ["--cgroup", cgroup]
    with mma.resident(cgroup=cgroup, netns=net.server):
        mma.attach(cgroup)
        assert_covered(None, net.server)
        links.batch(net.server, f"link add s1 type veth peer name c1 netns {net.client}",
                    "addr add 198.51.100.1/24 dev s1", "link set s1 up", "link add s2 type dummy")
        links.batch(net.client, "addr add 198.51.100.2/24 dev c1", "link set c1 up")
        assert mma.netns_status(net.server)["uncovered"] == 2
        mma.mma(*args, check=True)
        assert mma.netns_status(net.server)["uncovered"] == 0
        assert_covered(None, net.server)
        with mma.listen(PORT, cgroup=cgroup, netns=net.server) as listener, \
                mma.connect("198.51.100.1", PORT, netns=net.client) as client, listener.accept()[0] as conn:
            assert mma.so_protocol(conn) == TCP and not mma.is_mptcp(client)
        for device, sweep in (("s1", args), ("s2", ["--deny", "9"])):  # every run sweeps
            links.batch(net.server, f"link del {device}")
            mma.mma(*sweep, check=True)
            assert_covered(None, net.server)


@pytest.mark.parametrize("run", ["--refresh", "the programs are replaced"])
def test_interface_that_has_the_index_of_one_that_went(run, cgroup, namespaces):
    """The link of the removed interface is still pinned, under the name that the new interface's
    link needs."""
    name, = namespaces("n1")
    with mma.resident(cgroup=cgroup, netns=name):
        links.batch(name, "link add d0 index 77 type dummy", "link add d1 index 78 type dummy")
        mma.attach(cgroup)
        links.batch(name, "link del d0", "link del d1", "link add e0 index 77 type dummy")
        assert mma.netns_status(name)["uncovered"] == 1
        if run != "--refresh":
            with mma.Map("meta") as meta:
                meta[0] = (*meta.get(0)[:6], "another build")
        mma.mma("--refresh", check=True)
        assert_covered(None, name)


def test_namespace_that_goes(cgroup, namespaces):
    first, second = namespaces("n1", "n2")
    links.batch(first, "link add d0 type dummy")
    mma.attach(cgroup, "--netns", f"/run/netns/{first}", "--netns", f"/run/netns/{second}")
    assert_covered(None, first, second)
    gone = mma.netns_cookie(first)
    mma.run(["ip", "netns", "del", first])

    def swept():
        mma.mma("--refresh", check=True)  # the kernel takes its time to remove a namespace
        return gone not in mma.map_dict("netns") and not any(f"-{gone}-" in pin for pin in pins())
    mma.wait_until(swept, "the namespace is swept")
    assert_covered(None, second)


def test_interface_that_is_renamed(cgroup, net):
    with mma.resident(cgroup=cgroup, netns=net.server):
        mma.attach(cgroup)
        links.batch(net.server, "link set s0 down", "link set s0 name mail0", "link set mail0 up")
        assert mma.netns_status(net.server)["uncovered"] == 0
        assert_covered(None, net.server)
        mma.mma("--refresh", check=True)
        assert_covered(None, net.server)


def test_device_that_moves(cgroup, namespaces):
    """It keeps its link, and its index may be reused."""
    here, there = namespaces("n1", "n2")
    with mma.resident(cgroup=cgroup, netns=here), mma.resident(cgroup=cgroup, netns=there):
        links.batch(here, "link add d0 index 70 type dummy")
        mma.attach(cgroup)
        assert_covered(None, here, there)
        links.batch(here, f"link set d0 netns {there}")
        assert mma.netns_status(there)["uncovered"] == 1, "whether that link is ours to keep, is not known"
        mma.mma("--refresh", check=True)
        assert mma.netns_status(there)["uncovered"] == 0
        assert_covered(None, here, there)
        links.batch(here, "link add d1 index 70 type dummy")
        assert (mma.netns_status(here)["uncovered"], mma.netns_status(there)["uncovered"]) == (1, 0)
        assert uncovered(here, there) == [(here, "d1")]
        mma.mma("--refresh", check=True)
        assert_covered(None, here, there)
        # Both swap indexes: each link is now on the interface that the other's pin names.
        index = interfaces(there)["d0"]
        links.batch(here, "link set d1 netns n2 index 99")
        links.batch(there, "link set d0 netns n1 index 70", "link set d1 netns n1 index 71")
        links.batch(here, f"link set d1 netns n2 index {index}")
        mma.mma("--refresh", check=True)
        assert interfaces(here)["d0"] == 70 and interfaces(there)["d1"] == index
        assert_covered(None, here, there)
        assert (mma.netns_status(here)["uncovered"], mma.netns_status(there)["uncovered"]) == (0, 0)


def test_device_that_moves_to_where_nothing_is_covered_and_back(cgroup, namespaces):
    here, there = namespaces("n1", "n2")
    with mma.resident(cgroup=cgroup, netns=here):
        links.batch(here, "link add d0 index 70 type dummy")
        mma.attach(cgroup)
        links.batch(here, f"link set d0 netns {there}")
        mma.mma("--refresh", check=True)
        assert set(mma.map_dict("netns")) == {mma.netns_cookie(), mma.netns_cookie(here)}
        links.batch(there, f"link set d0 netns {here}")
        mma.mma("--refresh", check=True)
        assert_covered(None, here)


def foreign_program(ret):
    """A TCX program that returns ret."""
    insns = struct.pack("=BBhi", 0xb7, 0, 0, ret) + struct.pack("=BBhi", 0x95, 0, 0, 0)
    code = ctypes.create_string_buffer(insns, len(insns))
    licence = ctypes.create_string_buffer(b"GPL")
    return bpfsys.bpf(5, bytearray(struct.pack("=IIQQIIQII16sII", 3, 2, ctypes.addressof(code), ctypes.addressof(licence),
                                               0, 0, 0, 0, 0, b"foreign", 0, TCX_EGRESS)))


def foreign_link(ret, ifindex, before):
    program = foreign_program(ret)
    try:
        return bpfsys.bpf(28, bytearray(struct.pack("=IIIIIIQ", program, ifindex, TCX_EGRESS,
                                                    8 if before else 16, 0, 0, 0)))
    finally:
        os.close(program)


def assert_first(interface="lo", others=1, netns=None):
    """Asserts that our program is first there, that it is there once, and that everything is
    covered. The kernel takes its time to free the older program."""
    mma.wait_until(lambda: egress(netns)[interface] == ["strip"] + ["foreign"] * others,
                   f"strip is first on {interface}: {egress(netns)[interface]}")
    assert mma.netns_status(netns)["uncovered"] == 0


def in_netns(netns, function, *args):
    """Runs function(*args) in a namespace, and returns the descriptor that it made."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with here, there:
        mma.inside(lambda: socket.send_fds(there, [b"."], [function(*args)]), netns=netns)
        return socket.recv_fds(here, 1, 1)[1][0]


@contextlib.contextmanager
def foreign(ret, ifindex=1, before=True):
    fd = foreign_link(ret, ifindex, before)
    try:
        yield
    finally:
        os.close(fd)


def test_beside_another_program(cgroup):
    """Ours goes before existing programs."""
    with foreign(TCX_PASS):
        mma.attach(cgroup)
        assert egress()["lo"] == ["strip", "foreign"]
        with foreign(TCX_NEXT, before=False):
            assert egress()["lo"] == ["strip", "foreign", "foreign"]
            mma.mma("--refresh", check=True)
            assert_first(others=2)
            mma.mma("--detach", check=True)
            assert egress()["lo"] == ["foreign", "foreign"]


RUNS = {"refresh": ["--refresh"], "cgroup": ["--cgroup"], "allow": ["--allow", "9"], "deny": ["--deny", "9"],
        "detach of another": ["--detach", "--cgroup", "other.slice"]}


@pytest.mark.parametrize("args, ret", [*((args, TCX_PASS) for args in RUNS), ("refresh", TCX_NEXT), ("cgroup", TCX_DROP)])
def test_another_program_that_puts_itself_first(args, ret, cgroup):
    """It may end the chain, and nobody can tell: the list is not enforced until the next run."""
    args = [*RUNS[args], cgroup] if args == "cgroup" else RUNS[args]
    mma.attach(cgroup, "--cgroup", "other.slice")
    with foreign(ret):
        assert egress()["lo"] == ["foreign", "strip"]
        now = mma.netns_status(None)
        assert (now["uncovered"], now["behind"]) == (1, 1)
        text = mma.mma("--status", check=True).out
        assert "allowlist NOT enforced" in text and "on lo another program runs first: foreign" in text
        with mma.listen(PORT, cgroup=cgroup) as listener:
            if ret == TCX_PASS:
                assert mma.try_connection(listener, mma.make_socket(proto=MPTCP)) == (True, True), "what it is all about"
            mma.mma(*args, check=True)
            assert_first()
            if ret != TCX_DROP:
                assert mma.try_connection(listener, mma.make_socket(proto=MPTCP)) == (False, False)
        assert_covered(None)
    assert mma.netns_status(None)["behind"] == 0


def test_first_again_in_every_namespace(cgroup, namespaces):
    """Also behind two programs, twice, and after a device with both has moved."""
    here, there = namespaces("n1", "n2")
    links.batch(here, "link add d0 index 70 type dummy")
    with mma.resident(cgroup=cgroup, netns=here), mma.resident(cgroup=cgroup, netns=there):
        mma.attach(cgroup)
        programs = []
        for _ in range(2):
            programs.append(in_netns(here, foreign_link, TCX_PASS, 70, True))
            programs.append(in_netns(here, foreign_link, TCX_PASS, 1, True))
        try:
            assert mma.netns_status(here)["behind"] == 2
            mma.mma("--refresh", check=True)
            for interface in ("lo", "d0"):
                assert_first(interface, 2, here)
            programs.append(in_netns(here, foreign_link, TCX_PASS, 70, True))
            links.batch(here, f"link set d0 netns {there}")
            mma.mma("--refresh", check=True)
            assert_first("d0", 3, there)
            assert_covered(None, here, there)
        finally:
            for fd in programs:
                os.close(fd)


def test_never_without_while_it_is_put_first(cgroup, invariant):
    """A program that lets ours run changes nothing on the wire, so that any moment without ours
    shows."""
    mma.attach(cgroup)
    for _ in range(5):
        with foreign(TCX_NEXT):
            mma.mma("--refresh", check=True)
            assert egress()["lo"][0] == "strip"


def test_killed_while_it_is_put_first(cgroup):
    mma.attach(cgroup)
    with foreign(TCX_PASS):
        start = time.monotonic()
        mma.mma("--refresh", check=True)
        whole = time.monotonic() - start
        assert_first()
    killed = 0
    for i in range(6):
        with foreign(TCX_PASS):
            killed += kill_after(whole * (i + 1) / 7, "--refresh")
            assert "strip" in egress()["lo"]
            mma.mma("--refresh", check=True)
            assert_first()
            assert_covered(None)
    assert killed


def test_another_program_that_puts_itself_first_each_time(cgroup):
    """A run gives up after some tries."""
    mma.attach(cgroup)

    def always_first():
        held = []
        while True:
            if egress()["lo"][0] == "strip":
                held.append(foreign_link(TCX_NEXT, 1, before=True))
                for fd in held[:-1]:
                    os.close(fd)
                del held[:-1]

    pid, r = mma.fork(always_first)
    try:
        mma.wait_until(lambda: egress()["lo"][0] == "foreign", "it is first")
        for _ in range(3):
            done = mma.mma("--refresh", timeout=60)
            assert done.rc == 0 or (done.rc == 1 and "each time" in done.err and "foreign" in done.err), done
            assert "strip" in egress()["lo"]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(r)
    mma.mma("--refresh", check=True)
    assert_first(others=0)


def kill_after(seconds, *args):
    """Runs the tool and kills it after that time; returns whether it was killed."""
    pid = os.fork()
    if not pid:
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.execv(mma._tool(), [mma._tool(), *map(str, args)])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def test_gate_is_open_only_while_all_links_are_there(cgroup, namespaces):
    """Attach and detach are killed at random points."""
    name, = namespaces("n1")
    links.batch(name, *(f"link add d{i} type dummy" for i in range(30)))
    attach = ["--cgroup", cgroup, "--netns", f"/run/netns/{name}"]
    own = mma.netns_cookie(name)
    start = time.monotonic()
    mma.mma(*attach, check=True)
    whole = time.monotonic() - start
    open_and_shut = []
    for args in (attach, ["--detach"]):
        for i in range(10):
            mma.mma(*(["--detach"] if args is attach else attach), check=True)
            killed = kill_after(whole * (i + 1) / 11, *args)
            gate = own in mma.map_dict("netns")
            missing = uncovered(name)
            assert not (gate and missing), f"{args[0]} killed: {missing}"
            if killed:
                open_and_shut.append((args[0], gate, bool(missing)))
    print(open_and_shut)
    mma.mma(*attach, check=True)
    assert_covered(None, name)


def test_interface_in_a_namespace_without_a_process_of_the_service(cgroup, namespaces):
    """Its gate stays open, so --refresh has to find the namespace again: by its name, or by any
    process in it."""
    name, = namespaces("n1")
    path = f"/run/netns/{name}"
    mma.attach(cgroup, "--netns", path)
    links.batch(name, "link add d0 type dummy")
    mma.mma("--refresh", check=True)
    assert_covered(None, name)
    with mma.resident(netns=name) as pid:
        mma.run(["ip", "netns", "del", name])
        path = f"/proc/{pid}/ns/net"
        mma.inside(mma.run, ["ip", "link", "add", "d1", "type", "dummy"], netns=path)
        mma.mma("--refresh", check=True)
        assert_covered(None, path)
