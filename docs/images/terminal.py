#!/usr/bin/env python3
"""Draws what a terminal showed as an SVG: text on standard input, colours by ANSI sequences and all.

usage: script -qc 'era get; …' /dev/null | python3 docs/images/terminal.py > docs/images/session.svg
"""
import re
import sys
from html import escape

COLOURS = {
    "30": "#6e7681", "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff",
    "36": "#a5d6ff", "37": "#e6edf3", "90": "#8b949e", "91": "#ffa198", "92": "#aff5b4", "93": "#f2cc60",
    "94": "#a5d6ff", "95": "#e2c5ff", "96": "#b6e3ff", "97": "#ffffff",
}
CHARACTER_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 20, 20
STYLE = re.compile(r"\x1b\[([0-9;]*)m")
OTHER = re.compile(r"\x1b\[[0-9;?]*[A-HJ-Za-ln-z]|\x1b\][^\x07]*\x07|\r")


def spans(line, style):
    """Yields pieces of a line with the colour, the weight and the opacity they have; `style` goes on."""
    position = 0
    for match in list(STYLE.finditer(line)) + [None]:
        end = match.start() if match else len(line)
        if end > position:
            yield position, line[position:end], dict(style)
        if match is None:
            return
        for code in (match.group(1) or "0").split(";"):
            if code in ("", "0"):
                style.clear()
            elif code == "1":
                style["font-weight"] = "bold"
            elif code == "2":
                style["opacity"] = "0.6"
            elif code in COLOURS:
                style["fill"] = COLOURS[code]
        position = match.end()


def main():
    lines = [OTHER.sub("", line.rstrip()) for line in sys.stdin.read().rstrip("\n").split("\n")]
    width = max(len(STYLE.sub("", line)) for line in lines) * CHARACTER_WIDTH + 2 * MARGIN
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#e6edf3">'
    )
    print(f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#0d1117"/>')
    style = {}
    for number, line in enumerate(lines):
        top = MARGIN + number * LINE_HEIGHT + 15
        column = 0
        for _, text, attributes in spans(line, style):
            listed = "".join(f' {name}="{value}"' for name, value in attributes.items())
            x = MARGIN + column * CHARACTER_WIDTH
            if text.strip():
                print(
                    f'<text x="{x:.1f}" y="{top}" textLength="{len(text) * CHARACTER_WIDTH:.1f}" '
                    f'xml:space="preserve"{listed}>{escape(text)}</text>'
                )
            column += len(text)
    print("</svg>")


if __name__ == "__main__":
    main()
