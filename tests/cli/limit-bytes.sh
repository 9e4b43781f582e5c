#!/usr/bin/env bash
# Limits of bytes: what is no size is an error, option and file say the same, and JSON brings it back.
# usage: limit-bytes.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
TAP_PREFIX="limit-bytes: "

# refused NAME WORDS STATEMENT...: an error with these words
refused() {
	local name=$1 words=$2
	shift 2
	printf '%s\n' "$@" >bad.msb
	"$policyc" compile --emit json bad.msb >out 2>&1
	same "$name: status" 1 $?
	contains "$name" "$(<out)" "$words"
}
refused "none" 'no size: `0`' 'limit egress bytes 0'
refused "a rate" 'no size: `1G/1s`' 'limit egress bytes 1G/1s'
refused "more than the kernel counts" 'no size' 'limit ingress bytes 9223372036854775808'
refused "no value" 'a limit of bytes has a size' 'limit egress bytes'
refused "a burst" 'a limit of bytes has a size' 'limit egress bytes 1G burst 1M'
refused "two values" 'given twice with two values' 'limit egress bytes 1G' 'limit egress bytes 2G'

printf 'default egress deny\nlimit egress bytes 1G\nlimit ingress bytes 500M\n' >good.msb
"$policyc" compile --emit json good.msb >again.json 2>/dev/null
same "in JSON" "1073741824 524288000" "$(jq -r '"\(.rate_limiter.egress.bytes) \(.rate_limiter.ingress.bytes)"' again.json)"
same "and back" "no change: both decide every flow alike" "$("$policyc" diff good.msb again.json 2>&1 | head -1)"
"$policyc" compile --emit json --net-default-egress deny --net-egress-bytes 1G --net-ingress-bytes 500M >options 2>/dev/null
same "as options" "$(jq -S .rate_limiter again.json)" "$(jq -S .rate_limiter options)"
absent=$("$policyc" compile --emit nft --gateway 172.16.0.1 --net-default deny | grep -c msb_quota)
same "without one no table" 0 "$absent"
same "and with one no flowtable" 0 "$("$policyc" compile --emit nft --gateway 172.16.0.1 good.msb | grep -c flowtable)"
finish
