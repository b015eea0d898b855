/* SPDX-License-Identifier: GPL-2.0-only */
/* One TCP connection over a veth at full speed, with and without a program. */
#ifndef MMA_THROUGHPUT_H
#define MMA_THROUGHPUT_H

/* Prints "throughput<TAB>none|strip<TAB>bytes per second" for each slice. */
void throughput(int prog, int pairs);

#endif
