#!/usr/bin/env bash
# A rule for a time: in front of the policy, ended by itself with the flows that only it allowed, early by hand; metadata and
# what a floor forbids are never within its reach.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
grants() { "$CTL" status "$1" --format json | jq -c '[.grants[].rule]'; }

# The guest opens a flow to each address as it is told, keeps it, and says when it ends
cat >"$WORK/guest.py" <<-'END'
	import select, socket, sys
	flows, orders = {}, open(sys.argv[1])
	print("ready", flush=True)
	while True:
	    for ready in select.select([orders, *flows], [], [])[0]:
	        if ready is orders:
	            line = orders.readline()
	            if not line:
	                sys.exit()
	            address, port = line.split()
	            try:
	                flow = socket.create_connection((address, int(port)), 5)
	                flow.sendall(b"x")
	                flow.recv(1)
	                flows[flow] = address
	                print("open", address, flush=True)
	            except OSError:
	                print("refused", address, flush=True)
	        else:
	            try:
	                ready.recv(1)
	            except OSError:
	                pass
	            print("ended", flows.pop(ready), flush=True)
END
mkfifo "$WORK/orders"
begin() { # NAME ARG…
	start_sandbox "$@" -- python3 "$WORK/guest.py" "$WORK/orders"
	exec 7>"$WORK/orders"
	wait_for "$(patience 20)" grep -q ready "$WORK/$1.out"
	name=$1
}
flow() { # EXPECTED ADDRESS PORT DESCRIPTION
	local before
	before=$(wc -l <"$WORK/$name.out")
	echo "$2 $3" >&7
	wait_for "$(patience 15)" more_than "$before"
	same "$4" "$1 $2" "$(tail -n +$((before + 1)) "$WORK/$name.out" | grep -E '^(open|refused)' | head -1)"
}
more_than() { tail -n +$(($1 + 1)) "$WORK/$name.out" | grep -qE '^(open|refused)'; }
end() { exec 7>&-; wait "$sandbox_pid"; }

begin grant --net-default deny --net-rule 'allow@8.8.8.8'
flow refused 1.1.1.1 80 "what the policy denies"
contains "a grant" "$("$CTL" allow grant 'allow@1.1.1.1:tcp:7' --for 4s)" '^grant 1: allow@1\.1\.1\.1:tcp:7 for 4s$'
same "is shown by status" '["allow@1.1.1.1:tcp:7"]' "$(grants grant)"
flow open 1.1.1.1 7 "lets it pass"
flow refused 1.1.1.1 80 "and nothing else"
flow open 8.8.8.8 7 "what the policy allows goes on"
wait_for "$(patience 15)" grep -q '^ended 1\.1\.1\.1$' "$WORK/grant.out"
same "its flow ends with it" 1 "$(grep -c '^ended 1\.1\.1\.1$' "$WORK/grant.out")"
same "and no other" 0 "$(grep -c '^ended 8\.8\.8\.8$' "$WORK/grant.out")"
wait_for 5 test "$(grants grant)" = '[]'
same "it is gone" '[]' "$(grants grant)"
flow refused 1.1.1.1 7 "what it allowed is denied again"

# --- by name, on a sandbox where no name decided anything: the relay of server names starts ---
"$CTL" allow grant a.example.com:tcp:7 --for 1h >/dev/null
same "a rule without its action has the command's" '["allow@a.example.com:tcp:7"]' "$(grants grant)"
flow open a.example.com 7 "a grant by name brings the lookup"
"$CTL" deny grant 'deny@8.8.8.8' --for 10m >/dev/null
wait_for "$(patience 10)" grep -q '^ended 8\.8\.8\.8$' "$WORK/grant.out"
same "a denial ends what the policy allows" 1 "$(grep -c '^ended 8\.8\.8\.8$' "$WORK/grant.out")"
flow refused 8.8.8.8 7 "for its time"
"$CTL" revoke grant 3 >/dev/null
same "revoked: status" 0 $?
flow open 8.8.8.8 7 "what it denied is open again"
"$CTL" revoke grant 3 2>/dev/null
same "one that is over cannot be" 1 $?

