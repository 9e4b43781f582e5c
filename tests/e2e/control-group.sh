#!/usr/bin/env bash
# A member of --control-group may change the policy, and no more: floors hold whatever bundle is sent, no file is read, root is never
# kept out, and no byte of a bundle or a rule steers a terminal, a log, a ruleset or a scrape.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
grep -v '^ann:' /etc/passwd >"$WORK/passwd" && echo 'ann:x:4001:4001::/:/bin/sh' >>"$WORK/passwd" && mount --bind "$WORK/passwd" /etc/passwd
grep -v '^box:' /etc/group >"$WORK/group" && echo 'box:x:4002:' >>"$WORK/group" && mount --bind "$WORK/group" /etc/group
printf 'default egress deny\nallow@public\nallow@dns\nallow@10.0.0.0/8\n' >"$WORK/p.msb"
printf 'deny@10.0.0.0/8 because "the company network"\n' >"$WORK/floor.msb"
# shellcheck disable=SC2016
start_sandbox two --control-group box --policy "$WORK/p.msb" --floor "$WORK/floor.msb" --events "$WORK/events" -- sh -c '
	while :; do
		[ "$($0 tcp 93.184.216.34 80 5000 | cut -d" " -f1)" = connected ] && echo fine || echo failed
		[ "$($0 tcp 10.0.0.5 80 5000 | cut -d" " -f1)" = connected ] && echo escaped
		sleep 0.1
	done' "$PROBE"
two=$sandbox_pid
wait_for 20 "$CTL" status two || cat "$WORK/two.err"
as_ann() { timeout 60 setpriv --reuid 4001 --regid 4001 --groups 4002 "$@"; }
fine() { grep -c fine "$WORK/two.out"; }
more_than() { [ "$(fine)" -gt "$1" ]; }

# --- what a member can do to files ---
same "a member lists no sandboxes, makes nothing, and removes nothing" "no no no no" "$(as_ann sh -c '
	ls /run/msb 2>/dev/null && printf "yes " || printf "no "
	ln -s /etc /run/msb/two/x 2>/dev/null && printf "yes " || printf "no "
	mkdir /run/msb/three 2>/dev/null && printf "yes " || printf "no "
	rm -f /run/msb/two/control 2>/dev/null && printf yes || printf no')"
chmod 777 /run/msb/two /run/msb/two/control
contains "root of a user namespace of a stranger's is a stranger" \
	"$(timeout 10 setpriv --reuid 4001 --regid 4001 --clear-groups unshare --user --map-root-user socat -t 5 - UNIX-CONNECT:/run/msb/two/control)" 'not permitted'
chmod 710 /run/msb/two && chmod 660 /run/msb/two/control

# --- root gets in, whoever else is there ---
cat >"$WORK/hold.py" <<-'EOF2'
	import socket, time
	peers = []
	until = time.time() + 30
	while time.time() < until:
	    for peer in peers[:]:
	        try:
	            if not peer.recv(4096, socket.MSG_DONTWAIT):
	                peers.remove(peer)
	        except BlockingIOError:
	            pass
	        except OSError:
	            peers.remove(peer)
	    while len(peers) < 60:
	        peer = socket.socket(socket.AF_UNIX)
	        peer.settimeout(5)
	        peer.connect("/run/msb/two/control")
	        peers.append(peer)
	    print("held", flush=True)
	    time.sleep(0.01)
EOF2
timeout 60 setpriv --reuid 4001 --regid 4001 --groups 4002 /usr/bin/python3 "$WORK/hold.py" >"$WORK/held" 2>&1 &
holder=$!
wait_for 20 grep -q held "$WORK/held"
for i in 1 2 3 4 5 6 7 8; do "$CTL" status two >/dev/null 2>"$WORK/err" && echo yes || cat "$WORK/err"; done >"$WORK/root"
same "root is answered while a member holds all the places it gets" 8 "$(grep -c yes "$WORK/root")"
contains "the member itself is told" "$(as_ann socat -t 5 - UNIX-CONNECT:/run/msb/two/control </dev/null)" '"error":"busy"'
kill "$holder"
wait "$holder" 2>/dev/null

