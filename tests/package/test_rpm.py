# SPDX-License-Identifier: GPL-2.0-only
"""packaging/rpm: built with Debian's rpmbuild from the tarball of `make dist`, and checked with
rpmlint. rpm runs its scriptlets on a copy of this machine's files: in a chroot into an overlay,
which disappears with its namespace."""

import glob
import os
import re
import subprocess

import pytest

from conftest import REPO, run

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="module")
def rpmbuild(tarball, no_git, tmp_path_factory):
    def build(name, *words):
        """Builds the packages with rpmbuild, below a directory of this name. No build dependency
        is installed as an rpm here."""
        top = tmp_path_factory.mktemp(name)
        run("rpmbuild", "--nodeps", "--load", f"{HERE}/rpm.macros", "--define", f"_topdir {top}", *words, "-ta", tarball,
            cwd=top, PATH=no_git)
        return sorted(glob.glob(f"{top}/*RPMS/**/*.rpm", recursive=True))
    return build


@pytest.fixture(scope="module")
def this(rpmbuild):
    return rpmbuild("this")


def binary(packages):
    return next(p for p in packages if not p.endswith(".src.rpm"))


def test_rpmlint(this):
    assert len(this) == 2
    report = run("rpmlint", "--config", f"{REPO}/packaging/rpm/rpmlint.toml", *this, cwd=REPO)
    assert "0 errors, 0 warnings" in report, report


def test_the_same_bytes(this, rpmbuild):
    other = rpmbuild("another-directory-with-a-longer-name")
    # Not the whole header: it names the source package, which contains the time at which the spec
    # was unpacked.
    payload = [run("sh", "-c", 'rpm2cpio "$0" | sha256sum; rpm -qp --scripts --requires --dump "$0"', binary(p), cwd="/")
               for p in (this, other)]
    assert payload[0] == payload[1]


def test_no_signature(this):
    for package in this:
        assert run("rpm", "-qp", "--qf", "%{SIGPGP:pgpsig}%{RSAHEADER:pgpsig}", package, cwd="/") == "(none)(none)"


def test_requires_the_libraries_that_are_linked(this):
    needs = run("rpm", "-qp", "--requires", binary(this), cwd="/")
    for library in ("libmnl.so.0", "libjansson.so.4", "libc.so.6"):
        assert f"{library}()(64bit)" in needs


# timeout and systemctl print their arguments. FAIL: the exit code of timeout.
OVERLAY = r"""
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mkdir -p run/systemd/system packages upper
mount --bind "$1/upper" upper # what differs from this machine
cp "$2" packages/this.rpm
cp "$3" packages/next.rpm
for name in timeout systemctl; do
	rm usr/bin/$name || :
	printf '%s\n' '#!/bin/sh' "echo $name \$* >>/called" 'exit $(cat /fail 2>/dev/null || echo 0)' >usr/bin/$name
	chmod 755 usr/bin/$name
done
exec chroot . sh -ec "$4" 2>&1
"""


@pytest.fixture(scope="module")
def next_version(rpmbuild):
    return binary(rpmbuild("next", "--define", "dist .next"))


@pytest.fixture
def rpm(this, next_version, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("not root: mounts and chroot")

    def script(text):
        """The output of rpm and its scriptlets, and what they call, split into steps."""
        body = text.replace("STEP", "echo ==; cat /called 2>/dev/null || :; rm -f /called; echo ==")
        result = subprocess.run(["unshare", "-m", "sh", "-ec", OVERLAY, "sh", tmp_path, binary(this), next_version, body],
                                capture_output=True, text=True, check=False, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr
        # Debian's rpm warns that Debian has another package manager.
        return re.sub("^rpm: .*\n", "", result.stdout, flags=re.M).split("==\n")
    return script


REFRESH = "timeout 60 /usr/sbin/mptcp-mail-attach --refresh -q\n"
DETACH = "timeout 60 /usr/sbin/mptcp-mail-attach --detach\n"
RELOAD = "systemctl --system daemon-reload\n"
I = "rpm --nodeps --nosignature"


def test_upgrade_refreshes_what_is_attached(rpm):
    said = rpm(f"""
        {I} -i packages/this.rpm; STEP
        {I} -U packages/next.rpm; STEP
        mkdir -p /sys/fs/bpf/mptcp-mail
        {I} -U --oldpackage packages/this.rpm; STEP
        echo 1 >/fail; {I} -U packages/next.rpm; STEP
        rm /fail; rmdir /run/systemd/system; {I} -U --oldpackage packages/this.rpm; STEP""")
    called, told = said[1::2], said[0::2]
    assert called[0] == RELOAD, "first installation"
    assert called[1] == RELOAD, "nothing attached"
    assert called[2] == REFRESH + RELOAD
    assert told[:3] == ["", "", ""]
    # A failed refresh is reported, and the upgrade completes.
    assert called[3] == REFRESH + RELOAD
    assert told[3] == "mptcp-mail-attach: attached services keep the programs of the version before; see above\n"
    assert called[4] == "", "an image that is built: the kernel is another's"


def test_erase_undoes(rpm):
    """Nothing stays attached, and of --enable nothing is left; other people's files stay."""
    said = rpm(f"""
        {I} -i packages/this.rpm; STEP
        mkdir -p /sys/fs/bpf/mptcp-mail /etc/systemd/system/a.service.d /etc/systemd/system/b.service.d
        touch /etc/systemd/system/a.service.d/zz-mptcp-mail-attach.conf /etc/systemd/system/b.service.d/own.conf
        touch /etc/systemd/system/b.service.d/mptcp-mail-attach.conf
        rpm -e mptcp-mail-attach; STEP
        ls /etc/systemd/system/a.service.d /etc/systemd/system/b.service.d /etc/mptcp-mail-attach 2>&1 || :
        find /upper -name '*mptcp-mail*' -not -type c -not -path '/upper/sys/*' """)
    assert said[3] == DETACH + RELOAD
    assert "a.service.d': No such file" in said[4] and "/etc/mptcp-mail-attach': No such file" in said[4]
    assert "b.service.d:\nown.conf\n" in said[4]
    assert not [line for line in said[4].splitlines() if line.startswith("/") and not line.endswith(":")]


def test_erase_leaves_the_runtime_that_docker_names(rpm):
    """Without it, containers that name it would not start. A new installation makes it the
    package's own again."""
    said = rpm(f"""
        {I} -i packages/this.rpm; STEP
        mkdir -p /etc/docker
        echo '{{"runtimes":{{"m":{{"path":"/etc/mptcp-mail-attach/runtime"}}}}}}' >/etc/docker/daemon.json
        rpm -e mptcp-mail-attach 2>&1; STEP
        stat -c %A%n /etc/mptcp-mail-attach/*; STEP
        {I} -i packages/this.rpm; rm /etc/docker/daemon.json; rpm -e mptcp-mail-attach; ls -d /etc/mptcp-mail-attach || echo gone""")
    assert "mptcp-mail-attach: /etc/mptcp-mail-attach/runtime stays" in said[2]
    assert said[4] == "-rwxr-xr-x/etc/mptcp-mail-attach/runtime\n"
    assert said[6].endswith("gone\n")
