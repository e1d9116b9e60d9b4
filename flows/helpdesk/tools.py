"""What the help desk's flow may look up."""

import csv
from pathlib import Path

ORDERS = Path(__file__).with_name("orders.csv")
TOLD = ("item", "state", "ordered_on", "sent_on")


def find_order(number: str) -> dict[str, object]:
    """The order with this number, or only that there is none."""
    with ORDERS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["number"].casefold() == number.strip().casefold():
                return {"found": True} | {name: row[name] or None for name in TOLD}
    return {"found": False}
