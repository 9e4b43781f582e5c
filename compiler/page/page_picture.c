/* The picture: the guest in the middle, groups and networks on its left, names on its right, what it may use of each on the
 * edge between them, and who may connect in above. */
#include "page/page_state.h"
#include "base/utf8.h"
#include "eval/builtin.h"
#include "policy/policy_facts.h"

#include <string.h>

/* All in units of the view box */
enum {
	WIDTH = 1200,
	TOP = 150,  /* of the first row's middle */
	ROW = 52,   /* from one row to the next */
	PILL = 290, /* width of a target */
	PILL_HEIGHT = 40,
	MARGIN = 8,
	LEVEL = 170, /* of an edge beside the pill, which its label stands on */
	GUEST = 150, /* width */
	GUEST_LEAST = 120,
	BELOW = 96,     /* room for what nothing names */
	ROWS_MAX = 20,  /* on each side; the rest is folded */
	LABEL_MAX = 34, /* characters */
	DETAIL_MAX = 40,
	SERVICE_MAX = 23,
	PUBLISHED_MAX = 3,
};

static const char *const reach_classes[] = {
	[REACH_NONE] = "none", [REACH_SOME] = "some", [REACH_ALL] = "all", [REACH_UNKNOWN] = "unknown"
};
static const char *const reach_words[] = { [REACH_NONE] = "denied",
					   [REACH_SOME] = "partly allowed",
					   [REACH_ALL] = "allowed",
					   [REACH_UNKNOWN] = "not judged" };

struct picture {
	struct page *page;
	size_t rows[2], shown[2], folded[2], most;
	int height, middle, guest_height;
	bool more;
};

/* At most that many characters, then "…"; escaped */
static const char *shorten(struct page *page, const char *text, size_t most)
{
	size_t len = strlen(text), at = 0;

	if (utf8_count(text, len) <= most)
		return page_escape(page, text);
	for (size_t count = 0; at < len && count < most - 1; count++)
		for (at++; at < len && ((unsigned char)text[at] & 0xc0) == 0x80;)
			at++;
	return arena_printf(page->arena, "%s…", page_escape(page, arena_strndup(page->arena, text, at)));
}

/* ---- one target ---- */

struct edge {
	enum page_reach reach;
	const char *text; /* what it may be used for */
};

static struct edge find_edge(struct page *page, const struct page_node *node)
{
	struct edge edge;

	if (!node->lookups) {
		edge.reach = page_services(page, &node->probes, &edge.text);
		return edge;
	}
	edge.reach = page_services(page, &node->probes, &edge.text);
	if (edge.reach == REACH_NONE && page_lookup(page, node->probes.items[0].name) == REACH_ALL) {
		edge.reach = REACH_SOME;
		edge.text = "lookups only";
	}
	return edge;
}

/* The middle of a row; the side with fewer stands in the middle of the other */
static int row_middle(const struct picture *picture, enum page_side side, size_t row)
{
	return TOP + (int)row * ROW + (int)(picture->most - picture->rows[side]) * ROW / 2;
}

/* From the pill a level piece, then a curve to the guest's side */
static void draw_edge(struct picture *picture, enum page_side side, size_t row, struct edge edge)
{
	struct page *page = picture->page;
	int y = row_middle(picture, side, row), left = side == SIDE_ADDRESSES;
	int pill = left ? MARGIN + PILL : WIDTH - MARGIN - PILL, sign = left ? 1 : -1;
	int bend = pill + sign * LEVEL, guest = left ? (WIDTH - GUEST) / 2 : (WIDTH + GUEST) / 2;
	int room = picture->guest_height - 24, rows = (int)picture->rows[side];
	int end = picture->middle - room / 2 + (rows > 1 ? (int)row * room / (rows - 1) : room / 2);
	int pull = (guest - bend) / 2;

	text_addf(&page->out,
		  "<path class=\"edge %s\" marker-end=\"url(#to-%s)\" d=\"M%d %dC%d %d %d %d %d %dL%d %d\"/>\n",
		  reach_classes[edge.reach], reach_classes[edge.reach], guest, end, guest - pull, end, bend + pull, y,
		  bend, y, pill + sign * 9, y);
	text_addf(&page->out, "<text class=\"service %s\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s%s</text>\n",
		  reach_classes[edge.reach], pill + sign * (LEVEL / 2 + 6), y - 7, edge.reach == REACH_NONE ? "✕ " : "",
		  shorten(page, edge.text, SERVICE_MAX));
}

static void draw_pill(struct picture *picture, enum page_side side, size_t row, const struct page_node *node,
		      struct edge edge)
{
	struct page *page = picture->page;
	int y = row_middle(picture, side, row), x = side == SIDE_ADDRESSES ? MARGIN : WIDTH - MARGIN - PILL;

