# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the tests with container engines: the package is installed, as an
administrator would. Under emulation an engine takes seconds for everything, so a
module leaves what is attached to its end, and each test removes its containers."""

import os
import sys

import pytest

sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/../systemd")

import mma as mma_  # noqa: E402
from engines import Outside, set_up, silence  # noqa: E402
from units import THIS, install, quicken_reloads  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def warm():
    """The package of this version, installed, before any engine has started."""
    quicken_reloads()
    install(THIS)
    set_up()


@pytest.fixture(autouse=True)
def clean(warm):
    """The modules do it."""
    yield


@pytest.fixture(scope="module", autouse=True)
def clean_module(warm):
    yield
    if os.path.exists(mma_.PINS):
        mma_.mma("--detach", "-q", check=True)
    assert not os.path.exists(mma_.PINS)


@pytest.fixture(scope="session")
def outside(warm):
    return Outside()


@pytest.fixture
def quiet(warm):
    with silence():
        yield
