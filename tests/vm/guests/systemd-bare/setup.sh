#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs on the host when the image is built; $1 is its root directory.
set -eu
here=$(cd "$(dirname "$0")/../systemd" && pwd)

cp -rT --preserve=mode "$here/root" "$1"
sh -eu "$here/setup.sh" "$1"
# The tests start the servers, whichever they are.
rm -f "$1"/etc/systemd/system/multi-user.target.wants/*