	text_addf(&page->out, "<g><title>%s%s%s%s: %s", page_escape(page, node->label), node->detail ? " (" : "",
		  node->detail ? page_escape(page, node->detail) : "", node->detail ? ")" : "",
		  reach_words[edge.reach]);
	if (edge.reach != REACH_NONE)
		text_addf(&page->out, ": %s", page_escape(page, edge.text));
	text_add(&page->out, "</title>\n");
	draw_edge(picture, side, row, edge);
	text_addf(&page->out, "<rect class=\"pill %s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"10\"/>\n",
		  reach_classes[edge.reach], x, y - PILL_HEIGHT / 2, PILL, PILL_HEIGHT);
	text_addf(&page->out, "<text class=\"label\" x=\"%d\" y=\"%d\">%s</text>\n", x + 14,
		  node->detail ? y - 2 : y + 5, shorten(page, node->label, LABEL_MAX));
	if (node->detail)
		text_addf(&page->out, "<text class=\"detail\" x=\"%d\" y=\"%d\">%s</text>\n", x + 14, y + 13,
			  shorten(page, node->detail, DETAIL_MAX));
	text_add(&page->out, "</g>\n");
}

static void draw_fold(struct picture *picture, enum page_side side)
{
	int x = side == SIDE_ADDRESSES ? MARGIN + 14 : WIDTH - MARGIN - PILL + 14;

	const char *count = picture->more ? "many" : arena_printf(picture->page->arena, "%zu", picture->folded[side]);

	if (picture->folded[side])
		text_addf(
			&picture->page->out,
			"<a href=\"#rules\"><text class=\"fold\" x=\"%d\" y=\"%d\">and %s more: see the rules</text></a>\n",
			x, row_middle(picture, side, picture->rows[side]), count);
}

static void draw_nodes(struct picture *picture, const struct page_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++) {
		const struct page_node *node = &nodes->items[i];

		if (picture->shown[node->side] < ROWS_MAX)
			draw_pill(picture, node->side, picture->shown[node->side]++, node,
				  find_edge(picture->page, node));
	}
	draw_fold(picture, SIDE_ADDRESSES);
	draw_fold(picture, SIDE_NAMES);
}

/* ---- the guest, who connects in, what nothing names ---- */

static void draw_guest(struct picture *picture)
{
	struct text *out = &picture->page->out;
	int x = (WIDTH - GUEST) / 2, y = picture->middle - picture->guest_height / 2, cx = WIDTH / 2;

	text_addf(out, "<rect class=\"guest\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"16\"/>\n", x, y, GUEST,
		  picture->guest_height);
	/* a box with a prompt in it */
	text_addf(
		out,
		"<g class=\"icon\" transform=\"translate(%d %d)\"><rect x=\"-22\" y=\"-17\" width=\"44\" height=\"34\" rx=\"6\"/>"
		"<path d=\"M-12 -6L-5 0L-12 6M0 7H11\"/></g>\n",
		cx, picture->middle - 16);
	text_addf(out, "<text class=\"title\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">guest</text>\n", cx,
		  picture->middle + 28);
}

static const char *published_text(struct page *page)
{
	const struct policy *policy = page->policy;
	struct text text = { .arena = page->arena };
	char bind[ADDR_TEXT_MAX];

	for (size_t i = 0; i < policy->publishes.count && i < PUBLISHED_MAX; i++) {
		const struct policy_publish *publish = &policy->publishes.items[i];

		text_addf(&text, "%s%s:%u → %u/%s", i ? ", " : "", addr_format_bracketed(publish->bind, bind),
			  publish->host_port, publish->guest_port, policy_proto_name(publish->proto));
	}
	if (policy->publishes.count > PUBLISHED_MAX)
		text_addf(&text, " and %zu more", policy->publishes.count - PUBLISHED_MAX);
	return text_get(&text);
}

static void draw_inbound(struct picture *picture)
{
	static const char *const labels[] = {
		[REACH_NONE] = "✕ nobody connects in",
		[REACH_SOME] = "some connect to published ports",
		[REACH_ALL] = "whoever reaches a published port",
		[REACH_UNKNOWN] = "published ports: see the rules",
	};
	struct page *page = picture->page;
	bool published = page->policy->publishes.count;
	int top = picture->middle - picture->guest_height / 2;
	enum page_reach reach = page_inbound(page);
	const char *class = reach_classes[reach];

	text_addf(&page->out, "<g><path class=\"edge %s\" marker-end=\"url(#to-%s)\" d=\"M%d 62L%d %d\"/>\n", class,
		  class, WIDTH / 2, WIDTH / 2, top - 9);
	text_addf(&page->out, "<rect class=\"pill %s\" x=\"%d\" y=\"14\" width=\"420\" height=\"48\" rx=\"10\"/>\n",
		  class, WIDTH / 2 - 210);
	text_addf(&page->out, "<text class=\"label\" x=\"%d\" y=\"35\" text-anchor=\"middle\">%s</text>\n", WIDTH / 2,
		  labels[reach]);
	text_addf(&page->out, "<text class=\"detail\" x=\"%d\" y=\"52\" text-anchor=\"middle\">%s</text></g>\n",
		  WIDTH / 2, published ? shorten(page, published_text(page), 64) : "no port is published");
}

