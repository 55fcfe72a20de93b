"""Clicks through the page of a plan: without scripts, with them, by keyboard, in dark and in light.

Usage: page.py GOLDFORM CHROMIUM FOLDER PICTURES   (the pictures are left in PICTURES)
"""

import json
import os
import subprocess
import sys

from playwright.sync_api import sync_playwright

GOLDFORM, CHROMIUM, FOLDER, PICTURES = sys.argv[1:5]
MANIFEST = """version: 1
account: "100000000001"
accounts: { partner: "200000000001" }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    description: "<img src=x onerror=alert(1)>"
    source: { revision: "REVISION", instance: { id: ins-8f3a1c2d } }
    keep: 0
    copies: [ap-tokyo]
  database:
    region: ap-jakarta
    source: { snapshots: [snap-2f3a1c2d] }
shares:
  - { image: web, with: [partner] }
"""
checks = 0


def check(what, holds):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"browser: {what}: does not hold")


def goldform(*arguments):
    done = subprocess.run([GOLDFORM, *arguments, "-f", f"{FOLDER}/goldform.yaml"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"browser: goldform {arguments}: {done.stderr}")
    return done.stdout


def write(revision):
    with open(f"{FOLDER}/goldform.yaml", "w", encoding="utf-8") as file:
        file.write(MANIFEST.replace("REVISION", revision))


write("1")
goldform("apply", "--yes", "--quiet")
write("2")
page_file = f"{FOLDER}/plan.html"
plan = json.loads(goldform("plan", "--format", "json", "--format", f"html={page_file}"))
steps = [step["id"] for step in plan["steps"]]

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    problems = []

    def opened(**options):
        page = browser.new_context(viewport={"width": 1280, "height": 1400}, **options).new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda request: request.url.startswith("file:") or problems.append(request.url))
        page.goto(f"file://{page_file}")
        return page

    # Without scripts every fact is there.
    page = opened(java_script_enabled=False)
    text = page.inner_text("body")
    for step in steps:
        check(f"the text has {step}", step in text)
    for region in plan["regions"]:
        check(f"the text has {region}", region in text)
    check("the search is not offered without scripts", not page.is_visible("#search"))

    # With scripts: search, the graph by pointer and by keyboard.
    page = opened()
    rows = page.locator("[data-row]:visible").count()
    page.keyboard.press("/")
    check("a stroke of / leads to the search", page.evaluate("document.activeElement.id") == "search")
    page.keyboard.type("database")
    found = page.locator("[data-row]:visible").count()
    check(f"the search leaves fewer rows: {found} of {rows}", 0 < found < rows)
    page.keyboard.press("Escape")
    check("Escape brings every row back", page.locator("[data-row]:visible").count() == rows)
    step = page.locator(".gf-step", has_text="delete").first
    step.click()
    check("a click shows what the step waits for", "waits for" in page.inner_text("#why"))
    check("its arrows are marked", page.locator(".gf-edge.gf-on").count() > 0)
    first = page.locator(".gf-step").first
    first.focus()
    page.keyboard.press("Enter")
    check("Enter chooses a step", page.inner_text("#why").startswith(first.get_attribute("aria-label")))
    check("one step is chosen", page.locator(".gf-step.gf-on").count() == 1)
    check("the page is not wider than the screen",
          page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))

    # Dark and light, and a small screen.
    grounds = []
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.screenshot(path=f"{PICTURES}/{scheme}.png", full_page=True)
    check(f"dark is not light: {grounds}", grounds[0] != grounds[1])
    page.set_viewport_size({"width": 380, "height": 800})
    check("a telephone need not scroll sideways",
          page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
    check(f"nothing went wrong: {problems}", not problems)
    browser.close()

print(f"browser: {checks} checks passed; pictures in {os.path.relpath(PICTURES)}")
