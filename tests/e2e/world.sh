#!/usr/bin/env bash
# The make-believe Internet itself: that it answers everywhere, counts what arrives and closes port 81. Without
# this, a test that sees nothing arrive would prove nothing.
. "$(dirname "$0")/lib.sh"
world_up

for address in 93.184.216.34 10.0.0.5 192.168.1.20 169.254.169.254 2606:2800:220:1::34 fd00:ec2::254; do
	try "web server on $address" "$PROBE" tcp "$address" 443
	try "TCP port 22 of $address" "$PROBE" tcp "$address" 22
	try "UDP port 123 of $address" "$PROBE" udp "$address" 123
done
same "a page" "hello from the Internet" "$(busybox wget -qO- http://93.184.216.34/)"
same "a page by name" "hello from the Internet" "$(busybox wget -qO- http://example.com/)"
same "port 81 is closed" "refused" "$("$PROBE" tcp 93.184.216.34 81 | cut -d' ' -f1)"
same "any resolver answers" "151.101.0.223" "$(dig +short @8.8.8.8 pypi.org | sort | head -n 1)"
same "over IPv6 too" "10.0.0.5" "$(dig +short @2001:4860:4860::8888 rebind.pythonhosted.org)"
same "CNAMEs are followed" "146.75.116.223" "$(dig +short @1.1.1.1 files.pythonhosted.org | tail -n 1)"
same "unknown names are unknown" "NXDOMAIN" "$("$PROBE" dns nowhere.invalid 1.1.1.1 | cut -d' ' -f1)"

seen_reset
same "nothing counted at first" 0 "$(seen 198.51.100.9 udp 77)"
"$PROBE" udp 198.51.100.9 77 >/dev/null
same "one datagram counted" 1 "$(seen 198.51.100.9 udp 77)"
same "by address alone" 1 "$(seen 198.51.100.9)"
"$PROBE" burst-udp 2606:4700::1111 77 300 >/dev/null 2>&1
same "300 datagrams counted" 300 "$(seen 2606:4700::1111 udp 77)"

dns_records "new.example.com. 60 IN A 93.184.216.99"
same "records can be added" "93.184.216.99" "$(dig +short @1.1.1.1 new.example.com)"
leftovers_mark
ip link add left0 type veth peer name left1
contains "what is left is seen" "$(leftovers)" left0
finish
