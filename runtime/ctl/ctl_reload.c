/* Another policy for a sandbox that runs: read here, with the rights of who asks, compared, and handed over as texts. */
#include "base/escape.h"
#include "ctl/running.h"
#include "ctl/table.h"
#include "diff/diff.h"
#include "eval/eval.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct wish {
	struct policy_options options;
	const char *file; /* NULL: none */
	bool dry_run, given;
	struct policy_bundle bundle;
	struct policy *policy;
};

/* ---- what is wanted ---- */

static enum ctl_status read_options(struct ctl_line *line, struct wish *wish)
{
	wish->options = line->policy;
	wish->dry_run = line->values[RELOAD_DRY_RUN];
	wish->given = line->policy_given || line->word_count;
	for (size_t i = 0; i < line->word_count; i++)
		*arena_push(line->arena, &wish->options.files) = line->words[i];
	if (wish->options.files.count > 1)
		return ctl_usage(line, "one policy file at a time: a file takes in others by `include`");
	wish->file = wish->options.files.count ? wish->options.files.items[0] : NULL;
	return CTL_FINE;
}

/* Without policy options: those of now, whose files lie where msb-run found them */
static enum ctl_status same_again(struct ctl_line *line, const struct ctl_running *running, struct wish *wish)
{
	const char *file = running->bundle.file;

	if (file && source_is_stream(file))
		return ctl_fail(line, "msb-ctl reload NAME --policy FILE",
				"its policy was read from a pipe, which is over");
	if (file && chdir(running->directory))
		return ctl_fail(line, "msb-ctl reload NAME --policy FILE", "%s, where it was started: %s",
				running->directory, strerror(errno));
	wish->options = running->bundle.options;
	wish->options.arena = line->arena;
	wish->options.today = NULL;
	wish->options.floors = (struct options_list){ NULL, 0, 0 };
	wish->options.deployment_profile = NULL;
	wish->options.grants.count = 0;
	wish->file = file;
	return CTL_FINE;
}

/* Nobody may read what is printed */
static enum ctl_status refuse(struct ctl_line *line, const struct diags *diags)
{
	enum ctl_status ignored;
	const struct diag **sorted = diags_sorted(diags);
	size_t i = 0;

	if (!line->tells)
		return CTL_NO;
	while (i + 1 < diags->list.count && sorted[i]->level != DIAG_ERROR)
		i++;
	const char *place = span_format(line->arena, diags->sources, sorted[i]->span);
	const char *text =
		arena_printf(line->arena, "%s%s%s", place ? place : "", place ? ": " : "", sorted[i]->message);
	json_decref(ctl_ask_patiently(
		line, json_pack("{s:s, s:s}", "command", "reload", "because", escape_json(line->arena, text)),
		&ignored));
	return CTL_NO;
}

/* The floors are the sandbox's: the policy is resolved without them for its texts, and once more with what the sandbox keeps */
static enum ctl_status make(struct ctl_line *line, const struct ctl_running *running, struct wish *wish)
{
	struct diags *diags = diags_new(line->arena, sources_new(line->arena));
	struct diags *whole = diags_new(line->arena, sources_new(line->arena));
	const char *profile = wish->options.deployment_profile, *why;

	options_set_today(&wish->options, time(NULL));
	if (wish->options.floors.count) /* not read: they are not taken */
		return ctl_usage(line, "a sandbox keeps the floors it was started with: leave out --floor");
	wish->options.deployment_profile = NULL;
	struct policy *policy = options_resolve(&wish->options, wish->file, diags);
	diags_print_text(diags, stderr, color_wanted(COLOR_AUTO, stderr));
	if (diags->errors)
		return refuse(line, diags);
	if (!policy_bundle_of(line->arena, policy, &wish->bundle))
		return ctl_fail(line, NULL, "the policy is no UTF-8");
	wish->bundle.options.deployment_profile = profile;
	why = policy_bundle_keep(&wish->bundle, &running->bundle);
	if (why)
		return ctl_usage(line, "%s", why);
	wish->policy = policy_bundle_resolve(&wish->bundle, whole);
	if (whole->errors)
		diags_print_text(whole, stderr, color_wanted(COLOR_AUTO, stderr));
	return whole->errors ? refuse(line, whole) : CTL_FINE;
}

/* ---- what changes ---- */

/* NULL: too complex to be compared in bounded time, which keeps nobody from reloading */
static struct diff *compare(struct ctl_line *line, const struct ctl_running *running, const struct wish *wish)
{
	struct fuel fuel = { .left = analysis_fuel(wish->policy->rules.count) };
	struct diff *diff = diff_policies(line->arena, running->policy, wish->policy, &running->gateway, &fuel);

