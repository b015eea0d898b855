# SPDX-License-Identifier: GPL-2.0-only
"""Reads a tcpdump capture: which handshakes carried MP_CAPABLE."""

import socket
import struct
import subprocess

from claims import wait_for

ETHERNET, IPV4, IPV6, TCP = 14, 0x0800, 0x86DD, 6
FIN, SYN, ACK = 0x01, 0x02, 0x10
MPTCP_OPTION, MP_CAPABLE = 30, 0


def _options(data):
    """(kind, value) of each TCP option."""
    while data and data[0] != 0:
        if data[0] == 1:
            data = data[1:]
            continue
        if len(data) < 2 or data[1] < 2:
            return
        yield data[0], data[2:data[1]]
        data = data[data[1]:]


def mp_capable(options):
    """Length of the MP_CAPABLE option, or 0."""
    for kind, value in _options(options):
        if kind == MPTCP_OPTION and value and value[0] >> 4 == MP_CAPABLE:
            return len(value) + 2
    return 0


class Packet:
    def __init__(self, frame):
        kind = struct.unpack_from("!H", frame, 12)[0]
        ip = frame[ETHERNET:]
        if kind == IPV4:
            header, family, at = (ip[0] & 15) * 4, socket.AF_INET, (12, 4)
        elif kind == IPV6:
            header, family, at = 40, socket.AF_INET6, (8, 16)
        else:
            raise ValueError("not IP")
        start, size = at
        tcp = ip[header:]
        sport, dport = struct.unpack_from("!HH", tcp)
        self.source = (socket.inet_ntop(family, ip[start:start + size]), sport)
        self.dest = (socket.inet_ntop(family, ip[start + size:start + 2 * size]), dport)
        self.flags = tcp[13]
        self.mp_capable = mp_capable(tcp[20:(tcp[12] >> 4) * 4])


class Capture:
    """Runs tcpdump on one interface, from now until stop()."""

    def __init__(self, interface, path="/tmp/demo.pcap"):
        self.path = path
        self.process = subprocess.Popen(
            ["tcpdump", "-i", interface, "-w", path, "-U", "--immediate-mode", "-s", "128",
             "-Z", "root", "tcp"],
            stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "listening on" in line:
                return
        raise RuntimeError("tcpdump did not start")

    def packets(self):
        with open(self.path, "rb") as f:
            data = f.read()
        at = 24
        while at + 16 <= len(data):
            size = struct.unpack_from("=I", data, at + 8)[0]
            if at + 16 + size > len(data):
                break  # still being written
            yield Packet(data[at + 16:at + 16 + size])
            at += 16 + size

    def handshake(self, client, server):
        """The SYN, the SYN-ACK and the first ACK of a connection, as Packets."""
        def all_three():
            syn = synack = None
            for p in self.packets():
                if (p.source, p.dest) == (client, server) and p.flags & SYN:
                    syn = p
                elif (p.source, p.dest) == (server, client) and p.flags & SYN:
                    synack = p
                elif syn and synack and (p.source, p.dest) == (client, server) and p.flags & ACK:
                    return syn, synack, p
            return None

        return wait_for(f"handshake of {client} with {server} in the capture", all_three)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()


def words(handshake):
    """In words: which of the three packets carried MP_CAPABLE."""
    return ", ".join(f"{name} {'MP_CAPABLE' if p.mp_capable else 'without'}"
                     for name, p in zip(("SYN", "SYN-ACK", "ACK"), handshake))
