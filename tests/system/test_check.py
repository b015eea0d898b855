# SPDX-License-Identifier: GPL-2.0-only
"""--check on this machine."""

import ctypes
import errno
import os
import re
import struct

import pytest

import bpfsys
from check_cases import *  # noqa: F401,F403 (the tests)
from check_cases import check, failed, has_hook
from mma import run

TRACING, FENTRY = 26, 24


def load_fentry(btf_id):
    """Loads "r0 = 0; exit" on a kernel function: the errno, or 0."""
    code = struct.pack("=BBhi", 0xb7, 0, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)
    text, gpl = (ctypes.create_string_buffer(b) for b in (code, b"GPL"))
    attr = bytearray(128)
    struct.pack_into("=IIQQ", attr, 0, TRACING, 2, ctypes.addressof(text), ctypes.addressof(gpl))
    struct.pack_into("=I", attr, 68, FENTRY)
    struct.pack_into("=I", attr, 108, btf_id)
    try:
        os.close(bpfsys.bpf(5, attr))
    except OSError as e:
        return e.errno
    return 0


def test_trampolines_refused():
    """--check names this machine's own refusal, and blames neither the hook nor our program."""
    if not has_hook():
        pytest.skip("this kernel has no hook")
    types = run(["bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux"]).out
    if load_fentry(int(re.search(r"^\[(\d+)\] FUNC 'update_socket_protocol'", types, re.M).group(1))) != errno.EPERM:
        pytest.skip("this machine allows BPF trampolines")
    rc, lines = check()
    assert rc == 3 and failed(lines) == {"upgrade"}
    assert "load refused (Operation not permitted), as is an empty fentry program" in lines["upgrade"][1]
    assert "trampolines" in lines["upgrade"][2]
    assert lines["hook"][0] == lines["follow"][0] == lines["tcx"][0] == lines["mptcp_state"][0] == "ok"
