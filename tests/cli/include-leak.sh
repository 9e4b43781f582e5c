#!/usr/bin/env bash
# include-leak: a policy that includes what is not its business is refused, at once, and shows nothing of it.
# usage: include-leak.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

mkdir outside tree tree/sub
echo 'allow@the-secret-of-the-host' >outside/secret
echo 'allow@inside.example' >tree/sub/inside.msb
ln -s ../outside/secret tree/link.msb
ln -s ../outside tree/away
ln -s /proc/self/environ tree/environ.msb
ln -s loop.msb tree/loop.msb
ln -s sub/inside.msb tree/fine.msb
mkfifo tree/fifo.msb
truncate -s 1048577 tree/large.msb
[ -e /dev/zero ] && cp -a /dev/zero tree/zero.msb 2>/dev/null
export THE_SECRET=the-secret-of-the-host

refused() { # NAME INCLUDED
	printf 'default egress deny\ninclude "%s"\n' "$2" >tree/top.msb
	bounded 60 "$policyc" check tree/top.msb
	if grep -q the-secret "$work/.out"; then
		not_ok "$1" "the secret was quoted"
	elif [ "$status" -ne 1 ]; then
		not_ok "$1" "status $status"
	elif ! grep -q '^tree/top.msb:2:9: error: ' "$work/.out"; then
		not_ok "$1" "no error at the include: $(head -1 "$work/.out")"
	else
		ok "$1"
	fi
}
allowed() { # NAME COMMAND…
	local name=$1
	shift
	bounded 60 "$@"
	check "$name" "$status" "$(head -1 "$work/.out")"
}

refused include-leak/environ /proc/self/environ
refused include-leak/absolute "$work/outside/secret"
refused include-leak/above ../outside/secret
refused include-leak/above-and-back ../tree/../outside/secret
refused include-leak/link link.msb
refused include-leak/link-of-a-directory away/secret
refused include-leak/link-to-proc environ.msb
refused include-leak/link-to-itself loop.msb
refused include-leak/fifo fifo.msb
refused include-leak/device zero.msb
refused include-leak/too-large large.msb
refused include-leak/directory sub
refused include-leak/nul-device /dev/null
refused include-leak/standard-input -

printf 'default egress deny\ninclude "sub/inside.msb"\ninclude "fine.msb"\n' >tree/top.msb
allowed include-leak/inside-is-fine "$policyc" check tree/top.msb
printf 'default egress deny\ninclude "../fine.msb"\n' >tree/sub/top.msb
allowed include-leak/a-wider-root "$policyc" check --include-root tree tree/sub/top.msb

# sixteen deep, and round in a circle
for i in $(seq 1 20); do echo "include \"deep$((i + 1)).msb\"" >tree/deep$i.msb; done
echo 'allow@a.example' >tree/deep21.msb
bounded 60 "$policyc" check tree/deep1.msb
[ "$status" -eq 1 ] && grep -q 'error' "$work/.out"; check include-leak/depth $? "status $status"

# Each file includes the next ten times: 10^15 without a bound on all of them
for i in $(seq 1 15); do for _ in $(seq 1 10); do echo "include \"wide$((i + 1)).msb\""; done >tree/wide$i.msb; done
echo 'allow@a.example' >tree/wide16.msb
bounded 60 "$policyc" check tree/wide1.msb
[ "$status" -eq 1 ]; check include-leak/width $? "status $status: $(tail -1 "$work/.out")"

# the policy itself may be a link out of a stranger's tree: read, as asked, but not shown
printf 'nonsense the-secret-of-the-host\n' >outside/secret
bounded 60 "$policyc" check tree/link.msb
[ "$status" -eq 1 ] && ! grep -q the-secret "$work/.out"
check include-leak/the-policy-is-a-link $? "$(head -2 "$work/.out" | tail -1)"
finish
