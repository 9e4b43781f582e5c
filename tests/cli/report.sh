#!/usr/bin/env bash
# report: the page is complete and safe whatever the policy holds, its picture and its verdicts are the evaluator's. Those it
# computes itself, in a browser, are held against `eval` on many flows. usage: report.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
here=$root/tests/cli flows=$(effort 1000)

run() { "$policyc" "$@" >.out 2>.err; status=$?; }
sound() { # NAME PAGE
	local wrong
	wrong=$(python3 "$here/report-page.py" "$2" 2>&1)
	check "$1" "$([ -z "$wrong" ]; echo $?)" "$wrong"
}
title() { sed -n "s/^<g><title>$1\(.*\)/\1/p" "$2" | sed 's/<.*//' | head -1; }

for file in "$root"/policies/*.msb; do
	name=$(basename "$file" .msb)
	run report "$file" -o "$name.html"
	same "library/$name" "0 $name.html: written" "$status $(cat .out)"
	sound "library/$name/sound" "$name.html"
done
run report "$root/policies/python-agent.msb"
check standard-output "$(cmp -s .out python-agent.html; echo $?)"
(cd / && "$policyc" report "$root/policies/python-agent.msb") >again.html
check the-same-bytes-again "$(cmp -s again.html python-agent.html; echo $?)"

# the picture
same picture/a-group ': allowed: tcp 22, 443' "$(title 'vcs (github.com, raw.githubusercontent.com)' python-agent.html)"
same picture/metadata ': denied' "$(title 'cloud metadata (169.254.169.254 and its kin)' python-agent.html)"
same picture/the-public-by-address ': denied' "$(title 'public Internet (by address)' python-agent.html)"
same picture/the-host ': allowed: all but tcp 22' "$(title 'the host (host.microsandbox.internal)' devbox.html)"
contains picture/published "$(cat devbox.html)" '127\.0\.0\.1:3000 → 3000/tcp'
contains picture/not-published "$(cat python-agent.html)" 'nobody connects in'
contains picture/who-connects-in "$(cat devbox.html)" 'whoever reaches a published port'
printf 'default any deny\nallow:ingress@10.0.0.0/8:tcp:80\npublish 8080:80\n' >some.msb
run report some.msb -o some.html
contains picture/some-connect-in "$(cat some.html)" 'some connect to published ports'
printf 'default any deny\nallow:ingress@10.0.0.0/8:tcp:81\npublish 8080:80\n' >some.msb
run report some.msb -o some.html
contains picture/a-published-port-that-nobody-reaches "$(cat some.html)" 'nobody connects in'
cat >overtaken.msb <<-'END'
	default egress deny
	allow@10.0.0.0/8:tcp:443
	deny@10.0.0.5
	deny@10.1.0.0/16:tcp:80
	allow@10.1.0.0/16:udp
	allow@dns
	allow@*.example.com:tcp:443
	deny@secret.example.com
END
run report overtaken.msb -o overtaken.html
same picture/a-deny-that-is-overtaken ': allowed: tcp 443' "$(title '10\.0\.0\.5' overtaken.html)"
same picture/several-protocols ': allowed: tcp 443; udp' "$(title '10\.1\.0\.0\/16' overtaken.html)"
same picture/part-of-a-network ': partly allowed: tcp 443; partly udp' "$(title '10\.0\.0\.0\/8' overtaken.html)"
same picture/a-name-denied-too-late ': allowed: tcp 443' "$(title 'secret\.example\.com' overtaken.html)"
same picture/lookups ': partly allowed: lookups only' "$(title 'any other name (that no rule names)' overtaken.html)"
cat >inside.msb <<-'END'
	default egress deny
	deny@10.20.3.0/24
	allow@db.internal.example:tcp:5432 in 10.20.0.0/16
	allow@db.internal.example:tcp:443
	allow@127.0.0.1:tcp:80
	allow@1.1.1.1:udp:53
END
run report inside.msb -o inside.html
same picture/a-name-in-a-network ': partly allowed: partly tcp 443, 5432' "$(title 'db\.internal\.example in 10\.20\.0\.0\/16 (where its answers lie there)' inside.html)"
contains picture/the-same-name-elsewhere "$(cat inside.html)" '<title>db\.internal\.example: allowed: tcp 443<'
same picture/what-no-packet-gets-to ': denied' "$(title '127\.0\.0\.1' inside.html)"
{ echo 'default egress deny'; for i in $(seq 60); do echo "allow@10.$i.0.0/16:tcp:$i"; echo "allow@n$i.example:tcp:443"; done; } >many.msb
run report many.msb -o many.html
same picture/folded "and 44 more: see the rules and 41 more: see the rules" "$(grep -o 'and [0-9]* more: see the rules' many.html | tr '\n' ' ' | sed 's/ $//')"
sound many/sound many.html

# rules and what tests them
row() { grep -A8 "<tr id=\"$1\"" "$2" | tr '\n' ' ' | sed 's/<\/tr>.*//'; }
contains rules/tested-by "$(row rule-2 python-agent.html)" '<summary>4</summary>.*#expect-1.*egress@github\.com:tcp:443'
contains rules/not-tested "$(row rule-1 overtaken.html)" 'zero.>none'
{ cat overtaken.msb; echo 'expect deny egress@10.0.0.5:tcp:443'; } >failing.msb
run report failing.msb -o failing.html
same a-failing-expectation 0 "$status"
contains a-failing-expectation/shown "$(row expect-1 failing.html)" 'failed.*✗ no.*#rule-1'
contains a-failing-expectation/counted "$(cat failing.html)" '<li class="none">0 of 1 expectations hold'
run report --today 2026-11-28 --net-rule 'allow@any' "$root/policies/offline.msb"
mv .out findings.html
contains findings/shown "$(cat findings.html)" '<li class="(warning|note|error)"><p><strong>'

