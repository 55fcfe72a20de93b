"""Types lines into a shell on a terminal of its own, presses Tab, and reads what became of them.

Usage: shells.py SHELL, in a folder with a manifest, a state and bin/goldform.
"""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

# What is typed, and what the line is after Tab.
LINES = [
    ("goldform stat", "goldform state "),
    ("goldform state show image.w", "goldform state show image.web-base"),
    ("goldform state show image.db-base@", "goldform state show image.db-base@ap-singapore"),
    ("goldform state show image.web-base@ap-t", "goldform state show image.web-base@ap-tokyo"),
    ("goldform state show image.web-base@ap-tokyo#", "goldform state show image.web-base@ap-tokyo#1 "),
    ("goldform plan --target image.web-base@ap-j", "goldform plan --target image.web-base@ap-jakarta"),
    ("goldform plan --target=image.web-base@ap-j", "goldform plan --target=image.web-base@ap-jakarta"),
    ("goldform plan --deny share_ga", "goldform plan --deny share_gap "),
    ("goldform explain GF60", "goldform explain GF60"),
    ("goldform images --region ap-tok", "goldform images --region ap-tokyo "),
    ("goldform graph --format sv", "goldform graph --format svg "),
    ("goldform graph --format=sv", "goldform graph --format=svg "),
    ("goldform graph --format svg=goldform.y", "goldform graph --format svg=goldform.yaml "),
    ("goldform refresh --format js", "goldform refresh --format json "),
    ("goldform plan -f goldform.y", "goldform plan -f goldform.yaml "),
    ("goldform state rm share.web-base@ap-t", "goldform state rm share.web-base@ap-tokyo#1/200000000001 "),
    ("goldform plan --target image.nothing", "goldform plan --target image.nothing"),
    ("goldform -f nowhere.yaml plan --target image.", "goldform -f nowhere.yaml plan --target image."),
    ("goldform plan -f goldform.yaml --target image.d", "goldform plan -f goldform.yaml --target image.db-base"),
]
# What is typed, and what Tab lists.
LISTS = [
    ("goldform state show image.", {"image.db-base", "image.web-base"}),
    ("goldform state show image.web-base@", {f"image.web-base@ap-{at}" for at in ("jakarta", "singapore", "tokyo")}),
    ("goldform graph --format ", {"dot", "mermaid", "svg"}),
    ("goldform explain GF60", {"GF601", "GF602"}),
]

# A key (Ctrl-X) that writes the line into a file, and the completions, by shell.
SETUP = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind -x '\"\\C-x\": printf \"%s\" \"$READLINE_LINE\" > line'; bind 'set bell-style none'; "
        "source <(goldform completions bash)",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -U compinit; compinit -u -D; show() { print -rn -- \"$BUFFER\" > line }; zle -N show; "
        "bindkey '^X' show; setopt nobeep; source <(goldform completions zsh)",
    ),
    "elvish": (
        ["elvish", "-norc"],
        "eval (goldform completions elvish | slurp); set edit:insert:binding[Ctrl-X] = "
        "{ print $edit:current-command > line }",
    ),
}


class Terminal:
    def __init__(self, command, setup):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execvp(command[0], command)
        self.read(1.0)
        self.write(setup + "\r")
        self.read(1.5)

    def write(self, text):
        os.write(self.terminal, text.encode())

    def read(self, quiet):
        """Everything that comes until nothing came for so long."""
        text = b""
        while select.select([self.terminal], [], [], quiet)[0]:
            try:
                part = os.read(self.terminal, 65536)
            except OSError:
                break
            if not part:
                break
            text += part
        return text.decode(errors="replace")

    def line(self, typed, tabs):
        """What the line is after it was typed and Tab was pressed, and what was shown meanwhile."""
        if os.path.exists("line"):
            os.remove("line")
        self.write(typed)
        self.read(0.15)
        self.write("\t" * tabs)
        shown = self.read(0.3)
        self.write("\x18")
        end = time.monotonic() + 5
        while not os.path.exists("line") and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.05)
        line = open("line", encoding="utf-8").read() if os.path.exists("line") else None
        self.write("\x03")
        self.read(0.15)
        return line, shown

    def end(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        if os.path.exists("line"):
            os.remove("line")


def asked(command):
    """What a shell that can be asked lists, without its descriptions."""
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.stderr:
        print(f"  it said: {answer.stderr.strip()}")
    return {line.split("\t")[0] for line in answer.stdout.splitlines() if line}


def fish(typed):
    return asked(["fish", "--no-config", "-c", f"goldform completions fish | source; complete -C '{typed}'"])


def pwsh(typed):
    script = (
        "goldform completions powershell | Out-String | Invoke-Expression; "
        f"(TabExpansion2 '{typed}' {len(typed)}).CompletionMatches.CompletionText"
    )
    return asked(["pwsh", "-NoProfile", "-Command", script])


def common(candidates):
    return os.path.commonprefix(sorted(candidates))


def ask_lists(ask):
    """For shells that list without a terminal: what they list, and what the last word grows to by it."""
    failed = []
    for typed, wanted in LISTS:
        found = ask(typed)
        if found != wanted:
            failed.append(f"{typed!r}: {sorted(found)}, not {sorted(wanted)}")
    for typed, wanted in LINES:
        word = typed.rsplit(" ", 1)[1]
        found = ask(typed)
        grown = common(found) or word
        line = typed[: len(typed) - len(word)] + grown
        if line != wanted.rstrip():
            failed.append(f"{typed!r} becomes {line!r}, not {wanted.rstrip()!r}")
    return failed


def type_lines(shell):
    failed = []
    terminal = Terminal(*SETUP[shell])
    try:
        # Elvish lets a person choose from its list, even from one of one.
        for typed, wanted in LINES if shell != "elvish" else []:
            line, shown = terminal.line(typed, 1)
            # Whether a blank follows is the shell's affair, and some quote what means something to them.
            plain = None if line is None else line.replace("\\", "").replace("'", "").rstrip()
            if plain != wanted.rstrip():
                failed.append(f"{typed!r} becomes {line!r}, not {wanted!r}; shown: {shown!r}")
        for typed, wanted in LISTS:
            # Bash first completes the common prefix, and shows the text after the last of its own breaks.
            _, shown = terminal.line(typed, 3 if shell == "bash" else 2)
            shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", shown)
            part = (lambda one: one.rsplit("@", 1)[-1]) if shell == "bash" else str
            missing = {one for one in wanted if part(one) not in shown}
            if missing:
                failed.append(f"{typed!r} does not list {sorted(missing)}: {shown!r}")
    finally:
        terminal.end()
    return failed


def main():
    shell = sys.argv[1]
    ask = {"fish": fish, "pwsh": pwsh}.get(shell)
    failed = ask_lists(ask) if ask else type_lines(shell)
    for line in failed:
        print(f"{shell}: {line}")
    if not failed:
        lines = 0 if shell == "elvish" else len(LINES)
        print(f"{shell}: {lines} lines completed, {len(LISTS)} listed")
    return 1 if failed else 0


sys.exit(main())
