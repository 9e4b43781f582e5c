#!/usr/bin/env bash
# CiliumNetworkPolicy as a policy file. usage: tests/cli/cilium.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

head='apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: a, namespace: n }'
dns='toEndpoints: [{ matchLabels: { "k8s:io.kubernetes.pod.namespace": kube-system, "k8s:k8s-app": kube-dns } }]'
# lookups NAMES: a rule that lets these be looked up
lookups() { printf '  - { %s, toPorts: [{ ports: [{ port: "53" }], rules: { dns: [%s] } }] }' "$dns" "$1"; }
# egress LINES: a file whose one object has these rules
egress() { printf '%s\nspec:\n  endpointSelector: {}\n  egress:\n%s\n' "$head" "$1" >c.yaml; }
# ours RULES: the file is the same policy as these rules of ours
ours() { # NAME RULES
	printf 'default egress deny\ndefault ingress allow\n%s\n' "$2" >c.msb
	contains "cilium: $1" "$("$policyc" diff c.yaml c.msb 2>&1)" 'no change'
}
refused() { # NAME PATTERN LINES
	egress "$3"
	contains "cilium: $1" "$("$policyc" check c.yaml 2>&1)" "$2"
	same "cilium: $1 fails" 1 "$("$policyc" compile c.yaml >out 2>&1; echo $?)"
}

refused "a pattern of one label" 'c.yaml:7:33: error: this pattern stays within labels' \
	'  - { toFQDNs: [{ matchPattern: "*.a.example" }] }'
contains "cilium: with what would do" "$("$policyc" check c.yaml 2>&1)" '\*\*.a.example.* and .matchName: a.example. together'
refused "a pattern inside a label" 'stays within labels' '  - { toFQDNs: [{ matchPattern: "a*.example" }] }'
refused "names below without the name" 'leaves out .a.example. itself' '  - { toFQDNs: [{ matchPattern: "**.a.example" }] }'
refused "all names" 'addresses of all names' '  - { toFQDNs: [{ matchPattern: "*" }] }'
refused "a suffix of one label" 'suffix of one label' '  - { toFQDNs: [{ matchPattern: "**.org" }, { matchName: org }] }'
refused "a star behind" 'no domain name' '  - { toFQDNs: [{ matchPattern: "**.a.*.org" }] }'
refused "a name that may not be looked up" 'c.yaml:7:30: error: .*no .rules.dns. allows that of .a.example' \
	'  - { toFQDNs: [{ matchName: a.example }] }'
refused "lookups without the proxy" 'no .rules.dns. allows that' "  - { toFQDNs: [{ matchName: a.example }] }
  - { $dns, toPorts: [{ ports: [{ port: '53' }] }] }"
refused "a lookup without a rule" 'no .toFQDNs. has it' "$(lookups '{ matchName: a.example }')"
refused "names below looked up, one allowed" 'no .toFQDNs. has it' "  - { toFQDNs: [{ matchName: a.b.example }] }
$(lookups '{ matchName: b.example }, { matchPattern: "**.b.example" }')"
refused "lookups over UDP alone" 'over UDP and TCP' \
	"  - { $dns, toPorts: [{ ports: [{ port: '53', protocol: UDP }], rules: { dns: [{ matchName: a.example }] } }] }"
refused "the DNS of others" 'only read of the cluster' \
	'  - { toCIDR: [9.9.9.9/32], toPorts: [{ ports: [{ port: "53" }], rules: { dns: [{ matchPattern: "*" }] } }] }'
