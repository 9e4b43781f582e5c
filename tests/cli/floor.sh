#!/usr/bin/env bash
# --floor: a policy that every flow has to pass besides FILE; what it forbids; what cannot be one. usage: floor.sh BUILD
. "$(dirname "$0")/lib.sh"
policyc=$BUILD/msb-policyc

cat >agent.msb <<-'END'
	default egress deny
	allow@{github.com,*.evil.com}:tcp:443
	allow@10.0.0.0/8
	allow@public:tcp:443
END
cat >floor.msb <<-'END'
	default egress allow
	deny@*.evil.com  because "known bad"
	deny@10.9.0.0/16
	allow@10.0.0.0/8
	forbid publish
	forbid nameserver
	forbid pool
	forbid rebind-protection off
END
printf 'default egress deny\nallow@dns\nallow@public\nallow@10.0.0.0/8\n' >second.msb

verdict() { "$policyc" eval agent.msb --floor floor.msb --floor second.msb "$1" 2>&1 | cut -f1-3; }
same "a name the floor denies" $'deny\tfloor\tfloor.msb:2:1' "$(verdict egress@www.evil.com:tcp:443)"
same "its lookup" $'deny\tfloor\tfloor.msb:2:1' "$(verdict dns@www.evil.com)"
same "a network the floor denies" $'deny\tfloor\tfloor.msb:3:1' "$(verdict egress@10.9.1.1:tcp:1)"
same "what all let pass" $'allow\t1\tagent.msb:2:1' "$(verdict egress@github.com:tcp:443)"
same "what the policy denies" $'deny\tdefault\tagent.msb:1:1' "$(verdict egress@1.1.1.1:tcp:80)"
same "an answer both let pass" $'allow\texcepted\tagent.msb:3:1' "$(verdict answer@10.1.1.1)"
same "an answer the floor holds back" $'deny\treserved\t-' "$(verdict answer@10.9.1.1)"
contains "explain says both" "$("$policyc" explain agent.msb --floor floor.msb egress@10.9.1.1:tcp:1)" \
	"allowed by agent.msb:3, denied by the floor: floor.msb:3 deny@10.9.0.0/16"
contains "explain has the reason" "$("$policyc" explain agent.msb --floor floor.msb dns@evil.com)" 'because "known bad"'
contains "JSON has the reason" "$("$policyc" eval --format json agent.msb --floor floor.msb dns@evil.com)" 'known bad'
same "a rule of the command line lifts nothing" $'deny\tfloor\tfloor.msb:3:1' \
	"$("$policyc" eval agent.msb --floor floor.msb --net-rule allow@any egress@10.9.1.1:tcp:1 | cut -f1-3)"

forbidden() { # WHAT LINE options…
	local what=$1 line=$2 out status
	shift 2
	out=$("$policyc" check --floor floor.msb "$@" 2>&1)
	status=$?
	same "forbidden: $what: status" 1 "$((status > 0))"
	contains "forbidden: $what" "$out" '[forbidden]'
	contains "forbidden: $what: by which line" "$out" "floor.msb:$line:1: note: by this line"
}
forbidden publish 5 -p 8080:80
forbidden nameserver 6 --dns-nameserver 1.1.1.1
forbidden "a pool" 7 --net-ipv4-pool 10.0.0.0/24
forbidden "an address" 7 --net-ipv4-address 172.16.0.2
forbidden "a MAC" 7 --net-mac 02:00:5e:00:53:01
forbidden "no rebind protection" 8 --no-dns-rebind-protection
forbidden "server names unjudged" 2 --no-server-names
printf 'default egress allow\ndeny@*.evil.com:udp\n' >udp.msb
same "no server names over a floor whose names are of UDP" 0 \
	"$("$policyc" check --floor udp.msb --no-server-names >/dev/null 2>&1; echo $?)"
same "--deny-ech holds for the floor's names too" $'deny\tfloor\tfloor.msb:2:1' "$("$policyc" eval agent.msb --floor floor.msb \
	--deny-ech 'egress@1.2.3.4:tcp:443 sni=cdn.example.com ech' | cut -f1-3)"
same "without it the outer name is judged" $'allow\t3' "$("$policyc" eval agent.msb --floor floor.msb \
	'egress@1.2.3.4:tcp:443 sni=cdn.example.com ech' | cut -f1-2)"
printf 'default egress deny\npublish 8080:80\n' >publish.msb
contains "forbidden in a file, at its place" "$("$policyc" check --floor floor.msb publish.msb 2>&1)" "publish.msb:2:"
contains "a NAT64 prefix is the floor's to say" \
	"$("$policyc" check --floor floor.msb --net-nat64-prefix fd00:64::/96 2>&1)" '[forbidden]'
{ cat floor.msb; echo 'dns nat64-prefix fd00:64::/96'; } >nat64.msb
same "which a floor does" $'deny\tfloor' \
	"$("$policyc" eval --floor nat64.msb --net-rule allow@any 'egress@[fd00:64::a09:101]:tcp:1' | cut -f1-2)"

