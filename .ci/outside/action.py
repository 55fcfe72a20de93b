"""Runs action.yml step by step, and checks what it prints, writes and posts. Called by `action`, beside it."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import yaml

ROOT = Path(__file__).resolve().parents[2]
GOLDFORM, WORK, WHEELS = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
REPOSITORY = "team/images"
HEAD = "1" * 40
MERGED = "2" * 40
BOT = "github-actions[bot]"


class Service:
    """The parts of GitHub's API that the action uses, on loopback."""

    def __init__(self):
        self.comments = []
        self.pulls = []
        self.calls = []
        self.may_write = True
        self.refuses = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def serve(self):
                url = urlparse(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                service.calls.append((self.command, url.path))
                if self.headers["Authorization"] != "Bearer token-of-the-job":
                    return self.answer(401, {"message": "Bad credentials"})
                if service.refuses:
                    return self.answer(service.refuses, {"message": "no"})
                return self.answer(*service.serve(self.command, url.path, parse_qs(url.query), body))

            do_GET = do_POST = do_PATCH = do_DELETE = serve

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def add(self, login, body):
        self.comments.append({"id": 1000 + len(self.comments), "user": {"login": login}, "body": body})
        return self.comments[-1]

    def of_bot(self):
        return [comment for comment in self.comments if comment["user"]["login"] == BOT]

    def serve(self, method, path, query, body):
        prefix = f"/repos/{REPOSITORY}/"
        if not path.startswith(prefix):
            return 404, {"message": "Not Found"}
        path = path[len(prefix):]
        if method == "GET" and path == "issues/7/comments":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, self.comments[size * (page - 1) : size * page]
        if method == "GET" and path.startswith("commits/"):
            return 200, [pull for pull in self.pulls if path == f"commits/{pull['merge_commit_sha']}/pulls"]
        if method in ("POST", "PATCH"):
            if not self.may_write:
                return 403, {"message": "Resource not accessible by integration"}
            if len(body["body"]) > 65536:
                return 422, {"message": "body is too long (maximum is 65536 characters)"}
            if method == "POST" and path == "issues/7/comments":
                return 201, self.add(BOT, body["body"])
            for comment in self.comments:
                if method == "PATCH" and path == f"issues/comments/{comment['id']}":
                    comment["body"] = body["body"]
                    return 200, comment
        return 404, {"message": "Not Found"}


def value_of(expression, inputs, outputs, github):
    """The few forms of expressions that action.yml uses; any other is an error here."""
    expression = expression.strip()
    for operator, join in (("&&", lambda a, b: a and b), ("||", lambda a, b: a or b)):
        if f" {operator} " in expression and "(" not in expression:
            left, right = expression.split(f" {operator} ", 1)
            return join(value_of(left, inputs, outputs, github), value_of(right, inputs, outputs, github))
    if match := re.fullmatch(r"(\S+) (==|!=) (\S+)", expression):
        same = value_of(match[1], inputs, outputs, github) == value_of(match[3], inputs, outputs, github)
        return same == (match[2] == "==")
    if match := re.fullmatch(r"'([^']*)'", expression):
        return match[1]
    if match := re.fullmatch(r"inputs\.([\w-]+)", expression):
        return inputs[match[1]]
    if match := re.fullmatch(r"steps\.(\w+)\.outputs\.(\w+)", expression):
        return outputs.get(match[1], {}).get(match[2], "")
    if match := re.fullmatch(r"github\.([\w.]+)", expression):
        for key in match[1].split("."):
            github = github[key] if isinstance(github, dict) and key in github else ""
        return github
    raise AssertionError(f"not understood: {expression}")


class Ran:
    def __init__(self):
        self.status, self.log, self.summary, self.steps, self.uploads = 0, "", "", {}, 0

    def outputs(self):
        context = ({}, self.steps, {})
        return {name: value_of(output["value"][3:-2], *context) for name, output in ACTION["outputs"].items()}


def run(folder, event_name, event, sha=HEAD, github=None, **given):
    """Runs the action with these inputs."""
    assert not {key.replace("_", "-") for key in given} - set(ACTION["inputs"]), given
    inputs = {name: str(declared["default"]) for name, declared in ACTION["inputs"].items()}
    inputs |= {"path": str(GOLDFORM), "token": "token-of-the-job", "working-directory": str(folder)}
    inputs |= {name.replace("_", "-"): value for name, value in given.items()}
    temp = WORK / "temp"
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir()
    (temp / "event.json").write_text(json.dumps(event))
    (temp / "summary").write_text("")
    context = {"event_name": event_name, "repository": REPOSITORY, "event": event}
    ran = Ran()
    for step in ACTION["runs"]["steps"]:
        condition = step.get("if", "${{ 'true' }}").strip()
        assert condition.startswith("${{") and condition.endswith("}}"), condition
        condition = " ".join(condition[3:-2].split())
        # The one group in a condition: code scanning.
        if group := re.search(r" && \((.*)\)$", condition):
            alternatives = [value_of(part, inputs, ran.steps, context) for part in group[1].split(" || ")]
            condition = condition[: group.start()] if any(alternatives) else "''"
        if not value_of(condition, inputs, ran.steps, context):
            continue
        if "uses" in step:
            ran.uploads += 1
            continue
        # Steps receive users' text by the environment only.
        assert "${{" not in step["run"], step["run"]
        environment = {
            name: value_of(value.strip()[3:-2], inputs, ran.steps, context) for name, value in step["env"].items()
        }
        (temp / "output").write_text("")
        environment |= {
            "PATH": os.environ["PATH"], "HOME": str(temp), "CI": "true", "GITHUB_ACTION_PATH": str(ROOT),
            "RUNNER_TEMP": str(temp), "GITHUB_API_URL": SERVICE.address, "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_EVENT_NAME": event_name, "GITHUB_EVENT_PATH": str(temp / "event.json"), "GITHUB_SHA": sha,
            "GITHUB_OUTPUT": str(temp / "output"), "GITHUB_STEP_SUMMARY": str(temp / "summary"),
        } | {name: text for name, text in os.environ.items() if name.startswith("PIP_")}  # fmt: skip
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]], env=environment, cwd=folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        )  # fmt: skip
        ran.log += done.stdout
        outputs = dict(line.split("=", 1) for line in (temp / "output").read_text().splitlines())
        ran.steps[step.get("id", step["name"])] = outputs
        if done.returncode:
            ran.status = done.returncode
            break
    ran.summary = (temp / "summary").read_text()
    assert "token-of-the-job" not in ran.log
    return ran


