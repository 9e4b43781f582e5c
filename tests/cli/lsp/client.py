"""A client of the language server, for tests: what it sends and waits for is the protocol's own JSON."""
import json
import select
import subprocess
import time

TIMEOUT = 60


class Client:
    def __init__(self, server, *options, encodings=None, capabilities=None, start=True):
        self.process = subprocess.Popen([server, "lsp", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.buffer, self.next_id = b"", 0
        self.notifications, self.requests, self.findings = [], [], {}
        if start:
            given = {"general": {"positionEncodings": encodings}} if encodings else {}
            given.update(capabilities or {})
            self.capabilities = self.request("initialize", {"processId": None, "rootUri": None, "capabilities": given})
            self.notify("initialized", {})

    def send_raw(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.send_raw(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def notify(self, method, params=None):
        self.send({"method": method, **({} if params is None else {"params": params})})

    def receive(self):
        """The next message, or None at the end of the stream"""
        deadline = time.monotonic() + TIMEOUT
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if found:
                length = int(head.split(b":")[1])
                if len(rest) >= length:
                    self.buffer = rest[length:]
                    return json.loads(rest[:length])
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the server says nothing")
            data = self.process.stdout.read1(1 << 20)
            if not data:
                return None
            self.buffer += data

    def receive_noted(self):
        message = self.receive()
        if message is None:
            raise EOFError("the server has gone")
        if message.get("method") == "textDocument/publishDiagnostics":
            self.findings[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message:
            (self.requests if "id" in message else self.notifications).append(message)
        return message

    def ask(self, method, params=None):
        """The whole answer"""
        self.next_id += 1
        self.send({"id": self.next_id, "method": method, **({} if params is None else {"params": params})})
        while True:
            message = self.receive_noted()
            if message.get("id") == self.next_id and "method" not in message:
                return message

    def request(self, method, params=None):
        answer = self.ask(method, params)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def open(self, uri, text):
        self.notify("textDocument/didOpen",
                    {"textDocument": {"uri": uri, "languageId": "msb", "version": 1, "text": text}})

    def change(self, uri, *changes):
        self.notify("textDocument/didChange",
                    {"textDocument": {"uri": uri, "version": 2}, "contentChanges": list(changes)})

    def close(self, uri):
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def wait_findings(self, uri, wanted=lambda findings: True):
        """The next findings of the file for which wanted() is true"""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            message = self.receive_noted()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                if wanted(self.findings[uri]):
                    return self.findings[uri]
        raise TimeoutError("no such findings")

    def at(self, method, uri, line, character, **more):
        return self.request("textDocument/" + method, {
            "textDocument": {"uri": uri}, "position": {"line": line, "character": character}, **more})

    def of(self, method, uri, **more):
        return self.request("textDocument/" + method, {"textDocument": {"uri": uri}, **more})

    def end(self):
        """shutdown and exit: the server's status"""
        self.request("shutdown")
        self.notify("exit")
        self.process.stdin.close()
        status = self.process.wait(TIMEOUT)
        self.process.stdout.close()
        return status
