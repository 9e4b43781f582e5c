#!/usr/bin/env bash
# A host's floor, /etc/msb/floor.msb: what it denies is refused on the wire and in DNS whatever the caller says, is
# reported by its own rule, and where it cannot be trusted nothing starts.
. "$(dirname "$0")/lib.sh"
world_up

# /etc as it is, with a floor in it, in this test's mount namespace
mkdir -p "$WORK/upper" "$WORK/work" "$WORK/home"
mount -t tmpfs -o mode=755 tmpfs "$WORK/upper"
mkdir "$WORK/upper/up" "$WORK/upper/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$WORK/upper/up,workdir=$WORK/upper/work" overlay /etc
mount --bind "$WORK/resolv.conf" "$(realpath /etc/resolv.conf)"
rm -rf /etc/msb
mkdir -m 755 /etc/msb
floor() {
	cat >/etc/msb/floor.msb
	chmod 644 /etc/msb/floor.msb
	chown 0:0 /etc/msb/floor.msb
}

floor <<-'END'
	default egress allow
	deny@*.evil.test  because "known bad"
	deny@198.51.100.0/24
	deny@10.0.0.5:tcp:80
	allow@private
	forbid publish
END
run_sandbox --net all --suggest --events "$WORK/events" -- sh -c "
	$PROBE dns www.evil.test 172.16.0.1; $PROBE tcp 198.51.100.7 443 1000; $PROBE tcp 93.184.216.34 443 2000"
contains "a lookup that the floor denies" "$out" 'NXDOMAIN|denied|no such|3'
same "a network it denies, and what it lets pass" "refused connected" "$(tail -2 <<<"$out" | cut -d' ' -f1 | xargs)"
contains "reported by the floor's rule" "$err" 'denied egress@198.51.100.7:tcp:443 +the floor: deny@198.51.100.0/24 \(/etc/msb/floor.msb:3\)'
contains "with its reason" "$err" 'denied dns@www.evil.test:udp .*known bad'
same "in the events too" floor "$(jq -r 'select(.flow == "egress@198.51.100.7:tcp:443") | .rule' "$WORK/events" | head -1)"
contains "no rule is suggested" "$err" 'no rule to suggest'

printf "default egress allow\n" >"$WORK/two.msb"
run_sandbox --policy "$WORK/two.msb" -- sh -c "$PROBE tcp 198.51.100.7 443 1000"
contains "how to ask why has the floor" "$err" "why: msb-policyc explain .*two.msb --floor /etc/msb/floor.msb FLOW"
run_sandbox --policy "$WORK/two.msb" --deny-ech -- sh -c "$PROBE tcp 198.51.100.7 443 1000"
contains "and says that there are other options" "$err" "two.msb --floor /etc/msb/floor.msb \\[the same options\\] FLOW"

run_sandbox --net-rule 'allow@any' -- sh -c "$PROBE tcp 198.51.100.7 443 1000"
same "a rule of the caller's lifts nothing" refused "$(cut -d' ' -f1 <<<"$out")"
run_sandbox -p 8080:80 -- true
same "a published port that it forbids: status" 125 "$status"
contains "and why" "$err" 'the floor forbids it'
echo 'deny@93.184.216.34' >"$WORK/home/mine.msb"
run_sandbox --net all --floor "$WORK/home/mine.msb" -- sh -c "$PROBE tcp 93.184.216.34 443 1000; $PROBE tcp 198.51.100.7 443 1000"
same "the caller's own floor only adds" "refused refused" "$(cut -d' ' -f1 <<<"$out" | xargs)"

# Names of a floor's rules bind as the policy's do
floor <<-'END'
	default egress deny
	allow@example.com:tcp:443
END
run_sandbox --net all -- sh -c "$PROBE tcp 93.184.216.34 443 1000
	$PROBE dns example.com 172.16.0.1 >/dev/null; $PROBE tcp 93.184.216.34 443 2000; $PROBE tcp 93.184.216.34 80 1000"
same "an allow by name, before and after its lookup" "refused connected refused" "$(cut -d' ' -f1 <<<"$out" | xargs)"

refused() { # WHAT PATTERN: nothing starts
	run_sandbox --net all -- echo started
	same "$1: no start" "125 " "$status $out"
	contains "$1: said" "$err" "$2"
}
floor <<<'deny@public until 2020-01-01'
refused "an expired floor" 'expired'
run_sandbox --net all --today 2019-12-31 -- echo started
same "which --today does not lift" "125 " "$status $out"
floor <<<'deny@@'
refused "a floor with an error" 'error'
floor <<<'default egress allow'
chmod 666 /etc/msb/floor.msb
refused "one that others may write" 'others may write to it'
chmod 644 /etc/msb/floor.msb
chown 1000 /etc/msb/floor.msb
refused "one that is not root's" "it is not root's"
rm /etc/msb/floor.msb
chown 1000 "$WORK/home"
echo 'default egress allow' >"$WORK/home/floor.msb"
ln -s "$WORK/home/floor.msb" /etc/msb/floor.msb
refused "a link into somebody's directory" "$WORK/home: it is not root's"
rm /etc/msb/floor.msb
ln -s nowhere /etc/msb/floor.msb
refused "a link to nothing" 'cannot be trusted'
rm /etc/msb/floor.msb
echo 'default egress allow' >/etc/msb/part.msb
chmod 666 /etc/msb/part.msb
floor <<<'include "part.msb"'
refused "an include that others may write" 'part.msb: others may write to it'
run_sandbox --deployment-profile multi-tenant -- echo started
same "the same beside another floor" "125 " "$status $out"
rm /etc/msb/*.msb
run_sandbox --net all -- echo started
same "without one all is as before" "0 started" "$status $out"
finish
