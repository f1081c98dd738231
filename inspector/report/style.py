"""The style sheet of the report of a run, after the one of all pages."""

from typing import Final

STYLE: Final = """
.facts dl { grid-template-columns: max-content minmax(0, 1fr) max-content minmax(0, 1fr); }
.hash { overflow-wrap: anywhere; font-size: .8em; }
code { font-size: .85em; overflow-wrap: anywhere; }
.hashes td { max-width: none; }
.badge { display: inline-block; font-size: 1.5rem; font-weight: 700; padding: .3rem 1.1rem;
  margin: .2rem 0 .6rem; border-radius: 6px; border: 3px solid currentColor; }
.badge.pass { color: #1a7f45; }
.badge.fail { color: #c4311c; }
.badge.incomplete { color: #8a5a00; }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; margin: .8rem 0; }
.tile { border: 1px solid var(--rule); border-radius: 6px; padding: .4rem .9rem;
  min-width: 6.5rem; }
.tile strong { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.tile.alarming { border: 2px solid var(--bad); }
.equation { font-size: 1.05rem; font-variant-numeric: tabular-nums; }
.plain { display: block; text-decoration: none; color: inherit; }
.chart.wide { width: 100%; max-width: 900px; }
.chart .spread { fill: none; stroke-width: 1.4; }
.chart .spread.s0 { stroke: var(--good); }
.chart .spread.s1 { stroke: var(--bad); }
.chart .rough { fill: var(--good); opacity: .45; }
.chart .error { fill: #8a4fd0; }
.chart .gap { fill: var(--soft); }
.chart .dot.critical { fill: #d62839; }
.chart .dot.high { fill: #e8731a; }
.chart .dot.medium { fill: #d9a400; }
.chart .dot.low { fill: var(--good); }
.critical, .high, .medium, .low { font-weight: 600; }
.cards { display: grid; gap: .9rem;
  grid-template-columns: repeat(auto-fill, minmax(15.5rem, 1fr)); }
.card { border: 1px solid var(--rule); border-radius: 6px; padding: .5rem .7rem; font-size: .86rem;
  break-inside: avoid; }
.card.wide { grid-column: span 2; }
.card h4 { margin: 0 0 .3rem; font-size: .95rem; }
.card p { margin: .1rem 0; }
.card img { max-width: 100%; height: auto; max-height: 15rem; display: block; margin: 0 0 .35rem;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.card .empty { border: 1px dashed var(--rule); color: var(--soft); padding: 1.5rem .5rem;
  text-align: center; }
.card span.critical, td.critical { color: #c4311c; }
.card span.high { color: #c65a00; }
:target, :target > td, tr:has(:target) > * { background: #fff1a8; color: #1b1f24; }
.rows { font-size: .8rem; }
.rows td, .rows th { padding: .18rem .5rem; }
.rows td { overflow-wrap: anywhere; }
.glossary { grid-template-columns: minmax(8rem, max-content) 1fr; }
.warn { padding-left: 2rem; }
.together { break-inside: avoid; }
h1.run { margin-top: 3rem; border-top: 3px solid var(--rule); padding-top: 1rem; }
.roll svg { max-width: 100%; height: auto; display: block; }
.roll { margin: .6rem 0; }
.signers { display: grid; grid-template-columns: 1fr 1fr; gap: 3rem; break-inside: avoid; }
.signer .line { display: block; border-top: 1px solid var(--ink); margin-top: 2.6rem;
  padding-top: .2rem; font-size: .85rem; }
@media (max-width: 40rem) {
  .card.wide { grid-column: auto; }
  body { padding: .8rem; }
  .facts dl, .glossary { grid-template-columns: 1fr; }
  .facts dt, .glossary dt { margin-top: .4rem; }
  .signers { grid-template-columns: 1fr; gap: 1rem; }
}
@page { size: A4; margin: 14mm 13mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; }
  @bottom-left { content: string(title); font: 8pt sans-serif; } }
@media print {
  h1 { string-set: title content(); }
  .facts dl { font-size: 8pt; }
  .chart.wide { width: 100%; }
  .charts { display: block; }
  .charts figure { display: inline-block; width: 49%; vertical-align: top; }
  .charts .chart { width: 100%; }
  .lead { break-after: avoid; }
  thead { display: table-header-group; }
  .tiles { display: block; }
  .tile { display: inline-block; margin: 0 1.5mm 1.5mm 0; padding: 1mm 3mm; min-width: 0; }
  .tile strong { font-size: 12pt; }
  .cards { display: block; }
  .card { display: inline-block; width: 31.5%; margin: 0 .8% 2mm 0; vertical-align: top;
    font-size: 7.5pt; padding: 1.5mm; }
  .card.wide { width: 48%; }
  .card img { max-height: 48mm; width: auto; }
  .glossary { font-size: 8pt; }
  .signers { display: block; }
  .signer { display: inline-block; width: 46%; margin-right: 3%; vertical-align: top; }
  a { color: inherit; text-decoration: none; }
  h1.run { break-before: page; border: 0; }
  .rows, .rows code { font-size: 6.5pt; }
}
"""
