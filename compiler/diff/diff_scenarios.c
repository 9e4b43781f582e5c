/* A name scenario beside addresses. In an interval, atoms with the same first matches in both policies, alike to bind and
 * to the floor, are of one kind: a scenario is compared beside one atom of each. Where the scenario's own first matches
 * correspond, kinds whose matches correspond show nothing and are passed over: equal policies cost next to nothing. */
#include "diff/diff_state.h"

/* ---- kinds of addresses ---- */

struct address_kind {
	/* what makes it one */
	uint32_t first[2];
	bool bindable[2], floored[2];
	/* in this interval */
	uint32_t interval; /* the one it was last seen in */
	uint32_t atom;     /* of the kind: an unnamed public one if there is one */
	bool unnamed;      /* it is */
};

struct diff_addresses {
	struct records kinds;
	LIST_OF(uint32_t) seen;    /* keys of those in this interval */
	LIST_OF(uint32_t) changed; /* those of them whose first matches do not correspond */
	uint32_t interval;
	uint32_t unnamed[2]; /* the unnamed public atom of each family */
};

static size_t kind_fields(const void *record, uint64_t out[static RECORDS_FIELDS_MAX])
{
	const struct address_kind *kind = record;
	size_t count = 0;

	for (int side = 0; side < 2; side++) {
		out[count++] = kind->first[side];
		out[count++] = kind->bindable[side];
		out[count++] = kind->floored[side];
	}
	return count;
}

static uint32_t unnamed_public(const struct diff_pass *pass, enum addr_family family)
{
	for (uint32_t i = 0; i < pass->base.analysis->atom_count; i++) {
		const struct atom *atom = atoms_at(pass->diff->atoms, i);

		if (atom->class == ADDR_CLASS_PUBLIC && atom->family == family && !atom->reserved &&
		    atoms_is_unnamed(pass->diff->atoms, i))
			return i;
	}
	return ANALYSIS_NONE;
}

static void add_address(struct diff_pass *pass, uint32_t atom)
{
	struct diff_addresses *addresses = pass->kinds;
	struct address_kind new = { .interval = 0 }, *kind;
	uint32_t key;

	for (uint32_t side = 0; side < 2; side++) {
		new.first[side] = pass->first[side][atom];
		new.bindable[side] = pass->base.analysis->planes[side].bindable[atom];
		new.floored[side] = analysis_pass_floored(&pass->base, side, atom);
	}
	key = records_intern(&addresses->kinds, &new);
	kind = records_get(&addresses->kinds, key);
	if (kind->interval != addresses->interval) {
		kind->interval = addresses->interval;
		kind->atom = atom;
		kind->unnamed = false;
		*arena_push(pass->arena, &addresses->seen) = key;
		if (!diff_corresponds(pass, kind->first[0], kind->first[1]))
			*arena_push(pass->arena, &addresses->changed) = key;
	}
	if (atom == addresses->unnamed[0] || (atom == addresses->unnamed[1] && !kind->unnamed)) {
		kind->atom = atom;
		kind->unnamed = true;
	}
}

void diff_find_addresses(struct diff_pass *pass)
{
	const struct analysis *analysis = pass->base.analysis;

	pass->kinds->interval++;
	pass->kinds->seen.count = pass->kinds->changed.count = 0;
	if (!fuel_use(analysis->fuel, 4u * analysis->atom_count))
		return;
	for (uint32_t atom = 0; atom < analysis->atom_count; atom++)
		if (pass->base.speaks[atom] && analysis_is_address(analysis, atom))
			add_address(pass, atom);
}

/* ---- findings ---- */

static size_t findings_fields(const void *record, uint64_t out[static RECORDS_FIELDS_MAX])
{
	const struct diff_findings *findings = record;
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct diff_finding *finding = &findings->items[i];

		for (int side = 0; side < 2; side++) {
			out[count++] = finding->by[side].kind;
			out[count++] = decider_number(finding->by[side]);
		}
		out[count++] = finding->was;
		out[count++] = finding->by_server_name;
		out[count++] = finding->unnamed;
		out[count++] = finding->atom;
		out[count++] = finding->partner;
	}
	return count;
}

