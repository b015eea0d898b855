# SPDX-License-Identifier: GPL-2.0-only
"""Whether the kernel's memory grows from round to round."""

import statistics

FIELDS = ("SUnreclaim", "Percpu", "VmallocUsed", "KernelStack", "PageTables")


def kernel_memory():
    """kB that cannot be reclaimed; the BPF maps are in it."""
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3")
    with open("/proc/meminfo", encoding="ascii") as f:
        fields = dict(line.split(":") for line in f)
    return sum(int(fields[name].split()[0]) for name in FIELDS)


def growth(samples):
    """kB for each round: the median of the last third over that of the middle third.
    The first third is that of caches which fill."""
    third = len(samples) // 3
    middle, last = samples[third:2 * third], samples[2 * third:3 * third]
    return (statistics.median(last) - statistics.median(middle)) / third
