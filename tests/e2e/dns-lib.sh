# Nameservers of the Internet's for tests of which are asked.
# shellcheck shell=bash disable=SC2034
NET=198.51.100

# good_servers_up N…: at $NET.N each, with nothing odd about them; what they were asked is in $WORK/odd.log
good_servers_up() {
	local n
	for n; do on_internet ip address add "$NET.$n/32" dev lo; done
	on_internet nft insert rule inet answers prerouting ip daddr $NET.0/24 accept
	on_internet python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/odd.log" $(printf "$NET.%s=good " "$@") &
	for n; do wait_for 20 dig +short +tries=1 +time=1 "@$NET.$n" example.com; done
}
