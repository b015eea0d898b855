// SPDX-License-Identifier: GPL-2.0-only
#include "attached/accounts.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_key(const void *a, const void *b)
{
	const struct mma_account_key *one = &((const struct account_row *)a)->key;
	const struct mma_account_key *other = &((const struct account_row *)b)->key;

	if (one->slot != other->slot)
		return one->slot < other->slot ? -1 : 1;
	if (one->port != other->port)
		return one->port < other->port ? -1 : 1;
	return one->role - other->role;
}

/* Sorts the rows and drops duplicates. */
static void sort(struct accounts *accounts)
{
	size_t kept = 0;

	if (accounts->n)
		qsort(accounts->list, accounts->n, sizeof(*accounts->list), by_key);
	for (size_t i = 0; i < accounts->n; i++)
		if (!kept || by_key(&accounts->list[kept - 1], &accounts->list[i]))
			accounts->list[kept++] = accounts->list[i];
	accounts->n = kept;
}

static int append(struct accounts *accounts, const struct account_row *row, size_t *room)
{
	struct account_row *list;

	if (accounts->n == *room) {
		*room = *room ? 2 * *room : 64;
		list = realloc(accounts->list, *room * sizeof(*list));
		if (!list)
			return fault(ENOMEM, "accounts: out of memory");
		accounts->list = list;
	}
	accounts->list[accounts->n++] = *row;
	return 0;
}

int accounts_read(const struct maps *maps, struct accounts *ret)
{
	struct mma_account_key *previous = NULL;
	struct account_row row;
	size_t room = 0;
	int err = 0;

	/* If the current key is deleted during the walk, the walk restarts: hence the bound. */
	while (!err && maps->accounts >= 0 && ret->n < MMA_MAX_ACCOUNTS) {
		err = bpf_map_get_next_key(maps->accounts, previous, &row.key);
		if (err)
			break;
		previous = &row.key;
		if (!bpf_map_lookup_elem(maps->accounts, &row.key, &row.account))
			err = append(ret, &row, &room);
	}
	sort(ret);
	if (err == -ENOENT)
		err = 0;
	return err ? fault(-err, "accounts: cannot be read (%s)", strerror(-err)) : 0;
}

void accounts_free(struct accounts *accounts)
{
	free(accounts->list);
	memset(accounts, 0, sizeof(*accounts));
}

const struct account_row *accounts_of(const struct accounts *accounts, __u32 slot, size_t *ret_n)
{
	size_t first = 0, last;

	while (first < accounts->n && accounts->list[first].key.slot < slot)
		first++;
	for (last = first; last < accounts->n && accounts->list[last].key.slot == slot; last++)
		;
	*ret_n = last - first;
	return accounts->list + first;
}

int accounts_clear(const struct maps *maps, slot_fn *is_chosen, const void *data)
{
	struct mma_account_key key, next;
	int err = 0, end = -ENOENT;

	if (maps->accounts >= 0)
		end = bpf_map_get_next_key(maps->accounts, NULL, &key);
	for (; !end && !err; key = next) {
		end = bpf_map_get_next_key(maps->accounts, &key, &next);
		if (is_chosen(key.slot, data))
			err = bpf_map_delete_elem(maps->accounts, &key);
	}
	if (!err && end != -ENOENT)
		err = end;
	return err ? fault(-err, "accounts: cannot be cleaned (%s)", strerror(-err)) : 0;
}
