/* SPDX-License-Identifier: GPL-2.0-only */
/* What the counters are called. */
#ifndef MMA_STATUS_NAMES_H
#define MMA_STATUS_NAMES_H

#include "abi.h"

/* Names of the counters in JSON, and words for people; by enum mma_counter. */
extern const char *const status_counter_names[MMA_N_COUNTERS];
extern const char *const status_counter_words[MMA_N_COUNTERS];
/* The same by enum mma_connection; the words fit in 10 columns. */
extern const char *const status_connection_names[MMA_N_CONNECTIONS];
extern const char *const status_connection_words[MMA_N_CONNECTIONS];

#endif
