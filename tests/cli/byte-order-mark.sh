#!/usr/bin/env bash
# The mark that some editors put before a text is no part of it, in policies, JSON and YAML. usage: byte-order-mark.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

policy() { # FILE: what it means, places aside
	"$policyc" compile --emit policy "$1" 2>&1 | sed -E 's/\t[^\t]*:[0-9]+:[0-9]+//'
}
printf 'default egress deny\nallow@a.example:tcp:443\n' >plain.msb
printf '{"default_egress":"deny","rules":[{"direction":"egress","action":"allow","destination":{"domain":"a.example"}}]}\n' >plain.json
printf 'network:\n  policy: none\n' >plain.yaml
for kind in msb json yaml; do
	printf '\xef\xbb\xbf' | cat - plain.$kind >marked.$kind
	contains "mark/$kind-is-read" "$(policy plain.$kind)" '^default egress deny'
	same "mark/$kind" "$(policy plain.$kind)" "$(policy marked.$kind)"
done
printf '\xef\xbb\xbf{"default_egress":"deny", x}' >broken.json
"$policyc" check broken.json >out
contains mark/json-error-is-placed "$(cat out)" '^broken.json:1:2[4-9]: error: no JSON'
printf '\xef\xbb\xbf{"default_egress":"deny",}' >broken.json # the last byte
contains mark/json-error-at-the-end "$("$policyc" check broken.json)" '^broken.json:1:2[5-9]: error: no JSON'
finish
