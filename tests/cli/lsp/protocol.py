"""The language server by the protocol's own messages. usage: protocol.py MSB_POLICYC DIRECTORY"""
import json
import os
import sys

from client import Client

server, directory = sys.argv[1:3]
failed = []


def same(name, expected, got):
    holds = expected == got
    print(("ok " if holds else "not ok ") + "lsp/" + name + ("" if holds else f" - expected {expected!r}, got {got!r}"))
    if not holds:
        failed.append(name)


def uri_of(name):
    return "file://" + os.path.join(directory, name)


def write(name, text):
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return uri_of(name)


def codes(findings):
    return sorted(finding["code"] for finding in findings)


def range_of(start_line, start, end_line, end):
    return {"start": {"line": start_line, "character": start}, "end": {"line": end_line, "character": end}}


def apply(text, edits):
    """Edits that do not overlap, of ASCII text"""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    spans = sorted(((starts[edit["range"]["start"]["line"]] + edit["range"]["start"]["character"],
                     starts[edit["range"]["end"]["line"]] + edit["range"]["end"]["character"], edit["newText"])
                    for edit in edits), reverse=True)
    for start, end, new in spans:
        text = text[:start] + new + text[end:]
    return text


AGENT = """default egress deny
group vcs = github.com, 10.20.0.0/16
allow@vcs:tcp:{22,443}  because "clone"
allow@github.com:tcp:443
expect allow egress@github.com:tcp:443
expect deny dns@github.com
"""


def session():
    """Where a session begins and ends"""
    client = Client(server, start=False)
    same("before-initialize", -32002, client.ask("textDocument/hover", {})["error"]["code"])
    client.notify("textDocument/didOpen", {})
    same("initialize", "utf-16", client.request("initialize", {"capabilities": {}})["capabilities"]["positionEncoding"])
    same("initialize-twice", -32600, client.ask("initialize", {"capabilities": {}})["error"]["code"])
    same("unknown-method", -32601, client.ask("textDocument/moniker", {})["error"]["code"])
    client.notify("$/setTrace", {"value": "off"})
    client.notify("$/cancelRequest", {"id": 1})
    same("not-open", -32602, client.ask("textDocument/hover", {
        "textDocument": {"uri": "file:///x.msb"}, "position": {"line": 0, "character": 0}})["error"]["code"])
    client.send({"id": "a-word", "method": "shutdown"})
    same("id-is-a-word", {"jsonrpc": "2.0", "id": "a-word", "result": None}, client.receive())
    same("behind-shutdown", -32600, client.ask("textDocument/hover", {})["error"]["code"])
    client.notify("exit")
    same("exit-status", 0, client.process.wait(60))
    client = Client(server)
    client.notify("exit")
    same("exit-without-shutdown", 1, client.process.wait(60))
    client = Client(server)
    client.process.stdin.close()
    same("client-gone", 1, client.process.wait(60))


