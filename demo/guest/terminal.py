# SPDX-License-Identifier: GPL-2.0-only
"""A command and its output as an SVG picture of a terminal. It looks the same in every font: each
word has its own position and width."""

import html
import re

CHAR, LINE, SIZE, EDGE, BAR = 8, 18, 13, 14, 26
COLOURS = (("#7ee787", re.compile(r"MPTCP(, \d+ paths?)?$|\d+ by MPTCP")), ("#ffa657", re.compile(r"^      \S.*$")),
           ("#79c0ff", re.compile(r"^/\S+|\b(eth|s|mail)\d*\b(?= )")), ("#8b949e", re.compile(r"^    local address.*$")))
PLAIN, PROMPT, BACKGROUND = "#e6edf3", "#7ee787", "#0d1117"


def colour_of(line, at):
    return next((colour for colour, pattern in COLOURS for m in pattern.finditer(line) if m.start() <= at < m.end()), PLAIN)


def word(text, column, row, colour):
    return (f'<text x="{EDGE + column * CHAR}" y="{BAR + EDGE + row * LINE}" fill="{colour}" '
            f'textLength="{len(text) * CHAR}" lengthAdjust="spacingAndGlyphs">{html.escape(text)}</text>')


def picture(command, output):
    lines = output.rstrip("\n").split("\n")
    width = 2 * EDGE + CHAR * max(map(len, [f"# {command}", *lines]))
    height = BAR + 2 * EDGE + LINE * len(lines)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
             f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{SIZE}">',
             f"<title>{html.escape(command)}</title>",
             f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>']
    parts += [f'<circle cx="{EDGE + 4 + 18 * i}" cy="14" r="5" fill="{c}"/>' for i, c in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))]
    parts += [word("#", 0, 0, PROMPT)] + [word(m[0], m.start() + 2, 0, PLAIN) for m in re.finditer(r"\S+", command)]
    for row, line in enumerate(lines, 1):
        parts += [word(m[0], m.start(), row, colour_of(line, m.start())) for m in re.finditer(r"\S+", line)]
    return "\n".join([*parts, "</svg>"]) + "\n"
