#!/usr/bin/env bash
# A guest that has its address by DHCP keeps it: at T1 it asks the server itself, at T2 all servers, both times from its own
# address. Neither is a flow that the policy judges.
# long
. "$(dirname "$0")/lib.sh"
world_up
TOOLS=$(dirname "$0")/tools

start_sandbox leased --net-default deny -- bash -c "read -r _ <$WORK/go
	python3 $TOOLS/dhcp_client.py eth0 172.16.0.2 172.16.0.1 120 renew rebind renew solicit6 request6 renew6 rebind6; echo done; exec sleep 600"
mkfifo "$WORK/go"
wait_for 20 in_dns_netns ip link show br0
in_dns_netns dnsmasq --conf-file=/dev/null --keep-in-foreground --pid-file --port=0 --interface=br0 --except-interface=lo \
	--bind-interfaces --leasefile-ro --no-ping --dhcp-authoritative --log-facility=- --user=root \
	--dhcp-host="02:6d:ac:10:00:02,172.16.0.2,[fd42:6d73:62::2],1h" --dhcp-range=172.16.0.2,static,255.255.255.252,1h \
	--dhcp-range=fd42:6d73:62::2,static,64,1h --enable-ra 2>"$WORK/dnsmasq.err" &
wait_for 20 in_dns_netns sh -c 'ss -lun | grep -q :67'
echo >"$WORK/go"
wait_for 30 grep -q done "$WORK/leased.out"
same "T1: the server answers the guest's own address" "ack 120" "$(sed -n 's/^renew //p' "$WORK/leased.out" | head -n 1)"
same "T2: and a broadcast from it" "ack 120" "$(sed -n 's/^rebind //p' "$WORK/leased.out")"
same "DHCPv6, T1 and T2" "7 fd42:6d73:62::2 3600 7 fd42:6d73:62::2 3600" \
	"$(sed -nE 's/^(renew6|rebind6) //p' "$WORK/leased.out" | tr '\n' ' ' | sed 's/ $//')"
same "none of them is judged" "" "$(grep denied "$WORK/leased.err")"
kill "$sandbox_pid"; wait "$sandbox_pid" 2>/dev/null

# --- a client of its own kind, in a VM, with a lease of two minutes, which it renews after one ---
mkdir "$WORK/initrd"
(cd "$WORK/initrd" && zcat "$BUILD/guest/initrd" | cpio -idm --quiet)
cat >"$WORK/initrd/lease" <<-'EOT'
	#!/bin/sh
	[ "$1" != bound ] || ip addr add "$ip/$mask" dev eth0
	echo "lease: $1 $ip $lease, advertised $(awk '/InRouterAdvertisements/ { print $2 }' /proc/net/snmp6)"
EOT
cat >"$WORK/initrd/init" <<-'EOT'
	#!/bin/sh
	export PATH=/bin:/usr/sbin:/sbin
	mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
	for module in /lib/modules/*.ko; do insmod $module; done
	ip link set lo up; ip link set eth0 up
	exec busybox udhcpc -f -i eth0 -x 0x33:00000078 -s /lease 2>/dev/null
EOT
chmod +x "$WORK/initrd/lease"
(cd "$WORK/initrd" && find . | cpio --quiet -o -H newc | gzip -1) >"$WORK/own.initrd"
"$BUILD/msb-run" --net-default deny --kernel "$BUILD/guest/vmlinuz" --initrd "$WORK/own.initrd" </dev/null >"$WORK/own.out" 2>&1 &
own=$!
wait_for "$(patience 180)" grep -q 'lease: renew' "$WORK/own.out"
contains "a lease of two minutes is given" "$(<"$WORK/own.out")" 'lease: bound 172\.16\.0\.2 120'
contains "and renewed" "$(<"$WORK/own.out")" 'lease: renew 172\.16\.0\.2 120'
advertised=$(sed -nE 's/.*lease: renew.* advertised ([0-9]+).*/\1/p' "$WORK/own.out" | head -n 1)
same "routers are advertised again, without being asked" 1 $((${advertised:-0} >= 3))
same "none of that is judged" "" "$(grep denied "$WORK/own.out")"
kill "$own"; wait "$own" 2>/dev/null
finish