# --- the same once more, and by its rule ---
id=$("$CTL" allow grant allow@1.1.1.1 --for 2h --format json | jq .id)
"$CTL" deny grant deny@1.1.1.1 --for 1h >/dev/null
flow refused 1.1.1.1 80 "the one that came last is in front"
same "the same rule again: the same grant" "$id" "$("$CTL" allow grant allow@1.1.1.1 --for 1h --format json | jq .id)"
flow open 1.1.1.1 7 "it is in front again"
same "once" 1 "$(grants grant | jq '[.[] | select(. == "allow@1.1.1.1")] | length')"
check "with the new end" "$("$CTL" status grant --format json | jq -e '.grants[] | select(.rule == "allow@1.1.1.1") | .left_ms <= 3600000' >/dev/null; echo $?)"
contains "revoked by its rule" "$("$CTL" revoke grant allow@1.1.1.1)" '^grant allow@1\.1\.1\.1 is over$'
flow refused 1.1.1.1 80 "it is over"
"$CTL" revoke grant deny@1.1.1.1 >/dev/null
contains "a rule that nobody granted" "$("$CTL" revoke grant allow@9.9.9.9 2>&1; echo "$?")" '^1$'
contains "without a time it is said why" "$("$CTL" allow grant allow@9.9.9.9 2>&1)" 'ends by itself'
"$CTL" reload grant --net-default deny --net-rule 'allow@8.8.4.4' >/dev/null
same "a reload keeps grants" '["allow@a.example.com:tcp:7"]' "$(grants grant)"
flow refused 8.8.8.8 7 "and has its own rules behind them"

# --- several at once: they wait for each other ---
for i in 1 2 3 4; do "$CTL" deny grant "deny@10.0.0.$i" --for 1h >/dev/null 2>>"$WORK/at-once" & pids[i]=$!; done
for i in 1 2 3 4; do wait "${pids[i]}"; done
same "four at once" "" "$(cat "$WORK/at-once")"
same "are all there" 4 "$(grants grant | jq '[.[] | select(startswith("deny@10.0.0."))] | length')"
for id in $("$CTL" status grant --format json | jq '.grants[] | select(.rule | startswith("deny@10.0.0.")) | .id'); do "$CTL" revoke grant "$id" >/dev/null; done

# --- what is no grant ---
for wrong in 'allow@meta' 'allow@any' 'allow@169.254.0.0/16' 'allow@169.254.169.254:tcp:80'; do
	err=$("$CTL" allow grant "$wrong" --for 10m 2>&1)
	contains "never metadata: $wrong" "$? $err" '^1 .*cloud metadata'
done
"$CTL" allow grant 'allow@nonsense group' --for 10m 2>/dev/null
same "a rule that is none" 1 $?
for wrong in '' '--for 0s' '--for 25h' '--for soon'; do
	# shellcheck disable=SC2086
	"$CTL" allow grant allow@1.1.1.1 $wrong 2>/dev/null
	same "without a sensible time: $wrong" 2 $?
done
contains "which one is said" "$("$CTL" allow grant allow@1.1.1.1 --for soon 2>&1)" '^msb-ctl: error: --for `soon`: a time like 90s'
for i in $(seq 31); do "$CTL" deny grant "deny@10.0.0.$i" --for 1h >/dev/null; done
contains "there are 32 at most" "$("$CTL" deny grant deny@10.0.1.1 --for 1h 2>&1)" '32 grants at most'
contains "one of them can be renewed" "$("$CTL" deny grant deny@10.0.0.1 --for 1h 2>&1)" '^grant [0-9]+: deny@10\.0\.0\.1 for 1h$'
same "of all those" 32 "$("$CTL" status grant --format json | jq '.grants | length')"
end

# --- a floor holds ---
echo 'deny@1.1.1.1
default egress allow' >"$WORK/floor.msb"
begin floor --floor "$WORK/floor.msb" --net-default deny
same "one that changes something says nothing else" "grant 1: allow@{1.1.1.1,8.8.8.8} for 10m" \
	"$("$CTL" allow floor 'allow@{1.1.1.1,8.8.8.8}' --for 10m 2>&1)"
same "nor is it said when it is renewed" "grant 1: allow@{1.1.1.1,8.8.8.8} for 20m" \
	"$("$CTL" allow floor 'allow@{1.1.1.1,8.8.8.8}' --for 20m 2>&1)"
contains "one that a floor denies is of no effect, which is said" "$("$CTL" allow floor allow@1.1.1.1 --for 10m 2>&1)" \
	'warning: no flow fares otherwise by allow@1\.1\.1\.1: .* a floor denies them$'
flow open 8.8.8.8 7 "a grant above a floor"
flow refused 1.1.1.1 7 "does not lift it"
end
finish
