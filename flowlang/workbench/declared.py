"""Every command: its words, its flags, and what its help says beyond them."""

from .command import Command, Flag, Word

FLOW = Word("FLOW", "the flow, as in brief.flow")
INPUTS = Flag("inputs", "values for many inputs at once: a JSON object with a key per input", "FILE")

STORE = Flag("store", "the folder for answers and runs; .flowlang beside flowlang.toml or the flow by default", "DIR")
FRESH = Flag("fresh", "ask again what was answered before: everything, or one step", "[STEP]")
NO_STORE = Flag("no-store", "keep nothing of this run, and use nothing from before")

EVENTS = Flag("events", "write every event of the run to this file, as JSON Lines", "FILE")
REPORT = Flag("report", "when the run is over, write a page about it, html=FILE, or JUnit XML, junit=FILE", "FORM=FILE")
CONSOLE = Flag(
    "console",
    "how progress is told: live (redrawn), plain (lines), none; auto chooses",
    "VIEW",
    choices=("auto", "live", "plain", "none"),
)
OUT = Flag("out", "the folder for the files that the flow writes; out by default", "DIR")
OUTPUT = Flag("output", "write the result to this file, not to the screen", "FILE", "-o")
JSON = Flag("json", "the result as one JSON object, a key per output")
ALLOW = Flag("allow", "allow one thing for this run: host=…, command=…, python=… or read=…", "KIND=NAME")
TRUSTED = Flag("trust", "trust the project's own files with what they ask for, for this run")
MAX_COST = Flag("max-cost", "the most that the run may cost, in US dollars; all rows together with --each", "USD")
AT_ONCE = Flag("at-once", "the most calls that are open at the same time", "N")
OFFLINE = Flag("offline", "send nothing anywhere: a built-in model, which is no language model, answers")

CHECK = Command(
    name="check",
    words=(
        Word("PATH", "flow files, and folders that are searched for them; the current folder by default", False, True),
    ),
    flags=(
        Flag(
            "output-format",
            "full, concise (a line each), json, github (annotations) or sarif",
            "FORMAT",
            choices=("full", "concise", "json", "github", "sarif"),
        ),
        Flag("max-source", "the largest flow file that is read; 4 MB by default", "BYTES"),
    ),
    about="""
    All mistakes of all files are told in one go, each at its place and with what to do about it. Nothing is run, and
    nothing is sent anywhere. Exits with 3 if there is a mistake, with 0 if there is none or only warnings.

    `flowlang explain RULE` has a page for each rule that is named in brackets.
    """,
    examples=(
        "flowlang check",
        "flowlang check brief.flow flows/",
        "flowlang check --output-format sarif > flows.sarif",
    ),
)

FMT = Command(
    name="fmt",
    words=(Word("PATH", "flow files, and folders that are searched for them; - for standard input", False, True),),
    flags=(
        Flag("check", "change nothing; exit with 8 if a file would change"),
        Flag("diff", "change nothing; show what would change"),
    ),
    about="""
    Margins, blank lines and spaces are set; curly quotes, tabs and full-width signs outside texts are put right.
    Text blocks and comments are never touched. Files with mistakes are laid out, too.
    """,
    examples=("flowlang fmt", "flowlang fmt --check flows/", "flowlang fmt - < brief.flow"),
)

PLAN = Command(
    name="plan",
    words=(FLOW,),
    flags=(
        Flag("full", "show the prompts, filled in as far as the inputs go"),
        Flag("json", "print the plan as JSON, for programs"),
        Flag("only", "only this step, and what it needs", "STEP"),
        INPUTS,
        FRESH,
        STORE,
        NO_STORE,
    ),
    about="""
    The steps in their order, what each reads, which model it asks, and how many calls it needs if every answer fits
    at once. What was answered before is cached, and costs nothing; of what is new, it says why. Nothing is sent
    anywhere, and nothing is written. Inputs may be given, and need not be.
    """,
    examples=(
        "flowlang plan brief.flow",
        "flowlang plan brief.flow --json",
        "flowlang plan brief.flow --full --mail @mail.txt",
    ),
    opens_flow=True,
    takes_inputs=True,
)

