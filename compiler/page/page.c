/* The page from its parts. */
#include "page/page_state.h"

#include <string.h>

/* ---- the head ---- */

static void head(struct page *page)
{
	text_addf(
		&page->out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '%s'; script-src '%s'; "
		"base-uri 'none'; form-action 'none'\">\n",
		page_style_hash, page_script_hash);
	text_addf(&page->out,
		  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" "
		  "content=\"no-referrer\">\n<title>%s: network policy</title>\n<style>%s</style>\n</head>\n<body>\n",
		  page_escape(page, page->policy->name), page_style);
}

static void fact(struct page *page, const char *class, const char *text)
{
	text_addf(&page->out, "<li class=\"%s\">%s</li>\n", class, text);
}

static const char *plural(struct page *page, size_t count, const char *word)
{
	return arena_printf(page->arena, "%zu %s%s", count, word, count == 1 ? "" : "s");
}

static void facts(struct page *page)
{
	const struct policy *policy = page->policy;
	const struct expect_report *report = page->in->report;
	const struct diags *diags = page->in->findings;
	size_t held = expect_count_held(report);

	text_add(&page->out, "<ul class=\"facts\">\n");
	fact(page, "", plural(page, policy->rules.count, "rule"));
	fact(page, policy->egress.action == POLICY_ALLOW ? "some" : "",
	     arena_printf(page->arena, "default egress %s", policy_action_name(policy->egress.action)));
	fact(page, "", arena_printf(page->arena, "default ingress %s", policy_action_name(policy->ingress.action)));
	fact(page,
	     !report->outcomes.count       ? "some" :
	     held < report->outcomes.count ? "none" :
					     "all",
	     !report->outcomes.count ?
		     "no expectations" :
		     arena_printf(page->arena, "%zu of %zu expectations hold", held, report->outcomes.count));
	fact(page, diags->errors ? "none" : diags->warnings ? "some" : "all", diags_counts(diags));
	text_add(&page->out, "</ul>\n");
}

/* ---- what is typed in ---- */

static void asking(struct page *page)
{
	text_add(
		&page->out,
		"<section id=\"asking\" hidden><h2>What would this get?</h2>\n"
		"<p>An address, a name, or a flow as <code>explain</code> takes it; one a line.</p>\n<form id=\"try\">\n"
		"<label class=\"wide\">Address, name or flow<textarea name=\"flows\" rows=\"2\" spellcheck=\"false\" "
		"autocomplete=\"off\">github.com\n169.254.169.254</textarea></label>\n"
		"<label>Direction<select name=\"direction\"><option value=\"egress\">guest connects</option>"
		"<option value=\"ingress\">connects to the guest</option></select></label>\n"
		"<label>Protocol<select name=\"proto\"><option>tcp</option><option>udp</option><option>icmpv4</option>"
		"<option>icmpv6</option></select></label>\n"
		"<label>Port<input name=\"port\" inputmode=\"numeric\" value=\"443\" size=\"6\"></label>\n</form>\n"
		"<ul id=\"answers\" aria-live=\"polite\"></ul>\n</section>\n"
		"<noscript><p>With scripts on, this page also says what an address or a name typed in gets; "
		"<code>msb-policyc explain</code> does as well.</p></noscript>\n");
}

static void scripts(struct page *page)
{
	text_addf(&page->out,
		  "<script type=\"application/json\" id=\"data\">%s</script>\n<script>%s</script>\n</body>\n</html>\n",
		  page_data(page), page_script);
}

static size_t count_targets(const struct policy *policy)
{
	size_t count = 1;

	for (size_t i = 0; i < policy->rules.count; i++)
		count += 1 + policy->rules.items[i].targets.count;
	return count;
}

const char *page_html(struct arena *arena, const struct page_input *in, struct fuel *fuel)
{
	struct page page = { .arena = arena, .in = in, .policy = in->policy, .out = { .arena = arena } };
	struct analysis *analysis = analysis_new(arena, &in->policy, 1, ANALYSIS_BY_RULE, &in->context.gateway, fuel);

	if (fuel->out)
		return NULL;
	page.atoms = analysis_atoms(analysis);
	page.targets = count_targets(in->policy);
	/* for the script's data every rule is asked about every class of addresses, bound and not */
	if (!fuel_use(fuel, (uint64_t)page.targets * atoms_count(page.atoms) * 2))
		return NULL;
	head(&page);
	text_addf(&page.out,
		  "<header><h1>%s</h1>\n<p class=\"lead\">Network policy of a sandbox: what its guest may reach, "
		  "and who may reach it.</p>\n",
		  page_escape(&page, in->policy->name));
	facts(&page);
	text_add(&page.out, "</header>\n<main>\n");
	page_picture(&page);
	asking(&page);
	page_findings(&page);
	page_rules(&page);
	page_expectations(&page);
	page_settings(&page);
	text_add(
		&page.out,
		"</main>\n<footer>Written by msb-policyc " MSB_VERSION
		". The picture and the verdicts are the evaluator's; sandboxes are held to the same rules.</footer>\n");
	scripts(&page);
	return text_get(&page.out);
}
