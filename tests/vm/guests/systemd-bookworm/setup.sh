#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The files of the guests that this one cannot be like: a package has another name in Debian 12.
set -eu
here=$(dirname "$0")
for guest in plain systemd; do
	cp -rT --preserve=mode "$here/../$guest/root" "$1"
done
exec sh -eu "$here/../systemd/setup.sh" "$1"
