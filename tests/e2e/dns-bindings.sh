#!/usr/bin/env bash
# Clients that keep an address past its TTL: apt fetches a second file, curl and the JVM cache for longer than told. What a
# name was answered holds for a minute at least, all answers of it together; a negative answer ends them.
. "$(dirname "$0")/lib.sh"
world_up
on_internet ip address add 198.51.100.1/32 dev lo
on_internet nft insert rule inet answers prerouting ip daddr 198.51.100.0/24 accept
on_internet python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/odd.log" 198.51.100.1=rotates &
wait_for 20 dig +short +tries=1 +time=1 @198.51.100.1 example.com
RULES=(--net-default deny --net-rule 'allow@*.example.com:tcp:80')

# inside NAME EXPECTED ARG… -- SCRIPT: what the script prints, on one line
inside() {
	local name=$1 expected=$2 args=()
	shift 2
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	run_sandbox "${RULES[@]}" "${args[@]}" -- bash -c "probe() { $PROBE tcp \"\$1\" 80 | cut -d' ' -f1; }
		address() { dig +short +tries=1 +time=9 \"\$@\"; }; $2"
	same "$name" "$expected" "$(tr '\n' ' ' <<<"$out" | sed 's/ *$//')"
}

cat >"$WORK/two_files.py" <<-'END'
	import http.client, socket, time
	address = socket.getaddrinfo("short.example.com", 80, socket.AF_INET)[0][4][0]
	for wait in (0, 3.5):
	    time.sleep(wait)
	    connection = http.client.HTTPConnection(address, timeout=5)
	    try:
	        connection.request("GET", "/index.html")
	        print(connection.getresponse().read().decode().strip())
	    except OSError as error:
	        print(error.strerror)
END
run_sandbox "${RULES[@]}" -- python3 "$WORK/two_files.py"
same "a second file from a server with TTL 2" "hello from the Internet|hello from the Internet|" "$(tr '\n' '|' <<<"$out")"
run_sandbox "${RULES[@]}" --dns-binding-minimum 0 -- python3 "$WORK/two_files.py"
same "not where the TTL is all that counts" "hello from the Internet|Connection refused|" "$(tr '\n' '|' <<<"$out")"
contains "the denial names what it was looked up by, and when that ended" "$err" \
	'denied egress@93\.184\.216\.37:tcp:80 .*  short\.example\.com, whose binding ended [12] s ago'
printf 'default egress deny\nallow@*.example.com:tcp:80\ndns binding-minimum 3s\n' >"$WORK/three.msb"
run_sandbox --policy "$WORK/three.msb" --events "$WORK/events" -- bash -c "dig +short short.example.com; sleep 2.2
	$PROBE tcp 93.184.216.37 80; sleep 1.5; $PROBE tcp 93.184.216.37 80"
same "as long as the policy says" "93.184.216.37 connected refused" "$(cut -d' ' -f1 <<<"$out" | tr '\n' ' ' | sed 's/ $//')"
same "and the event has both" "short.example.com true" "$(jq -r 'select(.kind == "deny") | .name + " " +
	(.binding_ended < .time | tostring)' "$WORK/events" | head -n1)"
inside "the guest is told the TTL as it is" "2" -- 'dig short.example.com +noall +answer | awk "{ print \$2 }"'

ROTATES=(--dns-nameserver 198.51.100.1)
inside "answers that rotate add up" "yes connected connected connected" "${ROTATES[@]}" -- '
	first=$(address r.example.com); sleep 1.1; second=$(address r.example.com); sleep 1.1; third=$(address r.example.com)
	[ $first != $second ] && [ $second != $third ] && echo yes; probe $first; probe $second; probe $third'
inside "a negative answer ends them" "connected NXDOMAIN refused" "${ROTATES[@]}" -- '
	first=$(address gone.example.com); probe $first; sleep 1.1
	dig gone.example.com | grep -oE "NXDOMAIN"; probe $first'
inside "an address that is answered again holds anew" "connected" --dns-binding-minimum 3s -- '
	for i in 1 2 3; do address short.example.com >/dev/null; sleep 1.3; done; probe 93.184.216.37'
finish
