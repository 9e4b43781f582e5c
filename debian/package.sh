#!/bin/sh
# Builds the packages of what is committed, in DIR, which holds nothing else then. usage: debian/package.sh DIR
set -eu
dir=${1:?usage: debian/package.sh DIR}
cd "$(dirname "$0")/.."
rm -rf "$dir"
mkdir -p "$dir/msb-policy"
git archive HEAD | tar -x -C "$dir/msb-policy"
cd "$dir/msb-policy"
unset MAKEFLAGS MAKELEVEL BUILD CFLAGS LDFLAGS
dpkg-buildpackage -us -uc -b -jauto >../log 2>&1 || {
	tail -n 40 ../log >&2
	echo "deb: error: the packages could not be built; $dir/log has all of it" >&2
	exit 1
}
cd ..
rm -rf msb-policy
ls "$PWD"/*.deb
