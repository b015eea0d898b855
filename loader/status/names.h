/* SPDX-License-Identifier: GPL-2.0-only */
/* The names of the counters. */
#ifndef MMA_STATUS_NAMES_H
#define MMA_STATUS_NAMES_H

#include "abi.h"

/* The counters' names in JSON, and in words for people; by enum mma_counter. */
extern const char *const status_counter_names[MMA_N_COUNTERS];
extern const char *const status_counter_words[MMA_N_COUNTERS];
/* The same by enum mma_connection; the words fit in 10 columns. */
extern const char *const status_connection_names[MMA_N_CONNECTIONS];
extern const char *const status_connection_words[MMA_N_CONNECTIONS];

#endif
