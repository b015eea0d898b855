#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Configure Debian's mail servers in the guest, without starting them.
set -eu
config=$(cd "$(dirname "$0")/../config" && pwd)

install -m 755 /payload/tool/mptcp-mail-attach /usr/local/sbin/
install -m 644 "$config/main.cf" /etc/postfix/main.cf
install -m 644 "$config/dovecot.conf" /etc/dovecot/dovecot.conf
install -m 644 "$config/nginx.conf" /etc/nginx/nginx.conf
install -d -o mail -g mail /srv/mail

# No Postfix service in a chroot: Debian's script that fills the chroot takes a third of each start
# under emulation.
postconf -F '*/*/chroot=n'
echo 'SYNC_CHROOT=' >/etc/default/postfix

install -d -m 755 /etc/demo
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
	-subj '/CN=mail.demo.example' -addext 'subjectAltName=DNS:mail.demo.example' \
	-keyout /etc/demo/key.pem -out /etc/demo/cert.pem 2>/dev/null
