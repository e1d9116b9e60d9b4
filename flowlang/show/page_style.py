"""How the page of a run looks: light and dark, on a phone, on paper. No font, image or script from anywhere."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #faf9f6; --sheet: #ffffff; --sunk: #f4f2ed; --ink: #22252a; --soft: #666b73; --line: #e3e0d9;
  --accent: #35618e; --good: #3c7a57; --bad: #b23a2e; --warn: #96660f; --before: #a9b0b8; --wash: #eaf0f6;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --sheet: #1b1e23; --sunk: #22262c; --ink: #e5e3de; --soft: #9ba1a9; --line: #30353c;
    --accent: #8cb4de; --good: #82bf9b; --bad: #ec8f83; --warn: #dcb169; --before: #59616b; --wash: #222d39;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans); }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; margin: 0 0 .4rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; font-weight: 650; margin: 3rem 0 .9rem; letter-spacing: -0.005em; }
h3 { font-size: 1rem; font-weight: 650; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
h3 small, .soft { color: var(--soft); font-weight: 400; font-size: .875rem; }
p { margin: .4rem 0; }
a { color: var(--accent); text-underline-offset: .15em; text-decoration-thickness: .06em; }
.meta { color: var(--soft); font-size: .9375rem; overflow-wrap: anywhere; }
.meta b { font-weight: 500; color: var(--ink); }
.pill { display: inline-block; padding: .05rem .6rem; border-radius: 1rem; font-size: .875rem; font-weight: 600;
  border: 1px solid currentColor; vertical-align: .2em; margin-left: .5rem; letter-spacing: 0; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .mute { color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: 1px; margin: 1.75rem 0 0;
  background: var(--line); border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; }
.facts div { flex: 1 1 7.5rem; background: var(--sheet); padding: .8rem 1rem .75rem; }
.facts b { display: block; font-size: 1.4rem; line-height: 1.25; font-weight: 600; letter-spacing: -0.01em;
  font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: .8125rem; }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.15rem; }
.scroll { overflow-x: auto; }
.failure { border-left: 3px solid var(--bad); padding: .1rem 0 .1rem 1rem; margin: 1rem 0; }
.failure p { margin: .1rem 0; overflow-wrap: anywhere; }
.failure code, .rule { font: .8125rem/1.5 var(--mono); color: var(--soft); }
.graph svg { display: block; margin: 0 auto; width: 100%; height: auto; }
.graph text { font: 13px var(--sans); fill: var(--ink); }
.graph .small { font-size: 11px; fill: var(--soft); }
.graph a:hover rect { stroke: var(--accent); }
.graph .box { fill: var(--sheet); stroke: var(--line); stroke-width: 1.25; }
.graph .input .box { fill: var(--sunk); } .graph .output .box { fill: var(--wash); stroke: var(--wash); }
.graph .let .box, .graph .idle .box { stroke-dasharray: 4 3; }
.graph .idle text { fill: var(--soft); }
.graph .mark { stroke: none; fill: var(--before); }
.graph .done .mark { fill: var(--good); } .graph .failed .mark { fill: var(--bad); }
.graph .partly .mark { fill: var(--warn); }
.graph path { fill: none; stroke: var(--before); stroke-width: 1.25; opacity: .75; }
.graph path.waits { stroke-dasharray: 3 4; }
.lane { margin: .55rem 0; }
.lane p { display: flex; justify-content: space-between; gap: 1rem; margin: 0 0 .2rem; font-size: .875rem; }
.lane p span { white-space: nowrap; } .lane p a { overflow-wrap: anywhere; text-decoration: none; color: var(--ink); }
.lane svg { display: block; width: 100%; background: var(--sunk); border-radius: 3px; }
.lane rect { fill: var(--accent); } .lane .failed { fill: var(--bad); } .lane .lost { fill: var(--warn); }
.lane .before { fill: var(--before); } .lane rect:hover { opacity: .7; }
.lane line { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.axis { position: relative; height: 1.3rem; color: var(--soft); font-size: .75rem; font-variant-numeric: tabular-nums; }
.axis span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.axis span:first-child { transform: none; } .axis .end { transform: translateX(-100%); }
.key { color: var(--soft); font-size: .8125rem; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin-top: .6rem; }
.key i { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; margin-right: .4rem; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: .8125rem; white-space: nowrap; }
th, td { padding: .42rem .9rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; } td:last-child, th:last-child { padding-right: 0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td:first-child { overflow-wrap: anywhere; min-width: 7rem; }
.share { display: block; height: 3px; border-radius: 2px; background: var(--accent); margin: .3rem 0 0 auto; }
dl { margin: 0; } dt { font-weight: 600; margin-top: .9rem; } dl > dt:first-child { margin-top: 0; }
dd { margin: .15rem 0 0; overflow-wrap: anywhere; }
details { border-top: 1px solid var(--line); }
details:last-of-type { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: .5rem 0; list-style: none; display: flex; gap: .35rem .8rem; align-items: baseline;
  flex-wrap: wrap; font-variant-numeric: tabular-nums; }
summary::-webkit-details-marker { display: none; }
summary::before { content: ""; flex: none; border: .3em solid transparent;
  border-left: .45em solid var(--soft); border-right: 0; }
details[open] > summary::before { transform: rotate(90deg); }
summary .gist { flex: 1 1 14rem; min-width: 0; color: var(--soft); overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; font-size: .875rem; }
summary .took:not(.bad, .warn) { color: var(--soft); }
summary .took { font-size: .8125rem; white-space: nowrap; margin-left: auto; }
details .inside { padding: 0 0 1rem 1.1rem; }
dd details, dd details:last-of-type { border: 0; } dd details .inside { padding-left: 0; }
.who { font-size: .75rem; font-weight: 600; color: var(--soft); letter-spacing: .04em; margin: .9rem 0 .25rem; }
.who.answer { color: var(--good); } .who.error { color: var(--bad); }
pre { margin: 0; padding: .7rem .9rem; background: var(--sunk); border-radius: .4rem; font: .8125rem/1.55 var(--mono);
  white-space: pre-wrap; overflow-wrap: anywhere; max-height: 30rem; overflow: auto; tab-size: 4; }
pre a { font-family: var(--sans); }
.answer + pre { background: var(--sheet); border: 1px solid var(--line); }
img { max-width: 100%; max-height: 24rem; border-radius: .4rem; display: block; margin: .3rem 0; }
ul.plain { margin: 0; padding-left: 1.1rem; }
footer { color: var(--soft); font-size: .8125rem; padding-top: 3rem; padding-bottom: 3rem; }
@media (max-width: 40rem) {
  main, header, footer { padding-left: 1rem; padding-right: 1rem; }
  header { padding-top: 1.5rem; } h1 { font-size: 1.5rem; } h2 { margin-top: 2.25rem; }
  .facts div { flex-basis: 40%; } .facts b { font-size: 1.15rem; }
  .sheet { padding: .8rem; } .wide { display: none; } summary .took { margin-left: 0; padding-left: 1.2rem; }
  summary .gist { flex-basis: 100%; padding-left: 1.2rem; } dd summary { flex-wrap: nowrap; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --sheet: #fff; --sunk: #f5f5f5; --ink: #000; --soft: #444; --line: #ccc;
    --accent: #35618e; --good: #2f6a48; --bad: #9d2d22; --warn: #815709; --before: #9aa1a9; --wash: #eef3f8; }
  * { print-color-adjust: exact; }
  .graph svg { min-width: 0 !important; } .scroll { overflow: visible; }
  body { font-size: 10.5pt; } header { padding-top: 0; } main, header, footer { max-width: none; padding: 0; }
  pre { max-height: none; overflow: visible; } h2, h3, summary { break-after: avoid; }
  tr, .failure, .facts, .lane { break-inside: avoid; } a { color: inherit; text-decoration: none; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
}
"""
