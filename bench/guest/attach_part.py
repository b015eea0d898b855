# SPDX-License-Identifier: GPL-2.0-only
"""The part `attach` of make bench: writes $OUT/attach.json. See bench/run and bench/page."""

import contextlib
import json
import os
import platform
import resource
import shutil
import socket
import statistics
import subprocess

HERE = "/run/bench"  # in memory, so that no time is spent waiting for the host's disk
TOOL = f"{HERE}/mptcp-mail-attach"
BENCH = "/sys/fs/cgroup/bench.slice"
SERVICE = f"{BENCH}/mail.service"
MPTCP = 262
CONNECTIONS = 1000
TIMES = 3
SIZES = [1, 10, 100, 1000]
OURS, WARM_MS, COLD, COLD_MIB, WARM_M, STATUS_K, REFRESH_S = 0.10, 5, 4, 9, 4.5, 100, 1
QUIET = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)]
HOW = ("What the kernel says of the command at its end (wait4), in a guest that counts instructions as nanoseconds (QEMU, -icount, one "
       "processor): processor time is instructions, what wall time is more is waiting, mostly for the kernel's RCU. "
       "Medians. Cold: nothing of ours in the kernel. Warm: all is there already, as for ExecStartPre= at a restart. The "
       "loader of a command-name filter is the least that takes libbpf to load and attach our likeness of BCC's mptcpify, "
       "which itself compiles it at each start and needs the kernel's headers for that. The loader of our programs does "
       "the same with all of them.")


class Run:
    """One command, run to its end: instructions, wall time in ms, peak memory in KiB."""

    def __init__(self, *argv):
        there, here = os.pipe()
        actions = [*QUIET, (os.POSIX_SPAWN_DUP2, here, 3)]
        pid = os.posix_spawn(f"{HERE}/cost", ("cost", *argv), os.environ, file_actions=actions)
        assert os.waitpid(pid, 0)[1] == 0, argv
        spent, user, ns, self.peak = map(int, os.read(there, 100).split())
        os.close(there)
        os.close(here)
        self.instructions, self.ms = spent * 1e3, ns / 1e6
        print(f"{' '.join(argv)[:70]}: {spent / 1e3:.2f} million instructions, {user / spent:.0%} of them in user space, "
              f"{self.ms:.2f} ms, {self.peak} KiB", flush=True)


def tool(*words):
    return Run(TOOL, *words)


def attach(*paths, words=()):
    return tool(*(word for path in paths for word in ("--cgroup", path)), *words)


def service(name):
    path = f"{BENCH}/{name}"
    os.makedirs(path, exist_ok=True)
    return path


def in_cgroup(path):
    with open(f"{path}/cgroup.procs", "w", encoding="ascii") as f:
        f.write("0")


@contextlib.contextmanager
def connections(n):
    """An MPTCP listener of the service with n established connections."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * n, 4 * n))
    in_cgroup(SERVICE)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    in_cgroup("/sys/fs/cgroup")
    listener.bind(("127.0.0.1", 25))
    listener.listen(n)
    clients = []
    for _ in range(n):
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        client.connect(("127.0.0.1", 25))
        clients += [client, listener.accept()[0]]
    yield
    for fd in (*clients, listener):
        fd.close()


def processes():
    """The processes in user space, by the program that they run."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            found.add((pid, os.readlink(f"/proc/{pid}/exe")))
    return found


def btf_opens():
    """How often a warm attach opens the kernel's BTF."""
    trace = subprocess.run(["strace", "-f", "-e", "trace=open,openat", "-o", "/dev/stdout", TOOL, "-q", "--cgroup", SERVICE],
                           check=True, capture_output=True, text=True).stdout
    return sum("/btf/" in line for line in trace.splitlines())


class Part:
    def __init__(self):
        self.rows, self.plots = [], []

    def row(self, name, values, unit, raw="", limit=None, why=""):
        value = statistics.median(values)
        met = None if limit is None else value <= limit
        self.rows.append({"name": name, "value": round(value, 4), "unit": unit, "raw": raw,
                          "spread": round((max(values) - min(values)) / abs(value), 4) if value else 0.0,
                          "target": limit, "met": met, "why": why if met is False else None})

    def runs(self, name, runs, base, **kwargs):
        """Measures a command in instructions."""
        self.row(name, [run.instructions / 1e6 for run in runs], "million instructions",
                 f"{median(runs, 'ms'):.2f} ms of wall time, {median(runs, 'peak') / 1024:.1f} MiB at the peak, "
                 f"{median(runs, 'instructions') / median(base, 'instructions'):.1f} × true", **kwargs)