PREVIEW = Command(
    name="preview",
    words=(FLOW, Word("STEP", "the step")),
    flags=(
        Flag("item", "of a step that repeats: the item to show; the first one by default", "N"),
        Flag("json", "print the body of the request that would be sent"),
        INPUTS,
    ),
    about="""
    The messages are exactly those that a run would send. Where they hold answers of other steps, which nobody has
    asked yet, the built-in offline model stands in for them, and that is said.
    """,
    examples=(
        "flowlang preview brief.flow claims --filing @report.md",
        "flowlang preview brief.flow claims --filing @report.md --json",
    ),
    opens_flow=True,
    takes_inputs=True,
)

# The flags of `run` that `watch` has as they are.
_OF_RUN_TOO = ("only", "out", "output", "json", "inputs", "allow", "trust", "at-once", "fresh", "store", "no-store")

RUN = Command(
    name="run",
    words=(FLOW,),
    flags=(
        OFFLINE,
        Flag("only", "only this step, and what it needs; its value is the result", "STEP"),
        OUT,
        OUTPUT,
        JSON,
        INPUTS,
        Flag(
            "each", "run once for every row of this table (CSV, JSON, JSON Lines, -); a line of JSON for each", "FILE"
        ),
        ALLOW,
        TRUSTED,
        MAX_COST,
        AT_ONCE,
        FRESH,
        STORE,
        NO_STORE,
        EVENTS,
        REPORT,
        CONSOLE,
    ),
    about="""
    The flow's inputs are flags: `flowlang run brief.flow --help` lists them. A value @report.pdf is read from that
    file, a value - from standard input; text that is piped in fills the only required text or document that was
    given no value.

    Without --offline the flow's models are asked, and paid for: with the key in BYTESPIKE_API_KEY or OPENAI_API_KEY,
    or from a provider that flowlang.toml names.

    The result goes to standard output: one text as it is, anything else as JSON. Everything else goes to standard
    error. An input that is called like an option of ours wins; the option is then --run-NAME.
    """,
    examples=(
        "flowlang run brief.flow --filing @report.md --offline",
        "flowlang run triage.flow --offline < mail.txt",
        "flowlang run brief.flow --filing @report.md --out results --json -o results.json",
        "flowlang run triage.flow --each mails.csv -o answers.jsonl --offline",
    ),
    opens_flow=True,
    takes_inputs=True,
)

WATCH = Command(
    name="watch",
    words=(FLOW,),
    flags=(
        Flag("offline", "send nothing anywhere: a built-in model, which is no language model, answers"),
        Flag("auto", "run at every save; without --max-cost also where that costs money"),
        Flag("ask", "say at every save what it would cost, and wait for a key"),
        Flag("lazy", "mark what a save has made stale, and run what you ask for"),
        Flag("max-cost", "the most that a save may cost, in US dollars; what may cost more waits for a key", "USD"),
        *(flag for flag in RUN.flags if flag.name in _OF_RUN_TOO),
        Flag("events", "write every event of all runs to this file, as JSON Lines", "FILE"),
        Flag(
            "console",
            "how it is shown: live (the whole screen), plain (lines); auto chooses",
            "VIEW",
            choices=("auto", "live", "plain"),
        ),
    ),
    about="""
    Runs the flow, then watches it, what it imports, its texts, its input files and flowlang.toml. At every save the
    flow is checked, what is answered already stands, and only what changed is asked. Calls under way that are still
    wanted go on. While the flow has mistakes they are shown, and the last good answers stay.

    Where models cost money, a save waits for the key r unless --auto or --max-cost says otherwise. Models on this
    computer and --offline run at once. After three runs that no change of yours has led to, it pauses.

    Keys: up and down choose a step, r runs, s asks the step again, p keeps its answer whatever the prompt becomes,
    w writes it to the recordings, q shows its request (left and right: that of another item), a its answer, d what
    changed in it, e opens your editor there, x ends. On a pipe: plain lines.

    --trust holds for what is asked for when the session begins. A save that asks for another tool, address or Python
    file waits for the key t.
    """,
    examples=(
        "flowlang watch brief.flow --filing @report.md --offline",
        "flowlang watch brief.flow --filing @report.md --max-cost 0.05",
        "flowlang watch triage.flow --mail @mail.txt --lazy",
    ),
    takes_inputs=True,
    keeps_looking=True,
)

