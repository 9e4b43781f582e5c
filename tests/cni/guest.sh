#!/usr/bin/env bash
# A microVM in a pod as Kata Containers attaches it, by redirection between the pod's link and a tap, where no rule of the pod's own
# namespace sees a packet: it is judged as a container is.
. "$(dirname "$0")/lib.sh"
node_up
network routed ptp
add vm routed; check "the pod has a network" $?

# what the guest does, on its console; the first lookup is before the policy lets its address pass
guest=$WORK/guest
mkdir -p "$guest/bin"
cp "$PROBE" "$guest/bin/"
address4=$(address vm routed 4) address6=$(address vm routed 6)
mac=$(in_pod vm ip -j link show eth0 | jq -r '.[0].address')
gateway6=$(result_of vm routed | jq -r '.ips[] | select(.address | contains(":")) | .gateway')
cat >"$guest/test" <<END
#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in /lib/modules/*.ko; do insmod \$module; done
ip link set lo up
echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
ip address add $address4/16 dev eth0
ip -6 address add $address6/64 dev eth0
ip link set eth0 up
ip route add default via $GATEWAY4
ip -6 route add default via $gateway6
echo nameserver 9.9.9.9 >/etc/resolv.conf
exec >/dev/ttyS0 2>&1
echo allowed4 \$(probe tcp 93.184.216.50 80 5000)
echo denied4 \$(probe tcp 93.184.216.51 80 3000)
echo allowed6 \$(probe tcp 2606:2800:220:1::50 80 5000)
echo denied6 \$(probe tcp 2606:2800:220:1::51 80 3000)
echo before \$(probe tcp 93.184.216.34 80 3000)
echo name \$(nslookup example.com | tail -n +3)
echo after \$(probe tcp 93.184.216.34 80 3000)
ip link set eth0 down && ip link set eth0 address 02:00:00:00:00:99 && ip link set eth0 up && ip route add default via $GATEWAY4
echo spoofed \$(probe tcp 93.184.216.51 80 1000) \$(probe udp 93.184.216.51 7 500)
echo the end
reboot -f
END
chmod 755 "$guest/test"
cp "$BUILD/guest/initrd" "$WORK/initrd"
(cd "$guest" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >>"$WORK/initrd"

in_pod vm ip tuntap add tap0 mode tap
in_pod vm ip link set tap0 up
for way in "eth0 tap0" "tap0 eth0"; do
	read -r from to <<<"$way"
	in_pod vm tc qdisc add dev "$from" ingress
	in_pod vm tc filter add dev "$from" parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev "$to"
done
# TCG alone, which is there on every machine; its kernel is told what it would measure at fault
khz=$(awk '/^cpu MHz/ { print int($4 * 1000); exit }' /proc/cpuinfo)
in_pod vm timeout 60 qemu-system-x86_64 -M microvm,accel=tcg -nodefaults -no-user-config -no-reboot -display none -m 192M -cpu max \
	-kernel "$BUILD/guest/vmlinux" -initrd "$WORK/initrd" -serial "file:$WORK/console" \
	-append "console=ttyS0 panic=-1 reboot=t quiet lpj=4000000 no_timer_check tsc=reliable tsc_early_khz=$khz cryptomgr.notests rdinit=/test" \
	-netdev tap,id=net0,ifname=tap0,script=no,downscript=no -device "virtio-net-device,netdev=net0,mac=$mac" </dev/null
said=$(tr -d '\r' <"$WORK/console")
echo "$said" | sed 's/^/# /'
contains "the guest ran to its end" "$said" '^the end'
# fared NAME KEY PATTERN: what the guest said of it
fared() { contains "$1" "$(grep "^$2 " <<<"$said")" "^$2 $3"; }
fared "an address that is allowed" allowed4 connected
fared "one that is not" denied4 refused
fared "IPv6, an address that is allowed" allowed6 connected
fared "IPv6, one that is not" denied6 refused
fared "an address of a name, before it is looked up" before refused
fared "a name that is allowed" name '.*93\.184\.216\.34'
fared "its address, then" after connected
lacks "from another MAC" "$(grep '^spoofed ' <<<"$said")" 'connected|answered'
for address in 93.184.216.51 2606:2800:220:1::51; do never_there "$address" "$address"; done
del vm routed; check "it is removed" $?
finish
