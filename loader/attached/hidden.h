/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs of ours that are attached in this kernel while their pins are not in sight: a
 * second BPF file system was mounted over the first, or the host's was unmounted and some
 * other mount namespace keeps it. Another attachment beside that one would be in no one's hands.
 */
#ifndef MMA_HIDDEN_H
#define MMA_HIDDEN_H

/* To be called where the pins that are in sight are no attachment, or another: 0 where
 * there is no such program, or it cannot be told; else a fault with cause and remedy. */
int hidden_look(void);

#endif
