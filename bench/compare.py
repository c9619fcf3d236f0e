#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run midge and other NATS servers in turn on this machine, and print medians and ratios.

    bench/compare.py --reference /usr/sbin/nats-server [--reference OTHER] [--rounds 5] [--quick]

Each run starts a fresh server with its defaults and loads it with `midge bench`. In a round every
scenario meets every server once, one after the other, so that whatever else the machine does hits
all of them alike. Believe the ratios, not the figures: they were measured side by side.

A ratio says how many times better midge is: 2.00x more messages, or 2.00x less CPU or memory. It is
the median of the ratios of the rounds, and behind it stand the lowest and the highest of them.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import sys
import tempfile

import stalls
from scenario import CURVES, SCENARIOS, RunFailed
from server import Certificates, StartFailed, version_of

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUSY = 0.5  # load average
STALL_SECONDS = 1


def names_of(args):
    """Column titles, midge first."""
    names = [f"midge {version_of(args.midge)}"]
    for path in args.reference:
        name = f"{pathlib.Path(path).name} {version_of(path)}"
        names.append(name if name not in names else path)
    return names


def newest(names):
    """The reference with the highest version; None without a reference."""
    def version(name):
        return [int(part) if part.isdigit() else 0 for part in name.split()[-1].split(".")]
    return max(names[1:], key=version, default=None)


def measure_all(args, scenarios, programs, certificates, runs):
    """Fill runs[scenario][server] round by round, so that a stop leaves whole rounds. The texts of
    runs that failed; the rest of their scenario's round is left out."""
    failures = []
    for number in range(1, args.rounds + 1):
        for scenario in scenarios:
            results = {}
            try:
                for name, program in programs.items():
                    show(f"round {number}/{args.rounds}  {scenario.name}  {name}")
                    results[name] = scenario.run(args.midge, program, certificates, args.quick)
            except (RunFailed, StartFailed) as failure:
                failures.append(f"{name}: {failure}")
                continue
            for name, result in results.items():
                runs.setdefault(scenario.name, {}).setdefault(name, []).append(result)
    show("")
    return failures


def show(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:78]}", end="", file=sys.stderr, flush=True)


# ---- what the runs say ---------------------------------------------------------------------------

class Ratio:
    """Over the rounds: the median, the lowest, the highest; None where it has no meaning."""

    def __init__(self, values):
        values = [value for value in values if value is not None]
        self.median = statistics.median(values) if values else None
        self.low = min(values, default=None)
        self.high = max(values, default=None)

    def text(self):
        return "-" if self.median is None else f"{self.median:.2f}x"

    def spread(self):
        return "" if self.median is None else f"{self.low:.2f}-{self.high:.2f}"


def median(measure, results):
    return statistics.median(measure.value(result) for result in results)


def ratio_of(measure, by_server, midge, others):
    """Against one other server, or in each round against the better of several."""
    rounds = zip(by_server[midge], *(by_server[other] for other in others))
    ratios = []
    for mine, *theirs in rounds:
        values = [measure.ratio(measure.value(mine), measure.value(other)) for other in theirs]
        values = [value for value in values if value is not None]
        ratios.append(min(values, default=None))
    return Ratio(ratios)


def rows_of(scenarios, runs, names):
    """(scenario title, measure title, medians, ratios) for each line of the table."""
    for scenario in scenarios:
        by_server = runs.get(scenario.name)
        if by_server is None:
            continue
        title = scenario.title
        for measure in scenario.measures:
            medians = [median(measure, by_server[name]) for name in names]
            ratios = [ratio_of(measure, by_server, names[0], [other]) for other in names[1:]]
            yield title, measure.title, medians, ratios
            title = ""


def verdicts_of(scenarios, runs, names):
    """(cells, met) for each target that can be judged with these references."""
    reference = newest(names)
    for scenario in scenarios:
        by_server = runs.get(scenario.name)
        for target in scenario.targets if by_server else ():
            others = names[1:] if target.of_all else [reference]
            if target.times and (reference is None or (target.of_all and len(others) < 2)):
                continue
            measure = target.measure
            value = median(measure, by_server[names[0]])
            ratio = ratio_of(measure, by_server, names[0], others) if reference else Ratio([])
            met = target.is_met(value, ratio.median)
            yield [scenario.name, measure.title, number_text(value), ratio.text(), ratio.spread(),
                   target.text(), "ok" if met else "MISS"], met


# ---- tables --------------------------------------------------------------------------------------

def number_text(value):
    if value >= 10000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def cells_of(rows):
    for title, measure, medians, ratios in rows:
        cells = [title, measure, number_text(medians[0])]
        for value, ratio in zip(medians[1:], ratios):
            cells += [number_text(value), ratio.text(), ratio.spread()]
        yield cells


def header(names):
    titles = ["scenario", "measure", names[0]]
    for name in names[1:]:
        titles += [name, "ratio", "spread"]
    return titles


def print_lines(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        left = [cell.ljust(width) for cell, width in zip(line[:2], widths)]
        right = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:])]
        print("  ".join(left + right).rstrip())


