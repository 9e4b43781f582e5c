#!/usr/bin/env bash
# --dns-search: the guest's resolver tries names below the domains; what is denied there is one report, not asked about and not learnt.
. "$(dirname "$0")/lib.sh"
world_up "web.svc.cluster.test. 60 IN A 93.184.216.41
open.example. 60 IN A 93.184.216.42"
search=(--dns-search svc.cluster.test --dns-search Cluster.Test.)
cat >"$WORK/lookups.sh" <<'GUEST'
for name in a.example b.example c.example; do
	for domain in .svc.cluster.test .cluster.test ''; do dig +short +tries=1 +time=4 "$name$domain"; done
done
dig +short +tries=1 +time=4 cluster.test
GUEST
run_sandbox "${search[@]}" --net-default deny --net-rule allow@8.8.8.8 -- cat /etc/resolv.conf
contains "the guest's resolv.conf has them" "$out" '^search svc.cluster.test cluster.test$'
run_sandbox --net-default deny -- cat /etc/resolv.conf
same "none without the option" 0 "$(grep -c search <<<"$out")"

run_sandbox "${search[@]}" --net-default deny --suggest --events "$WORK/events" -- bash "$WORK/lookups.sh"
same "one line a domain, and one for each name itself" 6 "$(grep -c 'denied dns@' <<<"$err")"
contains "it says so" "$err" 'denied dns@a.example.svc.cluster.test.*and others below the search domain svc.cluster.test'
contains "the domain itself is a name like others" "$err" 'denied dns@cluster.test:udp'
same "no rule is offered for them" 0 "$(grep -c 'allow@[^ ]*example\.[^ ,]*cluster' <<<"$err")"
contains "but for the names" "$err" 'allow@a.example'
for domain in svc.cluster.test cluster.test; do
	same "events below $domain count all" 3 \
		"$(jq -s "[.[] | select(.search == \"$domain\") | .count // 1] | add" "$WORK/events")"
done
same "no others have the member" 4 "$(jq -s '[.[] | select(.kind == "deny" and (has("search") | not)) | .count // 1] | add' "$WORK/events")"
same "the question is the first that was looked up" a.example.cluster.test \
	"$(jq -r 'select(.search == "cluster.test") | .question' "$WORK/events" | head -1)"

# --- asked and learnt: the names themselves alone ---
run_sandbox "${search[@]}" --ask --net-default deny --net-rule allow@8.8.8.8 --events "$WORK/asked" -- \
	bash -c 'dig +short +tries=1 +time=1 a.example.svc.cluster.test; dig +short +tries=1 +time=1 a.example'
same "asked about" a.example "$(jq -r 'select(.kind == "ask") | .question' "$WORK/asked" | sort -u)"
same "denied at once" a.example.svc.cluster.test "$(jq -r 'select(.kind == "deny" and .search) | .question' "$WORK/asked" | sort -u)"
run_sandbox "${search[@]}" --learn "$WORK/learnt.msb" -- \
	bash -c 'for name in open.example.svc.cluster.test open.example web.svc.cluster.test; do dig +short +tries=1 +time=4 "$name"; done'
same "a guess is not learnt" 0 "$(grep -c open.example.svc "$WORK/learnt.msb")"
contains "the name is" "$(cat "$WORK/learnt.msb")" 'open\.example'
contains "and a service that is there" "$(cat "$WORK/learnt.msb")" 'web\.svc\.cluster\.test'

for wrong in 'a b' '*.x.org' ''; do
	run_sandbox --dns-search "$wrong" -- true
	contains "no domain: '$wrong'" "$status $err" '^125 .*a domain, such as'
done
run_sandbox $(printf -- '--dns-search a%d.test ' {1..9}) -- true
contains "too many" "$status $err" '^125 .*8 domains at most'
finish
