"""Flows of any size, and JSON of the same size."""

import json

HEADER = """\
flowlang 1
# Reads a long document round by round, judges what it found and keeps a running summary.
input document: text
input reader: one of investor, lawyer, journalist = investor

preset careful
  model: gemini-3-1-pro
  temperature: 0.2

preset quick
  model: gemini-3-flash

schema Verdict
  supported: yes/no
  reason: text "One sentence"

snippet plain_english: \"\"\"
  Write plain English. Short sentences. No adjectives that sell.
\"\"\"
"""

SCHEMA = """
schema Finding{series}
  statement: text "One sentence, in the document's own words"
  page: optional whole number
  weight: number from 0 to 1
  kind: one of figure, promise, risk
"""

# One round: five steps and a let.
ROUND = """
step find_{n}
  model: careful
  returns: list of at most 20 Finding{series}
  prompt: \"\"\"
    {{{{ document }}}}

    List what part {n} says. For example {{"statement": "Revenue rose 12%", "kind": "figure"}}.{earlier}
  \"\"\"

# Each answer remembers the finding it judges.
step judge_{n}
  repeat for each finding in find_{n}, 8 at a time
  model: quick
  returns: Verdict
  prompt: \"\"\"
    Does the document support this {{{{ finding.kind }}}}? {{{{ finding.statement }}}}
  \"\"\"

let doubtful_{n} = judge_{n} | where supported is no | sort by finding.weight, largest first

step tone_{n}
  model: quick
  returns: one of calm, sharp
  prompt: \"\"\"
    How would a {{{{ reader }}}} say this?
    {{{{ find_{n} | take statement }}}}
  \"\"\"

step rewrite_{n}
  when (doubtful_{n} | count) > 0 and tone_{n} is calm
  model: careful
  system: "{{{{ plain_english }}}}"
  prompt: \"\"\"
    Put these right:
    {{{{ for d in doubtful_{n} }}}}
    - {{{{ d.finding.statement }}}} ({{{{ d.finding.kind }}}}): {{{{ d.reason }}}}
    {{{{ end }}}}
  \"\"\"

step summary_{n}
  model: careful
  prompt: \"\"\"
    Write the summary for a {{{{ reader }}}} again.{before}
    {{{{ if tone_{n} is sharp }}}}
    Keep the sharp words.
    {{{{ end }}}}
    {{{{ rewrite_{n} | default "Nothing was in doubt." }}}}
  \"\"\"
"""
STEPS_IN_A_ROUND = 5
ROUNDS_IN_A_SERIES = 20


def write_flow(steps: int) -> str:
    """A flow without mistakes of `steps` steps, a multiple of five."""
    parts = [HEADER]
    for n in range(steps // STEPS_IN_A_ROUND):
        series = n // ROUNDS_IN_A_SERIES
        if n % ROUNDS_IN_A_SERIES == 0:
            parts.append(SCHEMA.format(series=series))
        # Ten rounds make a chapter that builds on itself; its first round builds on nothing.
        earlier = f"\n    Leave out what stands here already: {{{{ summary_{n - 1} }}}}" if n % 10 else ""
        before = (
            f"\n    So far: {{{{ summary_{n - 1} }}}} {{{{ find_{n // 10 * 10} | count }}}} were first."
            if n % 10
            else ""
        )
        parts.append(ROUND.format(n=n, series=series, earlier=earlier, before=before))
    return "".join(parts)


def write_json(flow: str) -> str:
    """The sections of a flow as records, as many as give indented JSON of the flow's own size."""
    records: list[object] = []
    size = 0
    line = 1
    for section in flow.split("\n\n"):
        header, *below = section.splitlines() or [""]
        records.append({"line": line, "header": header, "lines": [text.strip() for text in below]})
        line += len(below) + 2
        size += len(json.dumps([records[-1]], indent=2).encode()) - 2
        if size >= len(flow.encode()):
            break
    return json.dumps(records, indent=2, ensure_ascii=False)
