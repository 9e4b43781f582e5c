#!/bin/bash
# What is tried in the machine that boot.sh starts, as root, once systemd is up: units of systemd, and AppArmor's profile under all that
# a sandbox does. /mnt/msb has the sources, /mnt/tools static programs; the make-believe Internet is that of tests/e2e.
# shellcheck disable=SC1091,SC2016,SC2034,SC2154 # lib.sh's
set -u
mkdir -p /run/build/e2e /run/test /run/netns
cp /mnt/tools/* /run/build/e2e/
ln -s /usr/bin/msb-run /usr/bin/msb-ctl /usr/bin/msb-policyc /run/build/
MSB_TEST_WORLD=machine
. /mnt/msb/tests/e2e/lib.sh /run/build
TAP_PREFIX="booted: "
printf 'nameserver %s\n' "$RESOLVER" >"$WORK/resolv.conf"
mount --bind "$WORK/resolv.conf" /etc/resolv.conf
sysctl -qw net.ipv6.conf.all.forwarding=1 # kernels before 6.17 forward IPv6 for all links or for none
modprobe kvm_amd # which TCG emulates: a guest within the machine is emulated once, not twice
internet_links
internet_counters
internet_web
internet_echo
internet_dns ''

SANDBOXES=/etc/msb/sandboxes
journal() { journalctl --quiet --output=cat --unit "$1"; }
refused() { dmesg | grep 'apparmor="DENIED"'; }
cgroup_of() { echo "/sys/fs/cgroup$(systemctl show --property=ControlGroup --value "$1")"; }
members() { find "$1" -name cgroup.procs -exec cat {} +; }
# left: what of sandboxes there is: processes, links, tables, files of theirs, cgroups
left() {
	pgrep -l '^msb-'
	ip -br link | grep '^msb'
	nft list tables | grep msb
	find /run/msb -mindepth 1 ! -name claims
	find /sys/fs/cgroup -name 'msb[@-]*'
}
# confinements DIRECTORY: each process of that cgroup, and "enforce" where the profile is in force, else what is
confinements() {
	local pid
	members "$1" | while read -r pid; do
		echo "$(cat "/proc/$pid/comm") $(sed 's/^msb-run (enforce)$/enforce/' "/proc/$pid/attr/apparmor/current")"
	done | sort -u
}

# --- a sandbox as a service ---
same "the profile is in force" "msb-run (enforce)" "$(grep '^msb-run' /sys/kernel/security/apparmor/profiles)"
printf '%s\n' 'default egress deny' 'allow@example.com:tcp:80' >/etc/msb/web.msb
cat >$SANDBOXES/web.conf <<'EOF'
MSB_RUN='--vmm none --policy /etc/msb/web.msb --events journald -p 8080:80 -- busybox httpd -f -p 80 -h /srv'
EOF
echo "hello from the sandbox" >/srv/index.html
in_web() { nsenter --target "$(members "$cgroup" | xargs ps -o pid=,comm= -p | awk '$2 == "busybox" { print $1 }')" --net --mount -- "$@"; }
try "systemctl start" systemctl start msb@web
cgroup=$(cgroup_of msb@web)
is_served() { busybox wget -qO- http://127.0.0.1:8080/; }
wait_for 120 is_served
same "its published port is served" "hello from the sandbox" "$(is_served 2>&1)"
same "its cgroup is below msb.slice" "/sys/fs/cgroup/msb.slice/msb@web.service" "$cgroup"
same "with its limits" "1073741824, 200000 100000, 256" "$(cat "$cgroup"/{memory,cpu,pids}.max | paste -sd, | sed 's/,/, /g')"
contains "msb.slice has its own" "$(cat /sys/fs/cgroup/msb.slice/memory.max)" '^[0-9]+$'
contains "its processes are under the profile" "$(confinements "$cgroup" | paste -sd,)" 'msb-dns enforce,.*,msb-supervisor enforce$'
same "all but the command" "busybox unconfined" "$(confinements "$cgroup" | grep -v ' enforce$')"
same "what the policy allows passes" "hello from the Internet" "$(in_web busybox wget -qO- http://example.com/ 2>&1)"
contains "what it denies does not" "$(in_web "$PROBE" tcp 93.184.216.40 80)" '^refused'
contains "and journalctl tells of it" "$(journal msb@web)" '93\.184\.216\.40'
echo 'allow@example.org:tcp:80' >>/etc/msb/web.msb
try "systemctl reload" systemctl reload msb@web
same "and the new policy is in force" "hello from the Internet" "$(in_web busybox wget -qO- http://example.org/ 2>&1)"
try "systemctl stop" systemctl stop msb@web
same "leaves nothing" "" "$(left)"
same "it has not failed" inactive "$(systemctl is-active msb@web)"

echo "MSB_RUN='--vmm none --net-rule allow@@ -- true'" >$SANDBOXES/bad.conf
systemctl start msb@bad
has_failed() { systemctl is-failed --quiet msb@bad; }
wait_for 60 has_failed
check "a policy that is wrong makes the unit fail" $?
contains "with the error in the journal" "$(journal msb@bad)" 'error: no such target: `@`'

# --- QEMU as a service, with a root that is packed and a directory ---
mkdir -p /srv/files /srv/root/{bin,data,dev,etc,proc,sys,tmp}
cp /bin/busybox /srv/root/bin/
for tool in httpd sh wget; do ln -s busybox /srv/root/bin/$tool; done
echo "hello from a file" >/srv/files/index.html
cat >/srv/files/run.sh <<'EOF'
wget -qO /data/fetched http://example.com/
exec httpd -f -p 80 -h /data
EOF
cat >$SANDBOXES/vm.conf <<'EOF'
MSB_RUN='--policy /etc/msb/web.msb --rootfs /srv/root -v /srv/files:/data -p 8080:80 -- sh /data/run.sh'
EOF
try "systemctl start of a virtual machine" systemctl start msb@vm
wait_for 120 is_served
same "the machine's published port is served" "hello from a file" "$(is_served 2>&1)"
same "and it has written to its directory" "hello from the Internet" "$(cat /srv/files/fetched)"
contains "QEMU and virtiofsd are under the profile" "$(confinements "$(cgroup_of msb@vm)" | paste -sd,)" ',qemu-system-x86 enforce,virtiofsd enforce$'
try "systemctl stop" systemctl stop msb@vm

same "AppArmor has refused nothing" "" "$(refused)"

# --- what the profile forbids ---
err=$(msb-run --vmm none --policy /etc/shadow -- true 2>&1)
contains "nobody's passwords are read, by root neither" "$? $err" 'shadow.*Permission denied'
msb-run --vmm none --events /etc/cron.d/events -- true 2>/dev/null
same "no file of events is made in /etc" "125, none" "$?, $(ls /etc/cron.d/events 2>/dev/null || echo none)"
printf '#!/bin/sh\ntouch /srv/executed\n' >/srv/mke2fs
chmod 755 /srv/mke2fs
PATH=/srv /usr/bin/msb-run --repack --rootfs /srv/root -- true 2>/dev/null
same "a program of another place is not executed" "125, none" "$?, $(ls /srv/executed 2>/dev/null || echo none)"
same "the kernel's log has what was refused" "exec /srv/mke2fs, mknod /etc/cron.d/events, open /etc/shadow" \
	"$(refused | sed -n 's/.*operation="\([a-z]*\)".* name="\([^"]*\)".*/\1 \2/p' | sort -u | paste -sd, | sed 's/,/, /g')"
finish
