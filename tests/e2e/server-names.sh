#!/usr/bin/env bash
# Server names are enforced on the wire: two names on one address, of which one is allowed; what a refused one sent never reaches the
# server's application. No TLS, and no name, is judged by the binding; servers that speak first are heard. Both families, and the
# host's own services. When the relay's worker dies the sandbox closes. `--no-server-names` leaves names unjudged.
. "$(dirname "$0")/lib.sh"
world_up
TOOLS=$TESTS/e2e/tools
GOOD4=93.184.216.34 GOOD6=2606:2800:220:1::34 # example.com

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
	-keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
on_internet nft insert rule inet answers prerouting iifname wan0 tcp dport '{ 8443, 2222 }' redirect
on_internet python3 "$TOOLS/tls_server.py" "$WORK" 8443 tls "$WORK/tls.log" >"$WORK/tls.ready" &
on_internet python3 "$TOOLS/tls_server.py" "$WORK" 2222 plain "$WORK/plain.log" >"$WORK/plain.ready" &
python3 "$TOOLS/tls_server.py" "$WORK" 8443 tls "$WORK/host.log" 127.0.0.1 >"$WORK/host.ready" &
for ready in tls plain host; do wait_for 20 grep -q ready "$WORK/$ready.ready"; done
ipv6_up

CLIENT="python3 $TOOLS/tls_client.py"

# sandbox RULES FLOWS…: each FLOWS is a client's arguments; what each printed is a line of $out
sandbox() {
	local script="dig +short example.com A >/dev/null; dig +short example.com AAAA >/dev/null; dig +short host.microsandbox.internal A >/dev/null;" flow
	local -a options
	read -ra options <<<"$1"
	shift
	for flow; do script+=" $CLIENT $flow;"; done
	for flow in tls plain host; do : >"$WORK/$flow.log"; done
	run_sandbox "${options[@]}" -- sh -c "$script"
	lines=$(tr '\n' '|' <<<"$out")
}
# reached LOG: what the server had, sorted, when as many connections are over as the second argument says
reached() {
	wait_for 10 sh -c "[ \$(wc -l <$WORK/$1.log) -ge $2 ]"
	sed -E 's/ [1-9][0-9]* / some /' "$WORK/$1.log" 2>/dev/null | sort | tr '\n' '|'
}

NAMED="--net-default deny --net-rule allow@example.com:tcp:{8443,2222}"
sandbox "$NAMED" "$GOOD4 8443 tls example.com" "$GOOD4 8443 tls evil.example.net" "$GOOD4 8443 tls EXAMPLE.com" "$GOOD4 8443 tls" \
	"$GOOD4 2222 listen" "$GOOD4 2222 plain" "93.184.216.99 8443 tls example.com"
same "an allow on a name: that name, no name, no TLS; not another on its address, nor it elsewhere" \
	"hello example.com|reset|hello EXAMPLE.com|hello none|ready echo|ready echo|refused|" "$lines"
same "of the other name the server's application has read nothing" "tls 0 -|tls some EXAMPLE.com|tls some example.com|tls some none|" "$(reached tls 4)"
contains "the denial says which name was sent" "$err" "denied egress@$GOOD4:tcp:8443 .*default egress deny.*TLS to evil.example.net"

sandbox "$NAMED" "$GOOD6 8443 tls example.com" "$GOOD6 8443 tls evil.example.net" "$GOOD6 2222 listen"
same "the same over IPv6" "hello example.com|reset|ready echo|" "$lines"
same "and there, too, nothing reached it" "tls 0 -|tls some example.com|" "$(reached tls 2)"

DENIED="--net-default deny --net-rule deny@*.example.net,allow@dns,allow@public"
sandbox "$DENIED" "$GOOD4 8443 tls evil.example.net" "$GOOD4 8443 tls example.org" "$GOOD6 8443 tls evil.example.net" \
	"$GOOD4 2222 listen" "$GOOD6 2222 listen" "$GOOD4 8443 tls" "$GOOD4 81 plain"
same "a deny on a name: that name wherever it is; servers that speak first are heard" \
	"reset|hello example.org|reset|ready echo|ready echo|hello none|reset|" "$lines"
same "nothing of the denied ones reached the server" "tls 0 -|tls 0 -|tls some example.org|tls some none|" "$(reached tls 4)"
contains "the denial says by which rule" "$err" 'deny@\*\.example\.net.*TLS to evil.example.net'

sandbox "--net-default deny --net-rule allow@host.microsandbox.internal:tcp:8443" "host.microsandbox.internal 8443 tls host.microsandbox.internal" \
	"host.microsandbox.internal 8443 tls evil.example.net"
same "the host's services by their name" "hello host.microsandbox.internal|reset|" "$lines"
same "and nothing by another" "tls 0 -|tls some host.microsandbox.internal|" "$(reached host 2)"

printf 'default egress deny\nallow@example.com:tcp:8443 log\ndeny@*.example.net:tcp log\nallow@public log\n' >"$WORK/log.msb"
sandbox "--policy $WORK/log.msb" "$GOOD4 8443 tls example.com" "$GOOD4 8443 tls example.org" "$GOOD4 2222 listen"
same "rules with \`log\`: what the relay lets pass" "hello example.com|hello example.org|ready echo|" "$lines"
contains "is reported with the name and its rule" "$err" "allowed egress@$GOOD4:tcp:8443 .*allow@example.com:tcp:8443 .*TLS to example.com"
contains "another with the rule that it comes to" "$err" "allowed egress@$GOOD4:tcp:8443 .*allow@public .*TLS to example.org"
contains "and what has none" "$err" "allowed egress@$GOOD4:tcp:2222 .*allow@public "
sandbox "$NAMED --no-server-names" "$GOOD4 8443 tls example.com" "$GOOD4 8443 tls evil.example.net"
same "--no-server-names: by the binding alone" "hello example.com|hello evil.example.net|" "$lines"

# a worker that says of the name `lie` that it was example.com (tools/misbehave): what it does with a flow of its own
: >"$WORK/tls.log"
read -ra options <<<"$NAMED"
timeout 60 "$BUILD/e2e/msb-run-misbehave" --vmm none "${options[@]}" -- sh -c "dig +short example.com >/dev/null
	for name in lie evil.example.net example.com; do $CLIENT $GOOD4 8443 tls \$name; done" >"$WORK/out" 2>"$WORK/err" </dev/null
same "a worker that lies about one flow's name gets that one through, and no other" "hello lie|reset|hello example.com|" "$(tr '\n' '|' <"$WORK/out")"
same "of which the server has read nothing" "tls 0 -|tls some example.com|tls some lie|" "$(reached tls 3)"

read -ra options <<<"$NAMED"
start_sandbox judged "${options[@]}" -- sleep 60
wait_for 20 pgrep -x msb-names
kill -9 "$(pgrep -nx msb-names)"
wait "$sandbox_pid"
same "the worker dies: the sandbox closes" 125 $?
contains "and says so" "$(cat "$WORK/judged.err")" 'error: the relay of server names is gone: the sandbox is closed'
for unjudged in "--net-default deny --net-rule allow@public" "$NAMED --no-server-names"; do
	read -ra options <<<"$unjudged"
	start_sandbox unjudged "${options[@]}" -- sleep 60
	wait_for 20 pgrep -x msb-relay
	wait_for 20 pgrep -x sleep
	same "no name decides ($unjudged): nothing relays" "" "$(pgrep -x msb-names)"
	kill "$sandbox_pid"
	wait "$sandbox_pid"
done
finish
