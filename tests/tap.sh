# What a shell test reports, as TAP: a line for each thing that was tried. A script sources this and calls
#
#	ok NAME                      it holds
#	not_ok NAME [WHY]            it does not; further lines of WHY are shown below the first
#	skip NAME REASON             it cannot be tried here
#	check NAME STATUS [WHY]      ok where STATUS is 0
#	try NAME COMMAND…            the command succeeds; the end of what it prints is shown where it does not
#	same NAME EXPECTED GOT       two strings are equal
#	contains NAME TEXT PATTERN   an extended regular expression matches a line of TEXT
#	lacks NAME TEXT PATTERN      it matches none
#	finish                       the last line: exits with 1 where something was not ok
#
# A check that failed stops nothing. TAP_PREFIX stands before each name.
# shellcheck shell=bash
TAP_PREFIX=
failures=0
# Debian's programs first: its Python has the modules that tests need, and does not start by way of a version manager's script,
# for which an emulated machine needs ten seconds
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

ok() { echo "ok $TAP_PREFIX$1"; }

not_ok() {
	local why=${2:-failed}
	echo "not ok $TAP_PREFIX$1 - ${why%%$'\n'*}"
	[[ $why != *$'\n'* ]] || sed 's/^/    /' <<<"${why#*$'\n'}"
	failures=$((failures + 1))
}

skip() { echo "ok $TAP_PREFIX$1 # SKIP $2"; }

check() {
	if [ "$2" -eq 0 ]; then ok "$1"; else not_ok "$1" "${3-}"; fi
}

try() {
	local name=$1 printed
	shift
	if printed=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "status $?: $(tail -n 3 <<<"$printed" | tr '\n' ' ')"
	fi
}

same() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected '$2', got '$3'"; fi
}

contains() {
	if grep -Eq -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "no /$3/ in '$(head -c 400 <<<"$2" | tr '\n' ' ')'"; fi
}

lacks() {
	if grep -Eq -- "$3" <<<"$2"; then not_ok "$1" "/$3/ in '$(head -c 400 <<<"$2" | tr '\n' ' ')'"; else ok "$1"; fi
}

finish() { exit $((failures > 0)); }

# effort COUNT: how many of what may be tried without end: MSB_TEST_EFFORT percent of COUNT, one at least
effort() {
	local count=$(($1 * ${MSB_TEST_EFFORT:-100} / 100))
	echo $((count > 0 ? count : 1))
}

# effort_step STEP: of a series every STEPth is tried, more with more effort
effort_step() {
	local step=$(($1 * 100 / ${MSB_TEST_EFFORT:-100}))
	echo $((step > 0 ? step : 1))
}