# --- bundles and rules ---
cat >"$WORK/hostile.py" <<-'EOF2'
	import copy, json, socket, time
	def ask(request, raw=None):
	    answer = ask_once(request, raw)
	    while answer.get("error") == "busy": # those of before are being closed
	        time.sleep(0.05)
	        answer = ask_once(request, raw)
	    return answer
	def ask_once(request, raw):
	    peer = socket.socket(socket.AF_UNIX)
	    peer.settimeout(50)
	    peer.connect("/run/msb/two/control")
	    try:
	        peer.sendall(raw or json.dumps(request).encode() + b"\n")
	    except OSError:
	        pass # it had enough
	    answer = b""
	    while not answer.endswith(b"\n"):
	        more = peer.recv(65536)
	        if not more:
	            break
	        answer += more
	    return json.loads(answer) if answer else {}
	def told(what, answer):
	    print(what, "|", "ok" if answer.get("ok") else answer.get("error", "closed"), flush=True)
	running = ask({"version": 1, "command": "policy"})["policy"]
	EVIL = "\x1b]0;owned\x07\u009b31m\u202e\"; } table inet x { \n# HELP x y\r.msb"
	def bundle(text, name="a.msb", **more):
	    new = copy.deepcopy(running)
	    new.update(file=name, files=[{"name": name, "text": text}], floors=[], grants=[],
	               options=[["policy", name], ["today", "2026-11-29"]])
	    new.update(more)
	    return new
	def reload(what, new):
	    told(what, ask({"version": 1, "command": "reload", "bundle": new}))
	def raw(what, line):
	    told(what, ask(None, line))
	head = b'{"version":1,"command":"reload","bundle":'
	raw("deep", head + b"[" * 100000 + b"\n")
	raw("deep objects", head + b'{"a":' * 100000 + b"\n")
	raw("NUL", head + b'"\\u0000"}\n')
	raw("no UTF-8", head + b'"\xff\xfe"}\n')
	raw("16 MiB", head + b'"' + b"x" * (16 << 20) + b'"}\n')
	raw("many parts", head + b"[" + b"0," * (5 << 20) + b"0]}\n")
	reload("a file", bundle('include "/etc/shadow"\n'))
	reload("a cycle", bundle('include "a.msb"\n'))
	reload("a file above", bundle('include "../../../etc/passwd"\n'))
	reload("many files", bundle("".join(f'include "f{i}.msb"\n' for i in range(5000)),
	       files=[{"name": "a.msb", "text": "".join(f'include "f{i}.msb"\n' for i in range(5000))}] +
	             [{"name": f"f{i}.msb", "text": "deny@meta\n"} for i in range(5000)]))
	reload("groups", bundle("group g0 = 1.1.1.1\n" + "".join(f"group g{i} = g{i-1}, g{i-1}\n" for i in range(1, 64)) + "allow@g63\n"))
	reload("a list where an object is wanted", [])
	reload("a pool", bundle("allow@public\n", options=[["policy", "a.msb"], ["ipv4-pool", "10.0.0.0/8"]]))
	reload("words for terminals", bundle("bog\x1b]0;owned\x07us\n"))
	for rule in ("allow@1.1.1.1\ndeny@any", "allow@1.1.1.1 # \x1b[31m", "allow@1.1.1.1 because \"\x07\"", "", "x" * 60000,
	             "include \"/etc/shadow\"", "default egress allow", "allow@" + ".".join(["a" * 63] * 5)):
	    told("rule", ask({"version": 1, "command": "grant", "rule": rule, "for_ms": 60000}))
	for for_ms in (0, -1, 1 << 62, 1.5, "1", None, True, [60000]):
	    told("time", ask({"version": 1, "command": "grant", "rule": "allow@1.1.1.1", "for_ms": for_ms}))
	for number in (0, -1, 1 << 40, "1", None):
	    told("id", ask({"version": 1, "command": "revoke", "id": number}))
	told("a rule the floor denies", ask({"version": 1, "command": "grant", "rule": "allow@10.0.0.5:tcp:80", "for_ms": 60000}))
	reload("floors dropped", bundle("default egress allow\ndeny@9.9.9.1\n"))
	reload("a name", bundle("default egress deny\nallow@public\ndeny@10.0.0.0/8 because \"x]}\"\n", name=EVIL))
EOF2
as_ann /usr/bin/python3 "$WORK/hostile.py" >"$WORK/told" 2>&1
told=$(cat "$WORK/told")
for what in deep "deep objects" NUL "no UTF-8" "many parts" "a file" "a cycle" "a file above" "many files" groups "a list where an object is wanted" "words for terminals" rule time id; do
	contains "refused: $what" "$told" "^$what \\|"
	lacks "every time: $what" "$told" "^$what \\| ok"
done
lacks "no file's text is in an answer" "$told" 'root:'
contains "a file's name of any bytes" "$told" '^a name \\| ok'
contains "with floors left out it is in force" "$told" '^floors dropped \| ok'
same "nothing that the floor denies has passed" "" "$(grep escaped "$WORK/two.out")$(seen 10.0.0.5 | grep -v '^0$')"
"$CTL" explain two egress@10.0.0.5:tcp:80 >"$WORK/explained" 2>&1
contains "and explain says so" "$(cat "$WORK/explained")" 'DENY'

# --- what a bundle and the guest can write into ---
sinks() {
	"$CTL" status two
	"$CTL" ps
	"$CTL" events two
	"$CTL" stats two
	"$CTL" explain two egress@10.0.0.5:tcp:80
	"$CTL" stats --format prometheus
	"$CTL" status two --format json
	"$CTL" events two --format json
	in_dns_netns nft list ruleset
	cat "$WORK/events" "$WORK/two.err"
} 2>&1
"$CTL" events two >/dev/null
sinks >"$WORK/sinks"
lacks "no control character is in anything that is shown" "$(tr -d '\n\t' <"$WORK/sinks")" '[[:cntrl:]]'
lacks "nor one that turns text round, nor one of C1" "$(cat "$WORK/sinks")" $'\u202e|\u009b|\u0085'
lacks "nor a line of its own" "$(cat "$WORK/sinks")" '^# HELP x'
try "promtool finds nothing" sh -c "'$CTL' stats --format prometheus | promtool check metrics"
lacks "nor a table" "$(in_dns_netns nft list tables)" ' x$'
before=$(fine)
try "and the sandbox's traffic goes on" wait_for "$(patience 20)" more_than "$((before + 3))"
same "none of it failed" "" "$(grep failed "$WORK/two.out")"
"$CTL" stop two --kill --wait 2 >/dev/null
wait "$two"
same "nothing is left" claims "$(ls /run/msb)"
finish
