#!/usr/bin/env bash
# Kubernetes' NetworkPolicy as a policy file. usage: tests/cli/networkpolicy.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

head='apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: a, namespace: n }'
# egress LINES: a file whose one object has these rules
egress() { printf '%s\nspec:\n  podSelector: {}\n  egress:\n%s\n' "$head" "$1" >np.yaml; }
refused() { # NAME PATTERN LINES
	egress "$3"
	contains "networkpolicy: $1" "$("$policyc" check np.yaml 2>&1)" "$2"
	same "networkpolicy: $1 fails" 1 "$("$policyc" compile np.yaml >out 2>&1; echo $?)"
}
verdict() { "$policyc" eval "$@" 2>&1 | cut -f1; }

refused "a port's name" 'np.yaml:7:22: error: a port is a number' '  - ports: [ { port: https } ]'
refused "SCTP" 'no rule can be for this protocol' '  - ports: [ { port: 80, protocol: SCTP } ]'
refused "pods of a cluster" 'np.yaml:7:11: error: who has which labels' '  - to: [ { podSelector: {} } ]'
refused "an exception outside" 'not inside its .cidr' \
	'  - to: [ { ipBlock: { cidr: 10.0.0.0/8, except: [192.168.0.0/16] } } ]'
refused "a range without a start" 'without a .port' '  - ports: [ { endPort: 80 } ]'
refused "a misspelt key" 'no such key: .prots' '  - prots: []'
refused "other pods" 'other pods' "  - {}
---
$head
spec: { podSelector: { matchLabels: { app: other } } }"
refused "another kind" 'no such kind of object' "  - {}
---
apiVersion: v1
kind: ConfigMap"

printf '%s\nspec: { egress: [ { kye: 1 } ] }\n' "$head" >np.yaml
contains "networkpolicy: no podSelector is every pod, and keys are read" "$("$policyc" check np.yaml 2>&1)" 'no such key: .kye'

egress '  - to:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }
      podSelector: { matchLabels: { k8s-app: kube-dns } }
    ports: [ { port: 53, protocol: UDP } ]'
same "networkpolicy: the cluster's DNS" allow "$(verdict np.yaml dns@example.com)"
same "networkpolicy: and nothing else" deny "$(verdict np.yaml egress@203.0.113.1:udp:53)"
egress '    []'
same "networkpolicy: an empty list, ingress" deny "$(verdict np.yaml ingress@203.0.113.1:tcp:80)"
same "networkpolicy: an empty list isolates no egress by itself" allow "$(verdict np.yaml egress@203.0.113.1:tcp:80)"
egress '  - to: [ { ipBlock: { cidr: 10.0.0.0/8, except: [10.1.0.0/16] } } ]'
printf 'default any deny\nallow@{10.0.0.0/16,10.2.0.0/15,10.4.0.0/14,10.8.0.0/13,10.16.0.0/12,10.32.0.0/11,10.64.0.0/10,10.128.0.0/9}\n' >np.msb
contains "networkpolicy: the same policy in our words" "$("$policyc" diff np.yaml np.msb 2>&1)" 'no change'
printf -- '---\n# of a template that printed nothing\n---\n---\n%s\nspec: { policyTypes: [Egress] }\n' "$head" >np.yaml
same "networkpolicy: empty documents in front" deny "$(verdict np.yaml egress@203.0.113.1:tcp:443)"
printf -- '---\n---\nnetwork: open\n' >two.yaml
contains "networkpolicy: not in front of other files" "$("$policyc" check two.yaml 2>&1)" 'two.yaml:3:1: error: a second document'
same "networkpolicy: from standard input" deny \
	"$("$policyc" eval --stdin-name np.yaml - egress@203.0.113.1:tcp:443 <np.yaml 2>&1 | cut -f1)"
contains "networkpolicy: whose name says what it is" "$("$policyc" check - <np.yaml 2>&1)" 'help: .*--stdin-name x.yaml'
printf 'policy: public\n---\npolicy: open\n' >two.yaml
contains "networkpolicy: other files have one document" "$("$policyc" check two.yaml 2>&1)" 'a second document'

# unsaid NAME PATTERN LINES: a policy that --emit networkpolicy refuses, and why
unsaid() {
	printf 'default any deny\n%s\n' "$3" >own.msb
	contains "networkpolicy: not printed: $1" "$("$policyc" compile --emit networkpolicy own.msb 2>&1)" "$2"
	same "networkpolicy: not printed: $1 fails and prints nothing" "1 " \
		"$("$policyc" compile --emit networkpolicy own.msb >out 2>err; echo "$? $(cat out)")"
}
unsaid "names" 'own.msb:2:1: error: .*it knows no names' 'allow@example.com'
unsaid "groups" 'it knows no names, and of groups' 'allow@public'
unsaid "denies" 'its rules only allow' 'deny@10.0.0.0/8'
unsaid "ICMP" 'it knows no ICMP' 'allow@10.0.0.0/8:icmpv4'
unsaid "attributes" 'no word for .until' 'allow@10.0.0.0/8 log'
unsaid "settings" 'publish 127.0.0.1:8080' 'publish 8080:80'
printf 'default any deny\nallow@dns\nallow@{10.0.0.0/8,[2001:db8::/32]}:{tcp,udp}:{80,1-3}\nallow:ingress@any:tcp\n' >own.msb
"$policyc" compile --emit networkpolicy own.msb >own.json
contains "networkpolicy: printed and read again" "$("$policyc" diff own.msb own.json 2>&1)" 'no change'
printf 'default any deny\nallow@10.0.0.0/8 because "x"\n' >own.msb
same "networkpolicy: reasons are not printed" 0 "$("$policyc" compile --emit networkpolicy own.msb >out 2>&1; echo $?)"

python3 "$root/tests/cli/networkpolicy.py" "$policyc"
