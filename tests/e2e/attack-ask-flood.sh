#!/usr/bin/env bash
# A guest that asks for everything, thousands of names and flows, names that would steer a terminal among them: 64 wait, the rest is
# denied at once, nothing gets out, nothing grows, and what may pass does. usage: attack-ask-flood.sh BUILD
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl

cat >"$WORK/flood.py" <<-'END'
	import os, random, socket, struct, sys, time
	def query(number):
	    # every other one has bytes in it that a terminal would obey, or that would be a rule of their own
	    label = [b"n%d" % number, b"\x1b[2J\x07%d" % number, b"a@b,allow@any%d" % number, b"x\n%d" % number][number % 4]
	    return struct.pack(">6H", number & 0xffff, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\x04test\x00" + struct.pack(">2H", 1, 1)
	dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	dns.setblocking(False)
	flows, until, number = [], time.time() + float(sys.argv[1]), 0
	random.seed(1)
	while time.time() < until:
	    for _ in range(20):
	        number += 1
	        try:
	            dns.sendto(query(number), ("172.16.0.1", 53))
	        except OSError:
	            pass
	        flow = socket.socket(socket.AF_INET, [socket.SOCK_STREAM, socket.SOCK_DGRAM][number % 2])
	        flow.setblocking(False)
	        flow.connect_ex(("45.%d.%d.%d" % (random.randrange(256), random.randrange(256), random.randrange(1, 255)), 80))
	        if number % 2:
	            try:
	                flow.send(b"x")
	            except OSError:
	                pass
	        flows.append(flow)
	    for flow in flows[:-400]:
	        flow.close()
	    del flows[:-400]
	    time.sleep(0.005)
	print("asked", number, flush=True)
	time.sleep(600)
END
seen_reset
start_sandbox agent --ask --net-default deny --net-rule 'allow@8.8.8.8,allow@good.example.com:tcp:443' --max-connection-rate 0 \
	--events "$WORK/events" -- sh -c "python3 $WORK/flood.py 6 & while sleep 0.2; do $PROBE tcp 8.8.8.8 7 5000; done"
wait_for "$(patience 20)" "$CTL" status agent
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
supervisor=$(pgrep -nx msb-supervisor) worker=$(pgrep -nx msb-dns)
before=$(($(resident "$supervisor") + $(resident "$worker")))
asked() { "$CTL" pending agent --format json | jq '.pending | length'; }
is_full() { [ "$(asked)" = 64 ]; }
wait_for "$(patience 15)" is_full
same "64 wait" 64 "$(asked)"
most=0 slow=0
until grep -q '^asked' "$WORK/agent.out"; do
	began=${EPOCHREALTIME/./}
	now=$(asked)
	[ $((${EPOCHREALTIME/./} - began)) -lt $(($(patience 2) * 1000000)) ] || slow=$((slow + 1))
	[ "${now:-999}" -le "$most" ] || most=$now
	[ $SECONDS -lt 120 ] || break
done
contains "it asked for thousands" "$(grep '^asked' "$WORK/agent.out")" '^asked [0-9]{4,}$'
same "never do more wait" 64 "$most"
same "and they can always be read" 0 "$slow"
same "what may pass did, each time" 0 "$(grep -vc -e '^connected' -e '^asked' "$WORK/agent.out")"
grown=$(($(resident "$supervisor") + $(resident "$worker") - before))
check "nothing grows without bound: $grown KiB" "$([ "$grown" -lt 8192 ]; echo $?)"
same "elements of the packet filter neither" yes \
	"$(n=$(in_dns_netns nft list map inet msb ask_tcp4 | grep -o ' : goto' | wc -l); [ "$n" -le 1400 ] && echo yes || echo "$n")"
same "nothing but what may pass got out" "8.8.8.8 tcp" \
	"$(on_internet nft -j list set inet seen hosts4 | jq -r '.nftables[] | .set.elem // [] | .[].elem.val.concat | join(" ")' | sort -u)"

# --- what a terminal would obey ---
same "no byte of theirs reaches a terminal" 0 "$("$CTL" pending agent | LC_ALL=C grep -c '[^ -~]')"
rules() { "$CTL" pending agent --format json | jq -r '.pending[].rule'; }
same "each rule is one, as the grammar has it" 0 "$(rules | while read -r rule; do
	"$BUILD/msb-policyc" eval --net-default deny --net-rule "$rule" egress@9.9.9.9:tcp:1 >/dev/null 2>&1
	[ $? -le 1 ] || echo "$rule"
done | grep -c .)"
same "none of them takes in everything" 0 "$(rules | grep -c any)"

# --- beyond them: at once; and with room, again ---
in_guest() { nsenter --net="/proc/$(pgrep -nf "^[^ ]*python3[^ ]* .*flood.py 6\$")/ns/net" -- "$@"; }
contains "a flow more is refused at once" "$(in_guest "$PROBE" tcp 46.1.1.1 80 5000)" '^refused [0-9]{1,3} ms'
contains "a name more is denied at once" "$(in_guest "$PROBE" dns one-more.test 172.16.0.1 5000)" '^NXDOMAIN'
id=$("$CTL" pending agent --format json | jq '.pending[0].id')
"$CTL" answer agent "$id" deny --for 1h >/dev/null
same "one that is answered makes room" 63 "$(asked)"
in_guest "$PROBE" tcp 46.1.1.2 80 1500 >/dev/null
is_asked() { "$CTL" pending agent | grep -q 'egress@46\.1\.1\.2:tcp:80'; }
wait_for "$(patience 5)" is_asked
same "for the next" yes "$(is_asked && echo yes)"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
finish
