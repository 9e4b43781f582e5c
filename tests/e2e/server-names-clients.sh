#!/usr/bin/env bash
# Real clients and real servers, two names on one address: the allowed name works, byte for byte, the other is refused at
# once, and its server has read nothing.
# long
. "$(dirname "$0")/lib.sh"
. "$TESTS/e2e/real_servers.sh"
world_up "$SHARED_RECORDS"
shared_up
ipv6_up

# Each client prints what it got of https://NAME/page, on standard output
cat >"$WORK/clients" <<'END'
curl_() { curl -sS --max-time 20 --cacert "$CA" "https://$1/page"; }
curl_http1() { curl -sS --http1.1 --max-time 20 --cacert "$CA" "https://$1/page"; }
curl_ipv6() { curl -sS -6 --max-time 20 --cacert "$CA" "https://$1/page"; }
wget_() { wget -q -t1 -T20 --ca-certificate="$CA" -O- "https://$1/page"; }
git_() {
	local copy
	copy=$(mktemp -d) && GIT_SSL_CAINFO=$CA GIT_TERMINAL_PROMPT=0 git clone -q "https://$1/git/repository.git" "$copy/clone" && cat "$copy/clone/page"
}
# A server that fails by itself (HTTP 500, as apache answers where its CGI daemon cannot fork) has been reached all the same: once more
push() {
	git push -q origin "HEAD:$1" 2>"$2" && return
	cat "$2" >&2
	grep -q 'HTTP 500' "$2" && git push -q origin "HEAD:$1"
}
git_push() { # and what was sent comes back
	local copy branch=branch$RANDOM
	copy=$(mktemp -d) && export GIT_SSL_CAINFO=$CA GIT_TERMINAL_PROMPT=0 && git clone -q "https://$1/git/repository.git" "$copy/clone" &&
		cd "$copy/clone" && echo "$branch" >>page && base64 -w0 /dev/urandom | head -c 3000000 >large && git add -A &&
		git -c user.name=a -c user.email=a@example.com commit -qm "$branch" && push "$branch" "$copy/said" &&
		git clone -q --branch "$branch" "https://$1/git/repository.git" "$copy/again" && cmp large "$copy/again/large" &&
		git show HEAD^:page
}
python_() {
	python3 -c 'import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[2])
sys.stdout.buffer.write(urllib.request.urlopen(f"https://{sys.argv[1]}/page", context=context, timeout=20).read())' "$1" "$CA"
}
node_() {
	NODE_EXTRA_CA_CERTS=$CA node -e 'require("https").get(`https://${process.argv[1]}/page`, { timeout: 20000 }, answer => answer.pipe(process.stdout))
		.on("error", error => { console.error(error.message); process.exit(1) })' "$1"
}
request() { printf 'GET /page HTTP/1.0\r\nHost: %s\r\n\r\n' "$1"; }
openssl_() {
	request "$1" | timeout 20 openssl s_client -quiet -verify_return_error -verify_quiet -CAfile "$CA" -servername "$1" -connect "$1:443" |
		sed '1,/^\r$/d'
	return "${PIPESTATUS[1]}"
}
gnutls_() {
	{ request "$1"; sleep 0.5; } | timeout 20 gnutls-cli --logfile=/dev/null --x509cafile="$CA" -p 443 "$1" | sed '1,/^\r$/d'
	return "${PIPESTATUS[1]}"
}
# the server wants another key share: the client says hello twice
retry_() { curl -sS --max-time 20 --cacert "$CA" "https://$1:444/page"; }
retry_gnutls() {
	request "$1" | timeout 20 gnutls-cli --logfile=/dev/null --x509cafile="$CA" -p 444 "$1" | sed '1,/^\r$/d'
	return "${PIPESTATUS[1]}"
}
# Chrome's hello has extensions in any order, large key shares, and an ECH extension that means nothing. It drops all its
# connections when the network changes, as it does while an address of the link's is tentative
chromium_() {
	for _ in $(seq 100); do
		ip -6 address show tentative | grep -q inet6 || break
		sleep 0.1
	done
	timeout 40 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$(mktemp -d)" --disable-background-networking \
		--disable-component-update --ignore-certificate-errors-spki-list="$KEYS" "${@:2}" --dump-dom "https://$1/page" 2>/dev/null |
		sed 's/<[^>]*>//g; /^$/d'
	return "${PIPESTATUS[0]}"
}
chromium_quic() { chromium_ "$1" --enable-quic --origin-to-force-quic-on="$1:443"; }
quic_() {
	local kept
	kept=$(mktemp -d)
	gtlsclient -q --exit-on-all-streams-close --timeout=5s --handshake-timeout=5s --download="$kept" "$1" 443 "https://$1/page" && cat "$kept/page"
}
ssh_() {
	ssh -q -F none -o BatchMode=yes -o ConnectTimeout=20 -o UserKnownHostsFile="$WORK/ssh-known" -o GlobalKnownHostsFile=/dev/null \
		-i "$WORK/ssh-user" "guest@$1" cat "$WORK/pages/${1%%.*}/page"
}
mysql_() {
	timeout 20 mysql --no-defaults -h "$1" --ssl --ssl-ca="$CA" --ssl-verify-server-cert -Nse \
		"SELECT LOAD_FILE('$WORK/pages/${1%%.*}/page')" --raw --max-allowed-packet=16M | head -c -1
	return "${PIPESTATUS[0]}"
}

