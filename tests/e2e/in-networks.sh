#!/usr/bin/env bash
# `allow@db.internal:tcp:5432 in 10.20.0.0/16`: a private address is answered for that name and in that network alone, and
# the rule matches nowhere else.
. "$(dirname "$0")/lib.sh"
world_up "db.internal. 60 IN A 10.20.0.5
db.internal. 60 IN AAAA fd00:20::5
elsewhere.db.internal. 60 IN A 10.21.0.5
public.db.internal. 60 IN A 93.184.216.99
meta.db.internal. 60 IN A 169.254.169.254
loopback.db.internal. 60 IN A 127.0.0.1
both.db.internal. 60 IN A 10.20.0.6
both.db.internal. 60 IN A 10.21.0.6
alias.db.internal. 60 IN CNAME other.internal.
other.internal. 60 IN A 10.20.0.7"
ipv6_up

cat >"$WORK/in.msb" <<-'END'
	default egress deny
	allow@*.db.internal:tcp:5432 in {10.20.0.0/16, [fd00:20::/32]}
	allow@other.internal
	allow@meta.db.internal in 169.254.0.0/16
END
# inside NAME EXPECTED SCRIPT: what the script prints, on one line
inside() {
	run_sandbox "${POLICY[@]}" -- bash -c "probe() { $PROBE tcp \"\$1\" \"\$2\" | cut -d' ' -f1; }
		answer() { local out; out=\$(dig +short +tries=1 +time=9 \"\$@\"); echo \"\${out:-none}\"; }; $3"
	same "$1" "$2" "$(tr '\n' ' ' <<<"$out" | sed 's/ *$//')"
}
POLICY=(--policy "$WORK/in.msb")
inside "inside the network the name is answered and the service reached" "10.20.0.5 connected" \
	'answer db.internal; probe 10.20.0.5 5432'
inside "IPv6 likewise" "fd00:20::5 connected" 'answer db.internal AAAA; probe fd00:20::5 5432'
inside "an alias is what it was asked as" "other.internal. 10.20.0.7 connected" \
	'answer alias.db.internal; probe 10.20.0.7 5432'
inside "without a lookup the address is refused" "refused" 'probe 10.20.0.5 5432'
inside "other ports are refused" "10.20.0.5 refused" 'answer db.internal; probe 10.20.0.5 5433'
inside "another network's address is held back" "none refused" 'answer elsewhere.db.internal; probe 10.21.0.5 5432'
inside "one of two as well" "none refused" 'answer both.db.internal; probe 10.20.0.6 5432'
inside "another name's private address is held back" "none refused" 'answer other.internal; probe 10.20.0.7 5432'
inside "a public address is answered, and the rule is not about it" "93.184.216.99 refused" \
	'answer public.db.internal; probe 93.184.216.99 5432'
inside "the metadata service is not, whatever network is named" "none refused" \
	'answer meta.db.internal; probe 169.254.169.254 80'
inside "nor loopback" "none" 'answer loopback.db.internal'
same "nothing of it arrived anywhere else" "0 0 0 0" "$(for a in 10.21.0.5 10.20.0.6 93.184.216.99 169.254.169.254; do
	seen "$a"; done | tr '\n' ' ' | sed 's/ $//')"

POLICY=(--net-rule 'allow@db.internal:tcp:5432 in 10.20.0.0/16')
inside "as an option" "10.20.0.5 connected none" 'answer db.internal; probe 10.20.0.5 5432; answer elsewhere.db.internal'
printf 'default egress deny\nallow@*.db.internal:tcp:5432\nallow@databases:tcp:5433\nallow@other.internal\n' >"$WORK/cluster.msb"
POLICY=(--policy "$WORK/cluster.msb" --net-group databases=10.20.0.0/16 --dns-cluster db.internal=10.20.0.0/16)
inside "told of all names below a domain" "10.20.0.5 connected none none" \
	'answer db.internal; probe 10.20.0.5 5432; answer elsewhere.db.internal; answer meta.db.internal'
inside "no other name leads there" "none refused" 'answer other.internal; probe 10.20.0.7 5432'
inside "a rule on the network by its name" "connected refused" 'probe 10.20.0.5 5433; probe 10.21.0.5 5433'
POLICY=(--policy "$WORK/in.msb" --no-dns-rebind-protection)
inside "without rebind protection the rule still matches inside only" "10.21.0.5 refused" \
	'answer elsewhere.db.internal; probe 10.21.0.5 5432'
finish
