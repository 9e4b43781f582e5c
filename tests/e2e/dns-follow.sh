#!/usr/bin/env bash
# The host changes networks while a sandbox runs: resolv.conf is written anew, replaced, its link led elsewhere, emptied,
# deleted and made again; servers are on the host, on a link, beyond it. The sandbox asks the new ones within seconds.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/dns-lib.sh"
world_up
good_servers_up 1 2 3
python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/host.log" 127.0.0.9=good 127.0.0.10=good &
wait_for 20 dig +short +tries=1 +time=1 @127.0.0.9 example.com

# an /etc of this test's own, whose files can be replaced
umount "$(realpath /etc/resolv.conf)"
mkdir -p "$WORK/etc" "$WORK/upper" "$WORK/linked/a" "$WORK/linked/b"
mount -t tmpfs tmpfs "$WORK/upper" && mkdir "$WORK/upper/up" "$WORK/upper/work"
if ! mount -t overlay -o "lowerdir=/etc,upperdir=$WORK/upper/up,workdir=$WORK/upper/work" overlay /etc; then
	skip "resolv.conf is followed" "no overlay here"
	finish
	exit
fi
rm -f /etc/resolv.conf
echo "nameserver $NET.1" >/etc/resolv.conf

RULES=(--net-default deny --net-rule 'allow@*.example.com')
# asked of the gateway: without a VM the host's files are the guest's, and a file that is replaced is no mount point any more
ASK='gateway=$(ip route show default | cut -d" " -f3); i=0; while :; do dig @$gateway +tries=1 +time=2 +short n$((i += 1)).example.com; sleep 0.1; done'
start_sandbox follows "${RULES[@]}" -- bash -c "$ASK"
follows=$sandbox_pid
wait_for 20 pgrep -x msb-dns
worker=$(pgrep -nx msb-dns)
start_sandbox given "${RULES[@]}" --dns-nameserver $NET.3 -- bash -c "$ASK"
# now NAME LAST: the sandbox's answers come from that server, by its last octet
last_is() { [ "$(tail -n 1 "$WORK/follows.out")" = "93.184.216.$1" ]; }
now() {
	wait_for 8 last_is "$2"
	check "$1" $? "$(tail -n 3 "$WORK/follows.out" | tr '\n' ' '); $(cat "$WORK/follows.err")"
}
now "as it was at the start" 1
echo "nameserver $NET.2" >/etc/resolv.conf
now "written anew" 2
echo "nameserver $NET.1" >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf
now "replaced by a rename" 1
echo "nameserver 127.0.0.9" >/etc/resolv.conf
now "a server on the host, where there was none" 9
echo "nameserver 127.0.0.10" >/etc/resolv.conf
now "another one there" 10
link=$(ip -br link | grep -oE '^msb[0-9]+' | sort -V | head -n 1)
lacks "the one before may not be asked any more" "$(nft list chain inet "$link" nameservers)" '127\.0\.0\.9 '
: >/etc/resolv.conf
sleep 0.5
now "emptied: the ones before are asked on" 10
echo "nameserver $NET.2" >/etc/resolv.conf
now "and filled" 2
same "the packet filter lets those be asked alone" "$NET.2 . 53" "$(nsenter --net="/proc/$worker/ns/net" \
	nft list set inet msb upstream_v4 | grep -oE "$NET[.0-9]* \. 53|127[.0-9]* \. 53" | sort -u)"
rm /etc/resolv.conf
sleep 0.5
echo "nameserver $NET.1" >/etc/resolv.conf
now "deleted and made again" 1
echo "nameserver $NET.2" >"$WORK/linked/a/resolv.conf"
echo "nameserver $NET.1" >"$WORK/linked/b/resolv.conf"
ln -s "$WORK/linked/a/resolv.conf" /etc/resolv.conf.new && mv -T /etc/resolv.conf.new /etc/resolv.conf
now "a link instead of a file" 2
ln -sfn "$WORK/linked/b/resolv.conf" /etc/resolv.conf
now "the link led elsewhere" 1
echo "nameserver $NET.2" >"$WORK/linked/b/new" && mv "$WORK/linked/b/new" "$WORK/linked/b/resolv.conf"
now "what it leads to replaced" 2
ln -sfn "$WORK/linked/not/yet/resolv.conf" /etc/resolv.conf
mkdir -p "$WORK/linked/not/yet"
echo "nameserver 127.0.0.9" >"$WORK/linked/not/yet/resolv.conf"
now "a link to what is made later" 9
# an address that comes to be the host's own: what is asked there is asked from there
echo "nameserver $NET.2" >"$WORK/linked/not/yet/resolv.conf"
now "beyond the host" 2
ip address add $NET.2/32 dev lo
python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/own.log" "$NET.2=good" &
wait_for "$(patience 20)" test -s "$WORK/own.log"
check "its address becomes the host's own" $? "$(tail -n 3 "$WORK/follows.out")"
same "servers that were given do not change" 93.184.216.3 "$(sort -u "$WORK/given.out")"
kill -0 "$follows"
check "it lives" $?
kill "$follows" "$sandbox_pid"
finish
