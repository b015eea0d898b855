# SPDX-License-Identifier: GPL-2.0-only
"""The part `socket` of make bench: writes $OUT/socket.json. See bench/run and bench/page."""

import json
import os
import platform
import statistics
import subprocess

from sockets import EXPLICIT, TCP, UDP, UNIX, attach, attached, bystander, count, peer, preemption

PASSES = 2
DEPTHS = [1, 3, 10, 30]
PATHS = [1, 10, 100, 1000]
KINDS = {"TCP": TCP, "UDP": UDP, "UNIX": UNIX}
LEVELS = ["mail.slice/postfix.service", "mail.slice/dovecot.service", "user/1000/session/app.slice/mua.scope"]
FILTER = "× a command-name filter"
HOW = ("Instructions from before to after socket(2), the best of 300 in each of three rounds, counted by an emulated "
       "processor (QEMU, -icount), in a guest of one processor with mitigations=off. A filter by command name: our own "
       "program of the steps of BCC's mptcpify, which itself wants kernel headers and clang where it runs. A bystander "
       "is a process outside the attached cgroups, which are made, and attached, elsewhere; the first socket of its "
       "cgroup after an attach takes longer, and is not what is shown. The kernel preempts tasks or not as it does by "
       "itself (6.12: not), except where a row says otherwise.")


def measure():
    """{name: instructions} of one pass."""
    here = bystander(10)
    got = {}
    for kind, args in KINDS.items():
        got[f"none {kind}"] = count(here, args)
    got["none explicit"] = count(here, EXPLICIT, mptcp=True)
    dynamic = ("sockets-dynamic",)
    got["dynamic explicit"] = count(here, EXPLICIT, dynamic, mptcp=True)
    got["mptcpize"] = count(here, TCP, ("mptcpize", "run", *dynamic), mptcp=True)
    for times in (1, 2):
        with peer("empty", times):
            got[f"empty {times}"] = count(here, TCP)
    with peer("command"):
        for kind, args in KINDS.items():
            got[f"filter {kind}"] = count(here, args)
    with peer("unscoped"):
        got["unscoped"] = count(here, TCP, mptcp=True)
    with attached([path_of(0)]) as service:
        got["upgraded 1"] = count(service, TCP, mptcp=True)
        got["paths 1"] = count(here, TCP)
        for depth in DEPTHS:
            got[f"depth {depth}"] = count(bystander(depth), TCP)
        for kind, args in KINDS.items():
            got[f"ours {kind}"] = count(here, args)
        got["ours explicit"] = count(here, EXPLICIT, mptcp=True)
    with attached(LEVELS):
        got["levels"] = count(here, TCP)
    got |= measure_preempting(here)
    return got


def path_of(n):
    return f"path{n}.service"


def measure_preempting(here):
    """With the kernel's preemption mode if it preempts tasks, otherwise with full preemption."""
    mode = preemption()
    got = {}
    if mode in ("none", "voluntary"):
        preemption("full")
    got["none preempting"] = count(here, TCP)
    with peer("command"):
        got["filter preempting"] = count(here, TCP)
    with peer("empty", 2):
        got["empty preempting"] = count(here, TCP)
    with attached([path_of(0)]):
        got["ours preempting"] = count(here, TCP)
    if mode in ("none", "voluntary"):
        preemption(mode)
    return got


def measure_growth(passes):
    """More and more paths; each pass measures again."""
    here = bystander(10)
    with attached([path_of(0)]) as service:
        for had, paths in zip(PATHS, PATHS[1:]):
            attach([path_of(n) for n in range(had, paths)])
            for got in passes:
                got[f"paths {paths}"] = count(here, TCP)
                got[f"upgraded {paths}"] = count(service, TCP, mptcp=True)


class Part:
    """Rows and plots from the measurements of the passes."""

    def __init__(self, passes):
        self.passes, self.rows, self.plots = passes, [], []

    def raw(self, name):
        return int(statistics.median(got[name] for got in self.passes))

    def added(self, name, kind="TCP"):
        return self.raw(name) - self.raw(f"none {kind}")

    def row(self, name, value, unit, raw="", target=None, why=None):
        """value: a function of one pass."""
        values = [value(got) for got in self.passes]
        middle = statistics.median(values)
        met = None if target is None else middle <= target
        self.rows.append({"name": name, "value": round(middle, 4), "unit": unit, "raw": raw,
                          "spread": (max(values) - min(values)) / middle, "target": target, "met": met,
                          "why": why if met is False else None})

    def added_row(self, name, what, unit="instructions added"):
        self.row(name, lambda got: got[what] - got["none TCP"], unit, f"{self.raw(what)} in all")

    def against_filter(self, name, what, kind="TCP", target=None, why=None):
        def ratio(got):
            return (got[what] - got[f"none {kind}"]) / (got[f"filter {kind}"] - got[f"none {kind}"])
        self.row(name, ratio, FILTER, f"{self.added(what, kind)} of {self.added(f'filter {kind}', kind)} instructions",
                 target, why)

    def against_explicit(self, name, what, base="none explicit", target=None, why=None):
        self.row(name, lambda got: got[what] / got[base], "× explicit MPTCP", f"{self.raw(what)} of {self.raw(base)}",
                 target, why)

    def flat(self, name, whats):
        def ratio(got):
            added = [got[what] - got["none TCP"] for what in whats]
            return max(added) / min(added)
        self.row(name, ratio, "most / least added", f"{min(map(self.added, whats))} to {max(map(self.added, whats))}",
                 1.05, "the cost is not flat")


