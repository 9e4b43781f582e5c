# For the tests of limits of bytes over reloads: a sandbox q whose command does what it is asked, and datagrams to the Internet that are counted
# as they arrive. Sourced after lib.sh, in the world.
#
#	start_asked [LINE]              starts it by $WORK/agent.msb; LINE: what its shell does first
#	ask COMMAND                     in it; $said is what it printed, on one line
#	passes DESCRIPTION OF EXPECTED  of OF packets so many arrive
#	reload LINE…                    to a policy of these lines
#	size N                          a limit of bytes with room for N of the packets
# shellcheck shell=bash disable=SC2034

CTL=$BUILD/msb-ctl
cat >"$WORK/udp.py" <<'PY'
"""udp.py COUNT: as many datagrams, each a packet of 1,028 bytes, of one flow"""
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
on_internet nft -f - <<-NFT
	table inet tally {
		counter got {}
		chain in { type filter hook prerouting priority -300; ip daddr 93.184.216.34 udp dport 4000 counter name got drop; }
	}
NFT
mkfifo "$WORK/orders"
told=0

start_asked() {
	cat >"$WORK/agent.sh" <<-END
		${1-}
		while read -r line; do echo "\$(eval "\$line" 2>&1 | tr '\n' ' ')"; done <"$WORK/orders"
	END
	start_sandbox q --quiet --policy "$WORK/agent.msb" -- bash "$WORK/agent.sh"
	exec 7>"$WORK/orders"
	ask 'echo up'
	same "up" up "$said"
}
ask() {
	told=$((told + 1))
	echo "$1" >&7
	wait_for "$(patience 20)" line_is_there
	said=$(sed -n "${told}p" "$WORK/q.out" | sed 's/ *$//')
}
line_is_there() { [ "$(wc -l <"$WORK/q.out")" -ge "$told" ]; }
arrived() { on_internet nft -j list counter inet tally got | jq '[.nftables[].counter.packets // empty] | add'; }
passes() {
	local before
	before=$(arrived)
	ask "python3 $WORK/udp.py $2"
	same "$1" "$3" "$(($(arrived) - before))"
}
reload() {
	printf '%s\n' "$@" >"$WORK/agent.msb"
	"$CTL" reload q >"$WORK/ctl.out" 2>"$WORK/ctl.err" || not_ok "reload to $*" "$(cat "$WORK/ctl.err")"
}
size() { echo $(($1 * 1028 + 500)); }
