"""URLs of the team pages."""

from django.urls import path

from accounts.teams.views import audit_log, join, members, roles, settings

urlpatterns = [
    path("team", members.team, name="team"),
    path("team/invitations/<int:invitation_id>/resend", members.resend, name="resend_invitation"),
    path("team/invitations/<int:invitation_id>/withdraw", members.withdraw, name="withdraw_invitation"),
    path("team/members/<int:user_id>", members.member, name="team_member"),
    path("team/members/<int:user_id>/remove", members.remove, name="remove_member"),
    path("team/leave", members.leave, name="leave_team"),
    path("team/new", settings.new, name="new_team"),
    path("team/switch", settings.switch, name="switch_team"),
    path("team/settings", settings.settings, name="team_settings"),
    path("team/hand-over", settings.transfer_ownership, name="transfer_ownership"),
    path("team/close", settings.schedule_deletion, name="close_team"),
    path("team/keep", settings.cancel_deletion, name="cancel_team_deletion"),
    path("team/log", audit_log.audit_log, name="team_log"),
    path("join/<str:secret>", join.join, name="join"),
    path("docs/roles", roles.roles, name="roles"),
]
