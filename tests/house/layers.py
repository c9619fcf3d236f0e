#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check what the architecture depends on, over every file below src.

    layers.py [ROOT]

- a file includes its own folder and folders of a lower rank (src/layers.txt), never a sibling;
- no file includes itself through others;
- libuv is seen in net and os only, liburcu in base/rcu only;
- functions that overflow or hide state are not called; the heap is used through base/mem.h;
- which platform this is, only os asks.

Each violation is one line, FILE:LINE: what is wrong and what to do. Exit code 1 when there is one.
layers_test.py proves that each rule finds what it forbids.
"""
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FORBIDDEN = {
    "strcpy": "memcpy with a checked length",
    "strcat": "base/buf.h",
    "sprintf": "snprintf or base/buf.h",
    "vsprintf": "vsnprintf",
    "strtok": "base/text.h",
    "atoi": "base/text.h, which tells digits from rubbish",
    "gets": "a bounded read",
    "alloca": "an array of fixed size or base/mem.h",
}
FORBIDDEN_CALL = re.compile(r"\b(%s)\s*\(" % "|".join(FORBIDDEN))
HEAP_CALL = re.compile(r"(?<!->)(?<!\.)\b(malloc|calloc|realloc|free)\s*\(")
PLATFORM = re.compile(
    r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*\b("
    r"__linux__|__linux|linux|__gnu_linux__|__APPLE__|__MACH__|__FreeBSD__|__OpenBSD__|__NetBSD__|"
    r"__DragonFly__|__unix__|__unix|_WIN32|_WIN64|__sun|__ANDROID__|BSD)\b"
)
# Comments, string and character literals: blanked, newlines kept, so that line numbers stay true.
NOT_CODE = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL
)


class Include:
    def __init__(self, line, path, quoted):
        self.line, self.path, self.quoted = line, path, quoted


class Source:
    """One file: its path from src, its includes, its code without comments and literals."""

    def __init__(self, src, path):
        self.name = path.relative_to(src).as_posix()
        self.folder = self.name.split("/")[0]
        text = path.read_text(encoding="utf-8", errors="replace")
        self.code = NOT_CODE.sub(blank, text).splitlines()
        self.includes = []
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                self.includes.append(Include(number, found[2], found[1] == '"'))


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def without_comments(text):
    return NOT_CODE.sub(lambda m: blank(m) if m[0][0] == "/" else m[0], text)


def read_ranks(path):
    """layers.txt as {folder: rank}."""
    ranks = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        for folder in words[1:]:
            ranks[folder] = int(words[0])
    return ranks


def read_sources(src):
    files = sorted(p for p in src.rglob("*") if p.suffix in (".c", ".h", ".def"))
    return [Source(src, p) for p in files]


def check_ranks(source, ranks, names):
    if "/" not in source.name:
        return
    if source.folder not in ranks:
        yield 1, f"folder {source.folder} has no rank; give it one in src/layers.txt"
        return
    own = ranks[source.folder]
    for inc in (i for i in source.includes if i.quoted):
        if inc.path not in names:
            yield inc.line, f'"{inc.path}" is not a file below src; write "folder/file.h"'
            continue
        other = inc.path.split("/")[0]
        rank = ranks.get(other)
        if other == source.folder or rank is None or rank < own:
            continue
        way = "sideways, both have rank %d" % own if rank == own else f"upward, {own} to {rank}"
        yield inc.line, f'"{inc.path}": {source.folder} may not include {other} ({way}; src/layers.txt)'


def check_libraries(source):
    for inc in source.includes:
        if re.match(r"uv(\.h|/)", inc.path) and source.folder not in ("net", "os"):
            yield inc.line, f"<{inc.path}>: only net and os use libuv; use net/loop.h or os/os.h"
        if inc.path.startswith("urcu") and not re.match(r"base/rcu(_\w+)?\.[ch]$", source.name):
            yield inc.line, f"<{inc.path}>: only base/rcu uses liburcu; use base/rcu.h"


def check_calls(source):
    for number, line in enumerate(source.code, 1):
        for call in FORBIDDEN_CALL.findall(line):
            yield number, f"{call}() is not used here; use {FORBIDDEN[call]}"
        if source.folder != "base":
            for call in HEAP_CALL.findall(line):
                yield number, f"{call}() outside base; use base/mem.h"
        platform = PLATFORM.match(line)
        if platform and source.folder != "os":
            yield number, f"{platform[1]}: which platform this is, only src/os asks"


def find_cycles(sources):
    """Each circle of includes once, as (source, line of the include that closes it, path)."""
    by_name = {s.name: s for s in sources}
    state, trail, found = {}, [], []

    def visit(source):
        state[source.name] = "open"
        trail.append(source.name)
        for inc in source.includes:
            target = by_name.get(inc.path) if inc.quoted else None
            if target is None:
                continue
            if state.get(target.name) == "open":
                circle = trail[trail.index(target.name):] + [target.name]
                found.append((source, inc.line, " -> ".join(circle)))
            elif target.name not in state:
                visit(target)
        trail.pop()
        state[source.name] = "done"

    for source in sources:
        if source.name not in state:
            visit(source)
    return found


def check(root):
    """All violations below root/src, each as one line of text; and how many files were read."""
    src = Path(root) / "src"
    ranks = read_ranks(src / "layers.txt")
    sources = read_sources(src)
    names = {s.name for s in sources}
    problems = []
    for source in sources:
        for found in (check_ranks(source, ranks, names), check_libraries(source), check_calls(source)):
            problems += [f"src/{source.name}:{line}: {text}" for line, text in found]
    for source, line, circle in find_cycles(sources):
        problems.append(f"src/{source.name}:{line}: includes in a circle: {circle}")
    return problems, len(sources)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    problems, count = check(root)
    for line in problems:
        print(line)
    if count == 0:
        print(f"{root}/src: no source file found", file=sys.stderr)
        return 1
    print(f"layers: {count} files, {len(problems)} violations")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
