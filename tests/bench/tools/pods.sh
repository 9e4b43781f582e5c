#!/usr/bin/env bash
# What pods cost a node: their ADD, memory, and processor time while they do nothing. One JSON object. Takes a second or two a
# pod, in which ptp waits for its IPv6 address. usage: pods.sh BUILD [PODS]
. "$(dirname "$0")/../../cni/lib.sh"
pods=${2:-200}
node_up >&2
network routed ptp '{ "rules": ["allow@dns", "allow@public:tcp:443"] }'
own=$(($(types routed | wc -l) - 1))

pss() { for pid in $(pgrep '^msb-'); do awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"; done | awk '{ s += $1 } END { print s + 0 }'; }
worked() { for pid in $(pgrep '^msb-'); do cut -d' ' -f1 "/proc/$pid/schedstat"; done | awk '{ s += $1 } END { printf "%.0f\n", s }'; }

# add_timed NAME: the namespace and the previous plugin first; then ours, whose milliseconds go to $WORK/times
add_timed() {
	local result config start
	ip netns add "$1"
	result=$(call ADD "$1" "/run/netns/$1" ptp "$(config routed 0)") || return
	config=$(config routed $own "{ \"prevResult\": $result }")
	start=${EPOCHREALTIME/./}
	call ADD "$1" "/run/netns/$1" msb-cni "$config" >"$WORK/answer" || { cat "$WORK/answer" >&2; return 1; }
	echo $((${EPOCHREALTIME/./} - start)) >>"$WORK/times"
}
add_timed first || exit 1
before=$(pss)
for number in $(seq "$pods"); do add_timed "pod$number" || exit 1; done
sleep 5
pss_each=$((($(pss) - before) / pods))
start=$(worked) && sleep 10
idle=$((($(worked) - start) / 10000)) # ns in 10 s to ppm of a processor
sort -n "$WORK/times" | jq -s --argjson pods "$pods" --argjson pss "$pss_each" --argjson idle "$idle" \
	--argjson processes "$(pgrep -c '^msb-')" '{ pods: $pods, add_ms: { median: (.[length / 2 | floor] / 1000), p99: (.[length * 99 / 100 | floor] / 1000) },
		pss_kb_a_pod: $pss, processes: $processes, idle_ppm_of_a_processor: $idle }'
