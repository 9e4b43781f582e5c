#!/usr/bin/env bash
# How long the kernel takes to have a policy of 10,000 mixed rules with names, from its text on, beside `nft -f` of the ruleset's
# text: alone, and in place of the same one. Interleaved, in network namespaces of their own. JSON on standard output, one object
# a line: the medians, and of the ratios the quartiles. usage: tests/bench/install.sh BUILD
set -eu
build=$(realpath "${1:?usage: tests/bench/install.sh BUILD}")
here=$(dirname "$0")
work=$(mktemp -d /tmp/msb-install.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT
rounds=${INSTALL_ROUNDS:-9} level=2

python3 "$here/policy.py" 10000 1 mixed >"$work/policy.msb"
"$build/msb-policyc" compile -O "$level" "$work/policy.msb" >"$work/text.nft"
printf 'delete table inet msb\ndelete table netdev msb\n' | cat - "$work/text.nft" >"$work/replace.nft"

# took COMMAND…: its milliseconds
took() {
	local start=${EPOCHREALTIME/./}
	"$@" >/dev/null
	echo $(((${EPOCHREALTIME/./} - start) / 1000))
}
export -f took
# round: four figures, in one namespace: alone by us, by nft; in place of what is there by us, by nft
round() {
	took "$build/e2e/install" -O "$level" "$work/policy.msb"
	nft flush ruleset
	took nft -f "$work/text.nft"
	took "$build/e2e/install" -O "$level" --replace "$work/policy.msb"
	took nft -f "$work/replace.nft"
}
export -f round
export build work level
for _ in $(seq "$rounds"); do
	unshare -n bash -ec round | xargs
done >"$work/figures"

# row LABEL OURS NFT: columns of the figures
row() {
	awk -v ours="$2" -v nft="$3" '{ print $nft / $ours, $ours }' "$work/figures" | sort -n >"$work/ratios"
	awk -v n="$rounds" -v label="$1" -v ours="$(cut -d' ' -f2 "$work/ratios" | sort -n | sed -n "$(((rounds + 1) / 2))p")" '
		{ ratio[NR] = $1 }
		END { printf "{\"work\":\"install of 10,000 mixed rules with names\",\"label\":\"%s\",\"against\":\"nft -f of our text\",", label
			printf "\"ratio\":%.2f,\"low\":%.2f,\"high\":%.2f,\"runs\":%d,", ratio[int((n + 1) / 2)], ratio[int((n + 3) / 4)], ratio[int((3 * n + 1) / 4)], n
			printf "\"value\":%d,\"unit\":\"ms\",\"goal\":1.5}\n", ours }' "$work/ratios"
}
row "alone" 1 2
row "in place of the same" 3 4