# text that would be markup, in every place that has text of somebody's
odd=$'a<script>alert(1)<!--"\'&\xe2\x80\xae \x1b[31m\xff.msb' evil='<script>alert(1)</script>'
{
	printf 'default egress deny\n'
	printf 'group x-%s = a.example\n' 1
	printf 'allow@x-1:tcp:443  because "%s </td></script><!-- &amp; %s"\n' "$evil" "' onload=x"
	printf '# %s\nexpect allow egress@a.example:tcp:443\n' "$evil"
} >"$odd"
# names of expectations, as far as a flow may have them at all
for line in 'allow dns@<b>.example' "allow egress@a.example:tcp:443 sni=a.example\"><img/src=x/onerror=alert(1)>" \
	'deny egress@b.example:tcp:80 resolve=</script><svg/onload>.x=1.1.1.1'; do
	cp "$odd" more.msb
	echo "expect $line" >>more.msb
	! "$policyc" check more.msb >/dev/null 2>&1 || cp more.msb "$odd"
done
run report "$odd" -o evil.html
same hostile/written 0 "$status"
sound hostile/sound evil.html
lacks hostile/no-markup "$(cat evil.html)" '<script>alert|<img|<b>|onload=alert\(1\)>[^&]|<svg/'
contains hostile/shown-as-text "$(cat evil.html)" '&lt;script&gt;alert\(1\)&lt;/script&gt;'
! has_raw_control evil.html
check hostile/no-raw-control $?

# where it is written
echo old >page.html
run report overtaken.msb -o page.html
check writes-over "$(cmp -s page.html overtaken.html; echo $?)"
cp overtaken.msb kept.msb
run report overtaken.msb -o kept.msb
same no-policy-is-written-over "2 same" "$status $(cmp -s kept.msb overtaken.msb && echo same)"
printf 'allow@nowhere@\n' >bad.msb
run report bad.msb -o bad.html
same errors "1 no" "$status $([ -e bad.html ] && echo yes || echo no)"
run report overtaken.msb -o none/page.html
same no-such-directory 3 "$status"
"$policyc" report overtaken.msb >/dev/full 2>.err
same a-full-disk 3 $?
for i in $(seq 5001); do echo "allow@n$i.example"; done >huge.msb
run report huge.msb -o huge.html
same too-many-rules "1 no" "$status $([ -e huge.html ] && echo yes || echo no)"

{
	printf 'default egress deny\ngroup big = 10.0.0.0/32'
	for i in $(seq 1500); do printf ', 10.%d.%d.0/25' $((i / 250)) $((i % 250)); done
	echo
	for i in $(seq 600); do echo "allow@big:tcp:$i"; done
} >wide.msb
bounded 60 "$policyc" report wide.msb -o wide.html
same too-much-work "1 no" "$status $([ -e wide.html ] && echo yes || echo no)"
contains too-much-work/said "$(cat .out)" 'too complex for a page'
{ echo 'default egress deny'; for i in $(seq 2500); do echo "allow@n$i.example:tcp:443"; done; } >long.msb
bounded 60 "$policyc" report long.msb -o long.html
same many-names 0 "$status"
contains many-names/folded "$(cat long.html)" 'and many more: see the rules'

