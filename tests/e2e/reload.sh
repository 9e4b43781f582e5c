#!/usr/bin/env bash
# Another policy for a sandbox that runs: what it opens is open, what it closes is closed, names that both allow go on without
# another lookup; a reload that fails leaves the old policy in force and nothing behind.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl

# A guest that does what it is told, a line at a time, and says how that went
cat >"$WORK/agent.sh" <<-END
	while read -r line; do echo "\$(eval "\$line" 2>&1 | tr '\n' ' ')"; done <"$WORK/orders"
END
mkfifo "$WORK/orders"
begin() { # NAME ARG…
	start_sandbox "$@" -- bash "$WORK/agent.sh"
	exec 7>"$WORK/orders"
	told=0 name=$1
	ask 'echo up'
}
# ask COMMAND: leaves what the guest said in $said
ask() {
	told=$((told + 1))
	echo "$1" >&7
	wait_for "$(patience 20)" line_is_there
	said=$(sed -n "${told}p" "$WORK/$name.out" | sed 's/ *$//')
}
line_is_there() { [ "$(wc -l <"$WORK/$name.out")" -ge "$told" ]; }
fares() { # DESCRIPTION EXPECTED tcp|udp ADDRESS PORT
	ask "$PROBE $3 $4 $5 3000"
	same "$1" "$2" "${said%% *}"
}
reload() { "$CTL" reload "$@" >"$WORK/ctl.out" 2>"$WORK/ctl.err"; status=$?; out=$(cat "$WORK/ctl.out") err=$(cat "$WORK/ctl.err"); }
generation() { "$CTL" status "$1" --format json | jq .generation; }
end() { exec 7>&-; wait "$sandbox_pid"; }

# --- rules, defaults ---
cat >"$WORK/agent.msb" <<-'END'
	default egress deny
	allow@8.8.8.8:tcp:80
	allow@a.example.com:tcp:80
END
begin rules --policy "$WORK/agent.msb"
fares "what the policy allows" connected tcp 8.8.8.8 80
fares "what it denies" refused tcp 8.8.4.4 80
same "the policy of the start is generation 1" 1 "$(generation rules)"
sed -i 's/8\.8\.8\.8/8.8.4.4/' "$WORK/agent.msb"
fares "a file that changes does nothing by itself" connected tcp 8.8.8.8 80
reload rules --dry-run
same "a dry run: status" 0 "$status"
contains "says what closes" "$out" '^- deny +egress@8\.8\.8\.8:tcp:80'
contains "and that nothing was changed" "$out" 'nothing was changed \(--dry-run\)'
fares "and changes nothing" connected tcp 8.8.8.8 80
reload rules
same "the files as they are now: status" "0 " "$status $err"
contains "what opens is said" "$out" '^\+ allow +egress@8\.8\.4\.4:tcp:80'
contains "and which generation it is" "$out" 'rules has the new policy: generation 2'
fares "what is allowed now" connected tcp 8.8.4.4 80
fares "what is denied now" refused tcp 8.8.8.8 80
same "status knows" 2 "$(generation rules)"
(cd / && "$CTL" reload rules >/dev/null) # relative paths are msb-run's
same "from another directory" 3 "$(generation rules)"
reload rules --net-default allow
fares "options in place of the file" connected tcp 1.2.3.4 80
reload rules --format json --policy "$WORK/agent.msb"
same "JSON: what closes, which generation" "5 true" "$(jq -r '"\(.generation) \(.diff.changes | length > 0)"' <<<"$out")"

# --- a reload that fails ---
before=$("$CTL" status rules --format json | jq -c .generation)
echo 'allow@nobody-knows-this-group:tcp:80' >"$WORK/bad.msb"
reload rules --policy "$WORK/bad.msb"
same "a policy with errors: status" 1 "$status"
contains "its place" "$err" 'bad\.msb:1'
reload rules --policy "$WORK/absent.msb"
same "a file that is not there" 1 "$status"
for fixed in '--net-mtu 1400' '--net-ipv4-pool 10.99.0.0/16' '--max-connections 7' '--net-nat64-prefix 2001:db8:64::/96'; do
	# shellcheck disable=SC2086
	reload rules --policy "$WORK/agent.msb" $fixed
	contains "what cannot change is named: $fixed" "$status $err" '^1 .*cannot change while the sandbox runs'
done
reload rules --policy "$WORK/agent.msb" --floor "$WORK/agent.msb"
same "floors stay" 2 "$status"
same "the old policy is in force" "$before" "$(generation rules)"
fares "as ever" connected tcp 8.8.4.4 80
reload nobody
same "no such sandbox" 3 "$status"

# --- names with live bindings ---
ask 'busybox nslookup a.example.com | tail -n +4'
address=$(grep -oE '[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+' <<<"$said" | tail -1)
fares "an address a name holds" connected tcp "${address:-0.0.0.1}" 80
sed -i 's/^default egress deny$/&\ndeny@10.0.0.0\/8/' "$WORK/agent.msb"
reload rules --policy "$WORK/agent.msb"
fares "is open behind a reload, without another lookup" connected tcp "$address" 80
sed -i 's/allow@a\.example\.com:tcp:80/allow@a.example.com:tcp:81/' "$WORK/agent.msb"
reload rules --policy "$WORK/agent.msb"
fares "on other ports it is closed" refused tcp "$address" 80
sed -i '/a\.example\.com/d' "$WORK/agent.msb"
reload rules --policy "$WORK/agent.msb"
ask 'busybox nslookup a.example.com 2>&1 | grep -c NXDOMAIN'
contains "a name that is allowed no more is not answered" "$said" '^[1-9]'
sed -i '$a allow@a.example.com:tcp:80' "$WORK/agent.msb"
reload rules --policy "$WORK/agent.msb"
ask 'busybox nslookup a.example.com | tail -n +4'
contains "and answered again once it is" "$said" "$address"
fares "and open" connected tcp "$address" 80

# --- whatever a policy holds, the DNS worker makes it in its jail, where one wrong system call is its end ---
for policy in "$TESTS"/../policies/*.msb "$TESTS"/golden/{agent,escapes,include,in-networks,msb-json,msb-yaml,statements}/*.{msb,json,yaml}; do
	[ -e "$policy" ] || continue
	reload rules --policy "$policy" --today 2026-11-24
	contains "in the jail: ${policy##*/}" "$status $err" '^0|cannot change while the sandbox runs|: error: '
	same "and lives" 0 "$("$CTL" status rules >/dev/null 2>&1; echo $?)"
done
end
finish
