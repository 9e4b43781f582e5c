#!/usr/bin/env bash
# text-injection: what a policy's author puts into names, reasons, comments and file names reaches no terminal,
# ruleset, SARIF file or workflow command as more than text. usage: text-injection.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

esc=$'\033' rlo=$'\xe2\x80\xae'

no_control() { # NAME COMMAND…: whatever it prints
	local name=$1
	shift
	bounded 60 "$@"
	if [ "$status" -gt 3 ] && [ "$status" -ne 125 ]; then
		not_ok "$name" "status $status: $(head -1 "$work/.out")"
	elif [ ! -s "$work/.out" ] && [[ $name != *github ]]; then # no finding, no annotation
		not_ok "$name" "it printed nothing"
	elif has_raw_control "$work/.out"; then
		not_ok "$name" "control characters in the output"
	else
		ok "$name"
	fi
}

# A file name with all of it, and a policy that is fine
name="a${esc}[31m"$'\x9b31m\xc2\x9b'$'\n'"::error::x,y%\"\\\`|<b>${rlo}.msb"
cat >"$name" <<-'END'
	default egress deny
	allow@public:tcp:443  because "`$(x)` | <script>alert(1)</script> ::error title=x::y %0A::z \" # @everyone ]]> --"
	allow@dns
	expect allow egress@8.8.8.8:tcp:443
	expect deny egress@8.8.8.8:tcp:80
END
sed -i 's/ \\" / /' "$name"
for format in text json sarif github; do
	no_control "text-injection/file-name-$format" "$policyc" check --format $format "$name"
done
for stage in nft dns json ast policy ir; do
	no_control "text-injection/file-name-$stage" "$policyc" compile --emit $stage "$name"
done
no_control text-injection/file-name-eval "$policyc" eval "$name" egress@8.8.8.8:tcp:443
no_control text-injection/file-name-explain "$policyc" explain "$name" egress@8.8.8.8:tcp:443
no_control text-injection/file-name-test "$policyc" test "$name"
no_control text-injection/file-name-test-tap "$policyc" test --format tap "$name"
no_control text-injection/file-name-test-junit "$policyc" test --format junit "$name"
no_control text-injection/file-name-fmt "$policyc" fmt --diff "$name"
no_control text-injection/file-name-missing "$policyc" check "missing $name"
no_control text-injection/diff-text "$policyc" diff "$name" /dev/null
no_control text-injection/diff-markdown "$policyc" diff --format markdown "$name" /dev/null

# Workflow commands come from us alone
printf 'allow@x.example because "x" y\nallow@%s\n' '::error::oops%0A::stop-commands::x' >commands.msb
"$policyc" check --format github commands.msb >github 2>&1
same text-injection/workflow-commands "" "$(grep -v '^::\(error\|warning\|notice\) file=commands.msb,line=[0-9]*,' github)"

# A comment in the ruleset ends where we end it
printf 'default egress deny\nallow@public:tcp:443 because "x"\nallow@dns\n' >'q" ; flush ruleset ; ".msb'
"$policyc" compile --emit nft 'q" ; flush ruleset ; ".msb' >ruleset
if grep -v '^#' ruleset | grep flush | grep -vq 'comment "[^"\\]*"$'; then
	not_ok text-injection/nft-comment "$(grep -v '^#' ruleset | grep flush | head -1)"
elif ! grep -v '^#' ruleset | grep -q 'flush ruleset'; then
	not_ok text-injection/nft-comment "the name is in no comment"
else
	ok text-injection/nft-comment
fi

# Control characters in the text itself: refused, and shown escaped
i=0
for bytes in "$esc[2J" $'\a' $'\b' $'\r' $'\x7f' $'\xc2\x9b31m' $'\x9b31m' $'x\x9d0;y\x9c' $'\xc2\x85' "$rlo" $'\xe2\x81\xa6' $'\xff' $'\xed\xa0\x80' '\0'; do
	i=$((i + 1))
	printf "default egress deny\nallow@a.example because \"x$bytes y\"\n" >bytes.msb
	no_control "text-injection/bytes-$i" "$policyc" check bytes.msb
	[ "$status" -eq 1 ] || not_ok "text-injection/bytes-$i-refused" "status $status"
	printf "# $bytes x\nallow@a.example\n" >comment.msb
	no_control "text-injection/comment-bytes-$i" "$policyc" check comment.msb
	[ "$status" -eq 1 ] || not_ok "text-injection/comment-bytes-$i-refused" "status $status"
	no_control "text-injection/flow-bytes-$i" "$policyc" eval --net-default deny "egress@x$bytes.example:tcp:1"
	no_control "text-injection/rule-bytes-$i" "$policyc" check --net-rule "allow@x$bytes.example,$bytes@y"
	no_control "text-injection/unknown-option-$i" "$policyc" check "--$bytes"
	no_control "text-injection/run-name-$i" "$BUILD/msb-run" --name "x$bytes"
	no_control "text-injection/run-option-$i" "$BUILD/msb-run" "--x$bytes"
	no_control "text-injection/run-command-$i" "$BUILD/msb-run" --memory "$bytes" --net none "allow@x$bytes"
done
finish
