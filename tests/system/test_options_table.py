# SPDX-License-Identifier: GPL-2.0-only
"""docs/options.md has what tests/vm/test_options.py measured."""

import importlib.machinery
import importlib.util
import json
import os
import re

REPO = os.path.abspath(f"{os.path.dirname(__file__)}/../..")


def load(path):
    loader = importlib.machinery.SourceFileLoader("options_table", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("options_table", loader))
    loader.exec_module(module)
    return module


def text(path):
    with open(f"{REPO}/{path}", encoding="utf-8") as f:
        return f.read()


def test_page():
    table = load(f"{REPO}/scripts/options-table")
    page = text("docs/options.md")
    kernels = json.loads(text("docs/options.json"))
    assert {"6.12", "7.3"} <= kernels.keys()
    assert len({tuple(rows) for rows in kernels.values()}) == 1, "the same options"
    assert page.split(table.BEGIN)[1].split(table.END)[0] == table.table(kernels)


def test_what_check_names():
    """REPAIR_LACKS: options that fail before connect() on every kernel."""
    named = re.search(r'#define REPAIR_LACKS((?:\s*\\?\s*"[^"]*")+)', text("loader/attached/repair.h")).group(1)
    named = "".join(re.findall(r'"([^"]*)"', named)).split(", ")
    fails = {name for rows in json.loads(text("docs/options.json")).values() for name, row in rows.items()
             if row["attached"] != "works"}
    assert set(named) == fails and len(named) == len(fails)
