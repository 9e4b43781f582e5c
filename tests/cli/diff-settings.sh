#!/usr/bin/env bash
# diff tells settings: what is looser opens, what is tighter closes, and the way back is the reverse.
# usage: diff-settings.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
TAP_PREFIX="diff-settings: "

# told NAME LINE [SIGN]: of $old and $new; SIGN is that of the way back where it is not the opposite
told() {
	local name=$1 line=$2 opposite='~' opens=0 status
	"$policyc" diff "$old" "$new" >out 2>&1
	same "$name: $line: status" 1 $?
	same "$name: $line" "$line" "$(grep -E '^[-+~!] ' out | sed 's/   [^ ]*$//')"
	"$policyc" diff --fail-on opened "$old" "$new" >/dev/null 2>&1
	status=$?
	[[ $line != +* ]] || opens=1
	same "$name: $line: --fail-on opened" $opens $status
	"$policyc" diff --format json "$old" "$new" >json
	same "$name: JSON" "1" "$(jq '.settings|length' json)"
	python3 -c 'import json, sys, jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' json "$root/docs/diff.schema.json" >out 2>&1
	check "$name: the JSON fits its schema" $? "$(tail -3 out)"
	contains "$name: Markdown" "$("$policyc" diff --format markdown "$old" "$new")" '^\| (\*\*opens\*\*|closes|changes) \| `'
	same "$name: with itself no change" "no change: both decide every flow alike" "$("$policyc" diff "$new" "$new")"
	case $line in
	'+'*) opposite='[-~]' ;;
	'-'*) opposite='[+~]' ;;
	esac
	opposite=${3:-$opposite}
	contains "$name: the way back" "$("$policyc" diff "$new" "$old" 2>&1)" "^$opposite setting: "
}
# setting FIELDS BEFORE AFTER LINE [SIGN]: statements end with `;`
setting() {
	old=before.msb new=after.msb
	{ echo 'default egress deny'; tr ';' '\n' <<<"$2" | sed 's/^ *//'; } >$old
	{ echo 'default egress deny'; tr ';' '\n' <<<"$3" | sed 's/^ *//'; } >$new
	told "$1" "$4" "${5-}"
}
# shape FIELDS BEFORE AFTER LINE: keys of microsandbox's shape
shape() {
	old=before.json new=after.json
	echo "{\"default_egress\":\"deny\",\"rules\":[]${2:+,$2}}" >$old
	echo "{\"default_egress\":\"deny\",\"rules\":[]${3:+,$3}}" >$new
	told "$1" "$4" "${5-}"
}

setting 'policy.nameservers policy_nameserver.addr policy_nameserver.is_name' \
	'dns nameserver 1.1.1.1' 'dns nameserver 1.1.1.1; dns nameserver 9.9.9.9' '+ setting: dns nameserver 9.9.9.9:53 added'
setting 'policy_nameserver.name' 'dns nameserver a.example' 'dns nameserver a.example; dns nameserver b.example' \
	'+ setting: dns nameserver b.example:53 added'
setting 'policy_nameserver.port' 'dns nameserver 1.1.1.1' 'dns nameserver 1.1.1.1; dns nameserver 1.1.1.1:54' \
	'+ setting: dns nameserver 1.1.1.1:54 added'
setting 'policy_nameserver.zone' 'dns nameserver fe80::1%eth0' 'dns nameserver fe80::1%eth0; dns nameserver fe80::1%eth1' \
	'+ setting: dns nameserver [fe80::1%eth1]:53 added'
setting 'nameservers: the last goes, and the host has its own' 'dns nameserver 1.1.1.1' '' '+ setting: dns nameserver removed, was 1.1.1.1:53' '[+]'
setting 'nameservers: one of two goes' 'dns nameserver 1.1.1.1; dns nameserver 9.9.9.9' 'dns nameserver 1.1.1.1' \
	'- setting: dns nameserver removed, was 9.9.9.9:53'
setting 'nameservers: their order' 'dns nameserver 1.1.1.1; dns nameserver 9.9.9.9' 'dns nameserver 9.9.9.9; dns nameserver 1.1.1.1' \
	'~ setting: dns nameserver number 1: 9.9.9.9:53, was 1.1.1.1:53'
setting 'policy.egress_bytes' 'limit egress bytes 1G' 'limit egress bytes 2G' '+ setting: limit egress bytes 2G, was 1G'
setting 'policy.ingress_bytes' '' 'limit ingress bytes 500M' '- setting: limit ingress bytes 500M added'
setting 'policy.dns_label' 'limit dns label 32' 'limit dns label 40' '+ setting: limit dns label 40, was 32'
setting 'policy.dns_names' '' 'limit dns names 50/1m' '- setting: limit dns names 50/60s added'
setting 'policy.dns_rate' 'limit dns rate 20/1s' 'limit dns rate 10/1s' '- setting: limit dns rate 10/1s, was 20/1s'
setting 'policy.dns_timeout_ms' 'dns timeout 5s' 'dns timeout 2500ms' '~ setting: dns timeout 2500ms, was 5s'
setting 'policy.binding_minimum_ms' '' 'dns binding-minimum 2m' '+ setting: dns binding-minimum 120s, was 60s'
setting 'policy.rebind_protection' 'allow@0.0.0.0/0; allow@[::/0]' \
	'allow@0.0.0.0/0; allow@[::/0]; dns rebind-protection off' \
	'+ setting: dns rebind-protection off, was on'
