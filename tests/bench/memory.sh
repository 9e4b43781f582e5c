#!/usr/bin/env bash
# What the processes of a sandbox hold of memory (PSS: what is shared counts in parts), without QEMU, and dnsmasq's alone over that: one
# JSON object for all of them together, with the part of each. usage: tests/bench/memory.sh BUILD
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../e2e/lib.sh"
world_up >&2
runs=${RUNS:-5}

pss() { # PID…: in kB
	local pid
	for pid in "$@"; do awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"; done | awk '{ sum += $1 } END { print sum }'
}
settled() { grep -q 'hello from the Internet' "$WORK/one.out"; }
for _ in $(seq "$runs"); do
	dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --server="$INTERNET4" --port=5353 --listen-address=127.0.0.1 \
		--bind-interfaces --user=nobody --pid-file= &
	dnsmasq_pid=$!
	start_sandbox one --quiet --net-rule allow@dns,allow@public -- sh -c 'wget -qO- http://example.com/; exec sleep 600'
	wait_for 20 settled
	wait_for 20 dig +short +time=1 +tries=1 -p 5353 @127.0.0.1 example.com
	sleep 1
	processes=$(pgrep '^msb-' | tr '\n' ' ')
	# shellcheck disable=SC2086
	echo "$(pss $processes) $(pss "$dnsmasq_pid")" >>"$WORK/figures"
	for pid in $processes; do echo "$(cat "/proc/$pid/comm") $(pss "$pid")"; done >>"$WORK/each"
	kill "$sandbox_pid" "$dnsmasq_pid"
	wait "$sandbox_pid" "$dnsmasq_pid" 2>/dev/null || true
done
python3 - "$WORK/figures" "$WORK/each" <<'P'
import collections, json, statistics, sys
pairs = [tuple(map(int, line.split())) for line in open(sys.argv[1])]
each = collections.defaultdict(list)
for line in open(sys.argv[2]):
    name, kb = line.split()
    each[name].append(int(kb))
low, ratio, high = statistics.quantiles([theirs / ours for ours, theirs in pairs], n=4)
print(json.dumps({"work": "memory (PSS): dnsmasq's over that of all processes", "against": "dnsmasq alone", "ratio": round(ratio, 2), "low": round(low, 2),
                  "high": round(high, 2), "runs": len(pairs), "value": statistics.median(o for o, _ in pairs), "unit": "kB", "goal": 1.0,
                  "each": {name: statistics.median(kb) for name, kb in each.items()}}))
P
