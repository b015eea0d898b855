# SPDX-License-Identifier: GPL-2.0-only
"""The same sources give the same bytes: in another directory, at another time and date, in another
language, with another user's settings. From the tarball alone, without git."""

import glob
import os
import re
import stat

from conftest import JOBS, REPO, run, version

# The differences between two machines that build.
HERE = {"TZ": "UTC", "LC_ALL": "C", "HOME": "/", "umask": "022"}
THERE = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "HOME": "/tmp", "umask": "027"}


def build(tarball, parent, script, habits, path):
    """Unpacks the tarball in parent, runs script there, and returns the directory."""
    os.makedirs(parent)
    name = f"mptcp-mail-attach-{version()}"
    run("sh", "-ec", f"umask {habits['umask']}; tar --no-same-permissions -xf {tarball}; cd {name}\n{script}", cwd=parent,
        PATH=path, SOURCE_DATE_EPOCH=None, MAKEFLAGS=None, **{k: v for k, v in habits.items() if k != "umask"})
    return f"{parent}/{name}"


def files(root):
    """{name: (mode, bytes or link)} of everything below root."""
    found = {}
    for directory, subdirectories, names in os.walk(root):
        for name in subdirectories + names:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            content = None
            if stat.S_ISLNK(mode):
                content = os.readlink(path)
            elif stat.S_ISREG(mode):
                with open(path, "rb") as f:
                    content = f.read()
            found[os.path.relpath(path, root)] = (oct(mode), content)
    return found


def assert_same(one, other):
    assert sorted(one) == sorted(other)
    for name in one:
        assert one[name][0] == other[name][0], f"{name}: mode"
        assert one[name][1] == other[name][1], f"{name}: content"


def test_the_tarball(committed, tarball, no_git):
    """Building it twice gives the same bytes. Nothing in it is newer than the commit. git is
    called only for the archive, and nothing is signed."""
    first = open(tarball, "rb").read()
    run("sh", "-ec", "umask 077; make -s dist", cwd=committed, TZ=THERE["TZ"], LC_ALL=THERE["LC_ALL"])
    assert open(tarball, "rb").read() == first
    made = os.listdir(os.path.dirname(tarball))
    assert [n for n in made if re.search(r"\.(asc|sig|gpg)$", n)] == []


def test_installed_files(tarball, no_git, tmp_path):
    """The files from `make` and `make install`, built in two directories."""
    script = f"make {JOBS} all man && make install DESTDIR=$PWD/root"
    one = build(tarball, f"{tmp_path}/a", script, HERE, no_git)
    other = build(tarball, f"{tmp_path}/another/directory-that-is-deeper", script, THERE, no_git)
    installed = files(f"{one}/root")
    assert "usr/local/sbin/mptcp-mail-attach" in installed
    assert_same(installed, files(f"{other}/root"))
    for name, (_, content) in installed.items():
        assert not isinstance(content, bytes) or str(tmp_path).encode() not in content, name


def test_the_page_has_the_date_of_the_release(tarball, no_git, tmp_path):
    tree = build(tarball, f"{tmp_path}/a", "make -s man", HERE, no_git)
    with open(f"{REPO}/CHANGELOG.md") as f:
        released = re.search(r"^## [\d.]+, (\S+)$", f.read(), re.M)[1]
    with open(f"{tree}/build/mptcp-mail-attach.8") as f:
        assert re.search(r'^\.TH "mptcp-mail-attach" "8" "(\S+)"', f.read(), re.M)[1] == released


def test_the_debian_package(tarball, no_git, tmp_path):
    """Together with the package of debugging symbols."""
    script = "dpkg-buildpackage -us -uc -b"
    made = []
    for parent, habits in ((f"{tmp_path}/a", HERE), (f"{tmp_path}/another/directory", THERE)):
        build(tarball, parent, script, habits, no_git)
        made.append({os.path.basename(n): ("", open(n, "rb").read())
                     for n in glob.glob(f"{parent}/*.deb")})
    assert len(made[0]) == 2 and any("-dbgsym_" in n for n in made[0])
    assert_same(*made)
