# SPDX-License-Identifier: GPL-2.0-only
"""--connections on a busy server: ten thousand connections, half of them with two paths. The name
puts it after test_soak.py: the kernel frees the connections late, which would disturb the memory
measurement there.

The kernel's table of MPTCP connections has a slot for each MB of memory, rounded up to a power of
two, and four connections in each slot; both ends of a connection are ours. A connection that finds
its slots full becomes TCP. So the suite has memory for twice as many, and repeats connections that
still became TCP."""

import contextlib
import json
import os
import resource
import socket
import time

from mma import MPTCP, TCP, _tool, attach, inside, is_mptcp, listen, resident, sysctl, wait_until
from two_links import Links

N = 10_000
MEMORY_KB = 50_000
# Seconds on an emulated processor while other guests run. Measured: 1.9 for text and 5.9 for
# --json. Making the connections took a minute there, and 2 s on the same machine without
# emulation.
SECONDS = 15


def measured(*args):
    """The time in seconds, the peak memory in kB, and the output."""
    r, w = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if not pid:
        os.dup2(w, 1)
        os.execv(_tool(), [_tool(), *args])
    os.close(w)
    with os.fdopen(r, "rb") as f:
        out = f.read()
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, out


def sockets(n, proto, netns):
    """One child creates them all there: a fork for each would take minutes."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with here, there:
        while n:
            batch = min(n, 200)

            def make():
                made = [socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto) for _ in range(batch)]
                socket.send_fds(there, [b"."], [s.fileno() for s in made])
            inside(make, netns=netns)
            _, fds, _, _ = socket.recv_fds(here, 1, batch)
            for fd in fds:
                yield socket.socket(fileno=fd)
            n -= batch


def test_ten_thousand(cgroup):
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * N + 1000, 2 * N + 1000))
    with contextlib.ExitStack() as stack:
        net = Links()
        stack.callback(net.remove)
        stack.enter_context(resident(cgroup=cgroup, netns=net.server))
        attach(cgroup, "--port", "143/listen")
        for name in (net.server, net.client):
            sysctl("net.ipv4.ip_local_port_range", "1024 65000", name)
        listener = stack.enter_context(listen(143, cgroup=cgroup, netns=net.server))
        clients, servers = [], []
        stack.callback(lambda: [s.close() for s in clients + servers])

        def more(n, proto):
            lost = 0
            for client in sockets(n, proto, net.client):
                client.settimeout(20)
                client.connect(("192.0.2.1", 143))
                server, _ = listener.accept()
                if proto == MPTCP and not is_mptcp(server):
                    client.close()
                    server.close()
                    lost += 1
                    continue
                clients.append(client)
                servers.append(server)
                client.sendall(b"?")
                assert server.recv(1) == b"?"
                server.sendall(b"!")
                assert client.recv(1) == b"!"
            assert lost < N // 100, f"{lost} of {n} became TCP: the kernel's table is full, the guest wants more memory"
            if lost:
                more(lost, proto)
        more(N // 2 - 1000, MPTCP)
        more(1000, TCP)
        net.announce()
        more(N // 2, MPTCP)
        wait_until(lambda: sum(len(c["paths"]) == 2 for c in json.loads(measured("--connections", "--json")[3])["connections"])
                   >= N // 2, "two paths each", 120)
        for args in ([], ["--json"]):
            seconds, cpu, memory, out = measured("--connections", *args)
            print(f"\n{N} connections, {' '.join(args) or 'text'}: {seconds:.2f} s, {cpu:.2f} s of the processor, {memory} kB, {len(out)} bytes")
            assert memory < MEMORY_KB and cpu < SECONDS
        assert len(json.loads(out)["connections"]) == N
