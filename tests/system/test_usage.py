# SPDX-License-Identifier: GPL-2.0-only
"""The command line: arguments, exit code, message. Every refusal is one line with
object, cause and remedy."""

import os
import re

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


def refused(args, rc, *words, **kwargs):
    done = mma.mma(*args, **kwargs)
    assert done.rc == rc, done
    assert done.out == ""
    assert re.fullmatch(r"mptcp-mail-attach: [^\n]+[:;] [^\n]+\n", done.err), done.err
    for word in words:
        assert word in done.err, f"{word!r} is not in: {done.err}"


# A path that is never reached: the port list is refused before.
ATTACH = ["--cgroup", "mma-test.service", "--port"]

BAD_PORTS = [
    ("0", "0", "1 to 65535"),
    ("65536", "65536", "1 to 65535"),
    ("99999", "99999", "1 to 65535"),
    ("4294967321", "4294967321"),  # 25 in 32 bits
    ("18446744073709551641", "18446744073709551641"),
    ("25x", "25x", "not a port"),
    ("80x81", "80x81", "not a port"),
    ("0x19", "0x19", "not a port"),
    ("2 5", "2 5", "not a port"),
    ("25.0", "25.0", "not a port"),
    ("", "empty"),
    (",", "empty"),
    ("25,,26", "empty"),
    ("25,", "empty"),
    (",25", "empty"),
    ("30-20", "30-20", "backwards", "20-30"),
    ("0-25", "0-25", "1 to 65535"),
    ("1-65536", "1-65536", "1 to 65535"),
    ("1-2-3", "1-2-3"),
    ("25/foo", "25/foo", "foo", "listen", "connect"),
    ("25/", "25/", "listen", "connect"),
    ("25/listen/connect", "25/listen/connect", "listen", "connect"),
    ("25/LISTEN", "25/LISTEN", "listen"),
    ("/listen", "/listen"),
    ("nosuchname", "nosuchname", "/etc/services", "number"),
    ("smtp-imaps", "smtp-imaps", "number"),
    ("All", "All"),
    ("+25", "+25"),
    ("-25", "-25"),
    (" 25", " 25"),
    ("25 ", "25 ", "not a port"),
    ("25,\t26", "\\x09"),
    ("1-", "1-"),
    ("-", "-"),
    ("--", "--"),
    ("a" * 500, "aaaaa", "too long"),
    ("25;26", "25;26"),
    ("smtp\x1b[31m", "smtp\\x1b[31m"),
    ("25\n26", "25\\x0a26"),
    ("ü", "ü"),
]


@pytest.mark.parametrize("option", [ATTACH, ["--allow"], ["--deny"]], ids=["--port", "--allow", "--deny"])
@pytest.mark.parametrize("text, words", [(t, w) for t, *w in BAD_PORTS], ids=[repr(t)[:20] for t, *_ in BAD_PORTS])
def test_bad_port(option, text, words):
    refused([*option, text], 2, *words)


@pytest.mark.parametrize("args, words", [
    ([], ["no mode", "--help"]),
    (["-v"], ["no mode"]),
    (["--port", "25"], ["no mode"]),
    (["--json"], ["no mode"]),
    (["--nonsense"], ["--nonsense", "unknown"]),
    (["--status", "--nonsense=1"], ["--nonsense", "unknown"]),
    (["-x"], ["-x", "unknown"]),
    (["-vx", "--status"], ["-x", "unknown"]),
    (["--status", "--detach"], ["--detach", "--status", "one mode"]),
    (["--allow", "25", "--deny", "26"], ["--deny", "--allow", "one mode"]),
    (["--status", "--cgroup", "x"], ["--cgroup", "--status"]),
    (["--refresh", "--cgroup", "x"], ["--cgroup", "--refresh"]),
    (["--allow", "25", "--cgroup", "x"], ["--cgroup", "--allow"]),
    (["--status", "--port", "25"], ["--port", "--status"]),
    (["--detach", "--port", "25"], ["--port", "--detach"]),
    (["--detach", "--cgroup", "x", "--port", "25"], ["--port", "--detach"]),
    (["--detach", "--netns", "/proc/self/ns/net"], ["--netns", "--detach"]),
    (["--status", "--netns", "/proc/self/ns/net"], ["--netns", "--status"]),
    (["--detach", "--json"], ["--json", "--detach"]),
    (["--cgroup", "x", "--json"], ["--json", "--cgroup"]),
    (["--version", "--json"], ["--json", "--version"]),
    (["stray"], ["stray"]),
    (["--status", "stray"], ["stray"]),
    (["--cgroup", "x", "stray"], ["stray"]),
    (["--status", ""], ["not an option"]),
    (["--cgroup"], ["--cgroup", "argument"]),
    (["--cgroup", "x", "--port"], ["--port", "argument"]),
    (["--allow"], ["--allow", "argument"]),
    (["--cgroup", "x", "--netns"], ["--netns", "argument"]),
    (["--status=yes"], ["--status"]),
    (["--\x1b[31m"], ["\\x1b[31m"]),
    (["--st\nx"], ["\\x0a"]),
], ids=lambda v: " ".join(v)[:40] if isinstance(v, list) else "")
def test_bad_combination(args, words):
    refused(args, 2, *words)


@needs_cgroup2
@pytest.mark.parametrize("path, words", [
    ("/", ["/", "cgroup2"]),
    ("", ["empty"]),
    ("MOUNT", ["root of the hierarchy"]),
    ("MOUNT/", ["root of the hierarchy"]),
    ("MOUNT/./", ["root of the hierarchy"]),
    (".", ["root of the hierarchy"]),
    ("MOUNT/../x", [".."]),
    ("MOUNT/a/../b", [".."]),
    ("MOUNT/a/..", [".."]),
    ("../x", [".."]),
    ("..", [".."]),
    ("/tmp", ["/tmp", "not inside a cgroup2 mount"]),
    ("/nonexistent/x", ["not inside a cgroup2 mount"]),
    ("/proc/self", ["not inside a cgroup2 mount"]),
    ("MOUNT/cgroup.procs", ["cgroup.procs", "not a directory"]),
    ("MOUNT/" + "a" * 250 + "/" + "b" * 250 + "/" + "c" * 20, ["too long", "510"]),
    ("MOUNT/" + "a/" * 2500, ["too long", "510"]),
    ("x/" * 63 + "x", ["deeper than 63", "parents"]),
    ("MOUNT/a\x1b[31m/..", ["\\x1b[31m"]),
], ids=lambda v: v[:30] if isinstance(v, str) else "")
def test_bad_path(path, words):
    path = path.replace("MOUNT", MOUNT or "")
    refused(["--cgroup", path], 2, *words)


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
    """Where this very machine refuses them (EPERM). Elsewhere an attach would be
    one: a guest does that, with the error injected (test_robust)."""
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
        assert len(lines) <= 24, len(lines)
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
