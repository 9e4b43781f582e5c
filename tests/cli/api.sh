#!/usr/bin/env bash
# libmsbpolicy as others use it: installed, found by pkg-config, shared and static; what it exports; the Python binding.
# usage: api.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

image=$work/image
make -s -C "$root" -o all install BUILD="$BUILD" DESTDIR="$image" PREFIX=/usr >.out 2>&1
check install $? "$(cat .out)"
export PKG_CONFIG_PATH=$image/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$image LD_LIBRARY_PATH=$image/usr/lib
san=
[ -z "$sanitized" ] || san=-fsanitize=address,undefined

# what is exported: the header, the version script and the checked list say the same
same soname libmsbpolicy.so.0 "$(objdump -p "$image/usr/lib/libmsbpolicy.so" | awk '$1 == "SONAME" { print $2 }')"
declared=$(grep -A1 '^MSBPOLICY_API' "$image/usr/include/msbpolicy.h" | grep -o 'msbpolicy_[a-z_]*(' | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$image/usr/lib/libmsbpolicy.so" | awk '$2 != "A" { print $3 }' | sort)
same exported "$(<"$root/tests/cli/api.symbols")" "$exported"
same exported/header "$declared" "${exported//@@MSBPOLICY_0/}"
same static/exported "$declared" "$(nm -g --defined-only "$image/usr/lib/libmsbpolicy.a" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort)"
same version "$(pkg-config --modversion msbpolicy)" "$(sed -n 's/^#define MSBPOLICY_VERSION "\(.*\)"/\1/p' "$image/usr/include/msbpolicy.h")"
same version/python "$(pkg-config --modversion msbpolicy)" "$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/bindings/python/pyproject.toml")"
echo '#include <msbpolicy.h>' >alone.c
cc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -I"$image/usr/include" alone.c >.out 2>&1
check header/alone $? "$(cat .out)"
c++ -x c++ -pedantic -Wall -Wextra -Werror -fsyntax-only -I"$image/usr/include" alone.c >.out 2>&1
check header/c++ $? "$(cat .out)"

printf 'default egress deny\nallow@1.1.1.1:tcp:443\n' >agent.msb
wanted='egress@1.1.1.1:tcp:443: allow by 1, allow@1.1.1.1:tcp:443 (agent.msb:2:1)
egress@1.1.1.2:tcp:443: deny by default, default egress deny (agent.msb:1:1)'
try() { # NAME FLAG…: the example, built so
	local name=$1
	shift
	# shellcheck disable=SC2046
	cc -Wall -Werror $san -o "$name" "$root/docs/examples/evaluate.c" $(pkg-config --cflags msbpolicy) "$@" >.out 2>&1
	check "$name/build" $? "$(cat .out)"
	same "$name/flows" "$wanted" "$("./$name" agent.msb egress@1.1.1.1:tcp:443 egress@1.1.1.2:tcp:443)"
	"./$name" nowhere.msb egress@1.1.1.1:tcp:443 2>.out
	same "$name/unreadable" 4 $?
	same "$name/says" 1 "$(grep -c 'nowhere.msb' .out)"
}
# shellcheck disable=SC2046
try shared $(pkg-config --libs msbpolicy)
# shellcheck disable=SC2046
try static -Wl,-Bstatic -L"$image/usr/lib" -lmsbpolicy -Wl,-Bdynamic $(pkg-config --libs --static msbpolicy | sed 's/-lmsbpolicy//')
check shared/links "$(ldd ./shared | grep -q "$image/usr/lib/libmsbpolicy.so.0"; echo $?)" "$(ldd ./shared)"

# without memory nothing is lost and nothing crashes, whatever the policy is written in; a sanitizer has allocations of its own
if [ -n "$san" ]; then
	skip memory "allocations are the sanitizer's"
else
	# shellcheck disable=SC2046
	cc -Wall -Werror -o memory "$root/tests/cli/api-memory.c" $(pkg-config --cflags --libs msbpolicy) -ljansson >.out 2>&1
	check memory/build $? "$(cat .out)"
	printf '%s\n' 'default egress deny' 'group vcs = github.com, 140.82.112.0/20' 'allow@*.bücher.example:tcp:443' \
		'allow@vcs:tcp:{22,443} because "clone"' 'allow@{a.example,10.0.0.0/8}:tcp:{443,80-90}' 'deny@10.0.0.0/24' >memory.msb
	"$policyc" compile --emit json memory.msb >memory.json 2>.out
	check memory/policy $? "$(cat .out)"
	cat >memory.yaml <<-'EOF'
		apiVersion: networking.k8s.io/v1
		kind: NetworkPolicy
		spec: { egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.0.0.0/24] } }], ports: [{ port: 443 }] }] }
	EOF
	for policy in memory.msb memory.json memory.yaml; do
		timeout 300 ./memory "$policy" >.out 2>/dev/null
		check "$policy" $? "$(cat .out)"
	done
fi

preload=
[ -z "$sanitized" ] || preload=$(cc -print-file-name=libasan.so):$(cc -print-file-name=libubsan.so)
MSBPOLICY_LIBRARY=$image/usr/lib/libmsbpolicy.so.0 MSB_POLICYC=$policyc MSB_TESTS=$root/tests LD_PRELOAD=$preload \
	ASAN_OPTIONS=detect_leaks=0 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/bindings/python timeout 600 \
	python3 "$root/bindings/python/tests/test_msbpolicy.py" >.out 2>&1
check python $? "$(tail -60 .out)"
finish
