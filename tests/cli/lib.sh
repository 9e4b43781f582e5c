# What the tests of hostile policy text share. Sets build, policyc, work (an empty directory, removed at the end).
build=$(realpath "${1:?usage: $0 BUILD}")
policyc=$build/msb-policyc
work=$(mktemp -d /tmp/msb-policy-test.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 3
failed=0

pass() {
	echo "ok $1"
}
fail() { # NAME WHY
	echo "not ok $1 - $2"
	failed=1
}

# Runs COMMAND in bounded time (generous, for loaded machines) and memory; its output, both streams, is in $work/.out. Not a crash, not a
# sanitizer's report, not a control character: status is the command's.
bounded() { # SECONDS COMMAND…
	local seconds=$1
	shift
	(
		# a sanitizer's shadow memory is no memory in use
		[[ $build == */san* ]] || ulimit -v 1048576
		exec timeout "$seconds" "$@" >"$work/.out" 2>&1 </dev/null
	)
	status=$?
}

# Raw control characters (tab and newline aside), and marks that reorder text
has_raw_control() { # FILE
	LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' "$1"
}
