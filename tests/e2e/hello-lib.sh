# For the tests of server names: servers on the Internet that write down what they read (tools/hello_server.py), two names on one
# address, and a guest that says hello in some way (tools/hello_client.py). Sourced after lib.sh.
#
#	hello_world                     lib.sh's world, the servers, the names
#	enforced|plain TASK…            a sandbox whose guest does these; TASK is WAY:NAME:PORT, done in IPv4, and in IPv6 at PORT + 50.
#	                                plain: names judged by what is bound alone, so that an attack arrives
#	arrives WHAT TASK               the guest was answered, and the server has the name in plain sight, both families
#	stopped WHAT TASK               the guest was reset, and the server's application has read nothing
#	AT_ONCE=1                       before these: the tasks are done at the same time
#	served PORT                     the names that TLS was asked for
# shellcheck shell=bash disable=SC2034

GOOD=good.example EVIL=evil.example
GOOD4=93.184.216.60 GOOD6=2606:2800:220:1::60
READ=$WORK/read
RULES=(--net-default deny --net-rule "allow@dns,allow@$GOOD:tcp")
CLIENT=$TESTS/e2e/tools/hello_client.py

hello_world() {
	world_up "$GOOD. 60 IN A $GOOD4
$GOOD. 60 IN AAAA $GOOD6
$EVIL. 60 IN A $GOOD4
$EVIL. 60 IN AAAA $GOOD6"
	mkdir -p "$READ"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$WORK/key.pem" -out "$WORK/certificate.pem" \
		-subj "/CN=$GOOD" -addext "subjectAltName=DNS:$GOOD,DNS:$EVIL" -days 30 2>/dev/null
	on_internet nft insert rule inet answers prerouting iifname wan0 tcp dport 9000-9599 redirect
	on_internet python3 "$TESTS/e2e/tools/hello_server.py" "$READ" "$WORK/certificate.pem" "$WORK/key.pem" >"$WORK/server.out" 2>"$WORK/server.err" &
	wait_for 20 grep -q ready "$WORK/server.out" || cat "$WORK/server.err" >&2
	ipv6_up
}

# bind_names: what a guest does first. Both names are asked for, so that nothing hangs on which of them is bound
bind_names="for type in A AAAA; do for name in $GOOD $EVIL; do dig +short +time=2 +tries=5 \$name \$type; done; done >/dev/null;"

# tasks TASK…: as hello_client.py wants them
tasks() {
	local task way name port
	for task; do
		IFS=: read -r way name port <<<"$task"
		printf '%s %s %s %s ' "$way" "$name" "$GOOD4" "$port" "$way" "$name" "$GOOD6" $((port + 50))
	done
}

# judged OPTION… -- TASK…: one sandbox; leaves $out, $err and $status
judged() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	rm -f "$READ"/*
	run_sandbox ${AT_ONCE:+--env AT_ONCE} "${options[@]}" -- bash -c "$bind_names exec python3 $CLIENT $(tasks "$@")"
	wait_for 10 connections_ended
}
enforced() { judged "${RULES[@]}" -- "$@"; }
plain() { judged --no-server-names "${RULES[@]}" -- "$@"; }

# connections_ended: as many lines of an end as of a beginning
connections_ended() { # shellcheck disable=SC2002 # there may be none
	cat "$READ"/*.log 2>/dev/null | awk '{ n += $0 == "made" ? 1 : -1 } END { exit n != 0 }'
}

# said WAY NAME PORT: how it fared, in both families: one word where they agree
said() { awk -v way="$1" -v name="$2" -v v4="$3" -v v6=$(($3 + 50)) '$1 == way && $2 == name && ($3 == v4 || $3 == v6) {
	$1 = $2 = $3 = ""; sub(/^ +/, ""); print }' <<<"$out" | sort -u | paste -sd,; }
bytes_read() { stat -c %s "$READ/$1.read" 2>/dev/null || echo 0; }
served() { sort -u "$READ/$1.names" 2>/dev/null | paste -sd,; }

arrives() { # WHAT WAY:NAME:PORT [OUTCOME]
	local way name port
	IFS=: read -r way name port <<<"$2"
	same "$1: answered" "${3-answered}" "$(said "$way" "$name" "$port")"
	if [ "$(bytes_read "$port")" -gt 0 ] && [ "$(bytes_read "$port")" = "$(bytes_read $((port + 50)))" ]; then
		ok "$1: the server has read it, $(bytes_read "$port") bytes in each family"
	else
		not_ok "$1: the server has read it" "$(bytes_read "$port") bytes in IPv4, $(bytes_read $((port + 50))) in IPv6"
	fi
}

stopped() { # WHAT WAY:NAME:PORT [OUTCOME]
	local way name port
	IFS=: read -r way name port <<<"$2"
	same "$1: reset" "${3-reset}" "$(said "$way" "$name" "$port")"
	same "$1: the server has read nothing" "0 0" "$(bytes_read "$port") $(bytes_read $((port + 50)))"
}
