#!/usr/bin/env bash
# Puts the texts of `check --explain all` into the manual, between its marks.
# usage: docs/findings.sh [--check] BUILD   (--check changes nothing and says whether the manual is up to date)
set -eu
check=
[ "${1-}" = --check ] && { check=1; shift; }
build=${1:?usage: docs/findings.sh [--check] BUILD}
manual=$(dirname "$0")/msb-policyc.1
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
	sed '/^\.\\" findings: /q' "$manual"
	echo .Bd -literal
	"$build/msb-policyc" check --explain all |
		sed -e 's/\\/\\e/g' -e 's/^\([.'\'']\)/\\\&\1/' -e 's/-/\\-/g' -e 's/^$/.Pp/'
	echo .Ed
	sed -n '/^\.\\" end of findings/,$p' "$manual"
} >"$new"
if [ -n "$check" ]; then
	diff "$manual" "$new" || { echo "run docs/findings.sh $build"; exit 1; }
else
	cat "$new" >"$manual"
fi
