#!/usr/bin/env bash
# A nameserver that comes to be on the host while a sandbox runs, and leaves it again: it is asked where it is.
. "$(dirname "$0")/lib.sh"
world_up
ip link add service type veth peer name peer
ip link set service up
cat >"$WORK/unbound.conf" <<-END
	server:
		interface: 192.0.2.53
		ip-freebind: yes
		username: ""
		chroot: ""
		directory: "$WORK"
		pidfile: ""
		do-daemonize: no
		use-syslog: no
		access-control: 0.0.0.0/0 allow
		local-zone: example.com. static
		local-data: "here.example.com. 1 IN A 93.184.216.99"
	remote-control:
		control-enable: no
END
unbound -d -c "$WORK/unbound.conf" >"$WORK/unbound.log" 2>&1 &
start_sandbox asks --quiet --net-default allow --dns-nameserver 192.0.2.53 -- sh -c "
	until [ -e $WORK/end ]; do dig @172.16.0.1 +time=1 +tries=1 here.example.com | sed -n 's/.*status: \\([A-Z]*\\).*/\\1/p'; sleep 0.1; done"
told() { tail -n 3 "$WORK/asks.out" | grep -qx "$1"; }
try "elsewhere: the server there says that there is no such name" wait_for 20 told NXDOMAIN
ip address add 192.0.2.53/32 dev service
try "its address is the host's own: the host's server is asked" wait_for 20 told NOERROR
ip address del 192.0.2.53/32 dev service
try "and no more: the server there is asked again" wait_for 20 told NXDOMAIN
touch "$WORK/end"
wait "$sandbox_pid"
finish
