# SPDX-License-Identifier: GPL-2.0-only
"""What a node of Kubernetes does, as far as it can be tried without one. Podman plays the example's
pod, with CRI-O's hooks; containerd runs a container whose runtime is the wrapper, in a network
namespace that exists before it, as that of a pod does."""

import os
import tarfile

import pytest

import mma
from engines import (BOTH_MPTCP, BOTH_TCP, LISTED, PODMAN, SERVES, TIMEOUT, UNLISTED, WRAPPER, by_id, example, greeting,
                     image, protocols)
from mma import run, wait_until

IMAP, UNLISTED_2 = 143, 2526
PORTS = {"smtp": (LISTED, UNLISTED), "imap": (IMAP, UNLISTED_2)}


@pytest.fixture
def pod():
    """The example, plus commands, which this image lacks."""
    PODMAN.set_up()
    text = example("pod.yaml")
    for name, ports in PORTS.items():
        command = ", ".join(f'"{word}"' for word in ("/server", *ports))
        text = text.replace(f"- name: {name}\n", f"- name: {name}\n    command: [{command}]\n")
    with open("/run/pod.yaml", "w") as f:
        f.write(text)
    PODMAN("kube", "play", "/run/pod.yaml")
    yield
    PODMAN("kube", "down", "/run/pod.yaml")


def test_pod(pod, quiet):
    for name, ports in PORTS.items():
        assert PODMAN.protocols(f"mail-{name}") == dict.fromkeys(ports, 262)
    pids = [PODMAN("inspect", "-f", "{{.State.Pid}}", f"mail-{name}") for name in PORTS]
    assert len({os.stat(f"/proc/{pid}/ns/net").st_ino for pid in pids}) == 1
    assert [(s["alive"], s["upgrading"], s["container"]["engine"]) for s in by_id()][:2] == [(True, True, "podman")] * 2
    [addr] = PODMAN("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                    PODMAN("pod", "inspect", "-f", "{{.InfraContainerID}}", "mail")).split()
    for ports in PORTS.values():
        assert greeting(addr, ports[0]) == (262, True)
        assert greeting(addr, ports[1]) == (6, False)
    PODMAN("pod", "restart", "mail")
    for name, ports in PORTS.items():
        assert PODMAN.protocols(f"mail-{name}", 2) == dict.fromkeys(ports, 262)


ROOT, NETNS, ADDR = "/run/pod-root", "pod", "198.51.100.130"


@pytest.fixture(scope="module")
def sandbox(warm):
    """A pod's network namespace, and a root file system."""
    with tarfile.open(image()) as tar:
        tar.extractall(ROOT, filter="fully_trusted")
    run(["systemctl", "start", "containerd"], timeout=TIMEOUT)
    run(["ip", "netns", "add", NETNS])
    run(["ip", "-batch", "-"], stdin=f"""
        link add pod0 type veth peer name eth0 netns {NETNS}
        addr add 198.51.100.129/25 dev pod0
        link set pod0 up
    """)
    run(["ip", "-n", NETNS, "-batch", "-"], stdin=f"""
        addr add {ADDR}/25 dev eth0
        link set lo up
        link set eth0 up
    """)
    yield
    run(["ip", "netns", "del", NETNS])


class Ctr:
    def __init__(self, name, *options):
        self.name, self.options, self.log = name, options, f"/run/{name}.log"

    def __enter__(self):
        run(["ctr", "run", "-d", "--rootfs", "--log-uri", f"file://{self.log}",
             "--with-ns", f"network:/run/netns/{NETNS}", *self.options,
             ROOT, self.name, *SERVES], timeout=TIMEOUT)
        return self

    def __exit__(self, *exception):
        run(["ctr", "task", "rm", "-f", self.name], timeout=TIMEOUT)
        run(["ctr", "container", "rm", self.name], timeout=TIMEOUT)

    def protocols(self):
        def line():
            with open(self.log) as f:
                return f.readline()
        return protocols(wait_until(line, f"{self.name}: its server tells its sockets", 30))


def test_containerd(sandbox, quiet):
    """Started anew each time, as Kubernetes does: the namespace is the pod's, and stays."""
    for n in range(3):
        with Ctr(f"smtp{n}", "--runc-binary", WRAPPER) as container:
            assert container.protocols() == BOTH_MPTCP
            assert greeting(ADDR, LISTED) == (262, True)
            assert greeting(ADDR, UNLISTED) == (6, False)
            [found] = [s for s in by_id() if s["alive"]]
            assert found["cgroup"].endswith(f"/smtp{n}") and found["upgrading"]
    mma.mma("--refresh", check=True)
    assert not by_id()


def test_containerd_that_did_not_ask(sandbox, quiet):
    with Ctr("other") as container:
        assert container.protocols() == BOTH_TCP
        assert greeting(ADDR, LISTED) == (6, False)
