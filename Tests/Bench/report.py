"""The table, the JSON file, and the table in the documentation."""

import json
import os
import platform
import statistics

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def median(samples):
    return statistics.median(samples) if samples else None


def duration(seconds):
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def size(count):
    if count is None:
        return "–"
    return f"{count / 1024:.0f} KiB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"


def share(value):
    return "–" if value is None else f"{value * 100:.2f} %"


def number(value):
    return "–" if value is None else str(value)


def ratio(own, peer):
    if own is None or peer is None or own == 0:
        return "–"
    return f"{peer / own:.1f}×"


def rows(results):
    """Rows of (what, aim, era, supervisord, bare, how many times less than supervisord)."""
    table = []

    def get(name, *path):
        value = results.get(name, {})
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def row(what, aim, text, *path, summary=lambda value: value):
        own, peer, bare = (summary(get(name, *path)) for name in ("era", "supervisord", "bare"))
        comparison = "–" if text is number else ratio(own, peer)
        table.append((what, aim, text(own), text(peer), text(bare), comparison))

    row("configuration in place → first 200 (median)", "15 ms", duration, "first", summary=median)
    for count in sorted({int(key) for name in results for key in get(name, "at_once") or {}}):
        aim = "1.4 s" if count == 500 else ""
        row(f"{count} at once → all answer", aim, duration, "at_once", str(count), "answered")
        row(f"{count} at once → all known as running", "", duration, "at_once", str(count), "known")
    row("killed program → answers again (median)", "10 ms", duration, "back", summary=median)
    row("manager killed, started → all known", "1 s", duration, "manager_back", "known")
    row("… programs that ran on untouched", "all", number, "manager_back", "same_process")
    row("… programs that it knows as running", "all", number, "manager_back", "known_names")
    row("idle CPU with all, manager", "0.1 %", share, "idle", "cpu_manager")
    row("idle CPU with all, shims too", "", share, "idle", "cpu_with_shims")
    row("memory empty, resident", "15 MiB", size, "empty", "rss")
    row("memory empty, private", "", size, "empty", "private")
    row("memory with all, resident", "40 MiB", size, "idle", "rss")
    row("memory with all, private", "", size, "idle", "private")
    row("memory of a shim, private (median)", "150 KiB", size, "idle", "shim_private")
    row("memory of a shim, resident (median)", "", size, "idle", "shim_rss")
    failed = {name: get(name, "updates") for name in ("era", "supervisord", "bare")}
    counts = [f"{one['failed']} of {one['requests']}" if one else "–" for one in failed.values()]
    table.append(("requests failed during updates", "0", *counts, "–"))
    row("slowest request during updates", "", duration, "updates", "slowest")
    row("new version in place → it answers (median)", "", duration, "updates", "update")
    return table


HEADINGS = ("what", "aim", "era", "supervisord", "bare fork+exec", "supervisord : era")


def markdown(table):
    """A table of the documentation; its first row are the headings."""
    lines = ["| " + " | ".join(row) + " |" for row in table]
    lines.insert(1, "|---" * len(table[0]) + "|")
    return "\n".join(lines)


def text(results):
    table = [HEADINGS, *rows(results)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def machine():
    """What the numbers were measured on, without naming the host."""
    model = ""
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release().split("-")[0],
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
    }


def write_json(path, document):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    os.rename(path + ".new", path)


def replace_between(path, begin_mark, end_mark, text):
    """Replaces what stands between two marks of a page."""
    with open(path) as file:
        page = file.read()
    head, begin, rest = page.partition(begin_mark)
    _, end, tail = rest.partition(end_mark)
    if not begin or not end:
        raise SystemExit(f"bench: {path} lacks the marks {begin_mark} and {end_mark}")
    with open(path, "w") as file:
        file.write(f"{head}{begin_mark}\n{text}\n{end_mark}{tail}")


def write_table(path, marks, table, date, host, remarks):
    """Puts a table into the documentation, between its marks, with what it was measured on and how."""
    caption = (
        f"Measured on {date} with {host['cores']} cores ({host['cpu']}), Linux {host['kernel']}{remarks}."
    )
    replace_between(path, *marks, f"{caption}\n\n{markdown(table)}")


def write_docs(path, document):
    """Puts the table into the documentation."""
    remarks = f", {document['machine']['system']}{', --quick' if document['quick'] else ''}"
    table = [HEADINGS, *rows(document["results"])]
    write_table(path, (BEGIN, END), table, document["date"], document["machine"], remarks)
