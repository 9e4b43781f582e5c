/* Which files a document could include. Inside lsp/ only. */
#pragma once
#include "lsp/lsp_state.h"

struct include_files {
	const char **items;
	size_t count, cap;
};
/* Names of policy files and, with a slash behind, of directories in `sub`, a path from the document's directory: beneath
 * what includes may reach, without following a link. Sorted */
struct include_files include_files_in(struct lsp *, struct arena *, const struct lsp_document *, const char *sub);
