"""Drives goldform on a state in object storage. See `storage` beside this file."""

import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

GOLDFORM, FOLDER, ROUNDS, SERVER, ROOT = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
ACCOUNTS = [str(200000000001 + number) for number in range(5)]
started = []
failed = []


def check(name, is_right, detail=""):
    print(f"{'ok     ' if is_right else 'FAILED '} {name}", flush=True)
    if not is_right:
        failed.append(name)
        print(detail, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, **options):
    process = subprocess.Popen(command, **options)
    started.append(process)
    return process


def wait_for(url):
    for _ in range(200):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"storage: {url} does not answer")


class Delay(threading.Thread):
    """A proxy on loopback that holds back each request for a time, as a distance does."""

    def __init__(self, target, seconds):
        super().__init__(daemon=True)
        self.target, self.seconds = target, seconds
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            for socket_ in (client, server):
                socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.copy, args=(client, server, self.seconds), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, 0), daemon=True).start()

    @staticmethod
    def copy(source, target, seconds):
        try:
            while data := source.recv(1 << 20):
                time.sleep(seconds)
                target.sendall(data)
        except OSError:
            pass
        for socket_ in (source, target):
            try:
                socket_.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def run(arguments, where, status=0, **more):
    result = subprocess.run(
        [GOLDFORM, *arguments], cwd=where, env={**ENVIRONMENT, **more}, capture_output=True, text=True, timeout=300
    )
    if status is not None and result.returncode != status:
        raise AssertionError(
            f"goldform {' '.join(arguments)} in {where}: status {result.returncode}, not {status}\n"
            f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
        )
    return result


def check_document(kind, ran):
    """What only a shared state prints has the keys of its published definition."""
    document = json.loads(ran.stdout)
    definition = json.loads((Path(ROOT) / "schemas/documents.schema.json").read_text())["definitions"][kind]
    check(f"the document of kind {kind} has the keys of its schema", sorted(document) == sorted(definition["required"]),
          ran.stdout)


def manifest(state, images, revision, copies=("ap-singapore", "ap-tokyo"), accounts=ACCOUNTS, extra=""):
    lines = [
        "version: 1",
        'account: "100000000001"',
        f"cloud: {{ provider: tencent, endpoint: '{ENDPOINT}' }}",
        f"state: {state}",
        "limits: { images_per_region: 100 }",
        extra,
        "images:",
    ]
    for image in images:
        lines.append(
            f"  {image}: {{ region: ap-jakarta, copies: [{', '.join(copies)}], "
            f"source: {{ revision: '{revision}', instance: {{ id: ins-8f3a1c2d }} }} }}"
        )
    if accounts:
        named = ", ".join(f'"{account}"' for account in accounts)
        lines.append(f"shares: [{{ images: all, with: [{named}] }}]")
    return "\n".join(lines) + "\n"


def recorded(where, **more):
    """The state as facts: by address, id and accounts."""
    state = json.loads(run(["state", "pull"], where, **more).stdout)
    facts = {}
    for key, image in state["recorded"].get("images", {}).items():
        for number, generation in image["generations"].items():
            for region, placement in generation["placements"].items():
                facts[f"{key}@{region}#{number}"] = placement
    return state, facts


