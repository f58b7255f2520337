"""Reports: one HTML file with its pictures inside, and Markdown tables."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geolearn.errors import printable
from geolearn.reports.files import write_text

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .3rem .8rem; border-bottom: 1px solid #ddd; }
th { text-align: left; border-bottom: 2px solid #888; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; } figure { margin: 1rem 0; } figcaption { color: #666; font-size: .9rem; }
.warning { background: #fdecea; border-left: 4px solid #c0392b; padding: .6rem 1rem; }
pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; }
"""


@dataclass
class Report:
    """Builds one self-contained HTML page, part by part."""

    title: str
    parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        self.parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str) -> None:
        self.parts.append(f"<p>{html.escape(text)}</p>")

    def warning(self, text: str) -> None:
        self.parts.append(f'<p class="warning">{html.escape(text)}</p>')

    def raw(self, markup: str) -> None:
        """HTML as it is."""
        self.parts.append(markup)

    def code(self, text: str) -> None:
        self.parts.append(f"<pre>{html.escape(text)}</pre>")

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of equal keys; numbers are aligned right."""
        if not rows:
            return
        head = "".join(f"<th>{html.escape(str(name))}</th>" for name in rows[0])
        body = "".join("<tr>" + "".join(_cell(value) for value in row.values()) + "</tr>" for row in rows)
        self.parts.append(f"<table><tr>{head}</tr>{body}</table>")

    def picture(self, path: Path, caption: str = "") -> None:
        """Embed a PNG or GIF file."""
        kind = "gif" if path.suffix == ".gif" else "png"
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        self.parts.append(
            f'<figure><img src="data:image/{kind};base64,{data}" alt="{html.escape(caption)}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )

    def write(self, path: Path) -> None:
        title = html.escape(self.title)
        write_text(
            path,
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
            f"<h1>{title}</h1>{''.join(self.parts)}</html>\n",
        )


def _cell(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number">{format_value(value)}</td>'
    return f"<td>{html.escape(format_value(value))}</td>"


def format_value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of equal keys as a Markdown table."""
    if not rows:
        return ""
    lines = [list(map(str, rows[0])), ["---"] * len(rows[0])]
    lines += [[printable(format_value(value)).replace("|", "\\|") for value in row.values()] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
