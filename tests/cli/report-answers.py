"""What a page in the browser answered, from the dumped DOM on standard input: a line each, as `eval` begins its own"""
import html.parser, sys

class Answers(html.parser.HTMLParser):
    inside = False
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "ul":
            self.inside = attrs.get("id") == "answers"
        elif tag == "li" and self.inside:
            print(attrs.get("data-verdict", "error"), attrs.get("data-by", ""), sep="\t")

Answers().feed(sys.stdin.read())
