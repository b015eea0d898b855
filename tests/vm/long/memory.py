# SPDX-License-Identifier: GPL-2.0-only
"""Detects growth of the kernel's memory from round to round."""

import statistics

FIELDS = ("SUnreclaim", "Percpu", "VmallocUsed", "KernelStack", "PageTables")


def kernel_memory():
    """Memory that cannot be reclaimed, in kB; includes the BPF maps."""
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3")
    with open("/proc/meminfo", encoding="ascii") as f:
        fields = dict(line.split(":") for line in f)
    return sum(int(fields[name].split()[0]) for name in FIELDS)


def growth(samples):
    """Growth in kB per round: the median of the last third minus that of the middle third. Caches
    fill during the first third."""
    third = len(samples) // 3
    middle, last = samples[third:2 * third], samples[2 * third:3 * third]
    return (statistics.median(last) - statistics.median(middle)) / third
