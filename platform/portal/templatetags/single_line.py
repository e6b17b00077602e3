"""`{{ team.name|single_line }}`: for emails, whose lines a name that was stored with line ends could imitate."""

from django import template

from common.text import single_line

register = template.Library()

register.filter("single_line", single_line)
