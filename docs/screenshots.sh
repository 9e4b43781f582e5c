#!/usr/bin/env bash
# Takes the screenshots of a policy's page: docs/report.png and docs/report-dark.png. usage: docs/screenshots.sh BUILD
set -eu
build=$(realpath "${1:?usage: docs/screenshots.sh BUILD}")
cd "$(dirname "$0")/.."
work=$(mktemp -d /tmp/msb-screenshots.XXXXXX)
trap 'rm -rf "$work"' EXIT
(cd policies && "$build/msb-policyc" report --today 2026-11-28 ci-runner.msb -o "$work/page.html")
shoot() { # FILE OPTION…
	local file=$1
	shift
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" --window-size=1280,1240 "$@" \
		--screenshot="$work/shot.png" "file://$work/page.html" >/dev/null 2>"$work/said"
	[ -s "$work/shot.png" ] || { cat "$work/said" >&2; exit 1; }
	mv "$work/shot.png" "$file"
	echo "$file: written"
}
shoot docs/report.png
shoot docs/report-dark.png --blink-settings=preferredColorScheme=0