# tell NAME CLIENT: how it fared
tell() {
	local started=${EPOCHREALTIME/./} status digest
	digest=$("$2" "$1" 2>"$WORK/said" | sha256sum; exit "${PIPESTATUS[0]}")
	status=$?
	echo "$2 $1 $([ "$status" = 0 ] && echo worked || echo failed) ${digest%% *} $(((${EPOCHREALTIME/./} - started) / 1000)) $(tr '\n' ' ' <"$WORK/said" | head -c 200)"
}
END
HTTPS="curl_ curl_http1 curl_ipv6 wget_ git_ git_push python_ node_ openssl_ gnutls_"
RETRY="retry_ retry_gnutls" SERVER_FIRST="ssh_ mysql_"
KEYS=$(for name in good bad; do
	openssl x509 -in "$TLS/$name.crt" -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
done | paste -sd,)
export CA WORK KEYS
digest_of() { sha256sum <"$1" | cut -d' ' -f1; }
GOOD=$(digest_of "$WORK/pages/good/page") BAD=$(digest_of "$WORK/pages/bad/page") NOTHING=$(digest_of /dev/null)

# clients NAME "CLIENT…" OPTIONS…: leaves $out with a line for each
clients() {
	run_sandbox "${@:3}" -- bash -c ". $WORK/clients; cd $WORK/pages/good; getent ahosts good.shared.test >/dev/null; for client in $2; do tell $1.shared.test \$client; done"
}
worked() { # WHAT DIGEST
	local client status digest rest
	while read -r client _ status digest rest; do
		same "$1: ${client%_}" "worked $2" "$status $digest"
		[ "$status" = worked ] || { echo "$client: $rest" && tail -n 5 "$WORK/apache/error.log"; }
	done <<<"$out"
}
refused() { # WHAT: nothing was got, and not after a while
	local client status digest ms rest most
	most=$(($(patience 5) * 1000))
	while read -r client _ status digest ms rest; do
		same "$1: ${client%_} is refused" "failed $NOTHING" "$status $digest"
		check "$1: ${client%_} knows at once" $((ms > most)) "$ms ms"
	done <<<"$out"
	same "$1: the servers have read nothing" 0 "$(read_by_servers)"
}

# Without names in the rules: the clients and servers themselves
BY_ADDRESS=(--net-default deny --net-rule "allow@dns,allow@{$SHARED4,[$SHARED6]}:any:{22,443,444,3306}")
read_by_servers >/dev/null
clients good "$HTTPS $RETRY $SERVER_FIRST quic_ chromium_ chromium_quic" "${BY_ADDRESS[@]}"
worked "a rule on the address" "$GOOD"
check "what servers read is counted" $(($(read_by_servers) > 40 ? 0 : 1))
clients bad "$HTTPS $RETRY" "${BY_ADDRESS[@]}"
worked "a rule on the address, the other name" "$BAD"
clients good "quic_ chromium_quic" --net-default deny --net-rule "allow@dns,allow@{$SHARED4,[$SHARED6]}:udp:443"
worked "QUIC alone" "$GOOD"

