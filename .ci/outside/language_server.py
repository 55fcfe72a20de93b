"""Speaks to yaml-language-server as an editor does. Started by `editor` beside it."""
import json
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import threading

goldform, root, folder, node, version = sys.argv[1], *map(pathlib.Path, sys.argv[2:5]), sys.argv[5]
failures = []
MODELINE = "# yaml-language-server: $schema=./schemas/manifest.schema.json\n"
SETTINGS = {
    "yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}, "format": {"enable": False}},
    "http": {"proxy": "", "proxyStrictSSL": True},
    "[yaml]": {}, "editor": {}, "files": {},
}


def check(holds, what, text):
    if not holds:
        failures.append(f"{what}: {text}")


class Editor:
    def __init__(self):
        program = node / "node_modules/.bin/yaml-language-server"
        self.server = subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.answers, self.diagnostics, self.number = queue.Queue(), queue.Queue(), 0
        threading.Thread(target=self.read, daemon=True).start()
        self.ask("initialize", {
            "processId": None, "rootUri": folder.as_uri(), "workspaceFolders": [{"uri": folder.as_uri(), "name": "manifests"}],
            "capabilities": {
                "textDocument": {
                    "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown", "plaintext"]}},
                    "hover": {"contentFormat": ["markdown", "plaintext"]}, "publishDiagnostics": {},
                },
                "workspace": {"configuration": True},
            },
        })
        self.send({"method": "initialized", "params": {}})
        self.send({"method": "workspace/didChangeConfiguration", "params": {"settings": SETTINGS}})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.server.stdin.flush()

    def read(self):
        stream = self.server.stdout
        while header := stream.readline():
            length = 0
            while header.strip():
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
                header = stream.readline()
            message = json.loads(stream.read(length))
            if "method" in message and "id" in message:
                result = None
                if message["method"] == "workspace/configuration":
                    result = [SETTINGS.get(item.get("section"), {}) for item in message["params"]["items"]]
                self.send({"id": message["id"], "result": result})
            elif message.get("method") == "textDocument/publishDiagnostics":
                self.diagnostics.put(message["params"])
            elif "id" in message:
                self.answers.put(message)

    def ask(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            answer = self.answers.get(timeout=30)
            if answer["id"] == self.number:
                return answer.get("result")

    def open(self, text):
        """A new file; gives its address, and what is wrong with it."""
        self.number += 1
        file = folder / f"{self.number}.yaml"
        file.write_text(text)
        uri = file.as_uri()
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}}})
        while True:
            reported = self.diagnostics.get(timeout=30)
            if reported["uri"] == uri:
                return uri, reported["diagnostics"]

    def complete(self, text):
        """What is offered at the sign |."""
        before, after = text.split("|")
        uri, _ = self.open(before + after)
        position = {"line": before.count("\n"), "character": len(before.rsplit("\n", 1)[-1])}
        reported = self.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        items = reported["items"] if isinstance(reported, dict) else reported or []
        return {item["label"].strip('"'): item for item in items}

    def hover(self, uri, line, character):
        reported = self.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}})
        contents = (reported or {}).get("contents", "")
        return contents["value"] if isinstance(contents, dict) else str(contents)


(folder / "schemas").mkdir()
schema_text = subprocess.run([goldform, "schema", "manifest"], capture_output=True, check=True, text=True).stdout
(folder / "schemas/manifest.schema.json").write_text(schema_text)
schema = json.loads(schema_text)
editor = Editor()
HEAD = MODELINE + 'version: 1\naccount: "100000000001"\n'
IMAGE = HEAD + "images:\n  web:\n"


def refuses_key(text, key):
    """Whether goldform knows no such key there."""
    file = folder / "offered.yaml"
    file.write_text(text.replace("|", f"{key}:"))
    reported = subprocess.run([goldform, "validate", "--format", "json", "-f", file], capture_output=True, text=True).stdout
    return any(one["rule"] == "GF105" for one in json.loads(reported)["diagnostics"])


def keys_of(*path):
    body = schema
    for step in path:
        body = body["definitions"][step]
    return set(body["properties"])


# --- Keys: what is offered is ours, all of it, and nothing that goldform refuses there.
offered = 0
for what, text, expected in (
    ("at the top", HEAD + "|\n", keys_of() - {"version", "account"}),
    ("in an image", IMAGE + "    |\n", keys_of("Image")),
    ("in an image with keys", IMAGE + "    region: ap-jakarta\n    |\n", keys_of("Image") - {"region"}),
    ("in a source", IMAGE + "    source:\n      |\n", keys_of("Source")),
    ("in an import", IMAGE + "    source:\n      import:\n        |\n", keys_of("Import")),
    ("in the cloud", HEAD + "cloud:\n  |\n", keys_of("Cloud")),
    ("in a share", HEAD + "shares:\n  - |\n", keys_of("Share")),
    ("in a lookup", HEAD + "lookups:\n  ubuntu:\n    |\n", keys_of("Lookup")),
    ("in the rules", HEAD + "rules:\n  |\n", set(schema["properties"]["rules"]["properties"])),
):
    labels = set(editor.complete(text))
    keys = {label for label in labels if re.fullmatch(r"[a-z_]+", label)}
    check(expected <= keys, what, f"not offered: {sorted(expected - keys)}")
    check(keys <= expected, what, f"offered, and not ours: {sorted(keys - expected)}")
    refused = sorted(key for key in keys if refuses_key(text, key))
    check(not refused, what, f"offered, and goldform refuses it: {refused}")
    offered += len(keys)

