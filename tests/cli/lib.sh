# What the tests of msb-policyc share: tap.sh, and
#
#	$BUILD, $policyc   what is tested
#	$root, $vectors    the source tree, its tables of known answers
#	$work              an empty directory, removed at the end, in which the script goes on
#
# shellcheck shell=bash disable=SC2034
BUILD=$(realpath "${1:?usage: $0 BUILD}")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/tap.sh"
policyc=$BUILD/msb-policyc
vectors=$root/tests/vectors
work=$(mktemp -d /tmp/msb-policy-test.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 3

sanitized=
! grep -aq __asan_init "$policyc" || sanitized=1

# bounded SECONDS COMMAND…: in bounded time (generous, for loaded machines) and memory; what it prints, both streams,
# is in $work/.out. $status is the command's
bounded() {
	local seconds=$1
	shift
	(
		# a sanitizer's shadow memory is no memory in use, and it is slow
		[ -n "$sanitized" ] || ulimit -v "${memory_kb:-1048576}"
		exec timeout $((sanitized ? seconds * 5 : seconds)) "$@" >"$work/.out" 2>&1 </dev/null
	)
	status=$?
}

# has_raw_control FILE: control characters (tab and newline aside), or marks that reorder text; C1's as single bytes too,
# as a terminal without UTF-8 takes them: what is no UTF-8
has_raw_control() {
	! iconv -f UTF-8 -t UTF-8 "$1" >/dev/null 2>&1 ||
	LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' "$1"
}
