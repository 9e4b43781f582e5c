#!/usr/bin/env bash
# Threat learn-injection, and its kin: root in the guest asks for names of any bytes, which are even bound. Nothing of them is more
# than text to a terminal, a log, a scrape, a ruleset, a learnt policy: in whatever shows them they are one line without control bytes.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
world_up '*.wild.example. 60 IN A 93.184.216.50'
CTL=$BUILD/msb-ctl POLICYC=$BUILD/msb-policyc
cat >"$WORK/ask.py" <<-'EOF2'
	import re, socket, struct, sys, time
	server = re.search(r"nameserver\s+(\S+)", open("/etc/resolv.conf").read()).group(1)
	asker = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
	asker.settimeout(5)
	odd = [b"\x1b]0;owned\x07", b"a\nb", b"a\rb", b"\0nul", b"x.y", b"back\\slash", b"\x9b31m", b"\xc2\x9b31m", "\u202egnp".encode(),
	       "\u2028".encode(), "\u2066x".encode(), b"\xff\xfe", b"\x7f", b'"quote', b"';drop", b"allow@any\nallow@*", b"a b", b"#x", b"<b>",
	       b"%s%n", b"`id`", b"$(id)", b"*", b"@", b"} table inet x {", b"a\n# HELP x y", b"n" * 63, b"-a", b"xn--a", b"\\010", b"{a,b}"]
	def ask(labels, number):
	    question = struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0)
	    question += b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack(">HH", 1, 1)
	    for _ in range(5):
	        asker.sendto(question, (server, 53))
	        try:
	            answer = asker.recv(4096)
	            return answer[6:8] != b"\0\0"
	        except OSError:
	            pass
	bound = sum(ask([label, b"wild", b"example"], i) or 0 for i, label in enumerate(odd))
	denied = sum(not ask([label, b"evil", b"test"], 100 + i) for i, label in enumerate(odd))
	ask([b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 61], 200)
	for port in (80, 22):
	    try:
	        socket.create_connection(("93.184.216.50", port), 5).close()
	    except OSError:
	        pass
	print("done", bound == len(odd), denied == len(odd), flush=True)
	if len(sys.argv) > 1:
	    time.sleep(100)
EOF2
# clean WHAT FILE…: what is in the files steers nothing
clean() {
	local what=$1 found
	shift
	found=$(cat "$@" | LC_ALL=C grep -aPn '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]|[\xf8-\xff]' | head -n 3 | cat -v)
	same "no byte that steers: $what" "" "$found"
}

start_sandbox guest --net-default deny --net-rule 'allow@*.wild.example:tcp:80' --suggest --events "$WORK/events" -- \
	python3 "$WORK/ask.py" stay
guest=$sandbox_pid
wait_for "$(patience 30)" grep -q done "$WORK/guest.out"
same "all of them are bound or denied" "done True True" "$(cat "$WORK/guest.out")"
reported() { grep -q 'egress@93.184.216.50:tcp:22' "$WORK/events"; }
wait_for 10 reported
shown() { # WHAT COMMAND…
	local what=$1
	shift
	"$@" >"$WORK/shown" 2>&1
	check "it is shown: $what" $?
	clean "$what" "$WORK/shown"
}
shown status "$CTL" status guest
contains "a name's bytes are there to be read" "$(cat "$WORK/shown")" '^a\\010b\.wild\.example '
lacks "one name is one line" "$(cat "$WORK/shown")" '^(b\.wild|allow@\*|# HELP)'
for format in text json; do
	for command in status stats events; do shown "$command as $format" "$CTL" "$command" guest --format $format; done
	shown "ps as $format" "$CTL" ps --format $format
	"$CTL" explain guest egress@93.184.216.50:tcp:22 --format $format >"$WORK/shown" 2>&1
	clean "explain as $format" "$WORK/shown"
done
shown prometheus "$CTL" stats --format prometheus
try "promtool finds nothing" promtool check metrics <"$WORK/shown"
lacks "no series of theirs" "$(cat "$WORK/shown")" 'wild\.example"|evil'
shown "the ruleset" in_dns_netns nft list ruleset
lacks "no table of theirs" "$(in_dns_netns nft list tables)" ' x$'
same "every event is one line and JSON" "$(wc -l <"$WORK/events")" "$(jq -c . "$WORK/events" | wc -l)"
kill "$guest"
wait "$guest"
clean "events in a file" "$WORK/events"
clean "what msb-run said, suggestions and all" "$WORK/guest.err"
grep -oE "^ *to allow: .*" "$WORK/guest.err" | sed 's/ *to allow: //' >"$WORK/hints"
while read -r hint; do "$POLICYC" explain --net-rule "$hint" dns@x.test >/dev/null 2>&1 || echo "$hint"; done <"$WORK/hints" >"$WORK/bad"
same "each suggestion is a rule" "" "$(cat "$WORK/bad")"
lacks "no suggestion is made of bytes that no rule can have" "$(cat "$WORK/hints")" '\\[0-9]|[#"@].*@|\*'

# --- what is learnt ---
run_sandbox --learn "$WORK/learnt.msb" --net-default deny --net-rule 'allow@*.wild.example,allow@93.184.216.50' -- python3 "$WORK/ask.py"
same "learning goes on all the same" "0 done True True" "$status $out"
clean "the learnt policy" "$WORK/learnt.msb"
clean "what was said of it" "$WORK/err"
"$POLICYC" check "$WORK/learnt.msb" >"$WORK/checked" 2>&1
same "check finds no error in it" 0 "$?"
rules=$(grep -vE '^ *(#|$)' "$WORK/learnt.msb" | sed 's/ *#.*//')
lacks "nobody but the bound's own names are in its rules" "$(grep -E '^allow' <<<"$rules")" 'any|public|\*|\\'
"$POLICYC" eval "$WORK/learnt.msb" egress@8.8.8.8:tcp:443 egress@93.184.216.51:tcp:80 dns@other.example >"$WORK/verdicts"
same "and it allows nothing else" "deny deny deny" "$(cut -f1 "$WORK/verdicts" | xargs)"
same "nothing is left" claims "$(ls /run/msb)"
finish
