#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The files of the guests that this one cannot be like: packages have other names in Debian 12.
set -eu
here=$(dirname "$0")
cp -rT --preserve=mode "$here/../plain/root" "$1"
mkdir -p "$1/lib"
ln -s ../usr/lib/modules "$1/lib/modules" # Debian 12 unpacked has a /lib of its own
exec sh -eu "$here/../arm64/setup.sh" "$1"
