"""Signals for the apps above accounts, whose jobs and files end together with access to a team.

All are sent inside the transaction of the change: an error in a receiver rolls it back.
"""

from django.dispatch import Signal

# `team`, `user`: the user left or was removed from the team, was deactivated or closed the account, or may no longer
# make videos there. Receivers cancel the user's unfinished jobs in the team.
access_revoked = Signal()
# `team`: it was deleted. Receivers delete its content.
team_deleted = Signal()
# `user`: the account was closed. Receivers delete what was stored only for this user.
account_deleted = Signal()
