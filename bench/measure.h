/* SPDX-License-Identifier: GPL-2.0-only */
/* The clock of what is measured, and how it is told. */
#ifndef MMA_MEASURE_H
#define MMA_MEASURE_H

/* This thread's processor time, nanoseconds. */
double cpu_time(void);

/* Prints "what<TAB>variant<TAB>value". */
void say(const char *what, const char *variant, double value);

#endif
