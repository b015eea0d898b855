# SPDX-License-Identifier: GPL-2.0-only
"""How many instructions the verifier processes for each program, by kernel and by clang, compared
with docs/verifier.json. An unknown kernel or clang is compared with the largest recorded number.
So a program that grows, or that another verifier splits into more branches, shows here before some
kernel refuses it (the limit is a million)."""

import json
import os

from bpfsys import verified_instructions
from mma import HERE, attach, objects, run

ROOM = 1.1  # for another build of a kernel, or another clang with the same number
NEWEST = "19"  # tests/vm/payload


def most_of(counts):
    most = {}
    for programs in counts:
        for name, n in programs.items():
            most[name] = max(n, most.get(name, 0))
    return most


def recorded(clang):
    with open(f"{HERE}/verifier.json", encoding="ascii") as f:
        kernels = json.load(f)
    every = most_of(programs for kernel in kernels.values() for programs in kernel.values())
    return kernels.get(".".join(os.uname().release.split(".")[:2]), {}).get(f"clang {clang}", every)


def as_recorded(before, clang):
    now = {p["name"]: verified_instructions(p["id"]) for p in json.loads(run(["bpftool", "-j", "prog", "list"]).out)
           if p["id"] not in before}
    print(json.dumps({os.uname().release: {f"clang {clang}": now}}))
    expected = recorded(clang)
    assert now and now.keys() <= expected.keys()
    assert {name: n for name, n in now.items() if not n <= ROOM * expected[name]} == {}
    assert {name: n for name, n in now.items() if not n >= expected[name] / ROOM} == {}, "faster: record it"
    return now


def test_as_recorded(cgroup):
    before = objects()["prog"]
    attach(cgroup)
    with open(f"{HERE}/clang", encoding="ascii") as f:
        now = as_recorded(before, f.read().strip())
    assert len(now) == 15


def test_few_types(cgroup):
    """libbpf gets only the types that the object names, and does not read the kernel's: that, and a
    search of all of them for each, takes most of an attach."""
    log = attach(cgroup, "-vv").err
    assert "libbpf: " in log and "libbpf searches" not in log and "kernel BTF" not in log


def test_of_newest_clang(request):
    """Whether the verifier accepts a program also depends on the compiler."""
    before = objects()["prog"]
    os.mkdir("/sys/fs/bpf/newest")
    request.addfinalizer(lambda: run(["rm", "-r", "/sys/fs/bpf/newest"]))
    run([f"{HERE}/loadall", f"{HERE}/clang-{NEWEST}.bpf.o", "/sys/fs/bpf/newest"])
    assert len(as_recorded(before, NEWEST)) == 16  # and locate