_RUN_WORD = Word("RUN", "the run: its number, last, or last-1 for the one before", needed=False)

RETRY = Command(
    name="retry",
    words=(Word("RUN", "the run: its number, or last; by default the last one that did not end well", needed=False),),
    flags=(
        OFFLINE,
        OUT,
        OUTPUT,
        JSON,
        ALLOW,
        TRUSTED,
        MAX_COST,
        AT_ONCE,
        STORE,
        EVENTS,
        REPORT,
        CONSOLE,
    ),
    about="""
    Runs a flow again with the inputs that an earlier run had, also if their files have changed since or are gone. What
    was answered in that run is not asked again, and what its tools have done is not done again: only what failed, was
    left out or was cut off. The flow is taken as it is now.

    A secret is never kept: give it again, by its name. With --each the file of the rows must be as it was.
    """,
    examples=("flowlang retry", "flowlang retry 7", "flowlang retry 7 --max-cost 0.50 -o results.json"),
    opens_run=True,
    takes_inputs=True,
)

RUNS = Command(
    name="runs",
    flags=(
        Flag("flow", "only the runs of this flow", "FLOW"),
        Flag("limit", "so many of them; 20 by default", "N"),
        Flag("json", "print them as a JSON list, for programs"),
        STORE,
    ),
    about="""
    The runs that were kept in this project, newest first: when, which flow, how it came out, how many calls it made
    and how many answers it had from before, what it cost and how long it took.
    """,
    examples=("flowlang runs", "flowlang runs --flow brief.flow --limit 5"),
)

SHOW = Command(
    name="show",
    words=(_RUN_WORD, Word("STEP", "a step of it, as claims, or outer.inner in a flow that a step runs", needed=False)),
    flags=(
        Flag("item", "of a step that repeats: only this item, or round", "N"),
        Flag("row", "of a run with --each: only this row", "N"),
        Flag("json", "print it as a JSON object, for programs"),
        Flag("html", "write a page about the run to this file: its graph, its time, every request and answer", "FILE"),
        STORE,
    ),
    about="""
    Of a run: what it was given, the commit of the flow, each step with how it came out and what it cost, and what went
    wrong. With a step: each message that was sent for it, each answer, and each error. Nothing is sent anywhere.
    """,
    examples=(
        "flowlang show",
        "flowlang show 7",
        "flowlang show 7 claims --item 2",
        "flowlang show last --html report.html",
    ),
)

DIFF = Command(
    name="diff",
    words=(
        Word(
            "RUN", "the earlier run (its number, last, or last-1), or two revisions of git's, as in main..HEAD", False
        ),
        Word("OTHER", "the later run; last by default", needed=False),
    ),
    flags=(
        Flag("against", "compare the working tree with this revision of git's", "REV"),
        Flag("flow", "of revisions: only this flow, or the flows in this folder", "FLOW"),
        Flag("step", "only this step, with all of its items", "STEP"),
        Flag(
            "format",
            "of revisions: text, or markdown for a comment on a pull request",
            "FORMAT",
            choices=("text", "markdown"),
        ),
        Flag("json", "print the differences as a JSON object, for programs"),
        STORE,
    ),
    about="""
    What is different between two runs: inputs, the text of the flow, and for each step the model, the parameters, the
    messages and the answers; then calls, tokens, cost and time.

    Between two revisions of git's: what a change does to flows. Their tests are tried at both, on the answers recorded
    there: prompts, parameters, models, prompts as they are sent, answers, tests that come out differently, calls and
    cost. Git is only read, and nothing is checked out.

    Nothing is sent anywhere.
    """,
    examples=(
        "flowlang diff last-1",
        "flowlang diff 6 7 --step claims",
        "flowlang diff main..HEAD",
        "flowlang diff --against origin/main --format markdown",
    ),
)

