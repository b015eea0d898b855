# SPDX-License-Identifier: GPL-2.0-only
"""What people read: every message has the form "object: cause; remedy", and words that nobody
would say aloud do not occur. `pytest -s` prints the messages as a table."""

import glob
import os
import re

import pytest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CALL = re.compile(r"\b(fault|fault_usage|fault_kernel|note|detail)\s*\(")
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
ODD = re.compile(r"\b(whatever becomes of|amid|anew|is said|are said|told of|was not had|nothing new to complain)\b", re.I)


def read(name):
    with open(os.path.join(REPO, name)) as f:
        return f.read()


def names(*patterns):
    return sorted(os.path.relpath(n, REPO) for p in patterns for n in glob.glob(f"{REPO}/{p}", recursive=True))


def argument(source, start):
    """The arguments of a call, up to its closing parenthesis."""
    depth, at = 1, start
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', source[start:]):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        at = start + match.end()
        if not depth:
            break
    return source[start:at - 1]


def messages():
    """(file, function, text) of each call with a text."""
    for name in names("loader/**/*.c", "start/*.c"):
        source = re.sub(r"/\*.*?\*/", "", read(name), flags=re.S)
        for call in CALL.finditer(source):
            text = "".join(STRING.findall(argument(source, call.end())))
            if " " in text:
                yield name, call[1], text.replace("\\\"", "\"")


def test_messages():
    found = list(messages())
    assert len(found) > 150
    for name, function, text in found:
        print(f"{name.removeprefix('loader/'):26} {text}")
        assert not re.search(r"[.!]$|\n", text), f"{name}: {text}: one line, and no full stop"
        assert not ODD.search(text), f"{name}: {text}"
        assert not re.search(r"\b(strip|follow|account|repair) (is|cannot|has)\b", text), f"{name}: {text}: a part's name"
    faults = [text for _, function, text in found if function.startswith("fault")]
    assert all(": " in text or "%s" in text or "; " in text for text in faults), "the object, and the cause"


@pytest.mark.parametrize("name", names("README.md", "CHANGELOG.md", "SECURITY.md", "docs/*.md", "man/*.scd"))
def test_documents(name):
    for number, line in enumerate(read(name).splitlines(), 1):
        assert not ODD.search(line), f"{name}:{number}: {line}"
