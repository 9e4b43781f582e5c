#!/usr/bin/env bash
# Deliberate faults: each is put into a copy of a source file, and both the interpreter of the ruleset (the unit tests) and the
# kernel must find it; those of the shortcuts, the interpreter on frames (frame.sh has some of these before a kernel). What
# neither of the two finds could be wrong and nobody would know. A fault whose text is not there any more fails: the code has
# changed, and the fault has to follow. With NAME that one alone.
# usage: tests/e2e/wrong.sh BUILD [NAME]
# long
set -eu
build=$(realpath "${1:?usage: tests/e2e/wrong.sh BUILD [NAME]}")
only=${2-}
. "$(dirname "$0")/../tap.sh"
TAP_PREFIX="wrong: "
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Compiles and links as the Makefile does
compile=$(make -s BUILD="$build" compile-command)
link=$(make -s BUILD="$build" link-command)
libs=$(make -s BUILD="$build" link-libraries)
unit_objects=$(printf "$build/obj/tests/unit/%s.o " test_ruleset_run test_shortcuts proof random_policy policy_of)
archives="$build/libmsbtest.a $build/libmsbruntime.a $build/libmsbpolicy.a"

# In what follows $work is a directory of each lane's own.

# put FILE OLD NEW: a copy of it with the one place changed
put() {
	local text copy=$work/wrong.c rest
	text=$(cat "$1" && echo .)
	rest=${text#*"$2"}
	[ "$rest" != "$text" ] && [[ $rest != *"$2"* ]] || return 1
	printf %s "${text%%"$2"*}$3${rest%.}" >"$copy"
}

# shellcheck disable=SC2086 # commands and lists
# built FILE: the unit tests, with the copy in FILE's place
built() {
	$compile -I"$(dirname "$1")" -c -o "$work/wrong.o" "$work/wrong.c" &&
		$link -o "$work/unit" $unit_objects "$work/wrong.o" $archives $libs -lcriterion
}

# shellcheck disable=SC2086 # commands and lists
built_oracle() {
	mkdir -p "$work/e2e"
	$link -o "$work/e2e/kernel_oracle" "$build/obj/tests/e2e/tools/kernel_oracle.o" "$work/wrong.o" $archives $libs
}

by_unit() {
	local printed
	! printed=$(MSB_TEST_EFFORT=100 "$work/unit" --filter 'ruleset_run/means*' 2>&1) &&
		grep -q 'eval: \(allow\|deny\) by\|of a known flow' <<<"$printed"
}

by_frames() {
	local printed
	! printed=$("$work/unit" --filter 'shortcuts/*' 2>&1) && grep -q 'the shortcuts change what becomes of' <<<"$printed"
}

by_kernel() {
	local printed
	! printed=$(KERNEL_SHOWN=1 KERNEL_POLICIES=1000 KERNEL_PACKETS=4000 KERNEL_WORKERS=1 KERNEL_PROCESSOR=$lane \
		tests/e2e/kernel.sh "$work" 2>&1) && grep -q '^# mismatch\|^# of a known flow' <<<"$printed"
}

# found_by WHOM COMMAND: whether it finds the fault called $name
found_by() {
	if $2; then ok "$name is found by $1"; else not_ok "$name is found by $1" "it is not"; fi
}

# seek KIND NAME FILE OLD NEW
seek() {
	local name=$2
	if ! put "$3" "$4" "$5"; then
		not_ok "$name is found" "not once in $3: $4"
	elif ! built "$3" 2>"$work/errors"; then
		not_ok "$name is found" "does not build"$'\n'"$(head -5 "$work/errors")"
	elif [ "$1" = shortcut ]; then
		found_by "the interpreter" by_frames
	else
		found_by "the interpreter" by_unit
		if built_oracle 2>"$work/errors"; then
			found_by "the kernel" by_kernel
		else
			not_ok "$name is found by the kernel" "does not link"$'\n'"$(head -5 "$work/errors")"
		fi
	fi
}

faults=()
# wrong NAME FILE OLD NEW: found by the interpreter and by the kernel
wrong() { [ -n "$only" ] && [ "$only" != "$1" ] || faults+=(policy "$@"); }
# wrong_shortcut NAME OLD [NEW]: found by the interpreter, on frames
wrong_shortcut() {
	[ -n "$only" ] && [ "$only" != "$1" ] || faults+=(shortcut "$1" compiler/lower/lower_shortcut.c "$2" "${3-}")
}

# seek_all: a lane on each processor
seek_all() {
	local lanes i pids=()
	lanes=$(nproc)
	[ "${#faults[@]}" -gt 0 ] || not_ok "$only is found" "there is no such fault"
	for ((lane = 0; lane < lanes; lane++)); do
		work=$dir/$lane
		mkdir -p "$work"
		for ((i = lane * 5; i < ${#faults[@]}; i += lanes * 5)); do
			seek "${faults[@]:i:5}" >"$dir/$i.out"
		done &
		pids+=($!)
	done
	wait "${pids[@]}" || not_ok "all faults were sought" "a lane ended early"
	for ((i = 0; i < ${#faults[@]}; i += 5)); do
		cat "$dir/$i.out" || continue
		! grep -q '^not ok' "$dir/$i.out" || failures=$((failures + 1))
	done
}

rules=compiler/lower/lower_rules.c
wrong "a range of ports without its last" $rules \
	'*arena_push(arena, &out) = sorted[i];' \
	'*arena_push(arena, &out) = sorted[i], out.items[out.count - 1].hi -= sorted[i].hi > sorted[i].lo;'
wrong "ports with a gap taken together" $rules \
	'sorted[i].lo > (uint32_t)last->hi + 1' 'sorted[i].lo > (uint32_t)last->hi + 2'
wrong "a network without its last address" $rules \
	'addr_set_add(arena, &own, addr_prefix_range(target->prefix));' \
	'struct addr_range range = addr_prefix_range(target->prefix); range.hi -= range.hi > range.lo; addr_set_add(arena, &own, range);'
wrong "a network with its first address twice over" $rules \
	'addr_set_add(arena, &own, addr_prefix_range(target->prefix));' \
	'struct addr_range range = addr_prefix_range(target->prefix); range.lo -= range.lo > 0; addr_set_add(arena, &own, range);'
wrong "UDP taken for TCP" $rules \
	'service->protos == PROTO_UDP ? RS_UDP_DPORT' 'service->protos == PROTO_UDP ? RS_TCP_DPORT'
wrong "the order of two rules lost" $rules \
	'lower_policy_rule(lowering, chain, i);' \
	'lower_policy_rule(lowering, chain, (i ^ 1) < lowering->subject->rules.count && lowering->subject->rules.items[i ^ 1].directions & POLICY_EGRESS ? i ^ 1 : i);'
wrong "IPv6 forgotten" $rules \
	'if (to.any || to.networks.count)
		add_by_address' 'if (family == ADDR_V4 && (to.any || to.networks.count))
		add_by_address'
wrong "the default turned round" $rules \
	'if (by->action == POLICY_DENY) {' 'if (by->action == POLICY_ALLOW) {'
wrong "a floor's allow that asks no further" $rules \
	'lower_verdict(lowering, out, RS_RETURN, NULL);' 'go_to(lowering, out, LOWER_CHAIN_ADMIT);'
wrong "a floor forgotten" $rules \
	'for (size_t i = 0; i < lowering->policy->floors.count; i++)' \
	'for (size_t i = 1; i < lowering->policy->floors.count; i++)'
wrong "denied addresses inside IPv6 ones forgotten" $rules \
	'else if (own.family == ADDR_V4 && rule->action == POLICY_DENY)' 'else if (0)'
wrong "what carries them allowed as well" $rules \
	'else if (own.family == ADDR_V4 && rule->action == POLICY_DENY)' 'else if (own.family == ADDR_V4)'
wrong "a group that is denied as one that is allowed" compiler/lower/lower_sets.c \
	'action == POLICY_DENY && lowering->gateway.nat64.found > 0' 'false'
wrong "names on every port" $rules \
	'match_service(lowering, out, service);
	finish_rule' 'if (!aim->names)
		match_service(lowering, out, service);
	finish_rule'
wrong "a port that is refused always is not" compiler/lower/lower_chains.c \
	'lower_match_any(lowering, rule, field, ports, count);' \
	'lower_match_any(lowering, rule, field, ports, count > 1 ? count - 1 : count);'
wrong "malformed NAT64 let through" compiler/lower/lower_guest.c \
	'i < nat64->count' 'i + 1 < nat64->count'
wrong "IPv4 options let through" compiler/lower/lower_guest.c \
	'rs_number(HEADER_WORDS))->negate = true;' 'rs_number(HEADER_WORDS - 1));'
wrong "IPv6 source routes let through" compiler/lower/lower_guest.c \
	'lower_match(lowering, rule, RS_IP6_ROUTING, 1);' 'lower_match(lowering, rule, RS_IP6_ROUTING, 2);'
wrong "known flows judged anew" compiler/lower/lower_build.c \
	'match_ct(lowering, rule, CT_ESTABLISHED);' 'match_ct(lowering, rule, CT_RELATED);'

# Server names
ports=compiler/lower/lower_defer_ports.c
wrong "denials of names that nothing waits for" $ports \
	'own.tcp[i] &= deferred->denied[i];' 'own.tcp[i] = 0;'
wrong "names on one port more" $ports \
	'ports[i] |= own.tcp[i];' 'ports[i] |= own.tcp[i] | own.tcp[i] << 1;'
wrong "names of a denial that take its TCP" $ports \
	'own.tcp[i] & asked' '(own.udp[i] ? own.tcp[i] : own.tcp[i] & asked)'
wrong "bound names that are not heeded" compiler/lower/lower_defer.c \
	'RS_META_MARK, LOWER_NAMED_MARK, LOWER_NAMED_LOGGED_MARK);' 'RS_META_MARK, LOWER_PASSED_MARK, LOWER_NAMED_LOGGED_MARK);'
wrong "names of a floor that the policy heeds" compiler/lower/lower_defer.c \
	'if (has_allowed_names(lowering->policy->floors.items[i]))
			rs_mark_set(' 'if (0)
			rs_mark_set('
wrong "a floor that waits for a name forgotten" compiler/lower/lower_defer.c \
	'LOWER_BRIDGE, NULL);

	rs_ct_mark_set(' 'LOWER_UPLINK, NULL);

	rs_ct_mark_set('
wrong "QUIC to bound names let through" $rules \
	'add_rule(lowering, chain, index, aim, &quic, QUIC);' ';'
wrong "QUIC behind a denial of names left to other names" compiler/lower/lower_bound.c \
	'if (bound->defers && rule->action == POLICY_DENY && lower_rule_refuses_quic(rule))' 'if (0)'

# Names in verdict maps
bound=compiler/lower/lower_bound.c
wrong "what rules before take is left to names" $bound \
	'if (count > 1 || is_covering(bound, &covering, rules[0]) || !is_whole(bound, &covering, rules[0], addr.family))' \
	'if (count > 1)'
wrong "wide rules before names forgotten" $bound \
	'return wide->any || wide->groups &' 'return wide->any && wide->groups &'
wrong "denials of what an address carries forgotten before names" $bound \
	'if (addr.family == ADDR_V6 && addr_carries(' 'if (0 && addr_carries('
wrong "ports left to a name with one more" compiler/lower/lower_taken.c \
	'.hi = (uint16_t)(end - 1)' '.hi = (uint16_t)(end < TAKEN_PORTS ? end : end - 1)'
wrong "a chain for names of another list" $bound \
	'if (part->whole)
			continue;' 'continue;'
wrong "all protocols but some taken for those" $bound \
	'expr->negate = others;' ''
wrong "a floor's chain of names that ends there" $bound \
	'if (bound->number) {' 'if (0) {'
wrong "a floor's name rule that ends there" compiler/optimise/names.c \
	'if (subject->number)
		go_on(subject, chain);' ''
wrong "a stale element for several rules" runtime/dns/ways.c \
	'if (first < last)
		*again_ms = first;' ''
wrong "names of one address forgotten but for the first" runtime/dns/bindings_changes.c \
	'for (struct binder *binder = *bindings_at(bindings, addr); binder; binder = binder->next)' \
	'for (struct binder *binder = *bindings_at(bindings, addr); binder; binder = NULL)'

# Lists that are shared
wrong "lists of ports that begin alike taken for one" compiler/optimise/shared_sets.c \
	'(unsigned)expr->values.items[i].lo, (unsigned)expr->values.items[i].hi);' \
	'(unsigned)expr->values.items[i].lo, (unsigned)expr->values.items[i].lo);'
wrong "a shared list without its first ports" compiler/optimise/shared_sets.c \
	'for (size_t i = 0; i < expr->values.count; i++) {
		arena_push(' 'for (size_t i = 1; i < expr->values.count; i++) {
		arena_push('

# Addresses in maps
wrong "an interval that ends one later" compiler/optimise/sweep.c \
	'{ hi + 1, index, wide, true }' '{ hi + 1 + (hi + 1 != last), index, wide, true }'
wrong "zones of one length taken for one" compiler/optimise/sweep.c \
	'a->items[i]->number != b->items[i]->number' 'a->items[i]->number == UINT32_MAX'
wrong "a narrow rule before wide ones lost" compiler/optimise/sweep.c \
	'zone->ports[proto].rest > rule->number)' 'zone->ports[proto].rest > rule->number + 3)'
wrong "ports merged across rules that differ" compiler/optimise/zones.c \
	'last->hi + 1u == port && last->number == number' 'last->hi + 1u == port'
wrong "a floor's class that a return comes back from" compiler/optimise/addresses.c \
	'pass->floor ? RS_GOTO : RS_JUMP' 'RS_JUMP'

# Conditions of the shortcuts
wrong_shortcut "a shortcut for any IPv4 source" 'lower_match(lowering, rule, RS_IP_SADDR, lowering->guest4.value);'
wrong_shortcut "a shortcut to the gateway" 'match_not(lowering, rule, RS_IP_DADDR, rs_number(lowering->gateway.v4.value));'
wrong_shortcut "a shortcut to multicast" 'rs_match(lowering->ruleset, rule, RS_IP_DADDR, rs_range(0, 0xdfffffff));'
wrong_shortcut "a shortcut to multicast's first" '0xdfffffff' '0xe0000000'
wrong_shortcut "a shortcut to loopback" 'match_not(lowering, rule, RS_IP_DADDR, PREFIX4(0x7f000000, 8));'
wrong_shortcut "a shortcut for IPv4 options" 'lower_match(lowering, rule, RS_IP_FIRST_BYTE, PLAIN_HEADER);'
wrong_shortcut "a shortcut at the last hop" 'match_not(lowering, rule, RS_IP_TTL, rs_range(0, 1));'
wrong_shortcut "a shortcut past the DNS proxy" 'match_not(lowering, rule, RS_TH_DPORT, rs_number(LOWER_DNS_PORT));'
wrong_shortcut "a shortcut past packets a second" 'rs_verdict(lowering->ruleset, rule, RS_GOTO, lowering->egress_rate);' \
	'rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);'
wrong_shortcut "a shortcut for any IPv6 source" 'lower_match(lowering, rule, RS_IP6_SADDR, lowering->guest6.value);'
wrong_shortcut "a shortcut to all of IPv6" 'rs_match(lowering->ruleset, rule, RS_IP6_DADDR, rs_prefix(GLOBAL_UNICAST));'
wrong_shortcut "a shortcut to 6to4" 'match_not(lowering, rule, RS_IP6_DADDR, rs_prefix(SIX_TO_FOUR));'
wrong_shortcut "a shortcut to NAT64" 'match_not(lowering, rule, RS_IP6_DADDR, rs_prefix(nat64->items[i]));' ';'
wrong_shortcut "a shortcut to a global gateway" 'match_not(lowering, rule, RS_IP6_DADDR, rs_number(gateway.addr.value));' ';'
wrong_shortcut "a shortcut for extension headers" 'LOWER_MATCH_ANY(lowering, rule, RS_IP6_NEXTHDR, IPPROTO_TCP, IPPROTO_UDP);'
wrong_shortcut "a shortcut at IPv6's last hop" 'match_not(lowering, rule, RS_IP6_HOPLIMIT, rs_range(0, 1));'
seek_all
finish
