#!/usr/bin/env bash
# Golden files, a directory a case: tests/golden/NAME/ holds the input NAME.msb (or .json, .yaml; none: the
# command line alone), what it includes, perhaps `args` (further arguments, shell-quoted), and for each stage to
# compare a file with what that stage prints: errors (check), sarif, github, findings (check's other formats), ast,
# policy, ir, nft, nft-O2 (as it is installed), dns, json (compile), test, fmt. Where the last line is "exit N", that was the status, else 0.
# Of every case without errors: reprinting what was printed changes nothing.
# usage: run.sh [--update] BUILD; --update rewrites the files that are there
set -u
update=
[ "${1-}" = --update ] && { update=1; shift; }
build=$(realpath "${1:?usage: run.sh [--update] BUILD}")
cd "$(dirname "$0")" || exit 3
. ../tap.sh
policyc=$build/msb-policyc
gateway=172.16.0.1,fd42:6d73:62::1
today=2026-11-24
work=$(mktemp -d /tmp/msb-golden.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT

# report NAME STATUS: what is in $work/why explains a failure
report() { check "$1" "$2" "see below"$'\n'"$(head -40 "$work/why")"; }

run_stage() { # STAGE: prints what the stage prints, standard error included, and a status other than 0
	local stage=$1 status
	case $stage in
	errors) "$policyc" check --today $today "${input[@]}" "${args[@]}" ;;
	sarif | github) "$policyc" check --today $today --format "$stage" "${input[@]}" "${args[@]}" ;;
	findings) "$policyc" check --today $today --format json "${input[@]}" "${args[@]}" ;;
	# standard error alone
	weaker) "$policyc" compile --today $today --emit json "${input[@]}" "${args[@]}" 2>&1 >/dev/null ;;
	json) "$policyc" compile --today $today --emit json "${input[@]}" "${args[@]}" 2>/dev/null ;;
	test) "$policyc" test --today $today "${input[@]}" "${args[@]}" ;;
	fmt) "$policyc" fmt - <"${input[0]}" ;;
	nft-O2) "$policyc" compile --today $today --gateway $gateway -O2 --emit nft "${input[@]}" "${args[@]}" ;;
	*) "$policyc" compile --today $today --gateway $gateway -O0 --emit "$stage" "${input[@]}" "${args[@]}" ;;
	esac 2>&1
	status=$?
	[ $status -eq 0 ] || echo "exit $status"
}

compile() { # STAGE ARGUMENT…
	"$policyc" compile --today $today --gateway $gateway -O0 --emit "$@" 2>&1
}

without_places() {
	sed -E 's/\t[^\t]*:[0-9]+:[0-9]+//; s/(\.msb):[0-9]+/\1/'
}

# The formatter's output is what it makes of its own output, and compiles to the same policy and ruleset, places
# aside.
check_fmt_fixpoint() {
	local file=${input[0]} stage
	"$policyc" fmt - <"$file" >"$work/once" 2>"$work/why" || return 1
	"$policyc" fmt - <"$work/once" >"$work/twice" 2>"$work/why" || return 1
	diff -u "$work/once" "$work/twice" >"$work/why" || return 1
	for stage in policy nft; do
		compile "$stage" "$file" "${args[@]}" | without_places >"$work/before"
		compile "$stage" --stdin-name "$file" - "${args[@]}" <"$work/once" | without_places >"$work/after"
		diff -u "$work/before" "$work/after" >"$work/why" || return 1
	done
}

# microsandbox's shape, read back, prints as it did.
check_json_fixpoint() {
	"$policyc" compile --today $today --emit json "${input[@]}" "${args[@]}" >"$work/once.json" 2>"$work/why"
	"$policyc" compile --today $today --emit json "$work/once.json" >"$work/twice.json" 2>"$work/why"
	diff -u "$work/once.json" "$work/twice.json" >"$work/why"
}

check_fixpoints() { # NAME
	check_json_fixpoint
	report "$1/json-again" $?
	[[ ${input[*]-} == *.msb ]] || return
	check_fmt_fixpoint
	report "$1/fmt-again" $?
}

for dir in */; do
	name=${dir%/}
	input=() args=()
	pushd "$name" >/dev/null || exit 3
	for extension in msb json yaml; do
		[ -e "$name.$extension" ] && input=("$name.$extension")
	done
	[ -e args ] && eval "args=($(cat args))"
	for stage in errors sarif github findings ast policy ir nft nft-O2 dns json weaker test fmt; do
		[ -e "$stage" ] || continue
		run_stage "$stage" >"$work/actual"
		[ -z "$update" ] || cp "$work/actual" "$stage"
		diff -u "$stage" "$work/actual" >"$work/why"
		report "$name/$stage" $?
	done
	if "$policyc" check --today $today "${input[@]}" "${args[@]}" >/dev/null 2>&1; then
		check_fixpoints "$name"
	fi
	popd >/dev/null || exit 3
done

# The policies that are delivered, which are in their canonical layout besides
args=()
cd ../../policies || exit 3
for file in *.msb; do
	input=("$file")
	"$policyc" fmt --diff "$file" >"$work/why" 2>&1
	report "policies/$file/fmt" $?
	check_fixpoints "policies/$file"
done
finish
