#!/usr/bin/env bash
# Every finding that compiler/diag/findings.def documents is raised somewhere. usage: findings.sh BUILD
set -u
. "$(dirname "$0")/../tap.sh"
cd "$(dirname "$0")/../.." || exit 3

silent=$(sed -n 's/^FINDING("\([a-z0-9-]*\)".*/\1/p' compiler/diag/findings.def | while read -r id; do
	grep -rqF --include='*.[chly]' "\"$id\"" compiler runtime grammar || echo "$id"
done)
same "findings: each that is documented is raised" "" "$silent"
finish
