#!/usr/bin/env bash
# What --help prints, of each program and of each of its commands: it fits a terminal of 80 columns.
# usage: help.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
export LC_ALL=C.UTF-8

fits() { # COMMAND…
	local name="${*##*/}"
	"$@" >.out 2>.err
	same "$name: status, and no error" "0 " "$? $(<.err)"
	check "$name: some lines" "$([ "$(wc -l <.out)" -ge 4 ]; echo $?)" "$(<.out)"
	same "$name: 80 columns" "" "$(grep -E $'.{81}|\t' .out)"
}

for program in msb-policyc msb-run msb-ctl; do
	fits "$BUILD/$program" --help
	while read -r command; do
		fits "$BUILD/$program" "$command" --help
	done < <("$BUILD/$program" --option-table | awk -F'\t' '$1 == "command" { print $2 }')
done
fits "$root/runtime/guest/msb-guest" --help
check "commands were found" "$([ "$(wc -l < <("$BUILD/msb-policyc" --option-table | grep '^command'))" -ge 11 ]; echo $?)"
finish
