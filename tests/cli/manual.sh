#!/usr/bin/env bash
# The manual pages: they render without a warning, know every word, and their examples do what they say. usage: manual.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

for page in "$root"/docs/*.[1-9]; do
	name=$(basename "$page")
	if command -v mandoc >/dev/null; then
		said=$(mandoc -T lint -W warning "$page" 2>&1)
		check "manual/$name/mandoc" "$([ -z "$said" ]; echo $?)" "$(head -5 <<<"$said")"
	else
		skip "manual/$name/mandoc" "no mandoc"
	fi
	if command -v groff >/dev/null; then
		said=$(groff -k -ww -mandoc -Tutf8 "$page" 2>&1 >/dev/null)
		check "manual/$name/groff" "$([ -z "$said" ]; echo $?)" "$(head -5 <<<"$said")"
	else
		skip "manual/$name/groff" "no groff"
	fi
done

page=$root/docs/msb.5
words=$(sed -n '/^static const struct keyword keywords/,/^};/s/^\t{ "\([a-z]*\)".*/\1/p' "$root/grammar/msb.l")
words="$words allow deny egress ingress any dns public private loopback link-local meta multicast host tcp udp icmpv4 icmpv6
domain= suffix= because until log no-ech bytes resolve= sni= ech answer nameserver timeout binding-minimum rebind-protection nat64-prefix strip keep
bandwidth ops burst"
missing=
for word in $words; do
	sed 's/\\-/-/g' "$page" | grep -q -- "$word" || missing="$missing $word"
done
same manual/every-word-of-the-language "" "$missing"

# Literal blocks that begin as policies do
examples() {
	awk '/^\.Bd -literal/ { on = 1; text = ""; next } /^\.Ed/ { if (text ~ /^(default|include|allow)/) print text; on = 0; print "----" }
		on { text = text $0 "\n" }' "$page" | sed 's/\\-/-/g; s/\\e/\\/g'
}
examples | csplit -s -z -f example- - '/^----$/' '{*}'
sed -i '/^----$/d' example-*
tried=0
for example in example-*; do
	grep -q . "$example" || continue
	mv "$example" "$example.msb"
	tried=$((tried + 1))
	said=$("$policyc" check --today 2026-11-28 "$example.msb" 2>&1)
	check "manual/example-$tried-compiles" $? "$said"
	grep -q '^expect' "$example.msb" || continue
	said=$("$policyc" test --today 2026-11-28 "$example.msb" 2>&1)
	check "manual/example-$tried-holds" $? "$said"
done
same manual/its-examples 3 "$tried"

# The flows that the language's pages tell
for flow in $(sed -n 's/^\.It Li \(\(egress\|ingress\|dns\|answer\)@[^ ]*\).*/\1/p' "$page"); do
	said=$("$policyc" eval --net-default deny "$flow" 2>&1)
	check "manual/flow-$flow" $? "$said"
done
finish
