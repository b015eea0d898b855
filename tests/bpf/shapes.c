// SPDX-License-Identifier: GPL-2.0-only
#include "shapes.h"

#include <stddef.h>

#define MSS "020405b4 "
#define LINUX MSS "0402080a 00112233 00000000 01030307 " /* Linux's options, 20 bytes */
#define MPC4 "1e040101 "
#define MPC12 "1e0c0101 00112233 44556677 "
#define MPC20 "1e140101 00112233 44556677 8899aabb ccddeeff "
#define JOIN12 "1e0c1001 00112233 44556677 "
#define JOIN16 "1e101001 00112233 44556677 8899aabb "
#define NOPS4 "01010101 "
#define NOPS12 NOPS4 NOPS4 NOPS4

/* The two packets that the others are variations of. */
#define SYN_IN .options = LINUX MPC4
#define SYN_OUT LINUX NOPS4
#define SYNACK_IN .flags = SYN | ACK, .options = LINUX MPC12
#define SYNACK_OUT LINUX NOPS12

#define STRIPPED VERDICT_STRIPPED
#define NO_TCP VERDICT_NO_TCP
#define NO_SYN VERDICT_NO_SYN
#define NO_MPC VERDICT_NO_MPC

#define MORE 0x2000 /* IPv4: more fragments */
#define DONT 0x4000 /* IPv4: don't fragment */

