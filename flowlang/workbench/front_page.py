"""The front page: what `flowlang --help` prints."""

# Name and what it does, in the order in which a newcomer needs them. What a command takes stands in declared.py.
COMMANDS: tuple[tuple[str, str], ...] = (
    ("new", "write a working example flow, ready to run"),
    ("check", "find every mistake in flow files; asks no model"),
    ("run", "run a flow"),
    ("retry", "run again what failed in a run, with the same inputs"),
    ("watch", "run a flow, and again at every save: only what changed"),
    ("test", "run the tests that stand in flows, on recorded answers"),
    ("trust", "show what a project's files ask for, and grant it"),
    ("plan", "show what a run would do; asks no model"),
    ("why", "say why a step would be asked again, or was"),
    ("preview", "show the exact messages of one step; asks no model"),
    ("runs", "list the earlier runs"),
    ("show", "show what an earlier run asked, was answered, and cost"),
    ("diff", "show what is different between two runs, or revisions of git's"),
    ("fmt", "put flow files into the canonical layout"),
    ("graph", "draw a flow's steps"),
    ("describe", "read a flow back in plain sentences"),
    ("models", "list the models that are known, and what they cost"),
    ("cache", "say how much is kept of runs and answers, or forget it"),
    ("explain", "explain a rule that `check` names"),
    ("completion", "print the completion script for a shell"),
)

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "all done"),
    (1, "a step or an expectation failed"),
    (2, "wrong command line or input"),
    (3, "a flow file has mistakes, nothing was sent"),
    (4, "provider unreachable or refusing: network, key, quota"),
    (5, "a limit stopped it: cost, time, calls, size"),
    (6, "the store or the disk cannot be used"),
    (7, "not allowed: folder, path, tool, host"),
    (8, "differences found (fmt --check), or answers missing (test)"),
    (70, "a bug in flowlang itself"),
    (130, "interrupted (Ctrl-C)"),
    (143, "stopped from outside"),
)


def front_page() -> str:
    """All commands, how to begin, and the exit codes."""
    commands = "".join(f"  {name:<11} {summary}\n" for name, summary in COMMANDS)
    codes = "".join(f"  {code:<4} {meaning}\n" for code, meaning in EXIT_CODES)
    return (
        "Flows of prompts in readable text files: checked, planned and run.\n\n"
        "Usage: flowlang COMMAND …\n\n"
        f"Commands\n{commands}\n"
        "Try it\n"
        "  flowlang new hello\n"
        "  flowlang run hello.flow --offline\n\n"
        "Help\n"
        "  flowlang COMMAND --help     what a command takes, with examples\n"
        "  flowlang run FLOW --help    the inputs of that flow\n"
        "  flowlang --version          the version\n\n"
        f"Exit codes\n{codes}"
    )