	diff->before_note = arena_printf(line->arena, " (generation %llu)", (unsigned long long)running->generation);
	return fuel.out ? NULL : diff;
}

/* "egress@140.82.121.4:tcp:22 (github.com, open 3m)" */
static const char *flow_text(struct ctl_line *line, const json_t *flow)
{
	const char *text = json_string_value(json_object_get(flow, "flow"));
	const char *name = json_string_value(json_object_get(flow, "name"));
	const json_t *open_ms = json_object_get(flow, "open_ms");
	const char *open = open_ms ? arena_printf(line->arena, "open %s",
						  table_duration(line->arena, json_integer_value(open_ms))) :
				     NULL;

	text = escape_text(line->arena, text ? text : "");
	name = name ? escape_text(line->arena, name) : NULL;
	if (!name && !open)
		return text;
	return arena_printf(line->arena, "%s (%s%s%s)", text, name ? name : "", name && open ? ", " : "",
			    open ? open : "");
}

/* "; would end 2 established flows", with one of them on the line, more below it */
static void print_flows(struct ctl_line *line, const json_t *answer, bool dry_run)
{
	json_int_t count = json_integer_value(json_object_get(answer, "ended_total"));
	const json_t *list = json_object_get(answer, "ended");
	size_t index;
	json_t *flow;

	printf("; %s %lld established flow%s", dry_run ? "would end" : "ended", (long long)count,
	       count == 1 ? "" : "s");
	if (count == 1 && json_array_size(list) == 1) {
		printf(": %s\n", flow_text(line, json_array_get(list, 0)));
		return;
	}
	putchar('\n');
	json_array_foreach(list, index, flow) printf("  %s\n", flow_text(line, flow));
}

static enum ctl_status print_text(struct ctl_line *line, const struct diff *diff, const json_t *answer, bool dry_run)
{
	json_int_t generation = json_integer_value(json_object_get(answer, "generation"));
	const char *text = diff ? diff_text(line->arena, diff) : "too complex to be compared in bounded time\n";

	printf("%.*s", (int)strlen(text) - 1, text); /* its last line goes on */
	print_flows(line, answer, dry_run);
	if (dry_run)
		puts("nothing was changed (--dry-run)");
	else
		printf("%s has the new policy: generation %lld\n", line->sandbox, (long long)generation);
	return fflush(stdout) ? CTL_FAILED : CTL_FINE;
}

static enum ctl_status print(struct ctl_line *line, const struct diff *diff, json_t *answer, bool dry_run)
{
	if (line->format == CTL_TEXT)
		return print_text(line, diff, answer, dry_run);
	json_t *json = json_copy(answer);
	json_object_set_new(json, "dry_run", json_boolean(dry_run));
	json_object_set_new(json, "diff", diff ? json_loads(diff_json(line->arena, diff), 0, NULL) : json_null());
	return ctl_print_json(line, json);
}

static enum ctl_status hand_over(struct ctl_line *line, const struct ctl_running *running, const struct wish *wish)
{
	enum ctl_status status = CTL_FAILED;
	struct policy_bundle bundle = wish->bundle;
	size_t len;

	bundle.options.floors.count = 0; /* the sandbox's own */
	bundle.options.deployment_profile = NULL;
	bundle.options.grants.count = 0;
	bundle.floors.count = 0;
	char *text = policy_bundle_write(line->arena, &bundle, &len);
	json_t *json = text ? json_loadb(text, len, JSON_ALLOW_NUL, NULL) : NULL;
	if (!json)
		return ctl_fail(line, NULL, "no memory");
	struct diff *diff = compare(line, running, wish);
	json_t *answer = ctl_ask_patiently(
		line, json_pack("{s:s, s:o, s:b}", "command", "reload", "bundle", json, "dry_run", wish->dry_run),
		&status);
	if (!answer)
		return status;
	status = json_is_true(json_object_get(answer, "ok")) ? print(line, diff, answer, wish->dry_run) :
							       ctl_say_no(line, answer);
	json_decref(answer);
	return status;
}

enum ctl_status ctl_reload(struct ctl_line *line)
{
	struct wish wish = { .dry_run = false };
	struct ctl_running running;
	enum ctl_status status = read_options(line, &wish);

	if (status == CTL_FINE)
		status = ctl_running(line, &running);
	if (status == CTL_FINE && !wish.given)
		status = same_again(line, &running, &wish);
	if (status == CTL_FINE)
		status = make(line, &running, &wish);
	return status == CTL_FINE ? hand_over(line, &running, &wish) : status;
}
