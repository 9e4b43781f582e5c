#!/usr/bin/env bash
# A firewall of the host's own may drop what the sandbox is allowed to send. Whose rule it was cannot be known, but that it happens
# is reported, with the chains that may do it and the commands that let sandboxes pass; and those commands work.
. "$(dirname "$0")/lib.sh"
world_up

# attempts NAME: a sandbox that tries the Internet for some seconds; leaves its messages in $err, in $out how it fared
attempts() {
	run_sandbox --net-default allow -- sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do $PROBE tcp 93.184.216.34 443 500; done"
}
# passes NAME: nothing is reported, and the Internet is there
passes() {
	attempts
	contains "$1: connections work" "$out" ^connected
	lacks "$1: and nothing is reported" "$err" 'another firewall'
}
# blocked NAME CHAIN COMMAND…: reported with the chain; the commands are offered, and with them it passes
blocked() {
	local name=$1 chain=$2 command
	shift 2
	attempts
	lacks "$name: connections fail" "$out" connected
	contains "$name: reported" "$err" '^msb-run: another firewall on this host drops what the sandbox may send: [0-9]+ packets'
	same "$name: once" 1 "$(grep -c 'another firewall on this host drops what' "$WORK/err")"
	contains "$name: which chain it may be" "$err" "it may be chain $chain"
	for command; do contains "$name: what lets sandboxes pass: ${command%% *}" "$err" "^  help: $command\$"; done
}
# as_offered: runs the offered commands of nft
as_offered() { sed -n 's/^  help: \(nft .*\)/\1/p' "$WORK/err" | while read -r command; do eval "$command"; done; }

passes "no other firewall"

# nftables' own sample (workstation), drop by policy in forward
nft 'table inet filter { chain forward { type filter hook forward priority filter; policy drop; }; }'
blocked sample 'forward of table inet filter, whose policy is drop' \
	'nft insert rule inet filter forward iifname "msb\*" accept' \
	'nft insert rule inet filter forward oifname "msb\*" ct state established,related accept'
as_offered
passes "sample, with the commands"

# Only the way out is let pass: the answers are missing
nft flush chain inet filter forward
nft 'add rule inet filter forward iifname "msb*" accept'
attempts
lacks "answers dropped: connections fail" "$out" connected
contains "answers dropped: reported as that" "$err" 'another firewall on this host drops the answers to the sandbox: [0-9]+ packets'
nft delete table inet filter

# A last rule that rejects the rest, as iptables-save files of old and firewalld have it
nft -f - <<-END
	table inet firewalld {
		chain filter_FORWARD {
			type filter hook forward priority filter + 10; policy accept;
			ct state { established, related } accept
			iifname "lo" accept
			ct state invalid drop
			reject with icmpx admin-prohibited
		}
	}
END
blocked firewalld 'filter_FORWARD of table inet firewalld, whose last rule refuses the rest' \
	'firewall-cmd --permanent --zone=trusted --add-interface=msb\+' 'firewall-cmd --reload'
nft delete table inet firewalld

# Docker's, by iptables over nf_tables
nft -f - <<-END
	table ip filter {
		chain DOCKER-USER { }
		chain FORWARD {
			type filter hook forward priority filter; policy drop;
			counter jump DOCKER-USER
			oifname "docker0" ct state related,established counter accept
			iifname "docker0" counter accept
		}
	}
END
blocked Docker 'FORWARD of table ip filter, whose policy is drop' 'iptables -I DOCKER-USER -i msb\+ -j ACCEPT' \
	'iptables -I DOCKER-USER -o msb\+ -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT'
nft 'insert rule ip filter DOCKER-USER iifname "msb*" accept'
nft 'insert rule ip filter DOCKER-USER oifname "msb*" ct state established,related accept'
passes "Docker, with the same in nft's words"
nft flush table ip filter
nft 'delete table ip filter'

# ufw's, IPv4 and IPv6
nft -f - <<-END
	table ip filter {
		chain ufw-user-forward { }
		chain ufw-before-forward { ct state established,related accept; jump ufw-user-forward; }
		chain FORWARD { type filter hook forward priority filter; policy drop; jump ufw-before-forward; }
	}
END
blocked ufw 'FORWARD of table ip filter' 'ufw route allow in on msb\+'
nft 'insert rule ip filter ufw-user-forward iifname "msb*" accept'
passes "ufw, with the same in nft's words"
nft delete table ip filter

# A single rule among others: no chain can be named
nft 'table inet odd { chain forward { type filter hook forward priority filter; tcp dport 443 drop; ip daddr 10.0.0.0/8 accept; }; }'
attempts
contains "a single rule: reported" "$err" 'another firewall on this host drops what the sandbox may send'
contains "a single rule: where to look" "$err" 'look for a single rule in'
nft delete table inet odd

# While it runs: the firewall comes later; the sandbox is denied nothing by that
"$BUILD/msb-run" --vmm none --net-default allow -- sh -c "touch $WORK/up; until [ -e $WORK/end ]; do $PROBE tcp 2606:2800:220:1::34 443 300; done" >"$WORK/out" 2>"$WORK/late" &
late=$!
wait_for 20 grep -q connected "$WORK/out"
nft 'table ip6 late { chain forward { type filter hook forward priority filter; policy drop; }; }'
try "a firewall that comes later, IPv6: reported while the sandbox runs" wait_for 15 grep -q 'chain forward of table ip6 late' "$WORK/late"
touch "$WORK/end"
wait $late
nft delete table ip6 late

# What the policy refuses, and what the sandbox sends to another sandbox, is no one else's doing
start_sandbox other --quiet -- sleep 60
wait_for 20 pgrep -x sleep
run_sandbox --quiet --net-default allow --net-rule 'deny@any:tcp:443' -- sh -c "for i in 1 2 3 4 5; do $PROBE tcp 93.184.216.34 443 500; $PROBE tcp 172.16.0.2 80 500; $PROBE udp 172.16.0.2 80 300; sleep 0.3; done"
lacks "what is refused by us is not blamed on others" "$err" 'another firewall'
kill "$sandbox_pid"
wait "$sandbox_pid"
finish
