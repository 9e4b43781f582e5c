#!/usr/bin/env bash
# Real clients and real servers, two names on one address: what a rule lets pass works, byte for byte.
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
# its key share is not the one the server wants: it says hello twice, with a change_cipher_spec between or none
retry_() { curl -sS --max-time 20 --cacert "$CA" "https://$1:444/page"; }
retry_gnutls() {
	request "$1" | timeout 20 gnutls-cli --logfile=/dev/null --x509cafile="$CA" -p 444 "$1" | sed '1,/^\r$/d'
	return "${PIPESTATUS[1]}"
}
# Chrome's hello has extensions in any order, large key shares, and an ECH extension that means nothing
chromium_() {
	timeout 40 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$(mktemp -d)" --disable-background-networking \
		--disable-component-update --ignore-certificate-errors-spki-list="$KEYS" "${@:2}" --dump-dom "https://$1/page" 2>/dev/null |
		sed 's/<[^>]*>//g; /^$/d'
	return "${PIPESTATUS[0]}"
}
chromium_quic() { chromium_ "$1" --enable-quic --origin-to-force-quic-on="$1:443"; }
quic_() {
	local kept
	kept=$(mktemp -d)
	gtlsclient -q --exit-on-all-streams-close --timeout=20s --handshake-timeout=20s --download="$kept" "$1" 443 "https://$1/page" && cat "$kept/page"
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
HTTPS="curl_ curl_http1 curl_ipv6 wget_ git_ python_ node_ openssl_ gnutls_"
RETRY="retry_ retry_gnutls" SERVER_FIRST="ssh_ mysql_"
KEYS=$(for name in good bad; do
	openssl x509 -in "$TLS/$name.crt" -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
done | paste -sd,)
export CA WORK KEYS
digest_of() { sha256sum <"$1" | cut -d' ' -f1; }
GOOD=$(digest_of "$WORK/pages/good/page") BAD=$(digest_of "$WORK/pages/bad/page") NOTHING=$(digest_of /dev/null)

# clients NAME "CLIENT…" OPTIONS…: leaves $out with a line for each
clients() {
	run_sandbox "${@:3}" -- bash -c ". $WORK/clients; cd $WORK/pages/good; for client in $2; do tell $1.shared.test \$client; done"
}
worked() { # WHAT DIGEST
	local client status digest rest
	while read -r client _ status digest rest; do
		same "$1: ${client%_}" "worked $2" "$status $digest"
		[ "$status" = worked ] || echo "$client: $rest"
	done <<<"$out"
}
refused() { # WHAT: nothing was got, and not after a while
	local client status digest ms rest most
	most=$(($(patience 10) * 1000))
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
clients bad "$HTTPS" "${BY_ADDRESS[@]}"
worked "a rule on the address, the other name" "$BAD"
clients good "quic_ chromium_quic" --net-default deny --net-rule "allow@dns,allow@{$SHARED4,[$SHARED6]}:udp:443"
worked "QUIC alone" "$GOOD"
finish
