# SPDX-License-Identifier: GPL-2.0-only
"""bench/mail: what it computes from its samples; and it rejects connections that spoke something
else than the row says."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from types import SimpleNamespace

import pytest

BENCH = os.path.join(os.path.dirname(__file__), "../../bench")
sys.path[:0] = [f"{BENCH}/guest/mail", f"{BENCH}/../figures/guest"]

# pylint: disable=wrong-import-position
import mail_part
import rows as mail_rows
import world

LOADS = ["smtp", "imap", "proxy", "front", "greet", "fetch"]
ALL = {f"{condition} {load} {protocol}": [1000, 1010]
       for condition in ("plain", "native", "listed", "off") for load in LOADS for protocol in ("tcp", "mptcp")}


def made(**changed):
    samples = ALL | {key.replace("_", " "): values for key, values in changed.items()}
    return mail_rows.make({"kernel": "6.12", "versions": {"nginx": "1.30"}, "samples": samples})


def row(part, name):
    return next(r for r in part["rows"] if r["name"] == name)


def test_the_form_that_the_page_takes(tmp_path):
    path = tmp_path / "mail.json"
    path.write_text(json.dumps(made()))
    assert subprocess.run([f"{BENCH}/page", "--check", path], check=False).returncode == 0


def test_a_target_is_missed_with_a_reason():
    part = made(listed_imap_tcp=[1000, 1100])
    found = row(part, "Dovecot, on the list")
    assert (found["met"], found["value"]) == (False, 1.0446) and "too much" in found["why"]
    assert row(part, "Dovecot, off the list")["met"]


def grown(**numbers):
    return [defaultdict(int, numbers["server"]), defaultdict(int, numbers["client"])]


NGINX = SimpleNamespace(connections=10, outgoing=2)
SERVER = {"TcpPassiveOpens": 30, "MPTcpExtMPCapableSYNRX": 10, "MPTcpExtMPCapableACKRX": 10}
CLIENT = {"MPTcpExtMPCapableSYNTX": 10, "MPTcpExtMPCapableSYNACKRX": 10}
SPOKE = {"mptcp": 10, "tcp": 0, "fallen-back": 0}


def prove(server=None, client=None, spoke=None):
    now = grown(server=SERVER | (server or {}), client=CLIENT | (client or {}))
    mail_part.prove("", NGINX, now, SPOKE | (spoke or {}), asked=True, heard=True, granted=True)


def test_what_the_row_says_is_taken():
    prove()


@pytest.mark.parametrize("wrong", [
    {"server": {"TcpPassiveOpens": 31}}, {"server": {"MPTcpExtMPCapableACKRX": 9}},
    {"server": {"MPTcpExtMPCapableSYNTX": 20}},
    {"client": {"MPTcpExtMPCapableSYNACKRX": 9}}, {"client": {"MPTcpExtMPCapableFallbackSYNACK": 1}},
    {"spoke": {"mptcp": 9, "fallen-back": 1}}])
def test_anything_else_is_not(wrong):
    with pytest.raises(world.Broken):
        prove(**wrong)
