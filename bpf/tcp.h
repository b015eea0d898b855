/* SPDX-License-Identifier: GPL-2.0-only */
/* Constants of TCP and its sockets, fixed by the kernel's ABI and RFC 9293. The
 * headers that define them are not meant for BPF. */
#ifndef MMA_TCP_H
#define MMA_TCP_H

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262

#define TCP_ESTABLISHED 1 /* socket state */

#define TCP_HEADER_SIZE 20
#define TCP_FLAGS_BYTE 13
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_CHECKSUM_OFFSET 16

#endif
