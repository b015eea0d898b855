# SPDX-License-Identifier: GPL-2.0-only
"""The command line: arguments, exit code, message. Every refusal is one line with
object, cause and remedy."""

import json
import os
import re
import subprocess

import pytest

import mma
from mma import run, unshare

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="not root")


def cgroup2():
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            point, kind = line.split()[1:3]
            if kind == "cgroup2":
                return point
    return None


MOUNT = cgroup2()
needs_cgroup2 = pytest.mark.skipif(MOUNT is None, reason="cgroup2 is not mounted here")


REFUSAL = r"mptcp-mail-attach: [^\n]+[:;] [^\n]+\n"


def refused(args, rc, *words, **kwargs):
    done = mma.mma(*args, **kwargs)
    assert done.rc == rc, done
    assert done.out == ""
    assert re.fullmatch(REFUSAL, done.err), done.err
    for word in words:
        assert word in done.err, f"{word!r} is not in: {done.err}"


def bad_inputs():
    with open(os.path.join(os.path.dirname(__file__), "bad-inputs.tsv"), encoding="utf-8") as f:
        for line in f:
            if not line.startswith("# "):
                name, args, message = line.rstrip("\n").split("\t")
                args = json.loads(args)
                yield pytest.param(args, message, id=name)
                if name.startswith("--port: "):
                    for option in ("--allow", "--deny"):
                        yield pytest.param([option, args[-1]], message, id=name.replace("--port", option))


@pytest.mark.parametrize("args, message", bad_inputs())
def test_bad_input(args, message):
    if "--cgroup" in args and MOUNT is None:
        pytest.skip("cgroup2 is not mounted here")
    args, [message] = ([text.replace("MOUNT", MOUNT or "") for text in texts] for texts in (args, [message]))
    done = subprocess.run([mma._tool(), *args], check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    said = done.stderr.decode("utf-8", "backslashreplace")
    assert (done.returncode, done.stdout, said) == (2, b"", f"mptcp-mail-attach: {message}\n")
    assert re.fullmatch(REFUSAL, said)


def test_bad_inputs_are_told_apart():
    """Also, their number does not shrink."""
    listed = list(bad_inputs())
    assert len({str(p.values[0]) for p in listed}) == len({p.id for p in listed}) == len(listed) >= 200


@needs_cgroup2
@pytest.mark.parametrize("link, args", [("{}", []), ("{}", ["t.service"]), ("{}/t.service", [])],
                         ids=["to the mount", "to the mount, and a path", "to a cgroup"])
def test_symbolic_link(tmp_path, link, args):
    """Its target may change between two lookups, so only the path inside the mount counts."""
    made = tmp_path / "link"
    made.symlink_to(link.format(MOUNT))
    refused(["--cgroup", os.path.join(made, *args)], 2, f"{made}", "not inside a cgroup2 mount")


@needs_cgroup2
def test_v1_where_there_is_one():
    with open("/proc/self/mounts", encoding="utf-8") as f:
        v1 = [line.split()[1] for line in f if line.split()[2] == "cgroup"]
    if not v1:
        pytest.skip("no cgroup v1 hierarchy is mounted here")
    refused(["--cgroup", f"{v1[0]}/x.service"], 2, v1[0], "cgroup v1", "cgroup2")


@needs_root
@needs_cgroup2
@pytest.mark.parametrize("args", [["--cgroup", "mma-test.service"], ["--detach"], ["--refresh"], ["--allow", "25"],
                                  ["--deny", "25"], ["--status"]], ids=lambda a: a[0])
def test_not_root(args):
    refused(args, 1, "root", uid=65534, cwd="/")


@needs_root
def test_no_services_file():
    def prepare():
        unshare(0x20000)
        assert os.system("mount --make-rprivate / && mount -t tmpfs none /etc") == 0
    refused(["--allow", "smtp"], 2, "smtp", "/etc/services", "number", prepare=prepare)


@needs_root
def test_no_cgroup2_mounted():
    def prepare():
        unshare(0x20000)
        assert os.system("mount --make-rprivate / && umount -a -t cgroup2") == 0
    refused(["--cgroup", "x.service"], 1, "cgroup2", "nsenter", prepare=prepare)
    refused(["--cgroup", "self"], 1, "cgroup2", prepare=prepare)


@needs_root
@needs_cgroup2
def test_trampolines_refused(tmp_path):
    """If this machine refuses them (EPERM). On others this would attach; test_robust does that in
    a guest, with the error injected."""
    with open("/sys/kernel/btf/vmlinux", "rb") as f:
        if b"update_socket_protocol" not in f.read():
            pytest.skip("this kernel has no hook")
    if os.path.exists("/sys/fs/bpf/mptcp-mail"):
        pytest.skip("something is attached here")
    if not os.path.ismount("/sys/fs/bpf"):
        pytest.skip("the BPF file system is not mounted here")
    probe = run(["bpftool", "prog", "load", f"{mma.HERE}/../../build/payload/mma/observer.bpf.o",
                 "/sys/fs/bpf/mma-probe"], check=False)
    if probe.rc == 0:
        os.unlink("/sys/fs/bpf/mma-probe")
        pytest.skip("this machine allows BPF trampolines")
    if "not permitted" not in probe.err:
        pytest.skip(f"the probe cannot be loaded: {probe.err.strip()[-200:]}")
    refused(["--cgroup", "mma-test.service"], 3, "update_socket_protocol", "load", "Operation not permitted")
    assert not os.path.exists("/sys/fs/bpf/mptcp-mail")


def test_help_fits_a_terminal():
    for option in ("--help", "-h"):
        done = mma.mma(option)
        assert done.rc == 0 and done.err == ""
        lines = done.out.splitlines()
        assert len(lines) <= 32, len(lines)
        assert max(map(len, lines)) <= 80
        assert "mptcp-mail-attach(8)" in done.out


def test_help_beats_nothing_else():
    assert mma.mma("--help", "--status").rc == 2


def test_version():
    with open(f"{mma.HERE}/../../VERSION", encoding="ascii") as f:
        version = f.read().strip()
    for option in ("--version", "-V"):
        done = mma.mma(option)
        assert (done.rc, done.out, done.err) == (0, f"mptcp-mail-attach {version}\n", "")


def test_long_options_may_be_shortened_only_where_clear():
    refused(["--de", "25"], 2, "--de")


def test_output_that_cannot_be_written():
    done = run(["sh", "-c", f"{mma._tool()} --help >/dev/full"], check=False)
    assert done.rc == 1 and "standard output" in done.err
