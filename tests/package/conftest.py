# SPDX-License-Identifier: GPL-2.0-only
"""What is built from the tarball with `make`, dpkg-buildpackage and rpmbuild: the suite `package`
of tests/check."""

import os
import subprocess

import pytest

REPO = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
JOBS = f"-j{os.cpu_count()}"


def run(*command, cwd, **changes):
    """Returns the output. changes: environment variables, None unsets."""
    env = {k: v for k, v in {**os.environ, **changes}.items() if v is not None}
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}: {result.returncode}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout


def version():
    with open(f"{REPO}/VERSION") as f:
        return f.read().strip()


@pytest.fixture(scope="session")
def committed(tmp_path_factory):
    """A repository with one commit: the tree as it is now, committed or not."""
    tree = tmp_path_factory.mktemp("committed")
    run("sh", "-c", 'git ls-files -z --cached --others --exclude-standard | '
        'xargs -0 sh -c \'for f; do [ ! -e "$f" ] || printf "%s\\0" "$f"; done\' sh | '
        'tar -c --null -T - | tar -x -C "$0"', tree, cwd=REPO)
    run("git", "init", "-q", cwd=tree)
    run("git", "add", "-A", cwd=tree)
    who = {f"GIT_{role}_{what}": "tests@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    # As for a maintainer who signs commits, without the key: the build must not ask for it.
    run("git", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "tree", cwd=tree, **who,
        GIT_AUTHOR_DATE="2026-11-22T12:00:00Z", GIT_COMMITTER_DATE="2026-11-22T12:00:00Z")
    return tree


@pytest.fixture(scope="session")
def tarball(committed):
    return f"{committed}/{run('make', '-s', 'dist', cwd=committed).strip()}"


@pytest.fixture(scope="session")
def no_git(tmp_path_factory):
    """A PATH on which git and gpg report that they were called, and fail."""
    where = tmp_path_factory.mktemp("no-git")
    for name in ("git", "gpg", "gpg2", "debsign"):
        (where / name).write_text(f"#!/bin/sh\necho called: {name} \"$@\" >>{where}/called\nexit 1\n")
        (where / name).chmod(0o755)
    yield f"{where}:{os.environ['PATH']}"
    assert not (where / "called").exists(), (where / "called").read_text()