def rows(part):
    nothing = part.added("empty preempting", "preempting")
    hook = (f"there must be two programs where the kernel preempts tasks, and two that do nothing add {nothing} instructions "
            f"already, {nothing / part.added('filter preempting', 'preempting'):.2f} of what the filter adds")
    part.row("plain TCP, nothing on the hook", lambda got: got["none TCP"], "instructions")
    part.row("explicit IPPROTO_MPTCP, nothing on the hook", lambda got: got["none explicit"], "instructions")
    part.added_row("a program that does nothing", "empty 1")
    part.added_row("two programs that do nothing", "empty 2")
    part.added_row("a filter by command name, as BCC's", "filter TCP")
    for depth in DEPTHS:
        part.against_filter(f"a bystander, {depth} level{'s' * (depth > 1)} deep", f"depth {depth}", target=0.6, why=hook)
    for paths in PATHS[1:]:
        part.against_filter(f"a bystander, {paths} paths attached", f"paths {paths}", target=0.6, why=hook)
    part.against_filter("a bystander, paths attached on two levels", "levels", target=0.6, why=hook)
    part.against_filter("a bystander, where the kernel preempts tasks", "ours preempting", "preempting", target=0.8, why=hook)
    part.flat("a bystander, 1 to 30 levels deep", [f"depth {depth}" for depth in DEPTHS])
    part.flat("a bystander, 1 to 1000 paths attached", [f"paths {paths}" for paths in PATHS])
    part.against_filter("a UDP socket", "ours UDP", "UDP")
    part.against_filter("a UNIX socket", "ours UNIX", "UNIX")
    too_many = part.raw("upgraded 1") - 1.07 * part.raw("none explicit")
    upgraded = (f"{too_many:.0f} instructions too many; the hook with the unscoped program is "
                f"{part.raw('unscoped') - part.raw('none explicit')} already, and ours finds the cgroup and the network "
                f"namespace in hash maps, reads whether MPTCP is on, and counts")
    for paths in (1, 1000):
        part.against_explicit(f"upgraded, {paths} path{'s' * (paths > 1)} attached", f"upgraded {paths}", target=1.07,
                              why=upgraded)
    part.against_explicit("explicit MPTCP beside it", "ours explicit")
    part.against_explicit("an unscoped program, as the kernel's sample", "unscoped")
    part.against_explicit("mptcpize, by LD_PRELOAD", "mptcpize", "dynamic explicit")


def plots(part):
    base = part.raw("none explicit")
    part.plots.append({
        "name": "growth-socket", "title": "socket(2): instructions added, by attached paths", "xlabel": "attached paths",
        "ylabel": "instructions added", "logx": True, "series": [
            {"name": "a bystander", "points": [[n, part.added(f"paths {n}")] for n in PATHS]},
            {"name": "upgraded, over explicit MPTCP",
             "points": [[n, part.raw(f"upgraded {n}") - base] for n in PATHS]},
            {"name": "a filter by command name", "points": [[n, part.added("filter TCP")] for n in (PATHS[0], PATHS[-1])]}]})
    part.plots.append({
        "name": "depth-socket", "title": "socket(2): instructions added, by depth of the cgroup",
        "xlabel": "levels below the root", "ylabel": "instructions added", "logx": False, "series": [
            {"name": "a bystander", "points": [[n, part.added(f"depth {n}")] for n in DEPTHS]},
            {"name": "a filter by command name", "points": [[n, part.added("filter TCP")] for n in (DEPTHS[0], DEPTHS[-1])]},
            {"name": "a program that does nothing", "points": [[n, part.added("empty 1")] for n in (DEPTHS[0], DEPTHS[-1])]}]})


def main():
    subprocess.run(["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"], check=False)
    subprocess.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"], check=False)
    passes = []
    for n in range(PASSES):
        print(f"pass {n + 1} of {PASSES}", flush=True)
        passes.append(measure())
    print(f"up to {PATHS[-1]} paths", flush=True)
    measure_growth(passes)
    part = Part(passes)
    rows(part)
    plots(part)
    with open(f"{os.environ['OUT']}/socket.json", "w", encoding="utf-8") as f:
        json.dump({"part": "socket", "title": "What socket(2) costs", "how": HOW, "kernel": platform.release(),
                   "rows": part.rows, "plots": part.plots}, f, indent=1, ensure_ascii=False)
    print(json.dumps(passes))


if __name__ == "__main__":
    main()
