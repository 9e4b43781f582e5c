#!/usr/bin/env bash
# Without a VM the command's resolv.conf lies over the host's. The host replaces its own, as network managers do: the command
# must not get to see that, and goes on to resolve by the gateway.
. "$(dirname "$0")/lib.sh"
world_up
umount "$(realpath /etc/resolv.conf)"
mkdir -p "$WORK/upper" "$WORK/linked" && mount -t tmpfs tmpfs "$WORK/upper" && mkdir "$WORK/upper/up" "$WORK/upper/work"
if ! mount -t overlay -o "lowerdir=/etc,upperdir=$WORK/upper/up,workdir=$WORK/upper/work" overlay /etc; then
	skip "the command's own resolv.conf" "no overlay here"
	finish
	exit
fi
rm -f /etc/resolv.conf
echo "nameserver $RESOLVER" >/etc/resolv.conf
start_sandbox reads --net-default deny --net-rule 'allow@*.example.com' -- bash -c '
	while :; do echo "$(grep -c "^nameserver 172.16.0" /etc/resolv.conf) $(dig +tries=1 +time=2 +short example.com | tail -n 1)"; sleep 0.1; done'
resolves() { [ "$(tail -n 1 "$WORK/reads.out")" = "1 93.184.216.34" ]; }
# replaced NAME COMMAND: after which it resolves, and by its own file
replaced() {
	local name=$1
	shift
	"$@"
	sleep 0.3
	wait_for "$(patience 8)" resolves
	check "$name" $? "$(tail -n 3 "$WORK/reads.out" | tr '\n' ' ')"
}
rename_over() { echo "nameserver 8.8.8.8" >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf; }
make_again() { rm /etc/resolv.conf && sleep 0.3 && echo "nameserver 8.8.4.4" >/etc/resolv.conf; }
link_over() { echo "nameserver 1.1.1.1" >"$WORK/linked/file" && ln -s "$WORK/linked/file" /etc/resolv.conf.new && mv -T /etc/resolv.conf.new /etc/resolv.conf; }
wait_for 20 resolves
check "at the start" $?
replaced "replaced by a rename" rename_over
replaced "and once more" rename_over
replaced "deleted and made again" make_again
replaced "a link instead" link_over
same "the host's own is the host's" "nameserver 1.1.1.1" "$(cat /etc/resolv.conf)"
keeper=$(pgrep -nx msb-resolv)
same "who keeps it holds CAP_SYS_ADMIN alone" "200000 1" "$(awk '/^CapPrm/ { sub(/^0*/, "", $2); c = $2 } /^NoNewPrivs/ { print c, $2 }' "/proc/$keeper/status")"
same "and no file of the user's" "" "$(find "/proc/$keeper/fd" -type l -printf '%l\n' | grep -Ev '^(/dev/null|anon_inode:inotify)$')"
kill "$sandbox_pid"
ended() { ! pgrep -x msb-resolv; }
wait_for 10 ended
check "and ends with the sandbox" $?
finish
