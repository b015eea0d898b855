// SPDX-License-Identifier: GPL-2.0-only
/* Making type information thin: what comes out is as it was, and can be made thin again. */
#include "fuzz.h"
#include "host/btf_thin.h"

#include <linux/btf.h>

static char *thin(const void *raw, size_t *size)
{
	struct btf_names names = { 0 };
	char *copy = malloc(*size + 1);

	hold(copy);
	memcpy(copy, raw, *size);
	hold(!btf_names_add(&names, "wanted", BTF_KIND_STRUCT));
	hold(!btf_names_add(&names, "values", BTF_KIND_ENUM));
	hold(!btf_names_add(&names, "function", BTF_KIND_FUNC));
	if (btf_thin(&copy, size, &names)) {
		free(copy);
		copy = NULL;
	}
	btf_names_free(&names);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *once = thin(data, &size), *twice;
	size_t again = size;

	if (!once)
		return 0;
	twice = thin(once, &again);
	hold(twice && again == size && !memcmp(once, twice, size));
	free(once);
	free(twice);
	return 0;
}
