import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import common.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_verbose_names"),
        ("galleries", "0004_count_in_the_index"),
        ("jobs", "0013_verbose_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="collection",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="collection",
            name="description",
            field=models.CharField(blank=True, max_length=500, verbose_name="description"),
        ),
        migrations.AlterField(
            model_name="collection",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="collection",
            name="name",
            field=models.CharField(max_length=80, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="collection",
            name="position",
            field=models.PositiveIntegerField(default=0, verbose_name="position"),
        ),
        migrations.AlterField(
            model_name="collection",
            name="publications",
            field=models.ManyToManyField(
                related_name="collections",
                through="galleries.CollectionItem",
                to="galleries.publication",
                verbose_name="publications",
            ),
        ),
        migrations.AlterField(
            model_name="collection",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="collections",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="collectionitem",
            name="collection",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="galleries.collection",
                verbose_name="collection",
            ),
        ),
        migrations.AlterField(
            model_name="collectionitem",
            name="publication",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="galleries.publication",
                verbose_name="publication",
            ),
        ),
        migrations.AlterField(
            model_name="collectionitem",
            name="team",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="favourite",
            name="publication",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="favourites",
                to="galleries.publication",
                verbose_name="publication",
            ),
        ),
        migrations.AlterField(
            model_name="favourite",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team", verbose_name="team"
            ),
        ),
        migrations.AlterField(
            model_name="favourite",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="favourites",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
        migrations.AlterField(
            model_name="publication",
            name="caption",
            field=models.TextField(blank=True, verbose_name="caption"),
        ),
        migrations.AlterField(
            model_name="publication",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="publication",
            name="is_public",
            field=models.BooleanField(default=False, verbose_name="public"),
        ),
        migrations.AlterField(
            model_name="publication",
            name="job",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="publication",
                to="jobs.job",
                verbose_name="video",
            ),
        ),
        migrations.AlterField(
            model_name="publication",
            name="model",
            field=models.CharField(editable=False, max_length=60, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="publication",
            name="published_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="published"),
        ),
        migrations.AlterField(
            model_name="publication",
            name="publisher",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="publications",
                to=settings.AUTH_USER_MODEL,
                verbose_name="published by",
            ),
        ),
        migrations.AlterField(
            model_name="publication",
            name="search_text",
            field=models.TextField(editable=False, verbose_name="search text"),
        ),
        migrations.AlterField(
            model_name="publication",
            name="tags",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=30), blank=True, default=list, size=None, verbose_name="tags"
            ),
        ),
        migrations.AlterField(
            model_name="publication",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="publications",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="publicpage",
            name="is_on",
            field=models.BooleanField(default=False, verbose_name="enabled"),
        ),
        migrations.AlterField(
            model_name="publicpage",
            name="slug",
            field=models.SlugField(max_length=60, unique=True, verbose_name="slug"),
        ),
        migrations.AlterField(
            model_name="publicpage",
            name="team",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="public_page",
                serialize=False,
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="collection",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="share_links",
                to="galleries.collection",
                verbose_name="collection",
            ),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="creator",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="share_links",
                to=settings.AUTH_USER_MODEL,
                verbose_name="created by",
            ),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="expires"),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="job",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="share_links",
                to="jobs.job",
                verbose_name="video",
            ),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="password",
            field=models.CharField(blank=True, editable=False, max_length=128, verbose_name="password"),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="revoked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="revoked"),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="share_links",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="token",
            field=models.CharField(editable=False, max_length=43, unique=True, verbose_name="token"),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="view_count",
            field=models.PositiveIntegerField(default=0, verbose_name="views"),
        ),
    ]
