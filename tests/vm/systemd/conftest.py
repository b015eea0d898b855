# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the systemd tests: the package is installed, not a bare binary.

Under emulation what costs time is starting programs. Where many units are to be
tried, a module starts them together, once, and its tests look at what became of
them: it sets KEEPS, and is cleaned up after at its end."""

import os

import pytest

import mma as mma_
from units import THIS, install, quicken_reloads, remove_drop_ins, remove_units


@pytest.fixture(scope="session", autouse=True)
def warm():
    """The package of this version, installed."""
    quicken_reloads()
    install(THIS)


def clean_up():
    """No unit, drop-in or pin of ours. Where there is none, that costs nothing."""
    remove_drop_ins()
    remove_units()
    if os.path.exists(mma_.PINS):
        mma_.mma("--detach", "-q", check=True)
    assert not os.path.exists(mma_.PINS)


@pytest.fixture(autouse=True)
def clean(warm, request):
    """After each test."""
    yield
    if not getattr(request.module, "KEEPS", False):
        clean_up()


@pytest.fixture(scope="module", autouse=True)
def clean_module(warm, request):
    yield
    if getattr(request.module, "KEEPS", False):
        clean_up()
