# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Private apt configurations for suites other than the host's, without touching /etc/apt. Source
# this file. It always uses the mirror that the host's apt already uses.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${MMA_CACHE:-$REPO/.cache}
ME=${0##*/}

note() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { note "$@"; exit 1; }

# os_release FIELD: prints a field of /etc/os-release
os_release() {
	# shellcheck source=/dev/null
	(. /etc/os-release 2>/dev/null && eval "printf %s \"\${$1-}\"")
}

# apt_mirror SUITE: prints the URI that serves SUITE: that of the host's source for this suite, or
# else the mirror of the host's own release. MMA_MIRROR overrides it (for a host other than Debian).
apt_mirror() {
	local uri

	if [ -n "${MMA_MIRROR-}" ]; then
		printf '%s\n' "$MMA_MIRROR"
		return
	fi
	# shellcheck disable=SC2016 # apt's variables
	# --no-release-info: reads only the sources, so it works before the first "apt-get update".
	uri=$(env -u APT_CONFIG apt-get indextargets --no-release-info \
		--format '$(CREATED_BY)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' 2>/dev/null |
		awk -F'|' -v suite="$1" -v host="$(os_release VERSION_CODENAME)" '
			$1 != "Packages" || $2 != "main" { next }
			$3 == suite { exact = $4; exit }
			!own && ($3 == host || $3 ~ /^(old)*stable$/) { own = $4 }
			END { print exact ? exact : own }')
	[ -n "$uri" ] || die "no Debian mirror in the apt sources of this machine;" \
		"set MMA_MIRROR to the URI of one"
	printf '%s\n' "$uri"
}

# Prints the path of Debian's keyring, a dependency of apt. trixie renamed the file.
apt_keyring() {
	local f

	for f in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		if [ -e "$f" ]; then
			printf '%s\n' "$f"
			return
		fi
	done
	die "no debian-archive-keyring in /usr/share/keyrings; install the package of that name"
}

# apt_source SUITE: prints a one-line apt source
apt_source() {
	local uri keyring

	uri=$(apt_mirror "$1") && keyring=$(apt_keyring) || exit 1
	printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$uri" "$1"
}

# Prints how the host reaches its mirror (proxies, time checks): private configurations need the same.
apt_acquire_options() {
	env -u APT_CONFIG apt-config dump |
		grep -E '^Acquire::(http|https|ftp|Check-|ForceIP|Retries|Max-|Min-)' || :
}

# apt_private SUITE [ARCHITECTURE]: creates a configuration with only SUITE and fresh lists, and
# prints its path, for APT_CONFIG. Any user can use it.
apt_private() {
	local architecture=${2:-amd64} dir=$CACHE/apt/$1${2:+-$2} source

	source=$(apt_source "$1") || exit 1
	mkdir -p "$dir/lists/partial" "$dir/archives/partial" || exit 1
	exec 8>"$dir/lock"
	flock 8
	if [ "$(cat "$dir/sources.list" 2>/dev/null)" != "$source" ] ||
	   [ -z "$(find "$dir/updated" -mtime -1 2>/dev/null)" ]; then
		rm -f "$dir/updated"
		printf '%s\n' "$source" >"$dir/sources.list"
		{
			apt_acquire_options
			cat <<-EOF
			Dir::Etc::main "/dev/null";
			Dir::Etc::parts "/dev/null";
			Dir::Etc::sourcelist "$dir/sources.list";
			Dir::Etc::sourceparts "/dev/null";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "/dev/null";
			Dir::State::lists "$dir/lists";
			Dir::State::status "/dev/null";
			Dir::Cache "$dir";
			APT::Architecture "$architecture";
			APT::Architectures { "$architecture"; };
			APT::Sandbox::User "root";
			Acquire::Languages "none";
			EOF
		} >"$dir/apt.conf"
		APT_CONFIG=$dir/apt.conf apt-get -qq update >"$dir/update.log" 2>&1 || {
			cat "$dir/update.log" >&2
			die "apt: could not fetch the lists of $1; see the lines above"
		}
		: >"$dir/updated"
	fi
	exec 8>&-
	printf '%s\n' "$dir/apt.conf"
}
