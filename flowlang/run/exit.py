"""The exit codes, and which failure leads to which."""

DONE = 0
FAILED = 1  # a step or an expectation
WRONG_INPUT = 2  # the command line, an input, an output's place
MISTAKES = 3  # in a flow file; nothing was sent
PROVIDER = 4  # unreachable or refusing
LIMIT = 5  # cost, calls, time, size
STORE = 6
NOT_ALLOWED = 7
DIFFERENCES = 8
CRASHED = 70
INTERRUPTED = 130
TERMINATED = 143

# What a failure of each rule means for the whole run; every other rule is FAILED.
OF_RULE = {
    "missing-key": PROVIDER,
    "refused": PROVIDER,
    "unreachable": PROVIDER,
    "limit-reached": LIMIT,
    "not-allowed": NOT_ALLOWED,
    "missing-setting": MISTAKES,
    "store-failed": STORE,
}

# Rules after which no further call can do better: everything stops at the first one.
FINAL = frozenset(("missing-key", "store-failed"))
