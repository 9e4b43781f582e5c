#!/usr/bin/env bash
# The server name in the first bytes of a connection, whatever their shape: those of a name that is allowed arrive as they were sent, of
# those of another name on the same address the server reads nothing. Each of these ways reaches the server where names are not looked at.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world

# NAME WAY: shapes that are hellos
shapes="hello-plain plain
hello-two-records two-records
hello-small-records small-records
hello-byte-by-byte byte-by-byte
hello-post-quantum-name-last post-quantum
several-names two-names"
# NAME WAY: ended, whatever name is in them
malformed="hello-malformed,trailing-byte trailing
hello-malformed,two-in-a-record two-in-a-record
hello-malformed,alert-before alert-first
hello-malformed,name-twice twice
hello-malformed,wrong-length wrong-length
hello-malformed,another-record-inside other-record
hello-malformed,over-16-KiB too-long
hello-malformed,long-name longest
hello-malformed,half-of-it half"
list() { # NAME FIRST-PORT TABLE: tasks
	local port=$2 way
	while read -r _ way; do
		echo "$way:$1:$port"
		port=$((port + 1))
	done <<<"$3"
}
# verdicts JUDGE NAME FIRST-PORT TABLE [SUFFIX]: a line of the table each
verdicts() {
	local port=$3 title way
	while read -r title way; do
		"$1" "$title${5-}" "$way:$2:$port"
		port=$((port + 1))
	done <<<"$4"
}

# shellcheck disable=SC2046 # a word a task
plain $(list $EVIL 9000 "$shapes")
verdicts arrives $EVIL 9000 "$shapes" ", names not looked at"
# shellcheck disable=SC2046
enforced $(list $EVIL 9000 "$shapes") $(list $GOOD 9010 "$malformed") $(list $GOOD 9030 "$shapes")
verdicts stopped $EVIL 9000 "$shapes"
verdicts stopped $GOOD 9010 "$malformed"
verdicts arrives $GOOD 9030 "$shapes" ", allowed"
finish
