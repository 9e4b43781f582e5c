/* Ending TCP that the kernel forwards, so that both ends know: the mark, the table that answers with resets, the SYNs that draw packets out
 * of idle ends. */
#include "core/log.h"
#include "flows/flows_state.h"
#include "lower/sandbox_net.h"
#include "net/forged_syn.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "msb_revoke"
#define BEFORE_FILTER (-10) /* table msb's chains are at 0 */
/* When an end is asked again, after it was first: more often than this it does not answer (Linux: tcp_invalid_ratelimit, 500 ms) */
static const uint16_t ask_again_ms[] = { 60, 650, 1300 };
#define ASKS (1 + sizeof ask_again_ms / sizeof *ask_again_ms)

static struct rs_rule *revoked_rule(struct ruleset *rs, struct rs_chain *chain, const char *comment)
{
	struct rs_rule *rule = rs_rule_add(rs, chain, comment);

	rs_match(rs, rule, RS_CT_MARK, rs_range(LOWER_REVOKED_CT, LOWER_REVOKED_CT_LAST));
	return rule;
}

/* Linux 6.1 makes an entry that leaves the flowtable expire at once where its state is closed, which a reset makes it. The other end's
 * packets would belong to no flow, and draw nothing. */
static void hold_offloaded(struct ruleset *rs, struct rs_chain *chain)
{
	struct rs_rule *rule = revoked_rule(rs, chain, "until the flowtable has let go of them");

	rs_match(rs, rule, RS_CT_STATUS, rs_number(IPS_OFFLOAD));
	rs_verdict(rs, rule, RS_DROP, NULL);
}

static void note_end(struct ruleset *rs, struct rs_chain *chain, const char *link, unsigned end, unsigned before)
{
	struct rs_rule *rule = rs_rule_add(rs, chain, NULL);

	rs_match(rs, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP)); /* no error about it */
	rs_match(rs, rule, RS_META_IIFNAME, rs_name(link));
	rs_match(rs, rule, RS_CT_MARK, rs_number(LOWER_REVOKED_CT | before));
	rs_ct_mark_set(rs, rule, LOWER_REVOKED_CT | before | end);
}

static void note_ends(struct ruleset *rs, struct rs_chain *chain)
{
	note_end(rs, chain, LOWER_BRIDGE, FLOWS_GUEST_END, 0);
	note_end(rs, chain, LOWER_BRIDGE, FLOWS_GUEST_END, FLOWS_FAR_END);
	note_end(rs, chain, LOWER_UPLINK, FLOWS_FAR_END, 0);
	note_end(rs, chain, LOWER_UPLINK, FLOWS_FAR_END, FLOWS_GUEST_END);
}

