#!/usr/bin/env bash
# The folders of compiler/ and runtime/ are stages, each above what it is built on: a file includes headers of its own
# folder and of those that its line below names, and a line names only folders above it. usage: includes.sh BUILD
set -u
. "$(dirname "$0")/../tap.sh"
TAP_PREFIX="includes: "
cd "$(dirname "$0")/../.." || exit 3

may_include() {
	cat <<-'END'
		base:
		diag:      base
		syntax:    base diag
		grammar:   base diag syntax
		policy:    base diag syntax
		eval:      base policy
		analysis:  base policy eval
		lint:      base diag policy eval analysis
		diff:      base policy eval analysis
		explain:   base policy eval analysis diff
		expect:    base diag syntax policy eval analysis
		denied:    base diag syntax policy eval
		learn:     base diag syntax policy eval analysis lint expect
		page:      base diag policy eval analysis expect
		lsp:       base diag syntax policy eval analysis lint diff explain expect
		ruleset:   base
		lower:     base policy eval ruleset
		optimise:  base policy eval ruleset lower
		emit:      base policy eval ruleset lower
		api:       base diag policy eval lint diff explain lower optimise emit
		cmd:       base diag syntax policy eval analysis lint diff explain expect denied page lsp ruleset lower optimise emit

		core:      base policy
		cgroup:    base core
		isolation: core
		netlink:   base policy eval ruleset lower core
		net:       base policy lower core netlink
		report:    base policy eval learn lower core isolation netlink
		ask:       base policy eval lower core netlink report
		dns:       base policy eval lower core isolation netlink report ask
		relay:     base policy eval lower core isolation netlink report dns
		names:     base policy eval lower core isolation netlink report relay
		flows:     base policy eval ruleset lower core netlink net report dns relay names
		guest:
		vmm:       base policy lower core isolation netlink net guest
		control:   base core
		sandbox:   base policy eval lower optimise core cgroup isolation netlink net report ask dns relay names flows vmm control
		doctor:    base policy ruleset lower core cgroup isolation netlink net dns vmm sandbox
		metrics:   base core isolation
		ctl:       base diag syntax policy eval analysis diff explain expect core isolation report control sandbox doctor metrics
		run:       base diag syntax policy eval learn lower core cgroup isolation netlink net report dns relay names flows vmm control sandbox ctl
		cni:       base diag policy eval lower core isolation netlink net report dns sandbox ctl run
	END
}

# FOLDER FILE:LINE INCLUDED of every include of ours; a name without a folder is the includer's own
includes() {
	grep -rnE '^#include "[^"]+"' grammar compiler runtime |
		sed -E 's#^(grammar|(compiler|runtime)/([^/]+))/[^:]*:[0-9]+:\#include "(.*)".*#\1 & \4#; s#^(compiler|runtime)/##; s#:\#include "[^"]*"##'
}

wrong=$(awk '
	NR == FNR && NF {
		sub(/:$/, "", $1)
		for (i = 2; i <= NF; i++) {
			if (!($i in listed)) print "the table: " $1 " names " $i ", which is not above it"
			may[$1, $i]
		}
		listed[$1]
	}
	NR == FNR { next }
	!($1 in listed) { print $2 ": the folder " $1 " is not in the table"; next }
	split($3, part, "/") > 1 && part[1] != $1 && !(($1, part[1]) in may) { print $2 ": " $1 " includes " $3 }
' <(may_include) <(includes))
check "folders include only folders below them" "$([ -z "$wrong" ]; echo $?)" "$(wc -l <<<"$wrong") do not"$'\n'"$wrong"
same "every folder is in the table" "" "$(comm -13 <(may_include | sed -n 's/:.*//p' | sort) <(find compiler runtime -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort))"
finish