refused "another port of the DNS" 'only port 53' "  - { $dns, toPorts: [{ ports: [{ port: '80' }] }] }"
refused "pods of a cluster" 'who has which labels' '  - { toEndpoints: [{ matchLabels: { app: x } }] }'
refused "entities of a cluster" 'only a cluster knows' '  - { toEntities: [cluster] }'
refused "the host with port 53" 'port 53 of the host' '  - { toEntities: [host] }'
refused "an empty list of peers" 'nobody or everybody' '  - { toCIDR: [] }'
refused "two lists of peers" 'one list of peers' '  - { toCIDR: [10.0.0.0/8], toEntities: [world] }'
refused "a port's name" 'a port is a number' '  - { toPorts: [{ ports: [{ port: https }] }] }'
refused "a port in base 8" 'a port is a number' '  - { toPorts: [{ ports: [{ port: "010" }] }] }'
refused "SCTP" 'for this protocol' '  - { toPorts: [{ ports: [{ port: "80", protocol: SCTP }] }] }'
refused "types of ICMP" 'types of ICMP' '  - { icmps: [{ fields: [{ type: 8 }] }] }'
refused "HTTP" 'no such key: .http' '  - { toPorts: [{ ports: [{ port: "80", protocol: TCP }], rules: { http: [{}] } }] }'
refused "toPorts without ports" 'has no .ports' '  - { toPorts: [{}] }'
refused "an exception outside" 'not inside its .cidr' '  - { toCIDRSet: [{ cidr: 10.0.0.0/8, except: [11.0.0.0/16] }] }'
refused "services" 'no such key: .toServices' '  - { toServices: [] }'
refused "other pods" 'other pods' "  - {}
---
$head
spec: { endpointSelector: { matchLabels: { app: other } } }"
refused "another kind beside it" 'another kind' '  - {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
spec: {}'
refused "policies of the whole cluster beside those of a namespace" 'another kind' '  - {}
---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
spec: {}'
wide='apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: { name: a }'
printf '%s\nspec: { nodeSelector: {} }\n' "$wide" >c.yaml
contains "cilium: nodes" "$("$policyc" check c.yaml 2>&1)" "about a cluster.s nodes"
printf '%s\nspec: { endpointSelector: {} }\n' "${wide/name: a/name: a, namespace: n}" >c.yaml
contains "cilium: a namespace of the whole cluster" "$("$policyc" check c.yaml 2>&1)" 'c.yaml:3:33: error: .*has no namespace'
printf '%s\n' "$head" >c.yaml
contains "cilium: neither spec nor specs" "$("$policyc" check c.yaml 2>&1)" 'no .spec. and no .specs'
printf '%s\nspec: { egressDeny: [{ toFQDNs: [{ matchName: a.example }] }] }\n' "$head" >c.yaml
contains "cilium: a deny of names" "$("$policyc" check c.yaml 2>&1)" 'no such key: .toFQDNs'
printf '%s\nspec: { egress: [{}], enableDefaultDeny: { egress: "true" } }\n' "$head" >c.yaml
contains "cilium: a text for a truth" "$("$policyc" check c.yaml 2>&1)" '.true. or .false'

for rules in '' 'egress: []' 'egress: null' 'ingress: [], enableDefaultDeny: { egress: true }'; do
	printf '%s\nspec: { %s }\n' "$head" "$rules" >c.yaml
	contains "cilium: no rules: $rules" "$("$policyc" check c.yaml 2>&1)" 'c.yaml:4:7: error: .*has no rules'
done

egress "  - { toFQDNs: [{ matchName: API.example.org }, { matchPattern: '**.b.example' }, { matchName: b.example }],
      toPorts: [{ ports: [{ port: '443', protocol: TCP }] }] }
$(lookups '{ matchName: api.example.org }, { matchPattern: "**.b.example" }, { matchName: b.example }')"
ours "names with their lookups" 'allow@{api.example.org,*.b.example}:tcp:443'
egress "$(lookups '{ matchPattern: "*" }')"
ours "lookups of any name" 'allow@dns'
printf '%s\nspec: { endpointSelector: {}, egress: [{ toCIDR: [10.0.0.0/8], toPorts: [{ ports: [{ port: "443", protocol: TCP }] }] }], egressDeny: [{ toCIDR: [10.1.0.0/16] }] }\n' "$wide" >c.yaml
both='deny@10.1.0.0/16
deny@host because "networks are not the host'"'"'s in Cilium"
allow@10.0.0.0/8:tcp:443'
ours "one of the whole cluster" "$both"
printf '{ "apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideNetworkPolicyList", "items": [%s] }\n' \
	"$(python3 -c 'import json, yaml; print(json.dumps(yaml.safe_load(open("c.yaml"))))')" >c.json && mv c.json c.yaml
