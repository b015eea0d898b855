# SPDX-License-Identifier: GPL-2.0-only
"""Packets on the wire, as a peer sees them, with the TCP checksum computed here; and a fast way to
create sockets in many places."""

import collections
import os
import signal
import socket
import struct

import mma

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_CSUMNOTREADY = 1 << 3
PACKET_OUTGOING = 4

FIN, SYN, RST, ACK = 1, 2, 4, 16
MPTCP_KIND, MP_CAPABLE, MP_JOIN = 30, 0, 1


class Packet(collections.namedtuple(
        "Packet", "src dst sport dport flags seq options payload checksum_ok ip_options")):
    """A TCP packet. options: (kind, bytes after the length). checksum_ok: correct, or correctly
    left to the device. ip_options: the length in bytes of IP options or extension headers."""

    @property
    def kind(self):
        return {SYN: "SYN", SYN | ACK: "SYN-ACK"}.get(self.flags & (SYN | ACK | RST), "")

    def _subtypes(self):
        return [data[0] >> 4 for kind, data in self.options if kind == MPTCP_KIND and data]

    @property
    def mp_capable(self):
        return MP_CAPABLE in self._subtypes()

    @property
    def mp_join(self):
        return MP_JOIN in self._subtypes()


def ones_complement(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def _tcp_options(data):
    options = []
    while data and data[0]:
        if data[0] == 1:
            options.append((1, b""))
            data = data[1:]
            continue
        assert len(data) >= 2 and 2 <= data[1] <= len(data), f"bad TCP options: {data.hex()}"
        options.append((data[0], data[2:data[1]]))
        data = data[data[1]:]
    return options


def _ip_payload(data):
    """(source, destination, bytes of options, protocol, payload)"""
    if data[0] >> 4 == 4:
        size = (data[0] & 15) * 4
        total = struct.unpack_from("!H", data, 2)[0]
        if struct.unpack_from("!H", data, 6)[0] & 0x1fff:
            return None
        return data[12:16], data[16:20], size - 20, data[9], data[size:total]
    if data[0] >> 4 == 6:
        total, following = struct.unpack_from("!HB", data, 4)
        at, dst = 40, data[24:40]
        while following in (0, 43, 60):
            if following == 43 and data[at + 3]:  # the checksum covers the last segment
                dst = data[at + 8:at + 24]
            following, at = data[at], at + (data[at + 1] + 1) * 8
        return data[8:24], dst, at - 40, following, data[at:40 + total]
    return None


def parse(data, unfinished=False):
    """Parses a packet from its IP header on; None if it is not TCP. unfinished: the device still
    has to complete the checksum, which covers only the pseudo-header so far."""
    ip = _ip_payload(data)
    if not ip or ip[3] != socket.IPPROTO_TCP:
        return None
    src, dst, ip_options, _, tcp = ip
    sport, dport, seq, _, size, flags, _, checksum = struct.unpack_from("!HHIIBBHH", tcp)
    size = (size >> 4) * 4
    pseudo = ones_complement(src + dst + struct.pack("!II", len(tcp), socket.IPPROTO_TCP))
    if unfinished:
        checksum_ok = checksum == pseudo
    else:
        checksum_ok = ones_complement(struct.pack("!H", pseudo) + tcp) == 0xffff
    return Packet(src, dst, sport, dport, flags, seq, _tcp_options(tcp[20:size]), tcp[size:],
                  checksum_ok, ip_options)


class Capture:
    """The TCP packets that arrive on a device (None: any) of a namespace. With outgoing=True also
    those that leave, after everything that could change them."""

    def __init__(self, device=None, outgoing=False, **place):
        self.outgoing = outgoing
        # Without the link-layer header: the same on every kind of device.
        self.sock = mma.make_socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL),
                                    **place)
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if device:
            self.sock.bind((device, ETH_P_ALL))
        self.sock.setblocking(False)
        self.take()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def take(self, port=None):
        """The packets of a port since the last call."""
        found = []
        while True:
            try:
                data, extra, _, address = self.sock.recvmsg(65535, 128)
            except BlockingIOError:
                return found
            if (address[2] == PACKET_OUTGOING) != self.outgoing:
                continue
            status = struct.unpack_from("=I", extra[0][2])[0]
            packet = parse(data, bool(status & TP_STATUS_CSUMNOTREADY))
            if packet and port in (None, packet.sport, packet.dport):
                found.append(packet)


class Maker:
    """A process that stays in a place and creates sockets there, which is faster than a child for
    each."""

    REQUEST = struct.Struct("=III")

    def __init__(self, **place):
        self.here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid, self.outcome = mma.fork(self._serve, there, **place)
        there.close()

    def _serve(self, there):
        self.here.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            request = there.recv(self.REQUEST.size)
            if not request:
                return
            try:
                with socket.socket(*self.REQUEST.unpack(request)) as sock:
                    socket.send_fds(there, [struct.pack("=i", 0)], [sock.fileno()])
            except OSError as e:
                there.send(struct.pack("=i", e.errno))

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, proto=0):
        self.here.send(self.REQUEST.pack(family, kind, proto))
        data, fds, _, _ = socket.recv_fds(self.here, 4, 1)
        assert data, "the maker of sockets died"
        number = struct.unpack("=i", data)[0]
        if number:
            raise OSError(number, os.strerror(number))
        return socket.socket(fileno=fds[0])

    def stop(self):
        # Children forked later hold the descriptor, too, so close() alone would not end it.
        self.here.shutdown(socket.SHUT_RDWR)
        os.waitpid(self.pid, 0)
        os.close(self.outcome)
        self.here.close()
