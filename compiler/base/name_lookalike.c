/* Look-alikes by Unicode's confusables, as far as they concern letters and digits of ASCII, and the scripts of a label
 * (libunistring). */
#include "base/name_lookalike.h"
#include "base/text.h"

#include <idn2.h>
#include <libpsl.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

static const struct {
	ucs4_t character;
	const char *plain;
} confusables[] = {
#include "base/confusables.inc"
};

static const char *const well_known[] = {
	"amazon.com",
	"amazonaws.com",
	"anthropic.com",
	"apple.com",
	"azure.com",
	"bitbucket.org",
	"claude.ai",
	"cloudflare.com",
	"cloudfront.net",
	"crates.io",
	"debian.org",
	"docker.com",
	"docker.io",
	"dropbox.com",
	"facebook.com",
	"ghcr.io",
	"github.com",
	"github.io",
	"githubusercontent.com",
	"gitlab.com",
	"gmail.com",
	"gnu.org",
	"golang.org",
	"google.com",
	"googleapis.com",
	"gstatic.com",
	"huggingface.co",
	"instagram.com",
	"kernel.org",
	"linkedin.com",
	"live.com",
	"maven.org",
	"microsoft.com",
	"microsoftonline.com",
	"mozilla.org",
	"netflix.com",
	"nodejs.org",
	"npmjs.com",
	"npmjs.org",
	"office.com",
	"openai.com",
	"paypal.com",
	"pypi.org",
	"python.org",
	"pythonhosted.org",
	"quay.io",
	"rubygems.org",
	"rust-lang.org",
	"sentry.io",
	"slack.com",
	"stripe.com",
	"telegram.org",
	"twitter.com",
	"ubuntu.com",
	"wikipedia.org",
	"windows.com",
	"windows.net",
	"yahoo.com",
	"youtube.com",
	"zoom.us",
};

static const char *plain_of(ucs4_t character)
{
	size_t lo = 0, hi = sizeof confusables / sizeof *confusables;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (confusables[mid].character == character)
			return confusables[mid].plain;
		if (confusables[mid].character < character)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const char *name_shown(struct arena *arena, const char *name)
{
	char *decoded = NULL;
	const char *shown = name;

	if (!strstr(name, "xn--"))
		return name;
	int error = idn2_to_unicode_8z8z(name, &decoded, 0);
	if (error == IDN2_MALLOC)
		arena_must(NULL);
	if (error == IDN2_OK) {
		shown = arena_strdup(arena, decoded);
		idn2_free(decoded);
	}
	return shown;
}

/* The next character, and *at behind it; 0 at the end and at what is no UTF-8 */
static ucs4_t take(const char **at)
{
	ucs4_t character = 0;
	const uint8_t *next = u8_next(&character, (const uint8_t *)*at);

	if (!next || character == 0xfffd)
		return 0;
	*at = (const char *)next;
	return character;
}

/* Each character as ASCII where it looks like that; *rest: some did not */
static const char *replaced(struct arena *arena, const char *name, bool *rest)
{
	const char *at = name_shown(arena, name), *from = at;
	struct text text = { .arena = arena };
	ucs4_t character;

	while ((character = take(&at))) {
		const char *plain = character < 0x80 ? NULL : plain_of(character);

		if (plain)
			text_add(&text, plain);
		else
			text_addf(&text, "%.*s", (int)(at - from), from);
		*rest = *rest || (character >= 0x80 && !plain);
		from = at;
	}
	return text_get(&text);
}

/* What an ASCII character looks like: "rn" for "m" */
static const char *drawn(const char *at, char buffer[static 2])
{
	buffer[0] = *at == '0' ? 'o' : *at == '1' ? 'l' : *at;
	buffer[1] = 0;
	return *at == 'm' ? "rn" : buffer;
}

const char *name_skeleton(struct arena *arena, const char *name)
{
	bool rest = false;
	const char *plain = strstr(name, "xn--") ? replaced(arena, name, &rest) : name;
	char *out = arena_alloc(arena, strlen(plain) * 2 + 1), *end = out, buffer[2];

	for (; *plain; plain++)
		end = stpcpy(end, drawn(plain, buffer));
	return out;
}

/* Whether an ASCII name has that skeleton */
static bool has_skeleton(const char *name, const char *skeleton)
{
	char buffer[2];

	for (; *name; name++) {
		const char *as = drawn(name, buffer);
		size_t len = strlen(as);

		if (strncmp(skeleton, as, len) != 0)
			return false;
		skeleton += len;
	}
	return !*skeleton;
}

const char *name_plain(struct arena *arena, const char *name)
{
	bool rest = false;
	const char *plain = replaced(arena, name, &rest);

	return rest || !strcmp(plain, name) ? NULL : plain;
}

/* ---- scripts ---- */

enum { SCRIPTS_MAX = 8 };

struct scripts {
	const char *names[SCRIPTS_MAX];
	size_t count;
};

static void add_script(struct scripts *scripts, ucs4_t character)
{
	const uc_script_t *script = uc_script(character);

	if (!script || !strcmp(script->name, "Common") || !strcmp(script->name, "Inherited"))
		return;
	for (size_t i = 0; i < scripts->count; i++)
		if (!strcmp(scripts->names[i], script->name))
			return;
	if (scripts->count < SCRIPTS_MAX)
		scripts->names[scripts->count++] = script->name;
}

/* One script, or Latin with those in which Chinese, Japanese or Korean are written */
static bool are_written_together(const struct scripts *scripts)
{
	static const char *const sets[][5] = {
		{ "Latin", "Han", "Hiragana", "Katakana", NULL },
		{ "Latin", "Han", "Bopomofo", NULL },
		{ "Latin", "Han", "Hangul", NULL },
	};

	for (size_t set = 0; scripts->count > 1 && set < sizeof sets / sizeof *sets; set++) {
		size_t in = 0;

		for (size_t i = 0; i < scripts->count; i++)
			for (size_t j = 0; sets[set][j]; j++)
				in += !strcmp(scripts->names[i], sets[set][j]);
		if (in == scripts->count)
			return true;
	}
	return scripts->count < 2;
}

const char *name_mixed_scripts(struct arena *arena, const char *name)
{
	const char *at = name_shown(arena, name);
	struct scripts scripts = { .count = 0 };
	struct text text = { .arena = arena };
	ucs4_t character;

	do {
		character = take(&at);
		if (character && character != '.') {
			add_script(&scripts, character);
			continue;
		}
		if (!are_written_together(&scripts))
			break;
		scripts.count = 0;
	} while (character);
	for (size_t i = 0; i < scripts.count; i++)
		text_addf(&text, "%s%s", !i ? "" : i + 1 == scripts.count ? " and " : ", ", scripts.names[i]);
	return scripts.count ? text_get(&text) : NULL;
}

/* ---- who is imitated ---- */

const char *name_registrable(const char *name)
{
	const psl_ctx_t *list = psl_builtin();

	return list ? psl_registrable_domain(list, name) : NULL;
}

const char *name_well_known(const char *skeleton)
{
	for (size_t i = 0; i < sizeof well_known / sizeof *well_known; i++)
		if (has_skeleton(well_known[i], skeleton))
			return well_known[i];
	return NULL;
}