setting 'policy.ech_answers' '' 'dns ech strip' '- setting: dns ech strip, was keep'
setting 'ech: kept though names are judged' 'allow@github.com:tcp:443' 'allow@github.com:tcp:443; dns ech keep' \
	'+ setting: dns ech keep, was strip'
setting 'policy.egress_bandwidth policy_limit.size' 'limit egress bandwidth 1M/1s' 'limit egress bandwidth 2M/1s' \
	'+ setting: limit egress bandwidth 2M/1s, was 1M/1s'
setting 'policy_limit.refill_ms' 'limit egress bandwidth 1M/1s' 'limit egress bandwidth 1M/2s' \
	'- setting: limit egress bandwidth 1M/2s, was 1M/1s'
setting 'policy_limit.burst' 'limit egress bandwidth 1M/1s' 'limit egress bandwidth 1M/1s burst 8M' \
	'+ setting: limit egress bandwidth 1M/1s burst 8M, was 1M/1s'
setting 'limit: slower, and at once more' 'limit egress bandwidth 1M/1s' 'limit egress bandwidth 2M/1m' \
	'+ setting: limit egress bandwidth 2M/60s, was 1M/1s' '[+]'
setting 'limit: removed' 'limit egress bandwidth 1M/1s' '' '+ setting: limit egress bandwidth removed, was 1M/1s'
setting 'policy.egress_ops' '' 'limit egress ops 1000/1s' '- setting: limit egress ops 1000/1s added'
setting 'policy.ingress_bandwidth' 'limit ingress bandwidth 1M/1s' '' '+ setting: limit ingress bandwidth removed, was 1M/1s'
setting 'policy.ingress_ops' 'limit ingress ops 7/1s' 'limit ingress ops 6/1s' '- setting: limit ingress ops 6/1s, was 7/1s'
setting 'policy_rule.until' 'allow@10.0.0.1 until 2099-01-01' 'allow@10.0.0.1' '+ setting: until of allow@10.0.0.1 removed, was 2099-01-01'
setting 'until: later' 'allow@10.0.0.1 until 2099-01-01' 'allow@10.0.0.1 until 2099-01-02' \
	'+ setting: until of allow@10.0.0.1 2099-01-02, was 2099-01-01'
setting 'until: of a deny, past which the policy ends too' 'deny@10.0.0.1 until 2099-01-01' 'deny@10.0.0.1' \
	'+ setting: until of deny@10.0.0.1 removed, was 2099-01-01'
setting 'policy_rule.log' 'allow@10.0.0.1 log' 'allow@10.0.0.1' '+ setting: log of allow@10.0.0.1 removed'
setting 'policy_rule.bytes' 'allow@8.8.8.8:tcp bytes 1G' 'allow@8.8.8.8:tcp bytes 512M' '- setting: bytes of allow@8.8.8.8:tcp 512M, was 1G'
setting 'policy_rule.bytes: a limit is new' 'allow@8.8.8.8:tcp' 'allow@8.8.8.8:tcp bytes 512M' '- setting: bytes of allow@8.8.8.8:tcp 512M added'
setting 'policy_rule.no_ech' 'allow@a.example:tcp no-ech' 'allow@a.example:tcp' '+ setting: no-ech of allow@a.example:tcp removed'
setting 'policy.deny_ech' '' 'tls ech deny' '- setting: tls ech deny, was allow'
setting 'policy_rule.because' 'allow@10.0.0.1 because "a"' 'allow@10.0.0.1 because "b"' '~ setting: reason of allow@10.0.0.1 "b", was "a"'
setting 'policy.expects policy_expect.flow' 'expect deny egress@10.0.0.1:tcp:1' '' '+ setting: expect egress@10.0.0.1:tcp:1 removed, was deny'
setting 'policy_expect.action' 'expect deny egress@10.0.0.1:tcp:1' 'expect allow egress@10.0.0.1:tcp:1' \
	'+ setting: expect egress@10.0.0.1:tcp:1 allow, was deny'
setting 'policy_expect.region policy_region.rule' 'expect deny egress@10.0.0.0/8; expect deny egress@10.0.0.0/16' \
	'expect deny egress@10.0.0.0/16' '+ setting: expect egress@10.0.0.0/8 removed, was deny'
setting 'policy_region.kind' 'expect deny egress@10.0.0.0/8; expect deny answer@10.0.0.0/8' 'expect deny egress@10.0.0.0/8' \
	'+ setting: expect answer@10.0.0.0/8 removed, was deny'
