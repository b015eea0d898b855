/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MMA_VERDICTS_H
#define MMA_VERDICTS_H

/* What the fixture programs return. */
enum verdict {
	VERDICT_NO_TCP = 10,
	VERDICT_NO_SYN,
	VERDICT_NO_MPC,
	VERDICT_STRIPPED,
	VERDICT_FAILED, /* found, and could not be written */
};

#endif