def median(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


def several(command, times=TIMES, warm=True):
    if warm:
        command()
    return [command() for _ in range(times)]


def measure_commands(part):
    true = several(lambda: Run("true"))
    wrapped = several(lambda: Run("mptcpize", "run", "true"))
    loaders = {name: several(lambda name=name: Run(f"{HERE}/loader", f"{HERE}/{name}.bpf.o"), 2) for name in ("command", "mma")}
    service("mail.service")
    before = processes()
    cold, detach = [attach(SERVICE)], []
    left = len(processes() - before)
    warm = several(lambda: attach(SERVICE))
    opens = btf_opens()
    with connections(CONNECTIONS):
        status = several(lambda: tool("--status"))
    check = several(lambda: tool("--check"))
    for _ in range(2):
        detach.append(tool("--detach"))
        cold.append(attach(SERVICE))
    detach.append(tool("--detach"))
    part.runs("true", true, true)
    part.runs("mptcpize run true", wrapped, true)
    part.runs("the loader of a command-name filter", loaders["command"], true)
    part.runs("the loader of our programs", loaders["mma"], true)
    part.runs("cold attach", cold, true)
    part.runs("warm attach", warm, true, limit=WARM_M, why="starting any program takes a quarter of it (see true)")
    part.runs("--check", check, true)
    part.runs(f"--status, {CONNECTIONS} connections", status, true)
    part.runs("detach", detach, true)
    least = median(loaders["mma"], "instructions")
    part.row("cold attach", [run.instructions / least for run in cold], "× the loader of our programs",
             "libbpf and the verifier are what that one is; it also ends them", limit=1 + OURS,
             why="what is above 1 is the command's own")
    for name, runs in (("cold attach", cold), ("--check", check)):
        part.row(name, [run.instructions / median(loaders["command"], "instructions") for run in runs],
                 "× the loader of a filter", limit=COLD,
                 why="our programs are attached to five functions of the kernel, some of them twice, the filter to one")
    part.row("cold attach, memory at the peak", [run.peak / 1024 for run in cold], "MiB", limit=COLD_MIB,
             why="the kernel's types are most of it")
    part.row("warm attach", [run.instructions / median(loaders["command"], "instructions") for run in warm],
             "× the loader of a filter")
    part.row("warm attach, wall time at one instruction a nanosecond", [run.ms for run in warm], "ms", limit=WARM_MS,
             why="counted as if each instruction took a nanosecond, which is slow for a processor; "
                 "starting any program takes a quarter of it (see true)")
    part.row("warm attach, opens of the kernel's BTF", [opens], "", limit=0, why="it must not read it")
    part.row("processes left by an attach", [left], "", limit=0, why="nothing may stay")


class Growth:
    """The cost of several commands as something grows."""

    def __init__(self, part, xlabel):
        self.part, self.xlabel, self.points = part, xlabel, {}

    def add(self, name, size, run):
        self.points.setdefault(name, []).append([size, run.instructions / 1e6])

    def tell(self, plot, title, limits=()):
        """Reports the slope, and how far the middle lies from a straight line: 1 is on it."""
        for name, points in self.points.items():
            (x0, y0), *middle, (x1, y1) = points
            slope = (y1 - y0) / (x1 - x0)
            x, y = middle[-1]
            limit = dict(limits).get(name)
            self.part.row(f"{name}, for each of the {self.xlabel}", [slope * 1000], "thousand instructions",
                          f"{y0:.1f} million with {x0}, {y1:.1f} with {x1}; with {x} "
                          f"{y / (y0 + slope * (x - x0)):.2f} times what lies on the line", limit=limit,
                          why="reading the cgroup, its processes and its programs is what remains")
        self.part.plots.append({"name": plot, "title": title, "xlabel": self.xlabel, "ylabel": "million instructions",
                                "logx": True, "series": [{"name": name, "points": points}
                                                         for name, points in self.points.items()]})


def grow_paths(part):
    growth = Growth(part, "attached paths")
    attach(SERVICE)
    paths = 1
    for size in SIZES:
        names = [service(f"path{n}.service") for n in range(paths, size)]
        for i in range(0, len(names), 100):
            attach(*names[i:i + 100])
        paths = size
        growth.add("warm attach", size, attach(SERVICE))
        growth.add("one more", size, attach(service("more.service")))
        growth.add("its detach", size, tool("--detach", "--cgroup", service("more.service")))
        growth.add("--status", size, tool("--status"))
    tool("--detach")
    growth.tell("growth-attach-paths", "Attach and the number of attached paths", [("--status", STATUS_K)])


def grow_list(part):
    growth = Growth(part, "ports on the list")
    attach(SERVICE, words=("--port", "25"))
    for size in (8, 64, 1024, 8192, 65535):
        ports = ("--port", f"1-{size}")
        tool("--allow", f"1-{size}")
        growth.add("warm attach with the list as it is", size, attach(SERVICE, words=("--port", "25")))
        growth.add("warm attach that names them all", size, attach(SERVICE, words=ports))
    tool("--detach")
    growth.tell("growth-attach-list", "Attach and the length of the list")


def make_devices(first, last):
    lines = "".join(f"link add x{n} type dummy\n" for n in range(first, last + 1))
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)


def grow_interfaces(part):
    growth = Growth(part, "interfaces")
    attach(SERVICE)
    made = 1  # lo
    for size in SIZES:
        make_devices(made, size - 1)
        growth.add("attach that covers those that are new", size, attach(SERVICE))
        growth.add("warm attach", size, attach(SERVICE))
        growth.add("--status", size, tool("--status"))
        refresh = tool("--refresh")
        growth.add("--refresh", size, refresh)
        made = size
    part.row(f"--refresh, {made} interfaces", [refresh.instructions / 1e9], "s of processor time at one instruction a nanosecond",
             limit=REFRESH_S, why="each interface is asked whether it has strip")
    tool("--detach")
    growth.tell("growth-attach-interfaces", "Attach and the number of interfaces")


def main():
    part = Part()
    shutil.copytree(os.path.dirname(os.path.abspath(__file__)), HERE)
    subprocess.run(["modprobe", "-a", "dummy", "inet_diag", "tcp_diag"], check=True)
    subprocess.run(["ip", "link", "delete", "dummy0"], check=False, capture_output=True)
    for measure in (measure_commands, grow_list, grow_paths, grow_interfaces):
        measure(part)
    with open(f"{os.environ['OUT']}/attach.json", "w", encoding="utf-8") as f:
        json.dump({"part": "attach", "title": "What the command takes", "how": HOW, "kernel": platform.release(),
                   "rows": part.rows, "plots": part.plots}, f, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main()
