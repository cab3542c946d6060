"""A small ledger: postings, balances, reports. Some of its methods do not do what their docstrings say."""

import csv
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Posting:
    """An amount in cents that goes to an account on a day. Income is above zero, spending below."""

    day: date
    account: str
    cents: int
    text: str = ""


class Ledger:
    """Postings in the order in which they were added."""

    def __init__(self):
        """An empty ledger."""
        self.postings = []

    def load(self, path):
        """Adds the postings of a CSV file with the columns day, account, cents and text."""
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                day = date.fromisoformat(row["day"])
                self.add(Posting(day, row["account"], int(row["cents"]), row["text"]))

    def add(self, posting):
        """Adds one posting."""
        self.postings.append(posting)

    def balance(self, account):
        """The sum of an account, in cents."""
        return sum(posting.cents for posting in self.postings if posting.account == account)

    def accounts(self):
        """The names of all accounts, each once, in alphabetical order."""
        return sorted({posting.account for posting in self.postings})

    def between(self, first, last):
        """The postings from the day `first` to the day `last`, both included."""
        return [posting for posting in self.postings if first <= posting.day < last]

    def spending(self, account):
        """The sum of what an account spent, in cents, as a number above zero."""
        return -sum(posting.cents for posting in self.postings
                    if posting.account == account and posting.cents < 0)

    def largest(self, count):
        """The `count` postings with the largest amounts, whatever their sign, the largest first."""
        return sorted(self.postings, key=lambda posting: abs(posting.cents), reverse=True)[:count]

    def move(self, posting, account):
        """Books `posting` to another account: it is taken out and added there."""
        self.postings.remove(posting)
        self.add(Posting(posting.day, account, posting.cents, posting.text))

    def by_month(self):
        """The sum of each month, as a dictionary from (year, month) to cents."""
        months = {}
        for posting in self.postings:
            key = (posting.day.year, posting.day.month)
            months[key] = months.get(key, 0) + posting.cents
        return months

    def average(self, account):
        """The mean amount of an account's postings, in cents; 0 for an account without postings."""
        amounts = [posting.cents for posting in self.postings if posting.account == account]
        return sum(amounts) / len(self.postings) if amounts else 0

    def save(self, path):
        """Writes all postings to a CSV file that `load` can read."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["day", "account", "cents", "text"])
            for posting in self.postings:
                writer.writerow([posting.day.isoformat(), posting.account, posting.cents, posting.text])
