/* Ending TCP that the kernel forwards, so that both ends know: the mark, the table that answers with resets, the SYNs that draw packets out
 * of idle ends. */
#include "core/log.h"
#include "flows/flows_state.h"
#include "lower/sandbox_net.h"
#include "net/forged_syn.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "msb_revoke"
#define BEFORE_FILTER (-10) /* table msb's chains are at 0 */

static void refuse_marked(struct ruleset *rs, struct rs_chain *chain)
{
	struct rs_rule *rule = rs_rule_add(rs, chain, "flows that the policy denies by now");

	rs_match(rs, rule, RS_CT_MARK, rs_number(LOWER_REVOKED_CT));
	rs_match(rs, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_do(rs, rule, RS_REJECT_RESET);
	rule = rs_rule_add(rs, chain, NULL); /* what cannot be rejected: it is broken, or a reset itself */
	rs_match(rs, rule, RS_CT_MARK, rs_number(LOWER_REVOKED_CT));
	rs_verdict(rs, rule, RS_DROP, NULL);
}

static int install_table(struct flows *flows)
{
	struct arena *arena = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct rs_table *table = rs_table_add(rs, RS_INET, TABLE);
	char why[256] = "";

	table->owner = true;
	refuse_marked(rs, rs_base_chain_add(rs, table, "forward", RS_FILTER, RS_FORWARD, BEFORE_FILTER, RS_ACCEPT));
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
	flows->resetting[flows->resetting_count++] = (struct flows_resetting){ .entry = *entry };
	return 0;
}

/* ---- who has said something ---- */

static int by_id(const void *a, const void *b)
{
	const struct flows_resetting *left = a, *right = b;

	return (left->entry.id > right->entry.id) - (left->entry.id < right->entry.id);
}

struct look {
	struct flows *flows;
	bool first; /* what is counted now is from before */
};

static struct flows_resetting *find(struct flows *flows, const struct conntrack_entry *entry)
{
	struct flows_resetting key = { .entry = *entry };

	return bsearch(&key, flows->resetting, flows->resetting_count, sizeof key, by_id);
}

static int look_at(const struct conntrack_entry *entry, void *context)
{
	struct look *look = context;
	struct flows_resetting *resetting = find(look->flows, entry);

	if (!resetting)
		return 0;
	if (look->first && !resetting->seen)
		memcpy(resetting->entry.packets, entry->packets, sizeof entry->packets);
	if (!entry->counted)
		return 0;
	if (entry->packets[0] > resetting->entry.packets[0])
		resetting->seen |= FLOWS_GUEST_END;
	if (entry->packets[1] > resetting->entry.packets[1])
		resetting->seen |= FLOWS_FAR_END;
	return 0;
}

int flows_reset_look(struct flows *flows)
{
	struct look look = { flows, flows->rounds == 0 };

	qsort(flows->resetting, flows->resetting_count, sizeof *flows->resetting, by_id);
	int error = conntrack_entries(flows->vm, LOWER_REVOKED_CT, UINT32_MAX, look_at, &look);
	if (error < 0)
		return error;
	for (size_t i = 0; i < flows->resetting_count; i++)
		if (flows->resetting[i].seen != FLOWS_BOTH_ENDS)
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

void flows_reset_ask(struct flows *flows)
{
	const struct flows_start *start = &flows->start;

	for (size_t i = 0; i < flows->resetting_count; i++) {
		const struct flows_resetting *resetting = &flows->resetting[i];
		const struct conntrack_tuple *tuple = &resetting->entry.original;
		struct forged_end guest = { tuple->src, tuple->sport }, far = { tuple->dst, tuple->dport };
		if (!(resetting->seen & FLOWS_GUEST_END))
			send_syn(flows->guest, start->gateway_mac, start->guest_mac, far, guest);
		if (!(resetting->seen & FLOWS_FAR_END))
			send_syn(flows->uplink, start->uplink_mac, start->host_mac, guest, far);
	}
	flows->rounds++;
}

/* The host's entry has the guest's tuple, since the guest's address is not translated before it gets there. */
int flows_reset_finish(struct flows *flows)
{
	int first = 0;

	for (size_t i = 0; i < flows->resetting_count; i++) {
		const struct flows_resetting *resetting = &flows->resetting[i];
		flows->result.unseen += !(resetting->seen & FLOWS_GUEST_END) + !(resetting->seen & FLOWS_FAR_END);
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
