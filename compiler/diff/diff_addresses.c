/* Sets of atoms in the words of rules: any, groups, CIDRs; or a group and what of it is left out; of answers also
 * all that is reserved and what of it is left out. */
#include "base/text.h"
#include "diff/diff_state.h"

#define WORDS_MAX 24 /* of more, only the number is printed */

#define FEW 4 /* prefixes that are listed without asking whether what is left out were shorter */

struct words {
	struct diff *diff;
	const uint32_t *atoms; /* the set */
	size_t atom_count;
	bool *in; /* the same, by atom */
	unsigned protos;
	bool leaving; /* of connections out: addresses to which none passes do not count */
	size_t count[ADDR_CLASS_COUNT], all[ADDR_CLASS_COUNT]; /* atoms of each class: in it, and that there are */
	LIST_OF(const char *) taken, except;
	size_t more_taken;
	bool whole; /* every class is taken, but for what is in `except` */
};

bool diff_has_family(const struct diff *diff, const struct diff_region *region, enum addr_family family)
{
	for (size_t i = 0; i < region->atoms.count; i++)
		if (atoms_at(diff->atoms, region->atoms.items[i])->family == family)
			return true;
	return false;
}

static bool counts(const struct words *words, uint32_t atom)
{
	enum addr_family family = atoms_at(words->diff->atoms, atom)->family;

	if (words->leaving && atoms_at(words->diff->atoms, atom)->refused)
		return false;
	return (words->protos != PROTO_ICMPV4 || family == ADDR_V4) &&
	       (words->protos != PROTO_ICMPV6 || family == ADDR_V6);
}

static void add_ranges(const struct words *words, uint32_t index, struct addr_set *ranges)
{
	const struct atom *atom = atoms_at(words->diff->atoms, index);

	for (uint32_t i = 0; i < atom->range_count; i++)
		*arena_push(words->diff->arena, ranges) = atoms_ranges(words->diff->atoms, index)[i];
}

static bool fits(const struct words *words, uint32_t index, enum addr_class class, enum addr_family family)
{
	const struct atom *atom = atoms_at(words->diff->atoms, index);

	return atom->class == class && atom->family == family && counts(words, index);
}

static struct addr_set set_of(const struct words *words, enum addr_class class, enum addr_family family, bool in)
{
	struct addr_set ranges = addr_set_empty(family);

	for (size_t i = 0; in && i < words->atom_count; i++)
		if (fits(words, words->atoms[i], class, family))
			add_ranges(words, words->atoms[i], &ranges);
	for (uint32_t i = 0; !in && i < atoms_count(words->diff->atoms); i++)
		if (!words->in[i] && fits(words, i, class, family))
			add_ranges(words, i, &ranges);
	return addr_set_from_ranges(words->diff->arena, family, ranges.items, ranges.count);
}

struct prefixes {
	struct addr_prefix *items;
	size_t count, cap;
};

static void add_prefixes(struct arena *arena, struct prefixes *prefixes, const struct addr_set *set)
{
	struct addr_prefix out[254];

	for (size_t i = 0; i < set->count; i++) {
		size_t count = addr_range_prefixes(set->family, set->items[i], out);

		for (size_t j = 0; j < count; j++)
			*arena_push(arena, prefixes) = out[j];
	}
}

/* IPv6 addresses that carry IPv4 ones of the set go without saying. */
static struct prefixes prefixes_of(const struct words *words, enum addr_class class, bool in)
{
	struct arena *arena = words->diff->arena;
	struct addr_set v4 = set_of(words, class, ADDR_V4, in), v6 = set_of(words, class, ADDR_V6, in);
	struct addr_set carrying = addr_embedding_set(arena, &v4, &words->diff->contexts[0].gateway.nat64);
	struct prefixes prefixes = { NULL, 0, 0 };

	v6 = addr_set_subtract(arena, &v6, &carrying);
	add_prefixes(arena, &prefixes, &v4);
	add_prefixes(arena, &prefixes, &v6);
	return prefixes;
}

static const char *prefix_text(struct arena *arena, struct addr_prefix prefix)
{
	const struct policy_target target = { .kind = TARGET_CIDR, .prefix = prefix };

	return policy_target_format(arena, &target);
}

