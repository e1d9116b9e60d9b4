"""What must survive: kills at every write, power cuts, full and broken disks, many processes, damaged files.

| file | what is done to a run, and what is asked of it |
|---|---|
| `project` | a flow of twenty calls in a folder of its own, the gateway that answers it, and what it must not lose |
| `strace` | system calls that kill or fail, and the writes of a run, in their order |
| `test_kills` | killed at a write, or at any moment: nothing that was done is asked again, no output is half written |
| `test_power` | the disk as it is after a power cut: what was not synced may be there or not |
| `test_disk` | no space left, and errors, from the N-th write: what is saved is told, and that is true |
| `test_many` | eight processes ask the same, and some are killed: each question is billed once |
| `test_damage` | bits, pages, ends of the store's files: a wrong answer is never served, a good one seldom lost |
| `test_histories` | edits, kills and full disks in any order: what comes out is what a fresh run gives |

`pytest tests/durability` takes a sample of each, `pytest tests/durability --complete` all of it, and
`python -m tests.durability [NAME …]` prints the figures of the whole.
"""
