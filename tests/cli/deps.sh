#!/usr/bin/env bash
# What deps.sh asks apt for, on releases of Debian that name packages differently: apt and dpkg are scripts here, so nothing
# is installed. usage: deps.sh BUILD
# unsanitized: apt and dpkg are scripts here
set -u
. "$(dirname "$0")/../tap.sh"
TAP_PREFIX="deps: "
cd "$(dirname "$0")/../.." || exit 3
work=$(mktemp -d /tmp/msb-deps.XXXXXX) || exit 3 # without it, what follows would be written to /bin
trap 'rm -rf "$work"' EXIT

# The release: a package is known unless it is listed; what is installed is listed, or "all"
mkdir "$work/bin"
cat >"$work/bin/apt-cache" <<EOF
#!/bin/sh
[ "\$1" = policy ] && ! grep -qx -- "\$2" $work/unknown || exit 0
printf '%s:\n  Installed: (none)\n  Candidate: 1.0\n' "\$2"
EOF
cat >"$work/bin/dpkg-query" <<EOF
#!/bin/sh
for package; do :; done
grep -qx -e "\$package" $work/installed && printf installed
EOF
cat >"$work/bin/apt-get" <<EOF
#!/bin/sh
echo "\$@" >>$work/asked
EOF
printf '#!/bin/sh\necho 0\n' >"$work/bin/id"
chmod +x "$work/bin"/*

# deps "UNKNOWN…" "INSTALLED…" [fuzz]: runs it; leaves $said, $status and $asked, what apt was to install
deps() {
	printf '%s\n' $1 >"$work/unknown"
	printf '%s\n' $2 >"$work/installed"
	: >"$work/asked"
	said=$(PATH="$work/bin:$PATH" ./deps.sh ${3-} 2>&1)
	status=$?
	asked=" $(sed -n 's/^install //p' "$work/asked" | tr '\n' ' ') "
}
bookworm="virtiofsd libclang-rt-dev"
trixie="libclang-rt-14-dev"

deps "$bookworm" ""
contains "Debian 12: what it has for virtiofsd" "$status $asked" '^0 .* qemu-system-common '
lacks "Debian 12: not what it has not" "$asked" ' virtiofsd | libclang-rt'
lacks "clang is for fuzzing alone" "$asked" ' clang '
all_12=$asked
deps "$trixie" ""
contains "Debian 13: virtiofsd" "$status $asked" '^0 .* virtiofsd '
lacks "Debian 13: not what it has not" "$asked" 'libclang-rt|\|'
all_13=$asked
deps "$bookworm" "" fuzz
contains "Debian 12, fuzzing" "$status $asked" '^0 .* clang libclang-rt-14-dev '
deps "$trixie" "" fuzz
contains "Debian 13, fuzzing" "$status $asked" '^0 .* clang libclang-rt-dev '
deps "$bookworm" "$all_12"
same "Debian 12: nothing is said or done when all is there" "0 []" "$status [$said]$(cat "$work/asked")"
deps "$trixie" "$all_13"
same "Debian 13: nothing either" "0 []" "$status [$said]$(cat "$work/asked")"
deps "$trixie" "$all_12"
contains "Debian 13: what another package had in Debian 12 is asked for" "$asked" ' virtiofsd '
deps "$bookworm" "$all_12" fuzz
contains "fuzzing asks for what it needs alone" "$asked" '^ *-y -qq --no-install-recommends clang libclang-rt-14-dev *$'
deps "$trixie" "" policyc
contains "msb-policyc alone" "$status $asked" '^0 .* flex .*libpsl-dev'
lacks "needs no QEMU, no runtime's libraries, no test's tools" "$asked" 'qemu|nftnl|ldns|criterion|clang'
deps "$bookworm" "" deb
contains "Debian packages" "$status $asked" '^0 .* debhelper .* lintian '
lacks "are built without QEMU and the tests' tools" "$asked" 'qemu|criterion|clang'
deps "nsd jq" ""
same "a package that apt does not know: status 1" 1 "$status"
contains "it is named" "$said" '^deps: error: apt knows no package nsd jq$'
same "and nothing is installed" "  " "$asked"

# The names are real, as far as this machine's apt can tell
names=$(sed -n '/^packages=/,/"$/p; /^fuzz_packages=/p; /^policyc_packages=/p; /^deb_packages=/,/"$/p' deps.sh | sed 's/^[a-z_]*=//; s/"//g' | tr ' ' '\n' | grep .)
if apt-cache policy flex 2>/dev/null | grep -q 'Candidate: [^(]'; then
	known=$(apt-cache policy $(tr '|' ' ' <<<"$names") | awk '/^[^ ]/ { name = $1 } /Candidate: [^(]/ { print substr(name, 1, length(name) - 1) }')
	unknown=
	for each in $names; do
		grep -qxF "$(tr '|' '\n' <<<"$each")" <<<"$known" || unknown+=" $each"
	done
	same "this machine's apt knows every package" "" "$unknown"
else
	skip "this machine's apt knows every package" "apt has no lists here"
fi
finish