ours "a list of them" "$both"
egress '  - {}'
ours "an empty rule allows nothing" ''
egress '  - { toEntities: [world], toPorts: [{ ports: [{ port: "8000", endPort: 8010, protocol: UDP }] }] }'
ours "the world is not the host" 'deny@host because "networks are not the host'"'"'s in Cilium"
allow@{0.0.0.0/0,[::/0]}:udp:8000-8010'
egress '  - { toEntities: [all], toPorts: [{ ports: [{ port: "0" }] }] }'
ours "all ports are those of TCP and UDP, not ICMP" 'allow@any:{tcp,udp}'
egress '  - { toEntities: [all] }
  egressDeny:
  - { toCIDR: [10.0.0.0/8] }'
ours "denies win" 'deny@10.0.0.0/8
allow@any'
printf '%s\nspec: { egressDeny: [{ toCIDR: [10.0.0.0/8] }], enableDefaultDeny: { egress: false } }\n' "$head" >c.yaml
printf 'default any allow\ndeny:egress@10.0.0.0/8\n' >c.msb
contains "cilium: a deny alone" "$("$policyc" diff c.yaml c.msb 2>&1)" 'no change'

# unsaid NAME PATTERN LINES: a policy that --emit cilium refuses, and why
unsaid() {
	printf 'default any deny\n%s\n' "$3" >own.msb
	contains "cilium: not printed: $1" "$("$policyc" compile --emit cilium own.msb 2>&1)" "$2"
	same "cilium: not printed: $1 fails and prints nothing" "1 " \
		"$("$policyc" compile --emit cilium own.msb >out 2>err; echo "$? $(cat out)")"
}
unsaid "a deny of names" 'own.msb:2:1: error: .*denies know no names' 'deny@example.com'
unsaid "groups" 'no groups but .host' 'allow@public'
unsaid "ICMP" 'rules on ICMP are on types' 'allow@10.0.0.0/8:icmpv4'
unsaid "the host with its port 53" 'port 53 of .host' 'allow@host:{tcp,udp}'
unsaid "names of ingress" 'only its egress rules' 'allow:ingress@example.com'
unsaid "attributes" 'no word for .until' 'allow@10.0.0.0/8 log'
unsaid "settings" 'publish 127.0.0.1:8080' 'publish 8080:80'
unsaid "a deny behind an allow" 'it would change' 'allow@10.1.0.0/16
deny@10.0.0.0/8'
unsaid "the gateway in a network" 'egress@172.16.0.1' 'allow@0.0.0.0/0'
unsaid "QUIC that names refuse" 'egress@a.example:udp:443' 'allow@a.example'

# said NAME LINES: a policy that is printed and read again
said() {
	printf '%s\n' "$2" >own.msb
	"$policyc" compile --emit cilium own.msb >own.json
	contains "cilium: printed and read again: $1" "$("$policyc" diff own.msb own.json 2>&1)" "${3:-no change}"
}
said "all kinds of peers" 'default any deny
deny@10.1.0.0/16
allow@dns
allow@{a.org,*.github.com}:tcp:{443,8000-8010}
allow@host:tcp:8080
deny@host
allow@{10.0.0.0/8,[2001:db8::/32]}:{tcp,udp}:{80,1-3}
allow@0.0.0.0/0:udp
allow:ingress@any:tcp' 'reason of deny@host'
said "no rule at all" 'default any deny'
said "what denies nothing" 'default any allow'
said "names without other lookups" 'default any deny
allow@{a.org,*.b.example}:tcp'
said "reasons are not printed" 'default any deny
allow@10.0.0.0/8 because "x"' 'reason of allow@10.0.0.0/8 removed'
said "one deny" 'default any allow
deny@10.0.0.0/8'
said "41 ports, of which Cilium has 40 in an entry" "default any deny
allow@10.0.0.0/8:tcp:{$(seq -s, 1 2 81)}"
same "cilium: two entries" 2 "$(grep -c '"ports"' own.json)"

python3 "$root/tests/cli/cilium.py" "$policyc"
