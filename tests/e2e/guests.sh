#!/usr/bin/env bash
# Guests people have: a directory or an image as root file system, a kernel and initrd with an init of their own. Threats
# image-probe, rootfs-pack and dnsmasq-privilege.
# shellcheck disable=SC2016,SC2154 # scripts for the guest; $out, $err, $status are lib.sh's
# long
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

# tree DIR: a small root file system
tree() {
	mkdir -p "$1"/{bin,etc,root,tmp,proc,sys,dev,run}
	cp /bin/busybox "$1/bin/"
	local applet
	for applet in sh ls cat stat wget head grep sync; do ln -s busybox "$1/bin/$applet"; done
}

# image FILE: the same as an ext4 image
image() {
	tree "$WORK/tree"
	mke2fs -q -F -t ext4 -d "$WORK/tree" "$1" 64M
}

# refused NAME PATTERN: nothing ran, and a line of standard error says why
refused() { contains "$1" "$status $(tr '\n' ' ' <<<"$err")" "^125 .*$2"; }

# --- a directory; threat rootfs-pack: somebody swaps a file for a link to a secret of the host's while it is packed ---
tree "$WORK/root"
echo "the host's secret" >"$WORK/secret"
ln -s "$WORK/secret" "$WORK/root/etc/link"
mkfifo "$WORK/root/etc/fifo"
mknod "$WORK/root/etc/kmsg" c 1 11
echo mine >"$WORK/root/root/mine" && chown 1234:5678 "$WORK/root/root/mine" && chmod 4750 "$WORK/root/root/mine"
mkdir "$WORK/swap"
while [ -d "$WORK/swap" ]; do
	for i in 1 2 3 4 5 6 7 8; do echo plain >"$WORK/root/etc/swap$i"; done
	for i in 1 2 3 4 5 6 7 8; do ln -sf "$WORK/secret" "$WORK/root/etc/swap$i"; done
done 2>/dev/null &
swapper=$!
run_vm --quiet --net-default deny --net-rule 'allow@public:tcp:80' --rootfs "$WORK/root" -- sh -c '
	ls -l /etc/link; stat -c "%F" /etc/fifo /etc/kmsg; stat -c "%u %g %a" /root/mine; pwd
	wget -qO- http://93.184.216.34/; cat /etc/resolv.conf; grep -l secret /etc/swap*; echo written >/root/new; exit 4'
kill "$swapper" && wait "$swapper" 2>/dev/null
rmdir "$WORK/swap"
same "a directory as root file system: the command's exit status" 4 "$status"
contains "its links are links" "$out" "/etc/link -> $WORK/secret"
contains "its FIFOs are FIFOs" "$out" '^fifo$'
contains "its devices are devices" "$out" '^character special file$'
contains "owners and modes are kept" "$out" '^1234 5678 4750$'
contains "the command starts in /root" "$out" '^/root$'
contains "the network works in it" "$out" '^hello from the Internet$'
contains "resolv.conf names the gateway" "$out" '^nameserver 172\.16\.0\.1$'
lacks "rootfs-pack: a link that was a file a moment ago is not followed" "$out" '^/etc/swap'
same "the directory itself stays as it was" no "$([ -e "$WORK/root/root/new" ] && echo yes || echo no)"

# --- images: what the guest writes stays; the format is what the name says ---
image "$WORK/disk.img"
run_vm --quiet --rootfs "$WORK/disk.img" --memory 200M --cpus 2 -- sh -c 'echo written >/root/new; grep -c ^processor /proc/cpuinfo; head -n 1 /proc/meminfo'
same "a raw image" 0 "$status"
contains "--cpus" "$out" '^2$'
contains "--memory" "$out" '^MemTotal: +1[5-9][0-9]{4} kB$'
same "what the guest writes is in the image" written "$(debugfs -R 'cat /root/new' "$WORK/disk.img" 2>/dev/null)"
try "the image is whole" e2fsck -fn "$WORK/disk.img"

(flock 9 && sleep 5) 9<"$WORK/disk.img" &
sleep 0.2
run_vm --quiet --rootfs "$WORK/disk.img" -- true
refused "an image in use is refused" 'another guest uses it'

qemu-img create -q -f qcow2 -b "$WORK/disk.img" -F raw "$WORK/backed.qcow2"
run_vm --quiet --rootfs "$WORK/backed.qcow2" -- true
refused "image-probe: a qcow2 image with a backing file is refused" 'backed\.qcow2: it has a backing file'
qemu-img create -q -f qcow2 -o data_file="$WORK/data.raw" "$WORK/data.qcow2" 64M
run_vm --quiet --rootfs "$WORK/data.qcow2" -- true
refused "image-probe: one with a data file is refused" 'data\.qcow2: it has a data file'
run_vm --quiet --rootfs "json:{\"driver\":\"nbd\"}.img" -- true
refused "image-probe: a path is a path" 'No such file or directory'
cp "$WORK/backed.qcow2" "$WORK/probed,format=qcow2.img"
truncate -s 64M "$WORK/probed,format=qcow2.img"
run_vm --quiet --rootfs "$WORK/probed,format=qcow2.img" -- cat /root/new
refused "image-probe: a raw image with a qcow2 header stays raw" 'used as a raw image'
lacks "image-probe: and what its backing file holds is out of reach" "$out" written

