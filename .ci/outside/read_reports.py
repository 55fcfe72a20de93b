"""Reads every case's reports with other people's programs. Started by `reports` beside it."""
import collections
import importlib.metadata
import json
import os
import pathlib
import re
import subprocess
import sys

import lxml.etree
from cases import Case, cases
from junitparser import JUnitXml

goldform, root, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
node = os.environ["NODE_FOLDER"]
failures = []


def check(holds, name, text):
    if not holds:
        failures.append(f"{name}: {text}")


def many():
    """More problems than a step may annotate."""
    place = folder / "cases/many"
    (place / ".git").mkdir(parents=True)
    (place / "infra").mkdir()
    regions = ", ".join(f"ap-nowhere-{n}" for n in range(14))
    (place / "infra/images.yaml").write_text(
        'version: 1\naccount: "100000000001"\nimages:\n'
        f"  web: {{ region: ap-jakarta, source: {{ adopted: img-0a1b2c3d }}, copies: [{regions}] }}\n"
    )
    return Case(goldform, place, "many", "validate")


found = cases(goldform, root, folder / "cases") + [many()]
rules = re.findall(r"^\| (GF\d+) \| `\w+` \| \w+ \|", (root / "schemas/README.md").read_text().split("<!-- rules -->")[1].split("<!-- /rules -->")[0], re.M)
check(len(rules) > 20, "schemas/README.md", "it lists no rules")

# --- JUnit
schema = lxml.etree.XMLSchema(lxml.etree.parse(os.environ["SCHEMA"]))
tests = 0
for case in found:
    file = case.files["junit"]
    check(schema.validate(lxml.etree.parse(file)), case.name, f"junit-10.xsd: {schema.error_log}")
    read = JUnitXml.fromfile(str(file))
    declared = [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in read]
    check((read.tests, read.failures, read.errors) == tuple(map(sum, zip(*declared)))[:3], case.name, "the sums are not those of the suites")
    read.update_statistics()
    check(declared == [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in read], case.name, f"counted {declared}")
    tests += read.tests
    named = collections.Counter((test.classname, test.name) for suite in read for test in suite)
    check(max(named.values()) == 1, case.name, f"cases of one name: {named.most_common(1)}")
    kinds = collections.Counter()
    for suite in read:
        for test in suite:
            for result in test.result:
                kind = type(result).__name__
                # A rule's case holds all that the rule found, each with its place.
                many_in_one = test.classname == "goldform.rules" and kind == "Failure"
                kinds[kind] += len(re.findall(r"^(?:infra/images\.yaml:\d+:\d+: |image\.)", result.text, re.M)) or 1 if many_in_one else 1
    if case.name.startswith("apply"):
        check((kinds["Failure"], kinds["Error"]) == (case.errors, case.warnings), case.name, f"{kinds}, people read {case.errors}, {case.warnings}")
    elif case.name == "drift":
        check(kinds["Failure"] == case.warnings, case.name, f"{kinds}, people read {case.warnings}")
    else:
        reported = case.json("json")["diagnostics"]
        # A rule that warns has passed; a warning of the text is a case of its own.
        expected = sum(one["level"] == "error" or (one["level"] == "warning" and one["rule"] not in rules) for one in reported)
        check(kinds["Failure"] == expected and not kinds["Error"], case.name, f"{kinds}, expected {expected}")

# --- GitLab: https://docs.gitlab.com/ci/testing/code_quality/
for case in found:
    reported = case.json("gitlab")
    check(len(reported) == case.errors + case.warnings, case.name, f"GitLab shows {len(reported)}, people read {case.errors} and {case.warnings}")
    check(len({one["fingerprint"] for one in reported}) == len(reported), case.name, "fingerprints are not unique")
    for one in reported:
        check(set(one) == {"description", "check_name", "fingerprint", "severity", "location"}, case.name, str(one))
        check(all(isinstance(one[key], str) and one[key] for key in ("description", "check_name", "fingerprint")), case.name, str(one))
        check(one["severity"] in ("info", "minor", "major", "critical", "blocker"), case.name, one["severity"])
        path, line = one["location"]["path"], one["location"]["lines"]["begin"]
        check(not path.startswith(("/", "./")) and (case.root / path).is_file(), case.name, f"{path} is no file of the repository")
        check(isinstance(line, int) and line >= 1, case.name, f"line {line}")
    widget = case.json("gitlab-terraform")
    check(set(widget) == {"create", "update", "delete"} and all(isinstance(n, int) and n >= 0 for n in widget.values()), case.name, str(widget))

