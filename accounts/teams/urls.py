"""Addresses of the team's pages."""

from django.urls import path

from accounts.teams import join, log, roles_page, settings_views, views

urlpatterns = [
    path("team", views.team, name="team"),
    path("team/invitations/<int:invitation_id>/resend", views.resend, name="resend_invitation"),
    path("team/invitations/<int:invitation_id>/withdraw", views.withdraw, name="withdraw_invitation"),
    path("team/members/<int:user_id>", views.member, name="team_member"),
    path("team/members/<int:user_id>/remove", views.remove, name="remove_member"),
    path("team/leave", views.leave, name="leave_team"),
    path("team/new", settings_views.new, name="new_team"),
    path("team/switch", settings_views.switch, name="switch_team"),
    path("team/settings", settings_views.settings, name="team_settings"),
    path("team/hand-over", settings_views.hand_over, name="hand_over_team"),
    path("team/close", settings_views.close, name="close_team"),
    path("team/keep", settings_views.keep, name="keep_team"),
    path("team/log", log.log, name="team_log"),
    path("join/<str:secret>", join.join, name="join"),
    path("docs/roles", roles_page.roles, name="roles"),
]
