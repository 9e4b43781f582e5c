#!/usr/bin/env bash
# Server names as what is enforced: what eval, explain, test and diff say of TLS, QUIC and ECH, and what they say with
# --no-server-names. usage: server-names.sh BUILD
. "$(dirname "$0")/lib.sh"
policyc=$BUILD/msb-policyc

cat >agent.msb <<-'END'
	default egress deny
	allow@cdn.example.com:{tcp,udp}:443
	allow@ntp.example.com:udp:443
	allow@strict.example.com:tcp:443 no-ech
END
cat >browser.msb <<-'END'
	default egress deny
	allow@dns
	deny@*.evil.example
	allow@public
END
at=resolve=cdn.example.com=1.2.3.4
verdict() { "$policyc" eval "$@" 2>&1 | cut -f1-3; }
same "the name that is bound" $'allow\t1\tagent.msb:2:1' "$(verdict agent.msb "egress@1.2.3.4:tcp:443 $at sni=cdn.example.com")"
same "another name at its address" $'deny\tdefault\tagent.msb:1:1' \
	"$(verdict agent.msb "egress@1.2.3.4:tcp:443 $at sni=evil.example.net")"
same "no name: the binding decides" $'allow\t1\tagent.msb:2:1' "$(verdict agent.msb "egress@1.2.3.4:tcp:443 $at")"
same "QUIC would hide the name that is allowed" $'deny\trefused\tagent.msb:2:1' "$(verdict agent.msb "egress@1.2.3.4:udp:443 $at")"
same "a rule for UDP alone goes by the binding" $'allow\t2\tagent.msb:3:1' "$(verdict agent.msb egress@ntp.example.com:udp:443)"
same "QUIC would hide a name that is denied" $'deny\trefused\tbrowser.msb:3:1' "$(verdict browser.msb egress@1.2.3.4:udp:443)"
contains "eval says what hides it" "$("$policyc" eval browser.msb egress@1.2.3.4:udp:443)" 'QUIC would hide the server name'
out=$("$policyc" explain browser.msb egress@1.2.3.4:udp:443)
contains "explain names the rule" "$out" 'QUIC would hide the server name that rule 2 judges'
contains "explain says what to do" "$out" 'clients fall back to that; a rule for UDP alone before it \(allow@public:udp:443\)'
contains "explain of an allow offers its name" "$("$policyc" explain agent.msb "egress@1.2.3.4:udp:443 $at")" \
	'\(allow@cdn\.example\.com:udp:443\)'
out=$("$policyc" explain agent.msb egress@cdn.example.com:tcp:443)
contains "explain: the relay looks at the name" "$out" 'The relay looks at the server name that TLS sends, which must match rule 1'
contains "explain: without a name the binding decides" "$out" 'Without one the binding decides, as here; ECH is judged by its outer name'
contains "explain: no name matters by address" "$("$policyc" explain --net-rule allow@public --net-default-egress deny \
	'egress@1.2.3.4:tcp:443 sni=a.example')" 'No server name changes this verdict'

ech='egress@strict.example.com:tcp:443 sni=strict.example.com ech'
same "no-ech does not take ECH" $'deny\tdefault\tagent.msb:1:1' "$(verdict agent.msb "$ech")"
same "no-ech takes what has none" $'allow\t3\tagent.msb:4:1' "$(verdict agent.msb "${ech% ech}")"
contains "explain says so" "$("$policyc" explain agent.msb "$ech")" 'hides a name \(ECH\), which `no-ech` does not take'
same "ECH is judged by its outer name" $'allow\t1\tagent.msb:2:1' \
	"$(verdict agent.msb "egress@cdn.example.com:tcp:443 sni=cdn.example.com ech")"
same "--deny-ech: not by that name" $'deny\tdefault\tagent.msb:1:1' \
	"$(verdict agent.msb --deny-ech "egress@cdn.example.com:tcp:443 sni=cdn.example.com ech")"
same "--ech, as an option" $'deny\trefused\tbrowser.msb:3:1' \
	"$(verdict browser.msb --deny-ech --sni good.example --ech egress@1.2.3.4:tcp:443)"
contains "ECH without an outer name is no flow" "$("$policyc" eval agent.msb 'egress@1.2.3.4:tcp:443 ech' 2>&1)" 'outer name'
for rule in deny@a.example:tcp allow@10.0.0.0/8:tcp allow@a.example:udp allow:ingress@a.example:tcp; do
	printf 'default egress deny\n%s no-ech\n' "$rule" >bad.msb
	contains "no-ech is not for $rule" "$("$policyc" check bad.msb 2>&1)" 'error: `no-ech` is for .*\[bad-no-ech\]'
done
printf 'tls ech deny\n' >deny.msb
contains "a file and a flag that agree" "$("$policyc" compile --emit policy --deny-ech deny.msb)" '^tls ech deny$'
printf 'tls ech allow\n' >allow.msb
contains "a file and a flag that do not" "$("$policyc" check --deny-ech allow.msb 2>&1)" '\[conflict\]'
contains "no such setting" "$(printf 'tls sni off\n' | "$policyc" check - 2>&1)" 'no such setting: `tls sni`.*\[bad-setting\]'
"$policyc" compile --emit json agent.msb >agent.json 2>/dev/null
same "no-ech goes through JSON" $'deny\tdefault' "$(verdict agent.json "$ech" | cut -f1-2)"

# --no-server-names: as without them, and every tool says so
off=--no-server-names unenforced='server names are not enforced \(--no-server-names\)'
same "unenforced: another name" allow "$(verdict agent.msb $off "egress@1.2.3.4:tcp:443 $at sni=evil.example.net" 2>&1 | grep -v ^note | cut -f1)"
same "unenforced: QUIC" $'allow\t1' "$("$policyc" eval agent.msb $off "egress@1.2.3.4:udp:443 $at" | cut -f1-2)"
contains "unenforced: eval says so" "$("$policyc" eval agent.msb $off --sni a.example egress@1.2.3.4:tcp:443 2>&1)" "$unenforced"
lacks "unenforced: eval has no need to, without a name" "$("$policyc" eval agent.msb $off egress@1.2.3.4:tcp:443 2>&1)" enforced
same "unenforced: JSON" "not enforced" \
	"$("$policyc" eval --format json agent.msb $off --sni a.example egress@1.2.3.4:tcp:443 2>/dev/null | jq -r .serverNames)"
contains "unenforced: explain" "$("$policyc" explain agent.msb $off egress@cdn.example.com:tcp:443)" 'not enforced'
contains "unenforced: check" "$("$policyc" check agent.msb $off)" '\[names-unenforced\]'
contains "unenforced: diff" "$("$policyc" diff agent.msb browser.msb $off 2>&1)" "$unenforced"
echo 'expect allow egress@cdn.example.com:tcp:443 sni=evil.example.net' >>agent.msb
contains "unenforced: test" "$("$policyc" test agent.msb $off 2>&1)" "$unenforced"
contains "unenforced: test holds" "$("$policyc" test agent.msb $off 2>&1)" '1 of 1 expectation holds'
contains "enforced: it does not" "$("$policyc" test agent.msb 2>&1)" '0 of 1 expectation holds'
finish
