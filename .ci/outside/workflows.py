"""What no schema knows of the workflows in examples/ci. Called by `workflows`, beside it."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
GOLDFORM, WORK = sys.argv[1], Path(sys.argv[2])
EXAMPLES = ROOT / "examples" / "ci"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in sorted(EXAMPLES.glob("*.yml"))}
WORKFLOWS = {name: workflow for name, workflow in WORKFLOWS.items() if isinstance(workflow, dict) and "jobs" in workflow}


def steps(name):
    return [step for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"]]


def inputs_and_outputs_are_those_of_the_action():
    used = 0
    for name in WORKFLOWS:
        text = (EXAMPLES / name).read_text()
        for step in steps(name):
            if step.get("uses", "").startswith("OWNER/goldform@"):
                used += 1
                unknown = set(step.get("with", {})) - set(ACTION["inputs"])
                assert not unknown, f"{name}: {unknown}"
                # An action's inputs are text.
                assert all(isinstance(value, str) for value in step["with"].values()), f"{name}: {step['with']}"
        for part in text.split("steps.goldform.outputs.")[1:]:
            output = part.split(" ")[0]
            assert output in ACTION["outputs"], f"{name}: {output}"
    assert used >= 5, used


def scripts_hold_no_expressions():
    everything = [(name, step) for name in WORKFLOWS for step in steps(name)]
    everything += [("action.yml", step) for step in ACTION["runs"]["steps"]]
    scripts = [(name, step["run"]) for name, step in everything if "run" in step]
    assert len(scripts) >= 6
    for name, script in scripts:
        assert "${{" not in script, f"{name}: {script}"


def forks_get_nothing_that_writes():
    check = WORKFLOWS["check.yml"]
    assert check["permissions"] == {"contents": "read"}
    assert "secrets." not in (EXAMPLES / "check.yml").read_text()
    for name, workflow in WORKFLOWS.items():
        # `on` is a boolean to YAML 1.1.
        events = workflow[True]
        assert "pull_request_target" not in events, name
        assert "permissions" in workflow, name
        if "pull_request" in events and "secrets." in (EXAMPLES / name).read_text():
            for job in workflow["jobs"].values():
                assert job["if"] == "github.event.pull_request.head.repo.full_name == github.repository", name


def gitlab_finds_its_reports():
    template = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text())
    folder = WORK / "gitlab"
    folder.mkdir()
    subprocess.run([GOLDFORM, "init"], cwd=folder, check=True, capture_output=True)
    tools = {"PATH": f"{Path(GOLDFORM).parent}:{os.environ['PATH']}", "HOME": str(WORK)}
    job = template["goldform"]
    for script in job["script"] + template["goldform drift"]["script"]:
        subprocess.run(["bash", "-ec", script], cwd=folder, env=tools, check=True, capture_output=True, timeout=60)
    files = [*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()]
    assert len(files) == 4 and all((folder / file).stat().st_size > 1 for file in files), files


def git(folder, *arguments):
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


class Runner:
    """A clone at a commit, in which the scripts of apply-committed-state.yml run."""

    def __init__(self, name, commit):
        self.folder = WORK / name
        git(WORK, "clone", "--quiet", str(WORK / "remote.git"), str(self.folder))
        git(self.folder, "checkout", "--quiet", "--detach", commit)
        self.commit = commit

    def step(self, name):
        (step,) = [step for step in steps("apply-committed-state.yml") if step.get("name") == name]
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(WORK), "BRANCH": "main", "STATE": "goldform.state.json",
            "GITHUB_SHA": self.commit, "TMPDIR": str(WORK),
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], cwd=self.folder, env=environment,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        return done.stdout

    def goldform(self, *arguments):
        done = subprocess.run([GOLDFORM, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout


def the_record_is_committed_and_taken_up_again():
    git(WORK, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    author = WORK / "author"
    git(WORK, "clone", "--quiet", str(WORK / "remote.git"), "author")
    git(author, "checkout", "--quiet", "-b", "main")
    subprocess.run([GOLDFORM, "init"], cwd=author, check=True, capture_output=True)
    manifest = author / "goldform.yaml"
    # Every runner has its own disk, and the cloud is one.
    text = manifest.read_text().replace("\ncloud:\n", f"\ncloud:\n  sandbox: {{ world: {WORK}/world.db }}\n")
    assert "world.db" in text
    manifest.write_text(text)
    # As many repositories do; the state is committed nonetheless.
    (author / ".gitignore").write_text("*.state.json.*\n")

    def merge(message):
        git(author, "add", "--all")
        git(author, "commit", "--quiet", "-m", message)
        git(author, "pull", "--quiet", "--rebase", "origin", "main") if message != "first" else None
        git(author, "push", "--quiet", "origin", "main")
        return git(author, "rev-parse", "HEAD").strip()

    def in_remote():
        return set(git(WORK / "remote.git", "ls-tree", "--name-only", "main").split())

    first = merge("first")
    runner = Runner("one", first)
    runner.step("Take the newest record")
    runner.goldform("apply", "--yes")
    # Somebody merges meanwhile; the next merge does not know this record yet.
    manifest.write_text(text.replace("Ubuntu 22.04", "Ubuntu 24.04"))
    second = merge("second")
    runner.step("Commit the record")
    assert in_remote() == {".gitignore", "goldform.yaml", "goldform.state.json"}, in_remote()
    assert "Ubuntu 24.04" in git(WORK / "remote.git", "show", "main:goldform.yaml")

    runner = Runner("two", second)
    assert not (runner.folder / "goldform.state.json").exists()
    runner.step("Take the newest record")
    assert "Plan: 2 to update" in runner.goldform("plan", "--refresh")
    runner.goldform("apply", "--yes")
    # A run that was cut off leaves a journal; it is committed too.
    journal = runner.folder / "goldform.state.json.journal"
    journal.write_text("left\n")
    runner.step("Commit the record")
    assert git(WORK / "remote.git", "show", "main:goldform.state.json.journal") == "left\n"

    runner = Runner("three", second)
    runner.step("Take the newest record")
    assert (runner.folder / "goldform.state.json.journal").read_text() == "left\n"
    (runner.folder / "goldform.state.json.journal").unlink()
    assert "No changes" in runner.goldform("plan", "--refresh")
    runner.step("Commit the record")
    assert in_remote() == {".gitignore", "goldform.yaml", "goldform.state.json"}, in_remote()
    # Nothing new is no commit.
    before = git(WORK / "remote.git", "rev-parse", "main")
    runner.step("Commit the record")
    assert git(WORK / "remote.git", "rev-parse", "main") == before


def the_record_is_pushed_though_others_push():
    hook = WORK / "remote.git" / "hooks" / "pre-receive"
    # The first push comes too late.
    hook.write_text(f"#!/bin/sh\n[ -e {WORK}/late ] || {{ touch {WORK}/late; exit 1; }}\n")
    hook.chmod(0o755)
    tip = git(WORK / "remote.git", "rev-parse", "main").strip()
    runner = Runner("four", tip)
    state = runner.folder / "goldform.state.json"
    state.write_text(state.read_text() + "\n")
    said = runner.step("Commit the record")
    assert "somebody pushed meanwhile (attempt 1)" in said, said
    assert git(WORK / "remote.git", "show", "main:goldform.state.json").endswith("\n\n")


failed = 0
for check in [
    inputs_and_outputs_are_those_of_the_action, scripts_hold_no_expressions, forks_get_nothing_that_writes,
    gitlab_finds_its_reports,
    the_record_is_committed_and_taken_up_again, the_record_is_pushed_though_others_push,
]:  # fmt: skip
    try:
        check()
        print(f"ok      {check.__name__.replace('_', ' ')}")
    except (AssertionError, KeyError, ValueError, OSError, subprocess.SubprocessError) as error:
        failed += 1
        print(f"FAILED  {check.__name__.replace('_', ' ')}: {type(error).__name__}: {error}")
sys.exit(1 if failed else 0)
