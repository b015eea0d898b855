#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs on the host when the image is built; $1 is its root directory.
set -eu
root=$1

# The tests start the server. The disks are mounted, and nothing of them is kept.
rm -f "$root"/etc/runlevels/*/postfix
for name in checkroot.sh checkfs.sh mountall.sh hwclock.sh urandom savecache; do
	rm -f "$root"/etc/runlevels/*/"$name"
done
