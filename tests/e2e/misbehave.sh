#!/usr/bin/env bash
# A worker that was taken over: the debug build's workers do, on demand and inside their jail, what they have no business to
# do. Each time the worker is killed or refused, and the sandbox closes. strace says by what.
. "$(dirname "$0")/lib.sh"
world_up
MISBEHAVING=$BUILD/e2e/msb-run-misbehave
RULES=(--net-default deny --net-rule 'allow@*.example.com,allow@host:udp:6000')

# misbehave ACT WORKER COMMAND: a sandbox whose guest says the word; leaves $status, $err and $trace
misbehave() {
	local worker=$2 pid
	mkfifo "$WORK/go"
	timeout 30 "$MISBEHAVING" --vmm none "${RULES[@]}" -- bash -c "read -r <$WORK/go; $3; sleep 25; echo alive" \
		>"$WORK/out" 2>"$WORK/err" </dev/null &
	local sandbox=$!
	wait_for 20 pgrep -x "$worker" && sleep 0.3
	strace -f -o "$WORK/trace" -p "$(pgrep -ox "$worker")" 2>/dev/null &
	wait_for 20 grep -q epoll "$WORK/trace"
	timeout 20 bash -c "echo go >$WORK/go"
	wait "$sandbox"
	status=$? err=$(cat "$WORK/err") out=$(cat "$WORK/out") trace=$(cat "$WORK/trace")
	rm -f "$WORK/go" "$WORK/trace"
}
ASK() { echo "dig +tries=1 +time=3 $1.example.com >/dev/null"; }
SAY() { echo "echo -n $1 >/dev/udp/172.16.0.1/6000"; }

for act in execve:execve socket:socket open:openat ptrace:ptrace execpage:mmap; do
	misbehave "${act%:*}" msb-dns "$(ASK "${act%:*}")"
	contains "DNS worker, ${act%:*}: killed for it" "$(tail -n 2 <<<"$trace" | tr '\n' ' ')" "${act#*:}\(.*killed by SIGSYS"
	same "DNS worker, ${act%:*}: the sandbox closes" "125 " "$status $out"
	contains "DNS worker, ${act%:*}: and says so" "$err" 'error: the DNS worker is gone: the sandbox is closed'
done
for act in execve:execve socket:socket open:openat; do
	misbehave "${act%:*}" msb-relay "$(SAY "${act%:*}")"
	contains "relay, ${act%:*}: killed for it" "$(tail -n 2 <<<"$trace" | tr '\n' ' ')" "${act#*:}\(.*killed by SIGSYS"
	same "relay, ${act%:*}: the sandbox closes" "125 " "$status $out"
	contains "relay, ${act%:*}: and says so" "$err" 'error: the relay is gone: the sandbox is closed'
done
HELLO() { echo "dig +short example.com >/dev/null; openssl s_client -connect 93.184.216.34:443 -servername $1 </dev/null >/dev/null 2>&1"; }
for act in execve:execve socket:socket open:openat; do
	misbehave "${act%:*}" msb-names "$(HELLO "${act%:*}")"
	contains "relay of server names, ${act%:*}: killed for it" "$(tail -n 2 <<<"$trace" | tr '\n' ' ')" "${act#*:}\(.*killed by SIGSYS"
	same "relay of server names, ${act%:*}: the sandbox closes" "125 " "$status $out"
	contains "relay of server names, ${act%:*}: and says so" "$err" 'error: the relay of server names is gone: the sandbox is closed'
done
for act in half unknownflow; do
	misbehave $act msb-names "$(HELLO $act)"
	same "relay of server names, a message that makes no sense ($act): the sandbox closes" "125 " "$status $out"
done
for act in bindname bindmeta bindgateway bindalias; do
	misbehave $act msb-dns "$(ASK $act)"
	contains "asks to bind what the policy denies ($act): refused" "$err" 'error: the DNS worker asked for a binding that the policy denies'
	same "asks to bind what the policy denies ($act): the sandbox closes" "125 " "$status $out"
done
for act in bindmany socketsmany socketsall socketsnowhere half; do
	misbehave $act msb-dns "$(ASK $act)"
	same "a message that makes no sense ($act): the sandbox closes" "125 " "$status $out"
done
finish
