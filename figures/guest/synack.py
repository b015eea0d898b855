# SPDX-License-Identifier: GPL-2.0-only
"""The MP_CAPABLE option of a SYN-ACK, as it arrives at the client."""

import socket

import network
from fetch import MPTCP

ETH_P_IP, ETHERNET, MPTCP_OPTION, MP_CAPABLE = 0x0800, 14, 30, 0
SYN_ACK = 0x12


def _options(tcp):
    """{kind: bytes} of a TCP header."""
    found, at, end = {}, 20, (tcp[12] >> 4) * 4
    while at < end:
        kind = tcp[at]
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        found[kind] = tcp[at:at + tcp[at + 1]]
        at += tcp[at + 1]
    return found


def mp_capable_of_answer(address, port):
    """In hexadecimal, without the sender's key; None if the answer had none."""
    with network.in_client():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    with wire, client:
        wire.bind(("c1", ETH_P_IP))
        wire.settimeout(10)
        client.settimeout(10)
        client.connect((address, port))
        while True:
            ip = wire.recv(2048)[ETHERNET:]
            tcp = ip[(ip[0] & 15) * 4:]
            if ip[9] == socket.IPPROTO_TCP and int.from_bytes(tcp[:2], "big") == port and tcp[13] & SYN_ACK == SYN_ACK:
                option = _options(tcp).get(MPTCP_OPTION, b"")
                return option[:4].hex() if option and option[2] >> 4 == MP_CAPABLE else None
