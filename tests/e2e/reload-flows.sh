#!/usr/bin/env bash
# A reload ends the established flows that the new policy denies, idle ones too, and no other: of TCP and UDP that the kernel
# forwards, of published ports and of host access. A port is open before the policy is in force, and closed behind it.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl

# --- flows of the guest's own: it says when one ends ---
cat >"$WORK/guest.py" <<-'END'
	import select, socket, sys, time
	flows = {}
	for number in range(20):
	    for address in ("8.8.8.8", "8.8.4.4"):
	        flow = socket.create_connection((address, 7), 10)
	        flow.sendall(b"x")
	        flow.recv(1)
	        flows[flow] = address
	print("ready", flush=True)
	ended = {"8.8.8.8": 0, "8.8.4.4": 0}
	while len(flows) > 20:
	    for flow in select.select(list(flows), [], [], 30)[0]:
	        try:
	            flow.recv(1)
	        except ConnectionResetError:
	            ended[flows[flow]] += 1
	        del flows[flow]
	    if not flows:
	        break
	print("ended", ended["8.8.8.8"], ended["8.8.4.4"], flush=True)
	for flow in flows:
	    flow.sendall(b"y")
	print("alive", sum(flow.recv(1) == b"y" for flow in flows), flush=True)
	time.sleep(600)
END
start_sandbox flows --net-default deny --net-rule 'allow@8.8.8.8,allow@8.8.4.4' -- python3 "$WORK/guest.py"
wait_for "$(patience 30)" grep -q ready "$WORK/flows.out"
dry=$("$CTL" reload flows --net-default deny --net-rule 'allow@8.8.4.4' --dry-run)
contains "a dry run says how many it would end" "$dry" '^closes 1 region; would end 20 established flows$'
contains "and which" "$dry" '^  egress@8\.8\.8\.8:tcp:7 \(open [0-9]+(\.[0-9]+)?m?s\)$'
out=$("$CTL" reload flows --net-default deny --net-rule 'allow@8.8.4.4')
contains "what was ended" "$out" '; ended 20 established flows$'
wait_for "$(patience 20)" grep -q alive "$WORK/flows.out"
contains "idle flows that are denied are reset" "$(cat "$WORK/flows.out")" '^ended 20 0$'
contains "the others have lost nothing" "$(cat "$WORK/flows.out")" '^alive 20$'
kill "$sandbox_pid"
wait "$sandbox_pid"

# --- published ports ---
mkdir -p "$WORK/guest" && echo "hello from the guest" >"$WORK/guest/index.html"
# lives FD, ended FD: a server that has nothing to say keeps whoever reads waiting, until the connection ends
lives() { timeout 1 cat <&"$1" >/dev/null 2>&1; [ $? = 124 ] && echo 1 || echo 0; }
ended() { timeout "$(patience 5)" cat <&"$1" >/dev/null 2>&1; [ $? != 124 ] && echo 1 || echo 0; }
page() { curl -s --max-time 5 "http://127.0.0.1:$1/"; }
start_sandbox ports -p 8080:80 --net-default allow -- \
	sh -c "busybox httpd -p 0.0.0.0:80 -h $WORK/guest; busybox httpd -p 0.0.0.0:81 -h $WORK/guest; echo ready; socat UDP-LISTEN:90,fork EXEC:cat & sleep 600"