qemu-img convert -q -f raw -O qcow2 "$WORK/disk.img" "$WORK/alone.qcow2"
run_vm --quiet --rootfs "$WORK/alone.qcow2" -- cat /root/new
same "a qcow2 image that stands alone" "0 written" "$status $out"

# --- a guest with an init of its own: DHCPv4, router advertisement, DHCPv6; threat dnsmasq-privilege ---
mkdir "$WORK/initrd"
(cd "$WORK/initrd" && zcat "$BUILD/guest/initrd" | cpio -idm --quiet)
dhcpcd=$(command -v dhcpcd)
for file in "$dhcpcd" $(ldd "$dhcpcd" | grep -o '/[^ ]*'); do
	mkdir -p "$WORK/initrd$(dirname "$file")" && cp -L "$file" "$WORK/initrd$file"
done
mkdir -p "$WORK/initrd/var/lib/dhcpcd"
printf 'waitip 4\nwaitip 6\nnohook *\n' >"$WORK/initrd/etc/dhcpcd.conf"
cat >"$WORK/initrd/init" <<-'EOT'
	#!/bin/sh
	export PATH=/bin:/usr/sbin:/sbin
	mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
	for module in /lib/modules/*.ko; do insmod $module; done
	ip link set lo up
	dhcpcd -t 60 eth0 >/dev/null 2>&1
	ip addr show eth0; ip route; ip -6 route
	wget -qO- http://93.184.216.34/; wget -qO- "http://[2606:2800:220:1::34]/"
	wget -qO- http://93.184.216.34:8080/ 2>&1
	echo done; sleep 3; poweroff -f
EOT
(cd "$WORK/initrd" && find . | cpio --quiet -o -H newc | gzip -1) >"$WORK/own.initrd"
timeout 120 "$BUILD/msb-run" --quiet --net-default deny --net-rule 'allow@public:tcp:80' --kernel "$BUILD/guest/vmlinuz" \
	--initrd "$WORK/own.initrd" </dev/null >"$WORK/own.out" 2>&1 &
own=$!
try "a guest with its own init comes up" wait_for 90 grep -q 'done' "$WORK/own.out"
dnsmasq=$(pgrep -x dnsmasq)
same "dnsmasq is an unprivileged user's" yes "$([ "$(stat -c %u "/proc/$dnsmasq")" -ge 1836056576 ] && echo yes)"
rules() { nsenter --net="/proc/$dnsmasq/ns/net" -- nft list table inet msb | grep -v counter; }
before=$(rules)
said=$(nsenter --user --net --preserve-credentials -t "$dnsmasq" -- nft flush ruleset 2>&1)
contains "dnsmasq-privilege: from where it is, nft flush ruleset fails" "$said" 'Operation not permitted'
same "dnsmasq-privilege: the ruleset is what it was" "$before" "$(rules)"
contains "dnsmasq-privilege: nor can it change a link" \
	"$(nsenter --user --net --preserve-credentials -t "$dnsmasq" -- ip link set br0 down 2>&1)" 'Operation not permitted'
wait "$own"
same "it ends by itself: status 0" 0 $?
out=$(tr -d '\r' <"$WORK/own.out")
contains "DHCPv4 gives it its address" "$out" 'inet 172\.16\.0\.2/30 '
contains "DHCPv6 gives it its address" "$out" 'inet6 fd42:6d73:62::2/128 '
same "which is its only global one" 1 "$(grep -c 'inet6.*scope global' <<<"$out")"
contains "a default route" "$out" '^default via 172\.16\.0\.1 dev eth0'
contains "a default route of IPv6, advertised" "$out" '^default via fe80::[0-9a-f:]+ dev eth0'
same "what is allowed passes, both families" 2 "$(grep -c '^hello from the Internet$' <<<"$out")"
contains "what is not is refused" "$out" 'Connection refused'
run_vm --quiet --kernel "$BUILD/guest/vmlinuz" --initrd "$WORK/own.initrd" -- true
refused "such a guest takes no COMMAND" 'not a COMMAND'

nothing_left() { [ -z "$(leftovers)" ]; }
wait_for 3 nothing_left
same "nothing is left behind" "" "$(leftovers)"
finish