uint32_t diff_findings_key(struct diff_pass *pass, const struct diff_findings *findings)
{
	return findings->count ? records_intern(&pass->findings, findings) : 0;
}

const struct diff_findings *diff_findings_of(const struct diff_pass *pass, uint32_t key)
{
	static const struct diff_findings none;

	return key ? records_get(&pass->findings, key) : &none;
}

/* Where there is no more room: one that is worth less than `finding`, or NULL */
static struct diff_finding *replaceable(struct diff_findings *findings, const struct diff_finding *finding)
{
	struct diff_finding *worse = NULL;
	size_t same = 0;

	for (size_t i = 0; i < findings->count; i++) {
		struct diff_finding *have = &findings->items[i];

		if (have->was != finding->was)
			continue;
		same++;
		if (have->unnamed)
			return NULL;
		worse = have;
	}
	if (!same)
		return &findings->items[findings->count - 1];
	return finding->unnamed ? worse : NULL;
}

static void add_finding(struct diff_findings *findings, const struct diff_finding *finding)
{
	struct diff_finding *into = NULL;

	for (size_t i = 0; i < findings->count; i++) {
		struct diff_finding *have = &findings->items[i];

		if (!decider_equal(have->by[0], finding->by[0]) || !decider_equal(have->by[1], finding->by[1]) ||
		    have->by_server_name != finding->by_server_name || have->partner != finding->partner)
			continue;
		if (finding->unnamed && !have->unnamed)
			*have = *finding;
		return;
	}
	if (findings->count < DIFF_FINDINGS_MAX)
		into = &findings->items[findings->count++];
	else
		into = replaceable(findings, finding);
	if (into)
		*into = *finding;
}

static bool has_change(const struct diff_findings *findings, enum policy_action was)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].was == was)
			return true;
	return false;
}

void diff_add_by_server_name(struct diff_findings *findings, const struct diff_findings *by_server_name)
{
	const struct diff_findings bound = *findings;

	for (size_t i = 0; i < by_server_name->count; i++)
		if (!has_change(&bound, by_server_name->items[i].was))
			add_finding(findings, &by_server_name->items[i]);
}

/* ---- scenarios ---- */

void diff_init_scenarios(struct diff_pass *pass)
{
	pass->kinds = arena_alloc(pass->arena, sizeof *pass->kinds);
	records_init(&pass->kinds->kinds, pass->arena, sizeof(struct address_kind), kind_fields);
	records_init(&pass->findings, pass->arena, sizeof(struct diff_findings), findings_fields);
	pass->kinds->unnamed[0] = unnamed_public(pass, ADDR_V4);
	pass->kinds->unnamed[1] = unnamed_public(pass, ADDR_V6);
}

struct diff_scenario diff_scenario_of(const struct diff_pass *pass, uint32_t class, bool by_server_name)
{
	const struct analysis *analysis = pass->base.analysis;
	struct diff_scenario scenario = { .class = class, .by_server_name = by_server_name, .partner = ANALYSIS_NONE };
	uint32_t place =
		by_server_name ? analysis_pass_sent(&pass->base, class) : analysis_pass_bound(&pass->base, class);

	for (uint32_t side = 0; side < 2; side++) {
		uint32_t two[2];

		analysis_lookup(analysis, side, class, FLOW_DNS_UDP, two);
		scenario.first[side] = pass->first[side][place];
		scenario.possible[side] = analysis->planes[side].resolvable[class];
		scenario.too_long[side] = analysis_query_action(&analysis->planes[side], two[0]) == POLICY_ALLOW &&
					  analysis_label_is_too_long(analysis, side, class);
		scenario.held[side] = analysis_holds_back(analysis, side, class);
		if (scenario.held[side] && pass->base.direction == POLICY_INGRESS) {
			scenario.held[side] = false; /* a peer's name, if it has one, is no answer's */
			scenario.possible[side] = true;
		}
		scenario.lookup[side] = two[0];
	}
	scenario.corresponds =
		diff_corresponds(pass, scenario.first[0], scenario.first[1]) && scenario.held[0] == scenario.held[1];
	return scenario;
}