static void draw_rest(struct picture *picture)
{
	struct page *page = picture->page;
	bool allowed = page->policy->egress.action == POLICY_ALLOW;
	int bottom = picture->middle + picture->guest_height / 2, y = picture->height - 62;
	const char *class = allowed ? "all" : "none";

	text_addf(&page->out, "<g><path class=\"edge %s\" marker-end=\"url(#to-%s)\" d=\"M%d %dL%d %d\"/>\n", class,
		  class, WIDTH / 2, bottom, WIDTH / 2, y - 9);
	text_addf(&page->out, "<rect class=\"pill %s\" x=\"%d\" y=\"%d\" width=\"270\" height=\"48\" rx=\"10\"/>\n",
		  class, WIDTH / 2 - 135, y);
	text_addf(&page->out, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", WIDTH / 2,
		  y + 21, allowed ? "whatever no rule matches" : "✕ whatever no rule matches");
	text_addf(&page->out,
		  "<text class=\"detail\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">default egress %s</text></g>\n",
		  WIDTH / 2, y + 38, policy_action_name(page->policy->egress.action));
}

/* ---- the whole ---- */

static struct picture measure(struct page *page, const struct page_nodes *nodes)
{
	struct picture picture = { .page = page, .more = nodes->more };
	int rows;

	for (size_t i = 0; i < nodes->count; i++)
		picture.rows[nodes->items[i].side]++;
	for (size_t side = 0; side < 2; side++)
		if (picture.rows[side] > ROWS_MAX) {
			picture.folded[side] = picture.rows[side] - ROWS_MAX;
			picture.rows[side] = ROWS_MAX;
		}
	picture.most = picture.rows[0] > picture.rows[1] ? picture.rows[0] : picture.rows[1];
	rows = (int)picture.most;
	if (picture.folded[0] || picture.folded[1])
		rows++;
	picture.middle = TOP + (rows - 1) * ROW / 2;
	picture.guest_height = rows * 14 > GUEST_LEAST ? rows * 14 : GUEST_LEAST;
	picture.height = TOP + (rows - 1) * ROW + PILL_HEIGHT / 2 + BELOW;
	return picture;
}

static void draw_markers(struct text *out)
{
	static const enum page_reach each[] = { REACH_NONE, REACH_SOME, REACH_ALL, REACH_UNKNOWN };

	text_add(out, "<defs>\n");
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		text_addf(
			out,
			"<marker id=\"to-%s\" class=\"%s\" viewBox=\"0 0 10 10\" refX=\"2\" refY=\"5\" markerWidth=\"9\" "
			"markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L10 5L0 10z\"/></marker>\n",
			reach_classes[each[i]], reach_classes[each[i]]);
	text_add(out, "</defs>\n");
}

static void caption(struct page *page)
{
	text_add(
		&page->out,
		"<figcaption><span class=\"key all\">allowed</span> <span class=\"key some\">partly: some of its "
		"addresses or names</span> <span class=\"key none\">✕ denied</span> <span>Refused whatever the rules say:");
	for (size_t i = 0; i < EVAL_REFUSED_PORTS; i++)
		text_addf(&page->out, "%s %s %u", i ? "," : "", policy_proto_name(eval_refused_ports[i].proto),
			  eval_refused_ports[i].port);
	text_add(&page->out, ".</span></figcaption>\n");
}

void page_picture(struct page *page)
{
	struct page_nodes nodes = page_nodes(page);
	struct picture picture = measure(page, &nodes);

	text_addf(&page->out,
		  "<figure>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"picture-title picture-text\">\n",
		  WIDTH, picture.height);
	text_addf(
		&page->out,
		"<title id=\"picture-title\">What the guest may reach</title>\n"
		"<desc id=\"picture-text\">The guest in the middle; on its left groups and networks, on its right names, "
		"each with what the guest may use of it; above, who may connect in. The rules below say the same.</desc>\n");
	draw_markers(&page->out);
	text_addf(&page->out, "<text class=\"side\" x=\"%d\" y=\"%d\">Groups and networks</text>\n", MARGIN, TOP - 38);
	text_addf(&page->out, "<text class=\"side\" x=\"%d\" y=\"%d\" text-anchor=\"end\">Names</text>\n",
		  WIDTH - MARGIN, TOP - 38);
	draw_inbound(&picture);
	draw_rest(&picture);
	draw_nodes(&picture, &nodes);
	draw_guest(&picture);
	text_add(&page->out, "</svg>\n");
	caption(page);
	text_add(&page->out, "</figure>\n");
}