setting 'policy_region.transports' 'expect deny dns@*.x.org; expect deny dns@*.x.org:tcp' 'expect deny dns@*.x.org' \
	'+ setting: expect dns@*.x.org:tcp removed, was deny'
setting 'expectations: one more' '' 'expect deny egress@10.0.0.1:tcp:1' '~ setting: expect egress@10.0.0.1:tcp:1 deny added' '[+]'
setting 'a finding that is silenced' 'allow@public' '# lint: ignore no-dns it is meant; allow@public' \
	'+ setting: lint: ignore no-dns it is meant added'
setting 'a finding that is silenced on the line' 'allow@public' 'allow@public # lint: ignore no-dns  it is meant' \
	'+ setting: lint: ignore no-dns it is meant added'
setting 'the reason for which one is silenced' '# lint: ignore no-dns one' '# lint: ignore no-dns two' \
	'~ setting: lint: ignore no-dns two, was one'
printf 'default egress deny\nallow@10.0.0.1 because "# lint: ignore a b"\n# on lint: ignore a b\n# lint: ignore a\n' >old.msb
printf 'default egress deny\nallow@10.0.0.1 because "# lint: ignore a b"\n' >new.msb
same "what silences nothing is no change" "no change: both decide every flow alike" "$("$policyc" diff old.msb new.msb)"
shape 'policy.max_tcp policy_bound.most' '' '"max_tcp_connections":0' '+ setting: max-tcp-connections no bound, was 4096'
shape 'policy.max_udp' '' '"max_udp_connections":8' '- setting: max-udp-connections 8, was 4096'
shape 'policy.connection_rate' '' '"max_connection_rate":500' '+ setting: max-connection-rate 500, was 250'
shape 'policy.accept_queue' '' '"tcp_accept_queue_size":8' '~ setting: tcp-accept-queue-size 8, was 1024'
shape 'policy.pool4 policy_pool.set policy_pool.prefix policy.interface' '' '"interface":{"ipv4_pool":"172.30.0.0/16"}' '~ setting: IPv4 pool 172.30.0.0/16 added'
shape 'policy.pool6' '' '"interface":{"ipv6_pool":"fd00:1::/48"}' '~ setting: IPv6 pool fd00:1::/48 added'
shape 'policy_interface.mac policy_interface.has_mac' '' '"interface":{"mac":"02:00:5e:00:53:01"}' "~ setting: guest's MAC 02:00:5e:00:53:01 added"
shape 'policy_interface.mtu' '' '"interface":{"mtu":1400}' "~ setting: guest's MTU 1400 added"
shape 'policy_interface.address4 policy_address.set policy_address.addr' '' '"interface":{"ipv4_address":"172.30.0.2"}' \
	"~ setting: guest's IPv4 address 172.30.0.2 added"
shape 'policy_interface.address6' '' '"interface":{"ipv6_address":"fd00:1::2"}' "~ setting: guest's IPv6 address fd00:1::2 added"
setting 'node' 'default ingress deny' 'default ingress deny; deny:ingress@host' "- setting: a pod's node kept out, was let in"
shape 'policy.multi_tenant' '' '"deployment_profile":"multi-tenant"' '- setting: deployment multi-tenant, was single-tenant'

# what changes by a rule that changes in other ways too
printf 'default egress deny\nallow@{a.example,b.example}:tcp:{22,443} until 2099-01-01\n' >old.msb
printf 'default egress deny\nallow@b.example:tcp:443\n' >new.msb
contains "a date that goes while the rule changes" "$("$policyc" diff old.msb new.msb)" \
	'^\+ setting: until of allow@b\.example:tcp:443 removed, was 2099-01-01'
# one change, one line
printf 'default egress deny\n' >old.msb
printf 'default egress deny\nallow@dns\n' >new.msb
same "lookups of any name are one line" "+ allow dns@any   e.g. dns@0.example" \
	"$("$policyc" diff old.msb new.msb | grep '^[-+]' | sed 's/dns@[a-z0-9]*\.[a-z.]*$/dns@0.example/')"
printf 'default egress deny\nallow@host\n' >new.msb
contains "the gateway's other ports are another" "$("$policyc" diff old.msb new.msb)" '^\+ allow egress@host'
# what is removed with all of a policy is told by what closes
printf 'default egress deny\nallow@10.0.0.1\ndns nameserver 1.1.1.1\nexpect deny dns@x.org\n' >new.msb
lacks "an absent policy has no settings" "$("$policyc" diff new.msb /dev/null)" 'setting'
contains "a new one shows its nameservers" "$("$policyc" diff /dev/null new.msb)" '^\+ setting: dns nameserver 1\.1\.1\.1:53 added'
# hostile words
printf 'default egress deny\nallow@10.0.0.1 because "a\e[31m|`x`<b>::error::"\n' >old.msb
for format in text json markdown; do
	"$policyc" diff --format $format old.msb <(sed 's/a/b/' old.msb) >out 2>&1
	! has_raw_control out; check "words are escaped, $format" $? "$(cat -v out)"
done
finish