/* Verdict of a flow to the name: lookup, answer, connection; and who decided it */
static enum policy_action whole_verdict(const struct diff_scenario *scenario, int side, bool bindable,
					enum policy_action connection, struct decider *by)
{
	if (scenario->by_server_name)
		return connection;
	if (!scenario->possible[side] && !scenario->held[side]) {
		*by = scenario->too_long[side]                ? decided_by(DECIDER_LABEL) :
		      scenario->lookup[side] == ANALYSIS_NONE ? decided_by(DECIDER_DEFAULT) :
								decided_by_rule(scenario->lookup[side]);
		return POLICY_DENY;
	}
	if (!bindable || scenario->held[side]) {
		*by = decided_by(DECIDER_REBIND);
		return POLICY_DENY;
	}
	return connection;
}

/* Whether rebind protection treats the name otherwise, and not all names */
static bool is_excepted_otherwise(const struct diff_pass *pass, const struct diff_scenario *scenario)
{
	return !scenario->by_server_name && scenario->held[0] != scenario->held[1] &&
	       analysis_holds_alike(pass->base.analysis);
}

/* A change counts where the connection itself fares otherwise, and not at the address alone already: a lookup
 * or an answer that changes is a region of its own, but for an answer to one name. */
static void compare(const struct diff_pass *pass, const struct diff_scenario *scenario, uint32_t atom,
		    const bool bindable[static 2], bool unnamed, struct diff_findings *findings)
{
	struct diff_finding finding = {
		.by_server_name = scenario->by_server_name,
		.atom = atom,
		.unnamed = unnamed,
		.partner = scenario->partner,
	};
	enum policy_action connection[2], verdict[2], alone[2];
	struct decider unused;

	for (int side = 0; side < 2; side++) {
		uint32_t top = pass->first[side][atom];
		uint32_t first = scenario->first[side] < top ? scenario->first[side] : top;

		connection[side] = diff_verdict(pass, side, atom, first, &finding.by[side]);
		alone[side] = diff_verdict(pass, side, atom, top, &unused);
		verdict[side] = whole_verdict(scenario, side, bindable[side], connection[side], &finding.by[side]);
	}
	if (verdict[0] == verdict[1] || (connection[0] == connection[1] && !is_excepted_otherwise(pass, scenario)))
		return;
	if (alone[0] != alone[1] && alone[0] == verdict[0])
		return;
	finding.was = verdict[0];
	diff_find_cause(pass, finding.by);
	add_finding(findings, &finding);
}

void diff_compare_at(const struct diff_pass *pass, const struct diff_scenario *scenario, uint32_t atom,
		     struct diff_findings *findings)
{
	const struct analysis_plane *planes = pass->base.analysis->planes;

	compare(pass, scenario, atom, (const bool[]){ planes[0].bindable[atom], planes[1].bindable[atom] }, false,
		findings);
}

void diff_compare_alias(const struct diff_pass *pass, const struct diff_scenario *scenario,
			struct diff_findings *findings)
{
	const struct addr_gateway *gateway = &pass->base.analysis->gateway;

	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t atom;

		if (!(v6 ? gateway->has6 : gateway->has4))
			continue;
		atom = atoms_find(pass->diff->atoms, v6 ? gateway->v6 : gateway->v4);
		if (pass->base.speaks[atom])
			compare(pass, scenario, atom, (const bool[]){ true, true }, true, findings);
	}
}

void diff_compare(struct diff_pass *pass, const struct diff_scenario *scenario, struct diff_findings *findings)
{
	const struct diff_addresses *addresses = pass->kinds;
	const uint32_t *keys = scenario->corresponds ? addresses->changed.items : addresses->seen.items;
	size_t count = scenario->corresponds ? addresses->changed.count : addresses->seen.count;

	if (!fuel_use(pass->base.analysis->fuel, count * DIFF_STEPS_PER_COMPARISON))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct address_kind *kind = records_get(&addresses->kinds, keys[i]);

		if (scenario->by_server_name || kind->bindable[0] || kind->bindable[1])
			compare(pass, scenario, kind->atom, kind->bindable, kind->unnamed, findings);
	}
}