# in a browser
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ]; then
	skip browser "no chromium"
	finish
fi
browse() { # URL OPTION…: the DOM once the page has loaded; what the browser says is in .said
	local url=$1
	shift
	timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --enable-logging=stderr \
		"$@" --dump-dom "$url" 2>.said
}
cat >hard.msb <<-'END'
	default egress allow
	default ingress deny
	deny@{10.0.0.0/8,[2606:4700::/32],*.example.com}:tcp:{80,443}
	allow@10.0.0.0/16:tcp:1-1000
	allow@example.com
	deny@private:udp
	allow@[2001:db8:64::a00:5]:tcp
	deny@8.8.8.0/24
	allow:ingress@{192.168.0.0/16,x.example.com,93.184.216.34}:tcp:80
	allow:any@1.1.1.1
	deny@host:tcp:22
	deny@domain=localhost
	deny@dns
	dns nat64-prefix 2001:db8:64::/64
	allow@meta:tcp:80
END
cat >any.msb <<-'END'
	default any deny
	deny@any:icmpv4
	deny:any@0.0.0.0/0:udp:53-60
	allow@[::/0]:tcp:8080
	allow:ingress@any:tcp:80
	allow@pypi.org
	deny@*.pypi.org:tcp
	allow@host:{tcp,udp}:{53,5432}
	allow@link-local
	allow@multicast
END
seed=${MSB_SEED:-$RANDOM}
agree() { # NAME POLICY OPTION…
	local name=$1 policy=$2 different
	shift 2
	python3 "$here/report-flows.py" "$policy" "$flows" "$seed" >flows
	"$policyc" report "$policy" "$@" -o asked.html >.out 2>.err
	browse "file://$work/asked.html#try=$(jq -sRr @uri <flows)" | python3 "$here/report-answers.py" >answers
	"$policyc" eval "$policy" "$@" --batch <flows 2>/dev/null | cut -f1,2 | sed 's/^error.*/error\t/' >wanted
	different=$(paste wanted answers flows | awk -F'\t' '$1 != $3 || $2 != $4' | head -5)
	if [ "$(wc -l <answers)" -ne "$flows" ]; then
		not_ok "browser/$name" "$(wc -l <answers) answers to $flows flows"
	else
		check "browser/$name" "$([ -z "$different" ]; echo $?)" "seed $seed: eval, the page, the flow:"$'\n'"$different"
	fi
	lacks "browser/$name/nothing-refused" "$(grep CONSOLE .said)" .
}
for policy in "$root"/policies/{python-agent,devbox,default}.msb hard.msb any.msb overtaken.msb inside.msb; do
	agree "$(basename "$policy" .msb)" "$policy"
done
agree multi-tenant overtaken.msb --deployment-profile multi-tenant
agree no-gateway any.msb --gateway none
agree one-family hard.msb --gateway fd42:6d73:62::1
printf '%s\n' ingress@10.0.0.1:tcp:3000 ingress@10.0.0.1:tcp:80 https://github.com/x public '*.github.com' dns@github.com:toString \
	egress@github.com:constructor:1 '<img src=x>' '[::1' 256.1.1.1 >flows
browse "file://$work/devbox.html#try=$(jq -sRr @uri <flows)" >asked.dom
same browser/what-is-no-flow "allow	default allow	default error	 error	 error	 error	 error	 error	 error	 error	 " \
	"$(python3 "$here/report-answers.py" <asked.dom | tr '\n' ' ')"
same browser/a-port-that-is-not-published 1 "$(grep -o 'nobody gets to it</li>' asked.dom | wc -l)"
browse "file://$work/evil.html" >evil.dom
lacks browser/hostile "$(cat .said evil.dom)" 'CONSOLE|<script>alert|<img'
sed '/^<script type/,/^<\/script>/d' python-agent.html >plain.html
browse "file://$work/plain.html" >plain.dom
lacks browser/without-script/there-is-none "$(cat plain.dom)" '<script'
contains browser/without-script/nothing-to-type-in "$(cat plain.dom)" '<section id="asking" hidden'
contains browser/without-script/the-rules "$(cat plain.dom)" '<code>allow@vcs:tcp:\{22,443\}</code>'
finish
