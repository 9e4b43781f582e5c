#!/usr/bin/env bash
# The microVM: the same policies fare in a QEMU guest as they do without one; its standard streams and exit status are exact;
# a killed one leaves nothing behind; the threat vnet-header.
# shellcheck disable=SC2016,SC2154 # scripts for the guest; $out, $err, $status, $sandbox_pid are lib.sh's
# long
. "$(dirname "$0")/lib.sh"
world_up
PUBLIC=93.184.216.34 PUBLIC6=2606:2800:220:1::34

# vm_try NAME PATTERN: a line of $out that starts with "NAME: " goes on with the extended regular expression
vm_try() {
	contains "$1" "$(awk -v name="$1: " 'index($0, name) == 1 { print substr($0, length(name) + 1) }' <<<"$out")" "^($2)"
}

# --- addresses, groups, ports: refused at once, one by one and in bursts ---
start_sandbox neighbour --net-default allow -- sleep 60
neighbour_pid=$sandbox_pid
wait_for 5 ip link show msb0
script='
	cat >/tmp/probe; chmod +x /tmp/probe
	say() { name=$1; shift; echo "$name: $(/tmp/probe "$@" 2>/dev/null | tr "\n" " ")"; }
	say "a warm-up" tcp 10.0.0.1 1
	say "TCP 443 to a public address" tcp '$PUBLIC' 443
	say "TCP 443 to a public IPv6 address" tcp '$PUBLIC6' 443
	for proto in tcp udp; do
		for to in '"$PUBLIC"'/80 '"$PUBLIC6"'/80 10.0.0.5/443 fd00::5/443 169.254.169.254/443 172.16.0.2/443; do
			say "$proto to $to" $proto ${to%/*} ${to#*/} 20000
			say "300 of $proto to $to" burst-$proto ${to%/*} ${to#*/} 300 20000
		done
	done
	cat /tmp/probe >&2
	exit 7'
timeout 120 "$BUILD/msb-run" --quiet --net-rule 'allow@public:tcp:443,allow@dns' --net-default deny \
	-- sh -c "$script" <"$PROBE" >"$WORK/out" 2>"$WORK/err"
same "exit status 7 from a guest" 7 $?
out=$(cat "$WORK/out")
vm_try "TCP 443 to a public address" connected
vm_try "TCP 443 to a public IPv6 address" connected
for proto in tcp udp; do
	for to in $PUBLIC/80 $PUBLIC6/80 10.0.0.5/443 fd00::5/443 169.254.169.254/443 172.16.0.2/443; do
		vm_try "$proto to $to" '(refused|prohibited) [0-4]?[0-9]{1,3} ms'
		vm_try "300 of $proto to $to" '(refused|prohibited) 300 $'
		[ "$to" = 172.16.0.2/443 ] || same "nothing of $proto to $to arrives" 0 "$(seen "${to%/*}" $proto "${to#*/}")"
	done
done
same "what was allowed arrived" yes "$([ "$(seen $PUBLIC tcp 443)" -gt 0 ] && echo yes)"
tail -c "$(stat -c %s "$PROBE")" "$WORK/err" >"$WORK/echoed"
try "$(stat -c %s "$PROBE") bytes by standard input and back by standard error, exact" cmp "$PROBE" "$WORK/echoed"
kill "$neighbour_pid"

# --- names: their lookup, their answer's address, and nothing else; the threat vnet-header ---
script='
	tar x -C /tmp
	gateway=$(sed -n "s/^nameserver //p" /etc/resolv.conf | head -n 1)
	say() { name=$1; shift; echo "$name: $("$@" 2>&1 | tr "\n" " ")"; }
	say "the address before any lookup" /tmp/probe tcp 93.184.216.37 443
	say "the name" /tmp/probe dns short.example.com "$gateway"
	say "its address" /tmp/probe tcp 93.184.216.37 443
	say "its address, another port" /tmp/probe tcp 93.184.216.37 80
	say "another name" /tmp/probe dns example.org "$gateway"
	mkfifo /tmp/held; nc 93.184.216.37 444 </tmp/held >/tmp/echoed & exec 3>/tmp/held
	sleep 4
	echo held >&3; sleep 1
	say "a connection outlives its binding" cat /tmp/echoed
	say "a new one needs a new lookup" /tmp/probe tcp 93.184.216.37 443
	say "the card offers no checksums nor segments" sh -c "cut -c 1,12,13,15 /sys/class/net/eth0/device/features"
	say "frames" /tmp/vnet_header 198.51.100.7 4430 80'
