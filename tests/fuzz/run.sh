#!/usr/bin/env bash
# Runs every fuzzer for SECONDS over the seeds this tree holds; what it finds stays in BUILD/fuzz/findings.
# usage: run.sh BUILD SECONDS [NAME…]
set -u
build=$(realpath "${1:?usage: run.sh BUILD SECONDS [NAME…]}")
seconds=${2:?usage: run.sh BUILD SECONDS [NAME…]}
shift 2
cd "$(dirname "$0")/../.." || exit 3
work=$(mktemp -d /tmp/msb-fuzz.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT
findings=$build/fuzz/findings
mkdir -p "$findings"
failed=0

# A line of a file a seed, "#" lines aside
seeds_of_lines() { # DIRECTORY COLUMN FILE
	grep -v '^#' "$3" | cut -f"$2" | awk -v directory="$1" '{ printf "%s", $0 > (directory "/line" NR); close(directory "/line" NR) }'
}

# The same of bytes in hex, two bytes that choose before them
seeds_of_hex() { # DIRECTORY COLUMN FILE
	python3 - "$@" <<-'END'
		import sys
		directory, column, path = sys.argv[1:]
		for number, line in enumerate(open(path, encoding="utf-8")):
		    if not line.startswith("#"):
		        with open(f"{directory}/line{number}", "wb") as seed:
		            seed.write(bytes([0, number]) + bytes.fromhex(line.split("\t")[int(column) - 1]))
	END
}

seed() { # NAME DIRECTORY
	case $1 in
	policy) cp policies/*.msb tests/golden/*/*.msb "$2" 2>/dev/null ;;
	api) for file in policies/*.msb; do { printf 'egress@github.com:tcp:443\001' && cat "$file"; } >"$2/${file##*/}"; done ;;
	json) cp policies/*.json tests/golden/*/*.json tests/golden/*/json "$2" 2>/dev/null ;;
	yaml) cp policies/*.yaml tests/golden/*/*.yaml "$2" 2>/dev/null ;;
	token) seeds_of_lines "$2" 1 tests/vectors/tokens.tsv ;;
	event_text) seeds_of_lines "$2" 1 <(sed -n '/^```json$/,/^```$/{/^```/!p}' docs/events.md) ;;
	hello) seeds_of_hex "$2" 2 tests/vectors/sni.tsv ;;
	esac
	[ ! -d "tests/fuzz/seeds/$1" ] || cp tests/fuzz/seeds/"$1"/* "$2"
}

# fuzz FUZZER NAME: prints how it went; false where it found something
fuzz() {
	local name=$2 dictionary=() finding
	mkdir -p "$work/$name"
	seed "$name" "$work/$name"
	[ -e "tests/fuzz/$name.dict" ] && dictionary=(-dict="tests/fuzz/$name.dict")
	if "$1" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=1024 -max_len=8192 "${dictionary[@]}" \
		-artifact_prefix="$findings/$name-" "$work/$name" >"$work/$name.log" 2>&1; then
		echo "ok fuzz/$name - $(grep -o 'Done [0-9]* runs in [0-9]* second' "$work/$name.log")s"
		return
	fi
	echo "not ok fuzz/$name - see $findings"
	tail -40 "$work/$name.log"
	for finding in "$findings/$name"-*; do # where nobody can fetch the file
		[ ! -s "$finding" ] || { echo "$finding, in base64:" && base64 -w0 "$finding" && echo; }
	done
	return 1
}

# a processor for each
running=0
for fuzzer in "$build"/fuzz/fuzz_*; do
	[ -f "$fuzzer" ] || continue
	name=${fuzzer##*/fuzz_}
	[ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
	if [ $running -ge "$(nproc)" ]; then
		wait -n || failed=1
		running=$((running - 1))
	fi
	fuzz "$fuzzer" "$name" >"$work/$name.out" 2>&1 &
	running=$((running + 1))
done
while [ $running -gt 0 ]; do
	wait -n || failed=1
	running=$((running - 1))
done
cat "$work"/*.out
exit $failed
