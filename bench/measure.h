/* SPDX-License-Identifier: GPL-2.0-only */
/* The clock for measurements, and how they are printed. */
#ifndef MMA_MEASURE_H
#define MMA_MEASURE_H

/* This thread's processor time in nanoseconds. */
double cpu_time(void);

/* Prints "what<TAB>variant<TAB>value". */
void say(const char *what, const char *variant, double value);

#endif
