/* Sets and their elements as nf_tables' messages. */
#include "netlink/nft_encode.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An element message's list is one attribute of at most 64 KiB; an element is at most some 300 bytes */
#define ELEMENTS_PER_MESSAGE 128
/* Bits a type takes in the number of a concatenated type (nft: TYPE_BITS) */
#define TYPE_BITS 6
#define BYTEORDER_HOST 1 /* nft: BYTEORDER_HOST_ENDIAN */

void nft_value_bytes(enum rs_type type, unsigned size, const struct rs_value *value, u128 number, uint8_t *out)
{
	bool big = rs_type_info(type)->order != RS_ORDER_HOST || __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	memset(out, 0, size);
	if (type == RS_TYPE_IFNAME) {
		memcpy(out, value->text, strnlen(value->text, size - 1));
		return;
	}
	for (unsigned i = 0; i < size; i++)
		out[big ? size - 1 - i : i] = (uint8_t)(number >> (8 * i));
}

static unsigned slots(unsigned size)
{
	return (size + 3) / 4 * 4;
}

/* A key's lower or upper end; parts of a concatenation start at multiples of four bytes. Returns its length. */
static unsigned key_bytes(const struct rs_set *set, const struct rs_element *element, bool upper, uint8_t *out)
{
	unsigned len = 0;

	for (int i = 0; i < RS_KEY_PARTS && set->type[i]; i++) {
		const struct rs_value *value = &element->key[i];
		unsigned size = rs_type_info(set->type[i])->size;
		memset(out + len, 0, slots(size));
		nft_value_bytes(set->type[i], size, value, upper ? value->hi : value->lo, out + len);
		len += set->type[1] ? slots(size) : size;
	}
	return len;
}

static unsigned set_key_length(const struct rs_set *set)
{
	unsigned len = 0;

	for (int i = 0; i < RS_KEY_PARTS && set->type[i]; i++)
		len += set->type[1] ? slots(rs_type_info(set->type[i])->size) : rs_type_info(set->type[i])->size;
	return len;
}

static uint32_t set_key_type(const struct rs_set *set)
{
	uint32_t type = 0;

	for (int i = 0; i < RS_KEY_PARTS && set->type[i]; i++)
		type = type << TYPE_BITS | rs_type_info(set->type[i])->number;
	return type;
}

static void set_concat(struct nftnl_set *out, const struct rs_set *set)
{
	uint8_t lengths[RS_KEY_PARTS];
	uint32_t count = 0;

	for (int i = 0; i < RS_KEY_PARTS && set->type[i]; i++)
		lengths[count++] = (uint8_t)rs_type_info(set->type[i])->size;
	nftnl_set_set_data(out, NFTNL_SET_DESC_CONCAT, lengths, count);
}

/* For whoever lists the set: a comment, and that its keys are in host order, as names of links are */
static void set_userdata(struct nftnl_set *out, const struct rs_set *set)
{
	struct nftnl_udata_buf *data = arena_must(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));

	if (rs_type_info(set->type[0])->order != RS_ORDER_BIG)
		nftnl_udata_put_u32(data, NFTNL_UDATA_SET_KEYBYTEORDER, BYTEORDER_HOST);
	if (set->comment)
		nftnl_udata_put_strz(data, NFTNL_UDATA_SET_COMMENT, set->comment);
	if (nftnl_udata_buf_len(data))
		nftnl_set_set_data(out, NFTNL_SET_USERDATA, nftnl_udata_buf_data(data), nftnl_udata_buf_len(data));
	nftnl_udata_buf_free(data);
}

static struct nftnl_set *set_named(const struct nft_build *build, const char *name)
{
	struct nftnl_set *set = arena_must(nftnl_set_alloc());

	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, nft_family(build->table->family));
	nftnl_set_set_str(set, NFTNL_SET_TABLE, build->table->name);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	return set;
}

static void fill_set(struct nlmsghdr *message, const void *set)
{
	nftnl_set_nlmsg_build_payload(message, (struct nftnl_set *)(uintptr_t)set);
}

void nft_fill_elements(struct nlmsghdr *message, const void *set)
{
	nftnl_set_elems_nlmsg_build_payload(message, (struct nftnl_set *)(uintptr_t)set);
}

/* An anonymous one has no name that lasts */
static struct nft_label set_label(const struct rs_set *set, const char *kind)
{
	return (struct nft_label){ kind, set->name ? set->name : "of a rule's own" };
}

