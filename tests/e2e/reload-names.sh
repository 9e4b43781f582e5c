#!/usr/bin/env bash
# A flow that a name let pass is judged by that name when another policy comes, while the name's binding holds and when it has ended.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
cat >"$WORK/guest.py" <<-'END'
	import select, socket, time
	flows = {}
	for name in ("example.com", "short.example.com"):
	    address = socket.getaddrinfo(name, 7, socket.AF_INET)[0][4]
	    flow = socket.create_connection(address, 10)
	    flow.sendall(b"x")
	    flow.recv(1)
	    flows[flow] = name
	print("ready", flush=True)
	while flows:
	    for flow in select.select(list(flows), [], [])[0]:
	        try:
	            flow.recv(1)
	        except ConnectionResetError:
	            print("reset", flows[flow], flush=True)
	        del flows[flow]
	time.sleep(600)
END
bound() { "$CTL" status names --format json | jq -r '.bindings[].name' | sort -u | paste -sd' '; }
reload() { "$CTL" reload names "${POLICY[@]}" --net-rule "$1" | grep -oE '\bended [0-9]+'; }
# judge_reloads OPTION WHAT: what moves the flows is the kernel or, where server names are judged, their relay
judge_reloads() {
	POLICY=(--net-default deny --dns-binding-minimum 0 $1)
	NAMES='allow@example.com:tcp:7,allow@short.example.com:tcp:7'
	start_sandbox names "${POLICY[@]}" --net-rule "$NAMES" -- python3 "$WORK/guest.py"
	wait_for "$(patience 20)" grep -q ready "$WORK/names.out"
	wait_for 20 sh -c "[ \"\$('$CTL' status names --format json | jq -r '.bindings[] | select(.name == \"short.example.com\") | .name')\" = '' ]"
	same "$2: of two names the one with the short TTL is not bound any more" "example.com" "$(bound)"
	same "$2: a policy that allows both names still: neither flow ends" "ended 0" "$(reload "$NAMES,allow@example.org:tcp:7")"
	same "$2: once more, of what was carried" "ended 0" "$(reload "$NAMES,allow@example.org:tcp:8")"
	same "$2: nor has one been reset" "ready" "$(cat "$WORK/names.out")"
	same "$2: one that allows the other name alone ends the one" "ended 1" "$(reload 'allow@example.com:tcp:7')"
	wait_for "$(patience 10)" grep -q reset "$WORK/names.out"
	same "$2: the name's whose binding had ended" "reset short.example.com" "$(grep reset "$WORK/names.out")"
	same "$2: one that allows neither ends the other" "ended 1" "$(reload 'allow@example.org:tcp:7')"
	wait_for "$(patience 10)" grep -q "reset example.com" "$WORK/names.out"
	contains "$2: which is reset" "$(cat "$WORK/names.out")" '^reset example.com$'
	kill "$sandbox_pid"
	wait "$sandbox_pid"
}
judge_reloads --no-server-names "the kernel's"
judge_reloads '' "the name relay's"
finish