wait_for 20 grep -q ready "$WORK/ports.out"
same "a published port" "hello from the guest" "$(page 8080)"
"$CTL" reload ports -p 8081:80 -p 8090:90/udp --net-default allow >/dev/null
same "another one, by a reload" "hello from the guest" "$(page 8081)"
same "the one before is closed" 7 "$(page 8080; echo $?)"
udp() { echo hello | timeout 5 socat -T1 - "UDP:127.0.0.1:$1" 2>/dev/null; }
same "UDP, too" hello "$(udp 8090)"
exec 8<>/dev/tcp/127.0.0.1/8081
"$CTL" reload ports -p 8081:80 -p 8090:90/udp --net-default allow >/dev/null
same "a reload that changes nothing ends no connection" 1 "$(lives 8)"
"$CTL" reload ports -p 8081:81 --net-default allow >/dev/null
same "the same port, another of the guest's" "hello from the guest" "$(page 8081)"
same "connections to the port before have ended" 1 "$(ended 8)"
exec 8>&-
same "of UDP the port is closed" "" "$(udp 8090)"
exec 9<>/dev/tcp/127.0.0.1/8081
socat TCP-LISTEN:8099,reuseaddr - >/dev/null 2>&1 & taken=$!
wait_for 5 sh -c "ss -Hltn | grep -q :8099"
out=$("$CTL" reload ports -p 8081:81 -p 8082:80 -p 8099:80 --net-default allow 2>&1)
contains "a port that is taken: the reload fails" "$? $out" 'published ports cannot be opened: .*:[0-9]+ is taken; choose another'
same "and no port of it is open" 7 "$(page 8082; echo $?)"
same "the old ones are" "hello from the guest" "$(page 8081)"
kill "$taken" 2>/dev/null
same "a reload that fails ends none, either" 1 "$(lives 9)"
"$CTL" reload ports -p 8081:81 --net-default-egress allow --net-default-ingress deny >/dev/null
same "ingress that is denied now: its flow has ended" 1 "$(ended 9)"
contains "and no other begins" "$(page 8081; echo $?)" '^(7|52|56)$'
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null

# --- UDP that the kernel forwards, and the host's services ---
cat >"$WORK/guest.py" <<-'END'
	import os, socket, sys, time
	host = [socket.create_connection((sys.argv[1], port), 10) for port in (9001, 9002)]
	for flow in host:
	    flow.setblocking(False)
	answered = {"8.8.8.8": 0, "8.8.4.4": 0}
	datagrams = {}
	for address in answered:
	    datagrams[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    datagrams[address].connect((address, 7))
	    datagrams[address].setblocking(False)
	ended = [0, 0]
	while True:
	    for address, flow in datagrams.items():
	        try:
	            flow.send(b"x")
	            time.sleep(0.05)
	            answered[address] += len(flow.recv(10))
	        except OSError:
	            pass
	    for i, flow in enumerate(host):
	        try:
	            ended[i] |= flow.recv(1) == b""
	        except BlockingIOError:
	            pass
	        except ConnectionResetError:
	            ended[i] = 1
	    with open("state.new", "w") as state:
	        print(answered["8.8.8.8"], answered["8.8.4.4"], ended[0], ended[1], file=state)
	    os.rename("state.new", "state")
END
cd "$WORK" || exit 1
for port in 9001 9002; do socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" EXEC:'sleep 600' & done
wait_for 5 sh -c "ss -Hltn | grep -q :9001 && ss -Hltn | grep -q :9002"
BOTH='allow@8.8.8.8,allow@8.8.4.4,allow@host:tcp:9001,allow@host:tcp:9002'
start_sandbox others --net-default deny --net-rule "$BOTH" --net-ipv4-address 172.16.0.2 -- python3 "$WORK/guest.py" 172.16.0.1
state() { cut -d' ' -f"$1" "$WORK/state"; }
wait_for "$(patience 20)" sh -c "read -r a b rest <'$WORK/state' && [ \$a -gt 3 ] && [ \$b -gt 3 ]"
same "the host's services are reached" "0 0" "$(state 3,4)"
contains "UDP and host access that are denied end" \
	"$("$CTL" reload others --net-default deny --net-rule 'allow@8.8.4.4,allow@host:tcp:9002' --net-ipv4-address 172.16.0.2)" '; ended 2 established flows$'
wait_for "$(patience 10)" sh -c "[ \"\$(cut -d' ' -f3 '$WORK/state')\" = 1 ]"
same "the one to the host's service, and it alone" "1 0" "$(state 3,4)"
before=$(state 1,2)
wait_for "$(patience 10)" sh -c "read -r a b rest <'$WORK/state' && [ \$b -gt $((${before#* } + 5)) ]"
same "of UDP nothing is answered any more, while the other goes on" "${before% *}" "$(state 1)"
same "the host's conntrack has forgotten it" 0 "$(grep -c 'udp.* dst=8\.8\.8\.8 ' /proc/net/nf_conntrack)"
check "and knows the other" "$(grep -q 'udp.* dst=8\.8\.4\.4 ' /proc/net/nf_conntrack; echo $?)"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
finish