static void add_set(struct nft_build *build, const struct rs_set *set, uint32_t flags, const char *name, uint32_t size)
{
	struct nftnl_set *out = set_named(build, name);

	flags |= (set->interval ? NFT_SET_INTERVAL : 0) | (set->timeout ? NFT_SET_TIMEOUT : 0) |
		 (set->map ? NFT_SET_MAP : 0) | (set->counters ? NFT_SET_EXPR : 0);
	if (set->type[1] && set->interval)
		flags |= NFT_SET_CONCAT;
	nftnl_set_set_u32(out, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(out, NFTNL_SET_KEY_TYPE, set_key_type(set));
	nftnl_set_set_u32(out, NFTNL_SET_ID, ++build->set_id);
	nftnl_set_set_u32(out, NFTNL_SET_KEY_LEN, set_key_length(set));
	if (size)
		nftnl_set_set_u32(out, NFTNL_SET_DESC_SIZE, size);
	if (set->map)
		nftnl_set_set_u32(out, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	if (set->map)
		nftnl_set_set_u32(out, NFTNL_SET_DATA_LEN, 0);
	if (set->type[1] && set->interval)
		set_concat(out, set);
	if (set->counters) /* which each element gets a copy of */
		nftnl_set_add_expr(out, arena_must(nftnl_expr_alloc("counter")));
	set_userdata(out, set);
	nft_build_message(build, NFT_MSG_NEWSET, NLM_F_CREATE, set_label(set, "set"), fill_set, out);
	nftnl_set_free(out);
}

void nft_encode_set(struct nft_build *build, const struct rs_set *set)
{
	add_set(build, set, 0, set->name, set->size);
}

static void element_comment(struct nftnl_set_elem *element, const char *comment)
{
	struct nftnl_udata_buf *data = arena_must(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));

	nftnl_udata_put_strz(data, NFTNL_UDATA_SET_ELEM_COMMENT, comment);
	nftnl_set_elem_set(element, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(data), nftnl_udata_buf_len(data));
	nftnl_udata_buf_free(data);
}

static void element_verdict(struct nftnl_set_elem *element, const struct rs_verdict *verdict)
{
	nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, nft_verdict_code(verdict));
	if (verdict->chain)
		nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_CHAIN, verdict->chain);
}

/* What kind of end of an interval an element is */
enum element_end { WHOLE, INTERVAL_STOP };

static void put_element(struct nftnl_set *out, const struct rs_set *set, const struct rs_element *element,
			enum element_end end)
{
	uint8_t key[NFT_KEY_MAX];
	struct nftnl_set_elem *item = arena_must(nftnl_set_elem_alloc());
	unsigned len = key_bytes(set, element, false, key);

	nftnl_set_elem_set(item, NFTNL_SET_ELEM_KEY, key, len);
	if (end == INTERVAL_STOP) {
		nftnl_set_elem_set_u32(item, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
		nftnl_set_elem_add(out, item);
		return;
	}
	if (set->interval && set->type[1]) {
		len = key_bytes(set, element, true, key);
		nftnl_set_elem_set(item, NFTNL_SET_ELEM_KEY_END, key, len);
	}
	if (element->timeout_ms)
		nftnl_set_elem_set_u64(item, NFTNL_SET_ELEM_TIMEOUT, element->timeout_ms);
	if (element->comment)
		element_comment(item, element->comment);
	if (set->map)
		element_verdict(item, &element->verdict);
	nftnl_set_elem_add(out, item);
}

static u128 last_value(unsigned size)
{
	return size >= 16 ? ~(u128)0 : ((u128)1 << (8 * size)) - 1;
}

/* An interval of a plain interval set is its start and, exclusive, its end; one up to the last value has none. Before
 * the first interval nft puts an end at zero. */
static void put_interval(struct nftnl_set *out, const struct rs_set *set, size_t index, unsigned size)
{
	const struct rs_element *element = &set->elements.items[index];
	struct rs_element end = { 0 };

	if (index == 0 && element->key[0].lo != 0)
		put_element(out, set, &end, INTERVAL_STOP);
	put_element(out, set, element, WHOLE);
	if (element->key[0].hi != last_value(size)) {
		end.key[0].lo = element->key[0].hi + 1;
		put_element(out, set, &end, INTERVAL_STOP);
	}
}

static void add_elements(struct nft_build *build, const struct rs_set *set, const char *name, uint32_t id)
{
	for (size_t i = 0; i < set->elements.count;) {
		struct nftnl_set *out = set_named(build, name);
		if (id)
			nftnl_set_set_u32(out, NFTNL_SET_ID, id);
		for (size_t n = 0; n < ELEMENTS_PER_MESSAGE && i < set->elements.count; n++, i++) {
			if (set->interval && !set->type[1])
				put_interval(out, set, i, set_key_length(set));
			else
				put_element(out, set, &set->elements.items[i], WHOLE);
		}
		nft_build_message(build, NFT_MSG_NEWSETELEM, NLM_F_CREATE, set_label(set, "elements of set"),
				  nft_fill_elements, out);
		nftnl_set_free(out);
	}
}

void nft_encode_elements(struct nft_build *build, const struct rs_set *set)
{
	add_elements(build, set, set->name, 0);
}

uint32_t nft_encode_anonymous(struct nft_build *build, enum rs_field field, const struct rs_value *values, size_t count,
			      char name[static NFT_ANONYMOUS_MAX])
{
	const struct rs_field_info *info = rs_field_info(field);
	struct rs_set set = { .type = { info->type } };
	uint32_t elements = 0;

	set.elements.items = arena_must(calloc(count, sizeof *set.elements.items));
	set.elements.count = count;
	for (size_t i = 0; i < count; i++) {
		set.elements.items[i].key[0] = values[i];
		set.interval |= values[i].lo != values[i].hi;
	}
	elements = (uint32_t)(set.interval ? 2 * count + 1 : count);
	if (build->names_sets)
		snprintf(name, NFT_ANONYMOUS_MAX, "__set%u", build->set_id);
	else
		strcpy(name, NFT_ANONYMOUS);
	add_set(build, &set, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT, name, elements);
	uint32_t id = build->set_id;
	add_elements(build, &set, name, id);
	free(set.elements.items);
	return id;
}