# --- reviewdog: columns count bytes; those of SARIF UTF-16 units, those of ours characters. All point at the same text.
if node:
    files = [str(case.files["rdjson"]) for case in found]
    reported = subprocess.run([f"{node}/node_modules/.bin/rdformat-validator", "--strict", "--no-extra-fields", *files], capture_output=True, text=True, timeout=300)
    check(reported.returncode == 0, "rdformat-validator", "\n".join(line for line in reported.stdout.splitlines() if "✗" in line) + reported.stderr)
pointed = 0
for case in found:
    diagnostics, results = case.json("rdjson")["diagnostics"], case.json("sarif")["runs"][0]["results"]
    check(len(diagnostics) == len(results) == case.errors + case.warnings, case.name, f"rdjson has {len(diagnostics)}")
    for one, other in zip(diagnostics, results):
        start, end = one["location"]["range"]["start"], one["location"]["range"].get("end")
        region = other["locations"][0]["physicalLocation"]["region"]
        check(start["line"] == region["startLine"], case.name, "lines differ")
        if not end or start["line"] != end["line"]:
            continue
        data = (case.root / one["location"]["path"]).read_bytes()
        try:
            data.decode()
        except UnicodeDecodeError:
            continue
        # A byte order mark is bytes, and no character.
        line = data.split(b"\n")[start["line"] - 1]
        by_bytes = line[start["column"] - 1 : end["column"] - 1].decode("utf-8", "replace")
        line = line.decode("utf-8-sig" if start["line"] == 1 else "utf-8")
        by_units = line.encode("utf-16-le")[2 * region["startColumn"] - 2 : 2 * region["endColumn"] - 2].decode("utf-16-le", "replace")
        check(by_bytes == by_units, case.name, f"rdjson points at {by_bytes!r}, SARIF at {by_units!r}")
        pointed += 1

# --- GitHub: the runner undoes these escapes, its own library makes them.
DATA = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")]
PROPERTY = [("%3A", ":"), ("%2C", ","), *DATA]
NAMES = {"file": "file", "line": "startLine", "endLine": "endLine", "col": "startColumn", "endColumn": "endColumn", "title": "title"}


def unescape(text, escapes):
    for escape, character in escapes:
        text = text.replace(escape, character)
    return text


annotations = []
for case in found:
    lines = case.files["github"].read_text().splitlines()
    per_kind = collections.Counter()
    for line in lines:
        parts = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        if not parts:
            check(False, case.name, f"no annotation: {line}")
            continue
        command, properties, message = parts.groups()
        pairs = dict(pair.split("=", 1) for pair in properties.split(","))
        check(set(pairs) <= set(NAMES) and {"file", "line", "title"} <= set(pairs), case.name, line)
        check((case.root / unescape(pairs["file"], PROPERTY)).is_file(), case.name, line)
        per_kind[command] += 1
        values = {NAMES[key]: unescape(value, PROPERTY) for key, value in pairs.items()}
        annotations.append((case.name, command, pairs, message, {"command": command, "message": unescape(message, DATA), "properties": values}))
    check(all(number <= 10 for number in per_kind.values()), case.name, f"more than ten of a level: {per_kind}")
    expected = {"error": min(case.errors, 10), "warning": min(case.warnings, 10)}
    check({kind: per_kind[kind] for kind in expected} == expected, case.name, f"{per_kind}, people read {case.errors} and {case.warnings}")
if node:
    sent = "".join(json.dumps(annotation[-1]) + "\n" for annotation in annotations)
    reported = subprocess.run(["node", root / ".ci/outside/annotations.mjs", node], input=sent, capture_output=True, text=True, timeout=120)
    written = reported.stdout.splitlines()
    check(len(written) == len(annotations), "@actions/core", reported.stderr)
    for (name, command, pairs, message, _), line in zip(annotations, written):
        head, _, rest = line.removeprefix(f"::{command} ").partition("::")
        theirs = dict(pair.split("=", 1) for pair in head.split(","))
        check((theirs, rest) == (pairs, message), name, f"@actions/core writes {line}")

if failures:
    print("\n".join(f"FAILED reports: {failure}" for failure in failures[:30]))
    sys.exit(1)


def version(package):
    return f"{package} {json.loads(pathlib.Path(node, 'node_modules', package, 'package.json').read_text())['version']}"


tools = [f"junitparser {importlib.metadata.version('junitparser')}", "junit-10.xsd"]
if node:
    tools += [version("@umbrelladocs/rdformat-validator"), version("@actions/core")]
print(f"ok: {len(found)} runs, {tests} cases of JUnit, {len(annotations)} annotations, {pointed} places; {', '.join(tools)}")