static void add_class(struct words *words, enum addr_class class)
{
	struct arena *arena = words->diff->arena;
	struct prefixes in, out = { NULL, 0, 0 };

	if (!words->count[class]) {
		words->whole = words->whole && !words->all[class];
		return;
	}
	if (words->count[class] == words->all[class]) {
		*arena_push(arena, &words->taken) = addr_class_name(class);
		return;
	}
	in = prefixes_of(words, class, true);
	if (in.count > FEW)
		out = prefixes_of(words, class, false);
	if ((in.count > FEW && !out.count) || (out.count && out.count < in.count && out.count <= WORDS_MAX)) {
		*arena_push(arena, &words->taken) = addr_class_name(class);
		for (size_t i = 0; i < out.count; i++)
			*arena_push(arena, &words->except) = prefix_text(arena, out.items[i]);
		return;
	}
	words->whole = false;
	for (size_t i = 0; i < in.count; i++)
		if (words->taken.count < WORDS_MAX)
			*arena_push(arena, &words->taken) = prefix_text(arena, in.items[i]);
		else
			words->more_taken++;
}

static struct words words_for(struct diff *diff, const uint32_t *atoms, size_t count, unsigned protos, bool leaving)
{
	struct words words = {
		.diff = diff, .atoms = atoms, .atom_count = count, .protos = protos, .leaving = leaving, .whole = true
	};

	words.in = arena_alloc(diff->arena, atoms_count(diff->atoms) + 1);
	for (size_t i = 0; i < count; i++)
		words.in[atoms[i]] = true;
	for (uint32_t i = 0; i < atoms_count(diff->atoms); i++) {
		words.count[atoms_at(diff->atoms, i)->class] += words.in[i] && counts(&words, i);
		words.all[atoms_at(diff->atoms, i)->class] += counts(&words, i);
	}
	for (int class = ADDR_CLASS_PUBLIC; class < ADDR_CLASS_COUNT; class ++)
		add_class(&words, (enum addr_class) class);
	if (!words.taken.count) {
		words.whole = false;
		add_class(&words, ADDR_CLASS_NONE);
	}
	return words;
}

static size_t length(const struct words *words)
{
	return words->taken.count + words->more_taken + words->except.count;
}

static bool is_group(const char *word)
{
	enum addr_class class;

	return addr_class_parse(word, &class);
}

/* Where some are not printed, those that are begin with the groups, which a reader knows */
static const char *taken_text(const struct words *words)
{
	struct arena *arena = words->diff->arena;
	LIST_OF(const char *) first = { NULL, 0, 0 };

	if (words->whole)
		return "any";
	if (!words->more_taken)
		return text_list(arena, words->taken.items, words->taken.count, 0);
	for (int groups = 1; groups >= 0; groups--)
		for (size_t i = 0; i < words->taken.count && first.count < WORDS_MAX; i++)
			if (is_group(words->taken.items[i]) == groups)
				*arena_push(arena, &first) = words->taken.items[i];
	return text_list(arena, first.items, first.count, words->taken.count + words->more_taken - first.count);
}

/* What is left out of all reserved addresses, which are what rebind protection is about */
static struct words reserved_rest(const struct words *words)
{
	struct diff *diff = words->diff;
	LIST_OF(uint32_t) rest = { NULL, 0, 0 };

	for (uint32_t i = 0; i < atoms_count(diff->atoms); i++) {
		const struct atom *atom = atoms_at(diff->atoms, i);

		if (atom->reserved && !words->in[i] && atom->class != ADDR_CLASS_NONE &&
		    eval_family_active(&diff->contexts[0].gateway, atom->family))
			*arena_push(diff->arena, &rest) = i;
	}
	return words_for(diff, rest.items, rest.count, words->protos, false);
}

const char *diff_address_words(struct diff *diff, const struct diff_region *region, const char **except)
{
	struct arena *arena = diff->arena;
	struct words words = words_for(diff, region->atoms.items, region->atoms.count, region->protos,
				       region->kind == DIFF_ADDRESSES && region->direction == POLICY_EGRESS);

	if (region->kind == DIFF_ANSWERS) {
		struct words rest = reserved_rest(&words);

		if (!rest.except.count && !rest.more_taken && length(&rest) + 1 < length(&words)) {
			*except = rest.taken.count ? text_list(arena, rest.taken.items, rest.taken.count, 0) : NULL;
			return "any reserved address";
		}
	}
	*except = words.except.count ? text_list(arena, words.except.items, words.except.count, 0) : NULL;
	return taken_text(&words);
}

double diff_address_width(const struct diff *diff, const struct diff_region *region)
{
	double width = 0;

	for (size_t i = 0; i < region->atoms.count; i++) {
		const struct atom *atom = atoms_at(diff->atoms, region->atoms.items[i]);
		double scale = atom->family == ADDR_V4 ? 1 : 79228162514264337593543950336.0; /* 2^96 */

		for (uint32_t j = 0; j < atom->range_count; j++) {
			struct addr_range range = atoms_ranges(diff->atoms, region->atoms.items[i])[j];

			width += ((double)(range.hi - range.lo) + 1) / scale;
		}
	}
	return width;
}
