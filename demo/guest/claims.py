# SPDX-License-Identifier: GPL-2.0-only
"""The transcript: acts, commands, and claims with their evidence."""

import contextlib
import subprocess
import textwrap
import time

WIDTH = 80

results = []  # (id, held, text)


def say(text="", indent=0, hang=0):
    """Prints one line; wraps it if it is wider than the page."""
    pad = " " * indent
    for line in str(text).splitlines() or [""]:
        lead = pad + line[:len(line) - len(line.lstrip())]
        wrapped = textwrap.wrap(line.strip(), WIDTH, initial_indent=lead, break_on_hyphens=False,
                                subsequent_indent=lead + " " * hang, drop_whitespace=True)
        # Lines that fit are printed unchanged, including columns.
        print((pad + line).rstrip() if len(pad + line) <= WIDTH else "\n".join(wrapped), flush=True)


def act(number, title):
    say()
    say(f"{number}. {title}")
    say("-" * min(WIDTH, len(title) + 3))


class Claim:
    def __init__(self):
        self.checks = []
        self.evidence = []

    def show(self, text):
        self.evidence.append(text)

    def holds(self, condition):
        self.checks.append(bool(condition))


@contextlib.contextmanager
def claim(ident, text):
    """A claim holds if its block checked something, every check held and no exception was raised.
    The demo continues after a failed claim, to show the others, too."""
    it = Claim()
    try:
        yield it
    except Exception as error:  # any error that keeps a claim from being shown fails it
        it.show(f"{type(error).__name__}: {error}")
        it.holds(False)
    held = bool(it.checks) and all(it.checks)
    results.append((ident, held, text))
    say(f"{'PASS' if held else 'FAIL'}  {text}", hang=6)
    for line in it.evidence:
        say(line, indent=6, hang=2)


def command(*words, shown=None, quiet=False):
    """Runs a command as a user would. Shows the command and its output; returns (exit code,
    output)."""
    say(f"$ {shown or ' '.join(words)}", indent=2, hang=4)
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not quiet:
        for line in done.stdout.splitlines():
            say(line, indent=4, hang=2)
    return done.returncode, done.stdout


def wait_for(what, condition, seconds=30):
    """Polls until the condition is true, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
