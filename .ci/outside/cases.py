"""Read by the scripts beside it: runs of goldform that find something, each in every format at once.

A case has: name; root, the folder of its repository; status; text, what people see; errors and warnings, as counted
there; and a file for each format. The manifest lies in a folder of the repository, so that paths are put to a test.
"""
import json
import pathlib
import re
import shutil
import subprocess

FORMATS = ["json", "sarif", "junit", "gitlab", "gitlab-terraform", "rdjson", "github"]
HOSTILE = """# é🙂 ##[error]owned
version: 1
account: "100000000001"
accounts: { partner: "200000000001" }
images:
  web:
    region: ap-jakarta
    source: { instance: { id: ins-8f3a1c2d } }
    tags: { "🙂é": "##[error]x", te%am: "a,b:c\\n::error::x" }
    copies: ["é🙂", "::error::x", ap-nowhere, ap-jakarta]  # é🙂
shares:
  - { image: wéb, with: ["🙂", partner] }
"""


class Case:
    def __init__(self, goldform, folder, name, command, manifest="infra/images.yaml"):
        self.name = name
        self.root = folder
        reports = folder.parent / (folder.name + ".reports")
        reports.mkdir(exist_ok=True)
        self.files = {format: reports / f"{name.replace('/', '-')}.{format}" for format in FORMATS}
        words = [f"--format={format}={file}" for format, file in self.files.items()]
        ran = subprocess.run([goldform, *command.split(), "-f", manifest, *words], cwd=folder, capture_output=True, timeout=120)
        self.status = ran.returncode
        self.text = (ran.stdout + ran.stderr).decode()
        if self.status not in (0, 1, 2, 3, 6) or not self.files["sarif"].exists():
            raise SystemExit(f"FAILED {name}: status {self.status}\n{self.text}")
        # The last line of that kind: a message could look like one.
        counts = re.findall(r"^(?:(\d+) errors?)?(?:, )?(?:(\d+) warnings?)?$", self.text, re.M)
        self.errors, self.warnings = next(((int(e or 0), int(w or 0)) for e, w in reversed(counts) if e or w), (0, 0))
        drift = re.findall(r"^Drift: (\d+) difference", self.text, re.M)
        self.warnings += int(drift[-1]) if drift else 0
        if command.startswith("apply"):
            self.errors += len(re.findall(r"^✗ ", self.text, re.M))
            self.warnings += len(re.findall(r"^[…?] ", self.text, re.M))

    def json(self, format):
        return json.loads(self.files[format].read_text())


def cases(goldform, root, work):
    """Every wrong manifest, every rule's witness, drift, and applies that do not end well."""
    found = []

    def repository(name):
        folder = work / name.replace("/", "-")
        (folder / ".git").mkdir(parents=True)
        (folder / "infra").mkdir()
        return folder

    for file in sorted((root / "tests/manifests/invalid").glob("*.yaml")):
        folder = repository(file.stem)
        shutil.copy(file, folder / "infra/images.yaml")
        found.append(Case(goldform, folder, file.stem, "validate"))
    folder = repository("hostile")
    (folder / "infra/images.yaml").write_text(HOSTILE)
    found.append(Case(goldform, folder, "hostile", "validate"))
    for file in sorted((root / "tests/constraints").glob("*/fail.yaml")):
        name = file.parent.name
        folder = repository(name)
        before = file.parent / "before.yaml"
        if before.exists():
            shutil.copy(before, folder / "infra/images.yaml")
            subprocess.run([goldform, "apply", "--yes", "--quiet", "-f", "infra/images.yaml"], cwd=folder, capture_output=True, timeout=120)
        shutil.copy(file, folder / "infra/images.yaml")
        found.append(Case(goldform, folder, name, "plan"))

    # Another state changes what this one recorded.
    folder = repository("drift")
    run = lambda *words: subprocess.run([goldform, *words], cwd=folder / "infra", capture_output=True, timeout=120, check=True)
    run("init", "--quiet", "images.yaml")
    run("apply", "--yes", "--quiet", "-f", "images.yaml")
    images = json.loads(run("output", "-f", "images.yaml", "--format", "json").stdout)["images"]
    ids = {image["region"]: image["id"] for image in images if image["image"] == "web-base"}
    # Two states for one image, which GF303 refuses unless it is allowed.
    other = 'version: 1\naccount: "100000000001"\nstate: other.state.json\nrules: { adopted_image_missing: warn }\nimages:\n'
    for region, id in ids.items():
        other += f"  {region}: {{ region: {region}, name: web-base-1, description: 'by hand ##[x]', source: {{ adopted: {id} }} }}\n"
    other += 'shares:\n  - { image: ap-jakarta, with: ["200000000009"] }\n'
    (folder / "other.yaml").write_text(other.replace("state: other", "state: infra/other"))
    (folder / "infra/other.yaml").write_text(other)
    run("apply", "--yes", "--quiet", "-f", "other.yaml")
    (folder / "infra/other.yaml").unlink()
    (folder / "other.yaml").unlink()
    found.append(Case(goldform, folder, "drift", "drift"))

    for effect, words in (("error", ["--code", "UnsupportedOperation", "--action", "SyncImages"]), ("hang", ["--action", "SyncImages"])):
        name = f"apply-{effect}"
        folder = repository(name)
        run("init", "--quiet", "images.yaml")
        run("sandbox", "faults", "add", effect, *words)
        found.append(Case(goldform, folder, name, "apply --yes --settle-timeout 3s"))
    return found


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as work:
        for case in cases(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(work)):
            print(case.name, case.status, case.errors, case.warnings, len(case.json("sarif")["runs"][0]["results"]))
