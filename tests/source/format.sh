#!/usr/bin/env bash
# C files are laid out as .clang-format says, by the version it is written for: others lay out otherwise. usage: format.sh BUILD
set -u
. "$(dirname "$0")/../tap.sh"
TAP_PREFIX="format: "
cd "$(dirname "$0")/../.." || exit 3

version=$(clang-format --version 2>/dev/null | grep -oE 'version [0-9]+' | cut -d' ' -f2)
if [ "${version:-0}" != 14 ]; then
	skip "every file" "clang-format 14 is needed, ${version:-none} is here"
	finish
fi
mapfile -t files < <(git ls-files '*.[ch]' 2>/dev/null)
[ "${#files[@]}" -gt 0 ] || mapfile -t files < <(find compiler runtime tests -name '*.[ch]')
wrong=$(clang-format --dry-run -Werror "${files[@]}" 2>&1)
check "every file" $? "$wrong"
finish
