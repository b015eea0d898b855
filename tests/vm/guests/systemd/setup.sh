#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs on the host when the image is built; $1 is its root directory.
set -eu
root=$1

# A set machine id: without one systemd takes every boot for the first and applies all presets.
echo 6d6d6100000000000000000000000001 >"$root/etc/machine-id"

# The tests start the servers.
for name in postfix dovecot nginx; do
	rm -f "$root"/etc/systemd/system/*.wants/"$name".*
done

# What costs time at boot and serves no test.
for unit in \
	getty.target getty@.service serial-getty@.service timers.target remote-fs.target \
	systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-journal-flush.service \
	systemd-update-done.service systemd-update-utmp.service systemd-random-seed.service \
	systemd-udev-trigger.service systemd-sysusers.service systemd-firstboot.service \
	systemd-pcrmachine.service systemd-pcrphase.service systemd-pcrphase-sysinit.service \
	systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
	systemd-binfmt.service systemd-ask-password-console.path systemd-ask-password-wall.path \
	dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-config.mount \
	sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
	modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
	modprobe@dm_mod.service modprobe@loop.service kmod-static-nodes.service e2scrub_reap.service ldconfig.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
ln -sf mma.target "$root/etc/systemd/system/default.target"
