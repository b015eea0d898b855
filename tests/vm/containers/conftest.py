# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the tests with container engines. The package is installed as an administrator would
do it. Under emulation every engine command takes seconds, so attached paths stay until the end of
the module, and each test removes only its containers."""

import os
import sys

import pytest

sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/../systemd")

import mma as mma_  # noqa: E402
from engines import Outside, set_up, silence  # noqa: E402
from units import THIS, install, quicken_reloads  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def warm():
    """Installs the package of this version before any engine starts."""
    quicken_reloads()
    install(THIS)
    set_up()


@pytest.fixture(autouse=True)
def clean(warm):
    """The modules clean up themselves."""
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
