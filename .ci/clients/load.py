"""Loads `sandbox serve`: a steady rate, a crowd of idle connections, a large world, and a death in the middle of work.

Usage: load.py GOLDFORM [SECONDS]   (standard library only; a world in a temporary folder; ends what it starts)
"""

import asyncio
import hashlib
import hmac
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

GOLDFORM = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 20
RATE, CONNECTIONS, IMAGES, CROWD = 1000, 32, 10_000, 2000
REGION, KEY_ID, KEY = "ap-jakarta", "AKIDone", "key-one"


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(host, action, params):
    """A whole request as bytes; good for five minutes."""
    body, at = json.dumps(params), int(time.time())
    date = time.strftime("%Y-%m-%d", time.gmtime(at))
    canonical = "\n".join(["POST", "/", "", f"content-type:application/json\nhost:{host}\n", "content-type;host",
                           hashlib.sha256(body.encode()).hexdigest()])
    scope = f"{date}/cvm/tc3_request"
    text = f"TC3-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = mac(mac(mac(("TC3" + KEY).encode(), date), "cvm"), "tc3_request")
    signature = mac(key, text).hex()
    return (f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nX-TC-Action: {action}\r\n"
            f"X-TC-Version: 2017-03-12\r\nX-TC-Region: {REGION}\r\nX-TC-Timestamp: {at}\r\n"
            f"Authorization: TC3-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders=content-type;host, "
            f"Signature={signature}\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


class Connection:
    async def open(self, host):
        name, port = host.split(":")
        self.reader, self.writer = await asyncio.open_connection(name, int(port))
        return self

    async def ask(self, request):
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                      if line.lower().startswith(b"content-length"))
        return await self.reader.readexactly(length)


