"""Signals for the apps above accounts, whose jobs and files end together with access to a team.

All are sent inside the transaction of the change: an error in a receiver rolls it back.
"""

from django.dispatch import Signal

# `team`, `user`, `scopes`: the user left or was removed from the team, was deactivated or closed the account, or has a
# lower role. Receivers end what the user made there and the remaining scopes, if any, do not include.
access_revoked = Signal()
# `team`, `user`: somebody is about to remove the user from the team. Receivers of `access_revoked` return a sentence in
# the current language about what they will end, or an empty string.
member_removal_preview = Signal()
# `team`: it was deleted. Receivers delete its content.
team_deleted = Signal()
# `user`: the account was closed. Receivers delete what was stored only for this user.
account_deleted = Signal()
