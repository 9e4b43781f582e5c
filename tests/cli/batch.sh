# Rows of a table through `msb-policyc eval --batch`: rows of one policy share one run.
# A script calls batch_row for each row, then batch_run with the name of a function that gets
# ID WANTED "ANSWER LINE" and reports the row.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
declare -A batch_ids batch_wanted batch_flows
batch_keys=()

batch_row() { # ID WANTED FLOW OPTION…
	local id=$1 wanted=$2 flow=$3 key
	shift 3
	printf -v key '%q ' "$@"
	[ -n "${batch_ids[$key]+x}" ] || batch_keys+=("$key")
	batch_ids[$key]+=$id$'\n' batch_wanted[$key]+=$wanted$'\n' batch_flows[$key]+=$flow$'\n'
}

batch_run() { # JUDGE
	local judge=$1 key text answers ids wanted i
	for key in "${batch_keys[@]}"; do
		eval "set -- $key"
		text=$("$BUILD/msb-policyc" eval "$@" --batch 2>&1 <<<"${batch_flows[$key]%$'\n'}")
		text=${text#$'[\n'} # a JSON array opens with a line of its own; an object is a line
		mapfile -t answers <<<"$text"
		mapfile -t ids <<<"${batch_ids[$key]%$'\n'}"
		mapfile -t wanted <<<"${batch_wanted[$key]%$'\n'}"
		for i in "${!ids[@]}"; do
			"$judge" "${ids[i]}" "${wanted[i]}" "${answers[i]-(no answer) ${answers[0]-}}"
		done
	done
}

# The options of a row: DEFAULT_EGRESS DEFAULT_INGRESS RULES GATEWAY4 GATEWAY6 FLOOR, "-" for none
batch_options() {
	local gateway=none
	[ "$4$5" = -- ] || { gateway=$4,$5; gateway=${gateway#-,}; gateway=${gateway%,-}; }
	options=(--net-default-egress "$1" --net-default-ingress "$2" --gateway "$gateway")
	[ "$3" = - ] || options+=(--net-rule "$3")
	[ "$6" = - ] || options+=(--deployment-profile multi-tenant)
}

bracket() { # sets $target: an address as a flow writes it
	target=$1
	[[ $1 != *:* ]] || target="[$1]"
}

decided() { # ID WANTED ANSWER: verdict and who decided
	local verdict number
	IFS=$'\t' read -r verdict number _ <<<"$3"
	same "$1" "$2" "$verdict $number"
}
