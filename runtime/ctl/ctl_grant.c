/* Rules for a time: given, and ended early. */
#include "base/units.h"
#include "ctl/running.h"
#include "diff/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_MS (24ull * 3600 * 1000)

/* "10m", "90s", "2h", "1h30m" */
static bool read_duration(struct arena *arena, const char *text, uint64_t *out)
{
	char *end;
	unsigned long hours = strtoul(text, &end, 10);
	uint64_t rest = 0;

	if (end == text || *end != 'h' || hours > 24)
		return units_duration_ms(text, out);
	if (end[1] && !units_duration_ms(arena_strdup(arena, end + 1), &rest))
		return false;
	*out = (uint64_t)hours * 3600000 + rest;
	return true;
}

const char *ctl_grant_rule(struct ctl_line *line, const char *action, const char *word)
{
	static const char *const actions[] = { "allow", "deny" };
	size_t len = strlen(action);

	if (!strncmp(word, action, len) && (word[len] == '@' || word[len] == ':'))
		return word;
	for (size_t i = 0; i < 2; i++)
		if (!strncmp(word, actions[i], strlen(actions[i])) && strchr("@:", word[strlen(actions[i])]))
			return NULL;
	return arena_printf(line->arena, "%s@%s", action, word);
}

bool ctl_read_grant_time(struct arena *arena, const char *text, uint64_t *for_ms)
{
	return read_duration(arena, text, for_ms) && *for_ms && *for_ms <= LONGEST_MS;
}

static void print_granted(struct ctl_line *line, const json_t *answer, const void *said)
{
	const json_t *id = json_object_get(answer, "id");

	(void)line;
	if (id)
		printf("grant %lld: ", (long long)json_integer_value(id));
	puts(said);
}

static bool has_grant(const struct ctl_running *running, const char *rule)
{
	const struct policy_options *options = &running->bundle.options;

	for (size_t i = 0; i < options->grants.count; i++)
		if (!strcmp(options->grants.items[i].rule, rule))
			return true;
	return false;
}

/* An allow that opens nothing is not what whoever gave it wanted; one that is renewed only lasts for longer. */
static void warn_of_no_effect(struct ctl_line *line, const struct ctl_running *before, const char *rule)
{
	struct ctl_running after;

	if (has_grant(before, rule) || ctl_running(line, &after) != CTL_FINE)
		return;
	struct fuel fuel = { .left = analysis_fuel(after.policy->rules.count) };
	const struct diff *diff = diff_policies(line->arena, before->policy, after.policy, &after.gateway, &fuel);
	if (!fuel.out && !diff->regions.count)
		fprintf(stderr,
			"msb-ctl: warning: no flow fares otherwise by %s: the policy allows them already, or a floor denies them\n"
			"  help: msb-ctl explain %s FLOW\n",
			rule, line->sandbox);
}

static enum ctl_status grant(struct ctl_line *line, const char *action)
{
	const char *time = line->values[GRANT_FOR];
	uint64_t for_ms = 0;

	if (line->word_count != 1)
		return ctl_usage(line, "one rule: msb-ctl %s NAME '%s@pypi.org:tcp:443' --for 10m", action, action);
	const char *word = line->words[0];
	if (time && !ctl_read_grant_time(line->arena, time, &for_ms))
		return ctl_usage(line, "--for `%s`: a time like 90s, 10m or 1h30m, 24h at most", time);
	if (!time)
		return ctl_usage(
			line,
			"for how long? --for 10m: s, m or h, 24h at most; a grant ends by itself, so that nothing "
			"that was opened for once stays open. What is to stay: the policy and `msb-ctl reload`");
	const char *rule = ctl_grant_rule(line, action, word);
	if (!rule)
		return ctl_usage(line, "`%s` is no rule that says %s", word, action);
	struct ctl_running before;
	bool opens = !strcmp(action, "allow");
	enum ctl_status status = opens ? ctl_running(line, &before) : CTL_FINE;
	if (status != CTL_FINE)
		return status;
	status = ctl_change(
		line, json_pack("{s:s, s:s, s:I}", "command", "grant", "rule", rule, "for_ms", (json_int_t)for_ms),
		print_granted, arena_printf(line->arena, "%s for %s", rule, time));
	if (status == CTL_FINE && opens)
		warn_of_no_effect(line, &before, rule);
	return status;
}

enum ctl_status ctl_allow(struct ctl_line *line)
{
	return grant(line, "allow");
}

enum ctl_status ctl_deny(struct ctl_line *line)
{
	return grant(line, "deny");
}

enum ctl_status ctl_revoke(struct ctl_line *line)
{
	uint64_t id = 0;

	if (line->word_count != 1 || !*line->words[0])
		return ctl_usage(line, "which grant? msb-ctl revoke NAME ID|RULE, as `msb-ctl status` has it");
	const char *word = line->words[0];
	if (word[strspn(word, "0123456789")])
		return ctl_change(line, json_pack("{s:s, s:s}", "command", "revoke", "rule", word), print_granted,
				  arena_printf(line->arena, "grant %s is over", word));
	if (!units_number(word, &id) || !id || id > UINT32_MAX)
		return ctl_usage(line, "`%s` is no grant's id: `msb-ctl status %s` lists them", word, line->sandbox);
	return ctl_change(line, json_pack("{s:s, s:I}", "command", "revoke", "id", (json_int_t)id), print_granted,
			  arena_printf(line->arena, "grant %llu is over", (unsigned long long)id));
}
