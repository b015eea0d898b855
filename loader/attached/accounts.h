/* SPDX-License-Identifier: GPL-2.0-only */
/* The counts of the account programs: the map `accounts`. */
#ifndef MMA_ACCOUNTS_H
#define MMA_ACCOUNTS_H

#include "attached/pins.h"

struct account_row {
	struct mma_account_key key;
	struct mma_account account;
};

/* Sorted by slot, port and role. */
struct accounts {
	struct account_row *list;
	size_t n;
};

/* Reads all rows; none if an older version made the pins. Returns 0 or a fault. Initialise ret
 * to { 0 }; the caller frees it with accounts_free(). */
int accounts_read(const struct maps *maps, struct accounts *ret);
void accounts_free(struct accounts *accounts);

/* The rows of a slot: returns the first one; ret_n is their number. */
const struct account_row *accounts_of(const struct accounts *accounts, __u32 slot, size_t *ret_n);

/* Deletes the rows of the chosen slots. Returns 0 or a fault. */
typedef bool slot_fn(__u32 slot, const void *data);
int accounts_clear(const struct maps *maps, slot_fn *is_chosen, const void *data);

#endif
