# SPDX-License-Identifier: GPL-2.0-only
"""Collects the results by feature, for the table."""

import importlib.util
import json
import os
import sys

import pytest

RESULTS, VERSIONS, LOOKUPS = {}, {}, {}


def the_server():
    """The server that the file under test describes."""
    path = os.environ["SERVER"]
    sys.path.insert(0, os.path.dirname(path))  # one file may import another
    spec = importlib.util.spec_from_file_location("described", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SERVER


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    mark = item.get_closest_marker("feature")
    if mark and (report.when == "call" or report.failed):
        feature = mark.args[0]
        done, failed = RESULTS.get(feature, (0, 0))
        RESULTS[feature] = (done + 1, failed + report.failed)


def pytest_sessionfinish():
    if "OUT" in os.environ:
        with open(f"{os.environ['OUT']}/results.json", "w", encoding="ascii") as f:
            json.dump({"kernel": os.uname().release, "versions": VERSIONS, "features": RESULTS, "lookups": LOOKUPS}, f,
                      indent=1)


class TellFailures:
    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        if report.failed:
            terminal = self.config.pluginmanager.get_plugin("terminalreporter")
            terminal.write_line(f"\n{report.longreprtext}")
            terminal.flush()


def pytest_configure(config):
    config.addinivalue_line("markers", "feature(name): the row of the table that this counts for")
    config.pluginmanager.register(TellFailures(config))
