/* What names add to a region: those of its own, and those that an address of it may be bound to or be sent for. */
#include "expect/regions_state.h"
#include "base/name.h"

/* ---- the least matches by name in an interval ---- */

static void keep_least(uint32_t *least, uint32_t *where, uint32_t match, uint32_t class)
{
	if (match < *least) {
		*least = match;
		*where = class;
	}
}

static bool is_active(const struct region_pass *pass, const struct policy_rule *rule)
{
	return policy_rule_fits(rule, pass->base.direction, pass->base.proto) &&
	       eval_rule_matches_port(rule, policy_proto_has_ports(pass->base.proto), pass->base.lo);
}

/* An allow matches where one name it takes is bound and another is sent, unless a deny before it takes the one sent.
 * No other rule needs to be asked: an allow before it that matches says the same. */
static void find_pair_of(struct region_pass *pass, uint32_t rule)
{
	const struct analysis *analysis = pass->base.analysis;
	struct region_names *names = &pass->names;
	uint32_t piece = analysis_names_piece(&analysis->planes[0], rule), sent = ANALYSIS_NONE, bound = ANALYSIS_NONE;
	size_t count;
	const struct run *runs = name_classes_rule_runs(analysis->names, 0, rule, &count);

	for (size_t i = 0; i < count && fuel_use(analysis->fuel, runs[i].hi - runs[i].lo); i++)
		for (uint32_t class = runs[i].lo; class < runs[i].hi; class ++) {
			const struct name_class *of = name_classes_at(analysis->names, class);

			if (of->member && pass->first[analysis_pass_sent(&pass->base, class)] > piece)
				sent = class;
			if (analysis->planes[0].resolvable[class] && !of->alias)
				bound = class;
		}
	if (sent != ANALYSIS_NONE && bound != ANALYSIS_NONE && piece < names->pair) {
		names->pair = piece;
		names->pair_sent = sent;
		names->pair_bound = bound;
	}
}

static void find_pairs(struct region_pass *pass)
{
	const struct policy *policy = pass->base.analysis->planes[0].policy;

	for (uint32_t i = 0; i < policy->rules.count && pass->names.pair == ANALYSIS_NONE; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (rule->action == POLICY_ALLOW && policy_rule_has_names(rule) && is_active(pass, rule) &&
		    analysis_takes_part(pass->base.analysis, 0, i))
			find_pair_of(pass, i);
	}
}

static void find_names(struct region_pass *pass)
{
	const struct analysis *analysis = pass->base.analysis;
	struct region_names *names = &pass->names;

	if (names->known || !fuel_use(analysis->fuel, analysis->class_count))
		return;
	names->known = true;
	names->bound[0] = names->bound[1] = names->sent = names->pair = ANALYSIS_NONE;
	for (uint32_t class = 0; class < analysis->class_count; class ++) {
		const struct name_class *of = name_classes_at(analysis->names, class);
		uint32_t bound = pass->first[analysis_pass_bound(&pass->base, class)];
		uint32_t sent = pass->first[analysis_pass_sent(&pass->base, class)];

		if (bound != ANALYSIS_NONE && analysis->planes[0].resolvable[class] && !of->alias) {
			enum policy_action action = analysis_pass_action(&pass->base, 0, bound);

			keep_least(&names->bound[action], &names->bound_class[action], bound, class);
		}
		if (sent != ANALYSIS_NONE && of->member)
			keep_least(&names->sent, &names->sent_class, sent, class);
	}
	if (pass->base.server_names)
		find_pairs(pass);
}

/* ---- beside a region's addresses ---- */

static struct region_find find_at(const struct region_pass *pass, uint32_t atom)
{
	return (struct region_find){ .direction = pass->base.direction,
				     .proto = pass->base.proto,
				     .lo = pass->base.lo,
				     .hi = pass->base.hi,
				     .atom = atom };
}

static const char *member(const struct region_pass *pass, uint32_t class)
{
	return name_classes_at(pass->base.analysis->names, class)->member;
}

/* The greatest match beside which a name's match of this verdict would show; false: there is no address for it */
static bool last_match(const struct region_matches *matches, enum policy_action verdict, uint32_t *match,
		       uint32_t *atom)
{
	*match = verdict == POLICY_ALLOW ? matches->last_open : matches->last;
	*atom = verdict == POLICY_ALLOW ? matches->last_open_atom : matches->last_atom;
	return *atom != ANALYSIS_NONE;
}