# --- Values.
for what, text, expected in (
    ("replace", IMAGE + "    replace: |\n", {"auto", "create-first", "delete-first"}),
    ("provider", HEAD + "cloud:\n  provider: |\n", {"sandbox", "tencent"}),
    ("a rule's level", HEAD + "rules:\n  share_gap: |\n", {"allow", "warn", "deny"}),
    ("type", HEAD + "lookups:\n  ubuntu:\n    type: |\n", {"public", "shared", "custom"}),
    ("architecture", IMAGE + "    source:\n      import:\n        architecture: |\n", {"x86_64", "i386", "arm"}),
    ("license", IMAGE + "    source:\n      import:\n        license: |\n", {"TencentCloud", "BYOL"}),
    ("protect", IMAGE + "    protect: |\n", {"true", "false"}),
):
    labels = set(editor.complete(text))
    check(expected <= labels, what, f"offered: {sorted(labels)}")

# --- Every key of the manifest in schemas/README.md is explained by its description.
readme = (root / "schemas/README.md").read_text()
shown = next(block for block in re.findall(r"```yaml\n(.*?)```", readme, re.S) if "images:" in block)
uri, wrong = editor.open(shown)
check(not wrong, "schemas/README.md", json.dumps(wrong))
descriptions = {}
def describe(body):
    if isinstance(body, dict):
        for key, value in body.get("properties", {}).items():
            if isinstance(value, dict) and "description" in value:
                descriptions.setdefault(key, []).append(value["description"])
        for value in body.values():
            describe(value)
    elif isinstance(body, list):
        for value in body:
            describe(value)
describe(schema)
plain = lambda text: re.sub(r"[^A-Za-z0-9]+", " ", text)
explained = 0
for number, line in enumerate(shown.splitlines()):
    parts = re.match(r"( *(?:- )?)([a-z_]+):(?: |$)", line)
    if not parts or parts[2] not in descriptions:
        continue
    reported = plain(editor.hover(uri, number, len(parts[1]) + 1))
    # A name that the user chose can be like a key.
    if not any(plain(text).strip() in reported for text in descriptions[parts[2]]):
        check(parts[2] in ("build", "signature", "hardened"), "hover", f"line {number + 1}, {parts[2]}: {reported[:200]!r}")
    explained += 1
check(explained > 35, "hover", f"only {explained} keys")

# --- Errors are reported in words, and valid text has none.
for text, words in (
    (IMAGE + "    regoin: ap-jakarta\n    source: { adopted: img-0a1b2c3d }\n    region: ap-tokyo\n", "regoin"),
    (IMAGE + "    region: AP-Jakarta\n    source: { adopted: img-0a1b2c3d }\n", "a region code"),
    (IMAGE + "    region: ap-jakarta\n    source: { adopted: ins-0a1b2c3d }\n", "an image id"),
    (IMAGE + "    region: ap-jakarta\n    source: { adopted: img-0a1b2c3d }\n    description: costs ${\n", "starts a reference"),
    (IMAGE + "    region: ap-jakarta\n    source: { adopted: img-0a1b2c3d, snapshots: [snap-0a1b2c3d] }\n", "only one"),
    (HEAD.replace('"100000000001"', "100000000001"), "string"),
    (HEAD + "rules: { share_gpa: deny }\n", "share_gpa"),
    (HEAD + "lookups: { a: { region: ap-jakarta, type: public, from: '200000000001' } }\n", '\\"shared\\"'),
):
    _, wrong = editor.open(text)
    reported = " / ".join(one["message"] for one in wrong)
    check(words.lower() in json.dumps(wrong, ensure_ascii=False).lower(), "wrong manifest", f"{words!r} is not said of\n{text}{reported}")
right = 0
subprocess.run([goldform, "init", "--quiet", folder / "init.yaml"], check=True)
tracked = subprocess.run(["git", "ls-files", "examples/*.yaml", ":!examples/ci"], cwd=root, capture_output=True, text=True).stdout.split()
for file in [folder / "init.yaml", *(root / name for name in tracked)]:
    text = file.read_text()
    check(text.startswith("# yaml-language-server: $schema="), file.name, "it has no modeline")
    _, wrong = editor.open(MODELINE + text.split("\n", 1)[1])
    check(not wrong, file.name, json.dumps(wrong))
    right += 1

editor.ask("shutdown", None)
editor.send({"method": "exit"})
editor.server.wait(timeout=20)
if failures:
    print("\n".join(f"FAILED editor: {failure}" for failure in failures[:30]))
    sys.exit(1)
print(f"ok: yaml-language-server {version}: {offered} keys offered, {explained} explained, {right} right manifests without a word")
