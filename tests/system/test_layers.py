# SPDX-License-Identifier: GPL-2.0-only
"""The architecture: a file uses only the floors below its own, no two files use each other, a view
knows only what was read, and the README's tree is the real one."""

import collections
import os
import re
import subprocess

import pytest

TOP = os.path.join(os.path.dirname(__file__), "..", "..")
DIRS = "include", "bpf", "loader", "bench"
# From top to bottom. A room is a directory of loader/, or a file beside them. Rooms on the same
# floor do not know each other; the ground floor has files, not rooms.
FLOORS = (
    {"main"},
    {"cli", "modes", "status", "check", "audit", "connections"},
    {"systemd", "attached"},
    {"host"},
    {"request", "report", "ports", "json_text"},
)
GROUND = len(FLOORS) - 1
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}
VIEWS = "text", "json", "openmetrics"
READINGS = "reading", "results", "meaning"  # what a view may include from its room

# C as formatted by clang-format: a function's type and name, and the rest of its definition.
NAME, BODY = r"[\w \*]*?\b(\w+)\(", r"[^;{}]*\)\n\{"


def files():
    for top in DIRS:
        for path, _, names in os.walk(os.path.join(TOP, top)):
            yield from (os.path.relpath(os.path.join(path, name), TOP) for name in names if name.endswith((".c", ".h")))


FILES = sorted(files())


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as f:
        return f.read()


def find(including, included):
    """The file that #include "…" names; None: a generated one."""
    places = (os.path.dirname(including), "include", "bpf", "loader")
    return next((name for name in (os.path.join(place, included) for place in places) if name in FILES), None)


INCLUDES = {name: [found for found in (find(name, text) for text in re.findall(r'^#include "([^"]+)"', read(name), re.M))
                   if found] for name in FILES}


def unit(name):
    """A file and its header are one unit: "loader/host/netns"."""
    return re.sub(r"(\.bpf)?\.[ch]$", "", name)


def room(name):
    """The room of a file or unit of loader/."""
    return unit(name).split("/")[1]


def too_high(user, used):
    """Whether one file of loader/ must not use the other."""
    if not (user.startswith("loader/") and used.startswith("loader/")) or room(user) == room(used):
        return False
    mine, other = FLOOR[room(user)], FLOOR[room(used)]
    return other < mine or (other == mine and mine != GROUND)


def circle(uses):
    """A cycle, or None."""
    done = set()

    def follow(name, way):
        if name in way:
            return way[way.index(name):] + [name]
        if name in done:
            return None
        for other in sorted(uses[name]):
            found = follow(other, way + [name])
            if found:
                return found
        done.add(name)
        return None
    return next(filter(None, (follow(name, []) for name in sorted(uses))), None)


def test_every_room_has_its_floor():
    assert {room(name) for name in FILES if name.startswith("loader/")} <= set(FLOOR)


def test_no_file_includes_a_higher_one():
    assert [(name, other) for name in FILES for other in INCLUDES[name] if too_high(name, other)] == []


def test_no_files_include_each_other():
    uses = collections.defaultdict(set)
    for name in FILES:
        uses[unit(name)] |= {unit(other) for other in INCLUDES[name]} - {unit(name)}
    assert circle(dict(uses)) is None


@pytest.mark.parametrize("header", [name for name in FILES if name.endswith(".h") and name[:-1] + "c" in FILES])
def test_a_header_declares_what_its_file_defines(header):
    """Otherwise an include of one file would be a use of another, and this test would not see
    it."""
    code = re.sub(r"(?s)/\*.*?\*/", "", read(header))
    declared = re.findall(rf"^(?!typedef)[a-z]{NAME}(?!\*)[^;{{}}]*\)[^;{{}}]*;", code, re.M)
    defined = re.findall(rf"^(?!static)[a-z]{NAME}{BODY}", read(header[:-1] + "c"), re.M)
    assert [name for name in declared if name not in defined] == []


def symbols(names):
    """{file of loader/: (symbols that its object defines, symbols that it needs)}"""
    objects = {os.path.join(TOP, "build", unit(name) + ".o"): unit(name) for name in names}
    out = subprocess.run(["nm", "--extern-only", "--print-file-name", *objects], check=True, capture_output=True, text=True)
    found = {name: (set(), set()) for name in objects.values()}
    for line in out.stdout.splitlines():
        path, words = line.split(":", 1)
        *_, kind, symbol = words.split()
        found[objects[path]][kind == "U"].add(symbol)
    return found


def test_no_file_calls_a_higher_one_or_in_a_circle():
    """As the linker sees it, because several files may share a header."""
    objects = symbols(name for name in FILES if name.startswith("loader/") and name.endswith(".c"))
    owner = {symbol: name for name, (defines, _) in objects.items() for symbol in defines}
    calls = {name: {owner[symbol] for symbol in wants if symbol in owner} - {name} for name, (_, wants) in objects.items()}
    assert sum(map(len, calls.values())) > 100  # there is something to see
    assert [(name, other) for name in calls for other in calls[name] if too_high(name, other)] == []
    assert circle(calls) is None


def test_no_two_files_give_a_name_two_meanings():
    """For functions with internal linkage: whoever reads a name knows which one it is."""
    owners = collections.defaultdict(set)
    for name in FILES:
        if name.startswith("loader/"):
            for function in re.findall(rf"^(?:__attribute__\(.*\)\) )?static {NAME}{BODY}", read(name), re.M):
                owners[function].add(name)
    assert len(owners) > 200  # there is something to see
    assert {function: names for function, names in owners.items() if len(names) > 1} == {}


@pytest.mark.parametrize("view", [name for name in FILES if re.search(rf"^loader/\w+/({'|'.join(VIEWS)})\.c$", name)])
def test_a_view_knows_only_what_was_read(view):
    allowed = {unit(view)} | {f"loader/{room(view)}/{name}" for name in READINGS}
    known = {unit(name) for name in INCLUDES[view] if name.startswith("loader/")}
    assert {name for name in known - allowed if FLOOR[room(name)] != GROUND} == set()


def test_the_tree_in_the_readme_is_the_real_one():
    layout = re.search(r"^## Layout\n+```\n(.*?)^```", read("README.md"), re.M | re.S)[1]
    named, parent = set(), ""
    for line in layout.splitlines():
        words = re.match(r"( *)((?:[\w.-]+/ ?)+)", line)
        if words:
            parent = "" if not words[1] else parent
            named |= {parent + name.strip("/") for name in words[2].split()}
            parent = parent or words[2].split()[0]
    there = {name for name in os.listdir(TOP) if os.path.isdir(os.path.join(TOP, name))
             and not name.startswith(".") and name != "build"}
    for top in {name.split("/")[0] for name in named if "/" in name}:
        there |= {f"{top}/{name}" for name in os.listdir(os.path.join(TOP, top))
                  if os.path.isdir(os.path.join(TOP, top, name)) and not name.startswith("_")}
    assert named == there
    assert "loader/modes" in named
