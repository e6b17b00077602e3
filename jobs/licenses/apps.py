from django.apps import AppConfig


class LicensesConfig(AppConfig):
    """The licences of models that an administrator has to accept before anybody may use the model."""

    name = "jobs.licenses"
    label = "licenses"