def team_story():
    """Two people and a pipeline, one state."""
    laptop, pipeline = FOLDER / "laptop", FOLDER / "pipeline"
    for place in (laptop, pipeline):
        (place / "images").mkdir(parents=True)
    root = manifest("goldform.state.json", [], "", accounts=[], extra="include: [images]").replace("images:\n", "")
    web = "images: { web: { region: ap-jakarta, source: { revision: '%s', instance: { id: ins-8f3a1c2d } } } }\n"
    db = "images: { db: { region: ap-jakarta, source: { revision: '%s', snapshots: [snap-2f3a1c2d] } } }\n"
    (laptop / "goldform.yaml").write_text(root)
    (laptop / "images/web.yaml").write_text(web % 1)
    run(["apply", "--yes"], laptop)
    # The state moves to where all can reach it.
    (laptop / "goldform.yaml").write_text(root.replace("goldform.state.json", "s3://states/team/one.json"))
    moved = run(["state", "migrate", "--from", "goldform.state.json"], laptop)
    check("a local state moves to the storage", "s3://states/team/one.json now" in moved.stderr, moved.stderr)
    again = run(["state", "migrate", "--from", "goldform.state.json"], laptop, status=1)
    check("a state that has moved is not there twice", "there is no state" in again.stderr, again.stderr)
    run(["plan", "--expect-no-changes"], laptop)
    # The pipeline has another part of the manifest, by another owner, and the same state.
    shutil.copytree(laptop / "images", pipeline / "images", dirs_exist_ok=True)
    (pipeline / "goldform.yaml").write_text((laptop / "goldform.yaml").read_text())
    (pipeline / "images/db.yaml").write_text(db % 1)
    run(["apply", "--yes"], pipeline, GOLDFORM_ACTOR="pipeline@ci")
    history = run(["history"], laptop).stdout
    check("the laptop sees what the pipeline applied", "pipeline@ci" in history, history)
    (laptop / "images/db.yaml").write_text(db % 1)
    run(["plan", "--expect-no-changes"], laptop)
    # Both apply at once. One works, the other reports the holder, or waits if it has time.
    (laptop / "images/web.yaml").write_text(web % 2)
    (pipeline / "images/web.yaml").write_text(web % 2)
    run(["sandbox", "faults", "add", "settle", "--for", "15s", "--action", "CreateImage", "--always", "--world", str(WORLD)], laptop)
    slow = subprocess.Popen(
        [GOLDFORM, "apply", "--yes"], cwd=laptop, env={**ENVIRONMENT, "GOLDFORM_ACTOR": "ann@laptop"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    while slow.poll() is None and "ann@laptop" not in run(["plan"], pipeline, status=None).stderr:
        time.sleep(0.2)
    refused = run(["apply", "--yes"], pipeline, status=None)
    check("the second of two names the one that works",
          refused.returncode == 4 and "ann@laptop" in refused.stderr, refused.stderr)
    waited = run(["apply", "--yes", "--lock-timeout", "60s"], pipeline, status=None)
    slow.wait()
    run(["sandbox", "faults", "clear", "--world", str(WORLD)], laptop)
    check("the second of two waits, and has nothing to do", waited.returncode == 0 and slow.returncode == 0, waited.stderr)
    # A plan that was saved on one machine is applied on the other: it names the state by its address.
    (laptop / "images/web.yaml").write_text(web % 3)
    run(["plan", "--out", str(FOLDER / "plan.json")], laptop)
    run(["apply", str(FOLDER / "plan.json"), "--yes"], pipeline)
    stale = run(["apply", str(FOLDER / "plan.json"), "--yes"], laptop, status=None)
    check("a saved plan is applied from anywhere, and once", stale.returncode in (0, 5), stale.stderr)
    run(["plan", "--expect-no-changes"], laptop)
    # A person locks the state, and releases it.
    locked = run(["state", "lock", "--reason", "audit", "--format", "json"], laptop, GOLDFORM_ACTOR="ann@laptop")
    check_document("state_locked", locked)
    locked = run(["apply", "--yes"], pipeline, status=4)
    check("a person's lock names the person and the reason", "ann@laptop" in locked.stderr and "audit" in locked.stderr,
          locked.stderr)
    check_document("state_unlocked", run(["state", "unlock", "--yes", "--format", "json"], pipeline))
    kept = json.loads(run(["state", "history", "--format", "json"], pipeline).stdout)["snapshots"]
    earlier, present = kept[-2]["serial"], kept[-1]["serial"]
    run(["state", "restore", str(earlier)], pipeline)
    run(["state", "restore", str(present)], laptop)
    run(["plan", "--refresh", "--expect-no-changes"], laptop)
    check("a kept snapshot is restored, and the one before the restoration again", True)


def stalled_holder():
    """A holder that is stopped past its lease, and comes back while another has applied."""
    place, other = FOLDER / "stalled", FOLDER / "other"
    for where in (place, other):
        where.mkdir()
        (where / "goldform.yaml").write_text(manifest("s3://states/team/stalled.json", ["slow"], "1", accounts=[]))
    run(["apply", "--yes"], place)
    for where in (place, other):
        (where / "goldform.yaml").write_text(manifest("s3://states/team/stalled.json", ["slow"], "2", accounts=[]))
    process = subprocess.Popen([GOLDFORM, "apply", "--yes"], cwd=place, env=ENVIRONMENT, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # It has made its first call, and waits for the image.
    for line in process.stderr:
        if "not ready yet" in line:
            break
    process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    taken = run(["apply", "--yes", "--lock-timeout", "5m"], other)
    waited = time.monotonic() - begun
    process.send_signal(signal.SIGCONT)
    said = "".join(process.communicate(timeout=120))
    check(f"the lock of a stalled holder ends ({waited:.0f} s)", waited > 100, taken.stderr)
    check("a stalled holder that comes back is kept out", process.returncode in (4, 6) and "lock" in said,
          f"status {process.returncode}\n{said}")
    converge_and_check(other, ["slow"], [], "2", "after a stalled holder")


def without_conditions():
    """The same bucket by way of `cos://`: no write has a condition, and the lock is a tag in the sandbox."""
    keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "TENCENTCLOUD_REGION": "ap-jakarta"}
    places = [FOLDER / f"cos-{number}" for number in range(6)]
    for place in places:
        place.mkdir()
        (place / "goldform.yaml").write_text(manifest("cos://states/cos.json", ["cos"], "1", accounts=[]))
    nowhere = run(["plan"], places[0], status=None, **{**keys, "TENCENTCLOUD_REGION": ""})
    check("a missing region is named", nowhere.returncode == 1 and "TENCENTCLOUD_REGION" in nowhere.stderr, nowhere.stderr)
    racing = [
        subprocess.Popen([GOLDFORM, "apply", "--yes"], cwd=place, env={**ENVIRONMENT, **keys}, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for place in places
    ]
    said = [process.communicate(timeout=300)[0] for process in racing]
    ended = sorted(process.returncode for process in racing)
    check(f"of six that apply at once one works, and the others are locked out {ended}",
          0 in ended and set(ended) <= {0, 4}, "\n".join(said))
    # A holder that was killed leaves its lock, which a person releases.
    for place in places:
        (place / "goldform.yaml").write_text(manifest("cos://states/cos.json", ["cos"], "2", accounts=[]))
    process = subprocess.Popen([GOLDFORM, "apply", "--yes"], cwd=places[0], env={**ENVIRONMENT, **keys}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in process.stderr:
        if "not ready yet" in line:
            break
    process.kill()
    process.communicate()
    locked = run(["apply", "--yes"], places[1], status=4, **keys)
    check("the lock of a killed holder is there", "locked" in locked.stderr, locked.stderr)
    run(["state", "unlock", "--yes"], places[1], **keys)
    run(["apply", "--yes"], places[1], **keys)
    run(["plan", "--refresh", "--expect-no-changes"], places[2], **keys)
    state, _ = recorded(places[2], **keys)
    listed = json.loads(run(["images", "--type", "custom", "--format", "json"], places[2], **keys).stdout)["images"]
    check("no image was made twice", len(images_of(listed, ["cos"])) == 3 * len(state["recorded"]["images"]["cos"]["generations"]),
          listed)
    claimed = tags("goldform-state-lock")
    check(f"one claim is left of all {claimed}", len(claimed) == 1 and int(claimed[0].rsplit("-", 1)[1]) >= 3, claimed)
    run(["state", "migrate", "--from", "cos://states/cos.json"],
        moved_to(places[3], "s3://states/from-cos.json"), AWS_ACCESS_KEY_ID="AKIDtest", TENCENTCLOUD_REGION="ap-jakarta")
    check("a state moves from there to storage with conditions", True)


def moved_to(place, state):
    (place / "goldform.yaml").write_text(manifest(state, ["cos"], "2", accounts=[]))
    return place


def tags(key):
    """The values of a tag key that the account has, in the sandbox's world."""
    with sqlite3.connect(f"file:{WORLD}?mode=ro", uri=True) as world:
        return [row[0] for row in world.execute("SELECT value FROM account_tags WHERE key = ?", (key,))]


def converge_and_check(where, images, accounts, revision, name):
    """One plain run converges; then the state equals the cloud, and each image is there once, shared as declared."""
    run(["apply", "--yes", "--lock-timeout", "4m"], where)
    again = run(["plan", "--refresh", "--expect-no-changes"], where, status=None)
    drift = run(["drift"], where, status=None)
    state, facts = recorded(where)
    expected = {f"{image}@{region}" for image in images for region in ("ap-jakarta", "ap-singapore", "ap-tokyo")}
    newest = {}
    for address, placement in facts.items():
        at, number = address.rsplit("#", 1)
        if int(number) >= newest.get(at, (0, None))[0]:
            newest[at] = (int(number), placement)
    problems = []
    if again.returncode != 0 or drift.returncode != 0:
        problems.append(f"not converged: plan {again.returncode}, drift {drift.returncode}\n{again.stdout}{drift.stdout}")
    if set(newest) != expected:
        problems.append(f"placements {set(newest) ^ expected}")
    for at, (_, placement) in newest.items():
        shared = set(placement.get("shared", placement.get("shares", [])))
        if placement["state"] != "NORMAL" or shared != set(accounts):
            problems.append(f"{at}: {placement['state']}, shared with {sorted(shared)}")
    ids = [placement["id"] for placement in facts.values()]
    if len(ids) != len(set(ids)):
        problems.append("one image under two addresses")
    listed = json.loads(run(["images", "--type", "custom", "--format", "json"], where).stdout)["images"]
    found = images_of(listed, images)
    if sorted(found) != sorted(ids):
        problems.append(f"orphans or losses: {set(found) ^ set(ids)}")
    if problems:
        check(f"{name}: one run converges", False, "\n".join(problems))
    return not problems


def images_of(listed, images):
    names = tuple(f"{image}-" for image in images)
    return [row["id"] for row in listed if row["name"].startswith(names)]


def killed():
    """Applies of 20 images with 2 copies and 5 accounts, killed at random moments."""
    seed = int(os.environ.get("GOLDFORM_SEED", time.time()))
    chance = random.Random(seed)
    where = FOLDER / "killed"
    where.mkdir()
    images = [f"img{number:02}" for number in range(20)]
    begun, kills, good = time.monotonic(), 0, 0
    for number in range(ROUNDS):
        (where / "goldform.yaml").write_text(manifest("s3://states/team/killed.json", images, str(number)))
        for _ in range(chance.randint(1, 3)):
            process = subprocess.Popen([GOLDFORM, "apply", "--yes", "--lock-timeout", "4m"], cwd=where, env=ENVIRONMENT,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.05, 5.0))
            if process.poll() is None:
                process.kill()
                kills += 1
            process.wait()
            # A person who knows that it is dead does not wait for the lease.
            run(["state", "unlock", "--yes"], where)
        good += converge_and_check(where, images, ACCOUNTS, str(number), f"kill -9, round {number}, seed {seed}")
    took = time.monotonic() - begun
    check(f"kill -9: {good} of {ROUNDS} rounds converge, {kills} kills, {took:.0f} s, seed {seed}", good == ROUNDS)


def overhead():
    """The time that storage at a distance of 20 ms adds to an apply of 100 images."""
    images = [f"o{number:03}" for number in range(100)]
    times = {}
    for name, state in (("a file", "local.json"), ("storage", "s3://states/team/overhead.json")):
        where = FOLDER / f"overhead-{name.replace(' ', '-')}"
        where.mkdir()
        port = serve(["--in-memory", "--rates", "documented", "--images-per-region", "500"], f"overhead-{name}")
        text = manifest(state, images, "1", copies=(), accounts=[]).replace(ENDPOINT, f"http://127.0.0.1:{port}")
        (where / "goldform.yaml").write_text(text.replace("images_per_region: 100", "images_per_region: 500"))
        begun = time.monotonic()
        run(["apply", "--yes"], where, AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{DELAYED}")
        times[name] = time.monotonic() - begun
    ratio = times["storage"] / times["a file"]
    # A measurement, and no check: other programs on the machine count in it.
    print(f"        an apply of 100 images: {times['a file']:.1f} s with a file, {times['storage']:.1f} s with storage at "
          f"20 ms, ratio {ratio:.2f}", flush=True)


def serve(arguments, name):
    port = free_port()
    log = open(FOLDER / f"{name.replace(' ', '-')}.log", "w")
    start([GOLDFORM, "sandbox", "serve", "--listen", f"127.0.0.1:{port}", "--account",
           "100000000001:AKIDone:key-one", *arguments], cwd=FOLDER, stdout=log, stderr=log)
    wait_for(f"http://127.0.0.1:{port}/")
    return port


def main():
    global STORAGE, ENDPOINT, ENVIRONMENT, WORLD, DELAYED
    port = free_port()
    start([SERVER, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    STORAGE = f"http://127.0.0.1:{port}"
    wait_for(STORAGE)
    urllib.request.urlopen(urllib.request.Request(f"{STORAGE}/states", method="PUT"), timeout=10)
    WORLD = FOLDER / "world.db"
    ENDPOINT = f"http://127.0.0.1:{serve(['--world', str(WORLD), '--images-per-region', '100', '--settle', '600ms'], 'sandbox')}"
    delay = Delay(port, 0.02)
    delay.start()
    DELAYED = delay.port
    ENVIRONMENT = {
        **{name: value for name, value in os.environ.items() if not re.match(r"(TENCENTCLOUD|GOLDFORM|AWS)_", name)},
        "AWS_ACCESS_KEY_ID": "AKIDtest", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL_S3": STORAGE,
        "TENCENTCLOUD_SECRET_ID": "AKIDone", "TENCENTCLOUD_SECRET_KEY": "key-one", "NO_PROXY": "127.0.0.1",
    }
    suite = subprocess.run(
        ["cargo", "test", "--lib", "--quiet", "object::tests::real", "--", "--ignored", "--nocapture", "--test-threads", "1"],
        cwd=ROOT, env={**os.environ, "GOLDFORM_TEST_S3": STORAGE}, capture_output=True, text=True,
    )
    check("the suite of stores, a race of 16 writers 30 times, a stalled holder",
          suite.returncode == 0 and "4 passed" in suite.stdout, suite.stdout + suite.stderr)
    # The wait for a lease to end is used.
    waiting = threading.Thread(target=attempt, args=(stalled_holder,))
    waiting.start()
    attempt(without_conditions)
    attempt(team_story)
    attempt(killed)
    waiting.join()
    attempt(overhead)


def attempt(part):
    try:
        part()
    except AssertionError as problem:
        check(part.__name__, False, str(problem))


try:
    main()
finally:
    for process in started:
        process.kill()
    for process in started:
        process.wait()
    if not failed:
        shutil.rmtree(FOLDER, ignore_errors=True)
print("all passed" if not failed else f"{len(failed)} failed")
sys.exit(bool(failed))