def print_verdicts(verdicts, names):
    titles = ["scenario", "measure", "midge", "ratio", "spread", "target", ""]
    print_lines([titles] + [cells for cells, _ in verdicts])
    missed = sum(not met for _, met in verdicts)
    print(f"\n{len(verdicts) - missed} of {len(verdicts)} targets met against {newest(names)}")


def markdown(names, rows):
    titles = header(names)
    yield "| " + " | ".join(titles) + " |"
    yield "|" + "|".join(["---", "---"] + ["---:"] * (len(titles) - 2)) + "|"
    for cells in cells_of(rows):
        yield "| " + " | ".join(cells) + " |"


def document(args, names, scenarios, runs):
    """The --json file: the arguments, every run, and the medians."""
    return {
        "rounds": args.rounds,
        "quick": args.quick,
        "cpus": len(stalls.cores_here()),
        "load_average": args.load_average,
        "stalls": args.stalls,
        "servers": names,
        "scenarios": [{
            "name": scenario.name,
            "title": scenario.title,
            "arguments": scenario.arguments(args.quick),
            "tls": scenario.tls,
            "medians": {measure.title: {name: median(measure, results)
                                        for name, results in runs[scenario.name].items()}
                        for measure in scenario.measures},
            "runs": runs[scenario.name],
        } for scenario in scenarios if scenario.name in runs],
    }


# ---- the program ---------------------------------------------------------------------------------

def chosen(args):
    """The scenarios of this run, in the order of their tables; only names from both of them."""
    wanted = [name for text in args.only for name in text.split(",")]
    everything = SCENARIOS + CURVES
    names = [scenario.name for scenario in everything]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise SystemExit(f"compare.py: unknown scenario {unknown[0]}; there are: {' '.join(names)}")
    if wanted:
        return [scenario for scenario in everything if scenario.name in wanted]
    return CURVES if args.curves else SCENARIOS


def parse(argv):
    parser = argparse.ArgumentParser(
        description="Run midge and other NATS servers in turn; print medians and ratios.")
    parser.add_argument("--midge", default=str(ROOT / "build/midge"), metavar="PROGRAM",
                        help="midge, which is also the load program (build/midge)")
    parser.add_argument("--reference", action="append", default=[], metavar="PROGRAM",
                        help="a nats-server to compare with; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, 2 rounds at most")
    parser.add_argument("--only", action="append", default=[], metavar="NAME,...",
                        help="these scenarios only")
    parser.add_argument("--curves", action="store_true",
                        help="how cost grows with subscribers, connections, subscriptions and loops")
    parser.add_argument("--targets", action="store_true",
                        help="print each ratio beside what it must reach, instead of the table")
    parser.add_argument("--check", action="store_true",
                        help="like --targets, and exit with 1 when one was missed")
    parser.add_argument("--list", action="store_true", help="print the scenarios and end")
    parser.add_argument("--json", metavar="FILE", help="write every run there")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, for documents")
    args = parser.parse_args(argv)
    if args.quick:
        args.rounds = min(args.rounds, 2)
    if args.rounds < 1:
        parser.error("--rounds needs at least 1")
    for program in [args.midge, *args.reference]:
        if not args.list and not os.access(program, os.X_OK):
            parser.error(f"no program: {program}")
    return args


def report(args, scenarios, runs, names):
    """Print and write what was measured; the exit status."""
    rows = list(rows_of(scenarios, runs, names))
    verdicts = list(verdicts_of(scenarios, runs, names))
    if (args.targets or args.check) and verdicts:
        print_verdicts(verdicts, names)
    else:
        print_lines([header(names), *cells_of(rows)])
    if args.markdown:
        pathlib.Path(args.markdown).write_text("\n".join(markdown(names, rows)) + "\n",
                                               encoding="utf-8")
    if args.json:
        pathlib.Path(args.json).write_text(
            json.dumps(document(args, names, scenarios, runs), indent=1) + "\n", encoding="utf-8")
    return 1 if args.check and not (verdicts and all(met for _, met in verdicts)) else 0


def main(argv=None):
    args = parse(argv)
    scenarios = chosen(args)
    if args.list:
        for scenario in scenarios:
            print(f"{scenario.name:<18} {scenario.title}")
        return 0
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = names_of(args)
    programs = dict(zip(names, [args.midge, *args.reference]))
    runs, failures = {}, []
    args.load_average = os.getloadavg()[0]
    if args.load_average > BUSY:
        print(f"This machine is busy (load average {args.load_average:.1f}): CPU times can still be "
              "compared, rates and latencies hardly.", file=sys.stderr)
    args.stalls = stalls.measure(STALL_SECONDS)
    print(stalls.told(args.stalls), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="midge-compare-") as folder:
        try:
            failures = measure_all(args, scenarios, programs, Certificates(pathlib.Path(folder)),
                                   runs)
        except KeyboardInterrupt:
            print("\nstopped; what is complete:", file=sys.stderr)
    status = report(args, scenarios, runs, names)
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else status


if __name__ == "__main__":
    sys.exit(main())
