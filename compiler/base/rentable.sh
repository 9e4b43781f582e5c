#!/bin/sh
# The suffixes under which anybody can have a name, as a C table sorted by what they are backwards: those of package
# publicsuffix, what is ASCII of them, and rentable.txt. usage: rentable.sh LIST
set -eu
LC_ALL=C
export LC_ALL
[ -r "$1" ] || { echo "rentable.sh: no $1: make deps installs the package publicsuffix" >&2; exit 1; }
printf '/* made by compiler/base/rentable.sh */\n'
sed -e 's://.*::' -e 's/#.*//' -e 's/[[:space:]].*//' "$1" "$(dirname "$0")/rentable.txt" |
	grep -v '^!' | grep -x '[*a-z0-9.-]*[.][*a-z0-9.-]*' | rev | sort -u | rev | sed 's/.*/"&",/'
