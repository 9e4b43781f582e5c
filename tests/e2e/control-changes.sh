#!/usr/bin/env bash
# Changes of the policy that come at once, whose asker is killed half-way, or in the middle of which the sandbox is stopped: each is in
# force as a whole or not at all, and nothing hangs. Who watches the policy's files is missed when it is killed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
generation() { "$CTL" status "$1" --format json | jq .generation; }
printf 'default egress deny\nallow@93.184.216.34:tcp:80\n' >"$WORK/p.msb"
# shellcheck disable=SC2016
work='while :; do [ "$("$0" tcp 93.184.216.34 80 5000 | cut -d" " -f1)" = connected ] && echo fine || echo failed; sleep 0.05; done'
start_sandbox one --quiet --policy "$WORK/p.msb" -- sh -c "$work" "$PROBE"
one=$sandbox_pid
wait_for 20 "$CTL" status one

# --- who asked is gone ---
for i in $(seq 30); do
	timeout -s KILL "0.00$((RANDOM % 10))" "$CTL" reload one --policy "$WORK/p.msb" --net-rule "allow@8.8.8.$i" &
	timeout -s KILL "0.0$((RANDOM % 3))$((RANDOM % 10))" "$CTL" allow one "8.8.4.$i" --for 10m &
	wait $!
done >/dev/null 2>&1
in_force() { [ "$(generation one)" = "$1" ]; }
settled() {
	local now
	now=$(generation one)
	sleep 0.2
	in_force "$now"
}
try "askers that are killed half-way leave it answering" wait_for "$(patience 20)" settled
json=$("$CTL" status one --format json)
same "each grant that is listed is in force" "$(jq '[.grants[].rule] | sort' <<<"$json")" \
	"$(jq '[.rules[] | select(.place | startswith("grant:")) | .text] | sort' <<<"$json")"
same "and the guest's namespace has as many" "$(jq '.grants | length' <<<"$json")" \
	"$(in_dns_netns nft list ruleset | grep -o '8\.8\.4\.[0-9]*' | sort -u | wc -l)"

# --- several at once ---
before=$(generation one)
asked=()
for i in 1 2 3 4; do
	"$CTL" reload one --policy "$WORK/p.msb" --net-rule "allow@1.1.1.$i" >"$WORK/told.$i" 2>&1 &
	asked+=($!)
done
answers=
for pid in "${asked[@]}"; do
	wait "$pid"
	answers+="$? "
done
same "four reloads at once are done one by one" "0 0 0 0 " "$answers"
same "each has a generation of its own" "$((before + 1)) $((before + 2)) $((before + 3)) $((before + 4))" \
	"$(cat "$WORK"/told.* | grep -oE 'policy: generation [0-9]+' | cut -d' ' -f3 | sort -n | xargs)"

# --- one that is stopped meanwhile ---
same "its traffic went on all the time" "" "$(grep failed "$WORK/one.out")"
python3 - >"$WORK/told" 2>&1 <<'EOF2' &
import json, socket
def ask(request):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(50)
    peer.connect("/run/msb/one/control")
    peer.sendall(json.dumps(request).encode() + b"\n")
    if request["command"] == "reload":
        print("sent", flush=True)
    answer = b""
    while not answer.endswith(b"\n"):
        more = peer.recv(65536)
        if not more:
            break
        answer += more
    return json.loads(answer) if answer else None
bundle = ask({"version": 1, "command": "policy"})["policy"]
text = "".join(f"deny@10.{i // 65536}.{i // 256 % 256}.{i % 256}:tcp:{i + 1}\n" for i in range(20000))
bundle["files"] = [{"name": bundle["file"], "text": text + "allow@93.184.216.34:tcp:80\n"}]
answer = ask({"version": 1, "command": "reload", "bundle": bundle})
print("nothing" if answer is None else "done" if answer["ok"] else answer["error"])
EOF2
asked=$!
wait_for 20 grep -q sent "$WORK/told"
"$CTL" stop one --kill --wait 1 >"$WORK/stopped" 2>&1
contains "stop in the middle of a reload" "$? $(cat "$WORK/stopped")" '^0 one: (stopped|killed)$'
wait "$asked"
contains "who asked for it is not left waiting" "$(tail -n 1 "$WORK/told")" '^(nothing|done|.*Connection reset.*)$'
wait "$one" 2>/dev/null
same "nothing is left" claims "$(ls /run/msb)"

# --- who watches the files is killed ---
start_sandbox two --watch --policy "$WORK/p.msb" -- sh -c "$work" "$PROBE"
two=$sandbox_pid
wait_for 20 "$CTL" status two
watcher=$(pgrep -P "$two" -x msb-watch)
kill -KILL "$watcher"
missed() { grep -q 'changes are not seen any more' "$WORK/two.err"; }
try "who watches the policy's files is missed" wait_for "$(patience 10)" missed
contains "and what to do is said" "$(cat "$WORK/two.err")" 'help: .*msb-ctl reload two'
same "the sandbox has its policy" 1 "$(generation two)"
"$CTL" stop two >/dev/null
wait "$two"
same "and ends as ever" 143 $?
same "having said it once" 1 "$(grep -c 'not seen any more' "$WORK/two.err")"
finish