static void refuse_revoked(struct ruleset *rs, struct rs_chain *chain)
{
	struct rs_rule *rule = revoked_rule(rs, chain, "flows that the policy denies by now");

	rs_match(rs, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_do(rs, rule, RS_REJECT_RESET);
	/* what cannot be rejected: it is broken, or a reset itself */
	rs_verdict(rs, revoked_rule(rs, chain, NULL), RS_DROP, NULL);
}

static int install_table(struct flows *flows)
{
	struct arena *arena = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct rs_table *table = rs_table_add(rs, RS_INET, TABLE);
	char why[256] = "";

	table->owner = true;
	struct rs_chain *chain =
		rs_base_chain_add(rs, table, "forward", RS_FILTER, RS_FORWARD, BEFORE_FILTER, RS_ACCEPT);
	hold_offloaded(rs, chain);
	note_ends(rs, chain);
	refuse_revoked(rs, chain);
	int error = nft_install(flows->nft, rs, why, sizeof why);
	if (error < 0)
		log_error("cannot end flows: %s: %s", why, strerror(-error));
	flows->table = error == 0;
	arena_free(arena);
	return error;
}

/* The mark takes hold with the next packet. */
int flows_reset_begin(struct flows *flows, const struct conntrack_entry *entry)
{
	int error = flows->table ? 0 : install_table(flows);

	if (error == 0)
		error = conntrack_entry_set_mark(flows->vm, entry, LOWER_REVOKED_CT);
	if (error < 0)
		return error == -ENOENT ? 0 : error;
	if (flows->resetting_count == flows->resetting_cap) {
		flows->resetting_cap = flows->resetting_cap ? 2 * flows->resetting_cap : 64;
		flows->resetting =
			arena_must(realloc(flows->resetting, flows->resetting_cap * sizeof *flows->resetting));
	}
	flows->resetting[flows->resetting_count++] = (struct flows_resetting){
		.entry = *entry,
		.offloaded = entry->status & IPS_OFFLOAD,
	};
	return 0;
}

/* ---- who has been told ---- */

static int by_id(const void *a, const void *b)
{
	const struct flows_resetting *left = a, *right = b;

	return (left->entry.id > right->entry.id) - (left->entry.id < right->entry.id);
}

static int look_at(const struct conntrack_entry *entry, void *context)
{
	const struct flows *flows = context;
	const struct flows_resetting key = { .entry = *entry };
	struct flows_resetting *resetting = bsearch(&key, flows->resetting, flows->resetting_count, sizeof key, by_id);

	if (!resetting)
		return 0;
	resetting->told = entry->mark & FLOWS_BOTH_ENDS;
	resetting->offloaded = entry->status & IPS_OFFLOAD;
	return 0;
}

int flows_reset_look(struct flows *flows)
{
	if (!flows->resetting_count)
		return 1;
	qsort(flows->resetting, flows->resetting_count, sizeof *flows->resetting, by_id);
	int error = conntrack_entries(flows->vm, LOWER_REVOKED_CT, LOWER_REVOKED_CT_MASK, look_at, flows);
	if (error < 0)
		return error;
	for (size_t i = 0; i < flows->resetting_count; i++)
		if (flows->resetting[i].told != FLOWS_BOTH_ENDS)
			return 0;
	return 1;
}

/* ---- drawing them out ---- */

/* What is lost here is sent again, or the end hears when it sends by itself. */
static void send_syn(int link, const uint8_t *from_mac, const uint8_t *to_mac, struct forged_end from,
		     struct forged_end to)
{
	uint8_t frame[FORGED_SYN_MAX];
	size_t len = forged_syn(from_mac, to_mac, from, to, frame);

	if (link >= 0)
		send(link, frame, len, MSG_DONTWAIT);
}

static void ask(const struct flows *flows, const struct flows_resetting *resetting)
{
	const struct flows_start *start = &flows->start;
	const struct conntrack_tuple *tuple = &resetting->entry.original;
	bool in = flows_entry_comes_in(flows, &resetting->entry);
	struct forged_end from = { tuple->src, tuple->sport }, to = { tuple->dst, tuple->dport };
	struct forged_end guest = in ? to : from, far = in ? from : to;

	if (!(resetting->told & FLOWS_GUEST_END))
		send_syn(flows->guest, start->gateway_mac, start->guest_mac, far, guest);
	if (!(resetting->told & FLOWS_FAR_END))
		send_syn(flows->uplink, start->uplink_mac, start->host_mac, guest, far);
}

static bool is_due(const struct flows_resetting *resetting, uint64_t now_ms)
{
	if (resetting->offloaded || resetting->asks == ASKS)
		return false;
	return !resetting->asks || now_ms - resetting->asked_ms >= ask_again_ms[resetting->asks - 1];
}

void flows_reset_ask(struct flows *flows, uint64_t now_ms)
{
	for (size_t i = 0; i < flows->resetting_count; i++) {
		struct flows_resetting *resetting = &flows->resetting[i];
		if (!is_due(resetting, now_ms))
			continue;
		ask(flows, resetting);
		if (!resetting->asks++)
			resetting->asked_ms = now_ms;
	}
}

/* The host's entry has the guest's tuple, since the guest's address is not translated before it gets there. */
int flows_reset_finish(struct flows *flows)
{
	int first = 0;

	for (size_t i = 0; i < flows->resetting_count; i++) {
		const struct flows_resetting *resetting = &flows->resetting[i];
		flows->result.unseen += !(resetting->told & FLOWS_GUEST_END) + !(resetting->told & FLOWS_FAR_END);
		int error = conntrack_entry_delete(flows->vm, &resetting->entry);
		if (error < 0 && error != -ENOENT && !first)
			first = error;
		conntrack_tuple_delete(flows->host, &resetting->entry.original);
	}
	flows->resetting_count = 0;
	if (flows->table) {
		int error = nft_delete(flows->nft, TABLE);
		first = first ? first : error;
		flows->table = false;
	}
	return first;
}