bad() { # WHAT TEXT: no floor
	local out
	printf '%s\n' "$2" >bad.msb
	out=$("$policyc" check --floor bad.msb 2>&1)
	same "no floor: $1: status" 1 "$?"
	contains "no floor: $1" "$out" "bad.msb:1:"
}
bad "a limit" 'limit egress ops 10/1s'
bad "a published port" 'publish 8080:80'
bad "a nameserver" 'dns nameserver 1.1.1.1'
bad "a rule that logs" 'allow@public log'
bad "an unknown word" 'forbid everything'
bad "an expired rule" 'deny@public until 2020-01-01'
contains "only a floor forbids" "$("$policyc" check floor.msb 2>&1)" '[floor]'
"$policyc" check --floor none.msb >/dev/null 2>&1
same "no such file" 3 $?
echo '{}' >floor.json
contains "JSON is no floor" "$("$policyc" check --floor floor.json 2>&1)" '[floor]'

cat >below.msb <<-'END'
	default egress deny
	default ingress allow
	allow@dns
	allow@public:tcp
END
printf 'default egress deny\nallow@dns\nallow@10.0.0.0/8\nallow@public:{tcp,udp}:443\ndeny@1.1.1.1\n' >old.msb
sed 's/443/444/' old.msb >new.msb
out=$("$policyc" check old.msb --floor below.msb)
contains "a rule of which a floor leaves nothing" "$out" 'old.msb:3:1: warning: opens nothing'
contains "by which line" "$out" 'below.msb:1:1: note: by this line of the floor'
same "and no other" 1 "$(grep -c floor-denies <<<"$out")"
out=$("$policyc" diff --floor below.msb old.msb new.msb)
same "diff: what changes below the floor" "+ allow egress@public:tcp:444 - deny egress@public:tcp:443" \
	"$(sed -n 's/^\([+-]\) *\([a-z]* *[^ ]*\) .*/\1 \2/p' <<<"$out" | tr -s ' ' | xargs)"
out=$("$policyc" diff --floor floor.msb old.msb new.msb 2>&1)
same "diff: not over a floor with names: status" 1 $?
contains "diff: said" "$out" 'a floor has rules on names'
contains "check: said" "$("$policyc" check --floor floor.msb old.msb)" 'a floor has rules on names'
: >empty.msb
contains "an empty file is no floor" "$("$policyc" check --floor empty.msb 2>&1)" 'empty.msb. says nothing'
cat floor.msb - >expecting.msb <<-'END'
	expect deny  egress@evil.com:tcp:443
	expect allow egress@1.1.1.1:tcp:80
	expect allow dns@evil.com
END
out=$("$policyc" test old.msb --floor expecting.msb 2>&1)
same "a floor's expectations are its own: status" 1 $?
contains "those that hold" "$out" '2 of 3 expectations hold'
contains "the one that does not" "$out" 'expecting.msb:11:1: error: expected allow, got deny'

for flow in egress@10.0.0.5:tcp:443 egress@1.1.1.1:udp:1 dns@a.org egress@host.microsandbox.internal:tcp:80 \
	answer@192.0.2.1 answer@10.0.0.1 ingress@10.0.0.1:tcp:80; do
	same "multi-tenant is a floor of the library: $flow" \
		"$("$policyc" eval --net-rule allow@any,allow@192.0.2.0/24 --deployment-profile multi-tenant "$flow" | cut -f1-2)" \
		"$("$policyc" eval --net-rule allow@any,allow@192.0.2.0/24 --floor "$root/policies/floors/multi-tenant.msb" "$flow" | cut -f1-2)"
done
contains "it forbids" "$("$policyc" check --floor "$root/policies/floors/multi-tenant.msb" -p 80:80 2>&1)" '[forbidden]'

echo 'deny@meta' >implicit.msb
contains "a floor without a default is a finding" "$("$policyc" check --floor implicit.msb old.msb)" \
	'implicit.msb:1:1: warning: .allow@dns, allow@public. come after'

same "fmt knows it" "" "$("$policyc" fmt --diff floor.msb 2>&1)"
nft=$("$policyc" compile agent.msb --floor floor.msb)
contains "the ruleset has a chain for it" "$nft" "chain floor1 {"
contains "with the places of its rules" "$nft" 'comment "floor.msb:3 deny@10.9.0.0/16"'
contains "names" "$("$policyc" compile --emit dns agent.msb --floor floor.msb)" "*.evil.com"
contains "the policy as resolved" "$("$policyc" compile --emit policy agent.msb --floor floor.msb)" "forbid publish"
for form in json rpz dnsmasq; do
	out=$("$policyc" compile --emit "$form" agent.msb --floor floor.msb 2>&1)
	same "no word for it: $form" 1 "$?"
	contains "no word for it: $form, said" "$out" '[floor]'
done
finish
