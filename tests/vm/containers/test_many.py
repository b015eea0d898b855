# SPDX-License-Identifier: GPL-2.0-only
"""Many containers, one after the other: each is MPTCP from its first socket on, and our objects in
the kernel do not grow."""

import json
import os

import pytest

import mma
from engines import BOTH_MPTCP, DOCKER, IMAGE, SERVES, STARTS, protocols
from memory import growth, kernel_memory
from mma import run

MANY = 200 if STARTS >= 20 else 50
STEP = 5  # containers between two measurements
MAPS = ("cgroups", "paths", "netns", "accounts")
# Prints the server's first line; then the container ends, and the server with it.
ONE_LINE = ["/bin/sh", "-c", f"{{ {' '.join(SERVES)} & }} | /bin/busybox head -n 1"]
KB_EACH = 24  # the smallest of our hash maps, netns, has 64


@pytest.fixture(scope="module", autouse=True)
def docker(warm):
    DOCKER.set_up()


def start_and_end():
    return protocols(DOCKER("run", "--rm", *DOCKER.ask, IMAGE, *ONE_LINE))


def ours():
    """The amount of our objects in the kernel, after sweeping up for ended containers."""
    mma.mma("--refresh", check=True)
    found = {kind: [o.get("name") for o in json.loads(run(["bpftool", "-j", kind, "list"]).out)]
             for kind in ("prog", "map")}
    # Engines and systemd have programs of their own, some of which stay for a while.
    names = {"prog": os.listdir(f"{mma.PINS}/progs") + os.listdir(f"{mma.PINS}/links"), "map": os.listdir(mma.PINS)}
    return {**{kind: sum(name in names[kind] for name in found[kind]) for kind in names},
            "links": len(os.listdir(f"{mma.PINS}/links")), "pins": sum(len(f) for _, _, f in os.walk(mma.PINS)),
            **{name: len(mma.map_dict(name)) for name in MAPS}}


def test_many(quiet):
    assert start_and_end() == BOTH_MPTCP
    before, samples = ours(), []
    assert before["prog"] >= 10 and before["map"] >= 10, before
    for n in range(1, MANY + 1):
        assert start_and_end() == BOTH_MPTCP, n
        if n % STEP == 0:
            samples.append(kernel_memory())
    each = growth(samples) / STEP
    print(f"{MANY} containers, {each:.1f} kB each")
    assert ours() == before
    assert each < KB_EACH
