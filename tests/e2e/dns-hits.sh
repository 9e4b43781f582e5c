#!/usr/bin/env bash
# Cached answers, to plain queries (which are answered from the bytes that are kept) and to unusual ones alike: what they say, and
# that their addresses are bound for as long as if the answer were new.
. "$(dirname "$0")/lib.sh"
world_up 'late.example.com. 5 IN A 93.184.216.60
later.example.com. 5 IN A 93.184.216.61
Mixed.Example.com. 60 IN CNAME www.Example.com.'
RULES=(--net-default deny --net-rule 'allow@*.example.com')

for way in +noedns "+edns +nocookie" "+edns +cookie" "+edns +nocookie +dnssec" "+edns +nocookie +bufsize=1232 +norecurse"; do
	run_sandbox "${RULES[@]}" -- bash -c "ask() { dig +tries=1 +time=5 $way mIxEd.eXample.COM \$1; }
		ask; sleep 1.3; ask"
	contains "$way: the name as it was asked" "$out" 'mIxEd.eXample.COM\.[[:space:]]+60[[:space:]]'
	contains "$way: a hit says so, too, and its TTL is less" "$out" 'mIxEd.eXample.COM\.[[:space:]]+5[89][[:space:]]'
	same "$way: with all records" 8 "$(grep -cE '^[a-zA-Z.]+[[:space:]]+[0-9]+[[:space:]]+IN' <<<"$out")"
	same "$way: both are no error" 2 "$(grep -c 'status: NOERROR' <<<"$out")"
done
run_sandbox "${RULES[@]}" -- bash -c 'ask() { dig +tries=1 +time=5 +noedns "$@"; }; ask many.example.com; ask many.example.com
	ask +ignore many.example.com; ask big.example.com TXT +ignore; ask big.example.com TXT +ignore'
same "what is too large for the guest is truncated, cached or not" 3 "$(grep -c 'flags: qr tc' <<<"$out")"

# the answer's 5 s are nearly over when it is given again, and it holds for the policy's 4 s from then on; more than once,
# where the machine is too slow for it
for way in +noedns +cookie; do
	[ "$way" = +noedns ] && name=late address=93.184.216.60 || name=later address=93.184.216.61
	for _ in 1 2 3; do
		seen_reset
		run_sandbox "${RULES[@]}" --dns-binding-minimum 4s -- bash -c "ask() { dig +tries=1 +time=5 $way $name.example.com |
				awk '/^$name/ { print \$2 }'; }
			probe() { $PROBE tcp $address 80 | cut -d' ' -f1; }
			ask; sleep 3.2; ask; sleep 2.8; probe; sleep 4; probe"
		said="$(tr '\n' ' ' <<<"$out")and $(seen "$RESOLVER" udp 53) query"
		[[ $said != "5 2 connected refused"* ]] || break
	done
	same "$way: a hit binds anew" "5 2 connected refused and 1 query" "$said"
done

# a negative answer is one as well
run_sandbox "${RULES[@]}" -- bash -c 'for i in 1 2; do dig +tries=1 +noedns no.example.com; done; for i in 1 2; do
	dig +tries=1 +noedns no.example.org; done'
same "negative hits" 4 "$(grep -c 'status: NXDOMAIN' <<<"$out")"
contains "denials are counted each time" "$err" '2 denials, 1 different'
finish
