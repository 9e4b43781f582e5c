#!/usr/bin/env bash
# The demo: one microVM under policies/python-agent.msb, in the make-believe Internet of e2e/lib.sh. Each line of the table
# sets what the policy says, asked of msb-policyc, beside what happened on the wire, tried from inside the VM, one at a time.
# It fails where a flow fares otherwise than the policy says, or where a packet of a refused one arrived out there.
# usage: tests/demo.sh BUILD [POLICY]: the VM gets POLICY instead, to see that a mismatch is seen
. "$(dirname "$0")/e2e/lib.sh"
cd "$TESTS/.." || exit 3
POLICY=policies/python-agent.msb
ENFORCED=${2:-$POLICY}
BUILD_NAME=$(realpath --relative-to=. "$BUILD")

# What is tried: how the table calls it | the flow for msb-policyc | for the VM | whose packets are counted, where the
# count says something
flows() {
	cat <<-EOF
		egress@151.101.0.223:tcp:443 (no lookup)|egress@151.101.0.223:tcp:443|tcp 151.101.0.223 443|151.101.0.223 tcp 443
		dns@pypi.org|dns@pypi.org|dns pypi.org|$RESOLVER udp 53
		egress@pypi.org:tcp:443|egress@pypi.org:tcp:443|name pypi.org 443|151.101.0.223 tcp 443 151.101.64.223 tcp 443
		egress@pypi.org:tcp:80|egress@pypi.org:tcp:80|name pypi.org 80|151.101.0.223 tcp 80 151.101.64.223 tcp 80
		dns@example.com|dns@example.com|dns example.com|$RESOLVER udp 53
		rebind.pythonhosted.org answers 10.0.0.5|answer@10.0.0.5|dns rebind.pythonhosted.org|
		egress@169.254.169.254:tcp:80|egress@169.254.169.254:tcp:80|tcp 169.254.169.254 80|169.254.169.254
		egress@10.0.0.5:tcp:22|egress@10.0.0.5:tcp:22|tcp 10.0.0.5 22|10.0.0.5
		egress@8.8.8.8:udp:53 (its own resolver)|egress@8.8.8.8:udp:53|dns pypi.org 8.8.8.8|8.8.8.8
	EOF
}

# In the VM: takes the probe, then tries what it is told, a line each, and says how it fared. A name is looked up first.
guest_script() {
	cat <<-'EOF'
		dd bs="$1" count=1 iflag=fullblock of=/tmp/probe 2>/dev/null && chmod +x /tmp/probe || exit 1
		gateway=$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -n 1)
		echo up
		while read -r what to port; do
			case $what in
			tcp) /tmp/probe tcp "$to" "$port" ;;
			dns) /tmp/probe dns "$to" "${port:-$gateway}" ;;
			name) address=$(/tmp/probe dns "$to" "$gateway"); /tmp/probe tcp "${address%% *}" "$port" ;;
			esac
		done
	EOF
}

# start_vm: leaves two descriptors, to_vm and from_vm, and up_ms
start_vm() {
	local word start=${EPOCHREALTIME/./} size
	size=$(stat -c %s "$PROBE")
	mkfifo "$WORK/to" "$WORK/from"
	"$BUILD/msb-run" --quiet --policy "$ENFORCED" --name demo -- sh -c "$(guest_script)" demo "$size" \
		<"$WORK/to" >"$WORK/from" 2>"$WORK/err" &
	VM_PID=$!
	exec {to_vm}>"$WORK/to" {from_vm}<"$WORK/from"
	cat "$PROBE" >&"$to_vm"
	if ! read -r -t 90 word <&"$from_vm" || [ "$word" != up ]; then
		echo "demo: the VM did not come up:" >&2
		cat "$WORK/err" >&2
		exit 1
	fi
	up_ms=$(((${EPOCHREALTIME/./} - start) / 1000))
}

# arrived ADDRESS [PROTO PORT]…: how many packets of these have arrived on the Internet since seen_reset
arrived() {
	local total=0
	while [ $# -gt 0 ]; do
		total=$((total + $(seen "$1" "${2-}" "${3-}")))
		shift $(($# < 3 ? $# : 3))
	done
	echo "$total"
}

# fared VERDICT OUTCOME PACKETS: whether that is how a flow with that verdict fares; PACKETS empty: they say nothing
fared() {
	case $1:$2 in
	allow:connected | allow:answered | allow:[0-9]*) [ "${3:-1}" -gt 0 ] ;;
	deny:refused | deny:prohibited | deny:NXDOMAIN) [ "${3:-0}" -eq 0 ] ;;
	*) false ;;
	esac
}

# try_flow LABEL FLOW COMMAND COUNTED: one line of the table, to $WORK/table
try_flow() {
	local label=$1 verdict rule place text outcome='no answer' ms='' packets='' mark=''
	IFS=$'\t' read -r verdict _ place text < <("$BUILD/msb-policyc" eval "$POLICY" "$2" 2>>"$WORK/err")
	[ "$place" = - ] && place='' || place=$(cut -d: -f2 <<<"$place")
	seen_reset
	echo "$3" >&"$to_vm"
	read -r -t 20 outcome ms _ <&"$from_vm"
	# shellcheck disable=SC2086 # several words
	[ -z "$4" ] || packets=$(arrived $4)
	tried=$((tried + 1))
	if fared "$verdict" "$outcome" "$packets"; then
		as_said=$((as_said + 1))
	else
		mark="   <-- not as the policy says${packets:+, packets that arrived: $packets}"
	fi
	printf '%s|%s|%s|%s|%s|%s\n' "$label" "${verdict:-none}" "$outcome" "${ms:-?}" "${place:+:$place}" "$text$mark" >>"$WORK/table"
}

# The table, its columns as wide as what they hold
print_table() {
	awk -F'|' '
		{ for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
		END {
			printf "%-*s  %-6s  %-*s  %s\n", width[1], "tried from inside the VM", "policy", width[3] + width[4] + 5, "on the wire", "decided by"
			for (r = 1; r <= NR; r++)
				printf "%-*s  %-6s  %-*s  %*s ms  %s%s\n", width[1], cell[r, 1], cell[r, 2], width[3], cell[r, 3], width[4],
					cell[r, 4], cell[r, 5] == "" ? "" : cell[r, 5] "  ", cell[r, 6]
		}' "$WORK/table"
}

world_up
[ "$ENFORCED" = "$POLICY" ] || echo "the VM is under $ENFORCED instead"
"$BUILD/msb-policyc" check "$POLICY" | sed -n "s|^$POLICY: no findings (\(.*\), default ingress.*|$POLICY   \1|p"
start_vm
printf 'guest  QEMU microvm, %s, up in %d.%d s; the Internet is a namespace, nothing leaves this machine\n\n' \
	"$(grep -q 'using TCG' "$WORK/err" && echo TCG || echo KVM)" $((up_ms / 1000)) $((up_ms % 1000 / 100))
tried=0 as_said=0
while IFS='|' read -r label flow command counted; do
	try_flow "$label" "$flow" "$command" "$counted"
done < <(flows)
exec {to_vm}>&-
wait "$VM_PID"
print_table
echo
echo "$tried tried, $as_said fared as the policy says"
echo "try it: sudo $BUILD_NAME/msb-run --policy $POLICY -- sh"
[ "$tried" -gt 0 ] && [ "$tried" -eq "$as_said" ]
