#!/usr/bin/env bash
# Threat: a guest that goes on with flows that a reload has ended, with packet sockets and a peer that takes part: not a byte of them
# passes, in either direction, once `reload` has answered; a flow that is allowed loses nothing.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
CTL=$BUILD/msb-ctl
D4=8.8.8.8 D6=2001:db8:8::8 K=8.8.4.4
# The peer outside hears no resets; port 81 does not answer, so that what is opened there stays half open
on_internet nft -f - <<-END
	table inet attack {
		chain deaf {
			type filter hook prerouting priority -500;
			tcp flags & rst == rst ip daddr $D4 drop
			tcp flags & rst == rst ip6 daddr $D6 drop
			ip daddr $D4 tcp dport 81 drop
		}
	}
END
# What of theirs leaves the sandbox, resets without a byte apart
nft -f - <<-END
	table inet attack {
		counter out { }
		chain seen {
			type filter hook prerouting priority -500;
			iifname != "msb*" return
			tcp flags & rst == rst ip length 40 return
			tcp flags & rst == rst ip6 length 20 return
			ip daddr $D4 counter name out
			ip6 daddr $D6 counter name out
		}
	}
END
out_count() { nft -j list counter inet attack out | jq '[.nftables[].counter.packets // empty] | add'; }
on_internet python3 "$TESTS/e2e/tools/reload_attack.py" peer wan0 "$D4" "$D6" &
peer=$!

cat >"$WORK/guest.sh" <<-END
	python3 $TESTS/kernels/echo_loop.py tcp $K 7 $WORK/kept 2 &
	exec python3 $TESTS/e2e/tools/reload_attack.py guest $D4 $D6
END
kept() { sed -n '/^[0-9]*$/p' "$WORK/kept"; }
kept_is() { [ "$(kept || echo 0)" -ge "$1" ] 2>/dev/null; }
KEEP=(--net-default deny --max-connection-rate 0)
start_sandbox attack "${KEEP[@]}" --quiet --net-rule "allow@$D4,allow@[$D6],allow@$K" -- bash "$WORK/guest.sh"
wait_for "$(patience 40)" grep -q ready "$WORK/attack.out" || { cat "$WORK"/attack.*; exit 1; }
# what comes is counted in the guest's own namespace
guest_ns=/proc/$(pgrep -nf "^[^ ]*python3[^ ]* .*reload_attack.py guest")/ns/net
nsenter --net="$guest_ns" nft -f - <<-END
	table inet attack {
		counter in { }
		chain seen {
			type filter hook prerouting priority -500;
			tcp flags & (rst | syn | ack) == rst return
			tcp flags & (rst | ack) == rst | ack return
			ip saddr $D4 counter name in
			ip6 saddr $D6 counter name in
		}
	}
END
in_count() { nsenter --net="$guest_ns" nft -j list counter inet attack in | jq '[.nftables[].counter.packets // empty] | add'; }
both() { echo "$(out_count) $(in_count)"; }
flowing() { [ "$(out_count)" -gt 3000 ] && [ "$(in_count)" -gt 300 ]; }
wait_for "$(patience 20)" flowing
check "packets of theirs pass in both directions" $? "$(both)"
for round in $(seq "$(effort 5)"); do
	begun=${EPOCHREALTIME/./}
	out=$("$CTL" reload attack "${KEEP[@]}" --net-rule "allow@$K" --format json)
	took=$(((${EPOCHREALTIME/./} - begun) / 1000))
	before=$(both)
	ended=$(jq .ended_total <<<"$out")
	check "round $round: all of theirs are ended, half-open ones, too" "$([ "${ended:-0}" -ge $((round == 1 ? 500 : 1)) ]; echo $?)" "$out"
	now=$(kept)
	wait_for "$(patience 20)" kept_is $((now + 150))
	check "round $round: what is allowed goes on" $?
	same "round $round: of what is denied no packet passes, since the answer" "$before" "$(both)"
	check "round $round: the answer takes its time, and no more: $took ms" "$([ "$took" -lt "$(patience 5)000" ]; echo $?)"
	"$CTL" reload attack "${KEEP[@]}" --net-rule "allow@$D4,allow@[$D6],allow@$K" >/dev/null
	again() { [ "$(out_count)" -gt $((${before% *} + 500)) ]; }
	wait_for "$(patience 10)" again
done
"$CTL" reload attack "${KEEP[@]}" --net-rule "allow@$K" >/dev/null
same "and conntrack has none of them" "" "$(in_dns_netns grep -E "dst=$D4 |dst=2001:0*db8:0*8:.*:0*8 " /proc/net/nf_conntrack)"
kill "$sandbox_pid" "$peer"
wait "$sandbox_pid" "$peer" 2>/dev/null
finish
