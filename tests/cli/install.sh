#!/usr/bin/env bash
# make install puts everything where it is looked for, make uninstall takes all of it away, and what is not ours stays.
# usage: install.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

made() { # TARGET [BUILD]: of what is built already
	make -s -C "$root" -o all "$1" BUILD="${2-$BUILD}" DESTDIR="$work/image" PREFIX=/usr >.out 2>&1
}
mkdir -p image/usr/share/man/man5 image/usr/share/doc/msb-policy
echo theirs | tee image/usr/share/man/man5/other.5 image/usr/share/doc/msb-policy/README.Debian >/dev/null
made install
check install $? "$(cat .out)"
for file in bin/msb-policyc bin/msb-run share/man/man1/msb-policyc.1 share/man/man1/msb-run.1 share/man/man5/msb.5 \
	share/doc/msb-policy/{language.md,tour.md,learn.md,findings.schema.json,diff.schema.json} \
	share/vim/vimfiles/syntax/msb.vim share/vim/vimfiles/ftdetect/msb.vim share/msb-policy/editors/msb.tmLanguage.json \
	share/msb-policy/policies/python-agent.msb share/doc/msb-policy/sandbox.conf share/man/man8/msb-guest.8 sbin/msb-guest \
	lib/msb-policy/guest/build.sh lib/msb-policy/guest/guest-agent lib/systemd/system/msb@.service; do
	check "install/$file" "$([ -s "image/usr/$file" ]; echo $?)"
done
same install/modes "755 644" "$(stat -c %a image/usr/bin/msb-policyc image/usr/share/man/man5/msb.5 | tr '\n' ' ' | sed 's/ $//')"
installed=$work/image/usr/bin/msb-policyc
(cd / && "$installed" init python-agent -o "$work/agent.msb" >/dev/null && "$installed" test "$work/agent.msb" >/dev/null)
check install/init-works $?
echo 'include <offline>' >own.msb
"$installed" check --werror own.msb >.out
check install/include-works $? "$(cat .out)"
made uninstall
check uninstall $? "$(cat .out)"
same uninstall/what-is-left "share/doc/msb-policy/README.Debian share/man/man5/other.5" \
	"$(cd image/usr && find . -type f | sed 's/^\.\///' | sort | tr '\n' ' ' | sed 's/ $//')"
same uninstall/directories-of-its-own "" "$(find image -path '*share/msb-policy*' -o -path '*lib/msb-policy*')"
made uninstall
check uninstall/again $? "$(cat .out)"

mkdir bare && ln -s "$BUILD"/msb-* "$BUILD"/{guest-agent,completions,lib} bare/
made install "$work/bare"
check install/without-a-guest $? "$(cat .out)"
same install/without-a-guest/programs "msb-guest msb-policyc" "$(cd image/usr && basename -a sbin/* bin/msb-policyc | paste -sd' ')"
finish