def serve(folder):
    process = subprocess.Popen(
        [GOLDFORM, "sandbox", "serve", "--listen", "127.0.0.1:0", "--account", f"100000000001:{KEY_ID}:{KEY}",
         "--settle", "0s", "--images-per-region", "1000000"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process, process.stdout.readline().split("//")[1].strip()


def memory(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


def reported(times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000
    return f"p50 {at(.5):.1f} ms, p99 {at(.99):.1f} ms, worst {times[-1] * 1000:.1f} ms"


async def steady(host, process):
    """RATE requests a second, one in ten of them a write."""
    total = RATE * SECONDS
    reads = [signed(host, "DescribeImages", {"Limit": 20}), signed(host, "DescribeImageQuota", {})]
    writes = [signed(host, "CreateImage", {"ImageName": f"load-{n}", "InstanceId": "ins-8f3a1c2d"})
              for n in range(total // 10)]
    requests = [writes[n // 10] if n % 10 == 0 else reads[n % 2] for n in range(total)]
    begun, service, late, errors = time.perf_counter(), [], [], 0

    async def work(number):
        nonlocal errors
        connection = await Connection().open(host)
        for n in range(number, total, CONNECTIONS):
            due = begun + n / RATE
            now = time.perf_counter()
            if now < due:
                await asyncio.sleep(due - now)
            sent = time.perf_counter()
            answer = await connection.ask(requests[n])
            done = time.perf_counter()
            service.append(done - sent)
            late.append(done - due)
            errors += b'"Error"' in answer

    await asyncio.gather(*(work(number) for number in range(CONNECTIONS)))
    took = time.perf_counter() - begun
    print(f"steady: {total} requests in {took:.1f} s ({total / took:.0f}/s), {errors} errors; {reported(service)}; "
          f"against the schedule {reported(late)}; {memory(process)} MB")
    return errors == 0 and total / took > RATE * 0.98


async def crowd(host, process):
    """CROWD connections of which most are idle, and a few that work all the time; then one more."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    request, times, broken, done = signed(host, "DescribeImageQuota", {}), [], [], asyncio.Event()

    async def work():
        connection = await Connection().open(host)
        while not done.is_set():
            sent = time.perf_counter()
            try:
                await connection.ask(request)
                times.append(time.perf_counter() - sent)
            except (asyncio.IncompleteReadError, ConnectionError):
                broken.append(len(idle))
                connection = await Connection().open(host)
            await asyncio.sleep(0.05)

    idle, begun = [], time.perf_counter()
    working = [asyncio.ensure_future(work()) for _ in range(8)]
    for n in range(CROWD):
        connection = await Connection().open(host)
        # One in three sends nothing, one half a request, one a whole request.
        connection.writer.write(request[:[0, len(request) // 2, len(request)][n % 3]])
        idle.append(connection)
    opened = time.perf_counter() - begun
    await asyncio.sleep(1)
    sent = time.perf_counter()
    answer = await (await Connection().open(host)).ask(request)
    last = (time.perf_counter() - sent) * 1000
    done.set()
    await asyncio.gather(*working)
    open_files = len(os.listdir(f"/proc/{process.pid}/fd"))
    print(f"crowd: {CROWD} connections in {opened:.1f} s; the next one is answered in {last:.1f} ms; "
          f"{len(times)} calls meanwhile: {reported(times)}; {len(broken)} of their connections closed; "
          f"{open_files} files open, {memory(process)} MB")
    for connection in idle:
        connection.writer.close()
    return b"ImageNumQuota" in answer and not broken


async def large(host, process):
    """IMAGES images in one region, and pages of them."""
    have = json.loads(await (await Connection().open(host)).ask(
        signed(host, "DescribeImages", {"Filters": [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]})))
    missing = range(have["Response"]["TotalCount"], IMAGES)
    begun = time.perf_counter()

    async def work(number):
        connection = await Connection().open(host)
        for n in missing[number::CONNECTIONS]:
            params = {"ImageName": f"large-{n}", "InstanceId": "ins-8f3a1c2d"}
            answer = await connection.ask(signed(host, "CreateImage", params))
            assert b'"Error"' not in answer, answer

    await asyncio.gather(*(work(number) for number in range(CONNECTIONS)))
    made = time.perf_counter() - begun
    connection, times, seen = await Connection().open(host), [], set()
    for offset in range(0, IMAGES, 100):
        page = {"Limit": 100, "Offset": offset, "Filters": [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]}
        request = signed(host, "DescribeImages", page)
        sent = time.perf_counter()
        answer = await connection.ask(request)
        times.append(time.perf_counter() - sent)
        seen |= {image["ImageId"] for image in json.loads(answer)["Response"]["ImageSet"]}
    print(f"large: {len(missing)} images made in {made:.1f} s; {len(times)} pages of 100: {reported(times)}; "
          f"{len(seen)} seen; {memory(process)} MB")
    return len(seen) == IMAGES


async def death(host, process):
    """Calls that were answered before kill -9."""
    accepted, stop = [], time.perf_counter() + 3

    async def work(number):
        connection = await Connection().open(host)
        n = 0
        try:
            while True:
                name = f"death-{number}-{n}"
                answer = json.loads(await connection.ask(
                    signed(host, "CreateImage", {"ImageName": name, "InstanceId": "ins-8f3a1c2d"})))
                accepted.append(answer["Response"]["ImageId"])
                n += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    async def kill():
        await asyncio.sleep(stop - time.perf_counter())
        os.kill(process.pid, signal.SIGKILL)

    await asyncio.gather(kill(), *(work(number) for number in range(CONNECTIONS)))
    process.wait()
    return accepted


async def after(host, accepted):
    connection, lost = await Connection().open(host), 0
    for at in range(0, len(accepted), 100):
        ids = accepted[at:at + 100]
        answer = json.loads(await connection.ask(signed(host, "DescribeImages", {"ImageIds": ids, "Limit": 100})))
        lost += len(ids) - len(answer["Response"]["ImageSet"])
    print(f"death: {len(accepted)} calls accepted before kill -9, {lost} lost")
    return lost == 0 and len(accepted) > 0


def main():
    with tempfile.TemporaryDirectory() as folder:
        process, host = serve(folder)
        try:
            good = asyncio.run(steady(host, process))
            good = asyncio.run(crowd(host, process)) and good
            good = asyncio.run(large(host, process)) and good
            accepted = asyncio.run(death(host, process))
            process, host = serve(folder)
            good = asyncio.run(after(host, accepted)) and good
        finally:
            process.terminate()
            process.wait()
    print("load: passed" if good else "load: FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
