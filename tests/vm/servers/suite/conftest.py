# SPDX-License-Identifier: GPL-2.0-only
"""Results by feature, for the table."""

import json
import os

import pytest

RESULTS, VERSIONS = {}, {}


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
            json.dump({"kernel": os.uname().release, "versions": VERSIONS, "features": RESULTS}, f, indent=1)


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