seen_reset
tar c -C "$BUILD/e2e" probe vnet_header >"$WORK/tools.tar"
timeout 120 "$BUILD/msb-run" --quiet --net-default deny --dns-binding-minimum 0 \
	--net-rule 'allow@*.example.com:tcp:443-444,allow@198.51.100.0/24:udp:4430' \
	-- sh -c "$script" <"$WORK/tools.tar" >"$WORK/out" 2>"$WORK/err"
same "exit status 0 from a guest" 0 $?
out=$(cat "$WORK/out")
vm_try "the address before any lookup" refused
vm_try "the name" 93.184.216.37
vm_try "its address" connected
vm_try "its address, another port" refused
vm_try "another name" NXDOMAIN
vm_try "a connection outlives its binding" held
vm_try "a new one needs a new lookup" refused
vm_try "the card offers no checksums nor segments" 0000
vm_try "frames" "sent 2"
same "a plain frame arrives" 1 "$(seen 198.51.100.7 udp 4430)"
same "the one whose header rewrites its port does not" 0 "$(seen 198.51.100.7 udp 80)"

# --- stdin at its end, argv byte for byte, signals ---
run_vm --quiet -- sh -c 'cat; for word; do printf "<%s>" "$word"; done; kill -9 $$' sh '' 'a  b' $'new\nline' $'\xff"$x'\'
same "argv, whatever its bytes" $'<><a  b><new\nline><\xff"$x\'>' "$out"
same "a command that is killed: 128 + 9" 137 "$status"
run_vm --quiet --kernel /nonexistent -- true
same "no kernel: status 125" 125 "$status"
contains "and it says which" "$err" '^msb-run: error: --kernel /nonexistent: No such file or directory$'

# --- SIGKILL in the middle of a transfer ---
leftovers_mark
"$BUILD/msb-run" --quiet --name victim --net-default allow -- sh -c 'echo up; nc 93.184.216.34 19' >"$WORK/victim" 2>&1 &
victim=$!
transferring() { [ "$(stat -c %s "$WORK/victim")" -gt 1000000 ]; }
try "a transfer runs" wait_for 60 transferring
qemu=$(pgrep -x qemu-system-x86 | head -n 1)
same "QEMU is nobody's user" yes "$([ "$(stat -c %u "/proc/$qemu")" -ge 1836056576 ] && echo yes)"
same "it has no capability" 0000000000000000 "$(awk '/^CapPrm/ { print $2 }' "/proc/$qemu/status")"
contains "and cannot gain any" "$(cat "/proc/$qemu/status")" '^NoNewPrivs:[[:space:]]1$'
same "ours is a filter of its system calls, beside its own" yes "$([ "$(awk '/^Seccomp_filters/ { print $2 }' "/proc/$qemu/status")" -gt 1 ] && echo yes)"
same "each process of the guest's, and the workers: a uid each" 4 "$(ps -eo uid= | awk '$1 > 65535' | sort -u | wc -l)"
for space in net mnt user ipc uts; do
	same "its own $space namespace" no "$([ "$(readlink "/proc/$qemu/ns/$space")" = "$(readlink /proc/self/ns/$space)" ] && echo yes || echo no)"
done
same "no link in it but lo" lo "$(nsenter --net="/proc/$qemu/ns/net" -- ip -br link | cut -d' ' -f1)"
same "nothing of the host's files but programs" "bin dev initrd kernel lib lib64 usr" \
	"$(cd "/proc/$qemu/root/" && echo * | sed 's/^bin initrd/bin dev initrd/')"
contains "the tap has no header" "$(nsenter --net="/proc/$(pgrep -ox msb-dns)/ns/net" -- ip -d link show tap0)" 'tun type tap .*vnet_hdr off'
kill -KILL "$victim"
nothing_left() { [ -z "$(leftovers)" ]; }
wait_for 2 nothing_left
same "SIGKILL leaves nothing behind within 2 s" "" "$(leftovers)"
finish
