#!/usr/bin/env bash
# Limits of bytes over reloads: what was used stays used, whatever the size becomes; one that is taken away and put back is not full
# again; one that a reload brings begins at nothing.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl

cat >"$WORK/agent.sh" <<-END
	while read -r line; do echo "\$(eval "\$line" 2>&1 | tr '\n' ' ')"; done <"$WORK/orders"
END
cat >"$WORK/udp.py" <<'PY'
"""udp.py COUNT: as many datagrams, each a packet of 1,028 bytes"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[1])):
    try:
        sock.sendto(bytes(1000), ("93.184.216.34", 4000))
    except OSError:
        pass
print("sent")
PY
mkfifo "$WORK/orders"
told=0
ask() {
	told=$((told + 1))
	echo "$1" >&7
	wait_for "$(patience 20)" line_is_there
	said=$(sed -n "${told}p" "$WORK/q.out" | sed 's/ *$//')
}
line_is_there() { [ "$(wc -l <"$WORK/q.out")" -ge "$told" ]; }
arrived() { on_internet nft -j list counter inet tally got | jq '[.nftables[].counter.packets // empty] | add'; }
# passes DESCRIPTION OF EXPECTED: of OF packets so many arrive
passes() {
	local before
	before=$(arrived)
	ask "python3 $WORK/udp.py $2"
	same "$1" "$3" "$(($(arrived) - before))"
}
# policy BYTES: a reload to that limit; 0: none
policy() {
	printf 'default egress allow\n' >"$WORK/agent.msb"
	[ "$1" = 0 ] || printf 'limit egress bytes %s\n' "$1" >>"$WORK/agent.msb"
}
reload() { policy "$1" && "$CTL" reload q >"$WORK/ctl.out" 2>"$WORK/ctl.err" || not_ok "reload to $1" "$(cat "$WORK/ctl.err")"; }
size() { echo $(($1 * 1028 + 500)); } # room for so many packets

on_internet nft -f - <<-NFT
	table inet tally {
		counter got {}
		chain in { type filter hook prerouting priority -300; ip daddr 93.184.216.34 udp dport 4000 counter name got drop; }
	}
NFT
policy 0
start_sandbox q --quiet --policy "$WORK/agent.msb" -- bash "$WORK/agent.sh"
exec 7>"$WORK/orders"
ask 'echo up'
same "up" up "$said"
passes "without a limit" 30 30
reload "$(size 10)"
passes "one that a reload brings begins at nothing" 4 4
reload "$(size 10)"
passes "a reload of the same refills nothing" 20 6
reload "$(size 200)"
# 4 and 6 that passed, and the one that did not
passes "a larger one has what the smaller one had counted" 300 $((200 - 11))
reload "$(size 10)"
passes "a smaller one is used up at once" 5 0
reload 0
passes "without it again" 30 30
reload "$(size 200)"
passes "put back, it is not full again" 5 0
reload "$(size 600)"
passes "and goes on where it was" 50 50

# A sandbox's life has so many
generation() { "$CTL" status q --format json | jq .generation; }
for round in $(seq 1 17); do
	{
		echo 'default egress allow'
		seq -f "allow@10.$round.0.%g:udp bytes 1M" 1 64
	} >"$WORK/agent.msb"
	before=$(generation)
	"$CTL" reload q >"$WORK/ctl.out" 2>"$WORK/ctl.err" || break
done
same "limits that are always others" "16 $before" "$round $(generation)"
contains "are not kept without a bound" "$(cat "$WORK/ctl.err")" 'a sandbox has 1024 limits of bytes in its life at most'
reload "$(size 900)"
passes "and those that are there go on" 5 5
exec 7>&-
wait "$sandbox_pid"
same "ends well" 0 $?
finish
