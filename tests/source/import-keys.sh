#!/usr/bin/env bash
# Every key of microsandbox's documents that the importers read is documented. usage: import-keys.sh BUILD
set -u
. "$(dirname "$0")/../tap.sh"
cd "$(dirname "$0")/../.." || exit 3

keys=$(sed -n '/^SHAPE(/,$p' compiler/policy/import_keys.def | grep -o '"[a-z0-9_]*"' | tr -d '"' | sort -u)
missing=$(for key in $keys; do grep -q "\`$key\`\|\"$key\"" docs/import.md || echo "$key"; done)
[ "$(wc -w <<<"$keys")" -gt 70 ]
check "import-keys: the table is found" $? "$(wc -w <<<"$keys") keys"
same "import-keys: each is in docs/import.md" "" "$missing"
finish
