#!/usr/bin/env bash
# Threat table-before-guest: on SIGKILL of pid 1 its files close before its children die, and a table that vanishes with
# them would let the guest past it. The guest floods the host's own address and a public one while pid 1, the latch or
# the front is killed; nothing may reach the host, and nothing may leave it under the guest's own address.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

# What the host's table must stop, counted where it would arrive: before and behind the routing decision
nft -f - <<END
table inet probe {
	counter reached_host { }
	chain input { type filter hook input priority 300; ip saddr 172.16.0.0/12 counter name reached_host; ip6 saddr fd42:6d73:62::/48 counter name reached_host; }
}
END
on_internet nft -f - <<END
table inet probe {
	counter unmasked { }
	chain prerouting { type filter hook prerouting priority -400; ip saddr 172.16.0.0/12 counter name unmasked; ip6 saddr fd42:6d73:62::/48 counter name unmasked; }
}
END
count() { nft -j list counter inet probe "$1" | jq '[.nftables[].counter.packets // empty] | add'; }
count_out() { on_internet nft -j list counter inet probe "$1" | jq '[.nftables[].counter.packets // empty] | add'; }

cat >"$WORK/flood.sh" <<END
flood() { while :; do echo x >/dev/udp/\$1/\$2; done 2>/dev/null; }
flood $HOST4 7777 & flood 93.184.216.34 7777 & flood 93.184.216.35 7778 & wait
END

for who in msb-supervisor msb-latch front; do
	passed=$(seen 93.184.216.34)
	for _ in 1 2 3 4 5 6 7 8; do
		start_sandbox flood --quiet --net-default allow -- bash "$WORK/flood.sh"
		wait_for 20 pgrep -x msb-supervisor
		sleep 0.25
		case $who in
		front) victim=$sandbox_pid ;;
		*) victim=$(pgrep -ox "$who") ;;
		esac
		kill -KILL "$victim"
		wait "$sandbox_pid" 2>/dev/null
		wait_for "$(patience 2)" sh -c '! pgrep -x msb-supervisor && ! pgrep -x msb-latch && ! ip -br link | grep -q ^msb'
	done
	if [ "$(($(seen 93.184.216.34) - passed))" -gt 100 ]; then ok "$who: the guest was sending"; else not_ok "$who: the guest was sending"; fi
	same "$who killed: nothing reached the host" 0 "$(count reached_host)"
	same "$who killed: nothing left under the guest's address" 0 "$(count_out unmasked)"
done
nft delete table inet probe
same "nothing is left" "" "$(leftovers)"
finish
