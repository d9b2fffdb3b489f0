"""How plans, reports and lists look in a notebook: tables, and pictures as inline SVG.

Everything foreign (names, reasons) is escaped. No script, no style sheet from elsewhere: what is shown can be kept and
printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

from .types import DependentReport, DueKey, DueStateOpen, Plan, Report, RotationSummary

_STYLE = (
    "<style>.kw{font:13px/1.45 system-ui,sans-serif;color:#1f2933;background:#fff;max-width:64em}"
    ".kw table{border-collapse:collapse;margin:.4em 0;font:inherit;color:inherit}"
    ".kw th,.kw td{text-align:left;padding:.25em .8em .25em 0;border-bottom:1px solid #e4e7eb;vertical-align:middle}"
    ".kw th{color:#616e7c;font-weight:600}.kw td.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".kw code{font-size:12px;color:#3e4c59;background:none}.kw h4{margin:.6em 0 .2em;font-size:14px}"
    ".kw .p{display:inline-block;padding:0 .6em;border-radius:1em;font-size:12px;color:#fff;white-space:nowrap}"
    ".kw svg{vertical-align:middle}.kw td:has(svg){white-space:nowrap}</style>"
)
GREEN, AMBER, RED, GREY, BLUE = "#2f855a", "#b7791f", "#c53030", "#9aa5b1", "#2b6cb0"
_STATES = {"due": RED, "behind": AMBER, "blocked": RED, "manual": AMBER, "open": BLUE, "waiting": GREEN}
_OUTCOMES = {
    "rekeyed": GREEN,
    "already": "#68a67d",
    "gone": GREY,
    "excluded": GREY,
    "partial": AMBER,
    "manual": AMBER,
    "blocked": RED,
    "open": "#d9dee4",
}


def html(thing: object) -> str | None:
    """What a notebook shows for a thing; `None` for what has no picture of its own."""
    body: str | None = None
    if isinstance(thing, Plan):
        body = _plan(thing)
    elif isinstance(thing, Report):
        body = _report(thing)
    elif isinstance(thing, list):
        body = _rows(thing)
    return None if body is None else f'{_STYLE}<div class="kw">{body}</div>'


def _rows(rows: list[Any]) -> str | None:
    if rows and all(isinstance(row, DueKey) for row in rows):
        return _due(rows)
    if rows and all(isinstance(row, RotationSummary) for row in rows):
        return _history(rows)
    if rows and all(isinstance(row, DependentReport) for row in rows):
        return _dependents(rows)
    return None


def progress(done: int, total: int, words: str) -> str:
    """A bar that fills."""
    share = done / total if total else 0.0
    bar = _bar([("done", done, BLUE), ("left", max(0, total - done), "#e4e7eb")], 420)
    return f'{_STYLE}<div class="kw">{bar} <b>{share:.0%}</b> {done} of {total} dependents · {escape(words)}</div>'


# ------------------------------------------------------------------------------------------------------------ pieces


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _pill(word: str, colour: str) -> str:
    return f'<span class="p" style="background:{colour}">{escape(word.replace("_", " "))}</span>'


def _ocid(ocid: str) -> str:
    short = ocid if len(ocid) <= 28 else f"…{ocid[-18:]}"
    return f'<code title="{escape(ocid, quote=True)}">{escape(short)}</code>'


def _when(at: datetime | None) -> str:
    # Hyphens and a space at which no table breaks a line.
    return "" if at is None else at.strftime("%Y\u2011%m\u2011%d\u00a0%H:%M")


def _span(duration: timedelta) -> str:
    if duration >= timedelta(days=2):
        return f"{duration.days} days"
    if duration >= timedelta(hours=2):
        return f"{duration.total_seconds() / 3600:.0f} hours"
    return f"{duration.total_seconds():.0f} s" if duration < timedelta(minutes=2) else f"{duration.seconds // 60} min"


def _svg(width: int, height: int, title: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img"><title>{escape(title)}</title>{body}</svg>'
    )


def _bar(parts: Sequence[tuple[str, int, str]], width: int = 260) -> str:
    """Shares of a whole, side by side."""
    total = sum(count for _, count, _ in parts) or 1
    at, body = 0.0, ""
    words: list[str] = []
    for name, count, colour in parts:
        if count:
            share = width * count / total
            body += f'<rect x="{at:.1f}" y="2" width="{share:.1f}" height="12" fill="{colour}"/>'
            at += share
            words.append(f"{count} {name}")
    return _svg(width, 16, ", ".join(words) or "nothing", body)


def _age(age: timedelta, period: timedelta) -> str:
    """How old a version is, against how old it may get: the line is the end of its cryptoperiod."""
    width, scale = 220, 160.0
    share = age / period if period else 0.0
    filled = min(share * scale, width - 4.0)
    colour = RED if share >= 1 else AMBER if share >= 0.8 else GREEN
    body = (
        f'<rect x="0" y="4" width="{scale:.0f}" height="8" fill="#e4e7eb"/>'
        f'<rect x="0" y="4" width="{filled:.1f}" height="8" fill="{colour}"/>'
        f'<line x1="{scale:.0f}" y1="0" x2="{scale:.0f}" y2="16" stroke="#52606d" stroke-width="1.5"/>'
    )
    if share * scale > width - 4:
        body += f'<path d="M{width - 6} 2 L{width} 8 L{width - 6} 14 Z" fill="{colour}"/>'
    return _svg(width, 16, f"{_span(age)} old; may be {_span(period)}", body)


def _legend(words: Iterable[str]) -> str:
    dots = [f'<span style="color:{_OUTCOMES.get(word, GREY)}">■</span> {escape(word)}' for word in words]
    return f"<small>{' · '.join(dots)}</small>"


# ------------------------------------------------------------------------------------------------------------ things


def _due(rows: list[DueKey]) -> str:
    def line(row: DueKey) -> list[str]:
        state = "open" if isinstance(row.due.state, DueStateOpen) else row.due.state.value
        picture = _age(row.age, row.cryptoperiod) if row.age is not None and row.cryptoperiod is not None else ""
        age = "" if row.age is None else _span(row.age)
        pill = _pill(state, _STATES.get(state, GREY))
        return [f"<b>{escape(row.name)}</b> {_ocid(row.key)}", pill, picture, age, _when(row.due.next), escape(row.due.why)]

    return _table(["key", "state", "age of its current version", "", "next", "why"], map(line, rows))


def _plan(plan: Plan) -> str:
    total = sum(plan.dependents.values())
    what = "would be swept" if plan.is_sweep else "would be rotated"
    verdict = _pill("would not start", RED) if plan.refusal else _pill("would start", GREEN)
    out = f"<h4>{escape(plan.name)} {_ocid(plan.key)} {what} {verdict}</h4>"
    if plan.refusal:
        out += f"<p>{escape(plan.refusal)}</p>"
    strategies = ", then ".join(strategy.value.replace("_", " ") for strategy in plan.strategies) or "nothing to make"
    held = [("held", plan.versions_held, BLUE), ("reserved", plan.versions_reserved, AMBER)]
    room = max(0, plan.versions_limit - plan.versions_held - plan.versions_reserved)
    facts = [
        ("why", escape(plan.due.why)),
        ("new material", escape(strategies)),
        ("dependents", f"{total} in {len(plan.regions)} region{'s' * (len(plan.regions) != 1)}"),
        ("calls, about", f"{plan.calls_read} reads, {plan.calls_write} writes"),
        ("waits if an answer is lost", _span(plan.quiet_period)),
        ("versions in the vault", f'{_bar([*held, ("left", room, "#e4e7eb")], 220)} {plan.versions_held} of {plan.versions_limit}'),
    ]
    if plan.vault_full_on is not None:
        facts.append(("the vault is full on", _when(plan.vault_full_on)))
    if plan.replicas:
        facts.append(("replicas to wait for", escape(", ".join(plan.replicas))))
    out += _table([], ([f"<b>{name}</b>", value] for name, value in facts))
    most = max(plan.dependents.values(), default=1)
    rows = (
        [escape(kind.replace("_", " ")), _svg(200, 16, str(count), _one(200 * count / most)), str(count)]
        for kind, count in plan.dependents.items()
    )
    out += _table(["kind", "", "dependents"], rows) if plan.dependents else ""
    return out + _findings(plan.findings) + _holes(plan.holes)


def _one(width: float) -> str:
    return f'<rect x="0" y="2" width="{max(1.0, width):.1f}" height="12" fill="{BLUE}"/>'


def _report(report: Report) -> str:
    summary = report.summary
    word = report.verdict.value if report.verdict else summary.phase
    pill = _pill(word, {"clean": GREEN, "with_exceptions": AMBER}.get(word, BLUE))
    test = _pill("TEST", GREY) if report.is_test else ""
    out = f"<h4>Rotation <code>{escape(summary.rotation)}</code> {pill} {test}</h4>"
    census = report.census
    made = f"{census.ours} ours, {census.presumed} presumed ours, {census.others} by others"
    facts = [
        ("key", _ocid(summary.key)),
        ("superseded", _ocid(summary.superseded)),
        ("target", _ocid(summary.target) if summary.target else "not settled"),
        ("opened, closed", f"{_when(summary.opened_at)} → {_when(summary.closed_at) or 'open'}"),
        ("versions made meanwhile", made),
        ("chain head", f"<code>{escape(report.chain_head[:16])}…</code>"),
    ]
    if summary.paused:
        facts.insert(0, ("paused", escape(summary.paused)))
    out += _table([], ([f"<b>{name}</b>", value] for name, value in facts))
    return out + _outcomes(summary) + _findings(report.findings) + _holes(report.coverage)


def _outcomes(summary: RotationSummary) -> str:
    rows: list[list[str]] = []
    words: list[str] = []
    for kind, tally in summary.counts.items():
        parts = [(word, count, _OUTCOMES.get(word, GREY)) for word, count in tally.outcomes.items()]
        words += [word for word in tally.outcomes if word not in words]
        grades = ", ".join(f"{count} {grade}" for grade, count in tally.grades.items())
        counted = ", ".join(f"{count} {word}" for word, count in tally.outcomes.items())
        rows.append([escape(kind.replace("_", " ")), _bar(parts), escape(counted), escape(grades)])
    done = sum(sum(tally.outcomes.values()) for tally in summary.counts.values())
    if summary.dependents > done:
        left = summary.dependents - done
        rows.append(["not done yet", _bar([("open", left, _OUTCOMES["open"])]), f"{left} open", ""])
    return (_table(["kind", "outcomes", "", "evidence"], rows) + _legend(words)) if rows else ""


def _history(rows: list[RotationSummary]) -> str:
    first, last = min(row.opened_at for row in rows), max(row.closed_at or row.opened_at for row in rows)
    whole = max((last - first).total_seconds(), 1.0)

    def line(row: RotationSummary) -> list[str]:
        width = 260
        start = (row.opened_at - first).total_seconds() / whole * (width - 6)
        end = ((row.closed_at or last) - first).total_seconds() / whole * (width - 6)
        colour = GREEN if row.phase == "completed" else GREY if row.closed_at else AMBER if row.paused else BLUE
        body = f'<line x1="0" y1="8" x2="{width}" y2="8" stroke="#e4e7eb"/>'
        body += f'<rect x="{start:.1f}" y="2" width="{max(4.0, end - start):.1f}" height="12" fill="{colour}"/>'
        parts: dict[str, int] = {}
        for tally in row.counts.values():
            for word, count in tally.outcomes.items():
                parts[word] = parts.get(word, 0) + count
        moved = _bar([(word, count, _OUTCOMES.get(word, GREY)) for word, count in parts.items()], 120)
        picture = _svg(width, 16, f"{_when(row.opened_at)} to {_when(row.closed_at) or 'now'}", body)
        state = "paused" if row.paused else row.phase
        return [f"<code>{escape(row.rotation)}</code>", _ocid(row.key), _pill(state, colour), picture,
                _when(row.opened_at), f"{moved} {row.dependents}"]  # fmt: skip

    return _table(["rotation", "key", "state", "when", "opened", "dependents"], map(line, rows))


def _dependents(rows: list[DependentReport]) -> str:
    def line(row: DependentReport) -> list[str]:
        outcome = row.outcome.outcome if row.outcome else "open"
        evidence = getattr(row.outcome, "evidence", None)
        grade = evidence.grade.value if evidence else getattr(row.outcome, "why", "") or ""
        dependent = row.dependent
        name = f"<b>{escape(dependent.name)}</b> {_ocid(dependent.id)}"
        return [name, escape(dependent.kind.replace("_", " ")), escape(dependent.region),
                _pill(outcome, _OUTCOMES.get(outcome, GREY)), escape(grade)]  # fmt: skip

    shown = _table(["dependent", "kind", "region", "outcome", "evidence"], map(line, rows[:200]))
    return shown + (f"<p>… and {len(rows) - 200} more</p>" if len(rows) > 200 else "")


def _findings(findings: Sequence[Any]) -> str:
    if not findings:
        return ""
    rows = ([_pill(one.kind.value, AMBER), _ocid(one.subject), escape(one.text)] for one in findings)
    return "<h4>Findings</h4>" + _table(["rule", "about", "what is so"], rows)


def _holes(coverage: Sequence[Any]) -> str:
    holes = [one for one in coverage if one.state.value != "listed"]
    if not holes:
        return ""
    rows = ([escape(one.region), _ocid(one.compartment or ""), escape(one.kind or "any"), _pill(one.state.value, AMBER)]
            for one in holes)  # fmt: skip
    return "<h4>Not looked at</h4>" + _table(["region", "compartment", "kind", "why"], rows)