def hostile():
    """Messages that are none"""
    client = Client(server)
    for name, body, code in [("no-json", b"{nope", -32700), ("no-utf8", b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', -32700),
                             ("empty", b"", -32700), ("a-list", b"[]", -32600), ("a-number", b"1", -32700),
                             ("id-is-an-object", b'{"jsonrpc":"2.0","id":{},"method":"shutdown"}', -32600),
                             ("no-method", b'{"jsonrpc":"2.0","id":1}', -32600),
                             ("method-is-a-number", b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
                             ("params-are-a-word", b'{"jsonrpc":"2.0","id":1,"method":"shutdown","params":"x"}', -32600),
                             ("nested-deeply", b'{"a":' * 100000 + b"1" + b"}" * 100000, -32700)]:
        client.send_raw(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        same("hostile/" + name, code, client.receive()["error"]["code"])
    client.send({"id": 99, "result": None})  # an answer nobody waits for
    body = b'{"jsonrpc":"2.0","id":5,"method":"textDocument/moniker"}'
    client.send_raw(b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:  %d \r\n\r\n" % len(body))
    for byte in body:
        client.send_raw(bytes([byte]))
    same("framing/headers-and-pieces", 5, client.receive()["id"])
    client.send_raw((b"Content-Length: %d\r\n\r\n" % len(body) + body) * 3)
    same("framing/several-at-once", [5, 5, 5], [client.receive()["id"] for _ in range(3)])
    too_long = 65 << 20
    client.send_raw(b"Content-Length: %d\r\n\r\n" % too_long)
    for _ in range(65):
        client.send_raw(b" " * (1 << 20))
    same("framing/too-long", -32600, client.receive()["error"]["code"])
    same("framing/goes-on-behind-it", -32601, client.ask("textDocument/moniker", {})["error"]["code"])
    uri = uri_of("strange.msb")
    for position in [{"line": -1, "character": -1}, {"line": 10**18, "character": 10**18}, {"line": "x"}, {}, []]:
        client.open(uri, AGENT)
        answer = client.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": position})
        assert "result" in answer or answer["error"]["code"] == -32602, answer
    client.change(uri, {"range": range_of(9, 9, 0, 0), "text": "x"}, {"text": 7}, {"range": 3, "text": "y"}, 5)
    client.open(uri, "allow@a\0b.org\n\0")
    same("hostile/nul-in-text", ["bad-text"], codes(client.wait_findings(uri, lambda findings: codes(findings) == ["bad-text"])))
    same("hostile/lives", 0, client.end())
    for name, junk in [("no-header", b"GET / HTTP/1.1\r\n\r\n"), ("length-is-a-word", b"Content-Length: x\r\n\r\n"),
                       ("length-twice", b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
                       ("negative", b"Content-Length: -1\r\n\r\n"), ("endless-header", b"X" * 5000)]:
        client = Client(server)
        client.send_raw(junk)
        same("framing/" + name, (-32700, None), (client.receive()["error"]["code"], client.receive()))
        same("framing/" + name + "-status", 1, client.process.wait(60))


def findings():
    client = Client(server)
    uri = uri_of("agent.msb")
    client.open(uri, AGENT)
    found = client.wait_findings(uri)
    same("findings", ["expectation", "redundant-rule"], codes(found))
    redundant = next(finding for finding in found if finding["code"] == "redundant-rule")
    same("findings/range", range_of(3, 0, 3, 24), redundant["range"])
    same("findings/tags", [1], redundant["tags"])
    same("findings/severity", 2, redundant["severity"])
    same("findings/related", [range_of(2, 0, 2, 22)], [other["location"]["range"] for other in redundant["relatedInformation"]])
    client.change(uri, {"range": range_of(3, 0, 4, 0), "text": ""})
    same("findings/after-a-change", ["expectation"], codes(client.wait_findings(uri)))
    client.change(uri, {"text": "allow@pubic\n"})
    found = client.wait_findings(uri)
    same("findings/error", [("ambiguous-bare", 1)], [(finding["code"], finding["severity"]) for finding in found])
    client.close(uri)
    same("findings/closed", [], client.wait_findings(uri))
    same("findings/end", 0, client.end())
    client = Client(server)
    client.open(uri, "".join(f"allow@a{i}\n" for i in range(1002)))
    found = client.wait_findings(uri)
    same("findings/more-than-are-shown", (1001, "2 more findings are not shown"), (len(found), found[-1]["message"]))
    client.process.stdout.close()
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    same("nobody-reads", 3, client.process.wait(60))
    client = Client(server, "--disable", "redundant-rule")
    client.open(uri, AGENT)
    same("findings/disabled", ["expectation"], codes(client.wait_findings(uri)))
    client.end()


def encodings():
    """Positions in bytes or UTF-16 units, with characters of all lengths, and each line end there is"""
    text = '# é漢🙂\r\nallow@vcs:tcp  because "é漢🙂"  log  # 🙂\r\ngroup vcs = github.com\r\nexpect allow egress@github.com:tcp:1\r\n'
    line = text.split("\r\n")[1]
    for name, encodings_offered, unit in [("utf-16", None, lambda part: len(part.encode("utf-16-le")) // 2),
                                          ("utf-8", ["utf-8", "utf-16"], lambda part: len(part.encode()))]:
        client = Client(server, encodings=encodings_offered)
        same("encoding/" + name, name, client.capabilities["capabilities"]["positionEncoding"])
        uri = uri_of(name + ".msb")
        client.open(uri, text)
        start = unit(line[:line.index("log")])
        hover = client.at("hover", uri, 1, start + 1)
        same(name + "/behind-wide-characters", range_of(1, start, 1, start + 3), hover["range"])
        same(name + "/definition", range_of(2, 6, 2, 9), client.at("definition", uri, 1, 8)["range"])
        # the emoji in the string becomes two letters, by a range that ends behind it
        at = unit(line[:line.index("🙂")])
        client.change(uri, {"range": range_of(1, at, 1, at + unit("🙂")), "text": "ok"})
        changed = line.replace("🙂", "ok", 1)
        start = unit(changed[:changed.index("log")])
        same(name + "/after-a-change", range_of(1, start, 1, start + 3), client.at("hover", uri, 1, start + 1)["range"])
        # one that ends inside a character takes it for its beginning
        client.change(uri, {"range": range_of(0, 2, 0, 2 + unit("é漢") + 1), "text": "x"})
        symbols = client.of("documentSymbol", uri)
        same(name + "/lines-stay", [1, 2, 3], [symbol["range"]["start"]["line"] for symbol in symbols])
        client.end()


def synchronisation():
    """Whatever is typed, the server's text is the client's: its layout of it tells"""
    client = Client(server, encodings=["utf-8"])
    uri = uri_of("typed.msb")
    client.open(uri, "")
    text = ""
    for piece in AGENT.splitlines(keepends=True):
        for i in range(0, len(piece), 5):
            lines = text.split("\n")
            end = range_of(len(lines) - 1, len(lines[-1]), len(lines) - 1, len(lines[-1]))
            client.change(uri, {"range": end, "text": piece[i:i + 5]})
            text += piece[i:i + 5]
    client.change(uri, {"range": range_of(0, 0, 1, 0), "text": ""}, {"range": range_of(0, 0, 0, 0), "text": "default egress deny\n"})
    same("sync/typed", ["default egress deny", "vcs"], [symbol["name"] for symbol in client.of("documentSymbol", uri)][:2])
    client.end()


def formatting():
    client = Client(server)
    uri = uri_of("layout.msb")
    for name, text, after in [
            ("lf", "allow@public:tcp:443   log because \"x\"\ndefault   egress deny\n",
             "default egress deny\nallow@public:tcp:443  because \"x\"  log\n"),
            ("crlf", "default egress deny\r\nallow@public:tcp:443   log\r\n# é\r\n",
             "default egress deny\r\nallow@public:tcp:443  log\r\n# é\r\n"),
            ("no-last-newline", "default egress deny\nallow@public", "default egress deny\nallow@public\n"),
            ("already", "default egress deny\n", "default egress deny\n")]:
        client.open(uri, text)
        edits = client.of("formatting", uri, options={"tabSize": 8, "insertSpaces": False})
        got = apply(text, edits)
        # a blank line that the layout puts in is no matter here
        same("format/" + name, after.replace("\r\n\r\n", "\r\n"), got.replace("\n\n", "\n").replace("\r\n\r\n", "\r\n"))
        client.open(uri, got)
        same("format/" + name + "-again", [], client.of("formatting", uri, options={}))
    client.open(uri, "allow@{\n")
    same("format/of-what-does-not-parse", None, client.of("formatting", uri, options={}))
    client.end()


def includes():
    """Open texts before files, and nothing from outside"""
    write("tree/lib/base.msb", "group base = pypi.org\nallow@bse\n")
    write("secret.msb", "allow@hidden-word\n")
    base, top = uri_of("tree/lib/base.msb"), uri_of("tree/top.msb")
    client = Client(server)
    client.open(top, 'default egress deny\ninclude "lib/base.msb"\nallow@base:tcp:443\n')
    same("include/finding-there", ["ambiguous-bare"], codes(client.wait_findings(base)))
    same("include/none-here", [], client.findings.get(top, []))
    same("include/definition", {"uri": base, "range": range_of(0, 6, 0, 10)}, client.at("definition", top, 2, 8))
    same("include/definition-of-file", base, client.at("definition", top, 1, 12)["uri"])
    client.open(base, "group base = pypi.org\n")
    same("include/open-text", [], client.wait_findings(base, lambda found: "ambiguous-bare" not in codes(found)) and [])
    client.change(base, {"text": "\ngroup base = pypi.org, example.org\n"})
    same("include/open-text-changed", range_of(1, 6, 1, 10), client.at("definition", top, 2, 8)["range"])
    uses = client.at("references", base, 1, 8, context={"includeDeclaration": True})
    same("include/references", [(base, 1), (top, 2)], sorted((use["uri"], use["range"]["start"]["line"]) for use in uses))
    edits = client.at("rename", top, 2, 8, newName="packages")["changes"]
    same("include/rename", {base: 1, top: 1}, {uri: len(list_) for uri, list_ in edits.items()})
    same("rename/to-a-keyword", -32803, client.ask("textDocument/rename", {
        "textDocument": {"uri": top}, "position": {"line": 2, "character": 8}, "newName": "public"})["error"]["code"])
    client.change(top, {"text": 'default egress deny\ninclude "lib/base.msb"\nallow@base:tcp:443\nallow@base:tpc\n'})
    same("rename/in-a-policy-with-errors", -32803, client.ask("textDocument/rename", {
        "textDocument": {"uri": base}, "position": {"line": 1, "character": 8}, "newName": "more"})["error"]["code"])
    client.close(base)
    same("include/file-again", ["ambiguous-bare"], codes(client.wait_findings(base, lambda found: "ambiguous-bare" in codes(found))))
    client.close(top)
    same("include/cleared", [], client.wait_findings(base, lambda found: not found))
    new = uri_of("tree/not-saved.msb")
    client.open(new, "group fresh = pypi.org\n")
    client.open(top, 'include "not-saved.msb"\ndefault egress deny\nallow@fresh\n')
    same("include/never-saved", new, client.at("definition", top, 2, 8)["uri"])
    for name, path in [("above", "../secret.msb"), ("absolute", os.path.join(directory, "secret.msb"))]:
        client.open(top, f'include "{path}"\n')
        found = client.wait_findings(top, lambda found: "include-outside" in codes(found))
        same("include/outside-" + name, False, "hidden-word" in json.dumps(found))
    client.open(uri_of("secret.msb"), "allow@hidden-word\n")  # open, yet not for that policy to include
    client.open(top, 'include "../secret.msb"\n')
    found = client.wait_findings(top, lambda found: "include-outside" in codes(found))
    same("include/outside-though-open", False, "hidden-word" in json.dumps(found))
    os.symlink("..", os.path.join(directory, "tree/out"))
    client.open(uri_of("tree/out/secret.msb"), "allow@hidden-word\n")
    client.open(top, 'include "out/secret.msb"\n')
    found = client.wait_findings(top, lambda found: "include-outside" in codes(found))
    same("include/outside-by-a-link-though-open", False, "hidden-word" in json.dumps(found))
    untitled = "untitled:Untitled-1"
    client.open(untitled, 'include "/etc/passwd"\ninclude "etc/passwd"\nallow@public\n')
    same("include/of-no-file", ["bad-include", "include-outside"], sorted(set(codes(client.wait_findings(untitled)))))
    completion = client.at
    client.open(top, 'include "li"\n')
    labels = [item["label"] for item in completion("completion", top, 0, 11)["items"]]
    same("completion/include", ["lib/"], labels)
    client.change(top, {"text": 'include "lib/"\n'})
    same("completion/include-below", ["base.msb"], [item["label"] for item in completion("completion", top, 0, 13)["items"]])
    client.change(top, {"text": 'include "../"\n'})
    same("completion/include-above", [], completion("completion", top, 0, 12)["items"])
    client.end()


def options():
    """What may follow `lsp`"""
    root = os.path.join(directory, "wide")
    write("wide/base.msb", "group base = pypi.org\n")
    uri = uri_of("wide/sub/top.msb")
    os.makedirs(os.path.join(root, "sub"))
    for name, arguments, wanted in [("narrow", [], True), ("include-root", ["--include-root", root], False)]:
        client = Client(server, *arguments)
        client.open(uri, 'default egress deny\ninclude "../base.msb"\nallow@base\n')
        same("options/" + name, wanted, "include-outside" in codes(client.wait_findings(uri)))
        client.end()
    client = Client(server, "--include-root", root)
    client.open(uri, 'include "../b"\n')
    same("options/completion", ["base.msb"], [item["label"] for item in client.at("completion", uri, 0, 13)["items"]])
    client.open(uri, 'include "../../"\n')
    same("options/completion-outside", [], client.at("completion", uri, 0, 15)["items"])
    client.end()


def imports():
    """microsandbox's own shapes have findings; the rest is about policy files"""
    client = Client(server)
    uri = uri_of("policy.json")
    client.open(uri, '{"default_egress": "deny",\n "rules": [{"action": "alow", "destination": "any"}]}\n')
    found = client.wait_findings(uri)
    same("json/finding", [1], [finding["range"]["start"]["line"] for finding in found])
    same("json/no-hover", None, client.at("hover", uri, 1, 3))
    same("json/no-completion", None, client.at("completion", uri, 1, 3))
    same("json/no-symbols", [], client.of("documentSymbol", uri))
    same("json/no-layout", None, client.of("formatting", uri, options={}))
    client.end()


def hovers():
    client = Client(server)
    uri = uri_of("hover.msb")
    client.open(uri, AGENT + '# lint: ignore no-effect x\nallow@*.evil.org  because "`x` <b>[y](z)</b> | \\"\n')

    def value(line, character):
        hover = client.at("hover", uri, line, character)
        return hover["contents"]["value"] if hover else ""

    for name, line, character, wanted in [
            ("rule", 2, 1, "Only this rule allows"), ("group", 2, 7, "group `vcs`, 2 targets: `github.com`, `10.20.0.0/16`"),
            ("name", 1, 15, "`egress@github.com:tcp:443`: allowed by rule 1, line 3"),
            ("address", 1, 30, "`10.20.0.0/16`: class private"), ("word", 0, 9, "`egress`: connections that the guest opens"),
            ("expect", 5, 15, "`dns@github.com`: **allowed by rule 1, line 3**"),
            ("finding", 3, 3, "The rule decides no flow that is possible"),
            ("finding's-example", 3, 3, "\n\n`egress@github.com:tcp:443`: allowed by rule 1, line 3"), ("id", 6, 17, "`no-effect` (note)"),
            ("markup", 7, 10, "`` `x` <b>[y](z)</b>")]:
        got = value(line, character)
        same("hover/" + name, True, wanted in got or got)
    same("hover/nothing", None, client.at("hover", uri, 8, 0))
    client.open(uri, "allow@public\ngroup\n")
    same("hover/of-a-syntax-error", 1, client.at("hover", uri, 1, 5)["range"]["start"]["line"])
    client.open(uri, AGENT + "allow@pubic\n")
    same("hover/of-half-a-policy", "`10.20.0.0/16`: class private", value(1, 30))
    same("hover/of-half-a-policy-no-verdict", None, client.at("hover", uri, 2, 14))
    client.end()
    client = Client(server, capabilities={"textDocument": {"hover": {"contentFormat": ["markdown"]}}})
    client.open(uri, AGENT)
    same("hover/markdown", "markdown", client.at("hover", uri, 2, 1)["contents"]["kind"])
    client.open(uri, "default egress deny\nallow@{" + ",".join(f"漢{i}.org" for i in range(5000)) + "}\n")
    same("hover/a-long-rule-is-cut", True, len(client.at("hover", uri, 1, 2)["contents"]["value"]) < 2000)
    same("symbols/a-long-rule-is-cut", True, len(client.of("documentSymbol", uri)[1]["name"]) <= 301)
    client.end()


def completions():
    client = Client(server)
    uri = uri_of("completion.msb")
    head = 'default egress deny\ngroup vcs = github.com, 10.20.0.0/16\nallow@vcs:tcp:{22,443}\n'
    protos = {"tcp", "udp", "icmpv4", "icmpv6"}
    client.open(uri, head)
    for text, has, lacks in [
            ("", {"allow", "deny", "group", "expect", "include"}, {"public", "tcp"}),
            ("ex", {"expect"}, {"allow"}), ("allow:", {"egress", "ingress"}, {"tcp"}),
            ("allow@", {"vcs", "public", "any", "dns", "github.com", "10.20.0.0/16"}, {"tcp", "allow"}),
            ("allow@{public, ", {"vcs", "private"}, {"any", "dns"}), ("allow@vcs:", protos | {"any"}, {"public"}),
            ("allow@vcs:{tcp,", protos, {"any"}), ("allow@vcs:tcp:", {"22", "443"}, {"tcp"}),
            ("allow@vcs:tcp:443 ", {"because", "until", "log"}, {"tcp"}), ('allow@vcs because "', set(), {"log"}),
            ("group more = ", {"vcs", "public"}, {"any", "dns"}), ("group more = {\n\tpu", {"public"}, {"vcs"}),
            ("group vcs2", set(), {"vcs"}), ("default ", {"egress", "ingress", "any"}, {"allow"}),
            ("default any ", {"allow", "deny"}, {"egress"}), ("dns ", {"nameserver", "timeout"}, {"egress"}),
            ("dns rebind-protection ", {"on", "off"}, set()), ("limit egress ", {"bandwidth", "ops"}, {"egress"}),
            ("profile public, ", {"host", "private"}, {"tcp"}), ("expect ", {"allow", "deny"}, {"egress"}),
            ("expect deny ", {"egress", "dns", "answer"}, {"allow"}),
            ("expect deny egress@", {"github.com"}, {"10.20.0.0/16"}), ("expect deny egress@github.com:", protos, {"dot"}),
            ("expect deny dns@github.com:", {"dot"}, {"icmpv4"}), ("expect deny dns@x.org ", {"resolve=", "sni="}, {"log"}),
            ("# lint: ignore no", {"no-effect", "no-dns"}, {"redundant-rule"}), ("allow@public  # lint: ignore ", {"no-effect"}, {"log"})]:
        client.change(uri, {"text": head + text})
        lines = (head + text).split("\n")
        labels = {item["label"] for item in client.at("completion", uri, len(lines) - 1, len(lines[-1]))["items"]}
        same("completion/" + (text.replace("\n\t", " ").replace("#", "comment").strip() or "line"), (set(), set()), (has - labels, lacks & labels))
    client.end()


def mends():
    client = Client(server)
    uri = uri_of("mends.msb")
    client.open(uri, AGENT)
    lens = client.of("codeLens", uri)
    same("lens", ["holds", "fails: allowed by rule 1, line 3"], [item["command"]["title"] for item in lens])
    everywhere = {"range": range_of(0, 0, 99, 0), "context": {"diagnostics": []}}
    actions = client.of("codeAction", uri, **everywhere)
    ignore = [action for action in actions if action["title"].startswith("Ignore")]
    same("action/ignore", ["redundant-rule"], [action["diagnostics"][0]["code"] for action in ignore])
    changed = apply(AGENT, ignore[0]["edit"]["changes"][uri])
    same("action/ignore-text", "# lint: ignore redundant-rule ", changed.splitlines()[3])
    client.open(uri, changed)
    same("action/ignore-without-a-reason", True, "redundant-rule" in codes(client.wait_findings(
        uri, lambda found: all(finding["range"]["start"]["line"] >= 3 for finding in found))))
    client.open(uri, changed.replace("redundant-rule ", "redundant-rule for the reader"))
    same("action/ignore-with-a-reason", ["expectation"], codes(client.wait_findings(uri)))
    client.open(uri, "default egress deny\nalow@public\nalow@pubic:tcp\n")
    mended = [action["edit"]["changes"][uri] for action in client.of("codeAction", uri, **everywhere)]
    same("action/errors-that-go", [[1, "allow"]], [[edit["range"]["start"]["line"], edit["newText"]] for [edit] in mended])
    same("action/other-kinds", [], client.of("codeAction", uri, range=everywhere["range"], context={"diagnostics": [], "only": ["refactor"]}))
    client.end()


def watching():
    """A file that changed on disk"""
    base, top = write("watch/base.msb", "group base = pypi.org\n"), uri_of("watch/top.msb")
    client = Client(server, capabilities={"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}})
    client.open(top, 'default egress deny\ninclude "base.msb"\nallow@base\n')
    same("watch/before", [], client.wait_findings(top))
    same("watch/asked-for", ["client/registerCapability"], [request["method"] for request in client.requests])
    write("watch/base.msb", "group bases = pypi.org\n")
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": base, "type": 2}]})
    same("watch/after", True, "ambiguous-bare" in codes(client.wait_findings(top)))
    client.end()


for part in [session, hostile, findings, encodings, synchronisation, formatting, includes, options, imports, hovers, completions, mends, watching]:
    try:
        part()
    except Exception as error:  # the other parts are tried all the same
        same(part.__name__, "no exception", f"{type(error).__name__}: {error}")
sys.exit(bool(failed))