static uint32_t class_of_alias(const struct analysis *analysis)
{
	return name_classes_find(analysis->names, NAME_HOST_ALIAS);
}

/* The host's alias is bound to the gateway, whatever rebind protection says, and to nothing else. */
static void look_beside_alias(struct region_pass *pass, struct region *region, uint32_t atom)
{
	const struct analysis *analysis = pass->base.analysis;
	uint32_t class = class_of_alias(analysis), match = pass->first[analysis_pass_bound(&pass->base, class)];
	struct region_find find = find_at(pass, atom);

	if (!analysis->planes[0].resolvable[class] || match >= pass->first[atom] ||
	    analysis_pass_action(&pass->base, 0, match) != region->contrary ||
	    (region->contrary == POLICY_ALLOW && analysis_pass_floored(&pass->base, 0, atom)))
		return;
	find.bound = NAME_HOST_ALIAS;
	region_found(pass->all, region, &find);
}

static bool has_atom(const struct regions *all, const struct region *region, uint32_t atom)
{
	size_t count;
	const struct run *runs = region_runs(all, region, &count);

	for (size_t i = 0; i < count; i++)
		if (runs[i].lo <= atom && atom < runs[i].hi)
			return true;
	return false;
}

static void look_beside_aliases(struct region_pass *pass, struct region *region)
{
	const struct analysis *analysis = pass->base.analysis;
	const struct addr_gateway *gateway = &analysis->gateway;

	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t atom;

		if (!(v6 ? gateway->has6 : gateway->has4))
			continue;
		atom = atoms_find(analysis->atoms, v6 ? gateway->v6 : gateway->v4);
		if (pass->base.speaks[atom] && has_atom(pass->all, region, atom))
			look_beside_alias(pass, region, atom);
	}
}

void region_look_beside_names(struct region_pass *pass, struct region *region, const struct region_matches *all,
			      const struct region_matches *bindable)
{
	enum policy_action contrary = region->contrary;
	struct region_names *names = &pass->names;
	struct region_find find;
	uint32_t match, atom;

	find_names(pass);
	if (!names->known)
		return;
	if (last_match(bindable, contrary, &match, &atom)) {
		find = find_at(pass, atom);
		if (names->bound[contrary] < match) {
			find.bound = member(pass, names->bound_class[contrary]);
			region_found(pass->all, region, &find);
		} else if (contrary == POLICY_ALLOW && names->pair < match) {
			find.bound = member(pass, names->pair_bound);
			find.sni = member(pass, names->pair_sent);
			region_found(pass->all, region, &find);
		}
	}
	if (contrary == POLICY_DENY && names->sent < all->last) {
		find = find_at(pass, all->last_atom);
		find.sni = member(pass, names->sent_class);
		region_found(pass->all, region, &find);
	}
	look_beside_aliases(pass, region);
}

/* ---- a region's own names ---- */

static const struct region_matches *find_bindable(struct region_pass *pass)
{
	const struct analysis *analysis = pass->base.analysis;
	struct region_names *names = &pass->names;

	if (names->have_bindable)
		return &names->bindable;
	names->have_bindable = true;
	region_matches_init(&names->bindable);
	for (uint32_t atom = 0; atom < analysis->atom_count && fuel_use(analysis->fuel, 1); atom++)
		if (analysis->planes[0].bindable[atom] && pass->base.speaks[atom])
			region_matches_add(pass, &names->bindable, atom);
	return &names->bindable;
}

static void alias_matches(struct region_pass *pass, struct region_matches *out)
{
	const struct analysis *analysis = pass->base.analysis;
	const struct addr_gateway *gateway = &analysis->gateway;

	region_matches_init(out);
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t atom;

		if (!(v6 ? gateway->has6 : gateway->has4))
			continue;
		atom = atoms_find(analysis->atoms, v6 ? gateway->v6 : gateway->v4);
		if (pass->base.speaks[atom])
			region_matches_add(pass, out, atom);
	}
}

