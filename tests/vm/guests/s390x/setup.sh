#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The files of the guests that this one cannot be like: packages have other names in Debian 12.
set -eu
here=$(dirname "$0")
cp -rT --preserve=mode "$here/../plain/root" "$1"
exec sh -eu "$here/../arm64/setup.sh" "$1"
