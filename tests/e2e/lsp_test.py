"""hydra-lsp-server: what an editor sees of a spec: no error where there is none, ours with its line where there is one, what
an op is under the cursor, names for completion."""
import json
import os
import subprocess

import support


class Editor:
    """The client's half of the Language Server Protocol, over a process's pipes."""

    def __init__(self, process):
        self.process, self.number, self.notes = process, 0, []

    def send(self, method, parameters, number=None):
        message = {"jsonrpc": "2.0", "method": method, "params": parameters}
        if number is not None:
            message["id"] = number
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while (line := self.process.stdout.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            raise AssertionError("the server ended")
        return json.loads(self.process.stdout.read(length))

    def ask(self, method, parameters):
        self.number += 1
        self.send(method, parameters, self.number)
        while (message := self.receive()).get("id") != self.number:
            self.notes.append(message)
        return message["result"]

    def diagnostics(self, path, text):
        """What the server says of a file with this text."""
        self.send("textDocument/didOpen", {"textDocument": {
            "uri": "file://" + path, "languageId": "mlir", "version": 1, "text": text}})
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics" and \
                    message["params"]["uri"].endswith(os.path.basename(path)):
                return message["params"]["diagnostics"]


class LspTest(support.EndToEndTest):

    def setUp(self):
        self.process = subprocess.Popen(
            [os.path.join(support.Place.bin, "hydra-lsp-server"), "--log=error"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=self.environment)
        self.editor = Editor(self.process)
        self.capabilities = self.editor.ask("initialize", {
            "processId": None, "rootUri": None, "capabilities": {}})["capabilities"]
        self.editor.send("initialized", {})
        self.spec = support.read(self.source("tests", "e2e", "tiny.mlir")).decode()

    def tearDown(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=support.TIMEOUT_S)

    def place_of(self, text):
        line = next(i for i, line in enumerate(self.spec.splitlines()) if text in line)
        return {"line": line, "character": self.spec.splitlines()[line].index(text) + 2}

    def test_a_good_spec_has_no_error(self):
        self.assertEqual(self.editor.diagnostics(self.path("good.mlir"), self.spec), [])

    def test_errors_are_those_of_the_compiler(self):
        found = self.editor.diagnostics(self.path("bad.mlir"),
                                        self.spec.replace("kv_heads = 1", "kv_head = 1"))
        self.assertEqual(len([item for item in found if item["severity"] == 1]), 1, found)
        self.assertIn("kv_head", found[0]["message"])
        self.assertEqual(found[0]["range"]["start"]["line"], self.place_of("hydra.ccgqa")["line"])

    def test_an_op_is_explained(self):
        path = self.path("hover.mlir")
        self.editor.diagnostics(path, self.spec)
        hover = self.editor.ask("textDocument/hover", {
            "textDocument": {"uri": "file://" + path}, "position": self.place_of("hydra.ccgqa")})
        self.assertIn("hydra.ccgqa", json.dumps(hover))
        self.assertTrue(self.capabilities["hoverProvider"])
        self.assertTrue(self.capabilities["definitionProvider"])

    def test_ops_are_completed(self):
        path = self.path("complete.mlir")
        place = self.place_of("hydra.mlp")
        place["character"] += len("hydra.") - 2
        lines = self.spec.splitlines()[:place["line"] + 1]
        lines[-1] = lines[-1][:place["character"]]
        self.editor.diagnostics(path, "\n".join(lines))
        names = json.dumps(self.editor.ask("textDocument/completion", {
            "textDocument": {"uri": "file://" + path}, "position": place,
            "context": {"triggerKind": 2, "triggerCharacter": "."}}))
        for op in ("ccgqa", "recursion", "experts"):
            self.assertIn(op, names)


if __name__ == "__main__":
    support.main(needs_compiler=True)
