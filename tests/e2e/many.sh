#!/usr/bin/env bash
# Hundreds of sandboxes on one host at once: all work, each in a subnet of its own, none reaches another, and ten seconds
# after SIGKILL to all of them nothing is left. The figures are in the lines that begin with #.
. "$(dirname "$0")/lib.sh"
COUNT=${MSB_TEST_SANDBOXES:-200}
world_up
sysctl -q fs.nr_open=1048576 2>/dev/null
leftovers_mark
mkdir -p "$WORK/many"

# Each: one flow that passes, one that is refused; then it waits
cat >"$WORK/use.sh" <<END
out=$WORK/many/\$1
{ $PROBE tcp 93.184.216.34 443 60000; $PROBE tcp 93.184.216.34 80 60000; ip -4 -o address show dev eth0 | grep -o 'inet [0-9.]*'; } >\$out.part 2>&1
mv \$out.part \$out
exec sleep 300
END
free_kb() { awk '/^MemAvailable:/ { print $2 }' /proc/meminfo; }
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
all_done() { [ "$(find "$WORK/many" -name '[0-9]*' ! -name '*.part' | wc -l)" -eq "$COUNT" ]; }

memory=$(free_kb)
began=$(now_ms)
for ((i = 0; i < COUNT; i++)); do
	"$BUILD/msb-run" --vmm none --quiet --net-default deny --net-rule 'allow@public:tcp:443' \
		-- sh "$WORK/use.sh" "$i" >/dev/null 2>"$WORK/many.$i.err" </dev/null &
	pids[i]=$!
	disown
done
if wait_for 300 all_done; then ok "$COUNT sandboxes work at once"; else
	not_ok "$COUNT sandboxes work at once" "$(find "$WORK/many" -name '[0-9]*' ! -name '*.part' | wc -l) did; $(cat "$WORK"/many.*.err | sort | uniq -c | sort -rn | head -n 3 | tr '\n' ' ')"
fi
echo "# $COUNT sandboxes: $(($(now_ms) - began)) ms until all had used the network, $(((memory - $(free_kb)) / COUNT)) kB each"
echo "# how they fared: $(grep -hv ^inet "$WORK"/many/* | cut -d' ' -f1 | sort | uniq -c | tr '\n' ' '), the slowest $(grep -hoE '[0-9]+ ms' "$WORK"/many/* | sort -n | tail -n 1)"
same "all of them reach what the policy allows" "$COUNT" "$(cat "$WORK"/many/* | grep -c ^connected)"
same "all of them are refused what it does not" "$COUNT" "$(cat "$WORK"/many/* | grep -c ^refused)"
same "each has a subnet of its own" "$COUNT" "$(grep -h '^inet' "$WORK"/many/* | sort -u | wc -l)"
same "a link, a table and a route for each" "$COUNT $COUNT $COUNT" \
	"$(ip -br link | grep -c ^msb) $(nft list tables | grep -c msb) $(ip route | grep -c 'dev msb')"

# One more, allowed all private addresses: no other sandbox is reachable, although each answers itself
seen_reset
run_sandbox --quiet --net-default allow -- sh -c "for a in 2 6 10 14 18 22; do $PROBE tcp 172.16.0.\$a 80 150; $PROBE udp 172.16.0.\$a 80 150; done"
lacks "none is reachable from another" "$out" '^(connected|answered|refused)'

began=$(now_ms)
kill -KILL "${pids[@]}"
nothing_left() { [ -z "$(leftovers)" ]; }
if wait_for "$(patience 10)" nothing_left; then ok "gone within 10 s of SIGKILL"; else not_ok "gone within 10 s of SIGKILL" "$(leftovers | head -n 5 | tr '\n' ' ')"; fi
echo "# gone after $(($(now_ms) - began)) ms"

finish
