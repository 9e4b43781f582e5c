#!/usr/bin/env bash
# What a user types and sees: each transcripts/NAME.txt holds commands ("$ …") and what they print, standard
# error too, with "[status N]" where it is not 0. They run in transcripts/files.
# usage: transcripts.sh [--update] BUILD
update=
[ "${1-}" = --update ] && { update=1; shift; }
. "$(dirname "$0")/lib.sh"
cd "$vectors/transcripts/files" || exit 3
export PATH="$BUILD:$PATH" LC_ALL=C.UTF-8
unset NO_COLOR

perform() { # COMMAND
	local out status
	out=$(bash -c "$1" 2>&1 </dev/null)
	status=$?
	printf '$ %s\n' "$1"
	[ -z "$out" ] || printf '%s\n' "$out"
	[ $status -eq 0 ] || echo "[status $status]"
}

for script in "$vectors"/transcripts/*.txt; do
	name=$(basename "$script" .txt)
	wanted=$(<"$script")
	got=$(grep '^\$ ' "$script" | while IFS= read -r line; do perform "${line#\$ }"; done)
	if [ -n "$update" ]; then
		printf '%s\n' "$got" >"$script"
		continue
	fi
	changes=$(diff <(echo "$wanted") <(echo "$got"))
	check "$name" $? "differs from $script"$'\n'"$changes"
done
finish