TEST = Command(
    name="test",
    words=(
        Word("PATH", "flow files, and folders that are searched for them; the current folder by default", False, True),
    ),
    flags=(
        Flag("match", "only the tests whose name contains this", "TEXT", "-k"),
        Flag("failed", "only the tests that failed last time"),
        Flag("record", "ask models for what is missing or outdated, and write it to NAME.answers beside NAME.flow"),
        Flag("live", "ask models for everything, and write nothing"),
        Flag("model", "rehearse another model: ask it the tests' questions, write nothing, tell what moved", "MODEL"),
        Flag("swap", "the same for one model of the flows alone; may stand several times", "OLD=NEW"),
        Flag("fresh", "with --record, --model and --swap: ask for everything again"),
        Flag("json", "the results as a JSON list, for programs"),
        Flag("report", "write a report: junit=FILE, json=FILE or markdown=FILE; may stand several times", "FORM=FILE"),
        Flag("max-cost", "the most that all answers of a flow file may cost, in US dollars", "USD"),
        Flag("allow", "allow one thing for this time: host=…, command=…, python=… or read=…", "KIND=NAME"),
        Flag("trust", "trust the project's own files with what they ask for, for this time"),
        Flag("at-once", "the most calls that are open at the same time", "N"),
        STORE,
        Flag("no-store", "keep nothing of what is asked, and use nothing from before"),
    ),
    about="""
    Runs the `test` sections of flows on the answers that their `answer` lines give, and on recorded ones. No model is
    asked, no tool runs, no key is needed, and nothing is sent anywhere. Only the steps that a test's expectations need
    are run.

    With --record models are asked for what is missing or outdated, tools run, and NAME.answers beside NAME.flow is
    written. What is still right stays as it is; what nothing asks for is dropped.

    With --model or --swap the steps ask another model, and what it answers is held against what is recorded: which
    answers moved, which tests come out differently, what it costs, how long it takes. Who judges stays.

    Exits with 0 if all tests passed, with 1 if one failed, with 3 if a flow or a recording has mistakes, and with 8 if
    all that is wrong is that an answer is missing or outdated. If there is no test at all, it exits with 2.
    """,
    examples=(
        "flowlang test",
        "flowlang test triage.flow --record",
        'flowlang test flows/ -k "double charge"',
        "flowlang test --model gpt-5-5 --max-cost 1",
        "flowlang test --report junit=tests.xml --report markdown=tests.md",
    ),
)

WHY = Command(
    name="why",
    words=(
        Word("FLOW", "the flow; without it, the one of the last run", needed=False),
        Word("STEP", "the step, or outer.inner for a step of the flow that `outer` runs"),
    ),
    flags=(
        Flag("item", "of a step that repeats: this item alone", "N"),
        Flag("run", "tell of this run; of the last one by default", "N"),
        Flag("json", "the same as JSON, for programs"),
        INPUTS,
        FRESH,
        STORE,
    ),
    about="""
    Says of a step whether a run would ask it again, and why: which line of which text changed, which input, model,
    parameter, field or tool, or which step before it gave another answer. Then why it was asked in the last run, or
    was not. Inputs that are not given are those of that run. Nothing is sent anywhere, and nothing is written.
    """,
    examples=(
        "flowlang why claims",
        "flowlang why brief.flow verdict --item 3",
        "flowlang why brief.flow claims --run 7 --json",
    ),
    opens_flow=True,
    takes_inputs=True,
    flow_may_miss=True,
)

