"""What is made of all answers together: costs are settled, findings ranked, those that are ignored set aside."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipelinedoctor import ignoring
from pipelinedoctor.derive.costs import Accounts, settled
from pipelinedoctor.findings import Finding
from pipelinedoctor.ignore_file import NAME, Entry
from pipelinedoctor.ranking import ranked
from pipelinedoctor.report.model import Section
from pipelinedoctor.stats.prices import Rates
from pipelinedoctor.store.history import History
from pipelinedoctor.units import dollars, minutes, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What costs rest on, and which findings are ignored: the entries of the file `ignore_file`, by its name."""

    rates: Rates = field(default_factory=Rates)
    ignored: Sequence[Entry] = ()
    ignore_file: str = NAME


@dataclass(frozen=True, slots=True)
class Concluded:
    """Findings in their order, sections with theirs, and what the head of the report says of both."""

    findings: tuple[Finding, ...]
    sections: tuple[Section, ...]
    sentences: tuple[str, ...]


def conclude(sections: Sequence[Section], history: History, terms: Terms) -> Concluded:
    """Settle, rank and set aside. Where there are entries, one more section tells of them."""
    accounts = settled([one for section in sections for one in section.findings], history, terms.rates)
    everything = ranked(accounts.findings, history.window)
    # The window ends at the report's time.
    left = ignoring.without_ignored(everything, terms.ignored, history.window.end.date(), terms.ignore_file)
    made = [
        replace(section, findings=tuple(one for one in left.kept if one.query == section.id)) for section in sections
    ]
    findings, sentences = left.kept, _accounted(accounts)
    if left.section is not None:
        made.append(left.section)
        findings = ranked([*left.kept, *left.section.findings], history.window)
        sentences = (*sentences, ignoring.sentence(left.section))
    return Concluded(findings, tuple(made), sentences)


def _accounted(accounts: Accounts) -> tuple[str, ...]:
    """What the findings come to together, where any could be charged."""
    people = accounts.people
    if not accounts.minutes and not people.expected:
        return ()
    text = f"The findings account for {minutes(accounts.minutes)} of runner time, each execution counted once"
    if accounts.priced:
        of = (
            ""
            if accounts.priced >= accounts.minutes
            else f" for the {share(accounts.priced / accounts.minutes)} with a known price"
        )
        text += f" ({dollars(accounts.dollars)} at list prices{of})"
    elif accounts.minutes:
        text += " (at a price that is not known)"
    if people.expected:
        text += f", and for some {minutes(people.expected)} of people's time ({minutes(people.low)} to {minutes(people.high)})"
    return (f"{text}.",)