# An allow on one of the names; the other may be looked up
ALLOW=(--net-default deny --net-rule "allow@good.shared.test:tcp:{443,444},allow@bad.shared.test:udp:53")
clients good "$HTTPS $RETRY chromium_" "${ALLOW[@]}"
worked "an allow on the name" "$GOOD"
read_by_servers >/dev/null
clients bad "$HTTPS $RETRY" "${ALLOW[@]}" --events "$WORK/events"
refused "an allow on the other name"
contains "and the line says which name" "$err" "denied egress@$SHARED4:tcp:443 .* TLS to bad.shared.test"
contains "and what would let it pass is a rule on that name" "$err" 'to allow: allow@bad.shared.test:tcp:443'
same "each is an event" "$(wc -w <<<"$HTTPS $RETRY")" \
	"$(jq -s '[.[] | select(.kind == "deny" and .sni == "bad.shared.test" and .hello == "name") | .count // 1] | add' "$WORK/events")"
contains "so msb-policyc says of the events" "$("$BUILD/msb-policyc" suggest "$WORK/events" 2>/dev/null)" 'allow@bad.shared.test:tcp:.443,444. '
run_sandbox "${ALLOW[@]}" -- bash -c "getent ahosts good.shared.test >/dev/null
	openssl s_client -servername \$'bad\e[31m\nmsb-run: allowed.test' -connect $SHARED4:443 </dev/null >/dev/null 2>&1"
contains "what a guest puts into a name stays one line" "$err" "TLS to \"bad.x1b.31m.x0amsb-run: allowed.test\""

# A deny on one of the names, before addresses are allowed: every flow waits for its name, those too whose server speaks first
echo "$SHARED4 bad.shared.test" >"$WORK/hosts" # no lookup is needed to know an address
echo "$SHARED6 bad.shared.test" >>"$WORK/hosts"
cat /etc/hosts >>"$WORK/hosts"
mount --bind "$WORK/hosts" /etc/hosts
DENY=(--net-default deny --net-rule "deny@bad.shared.test,allow@dns,allow@public")
clients good "$HTTPS $RETRY chromium_ $SERVER_FIRST" "${DENY[@]}"
worked "a deny on the other name" "$GOOD"
read_by_servers >/dev/null
clients bad "$HTTPS $RETRY" "${DENY[@]}"
refused "a deny on the name"

# QUIC hides the name: what a rule on names would judge over TCP is refused, and clients fall back
for rule in "${DENY[3]}" allow@good.shared.test; do
	run_sandbox --net-default deny --net-rule "$rule" -- bash -c ". $WORK/clients; getent ahosts good.shared.test >/dev/null
		$PROBE udp $SHARED4 443 2000; $PROBE udp $SHARED6 443 2000; tell good.shared.test quic_ >&2; tell good.shared.test chromium_ >$WORK/fell-back"
	same "QUIC, $rule: refused at once" "prohibited prohibited" "$(awk '{ print $1 }' <<<"$out" | paste -sd' ')"
	contains "QUIC, $rule: the line says why" "$err" "denied egress@.*:udp:443 .*QUIC hides the server name"
	contains "QUIC, $rule: a client that has nothing else" "$err" "^quic_ good.shared.test failed $NOTHING "
	out=$(<"$WORK/fell-back")
	worked "QUIC, $rule: a browser falls back" "$GOOD"
done
clients good "quic_ chromium_quic" --net-default deny --net-rule allow@good.shared.test:udp:443
worked "a rule for UDP alone" "$GOOD"

# A browser's hello always looks as if it hid a name, which a policy may refuse
clients good "curl_ chromium_" "${ALLOW[@]}" --deny-ech
same "ECH denied: a client without it, and one with it" "$GOOD other" \
	"$(awk -v good="$GOOD" '{ print $4 == good && /^chromium/ ? "works" : /^chromium/ ? "other" : $4 }' <<<"$out" | paste -sd' ')"
contains "ECH denied: the line says so" "$err" "denied egress@.*:tcp:443 .* TLS to good.shared.test: ECH"
finish
