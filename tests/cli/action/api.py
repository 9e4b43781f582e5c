"""GitHub's API as far as comments go, on loopback: what is there and what was asked is in the directory given.
usage: api.py DIR; the port is in DIR/port. The token "writes" may write, "reads" may read, others may nothing."""
import http.server
import json
import os
import re
import sys

where = sys.argv[1]
store = os.path.join(where, "comments.json")


class Api(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_all(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with open(os.path.join(where, "asked"), "a") as asked:
            asked.write(f"{self.command} {self.path} {token}\n")
        comments = json.load(open(store)) if os.path.exists(store) else []
        if token not in ("writes", "reads"):
            return self.answer(401, {})
        if self.command != "GET" and token != "writes":
            return self.answer(403, {"message": "Resource not accessible by integration"})
        found = re.fullmatch(r"/repos/o/r/issues/7/comments(?:\?per_page=(\d+)&page=(\d+))?", self.path)
        if self.command == "GET" and found:
            size, page = int(found[1]), int(found[2])
            return self.answer(200, comments[size * (page - 1):size * page])
        if self.command == "POST" and found:
            comments.append({"id": 1000 + len(comments), "user": {"login": "github-actions[bot]"}, "body": body["body"]})
            json.dump(comments, open(store, "w"))
            return self.answer(201, comments[-1])
        found = re.fullmatch(r"/repos/o/r/issues/comments/(\d+)", self.path)
        for comment in comments:
            if self.command == "PATCH" and found and comment["id"] == int(found[1]):
                comment["body"] = body["body"]
                json.dump(comments, open(store, "w"))
                return self.answer(200, comment)
        return self.answer(404, {})

    do_GET = do_POST = do_PATCH = handle_all


server = http.server.HTTPServer(("127.0.0.1", 0), Api)
with open(os.path.join(where, "port.new"), "w") as port:
    port.write(str(server.server_address[1]))
os.rename(os.path.join(where, "port.new"), os.path.join(where, "port"))
server.serve_forever()
