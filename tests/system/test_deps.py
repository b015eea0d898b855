# SPDX-License-Identifier: GPL-2.0-only
"""scripts/deps on other distributions: their /etc/os-release is mounted over this machine's, and
apt-get and dpkg-query are stubs, so nothing is installed."""

import os
import re
import subprocess

import pytest

REPO = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
# The distributions' /etc/os-release, shortened.
OS = {
    "fedora": 'ID=fedora\nVERSION_ID=43\nPRETTY_NAME="Fedora Linux 43"\n',
    "rocky": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.0"\nPRETTY_NAME="Rocky Linux 10.0"\n',
    "opensuse": 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\nPRETTY_NAME="openSUSE Tumbleweed"\n',
    "arch": 'ID=arch\nPRETTY_NAME="Arch Linux"\n',
    "alpine": 'ID=alpine\nVERSION_ID=3.22.0\nPRETTY_NAME="Alpine Linux v3.22"\n',
    "gentoo": 'ID=gentoo\nPRETTY_NAME=Gentoo\n',
    "mint": 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n',
    "ubuntu-24": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n',
    "ubuntu-25": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="25.10"\nVERSION_CODENAME=questing\n',
    "devuan": 'ID=devuan\nID_LIKE=debian\nVERSION_ID="6"\nVERSION_CODENAME=excalibur\n',
}
# What dpkg knows after apt-get install: each package, with this version.
STUBS = {
    "apt-get": 'case "$*" in *" install "*) echo "$@" >>$0.log; for w; do case $w in [a-z]*) echo "ii $w $VERSION";; esac; '
               'done >>$0.installed ;; indextargets*) . /etc/os-release; echo "Packages|main|$VERSION_CODENAME|http://mirror.example/" ;; esac',
    "dpkg-query": 'cat ${0%/*}/apt-get.installed 2>/dev/null || :',
    "dpkg": 'case $1 in --compare-versions) exec /usr/bin/dpkg "$@" ;; esac',
}


@pytest.fixture
def deps(tmp_path):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("mounting takes root")
    (tmp_path / "bin").mkdir()
    for name, script in STUBS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def on(name, *groups, version="9:99"):
        (tmp_path / "os-release").write_text(OS[name])
        return subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/os-release && exec "$@"',
                               tmp_path / "os-release", f"{REPO}/scripts/deps", *groups],
                              env={**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "VERSION": version,
                                   "MMA_CACHE": str(tmp_path / "cache")}, capture_output=True, text=True, check=False)
    on.log = tmp_path / "bin" / "apt-get.log"
    return on


# For each, one package that only it has.
@pytest.mark.parametrize("name, command, own", [
    ("fedora", "dnf install", "jansson-devel"), ("rocky", "dnf install", "kernel-headers"),
    ("opensuse", "zypper install", "linux-glibc-devel"), ("arch", "pacman -S --needed", "bpf"), ("alpine", "apk add", "musl-dev")])
def test_names_are_printed(deps, name, command, own):
    result = deps(name, "build")
    assert result.returncode == 0, result.stderr
    line, = result.stdout.splitlines()
    assert line.startswith(f"{command} ") and own in line.split()
    for word in ("gcc", "make", "clang", "llvm", "scdoc"):
        assert word in line.split()
    for library in ("libbpf", "libmnl", "jansson"):
        assert re.search(rf" \S*{library}", line), library
    assert re.search('PRETTY_NAME="?([^"\n]*)', OS[name])[1] in result.stderr
    assert ("CRB" in result.stderr) == (name == "rocky")
    assert not deps.log.exists()


def test_what_is_not_known_is_refused(deps):
    """Also refused: the tests' guests, which need Debian."""
    for name, group in (("gentoo", "build"), ("mint", "build"), ("fedora", "vm"), ("alpine", "test")):
        result = deps(name, group)
        assert result.returncode == 1 and result.stdout == "", name
        assert "by its Debian name: " in result.stderr and f"this is {re.search('ID=?(.*)', OS[name])[1]}-" in result.stderr


@pytest.mark.parametrize("name, bpftool", [
    ("ubuntu-24", {"linux-tools-common", "linux-tools-generic"}), ("ubuntu-25", {"bpftool"}), ("devuan", {"bpftool"})])
def test_installed_by_debians_names(deps, name, bpftool):
    result = deps(name, "build")
    assert result.returncode == 0, result.stderr
    words = set(deps.log.read_text().split("install ")[-1].split())
    assert {"clang", "libbpf-dev", "libjansson-dev", "scdoc"} <= words
    assert {w for w in words if re.match("bpftool|linux-tools", w)} == bpftool
    assert deps(name, "build").stderr == "", "all is there"


def test_a_release_that_is_too_old_is_told(deps):
    """What apt-get has installed is checked."""
    result = deps("ubuntu-24", "build", version="1:0.5")
    assert result.returncode == 1
    assert "ubuntu-24.04 has too old a version of: libbpf-dev" in result.stderr and "libbpf-dev>=1:1.3" in result.stderr