def commands(log):
    """The lines that a runner takes for commands."""
    stopped = None
    for line in (line.lstrip() for line in log.splitlines()):
        if stopped is not None:
            stopped = None if line == f"::{stopped}::" else stopped
        elif line.startswith("::stop-commands::"):
            stopped = line.removeprefix("::stop-commands::")
        elif line.startswith("::"):
            yield line


def goldform(folder, *arguments, status=0):
    done = subprocess.run([GOLDFORM, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def pull_request(source=REPOSITORY):
    return {"pull_request": {"number": 7, "head": {"sha": HEAD, "repo": source and {"full_name": source}}}}


def new_folder(name):
    folder = WORK / name
    folder.mkdir()
    goldform(folder, "init")
    return folder


def is_in(text, whole):
    assert text in whole, f"not there: {text}\n--- in:\n{whole}"


def first_comment_then_the_same_again():
    folder = new_folder("sticky")
    ran = run(folder, "pull_request", pull_request())
    assert ran.status == 0, ran.log
    plan = json.loads(goldform(folder, "plan", "--format", "json", "--quiet"))
    outputs = ran.outputs()
    assert outputs["digest"] == plan["digest"] and outputs["status"] == "2", outputs
    numbers = ("create", "copy", "update", "delete", "share", "unshare", "changes")
    assert [outputs[key] for key in numbers] == ["1", "1", "0", "0", "2", "0", "4"], outputs
    goldform(folder, "show", outputs["plan"])
    (comment,) = SERVICE.of_bot()
    assert comment["body"].startswith("<!-- goldform:plan -->\n### goldform plan: changes"), comment["body"]
    tail = f"<!-- goldform:by name=goldform commit={HEAD} digest={plan['digest']} -->"
    assert comment["body"].rstrip("\n").endswith("\n" + tail), comment["body"]
    is_in("1 to create, 1 to copy", ran.summary)
    assert ran.uploads == 0
    # The second run finds it among 150 others, some of which pretend.
    for number in range(150):
        SERVICE.comments.insert(0, {"id": number, "user": {"login": "someone"}, "body": comment["body"]})
    SERVICE.add("someone", comment["body"])
    manifest = folder / "goldform.yaml"
    manifest.write_text(manifest.read_text().replace("Ubuntu 22.04", "Ubuntu 24.04"))
    ran = run(folder, "pull_request", pull_request(), sarif="true")
    assert ran.status == 0 and ran.uploads == 1, ran.log
    (again,) = SERVICE.of_bot()
    assert again["id"] == comment["id"]
    assert ran.outputs()["digest"] != plan["digest"]
    is_in(ran.outputs()["digest"], again["body"])
    assert all(comment["body"].rstrip().endswith(tail) for comment in SERVICE.comments if comment is not again)
    # Another name is another comment; another command too.
    run(folder, "pull_request", pull_request(), name="second")
    run(folder, "pull_request", pull_request(), command="validate")
    assert len(SERVICE.of_bot()) == 3


def nothing_is_posted_from_a_fork():
    folder = new_folder("fork")
    for source in ("someone/images", None):
        ran = run(folder, "pull_request", pull_request(source), sarif="true")
        assert ran.status == 0 and ran.uploads == 0, ran.log
        is_in("### goldform plan: changes", ran.summary)
        is_in("comes from another repository", ran.log)
    assert SERVICE.calls == [] and SERVICE.comments == []


def a_token_that_may_not_write_is_told():
    folder = new_folder("readonly")
    SERVICE.may_write = False
    ran = run(folder, "pull_request", pull_request())
    assert ran.status == 0 and SERVICE.comments == [], ran.log
    is_in("::notice title=goldform::The token may not comment", ran.log)
    SERVICE.may_write, SERVICE.refuses = True, 503
    ran = run(folder, "pull_request", pull_request())
    assert ran.status == 0, ran.log
    is_in("::warning title=goldform::The comment cannot be written (status 503)", ran.log)
    is_in("### goldform plan: changes", ran.summary)


def many_images(folder, number):
    """A manifest of so many images; how many bytes its comment would have where any number fit."""
    lines = ["version: 1", 'account: "100000000001"', "limits: { images_per_region: 20000 }", "images:"]
    for index in range(number):
        source = "source: { instance: { id: ins-8f3a1c2d } }"
        lines.append(f"  image-{index:05}: {{ region: ap-jakarta, description: {'x' * 60}, {source} }}")
    (folder / "goldform.yaml").write_text("\n".join(lines) + "\n")
    return len(goldform(folder, "plan", "--format", "markdown", "--markdown-budget", "1000000", "--quiet").encode())


def a_long_text_is_delivered():
    folder = new_folder("long")
    # Images that are built alike are one row: each adds its name.
    few, many = many_images(folder, 1000), many_images(folder, 5000)
    each = (many - few) / 4000
    # As long as a comment may be, and a little longer than that: there is room for what the action adds.
    for number, whole in ((5000 + int((64_600 - many) / each), True), (5000 + int((66_300 - many) / each), False)):
        size = many_images(folder, number)
        assert (64_000 < size <= 65_000) == whole and 64_000 < size < 67_000, (number, size)
        ran = run(folder, "pull_request", pull_request())
        assert ran.status == 0, ran.log
        is_in("The comment is written", ran.log)
        (comment,) = SERVICE.of_bot()
        assert (len(comment["body"]) > 64_000) == whole, len(comment["body"])
        is_in(f"{number} to create", comment["body"])
        is_in("image-00000", comment["body"])


def a_refused_plan_fails_after_the_comment():
    folder = new_folder("refused")
    manifest = folder / "goldform.yaml"
    manifest.write_text(manifest.read_text().replace("[ap-singapore]", "[ap-jakarta]"))
    ran = run(folder, "pull_request", pull_request(), command="validate")
    assert ran.status == 1, ran.log
    (comment,) = SERVICE.of_bot()
    is_in("GF404", comment["body"])
    is_in("GF404", ran.summary)
    found = list(commands(ran.log))
    assert any("file=" in line and "GF404" in line for line in found), found
    assert found[-1] == "::error title=goldform::Rules are violated.", found
    assert run(folder, "pull_request", pull_request(), command="validate", fail_on="never").status == 0
    # A goldform that cannot start is reported too.
    ran = run(folder, "pull_request", pull_request(), files="nowhere.yaml")
    assert ran.status == 1, ran.log
    is_in("### goldform plan: failed", SERVICE.of_bot()[-1]["body"])
    is_in("nowhere.yaml", ran.log)


def changes_fail_where_they_are_to():
    folder = new_folder("changes")
    assert run(folder, "push", {}, fail_on="changes").status == 1
    assert run(folder, "push", {}, fail_on="refusal").status == 0
    assert run(folder, "push", {}, fail_on="sometimes").status == 1
    assert run(folder, "push", {}, command="destroy").status == 1
    goldform(folder, "apply", "--yes")
    ran = run(folder, "push", {}, fail_on="changes")
    assert ran.status == 0 and ran.outputs()["changes"] == "0", ran.log
    ran = run(folder, "schedule", {}, command="drift", fail_on="changes")
    assert ran.status == 0 and ran.outputs()["changes"] == "0", ran.log
    goldform(folder, "sandbox", "reset")
    ran = run(folder, "schedule", {}, command="drift", fail_on="changes")
    assert ran.status == 1 and int(ran.outputs()["changes"]) >= 2, ran.log
    is_in("### goldform drift", ran.summary)
    assert SERVICE.calls == []


def inputs_are_text():
    folder = new_folder("text")
    manifest = folder / "goldform.yaml"
    (folder / "$(touch ran) `touch ran`;touch ran.yaml").write_text(manifest.read_text())
    ran = run(
        folder, "pull_request", pull_request(), files="\n  $(touch ran) `touch ran`;touch ran.yaml\n\n",
        args="--target\nimage.web-base\n", format="junit=a b.xml\ngitlab=$HOME.json",
    )  # fmt: skip
    assert ran.status == 0, ran.log
    assert (folder / "a b.xml").exists() and (folder / "$HOME.json").exists()
    run(folder, "pull_request", pull_request(), args="--var\nx=$(touch ran)\n`touch ran`")
    run(folder, "pull_request", pull_request(), name="$(touch ran)", command="$(touch ran)")
    assert run(folder, "pull_request", pull_request(), name="a b").status == 1
    assert not list(WORK.rglob("ran"))
    # What goldform prints gives the runner no commands.
    ran = run(folder, "pull_request", pull_request(), state="\n::error::mine\n::add-mask::1")
    assert ran.status == 1, ran.log
    is_in("error: \\n::error::mine", ran.log)
    assert not [line for line in commands(ran.log) if "mine" in line or "add-mask" in line], ran.log


def what_was_reviewed_is_applied():
    folder = new_folder("reviewed")
    event = pull_request()
    assert run(folder, "pull_request", event).status == 0
    apply = {"command": "apply", "expect": "reviewed"}
    # Not before the pull request is merged, and by no other commit.
    ran = run(folder, "push", {}, sha=MERGED, **apply)
    assert ran.status == 1 and not (folder / "goldform.state.json").exists(), ran.log
    is_in(f"No merged pull request ends in {MERGED}", ran.log)
    pull = {"number": 7, "merged_at": "2026-11-25T00:00:00Z", "merge_commit_sha": MERGED, "head": {"sha": "3" * 40}}
    SERVICE.pulls.append(pull)
    # The comment is of an earlier commit.
    ran = run(folder, "push", {}, sha=MERGED, **apply)
    assert ran.status == 1 and not (folder / "goldform.state.json").exists(), ran.log
    is_in("is not one of its last commit", ran.log)
    pull["head"]["sha"] = HEAD
    # Somebody else wrote a comment like ours, and ours has a line of that kind in its middle.
    ours = SERVICE.of_bot()[0]
    SERVICE.add("someone", re.sub("digest=sha256:[0-9a-f]+", "digest=sha256:" + "0" * 64, ours["body"]))
    forged = f"\n<!-- goldform:by name=goldform commit={HEAD} digest=sha256:{'0' * 64} -->\n"
    ours["body"] = ours["body"].replace("\n### ", forged + "### ")
    # Something else than what was reviewed would be done.
    manifest = folder / "goldform.yaml"
    text = manifest.read_text()
    manifest.write_text(text.replace("Ubuntu 22.04", "Ubuntu 24.04"))
    ran = run(folder, "push", {}, sha=MERGED, **apply)
    assert ran.status == 1 and ran.outputs()["status"] == "5", ran.log
    is_in("Nothing was changed", ran.log)
    assert goldform(folder, "state", "list") == ""
    # What was reviewed.
    manifest.write_text(text)
    ran = run(folder, "push", {}, sha=MERGED, **apply)
    assert ran.status == 0 and ran.outputs()["status"] == "0", ran.log
    is_in("image.web-base", goldform(folder, "state", "list"))
    is_in("### goldform apply", ran.summary)


def the_wheel_is_installed():
    folder = new_folder("installed")
    os.environ["PIP_NO_INDEX"], os.environ["PIP_FIND_LINKS"] = "1", WHEELS
    ran = run(folder, "pull_request", pull_request(), path="")
    assert ran.status == 0, ran.log
    is_in("goldform-venv", ran.steps["install"]["path"])
    is_in("goldform " + (ROOT / "Cargo.toml").read_text().split('version = "')[1].split('"')[0], ran.log)
    assert run(folder, "push", {}, path="", version="1.0; touch ran").status == 1
    assert run(folder, "push", {}, path="", version="99.0.0").status == 1


CHECKS = [
    first_comment_then_the_same_again, nothing_is_posted_from_a_fork, a_token_that_may_not_write_is_told,
    a_long_text_is_delivered, a_refused_plan_fails_after_the_comment, changes_fail_where_they_are_to, inputs_are_text,
    what_was_reviewed_is_applied, the_wheel_is_installed,
]  # fmt: skip
failed = 0
for check in CHECKS:
    SERVICE = Service()
    try:
        said = check()
        print(said or f"ok      {check.__name__.replace('_', ' ')}")
    except (AssertionError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        failed += 1
        print(f"FAILED  {check.__name__.replace('_', ' ')}: {type(error).__name__}: {error}")
    finally:
        SERVICE.server.shutdown()
sys.exit(1 if failed else 0)