const struct fixture fixtures[] = {
	{ "IPv4, SYN", { SYN_IN }, STRIPPED, SYN_OUT },
	{ "IPv4, SYN-ACK", { SYNACK_IN }, STRIPPED, SYNACK_OUT },
	{ "IPv4, SYN with data", { SYN_IN, .payload = 31 }, STRIPPED, SYN_OUT },
	{ "IPv4, SYN-ACK with data", { SYNACK_IN, .payload = 8 }, STRIPPED, SYNACK_OUT },
	{ "IPv4, SYN with other flags", { SYN_IN, .flags = SYN | PSH | 0xc0 }, STRIPPED, SYN_OUT },
	{ "IPv4, SYN and FIN", { SYN_IN, .flags = SYN | FIN }, STRIPPED, SYN_OUT },
	{ "IPv4, don't fragment", { SYN_IN, .fragment = DONT }, STRIPPED, SYN_OUT },
	{ "IPv6, SYN", { .ip = 6, SYN_IN }, STRIPPED, SYN_OUT },
	{ "IPv6, SYN-ACK", { .ip = 6, SYNACK_IN }, STRIPPED, SYNACK_OUT },
	{ "IPv6, SYN with data", { .ip = 6, SYN_IN, .payload = 7 }, STRIPPED, SYN_OUT },

	{ "options: MP_CAPABLE alone", { .options = MPC4 }, STRIPPED, NOPS4 },
	{ "options: first", { .options = MPC4 LINUX }, STRIPPED, NOPS4 LINUX },
	{ "options: at offset 1", { .options = "01" MPC4 "010101" }, STRIPPED, NOPS4 NOPS4 },
	{ "options: at offset 3",
	  { .options = "030307" MPC4 "01" },
	  STRIPPED,
	  "030307" NOPS4 "01" },
	{ "options: at offset 3, 12 bytes",
	  { .options = "030307" MPC12 "01" },
	  STRIPPED,
	  "030307" NOPS12 "01" },
	{ "options: two", { .options = MPC4 MSS MPC12 }, STRIPPED, NOPS4 MSS NOPS12 },
	{ "options: 40 bytes", { .options = MPC20 LINUX }, STRIPPED, NOPS12 NOPS4 NOPS4 LINUX },
	{ "options: MP_JOIN of a SYN", { .options = MSS JOIN12 }, NO_MPC, NULL },
	{ "options: MP_JOIN of a SYN-ACK",
	  { .options = MSS JOIN16, .flags = SYN | ACK },
	  NO_MPC,
	  NULL },
	{ "options: MP_JOIN beside it", { .options = JOIN12 MPC4 }, STRIPPED, JOIN12 NOPS4 },
	{ "options: another subtype", { .options = "1e042001" }, NO_MPC, NULL },
	{ "options: none", { .options = "" }, NO_MPC, NULL },
	{ "options: plain TCP's", { .options = LINUX }, NO_MPC, NULL },
	{ "options: behind the end mark", { .options = "00010101" MPC4 }, NO_MPC, NULL },
	{ "options: length 0", { .options = "1e000101" MPC4 }, NO_MPC, NULL },
	{ "options: length 1", { .options = "1e010101" MPC4 }, NO_MPC, NULL },
	{ "options: length 2", { .options = "1e020101" }, NO_MPC, NULL },
	{ "options: length 3", { .options = "1e030101" }, STRIPPED, NOPS4 },
	{ "options: past the end by one", { .options = "1e050101" }, NO_MPC, NULL },
	{ "options: far past the end", { .options = LINUX "1eff0101" }, NO_MPC, NULL },
	{ "options: past the end, data behind",
	  { .options = "1e080101", .payload = 40 },
	  NO_MPC,
	  NULL },
	{ "options: its kind in the last byte",
	  { .options = "0101011e", .payload = 9 },
	  NO_MPC,
	  NULL },
	{ "options: another one past the end",
	  { .options = MPC4 "02080101" },
	  STRIPPED,
	  NOPS4 "02080101" },

	{ "TCP: RST", { SYN_IN, .flags = RST }, NO_SYN, NULL },
	{ "TCP: SYN and RST", { SYN_IN, .flags = SYN | RST }, NO_SYN, NULL },
	{ "TCP: ACK with MP_CAPABLE", { .options = MPC20, .flags = ACK }, NO_SYN, NULL },
	{ "TCP: data", { .options = MPC20, .flags = ACK | PSH, .payload = 99 }, NO_SYN, NULL },
	{ "TCP: FIN", { SYN_IN, .flags = FIN | ACK }, NO_SYN, NULL },
	{ "TCP: doff 0", { SYN_IN, .doff = -1 }, NO_TCP, NULL },
	{ "TCP: doff 4", { SYN_IN, .doff = 4 }, NO_TCP, NULL },
	{ "TCP: doff 5, MP_CAPABLE is data", { SYN_IN, .doff = 5 }, NO_MPC, NULL },
	{ "TCP: doff before MP_CAPABLE, that is data", { SYN_IN, .doff = 10 }, NO_MPC, NULL },
	{ "TCP: doff into the data", { SYN_IN, .doff = 12, .payload = 8 }, STRIPPED, SYN_OUT },
	{ "TCP: doff into data that has the option",
	  { .doff = 6, .payload = 0, .options = MPC4 MPC4 },
	  STRIPPED,
	  NOPS4 MPC4 },
	{ "TCP: doff beyond the packet", { SYN_IN, .doff = 12 }, NO_MPC, NULL },
	{ "TCP: doff 15 beyond the packet", { .options = MPC4, .doff = 15 }, NO_MPC, NULL },
	{ "TCP: options cut by one byte", { SYN_IN, .cut = 1 }, NO_MPC, NULL },
	{ "TCP: options cut off", { SYN_IN, .cut = 24 }, NO_MPC, NULL },
	{ "TCP: header cut by one byte", { .cut = 1 }, NO_TCP, NULL },
	{ "TCP: header cut off", { .cut = 20 }, NO_TCP, NULL },

	{ "IPv4: 1 word of options", { SYN_IN, .ip_options = 1 }, STRIPPED, SYN_OUT },
	{ "IPv4: 2 words of options", { SYN_IN, .ip_options = 2 }, STRIPPED, SYN_OUT },
	{ "IPv4: 3 words of options", { SYNACK_IN, .ip_options = 3 }, STRIPPED, SYNACK_OUT },
	{ "IPv4: 4 words of options", { SYN_IN, .ip_options = 4 }, STRIPPED, SYN_OUT },
	{ "IPv4: 5 words of options", { SYN_IN, .ip_options = 5 }, STRIPPED, SYN_OUT },
	{ "IPv4: 6 words of options", { SYNACK_IN, .ip_options = 6 }, STRIPPED, SYNACK_OUT },
	{ "IPv4: 7 words of options", { SYN_IN, .ip_options = 7 }, STRIPPED, SYN_OUT },
	{ "IPv4: 8 words of options", { SYN_IN, .ip_options = 8 }, STRIPPED, SYN_OUT },
	{ "IPv4: 9 words of options", { SYNACK_IN, .ip_options = 9 }, STRIPPED, SYNACK_OUT },
	{ "IPv4: 10 words of options", { SYN_IN, .ip_options = 10 }, STRIPPED, SYN_OUT },
	{ "IPv4: ihl 0", { SYN_IN, .ihl = -1 }, NO_TCP, NULL },
	{ "IPv4: ihl 4", { SYN_IN, .ihl = 4 }, NO_TCP, NULL },
	{ "IPv4: ihl beyond the packet", { .ihl = 15 }, NO_TCP, NULL },
	/* With another frame type, because the kernel refuses a test run with half an
	 * IP header. */
	{ "IPv4: header cut by one byte", { .type = 0x88b5, .cut = 21 }, NO_TCP, NULL },
	{ "IPv4: first fragment", { SYN_IN, .fragment = MORE }, STRIPPED, SYN_OUT },
	{ "IPv4: second fragment", { SYN_IN, .fragment = MORE | 1 }, NO_TCP, NULL },
	{ "IPv4: last fragment", { SYN_IN, .fragment = 0x1fff }, NO_TCP, NULL },
	{ "IPv4: UDP", { SYN_IN, .protocol = 17 }, NO_TCP, NULL },
	{ "IPv4: ICMP", { SYN_IN, .protocol = 1 }, NO_TCP, NULL },
	{ "IPv4: IPv4 in it", { SYN_IN, .protocol = 4 }, NO_TCP, NULL },
	{ "IP: version 0", { SYN_IN, .ip_version = -1 }, NO_TCP, NULL },
	{ "IP: version 5", { SYN_IN, .ip_version = 5 }, NO_TCP, NULL },
	{ "IP: version 15", { SYN_IN, .ip_version = 15 }, NO_TCP, NULL },

	{ "IPv6: hop-by-hop", { .ip = 6, SYN_IN, .extensions = "h" }, STRIPPED, SYN_OUT },
	{ "IPv6: routing", { .ip = 6, SYN_IN, .extensions = "r" }, STRIPPED, SYN_OUT },
	{ "IPv6: destination options",
	  { .ip = 6, SYNACK_IN, .extensions = "d" },
	  STRIPPED,
	  SYNACK_OUT },
	{ "IPv6: long hop-by-hop", { .ip = 6, SYN_IN, .extensions = "H" }, STRIPPED, SYN_OUT },
	{ "IPv6: all three", { .ip = 6, SYN_IN, .extensions = "hrd" }, STRIPPED, SYN_OUT },
	{ "IPv6: in RFC 8200's full order",
	  { .ip = 6, SYNACK_IN, .extensions = "HdRd" },
	  STRIPPED,
	  SYNACK_OUT },
	{ "IPv6: 8 extension headers",
	  { .ip = 6, SYN_IN, .extensions = "hdrdrdrd" },
	  STRIPPED,
	  SYN_OUT },
	{ "IPv6: 9 extension headers",
	  { .ip = 6, SYN_IN, .extensions = "hdrdrdrdd" },
	  NO_TCP,
	  NULL },
	{ "IPv6: fragment header", { .ip = 6, SYN_IN, .extensions = "f" }, NO_TCP, NULL },
	{ "IPv6: later fragment",
	  { .ip = 6, SYN_IN, .extensions = "f", .fragment = 8 },
	  NO_TCP,
	  NULL },
	{ "IPv6: authentication header", { .ip = 6, SYN_IN, .extensions = "a" }, NO_TCP, NULL },
	{ "IPv6: no next header", { .ip = 6, SYN_IN, .extensions = "n" }, NO_TCP, NULL },
	{ "IPv6: no next header behind another",
	  { .ip = 6, SYN_IN, .extensions = "hn" },
	  NO_TCP,
	  NULL },
	{ "IPv6: UDP", { .ip = 6, SYN_IN, .protocol = 17 }, NO_TCP, NULL },
	{ "IPv6: UDP behind an extension",
	  { .ip = 6, SYN_IN, .extensions = "d", .protocol = 17 },
	  NO_TCP,
	  NULL },
	{ "IPv6: extension beyond the packet",
	  { .ip = 6, SYN_IN, .extensions = "h", .extension_words = 255 },
	  NO_TCP,
	  NULL },
	{ "IPv6: extension that leaves too little for TCP",
	  { .ip = 6, .extensions = "h", .extension_words = 2, .options = MPC4 },
	  NO_TCP,
	  NULL },
	{ "IPv6: extension cut off", { .ip = 6, .extensions = "h", .cut = 28 }, NO_TCP, NULL },
	{ "IPv6: extension cut behind its first byte",
	  { .ip = 6, .extensions = "h", .cut = 27 },
	  NO_TCP,
	  NULL },
	{ "IPv6: header cut by one byte", { .ip = 6, .type = 0x88b5, .cut = 21 }, NO_TCP, NULL },

	{ "frame: ARP", { SYN_IN, .type = 0x0806, .ip_version = -1 }, NO_TCP, NULL },
	/* In a test run the network header starts after the frame's type, which here is
	 * the tag, whose priority looks like an IP version. */
	{ "frame: a VLAN tag", { SYN_IN, .tags = "8100 0064" }, NO_TCP, NULL },
	{ "frame: a VLAN tag that looks like IPv4", { SYN_IN, .tags = "8100 4564" }, NO_TCP, NULL },
	{ "frame: a VLAN tag that looks like IPv6", { SYN_IN, .tags = "8100 6064" }, NO_TCP, NULL },
	{ "frame: two VLAN tags", { SYN_IN, .tags = "88a8 0064 8100 00c8" }, NO_TCP, NULL },
	{ "frame: two VLAN tags, IPv6",
	  { .ip = 6, SYN_IN, .tags = "88a8 6064 8100 40c8" },
	  NO_TCP,
	  NULL },
	{ "frame: a type that nobody knows",
	  { SYN_IN, .type = 0x88b5, .ip_version = -1 },
	  NO_TCP,
	  NULL },
};

const unsigned int n_fixtures = sizeof(fixtures) / sizeof(fixtures[0]);
