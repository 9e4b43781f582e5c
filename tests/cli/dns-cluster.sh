#!/usr/bin/env bash
# --net-group and --dns-cluster: networks that rules may name, and where the names below a domain are; floors see neither.
# usage: dns-cluster.sh BUILD
. "$(dirname "$0")/lib.sh"
policyc=$BUILD/msb-policyc
cluster=(--net-group cluster-services=10.96.0.0/12,fd00:96::/112 --net-group cluster-pods=10.244.0.0/16
	--dns-cluster cluster.local=10.96.0.0/12,10.244.0.0/16)

cat >pod.msb <<-'END'
	default egress deny
	allow@web.default.svc.cluster.local:tcp:80
	allow@*.other.svc.cluster.local:tcp:443 in 10.96.7.0/24
	allow@{github.com,api.default.svc.cluster.local}:tcp:443
	allow@cluster-services:tcp:8080
	allow@example.com
	deny@bad.cluster.local
END
verdict() { "$policyc" eval pod.msb "${cluster[@]}" "$@" 2>&1 | cut -f1,2; }
web=web.default.svc.cluster.local
same "a service in the cluster's network" $'allow\t1' "$(verdict "egress@$web:tcp:80 resolve=$web=10.96.0.5")"
same "in its other network" $'allow\t1' "$(verdict "egress@$web:tcp:80 resolve=$web=10.244.3.5")"
same "another private address is held back" $'deny\treserved' "$(verdict "egress@$web:tcp:80 resolve=$web=192.168.0.5")"
same "the metadata service is held back" $'deny\treserved' "$(verdict "egress@$web:tcp:80 resolve=$web=169.254.169.254")"
same "a public address is not where the rule matches" $'deny\tdefault' "$(verdict "egress@$web:tcp:80 resolve=$web=8.8.8.8")"
same "another name is held back from the cluster's network" $'deny\treserved' \
	"$(verdict "egress@example.com:tcp:80 resolve=example.com=10.96.0.5")"
same "a rule's own networks count" $'deny\treserved' \
	"$(verdict 'egress@a.other.svc.cluster.local:tcp:443 resolve=a.other.svc.cluster.local=10.96.0.5')"
same "a rule on other names too has no networks" $'deny\treserved' \
	"$(verdict 'egress@api.default.svc.cluster.local:tcp:443 resolve=api.default.svc.cluster.local=10.96.0.5')"
same "a rule names the network" $'allow\t4' "$(verdict egress@10.97.0.1:tcp:8080)"
same "in IPv6 too" $'allow\t4' "$(verdict 'egress@[fd00:96::7]:tcp:8080')"
same "and no port more" $'deny\tdefault' "$(verdict egress@10.97.0.1:tcp:8081)"
same "without the options there is no such group" 1 "$("$policyc" check pod.msb >/dev/null 2>&1; echo $?)"
contains "explain says where" "$("$policyc" explain pod.msb "${cluster[@]}" "egress@$web:tcp:80 resolve=$web=10.96.0.5")" \
	"allow@$web:tcp:80 in {10.96.0.0/12,10.244.0.0/16}"
same "check asks for no network behind such names alone" 1 \
	"$("$policyc" check pod.msb "${cluster[@]}" 2>&1 | grep -c '\[private-name\]')"
printf 'default egress allow\nallow@*.cluster.local\n' >names.msb
printf 'default egress allow\nallow@*.cluster.local in 10.96.0.0/12\n' >floor.msb
same "no flag says for a floor where names are" $'deny\treserved' \
	"$(verdict --floor names.msb "egress@$web:tcp:80 resolve=$web=10.96.0.5")"
same "a floor says it itself" $'allow\t1' "$(verdict --floor floor.msb "egress@$web:tcp:80 resolve=$web=10.96.0.5")"
printf 'default egress allow\nallow@cluster-services\n' >named.msb
contains "nor what its groups are" "$("$policyc" check pod.msb "${cluster[@]}" --floor named.msb 2>&1)" \
	'no such target: `cluster-services`'
"$policyc" compile --emit json pod.msb "${cluster[@]}" >pod.json 2>/dev/null
same "JSON keeps the networks without the option" $'allow\t1' \
	"$("$policyc" eval pod.json "egress@$web:tcp:80 resolve=$web=10.96.0.5" | cut -f1,2)"

same "the host's name stays where it is" "allow@host.microsandbox.internal:tcp:80" "$("$policyc" eval --net-default deny \
	--net-rule allow@host.microsandbox.internal:tcp:80 --dns-cluster microsandbox.internal=10.0.0.0/8 \
	egress@host.microsandbox.internal:tcp:80 | cut -f4)"
same "of two domains the first that fits counts" $'allow\t1' "$("$policyc" eval --net-default deny --net-rule allow@a.x.test \
	--dns-cluster a.x.test=10.1.0.0/16 --dns-cluster x.test=10.2.0.0/16 'egress@a.x.test:tcp:80 resolve=a.x.test=10.1.0.1' | cut -f1,2)"

mistake() { # PART-OF-THE-ERROR OPTION VALUE
	local out status
	out=$("$policyc" check --net-default deny "$2" "$3" 2>&1)
	status=$?
	same "$2 $3: status" 2 "$status"
	contains "$2 $3" "$out" "$1"
}
mistake 'NAME=NETWORK,NETWORK' --net-group cluster
mistake 'no name for a group: `a.b`' --net-group a.b=10.0.0.0/8
mistake 'is a keyword' --net-group public=10.0.0.0/8
mistake 'prefix length out of range' --net-group a=10.0.0.0/33
mistake 'no address: `x.org`' --net-group a=x.org
mistake 'no address: ``' --net-group a=10.0.0.0/8,
mistake 'NAME=NETWORK,NETWORK' --dns-cluster cluster.local
mistake 'takes in all of `local`' --dns-cluster local=10.0.0.0/8
mistake 'anybody can have a name under `co.uk`' --dns-cluster co.uk=10.0.0.0/8
mistake 'group loopback' --dns-cluster cluster.local=127.0.0.0/8
mistake 'group meta' --dns-cluster cluster.local=169.254.169.254
printf 'group cluster-pods = 10.1.0.0/16\n' >again.msb
contains "a file's group of that name is another" "$("$policyc" check again.msb "${cluster[@]}" 2>&1)" 'defined twice'
finish
