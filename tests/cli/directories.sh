#!/usr/bin/env bash
# check, test and fmt of a directory: what is found in it, and what is not left out in silence. usage: directories.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
good='default egress deny\nallow@github.com:tcp:443\nexpect allow egress@github.com:tcp:443\nexpect deny egress@github.com:tcp:80\n'
mkdir -p tree/deep/er tree/.hidden outside empty/.git tree/node_modules
for file in tree/b.msb tree/a.msb tree/deep/er/c.msb; do printf "$good" >$file; done
printf 'allow@nowhere@\n' | tee tree/.hidden/bad.msb tree/.bad.msb empty/.git/bad.msb outside/bad.msb >/dev/null
printf '{"rules":' >tree/bad.json
printf 'rules: [' >tree/bad.yaml
ln -s ../../outside tree/node_modules/package

run() { "$policyc" "$@" >.out 2>.err; status=$?; }
run check tree
same check/a-directory "0 tree/a.msb: no findings tree/b.msb: no findings tree/deep/er/c.msb: no findings" \
	"$status $(sed 's/ (.*//' .out | tr '\n' ' ' | sed 's/ $//')"
for name in lint validate; do
	run "$name" --werror tree/
	same check/"$name-is-another-name-of-it" "0 3" "$status $(grep -c 'no findings' .out)"
done
run check --format json tree
same check/a-directory-as-one-document "0 0" "$status $(jq '.findings | length' .out)"
run test tree
same test/a-directory "0 3" "$status $(grep -c '2 of 2 expectations hold' .out)"
(cd tree && "$policyc" check . >../.out 2>&1)
contains check/paths-without-the-dot "$(cat .out)" '^a\.msb: no findings'

printf 'allow@a.example   log\ndefault egress deny\n' >tree/deep/messy.msb
run check tree
same check/a-directory-with-a-finding 0 "$status"
run fmt --check tree
same fmt/a-directory-checked "1 tree/deep/messy.msb: not in canonical layout" "$status $(cat .out | grep messy)"
run fmt tree
run fmt --check tree
same fmt/a-directory-rewritten 0 "$status"
printf 'allow@nowhere@\n' >tree/deep/bad.msb
run check tree
same check/one-bad-file-of-many 1 "$status"
run test tree
same test/one-bad-file-of-many 1 "$status"
rm tree/deep/bad.msb

ln -s ../outside/bad.msb tree/leads-out.msb
run check tree
same check/a-link-out-is-an-error 1 "$status"
contains check/a-link-out-is-named "$(cat .err)" 'tree/leads-out\.msb: a link out of the directory'
lacks check/a-link-out-is-not-read "$(cat .out .err)" nowhere
rm tree/leads-out.msb
ln -s nothing tree/dangling.msb
run check tree
same check/a-link-to-nothing-is-an-error 3 "$status"
rm tree/dangling.msb
ln -s . tree/loop
run check tree
same check/a-loop-of-links "0 4" "$status $(wc -l <.out)"
# as a mounted ConfigMap is laid out
mkdir -p map/..v1
printf "$good" >map/..v1/agent.msb
ln -s ..v1 map/..data
ln -s ..data/agent.msb map/agent.msb
run check map
same check/a-link-within-the-directory "0 1" "$status $(wc -l <.out)"

run check empty
same check/a-directory-without-policies "1 0" "$status $(wc -l <.out)"
contains check/a-directory-without-policies-is-said "$(cat .err)" 'empty: no policy'
run test empty tree/a.msb
same test/a-directory-without-policies-among-others "1 1" "$status $(grep -c 'expectations hold' .out)"
mkfifo tree/pipe.msb
bounded 10 "$policyc" check tree
same check/a-fifo-holds-nothing-up 3 "$status"
run explain tree egress@github.com:tcp:443
same explain/takes-no-directory 3 "$status"
finish
