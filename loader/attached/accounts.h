/* SPDX-License-Identifier: GPL-2.0-only */
/* What account has counted: the map `accounts`. */
#ifndef MMA_ACCOUNTS_H
#define MMA_ACCOUNTS_H

#include "attached/pins.h"

struct account_row {
	struct mma_account_key key;
	struct mma_account account;
};

/* By slot, port and role. */
struct accounts {
	struct account_row *list;
	size_t n;
};

/* All of them; nothing where an older version made the pins. 0 or a fault; the
 * caller frees ret with accounts_free(), start from { 0 }. */
int accounts_read(const struct maps *maps, struct accounts *ret);
void accounts_free(struct accounts *accounts);

/* Those of a slot: the first one, and how many. */
const struct account_row *accounts_of(const struct accounts *accounts, __u32 slot, size_t *ret_n);

/* Forgets those of the slots that are chosen: 0 or a fault. */
typedef bool slot_fn(__u32 slot, const void *data);
int accounts_clear(const struct maps *maps, slot_fn *is_chosen, const void *data);

#endif
