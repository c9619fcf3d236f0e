#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Show the house at a glance: sizes of folders, files and functions, and who includes whom.

    sizes.py [ROOT]

Nothing here fails: sizes are a reader's comfort. What must hold is checked by layers.py.
Functions are found by the layout .clang-format gives them: a brace alone in the first column opens
a body, the next one closes it.
"""
import re
import statistics
import sys
from pathlib import Path

import layers

SHOWN = 12
AIM_FILE, AIM_FUNCTION = 700, 60


def count_lines(path):
    return len(path.read_text(encoding="utf-8", errors="replace").splitlines())


def functions_of(source):
    """(lines, name, first line) of each function body in a source file."""
    head, start = [], None
    for number, line in enumerate(source.code, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}"):
            name = re.search(r"(\w+)\s*\(", " ".join(head))
            if start is not None and name:
                yield number - start - 1, name[1], start
            head, start = [], None
        elif start is None:
            stripped = line.strip()
            if not stripped or stripped.startswith("#") or stripped.endswith(";"):
                head = []
            else:
                head.append(stripped)


def table(title, rows):
    print(f"\n{title}")
    for row in rows:
        print("  " + row)


def mark(size, aim):
    return " *" if size > aim else ""


def show_folders(root, sources, ranks):
    per_folder = {}
    for s in sources:
        folder = s.folder if "/" in s.name else "."
        kind = "test" if s.name.endswith("_test.c") else Path(s.name).suffix[1:]
        row = per_folder.setdefault(folder, {"files": 0, "c": 0, "h": 0, "def": 0, "test": 0})
        row["files"] += 1
        row[kind] += count_lines(root / "src" / s.name)
    print(f"{'rank folder':<16}{'files':>6}{'.c':>8}{'.h':>7}{'.def':>6}{'tests':>7}")
    order = sorted(per_folder, key=lambda f: (ranks.get(f, 99), f))
    for folder in order:
        r = per_folder[folder]
        print(f"{ranks.get(folder, '-'):>4} {folder:<11}{r['files']:>6}{r['c']:>8}{r['h']:>7}"
              f"{r['def']:>6}{r['test']:>7}")
    total = {k: sum(r[k] for r in per_folder.values()) for k in ("files", "c", "h", "def", "test")}
    print(f"     {'all':<11}{total['files']:>6}{total['c']:>8}{total['h']:>7}{total['def']:>6}"
          f"{total['test']:>7}")


def show_files(root, sources):
    sized = sorted(((count_lines(root / "src" / s.name), s.name) for s in sources), reverse=True)
    median = statistics.median(n for n, _ in sized)
    table(f"largest files, in lines (median {median:.0f}; * above {AIM_FILE})",
          [f"{n:>6} src/{name}{mark(n, AIM_FILE)}" for n, name in sized[:SHOWN]])


def show_functions(sources):
    found = [(n, name, s.name, line) for s in sources if s.name.endswith(".c")
             and not s.name.endswith("_test.c") for n, name, line in functions_of(s)]
    if not found:
        return
    found.sort(reverse=True)
    long = sum(1 for f in found if f[0] > AIM_FUNCTION)
    table(f"largest of {len(found)} functions, in lines of body "
          f"(median {statistics.median(f[0] for f in found):.0f}; {long} above {AIM_FUNCTION})",
          [f"{n:>6} {name}  src/{file}:{line}{mark(n, AIM_FUNCTION)}" for n, name, file, line in found[:SHOWN]])


def show_includes(sources, ranks):
    """One line per folder, from the top floor down: whom it includes, and how often."""
    graph = {}
    for s in sources:
        for inc in (i for i in s.includes if i.quoted and "/" in i.path):
            other = inc.path.split("/")[0]
            if other != s.folder:
                row = graph.setdefault(s.folder, {})
                row[other] = row.get(other, 0) + 1
    rows = []
    for folder in sorted(graph, key=lambda f: (-ranks.get(f, 99), f)):
        seen = sorted(graph[folder].items(), key=lambda kv: (-ranks.get(kv[0], 99), kv[0]))
        rows.append(f"{ranks.get(folder, '-'):>4} {folder:<10} -> " + "  ".join(f"{f} {n}" for f, n in seen))
    table("who includes whom, and how often", rows)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    ranks = layers.read_ranks(root / "src" / "layers.txt")
    sources = layers.read_sources(root / "src")
    if not sources:
        sys.exit(f"{root}/src: no source file found")
    show_folders(root, sources, ranks)
    show_files(root, sources)
    show_functions(sources)
    show_includes(sources, ranks)
    print()


if __name__ == "__main__":
    main()
