# SPDX-License-Identifier: GPL-2.0-only
"""How many instructions the verifier looks at in each program, kernel by kernel: those
of docs/verifier.json, or of an unknown kernel the most of them. A program that grows,
or that another verifier takes for more branches, is seen here before it is refused
somewhere (the kernel's limit is a million)."""

import json
import os

from bpfsys import verified_instructions
from mma import HERE, attach, objects, run

ROOM = 1.1  # another build of a kernel, or another clang


def recorded():
    with open(f"{HERE}/verifier.json", encoding="ascii") as f:
        kernels = json.load(f)
    most = {}
    for programs in kernels.values():
        for name, n in programs.items():
            most[name] = max(n, most.get(name, 0))
    return kernels.get(".".join(os.uname().release.split(".")[:2]), most)


def test_as_recorded(cgroup):
    before = objects()["prog"]
    attach(cgroup)
    now = {p["name"]: verified_instructions(p["id"]) for p in json.loads(run(["bpftool", "-j", "prog", "list"]).out)
           if p["id"] not in before}
    print(json.dumps({os.uname().release: now}))
    expected = recorded()
    assert now.keys() == expected.keys()
    assert {name: n for name, n in now.items() if not n <= ROOM * expected[name]} == {}
    assert {name: n for name, n in now.items() if not n >= expected[name] / ROOM} == {}, "faster: record it"
