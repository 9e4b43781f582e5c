#!/usr/bin/env bash
# What a user expects of any guest: localhost and its own name resolve, whatever root file system it has; wget takes a
# timeout; a guest that dies says why; memory that cannot be enough, and options that mean nothing, are refused.
# shellcheck disable=SC2016,SC2154 # scripts for the guest; $out, $err, $status are lib.sh's
. "$(dirname "$0")/lib.sh"
world_up

# --- names and wget in the default guest ---
run_vm --quiet --name agent --deny-mode drop --net-default deny --net-rule 'allow@public:tcp:80' -- sh -c '
	hostname; ping -c1 -q localhost; ping -c1 -q agent
	wget -T5 -qO- http://93.184.216.34/ && busybox wget -T 5 -qO- http://93.184.216.34/; echo "wget: $?"
	wget -T1 -qO- http://10.0.0.5/ 2>&1; echo "dropped: $?"'
contains "the host name is the sandbox's" "$out" '^agent$'
contains "localhost resolves" "$out" '^PING localhost \(127\.0\.0\.1\)'
contains "the guest's own name resolves to its address" "$out" '^PING agent \(172\.16\.0\.2\)'
same "wget -T5 does not crash" 2 "$(grep -c '^hello from the Internet$' <<<"$out")"
contains "and succeeds" "$out" '^wget: 0$'
contains "what is met with silence ends in time" "$out" '^wget: download timed out'

# --- search domains ---
run_vm --quiet --dns-search svc.cluster.test --dns-search cluster.test --net-default deny -- cat /etc/resolv.conf
contains "resolv.conf has the search domains" "$out" '^search svc.cluster.test cluster.test$'

# --- other root file systems ---
# root DIR: one with busybox, without an /etc/hosts
root() {
	mkdir -p "$WORK/$1"/{bin,etc,root,usr}
	cp /bin/busybox "$WORK/$1/bin/"
	local applet
	for applet in sh cat ping grep; do ln -s busybox "$WORK/$1/bin/$applet"; done
}
names='ping -c1 -q localhost; ping -c1 -q agent; cat /etc/hosts'
# resolve WHAT: how the names fare
resolve() {
	contains "$1: localhost resolves" "$out" '^PING localhost \((127\.0\.0\.1|::1)\)'
	contains "$1: the guest's own name resolves" "$out" '^PING agent \(172\.16\.0\.2\)'
}
root none
run_vm --quiet --name agent --rootfs "$WORK/none" -- sh -c "$names"
resolve "a root without /etc/hosts"
root linked
printf '127.0.0.1 localhost # agent\n192.0.2.7 other\tanother' >"$WORK/linked/usr/hosts"
ln -s /usr/hosts "$WORK/linked/etc/hosts"
run_vm --quiet --name agent --rootfs "$WORK/linked" -- sh -c "$names"
resolve "an /etc/hosts that is a link"
contains "what it says stays" "$out" '^192\.0\.2\.7 other	another$'
same "a name that it has is not given again" 1 "$(grep -c 'localhost' <<<"$(sed '/^PING/d;/ping stat/d' <<<"$out")")"
root own
printf '127.0.0.1 LOCALHOST\n192.0.2.9 agent.example agent\n' >"$WORK/own/etc/hosts"
run_vm --quiet --name agent --rootfs "$WORK/own" -- sh -c 'cat /etc/hosts'
same "an /etc/hosts that has both names stays as it is" "$(cat "$WORK/own/etc/hosts")" "$out"

# --- without a VM: the host's own file, which is not touched ---
printf '192.0.2.7 other\n' >"$WORK/hosts" && mount --bind "$WORK/hosts" "$(realpath /etc/hosts)"
run_sandbox --quiet --name agent -- sh -c 'hostname; getent ahostsv4 localhost agent; getent ahostsv4 other'
contains "--vmm none: the host name" "$out" '^agent$'
contains "--vmm none: localhost resolves" "$out" '^127\.0\.0\.1 .*localhost'
run_sandbox --quiet --name agent -- getent ahostsv4 agent
contains "--vmm none: the command's own name resolves" "$out" '^172\.16\.[0-9.]+ +STREAM agent'
run_sandbox --quiet --name agent -- getent ahostsv4 other
contains "--vmm none: what the host's file says stays" "$out" '^192\.0\.2\.7 '
same "--vmm none: the host's file is what it was" '192.0.2.7 other' "$(cat /etc/hosts)"
same "--vmm none: the host keeps its name" no "$([ "$(hostname)" = agent ] && echo yes || echo no)"

# --- last words ---
run_vm --quiet -- sh -c 'echo c >/proc/sysrq-trigger; sleep 60'
same "a guest whose kernel panics: status 125" 125 "$status"
contains "its last words are said" "$err" "^msb-run: error: the guest's kernel panicked.*: sysrq triggered crash$"
run_vm --quiet -- sh -c 'printf "\033[2Jevil\302\233\n" >/dev/console; sleep 0.2; poweroff -f'
contains "a guest that ends itself: its console's last lines" "$err" 'guest console: .*reboot: Power down'
contains "and that it did so" "$err" '^msb-run: error: the guest switched its machine off while its command had not ended; '
contains "bytes that could steer a terminal are escaped" "$err" 'guest console: \\x1b\[2Jevil\\xc2\\x9b$'
run_vm --quiet -- reboot -f
contains "a guest that resets itself" "$err" '^msb-run: error: the guest reset its machine while its command had not ended; '
run_vm --quiet --memory 128M -- tail /dev/zero
same "a command that is killed for want of memory" 137 "$status"
contains "is said to have been" "$err" 'guest console: Out of memory: Killed process [0-9]+ \(tail\)|guest console: .*Killed process'
contains "and what to do" "$err" '^  help: --memory SIZE'
# signalled SIGNAL: QEMU gets it once its command runs; the exit status
signalled() {
	"$BUILD/msb-run" --quiet -- sh -c 'echo up; sleep 60' >"$WORK/killed.out" 2>"$WORK/killed.err" </dev/null &
	wait_for 30 grep -q up "$WORK/killed.out" && pkill "-$1" -x qemu-system-x86
	wait $!
}
signalled KILL
same "a QEMU that is killed: status 125" 125 $?
contains "and by what" "$(cat "$WORK/killed.err")" '^msb-run: error: QEMU was killed by signal 9'
signalled TERM
same "one that is asked to end: status 125" 125 $?
contains "which is not laid to the guest" "$(cat "$WORK/killed.err")" "^msb-run: error: QEMU was ended by a signal while the guest's command had not ended"
root writer
mkdir "$WORK/small" && mount -t tmpfs -o size=24m small "$WORK/small"
mke2fs -q -t ext4 -O ^has_journal -d "$WORK/writer" "$WORK/small/disk.img" 64M
run_vm --quiet --rootfs "$WORK/small/disk.img" -- sh -c 'busybox dd if=/dev/urandom of=/root/file bs=1M count=40; busybox sync; echo written'
same "a disk whose image cannot grow: status 125" 125 "$status"
contains "why the guest cannot go on" "$err" '^msb-run: error: QEMU has stopped the guest: a disk of its failed: No space left on device$'
lacks "nor does it" "$out" written

# --- what is refused ---
run_vm --memory 64M -- true
same "memory that the guest cannot start with: status 125" 125 "$status"
contains "the figure is named" "$err" '^msb-run: error: --memory 64M: the default guest needs 96M at least'
run_sandbox --memory 512M -- true
same "--vmm none with --memory: status 125" 125 "$status"
contains "which is said to mean nothing there" "$err" '^msb-run: error: --memory means nothing with --vmm none$'
finish
