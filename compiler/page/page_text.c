/* Small texts that every part of the page has. */
#include "page/page_state.h"
#include "base/escape.h"

const char *page_escape(struct page *page, const char *text)
{
	return escape_xml(page->arena, escape_text(page->arena, text));
}

const char *page_decider(struct page *page, struct decider by)
{
	static const char *const words[] = {
		[DECIDER_DEFAULT] = "the default",
		[DECIDER_FLOOR] = "the floor",
		[DECIDER_REFUSED] = "refused whatever the rules say",
		[DECIDER_REBIND] = "rebind protection",
		[DECIDER_LABEL] = "a label that is too long",
		[DECIDER_NODE] = "the node",
		[DECIDER_SEVERAL] = "several",
	};

	if (by.kind == DECIDER_RULE)
		return arena_printf(page->arena, "<a href=\"#rule-%zu\">rule %zu</a>", by.rule + 1, by.rule + 1);
	if (by.kind == DECIDER_HIDDEN)
		return arena_printf(page->arena, "refused: a name hidden from <a href=\"#rule-%zu\">rule %zu</a>",
				    by.rule + 1, by.rule + 1);
	return words[by.kind] ? words[by.kind] : "–";
}