TRUST = Command(
    name="trust",
    words=(
        Word("PATH", "flow files, and folders that are searched for them; the current folder by default", False, True),
    ),
    flags=(
        Flag("list", "only show what is asked for; trust nothing"),
        Flag("forget", "take back what was trusted"),
    ),
    about="""
    A flow may come from a stranger. One that asks for more than calls to a model (hosts, programs, Python files, a
    provider of its own) runs only after you have seen the list of what it asks for, and trusted it.

    What you trust is kept in your own folder, not in the project, and is bound to the list: a change of a tool, a
    Python file, a model or a limit asks again. At a terminal you are asked; without one, this command is your yes.
    """,
    examples=("flowlang trust --list", "flowlang trust flows/triage.flow", "flowlang trust --forget"),
)

GRAPH = Command(
    name="graph",
    words=(FLOW,),
    flags=(
        Flag(
            "format",
            "terminal (boxes), mermaid (for Markdown) or dot (for Graphviz)",
            "FORMAT",
            choices=("terminal", "mermaid", "dot"),
        ),
    ),
    about="Each box is a step or a let, and says what it reads. Boxes beside each other can run at the same time.",
    examples=("flowlang graph brief.flow", "flowlang graph brief.flow --format dot | dot -Tsvg > brief.svg"),
    opens_flow=True,
)

DESCRIBE = Command(
    name="describe",
    words=(FLOW,),
    about="For a reader who did not write the flow: what it takes, what each step does, what comes out.",
    examples=("flowlang describe brief.flow",),
    opens_flow=True,
)

MODELS = Command(
    name="models",
    words=(Word("ID", "one model, as in gemini-3-1-pro; without it, all are listed", needed=False),),
    flags=(Flag("json", "print what is known as JSON, for programs"),),
    about="""
    What is known of each model: how much it reads and writes, what it takes and can, and what it costs. `check`,
    `plan` and the limits of cost go by it. No provider is asked. A model that is not listed works all the same.

    A project adds and corrects models in its flowlang.toml; what comes from there has a star.
    """,
    examples=("flowlang models", "flowlang models gemini-3-1-pro", "flowlang models --json"),
)

CACHE = Command(
    name="cache",
    words=(Word("WHAT", "size, prune or clear"),),
    flags=(
        STORE,
        Flag("older", "prune: what was made before this time, as in 12h, 30d or 8w; 30d by default", "AGE"),
        Flag("yes", "clear: don't ask"),
    ),
    about="""
    Answers are kept so that nothing is asked and paid for twice; runs, so that one can look back at them.

    `size` says how much is kept, and since when. `prune` forgets answers and runs of long ago, and texts that nothing
    refers to any more. `clear` forgets everything, and asks first. Runs that are under way keep what is theirs, and
    nothing outside the store's folder is touched.
    """,
    examples=("flowlang cache size", "flowlang cache prune --older 7d", "flowlang cache clear --yes"),
)

EXPLAIN = Command(
    name="explain",
    words=(Word("RULE", "the rule, as in error[unknown-name]; without it, all rules are listed", needed=False),),
    examples=("flowlang explain", "flowlang explain unknown-name"),
)

NEW = Command(
    name="new",
    words=(Word("NAME", "the flow's name; hello if it is left out", needed=False),),
    about="""
    Writes NAME.flow and, if there is none yet, flowlang.toml. Nothing that exists is overwritten.

    With --offline the flow runs at once, without a key and without cost: its answers come from a built-in model,
    which is no language model.
    """,
    examples=("flowlang new hello", "flowlang run hello.flow --offline", "flowlang run hello.flow --help"),
)

COMPLETION = Command(
    name="completion",
    words=(Word("SHELL", "the shell: bash, zsh or fish"),),
    about="The script goes where your shell looks for such scripts, or into its start-up file.",
    examples=(
        'eval "$(flowlang completion bash)"     in ~/.bashrc',
        'eval "$(flowlang completion zsh)"      in ~/.zshrc',
        "flowlang completion fish > ~/.config/fish/completions/flowlang.fish",
    ),
)

ALL = {
    command.name: command
    for command in (
        *(NEW, CHECK, RUN, WATCH, RETRY, TEST, TRUST, PLAN, WHY, PREVIEW, RUNS, SHOW, DIFF, CACHE),
        *(FMT, GRAPH, DESCRIBE, MODELS, EXPLAIN, COMPLETION),
    )
}
