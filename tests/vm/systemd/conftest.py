# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the systemd tests: the package is installed, not a bare binary.

Under emulation starting programs is what takes time. A module that tries many units starts them
together, once, and its tests look at the results. Such a module sets KEEPS, and is cleaned up only
at its end."""

import os

import pytest

import mma as mma_
from units import THIS, install, quicken_reloads, remove_drop_ins, remove_units


@pytest.fixture(scope="session", autouse=True)
def warm():
    """Installs the package of this version."""
    quicken_reloads()
    install(THIS)


def clean_up():
    """Removes our units, drop-ins and pins. Costs nothing if there are none."""
    remove_drop_ins()
    remove_units()
    if os.path.exists(mma_.PINS):
        mma_.mma("--detach", "-q", check=True)
    assert not os.path.exists(mma_.PINS)


@pytest.fixture(autouse=True)
def clean(warm, request):
    """Cleans up after each test."""
    yield
    if not getattr(request.module, "KEEPS", False):
        clean_up()


@pytest.fixture(scope="module", autouse=True)
def clean_module(warm, request):
    yield
    if getattr(request.module, "KEEPS", False):
        clean_up()
