"""What the rooms above accounts have to hear: they hold work and files that end with somebody's access.

All are sent inside the transaction that makes it so: a receiver that fails undoes it all.
"""

from django.dispatch import Signal

# `team`, `user`: the person left the team, was removed, was closed, or may make no videos there any more. What
# they have in the works there ends.
access_revoked = Signal()
# `team`: it is closed for good. Everything that it made goes.
team_deleted = Signal()
# `user`: the account is closed for good. What was kept for this person alone goes.
account_deleted = Signal()
