"""What holds of every page: nothing of the policy's is markup, nothing is fetched, one may read it with a screen reader, and
its colours can be told from their ground. usage: report-page.py PAGE; prints what does not hold, a line each"""
import base64, hashlib, html.parser, re, sys

source = open(sys.argv[1], "rb").read()
page = source.decode("utf-8")
wrong = []
TAGS = set("""html head meta title style body header h1 h2 p ul li main figure svg desc defs marker path g a text rect figcaption span section
code form label textarea select option input noscript div table thead tbody tr th td details summary q strong footer script""".split())
VOID = {"meta", "input", "path", "rect"}
ATTRIBUTES = set("""lang charset http-equiv content name id class viewbox role aria-labelledby refx refy markerwidth markerheight markerunits
orient d x y width height rx marker-end text-anchor href transform hidden rows spellcheck autocomplete value inputmode size aria-live scope
type""".split())

class Page(html.parser.HTMLParser):
    ids, links, stack, headings, scripts, styles = [], [], [], [], [], []
    def handle_starttag(self, tag, attrs):
        if tag not in TAGS:
            wrong.append("an element of another kind: " + tag)
        for name, value in attrs:
            if name not in ATTRIBUTES:
                wrong.append("an attribute of another kind: %s of %s" % (name, tag))
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.links.append(value)
        if tag in ("h1", "h2"):
            self.headings.append(tag)
        if tag == "th" and dict(attrs).get("scope") not in ("row", "col"):
            wrong.append("a table's heading without scope")
        if tag not in VOID:
            self.stack.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()
    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            wrong.append("not nested: " + tag)
    def handle_data(self, data):
        if self.stack[-1:] == ["script"]:
            self.scripts.append(data)
        if self.stack[-1:] == ["style"]:
            self.styles.append(data)

parser = Page(convert_charrefs=True)
parser.feed(page)
if parser.stack:
    wrong.append("not closed: " + " ".join(parser.stack))
if len(parser.ids) != len(set(parser.ids)):
    wrong.append("an id twice")
for link in parser.links:
    if not link.startswith("#") or link[1:] not in parser.ids:
        wrong.append("a link that leads nowhere, or out of the page: " + link)
if parser.headings[:1] != ["h1"] or parser.headings.count("h1") != 1:
    wrong.append("headings: " + " ".join(parser.headings))
if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", source) or re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]", page):
    wrong.append("a character that is not to be seen")
if re.search(r"https?://|//[a-z]|url\((?!#)|@import", page.replace("xmlns", "")):
    wrong.append("something to fetch: " + re.search(r".{20}(https?://|//[a-z]|url\((?!#)|@import).{20}", page, re.S).group(0))

policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page).group(1)
def digest(text):
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
wanted = "default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'" % (
    digest(parser.styles[0]), digest(parser.scripts[1]) if len(parser.scripts) == 2 else "?")
if policy != wanted or len(parser.scripts) != 2 or len(parser.styles) != 1:
    wrong.append("its content security policy: %s, not %s" % (policy, wanted))

def luminance(color):
    parts = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [p / 12.92 if p <= .03928 else ((p + .055) / 1.055) ** 2.4 for p in parts]
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2]
themes = re.findall(r":root \{(.*?)\}", parser.styles[0], re.S)
if len(themes) != 3:
    wrong.append("light, dark and print are wanted: %d" % len(themes))
for theme in themes:
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", theme))
    on = [(text, ground) for text in ("text", "dim", "link", "all", "none", "some") for ground in ("ground", "card")]
    on += [(kind, kind + "-soft") for kind in ("all", "none", "some")] + [("on-guest", "guest")]
    on += [(text, soft) for text in ("text", "dim", "link") for soft in ("all-soft", "some-soft", "none-soft")]
    for a, b in on:
        light, dark = sorted((luminance(colors[a]), luminance(colors[b])), reverse=True)
        if (light + .05) / (dark + .05) < 4.5:
            wrong.append("--%s on --%s: contrast %.2f, below AA's 4.5" % (a, b, (light + .05) / (dark + .05)))
print("\n".join(wrong))
