#!/usr/bin/env bash
# Policies by pipes that the shell opens: <(…), /dev/stdin, /dev/fd/N; not by what a file or an include says.
# usage: pipes.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
TAP_PREFIX="pipes: "
printf 'default egress deny\nallow@dns\n' >narrow.msb
printf 'default egress deny\nallow@dns\nallow@10.0.0.0/8:tcp:443\n' >wide.msb

same "diff of two pipes" "+ allow egress@10.0.0.0/8:tcp:443   e.g. egress@10.0.0.0:tcp:443" \
	"$("$policyc" diff <(cat narrow.msb) <(sleep 0.2; cat wide.msb) 2>&1 | head -1)"
same "diff of a file and a pipe without a change" "no change: both decide every flow alike" \
	"$("$policyc" diff narrow.msb <(cat narrow.msb) 2>&1 | head -1)"
"$policyc" check /dev/stdin <wide.msb >out 2>&1; check "check /dev/stdin, a file" $? "$(cat out)"
cat wide.msb | "$policyc" check /dev/stdin >out 2>&1; check "check /dev/stdin, a pipe" $? "$(cat out)"
"$policyc" check /dev/fd/7 7<wide.msb >out 2>&1; check "check /dev/fd/7" $? "$(cat out)"
same "its words are shown, for the caller opened it" "/dev/fd/7:1:1: error: syntax error" \
	"$("$policyc" check /dev/fd/7 7< <(echo 'allow public') 2>&1 | sed -n '1s/error:.*/error: syntax error/p')"
same "fmt of a pipe goes to standard output" "allow@public" "$("$policyc" fmt <(echo '  allow@public'))"
contains "standard input is one file only" "$("$policyc" diff - /dev/stdin </dev/null 2>&1)" 'standard input can be one'
same "an include starts in this directory" "deny	default" \
	"$("$policyc" eval <(echo 'include "narrow.msb"') egress@1.1.1.1:tcp:443 2>&1 | cut -f1,2)"
printf 'default egress deny\ninclude "narrow.msb"\n' >including.msb
today='note: both sides include narrow\.msb as it is now'
contains "standard input's include is today's, and that is said" "$("$policyc" diff - including.msb 2>&1 <including.msb)" "$today"
contains "so is a pipe's" "$("$policyc" diff <(cat including.msb) including.msb 2>&1)" "$today"
lacks "two files: nothing of the kind" "$("$policyc" diff including.msb including.msb 2>&1)" 'note'
lacks "a pipe without includes: nothing of the kind" "$("$policyc" diff - wide.msb 2>&1 <narrow.msb)" 'note'
contains "a descriptor that is not open" "$("$policyc" check /dev/fd/99 2>&1)" 'cannot read.*/dev/fd/99'
contains "a pipe without end is too large" "$("$policyc" check <(head -c 70000000 /dev/zero) 2>&1)" 'too large'
mkfifo named.msb
printf 'include "named.msb"\n' >including.msb
for file in named.msb including.msb; do
	bounded 10 "$policyc" check "$file"
	[ "$status" != 0 ] && grep -q 'no regular file' .out; check "a FIFO in a tree does not hold up: $file" $? "$(cat .out)"
done
ln -s /dev/fd/7 link.msb
bounded 10 "$policyc" check link.msb 7< <(echo 'allow public')
[ "$status" != 0 ]; check "a link to a descriptor is not the caller's word" $? "$(cat .out)"
lacks "and shows nothing" "$(cat .out)" 'public'
finish