/* Where among `matches` a flow has the verdict, if the name's own match is `own`; ANALYSIS_NONE: nowhere */
static uint32_t find_verdict(const struct region_pass *pass, const struct region_matches *matches, uint32_t own,
			     enum policy_action verdict)
{
	uint32_t match, atom;

	if (own != ANALYSIS_NONE && analysis_pass_action(&pass->base, 0, own) == verdict &&
	    last_match(matches, verdict, &match, &atom) && own < match)
		return atom;
	if (matches->first_atom[verdict] != ANALYSIS_NONE && matches->first[verdict] < own)
		return matches->first_atom[verdict];
	return verdict == POLICY_DENY ? matches->floored_atom : ANALYSIS_NONE;
}

static void mark_name(struct region_pass *pass, uint32_t class, uint32_t own, const struct region_matches *matches)
{
	if (own != ANALYSIS_NONE && own < matches->last)
		region_mark_names(pass, own, class);
	for (int action = 0; action < 2; action++)
		if (matches->first_atom[action] != ANALYSIS_NONE && matches->first[action] < own)
			region_mark(pass, matches->first[action], matches->first_atom[action], NULL);
}

/* Connections to or from the addresses of a name: `own` is its match where it is bound, ANALYSIS_NONE where it is not.
 * `find` says how such a flow is written. */
static void look_at_matches(struct region_pass *pass, struct region *region, const struct region_matches *matches,
			    uint32_t own, struct region_find find)
{
	find.atom = find_verdict(pass, matches, own, region->contrary);
	if (find.atom != ANALYSIS_NONE)
		region_found(pass->all, region, &find);
}

/* With its lookup allowed the name is bound to any address that an answer may hold; out of the sandbox a flow whose
 * lookup is refused ends there, a peer connects all the same. `asks`: the lookup over UDP is allowed. */
static void look_at_addresses_of(struct region_pass *pass, struct region *region, uint32_t class,
				 const struct region_matches *matches, bool asks)
{
	const struct analysis *analysis = pass->base.analysis;
	const struct name_class *of = name_classes_at(analysis->names, class);
	bool egress = pass->base.direction == POLICY_EGRESS;
	/* of the alias's two addresses a flow to it takes the one that lets it through */
	bool split = of->alias && analysis->gateway.has4 && analysis->gateway.has6;
	uint32_t own = pass->first[analysis_pass_bound(&pass->base, class)];
	struct region_find find = find_at(pass, ANALYSIS_NONE);

	find.bound = of->member;
	find.to_name = true;
	if (egress && !asks && region->contrary == POLICY_DENY)
		region_found(pass->all, region, &find);
	if (analysis->planes[0].resolvable[class]) {
		mark_name(pass, class, own, matches);
		find.to_name = asks && !split;
		look_at_matches(pass, region, matches, own, find);
	}
	if (egress || asks)
		return;
	find.to_name = !split;
	find.bound = split ? NULL : of->member;
	look_at_matches(pass, region, matches, ANALYSIS_NONE, find);
}

static void look_at_name(struct region_pass *pass, struct region *region, uint32_t class)
{
	const struct analysis *analysis = pass->base.analysis;
	const struct name_class *of = name_classes_at(analysis->names, class);
	struct region_matches alias;
	const struct region_matches *matches = &alias;
	uint32_t two[2];

	if (of->alias)
		alias_matches(pass, &alias);
	else
		matches = find_bindable(pass);
	if (!of->member || !matches->any || !(of->alias || analysis_lets_answer(analysis, 0, class)))
		return;
	region->seen = true;
	analysis_lookup(analysis, 0, class, FLOW_DNS_UDP, two);
	if (pass->base.direction == POLICY_EGRESS)
		regions_mark_lookup(pass->all, two[0], class, FLOW_DNS_UDP);
	look_at_addresses_of(pass, region, class, matches,
			     analysis_query_action(&analysis->planes[0], two[0]) == POLICY_ALLOW);
}

void region_look_at_names(struct region_pass *pass, struct region *region)
{
	size_t count;
	const struct run *runs = name_classes_rule_runs(pass->base.analysis->names, 1, region->rule, &count);

	for (size_t i = 0; i < count && fuel_use(pass->base.analysis->fuel, runs[i].hi - runs[i].lo); i++)
		for (uint32_t class = runs[i].lo; class < runs[i].hi; class ++)
			look_at_name(pass, region, class);
}
