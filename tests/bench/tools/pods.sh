#!/usr/bin/env bash
# What pods cost a node, in all their parts, as one JSON object; 200 take two minutes. Their links are made here, as the plugin `bridge` makes
# them: it and `ptp` wait a second or two a pod for an IPv6 address. Not 0 where a call failed. usage: pods.sh BUILD [PODS [AT_ONCE]]
. "$(dirname "$0")/../../e2e/lib.sh"
. "$TESTS/e2e/cni-lib.sh"
pods=${2:-200} at_once=${3:-8}
world_up >&2
network_up
exec 3>&1 >&2

now_us() { echo "${EPOCHREALTIME/./}"; }
# subject NUMBER: the pod of that number
subject() {
	pod=pod$1 pod4=10.88.$(($1 / 250)).$(($1 % 250 + 2)) pod6=fd88::$(printf %x $(($1 + 2)))
	CNI_CONTAINERID=$pod CNI_NETNS=/run/netns/$pod CNI_IFNAME=eth0
}
make_link() {
	subject "$1"
	pod_up "$pod" "$pod4" "$pod6"
	net_conf '"rules":["allow@dns","allow@public:tcp:443"]' >"$WORK/$pod.conf"
}
connect() { subject "$1" && pod_connect; }
# --- the work on a pod, by its number -------------------------------------------------------------------------

add() { plugin ADD "$1"; }
del() { plugin DEL "$1"; }
plugin() {
	subject "$2"
	CNI_COMMAND=$1 CNI_CONTAINERID=$CNI_CONTAINERID CNI_NETNS=$CNI_NETNS CNI_IFNAME=$CNI_IFNAME "$BUILD/msb-cni" <"$WORK/$pod.conf"
}
reload() { "$BUILD/msb-ctl" reload "${names[$1]}" --policy "$WORK/other$((changes % 2)).msb"; }
# times WORK NUMBER…: the microseconds of each, a line, or "failed"
times() {
	local work=$1 start number
	shift
	for number in "$@"; do
		start=$(now_us)
		if "$work" "$number" >"$WORK/answer.$BASHPID"; then
			echo $(($(now_us) - start))
		else
			cat "$WORK/answer.$BASHPID" >&2
			echo failed
		fi
	done
}
# times_at_once WORK: of all pods, so many at once
times_at_once() {
	local first workers=()
	for first in $(seq "$at_once"); do
		# shellcheck disable=SC2046
		times "$1" $(seq "$first" "$at_once" "$pods") >"$WORK/times.$first" &
		workers+=($!)
	done
	wait "${workers[@]}"
	cat "$WORK"/times.* && rm "$WORK"/times.*
}
# summary TIMES: an object in ms
summary() {
	grep -v failed <<<"$1" | jq -s 'def ms: . / 100 | round / 10;
		sort | { median: .[length / 2 | floor] | ms, p99: .[length * 99 / 100 | floor] | ms, slowest: .[-1] | ms }'
}

# --- what all of them have ------------------------------------------------------------------------------------

processes() { pgrep '^msb-' | sed "s|.*|/proc/&/$1|"; }
# shellcheck disable=SC2046
pss() { awk '/^Pss:/ { s += $2 } END { print s + 0 }' $(processes smaps_rollup); }
# shellcheck disable=SC2046
worked() { awk '{ s += $1 } END { printf "%.0f\n", s }' $(processes schedstat); } # ns
# shellcheck disable=SC2046
woken() { awk '/^voluntary_ctxt/ { s += $2 } END { print s }' $(processes status); }
# kernel_kb: what it holds that cannot be given back; stacks are part of what vmalloc has
kernel_kb() { awk '/^(SUnreclaim|PageTables|Percpu|VmallocUsed):/ { s += $2 } END { print s }' /proc/meminfo; }

# --------------------------------------------------------------------------------------------------------------

numbers=$(seq "$pods")
for number in 0 $numbers; do make_link "$number"; done
times add 0 >/dev/null
sleep 10
pss_before=$(pss) kernel_before=$(kernel_kb)
# shellcheck disable=SC2086
adds=$(times add $numbers)
sleep 10
pss_each=$((($(pss) - pss_before) / pods)) kernel_each=$((($(kernel_kb) - kernel_before) / pods))
count=$(processes '' | wc -l)

worked=$(worked) woken=$(woken)
sleep 30
worked=$((($(worked) - worked) / 30)) woken=$(($(woken) - woken))

printf 'default egress deny\nallow@public:tcp:443\n' >"$WORK/other0.msb"
printf 'default egress deny\nallow@public:tcp:{80,443}\n' >"$WORK/other1.msb"
mapfile -t names < <("$BUILD/msb-ctl" ps --format json | jq -r '.sandboxes[].name')
changes=0
reloads=$(times reload $(seq 20))
changes=1 start=$(now_us)
storm_reloads=$(times_at_once reload)
reload_all=$(($(now_us) - start))

# shellcheck disable=SC2086
dels=$(times del $numbers)
for number in $numbers; do connect "$number"; done
start=$(now_us)
storm=$(times_at_once add)
storm_us=$(($(now_us) - start))
gc=$(net_conf | jq -c '."cni.dev/valid-attachments" = []')
start=$(now_us)
CNI_COMMAND=GC CNI_PATH=/ "$BUILD/msb-cni" <<<"$gc"
gc_us=$(($(now_us) - start))
failed=$(printf '%s\n' "$adds" "$reloads" "$storm_reloads" "$dels" "$storm" | grep -c failed)

jq -n --argjson pods "$pods" --argjson at_once "$at_once" --argjson processes "$count" --argjson pss "$pss_each" --argjson kernel "$kernel_each" \
	--argjson worked "$worked" --argjson woken "$woken" --argjson add "$(summary "$adds")" \
	--argjson first "$(summary "$(head -n 20 <<<"$adds")")" --argjson last "$(summary "$(tail -n 20 <<<"$adds")")" \
	--argjson reload "$(summary "$reloads")" --argjson reload_all "$reload_all" --argjson del "$(summary "$dels")" \
	--argjson storm "$(summary "$storm")" --argjson storm_us "$storm_us" --argjson gc "$gc_us" --argjson left "$(processes '' | wc -l)" \
	--argjson failed "$failed" '
	def s: . / 100000 | round / 10;
	{ pods: $pods, at_once: $at_once, processes: $processes, failed: $failed, left: $left,
	  add_ms: ($add + { median_of_the_first_20: $first.median, median_of_the_last_20: $last.median }),
	  pss_kb_a_pod: $pss, kernel_kb_a_pod: $kernel,
	  idle_us_a_second: ($worked / 1000 | round), idle_wakeups_a_second: ($woken / 30),
	  reload_ms: $reload, reload_all_at_once_s: ($reload_all | s), del_ms: $del,
	  add_all_at_once_s: ($storm_us | s), add_at_once_ms: $storm, gc_all_s: ($gc | s) }' >&3
[ "$failed" = 0 ]
