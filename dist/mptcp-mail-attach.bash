# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# bash completion for mptcp-mail-attach(8). bash-completion only loads it; it uses none of
# its functions. tests/system/test_docs.py compares it with --help.

# Prints the options of the mode on the line, or the modes if there is none; always -v and -q.
_mptcp_mail_attach_options() {
	local common="--verbose --quiet -v -q"

	case " $* " in
	*" --help "*|*" -h "*|*" --version "*|*" -V "*) echo "$common" ;;
	*" --detach "*) echo "--cgroup $common" ;;
	*" --enable "*) echo "--port --no-repair --now $common" ;;
	*" --disable "*) echo "--now $common" ;;
	*" --allow "*|*" --deny "*|*" --refresh "*) echo "$common" ;;
	*" --oci "*) echo "--pid --signal $common" ;;
	*" --status "*) echo "--json --openmetrics $common" ;;
	*" --connections "*) echo "--cgroup --watch --json $common" ;;
	*" --check "*) echo "--cgroup --json $common" ;;
	*" --audit "*) echo "--cgroup --duration --json $common" ;;
	*" --cgroup "*) echo "--cgroup --port --netns --no-repair --detach --connections --check --audit $common" ;;
	*) echo "--cgroup --detach --allow --deny --refresh --enable --disable --oci --status --connections --check --audit --help --version -h -V $common" ;;
	esac
}

# Prints cgroup paths, absolute or relative to the mount. A cgroup with children ends in "/".
_mptcp_mail_attach_cgroups() {
	local dir

	[[ $1 == /* ]] || compgen -W self -- "$1"
	dir=$(findmnt -n -o TARGET -t cgroup2 2>/dev/null | head -n 1)
	cd "${dir:-/sys/fs/cgroup}" 2>/dev/null || return
	compgen -d -- "$1" | while IFS= read -r dir; do
		if compgen -d -- "$dir/" >/dev/null; then
			dir+=/
		fi
		printf '%s\n' "$dir"
	done
}

# Completes the last item of a LIST.
_mptcp_mail_attach_ports() {
	local head="" item=$1 word

	if [[ $1 == *,* ]]; then
		head=${1%,*},
		item=${1##*,}
	fi
	if [[ $item == */* ]]; then
		for word in listen connect; do
			printf '%s\n' "$head${item%%/*}/$word"
		done
		return
	fi
	{
		printf '%s\n' all smtp submissions submission pop3 pop3s imap2 imaps sieve
		sed -n 's/^\([a-z][a-z0-9-]*\)[ \t][ \t]*[0-9]*\/tcp.*/\1/p' /etc/services 2>/dev/null
	} | sort -u | sed "s|^|$head|"
}

_mptcp_mail_attach_units() {
	systemctl --no-legend --no-pager --plain --full --type=service,socket list-unit-files 2>/dev/null
	systemctl --no-legend --no-pager --plain --full --type=service,socket list-units 2>/dev/null
}

_mptcp_mail_attach_enabled() {
	local file

	for file in /etc/systemd/system/*.d/{,zz-}mptcp-mail-attach.conf; do
		[[ ! -e $file ]] || printf '%s\n' "$(basename "${file%.d/*}")"
	done
}

_mptcp_mail_attach() {
	local line=${COMP_LINE:0:COMP_POINT} current previous mode="" word head
	local -a words

	# Split only at white space: bash would also split at "=", ":" and "@".
	read -ra words <<<"$line"
	[[ $line != *[[:space:]] ]] || words+=("")
	current=${words[-1]}
	unset 'words[-1]'
	previous=${words[-1]-}
	head=""
	if [[ $current == --*=* ]]; then
		previous=${current%%=*}
		head=$previous=
		current=${current#*=}
	fi
	for word in "${words[@]:1}"; do
		[[ $word != --enable && $word != --disable ]] || mode=$word
	done
	# Every word after --enable or --disable is a unit, unless it is an option.
	[[ -z $mode || $previous == --port || $current == -* ]] || previous=$mode

	COMPREPLY=()
	case $previous in
	--cgroup)
		compopt -o nospace
		mapfile -t COMPREPLY < <(_mptcp_mail_attach_cgroups "$current") ;;
	--netns)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -G "/run/netns/*"; compgen -f -- "$current") ;;
	--port|--allow|--deny)
		compopt -o nospace
		mapfile -t COMPREPLY < <(_mptcp_mail_attach_ports "$current") ;;
	--enable)
		mapfile -t COMPREPLY < <(_mptcp_mail_attach_units | awk '{ print $1 }' | sort -u) ;;
	--disable)
		mapfile -t COMPREPLY < <(_mptcp_mail_attach_enabled) ;;
	*)
		mapfile -t COMPREPLY < <(_mptcp_mail_attach_options "${words[@]:1}" | tr ' ' '\n') ;;
	esac
	_mptcp_mail_attach_filter "$head" "$current"
}

# Keeps the candidates that continue the current word. For bash the word begins after the
# last "=", ":" or "@", so the part before that is cut off.
_mptcp_mail_attach_filter() {
	local word whole=$1$2 cut=""
	local -a all=("${COMPREPLY[@]}")

	[[ $whole != *[=:@]* ]] || cut=${whole%"${whole##*[=:@]}"}
	COMPREPLY=()
	for word in "${all[@]}"; do
		[[ -z $word || $word != "$2"* ]] && continue
		word=$1$word
		COMPREPLY+=("${word#"$cut"}")
	done
}

complete -F _mptcp_mail_attach mptcp-mail-attach
