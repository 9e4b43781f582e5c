#!/usr/bin/env bash
# fmt as a command: what it writes, what it leaves alone, and its statuses. usage: fmt.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

messy='allow@a.example   log\ndefault egress deny\n'
neat='default egress deny\n\nallow@a.example  log\n'

expect() { # NAME STATUS OUTPUT COMMAND…: standard output as given, every byte of it
	local name=$1 want=$2 output=$3
	shift 3
	"$@" >.out 2>.err
	local got=$?
	if [ $got -ne "$want" ]; then
		not_ok "$name" "status $got, not $want: $(head -1 .err)"
	elif ! printf -- "$output" | cmp -s - .out; then
		not_ok "$name" "printed: $(head -3 .out)"
	else
		ok "$name"
	fi
}
holds() { # NAME FILE TEXT
	printf "$3" | cmp -s - "$2"
	check "$1" $? "$(head -3 "$2")"
}

printf "$messy" >a.msb
chmod 640 a.msb
ln -s a.msb link.msb
expect fmt/check-names-the-file 1 'a.msb: not in canonical layout\n' "$policyc" fmt --check a.msb
holds fmt/check-changes-nothing a.msb "$messy"
"$policyc" fmt --diff a.msb >change.diff
cp a.msb patched.msb
if command -v patch >/dev/null; then
	patch -s patched.msb change.diff
	holds fmt/diff-is-a-patch patched.msb "$neat"
else
	skip fmt/diff-is-a-patch "no patch program"
fi
expect fmt/rewrites 0 'link.msb: rewritten\n' "$policyc" fmt link.msb
holds fmt/through-a-link a.msb "$neat"
[ -L link.msb ] && [ "$(stat -c %a a.msb)" = 640 ]; check fmt/link-and-mode-stay $? "$(ls -l)"
expect fmt/says-nothing-of-a-neat-file 0 '' "$policyc" fmt a.msb
expect fmt/check-of-a-neat-file 0 '' "$policyc" fmt --check a.msb
expect fmt/diff-of-a-neat-file 0 '' "$policyc" fmt --diff a.msb
expect fmt/standard-input 0 "$neat" "$policyc" fmt - < <(printf "$messy")
expect fmt/check-of-standard-input 1 'x.msb: not in canonical layout\n' "$policyc" fmt --check --stdin-name x.msb - < <(printf "$messy")

# what it replaces stays its owner's, and out of its directory nothing is touched
if [ "$(id -u)" = 0 ]; then
	printf "$messy" >owned.msb
	chown 12345:23456 owned.msb
	chmod 2750 owned.msb
	"$policyc" fmt owned.msb >/dev/null
	holds fmt/owned owned.msb "$neat"
	same fmt/owner-group-and-mode "12345:23456 2750" "$(stat -c '%u:%g %a' owned.msb)"
else
	skip fmt/owner-group-and-mode "not root"
fi
mkdir -p out in
printf "$messy" >out/secret.msb
ln -s ../out/secret.msb in/link.msb
expect fmt/link-out 1 '' "$policyc" fmt in/link.msb
holds fmt/link-out-untouched out/secret.msb "$messy"

printf 'allow@{a\n' >broken.msb
expect fmt/broken 1 '' "$policyc" fmt broken.msb
holds fmt/broken-is-left broken.msb 'allow@{a\n'
contains fmt/broken-says-where "$(cat .err)" '^broken.msb:1:7: error: '
printf "$messy" >b.msb
expect fmt/the-worst-status-of-several 1 'b.msb: rewritten\n' "$policyc" fmt broken.msb b.msb
expect fmt/missing-file 3 '' "$policyc" fmt missing.msb
echo '{}' >policy.json
expect fmt/json-has-no-layout 2 '' "$policyc" fmt policy.json
expect fmt/no-file 2 '' "$policyc" fmt </dev/null
# A file keeps its line ends: the first line's, so that a mixed one becomes uniform
crlf='default egress deny\r\n\r\nallow@a.example  log\r\n'
printf 'allow@a.example   log\r\ndefault egress deny\r\n' >crlf.msb
expect fmt/crlf-is-rewritten 0 'crlf.msb: rewritten\n' "$policyc" fmt crlf.msb
holds fmt/crlf-stays crlf.msb "$crlf"
expect fmt/check-of-a-neat-crlf-file 0 '' "$policyc" fmt --check crlf.msb
expect fmt/mixed-line-ends-become-the-first 0 "$crlf" "$policyc" fmt - < <(printf 'default egress deny\r\n\nallow@a.example log\n')
expect fmt/mixed-from-lf 0 "$neat" "$policyc" fmt - < <(printf 'default egress deny\n\r\nallow@a.example log\r\n')
expect fmt/crlf-comments-and-lists 0 '# a\r\nallow@{\r\n\ta.example,  # b\r\n\tb.example\r\n}:tcp\r\n' \
	"$policyc" fmt - < <(printf '# a\r\nallow@{\r\na.example, # b\r\nb.example\r\n}:tcp\r\n')
expect fmt/byte-order-mark-is-dropped 0 "$crlf" "$policyc" fmt - < <(printf "\xef\xbb\xbf$crlf")
printf "$messy" >-x.msb
expect fmt/file-like-an-option 0 '-x.msb: rewritten\n' "$policyc" fmt -- -x.msb
same fmt/nothing-left-behind "" "$(find . -name '*.msb.*')"
finish
