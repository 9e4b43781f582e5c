#!/usr/bin/env bash
# What check and diff cost on long policies: seconds and memory, on 1,000 to 100,000 rules of all kinds (mixed) and
# of networks that all meet ports of everybody (crossed). usage: tests/bench/tools.sh BUILD
set -eu
policyc=$(realpath "${1:?usage: tests/bench/tools.sh BUILD}")/msb-policyc
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/msb-bench.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT

measure() { # NAME COMMAND…: processor seconds, peak memory
	local name=$1
	shift
	python3 - "$name" "$@" <<'P'
import resource, subprocess, sys
subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
use = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{sys.argv[1]:<46} {use.ru_utime + use.ru_stime:8.2f} s {use.ru_maxrss / 1024:8.0f} MiB")
P
}
for shape in mixed crossed; do
	for count in 1000 10000 100000; do
		python3 "$here/policy.py" "$count" 1 $shape >"$work/old.msb"
		# a change as people make it: a few rules gone, a few turned round
		sed '77,90d;500s/allow/deny/;700s/deny/allow/;800s/443/80/' "$work/old.msb" >"$work/new.msb"
		measure "check, $count rules, $shape" "$policyc" check "$work/old.msb"
		measure "diff, $count rules, $shape" "$policyc" diff "$work/old.msb" "$work/new.msb"
	done
done
