# SPDX-License-Identifier: GPL-2.0-only
"""--oci: a container that starts. Here the tests play the runtime: they create a cgroup with a
name such as Docker uses, a network namespace, and a process that waits in both. containers/ tests
the real engines."""

import contextlib
import itertools
import json
import os

import pytest

import mma
from mma import MPTCP, TCP, Cgroup, resident, run

_numbers = itertools.count(1)


class Container:
    """Its process waits, as before the start. netns: its own, or a given one."""

    def __init__(self, connected=True, netns=None):
        n = next(_numbers)
        self.id = f"{n:064x}"
        self.cgroup = Cgroup(f"docker-{self.id}.scope")
        self.own = netns is None
        self.netns = netns or f"box{n}"
        if self.own:
            run(["ip", "netns", "add", self.netns])
            run(["ip", "-n", self.netns, "link", "set", "lo", "up"])
        if self.own and connected:
            run(["ip", "-batch", "-"], stdin=f"link add h{n} type veth peer name eth0 netns {self.netns}\n")
            run(["ip", "-n", self.netns, "link", "set", "eth0", "up"])
        self.stack = contextlib.ExitStack()
        self.pid = self.stack.enter_context(resident(cgroup=self.cgroup, netns=self.netns if self.own else None))

    @property
    def state(self):
        return json.dumps({"ociVersion": "1.0.2", "id": self.id, "status": "created", "pid": self.pid, "bundle": "/"})

    def start(self, *args, **kwargs):
        return mma.mma("--oci", *args, stdin=self.state, **kwargs)

    def socket(self):
        with mma.make_socket(cgroup=self.cgroup, **({"netns": self.netns} if self.own else {})) as sock:
            return mma.so_protocol(sock)

    def remove(self):
        self.stack.close()
        self.cgroup.remove()
        if self.own:
            run(["ip", "netns", "del", self.netns])


@pytest.fixture
def container():
    made = []

    def make(*args, **kwargs):
        made.append(Container(*args, **kwargs))
        return made[-1]
    yield make
    for one in made:
        if os.path.isdir(one.cgroup.dir):
            one.remove()


def by_id():
    return [s for s in mma.status()["services"] if s["path"].startswith("id:")]


def test_first_socket(container):
    box = container()
    assert box.socket() == TCP
    done = box.start(check=True)
    assert done.out == f"attached container {box.id[:12]} (docker), {box.cgroup.path}\n" and not done.err
    assert box.socket() == MPTCP
    [found] = by_id()
    assert found["cgroup"] == box.cgroup.path and found["alive"] and found["upgrading"]
    assert found["container"] == {"engine": "docker", "id": box.id[:12]}
    status = mma.netns_status(box.netns)
    assert status["covered"] and status["uncovered"] == 0 and status["interfaces"] == 2
    assert box.start(check=True)  # attached already
    assert len(by_id()) == 1


def test_of_the_host_s_namespace(container):
    """--network host: the cgroup is attached anyway."""
    box = container(netns="/proc/1/ns/net")
    box.own = False
    box.start(check=True)
    assert box.socket() == MPTCP


def test_without_its_network(container):
    """The gate stays shut, and nothing of the attempt is left."""
    box = container(connected=False)
    done = box.start()
    assert done.rc == 1
    assert done.err == (f"mptcp-mail-attach: container {box.id[:12]} (docker): stays TCP: its network namespace has no "
                        "interface but lo; with Docker, start it with --runtime mptcp-mail\n")
    assert box.socket() == TCP and not by_id()


def test_a_tunnel_that_is_down_is_no_network(container):
    """Once its module is loaded, the kernel creates a tunl0 in each new namespace."""
    box = container(connected=False)
    run(["ip", "-n", box.netns, "link", "add", "dummy9", "type", "dummy"])
    assert "no interface but lo" in box.start().err


def test_mptcp_is_off_inside(container):
    box = container()
    mma.sysctl("net.mptcp.enabled", 0, netns=box.netns)
    done = box.start(check=True)
    assert done.err == (f"mptcp-mail-attach: container {box.id[:12]} (docker): stays TCP: MPTCP is switched off in it; "
                        "start it with --sysctl net.mptcp.enabled=1\n")
    assert box.socket() == TCP


def test_processes_that_are_no_container_s(container):
    """No state can attach a service of the host by naming its process."""
    box, service = container(), Cgroup()
    try:
        with resident(cgroup=service) as pid:
            done = mma.mma("--oci", stdin=json.dumps({"id": box.id, "pid": pid}))
            assert done.rc == 1 and f"the cgroup of its process {pid} is not its own: {service.path}" in done.err
        done = mma.mma("--oci", stdin=json.dumps({"id": box.id, "pid": 4194303}))
        assert done.rc == 1 and "its process 4194303 is not there" in done.err
        done = mma.mma("--oci", "--pid", os.getpid())
        assert done.rc == 1 and ("is the runtime's" in done.err or "is not below the cgroup2 mount" in done.err)
        assert not os.path.exists(mma.PINS)
    finally:
        service.remove()


def test_by_pid(container):
    box = container()
    mma.mma("--oci", "--pid", box.pid, check=True)
    assert box.socket() == MPTCP


def test_list(container):
    """The default list if there is none; a narrowed list stays narrowed."""
    box = container()
    box.start(check=True)
    assert set(mma.status()["ports"]) == {"25", "465", "587", "110", "995", "143", "993"}
    mma.mma("--detach", check=True)
    other = Cgroup()
    try:
        mma.attach(other, "--port", "26")
        box.start(check=True)
        assert set(mma.status()["ports"]) == {"26"}
    finally:
        other.remove()


def test_signal(container):
    box = container()
    box.start("--signal", "203.0.113.7", "--signal", "2001:db8::7", check=True)
    box.start("--signal", "203.0.113.7", check=True)  # it exists already
    shown = run(["ip", "-n", box.netns, "mptcp", "endpoint", "show"]).out.splitlines()
    assert [line.split()[0::1][:1] + [line.split()[-1]] for line in shown] == [
        ["203.0.113.7", "signal"], ["2001:db8::7", "signal"]]
    assert not run(["ip", "mptcp", "endpoint", "show"]).out
    assert mma.mma("--oci", "--signal", "x", stdin="").rc == 2


def test_detach_by_the_path_that_is_shown(container):
    box, other = container(), Cgroup()
    try:
        mma.attach(other)
        box.start(check=True)
        mma.mma("--detach", "--cgroup", box.cgroup, check=True)
        assert not by_id() and box.socket() == TCP
    finally:
        other.remove()


def test_many_in_a_row():
    """Each run removes what the one before left, so nothing grows."""
    sizes, links = set(), []
    for n in range(40):
        box = Container()
        box.start(check=True)
        assert box.socket() == MPTCP
        if n:
            sizes.add((len(mma.map_dict("paths")), len(mma.map_dict("cgroups")), len(mma.map_dict("netns"))))
            links.append(len(os.listdir(f"{mma.PINS}/links")))
        box.remove()
    assert sizes == {(1, 1, 2)}
    # The kernel takes its time to free the interfaces of a removed namespace.
    assert max(links) - min(links) <= 3, links

    def swept():
        mma.mma("--refresh", check=True)
        return len(mma.map_dict("netns")) == 1
    mma.wait_until(swept, "the last one's namespace is gone, and forgotten")
    assert not by_id() and not mma.map_dict("cgroups")
    assert not [name for name in os.listdir(f"{mma.PINS}/links") if name.startswith("repair-")]
