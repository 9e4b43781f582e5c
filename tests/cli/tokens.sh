#!/usr/bin/env bash
# Every row of tokens.tsv that a command line can express, through msb-policyc: what an accepted token means, and
# the class and suggestion of the error otherwise. Commas and outer blanks, which the command line splits and
# trims, are tried in the unit tests. usage: tests/cli/tokens.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

accepted() { # TOKEN WANTED
	local got=none
	[[ $("$policyc" compile --emit policy --net-default deny --net-rule "$1" 2>&1) =~ rule\ 1$'\t'([^$'\t']*)$'\t' ]] &&
		got=${BASH_REMATCH[1]}
	same "tokens '$1'" "$2" "$got"
}

refused() { # TOKEN CLASS SUGGESTION: the class of the first finding, what it suggests, and status 1
	local out status class=none suggestion=- first
	out=$("$policyc" check --color never --net-default deny --net-rule "$1")
	status=$?
	first=${out%%$'\n'*}
	[[ $first =~ \[([a-z0-9-]+)\]$ ]] && class=${BASH_REMATCH[1]}
	if [ "$2" = port-in-proto-slot ]; then
		[[ $out =~ $'\n  help: '[^@]*@([^$'\n']*) ]] && suggestion=${BASH_REMATCH[1]}
	else
		[[ $out =~ 'did you mean `'([^\`]*)'`?' ]] && suggestion=${BASH_REMATCH[1]}
	fi
	same "tokens '$1'" "$2 $3 (1)" "$class $suggestion ($status)"
}

while IFS=$'\t' read -r token result action direction kind value protocols ports class suggestion _; do
	[[ $token != '# '* && $token != '#' ]] || continue
	[[ $token != *,* && $token != ' '* && $token != *' ' && $token != '<empty>' ]] || continue
	if [ "$result" = ok ]; then
		case $kind in
		domain | suffix) value=$kind=$value ;;
		cidr) [[ $value != *:* ]] || value=[$value] ;; # IPv6
		esac
		accepted "$token" "$action:$direction@$value:${protocols//,/+}:$ports"
	else
		refused "$token" "$class" "$suggestion"
	fi
done <"$vectors/tokens.tsv"
finish
