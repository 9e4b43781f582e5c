#!/usr/bin/env bash
# Files made to hurt: each ends in a clear error or an answer, in bounded time and memory. usage: hostile-files.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

repeat() { # TEXT COUNT
	python3 -c 'import sys; sys.stdout.write(sys.argv[1].encode().decode("unicode_escape") * int(sys.argv[2]))' "$1" "$2"
}

refused() { # NAME FILE [COMMAND…]
	local name=$1 file=$2
	shift 2
	[ $# -gt 0 ] || set -- check
	bounded 120 "$policyc" "$@" "$file"
	if [ "$status" -ne 1 ] && [ "$status" -ne 3 ]; then
		not_ok "$name" "status $status: $(head -c 200 "$work/.out")"
	elif ! grep -q 'error' "$work/.out"; then
		not_ok "$name" "no error"
	elif [ "$(stat -c %s "$work/.out")" -gt 200000 ]; then
		not_ok "$name" "$(stat -c %s "$work/.out") bytes of output"
	elif has_raw_control "$work/.out"; then
		not_ok "$name" "control characters in the output"
	else
		ok "$name"
	fi
}

repeat 'a' 10000000 >word.msb
refused hostile-files/a-word-of-10-MB word.msb
(echo -n 'allow@'; repeat '{' 10000000) >braces.msb
refused hostile-files/braces-10-million-deep braces.msb
(echo -n 'allow@{'; repeat '{\n' 2000000) >brace-lines.msb
refused hostile-files/braces-on-2-million-lines brace-lines.msb
(echo -n 'allow@{'; repeat 'a.example,\n' 1000000) >list.msb
refused hostile-files/a-list-of-a-million list.msb
repeat 'allow@x.example because "\n' 400000 >strings.msb
refused hostile-files/strings-without-end strings.msb
repeat 'allow@10.0.0.0/8:tcp:1-65535\n' 1100000 >rules.msb
refused hostile-files/more-than-a-million-rules rules.msb
repeat '\x00' 1000000 >nul.msb
refused hostile-files/nul-bytes nul.msb
head -c 3000000 /dev/urandom >random.msb
refused hostile-files/random-bytes random.msb
truncate -s 65M large.msb
refused hostile-files/larger-than-any large.msb
(echo 'default egress deny'; for i in $(seq 1 3000); do echo "group g$i = g$((i + 1))"; done; echo 'group g3001 = g1'; echo 'allow@g1') >cycle.msb
refused hostile-files/a-circle-of-3000-groups cycle.msb
(for i in $(seq 1 30); do echo "group g$i = g$((i + 1)), g$((i + 1)), g$((i + 1)), g$((i + 1))"; done; echo 'group g31 = a.example'; echo 'allow@g1') >tree.msb
bounded 120 "$policyc" check tree.msb
[ "$status" -le 1 ]; check hostile-files/groups-that-double $? "status $status"

repeat '[' 1000000 >deep.json
refused hostile-files/json-a-million-deep deep.json
(printf '{"rules":['; repeat '{},' 500000; printf '{}]}') >wide.json
refused hostile-files/json-half-a-million-rules wide.json
repeat '- ' 1000000 >deep.yaml
refused hostile-files/yaml-a-million-deep deep.yaml
(echo 'a: &a [x,x,x,x,x,x,x,x,x]'; for c in b c d e f g h i; do echo "$c: &$c [*a,*a,*a,*a,*a,*a,*a,*a,*a]"; done) >laughs.yaml
refused hostile-files/yaml-a-billion-laughs laughs.yaml
refused hostile-files/fmt-of-a-word word.msb fmt --check
refused hostile-files/fmt-of-braces brace-lines.msb fmt --check
finish
