#!/usr/bin/env bash
# A limit of bytes of a rule on names: the name relay's flows are counted by the rule that their server name comes to, on one address
# with others that no limit is for; used up, that name is refused, others are not, and its flows end. Both families.
. "$(dirname "$0")/lib.sh"
world_up
GOOD4=93.184.216.34 GOOD6=2606:2800:220:1::34 # example.com

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
	-keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
on_internet nft insert rule inet answers prerouting iifname wan0 tcp dport 8443 redirect
cat >"$WORK/discard.py" <<'PY'
"""Takes whatever is sent over TLS, and says nothing."""
import socket
import socketserver
import ssl
import sys


class Discard(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            with CONTEXT.wrap_socket(self.request, server_side=True) as peer:
                while peer.recv(65536):
                    pass
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    address_family, daemon_threads, allow_reuse_address = socket.AF_INET6, True, True


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
with Server(("::", 8443), Discard) as server:
    print("ready", flush=True)
    server.serve_forever()
PY
on_internet python3 "$WORK/discard.py" "$WORK" >"$WORK/tls.ready" &
wait_for 20 grep -q ready "$WORK/tls.ready"
ipv6_up

# send.py ADDRESS NAME BYTES: as many over TLS; what becomes of an idle connection of that name, then
cat >"$WORK/send.py" <<'PY'
import socket
import ssl
import sys

context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


def connect():
    return context.wrap_socket(socket.create_connection((sys.argv[1], 8443), 10), server_hostname=sys.argv[2])


def settled(size):
    try:
        idle = connect()
    except OSError:
        return "refused"
    try:
        busy = connect()
        while size > 0:
            size -= busy.send(bytes(min(size, 16384)))
        idle.settimeout(1)
    except OSError:
        idle.settimeout(10)
    try:
        return "data" if idle.recv(1) else "ended"
    except TimeoutError:
        return "stays"
    except OSError:
        return "ended"


print(settled(int(sys.argv[3])))
PY
SEND="python3 $WORK/send.py"
# sandbox FLOW…: each a client's arguments, one after the other
sandbox() {
	local script="dig +short example.com A >/dev/null; dig +short example.com AAAA >/dev/null;" flow
	for flow; do script+=" $SEND $flow;"; done
	rm -f "$WORK/events"
	run_sandbox --policy "$WORK/agent.msb" --events "$WORK/events" -- sh -c "$script"
	lines=$(tr '\n' '|' <<<"$out")
}
told() { jq -s "[.[] | select(.kind == \"quota\" and (.place | test(\"agent.msb:$1\$\")))] | length > 0" "$WORK/events"; }

printf 'default egress deny\nallow@example.com:tcp:8443 bytes 300K\nallow@dns\nallow@public\n' >"$WORK/agent.msb"
for to in "$GOOD4" "$GOOD6"; do
	sandbox "$to example.com 100000" "$to example.org 2000000" "$to example.com 2000000" "$to example.com 1000" "$to example.org 100000"
	same "$to: one name of an address is used up, another is not" "stays|stays|ended|refused|stays|" "$lines"
	same "$to: events name its rule" true "$(told 2)"
	same "$to: one line says it" 1 "$(grep -c 'all of `bytes 300K` of allow@example.com:tcp:8443 is used up' <<<"$err")"
done

# What passed, both ways: all but the handshakes, of four connections, is counted, and never more than the limit passes
on_internet nft -f - <<-NFT
	table inet tally {
		counter both {}
		chain in { type filter hook prerouting priority -300; tcp dport 8443 counter name both; }
		chain out { type filter hook postrouting priority 300; tcp sport 8443 counter name both; }
	}
NFT
sandbox "$GOOD4 example.com 100000" "$GOOD4 example.com 2000000"
passed=$(on_internet nft -j list counter inet tally both | jq '[.nftables[].counter.bytes // empty] | add')
same "used up" "stays|ended|" "$lines"
if [ "$passed" -gt 120000 ] && [ "$passed" -le $((307200 + 4 * 400)) ]; then ok "of 307200 bytes $passed passed"; else not_ok "of 307200 bytes no more passes" "$passed"; fi

# The other way round: the name is free, all else on its address is bounded
printf 'default egress deny\nallow@example.com:tcp:8443\nallow@dns\nallow@public:tcp:8443 bytes 300K\n' >"$WORK/agent.msb"
sandbox "$GOOD4 example.com 2000000" "$GOOD4 example.org 2000000" "$GOOD4 example.org 1000" "$GOOD4 example.com 2000000" "8.8.4.4 example.net 1000"
same "a rule on addresses behind a name that is free" "stays|ended|refused|stays|refused|" "$lines"

# Behind a denial of names all waits for its name
printf 'default egress deny\ndeny@*.example.net\nallow@dns\nallow@public:tcp:8443 bytes 300K\n' >"$WORK/agent.msb"
sandbox "8.8.8.8 evil.example.net 1000" "8.8.8.8 example.org 2000000" "8.8.4.4 example.org 1000"
same "behind a denial of names" "refused|ended|refused|" "$lines"
same "events name it" true "$(told 4)"
finish
