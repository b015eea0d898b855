/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MMA_VERDICTS_H
#define MMA_VERDICTS_H

/* Return values of the fixture programs. */
enum verdict {
	VERDICT_NO_TCP = 10,
	VERDICT_NO_SYN,
	VERDICT_NO_MPC,
	VERDICT_STRIPPED,
	VERDICT_FAILED, /* found, but could not be written */
};

#endif
