/* A set of numbers by open addressing, and the comparison of a relay's record with conntrack's tuple. */
#include "flows/flow_ends_known.h"

#include <netinet/in.h>
#include <stdio.h>

#define FULL (KNOWN_SLOTS / 4 * 3) /* more would make looking slow */

static size_t home(uint32_t id)
{
	return id * 0x9e3779b1u >> 16 & (KNOWN_SLOTS - 1);
}

static size_t next(size_t at)
{
	return (at + 1) & (KNOWN_SLOTS - 1);
}

static size_t place_of(const struct known_ids *known, uint32_t id)
{
	size_t at = home(id);

	while (known->slots[at] && known->slots[at] != id)
		at = next(at);
	return at;
}

bool known_ids_has(const struct known_ids *known, uint32_t id)
{
	return id && known->slots[place_of(known, id)] == id;
}

bool known_ids_add(struct known_ids *known, uint32_t id)
{
	size_t at = id ? place_of(known, id) : 0;

	if (!id || known->slots[at] == id || known->count >= FULL)
		return id && known->slots[at] == id;
	known->slots[at] = id;
	known->count++;
	return true;
}

/* What stands behind a place that becomes free, and would not be found any more, moves there. */
bool known_ids_remove(struct known_ids *known, uint32_t id)
{
	size_t hole = id ? place_of(known, id) : 0;

	if (!id || known->slots[hole] != id)
		return false;
	for (size_t at = next(hole); known->slots[at]; at = next(at)) {
		size_t from_home = (at - home(known->slots[at])) & (KNOWN_SLOTS - 1);
		if (from_home < ((at - hole) & (KNOWN_SLOTS - 1)))
			continue;
		known->slots[hole] = known->slots[at];
		hole = at;
	}
	known->slots[hole] = 0;
	known->count--;
	return true;
}

void known_of_names(const struct names_flow *flow, struct known_named *out)
{
	*out = (struct known_named){
		.guest = flow->guest,
		.guest_port = flow->guest_port,
		.far = flow->connection.addr,
		.far_port = flow->connection.port,
		.waits = flow->waits,
		.has_sni = flow->connection.sni != NULL,
		.ech = flow->connection.ech,
		.began_ms = flow->began_ms,
	};
	snprintf(out->sni, sizeof out->sni, "%s", out->has_sni ? flow->connection.sni : "");
}

bool known_is_leg(const struct known_named *known, const struct conntrack_tuple *tuple)
{
	return tuple->proto == IPPROTO_TCP && known->far_port && tuple->sport == known->guest_port &&
	       tuple->dport == known->far_port && addr_equal(tuple->src, known->guest) &&
	       addr_equal(tuple->dst, known->far);
}
