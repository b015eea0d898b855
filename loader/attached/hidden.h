/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs of ours that are attached in this kernel, but whose pins are not visible: a second
 * BPF file system was mounted over the first, or the host's was unmounted and another mount
 * namespace keeps it. With a second attachment beside it, nobody could manage the hidden one. */
#ifndef MMA_HIDDEN_H
#define MMA_HIDDEN_H

/* Call it if the visible pins are no attachment, or another one. Returns 0 if there is no such
 * program or it cannot be determined; otherwise a fault with cause and remedy. */
int hidden_look(void);

#endif
