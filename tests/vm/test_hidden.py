# SPDX-License-Identifier: GPL-2.0-only
"""Where the BPF file system is hidden or the lock cannot be taken, no mode may say that nothing is
attached. Each fails, says what to do, and changes nothing."""

import os

import pytest

from mma import MPTCP, PINS, _tool, attach, make_socket, map_dict, mma, objects, run, so_protocol, unshare, wait_until

pytestmark = pytest.mark.usefixtures("clean")

ROOT = "/tmp/mma-root"
LOCK = "/run/mptcp-mail-attach.lock"
DROPIN = "/etc/systemd/system/hidden.service.d/zz-mptcp-mail-attach.conf"
MAPS = "ports", "cgroups", "departed", "paths", "netns", "meta"
CLONE_NEWNS = 0x20000


def tree(top):
    """All files below it with their inodes, because a pin that is created again has a new
    inode."""
    return {os.path.join(path, name): os.stat(os.path.join(path, name)).st_ino
            for path, dirs, files in os.walk(top) for name in dirs + files}


def everything():
    """Everything of ours on this host."""
    maps = {name: map_dict(name) for name in MAPS} if os.path.exists(PINS) else {}
    return tree(PINS), maps, objects(), tree("/etc/systemd/system"), tree("/run")


@pytest.fixture
def systemd(clean, tmp_path):
    """As much of systemd as --enable and --disable need, and a unit with the drop-in."""
    tool = tmp_path / "systemctl"
    tool.write_text("#!/bin/sh\n[ $1 = show ] || exit 0\necho 'Id=hidden.service\nLoadState=loaded\nActiveState=inactive'\n"
                    f"[ ! -e {DROPIN} ] || grep ExecStartPre= {DROPIN}\n")
    tool.chmod(0o755)
    os.makedirs("/run/systemd/system", exist_ok=True)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    mma("--enable", "hidden.service", env=env, check=True)
    assert os.path.exists(DROPIN)
    yield env
    mma("--disable", "hidden.service", env=env, check=True)
    assert not os.path.exists(DROPIN)
    os.rmdir("/run/systemd/system")
    os.rmdir("/run/systemd")


@pytest.fixture
def roots(clean, tmp_path):
    """Two root directories, in the host's mount namespace: one without /run, one without the BPF
    file system."""
    mounted = []

    def root(name, *dirs):
        top = f"{ROOT}/{name}"
        for source in ("/usr", "/etc", "/dev", "/payload", "/proc", str(tmp_path), *dirs):
            os.makedirs(top + source, exist_ok=True)
            run(["mount", "--bind" if source == "/sys" and name == "no-bpffs" else "--rbind", source, top + source])
            run(["mount", "--make-rslave", top + source])
            mounted.append(top + source)
        for link in ("bin", "sbin", "lib", "lib64"):
            if os.path.islink(f"/{link}"):
                os.symlink(os.readlink(f"/{link}"), f"{top}/{link}")
        return top
    assert _tool().startswith("/payload/")
    try:
        yield {"no-run": root("no-run", "/sys"), "no-bpffs": root("no-bpffs", "/sys", "/sys/fs/cgroup", "/run")}
    finally:
        for point in reversed(mounted):
            run(["umount", "-R", point])
        run(["rm", "-r", "--one-file-system", ROOT])


def umounted():
    unshare(CLONE_NEWNS)
    assert os.system("mount --make-rprivate / && umount /sys/fs/bpf") == 0


def world(name, roots):
    """A function for prepare=."""
    if name == "umount":
        return umounted

    def enter():
        os.chroot(roots[name])
        os.chdir("/")
    return enter


BPFFS = ("/sys/fs/bpf: no BPF file system in this mount namespace; ", "nsenter -t 1 -m")
NO_BPFFS = ("/sys/fs/bpf: no BPF file system below this root directory; ", "nsenter -t 1 -m")
NO_RUN = (LOCK + ": cannot be opened (No such file or directory); ", "make /run writable")
NO_SYSTEMD = ("/run/systemd/system: not there: ", "--cgroup PATH")

LOCKED = (["--cgroup", "CGROUP"], ["--cgroup", "OTHER", "--port", "7000"], ["--detach"],
          ["--detach", "--cgroup", "CGROUP"], ["--allow", "7000"], ["--deny", "25"], ["--refresh"])
STATUS = (["--status"], ["--status", "--json"])
ENABLE, DISABLE = ["--enable", "hidden.service"], ["--disable", "hidden.service"]
AUDIT = ["--audit", "--cgroup", "CGROUP", "--duration", "1"]
# The place, the words of the one line, and the modes that print it. Without words: the modes need
# nothing that is missing there, and work.
TABLE = (
    ("umount", BPFFS, (*LOCKED, *STATUS, DISABLE)),
    ("umount", (), (AUDIT,)),
    ("no-bpffs", NO_BPFFS, (*LOCKED, *STATUS, DISABLE)),
    ("no-bpffs", (), (AUDIT,)),
    ("no-run", NO_RUN, LOCKED),
    ("no-run", NO_SYSTEMD, (ENABLE, DISABLE)),
    ("no-run", (), (*STATUS, ["--check"], AUDIT)),
)


def test_nothing_changes(cgroup, systemd, roots):
    """One service is attached, and another has a drop-in."""
    names = {"CGROUP": str(cgroup), "OTHER": str(cgroup.child())}
    attach(cgroup)
    mma("--status", check=True)
    before = everything()
    for place, words, modes in TABLE:
        for args in modes:
            done = mma(*[names.get(arg, arg) for arg in args], prepare=world(place, roots), env=systemd)
            # The kernel takes its time to free the programs and maps that --check tried.
            wait_until(lambda: everything() == before, f"as before: {place}, {done}")
            if words:
                assert done.rc == 1 and done.out == "" and done.err.count("\n") == 1, (place, args, done)
                assert all(word in done.err for word in words), (place, args, done)
            else:
                assert done.rc == 0 and done.out, (place, args, done)
    with make_socket(cgroup=cgroup) as sock:
        assert so_protocol(sock) == MPTCP


@pytest.mark.parametrize("place, words", [("umount", BPFFS), ("no-bpffs", NO_BPFFS), ("no-run", NO_RUN)])
def test_nothing_is_made(cgroup, roots, place, words):
    """Nothing is attached: no pins and no lock file are created."""
    before = everything()
    for args in (["--cgroup", cgroup], ["--detach"], ["--refresh"]):
        done = mma(*args, prepare=world(place, roots))
        assert done.rc == 1 and done.out == "" and all(word in done.err for word in words), done
        assert everything() == before


@pytest.mark.parametrize("place", ["umount", "no-bpffs"])
def test_check_names_it(roots, place):
    done = mma("--check", prepare=world(place, roots))
    line = next(line for line in done.out.splitlines() if " bpffs " in line)
    assert done.rc == 3 and line.startswith("✗") and "nsenter -t 1 -m" in line, done

