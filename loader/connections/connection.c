// SPDX-License-Identifier: GPL-2.0-only
#include "connections/connection.h"

bool connections_listen_at(const struct connections *connections, size_t place,
			   const struct address *address, bool only_mptcp)
{
	for (size_t i = 0; i < connections->n_listening; i++) {
		const struct listening *l = &connections->listening[i];

		if (l->place == place && l->address.port == address->port &&
		    (l->mptcp || !only_mptcp) &&
		    (address_is_any(&l->address) || address_same(&l->address, address)))
			return true;
	}
	return false;
}
