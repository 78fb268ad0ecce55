"""EmailMessages and the people they went to, as Salesforce shows them.

Belongs here: mails by people of ours, by prospects, and absence notices. Does not: the Tasks beside
them, or machines' mails (`activities.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.activities import TEXT, Links, is_message, subject_of
from revops_pipelines.sandbox.salesforce.children import Brief, Child, Children
from revops_pipelines.sandbox.salesforce.people import Step
from revops_pipelines.sandbox.salesforce.staff import AUTOMATED, BASE, INTEGRATION, user_of
from revops_pipelines.sandbox.salesforce.story import Change, born_with, epoch_ms
from revops_pipelines.sandbox.world.activities import Activity

READ, SENT = "1", "3"
OUR_ADDRESS = "hello@northbeam.example"


class Mails:
    """The EmailMessages, in order of id."""

    sobject = "EmailMessage"

    def __init__(self, links: Links) -> None:
        self._links = links
        self._world = links.world
        self.positions = [
            position
            for position, activity in enumerate(self._world.activities)
            if is_message(activity)
        ]

    def __len__(self) -> int:
        return len(self.positions)

    def activity(self, position: int) -> Activity:
        """The activity that a record shows."""
        return self._world.activities[self.positions[position]]

    def number(self, position: int) -> int:
        """The number in its id."""
        return self.positions[position] + 1

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        deleted = self.activity(position).deleted_at
        return None if deleted is None else epoch_ms(deleted)

    def archived(self, position: int) -> int | None:
        """Never: only Tasks and Events are."""
        return None

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and was found to have bounced."""
        activity = self.activity(position)
        born = epoch_ms(activity.recorded_at)
        if activity.settled != "bounced" or activity.settled_at is None:
            return [born]
        return [born, epoch_ms(activity.settled_at)]

    def story(self, position: int) -> Sequence[Change]:
        """What it said at first, whether it bounced, and which deal it belonged to."""
        activity, number = self.activity(position), self.number(position)
        born = epoch_ms(activity.recorded_at)
        incoming = activity.by in ("prospect", "prospect_machine")
        ours, theirs = self._ours(activity), self._theirs(activity)
        values = {
            "ActivityId": ids.record_id("Task", number),
            "Subject": subject_of(activity, number),
            "TextBody": TEXT,
            "FromAddress": theirs if incoming else ours,
            "ToAddress": ours if incoming else theirs,
            "Incoming": incoming,
            "HasAttachment": False,
            "Status": READ if incoming else SENT,
            "MessageDate": epoch_ms(activity.at),
            "MessageIdentifier": f"<{number}@mail.northbeam.example>",
            "IsBounced": False,
            "IsClientManaged": True,
            "IsTracked": False,
            "CurrencyIsoCode": BASE,
        }
        owner = user_of(self._world, activity.user_index)
        deal, later = self._links.follow(born, {"RelatedToId": self._links.deal(activity)})
        first = Change(born, values | deal, INTEGRATION if incoming else owner)
        if activity.settled == "bounced" and activity.settled_at is not None:
            later.append(Change(epoch_ms(activity.settled_at), {"IsBounced": True}, AUTOMATED))
        return born_with(first, later) if later else [first]

    def relations(self) -> Children:
        """EmailMessageRelation: the people it was from or to, and the user at the other end."""
        return Children("EmailMessageRelation", len(self), self._relations, 0, self._in_brief)

    def _in_brief(self, position: int) -> list[Brief]:
        activity = self.activity(position)
        moments = (epoch_ms(activity.recorded_at),)
        count = len(activity.contacts) + (activity.user_index is not None)
        return [(moments, self.gone(position))] * count

    def _relations(self, position: int) -> list[Child]:
        activity = self.activity(position)
        incoming = activity.by in ("prospect", "prospect_machine")
        theirs, ours = ("FromAddress", "ToAddress")[:: 1 if incoming else -1]
        children = [
            self._relation(position, theirs, self._world.contacts[contact].email, steps)
            for contact, steps in (
                (each, self._links.people.steps(each)) for each in activity.contacts
            )
        ]
        if activity.user_index is not None:
            user = self._world.users[activity.user_index]
            steps = ((0, ids.user_id(user.hubspot_id)),)
            children.append(self._relation(position, ours, user.email, steps, kind="User"))
        return children

    def _relation(
        self, position: int, role: str, address: str, steps: Sequence[Step], kind: str = ""
    ) -> Child:
        activity = self.activity(position)
        born = epoch_ms(activity.recorded_at)
        values = {
            "EmailMessageId": ids.record_id("EmailMessage", self.number(position)),
            "RelationType": role,
            "RelationAddress": address,
        }
        kinds = [(at, kind or _kind(id_)) for at, id_ in steps]
        who, later = self._links.follow(born, {"RelationId": steps, "RelationObjectType": kinds})
        first = Change(born, values | who, INTEGRATION)
        return born_with(first, later) if later else [first], self.gone(position)

    def _ours(self, activity: Activity) -> str:
        if activity.user_index is None:
            return OUR_ADDRESS
        return self._world.users[activity.user_index].email

    def _theirs(self, activity: Activity) -> str:
        return "; ".join(self._world.contacts[each].email for each in activity.contacts)


def _kind(id_: str | None) -> str | None:
    if id_ is None:
        return None
    return "Lead" if id_.startswith(ids.PREFIXES["Lead"]) else "Contact"
