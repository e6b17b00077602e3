"""The function of the audit triggers; accounts/audit/triggers.py declares the audited tables."""

from django.db import migrations

# SECURITY DEFINER: the function runs as the owner of the tables, to whom row-level security does not apply.
_FUNCTION = """
CREATE FUNCTION mutoscope_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    label text := TG_ARGV[0];
    key_column text := TG_ARGV[1];
    team_column text := TG_ARGV[2];
    ignored text[] := string_to_array(TG_ARGV[3], ',');
    secret text[] := string_to_array(TG_ARGV[4], ',');
    actor jsonb := COALESCE(NULLIF(current_setting('mutoscope.actor', true), '')::jsonb, '{}');
    before jsonb := '{}';
    after jsonb := '{}';
    subject jsonb;
    found jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN before := jsonb_strip_nulls(to_jsonb(OLD)) - ignored; END IF;
    IF TG_OP <> 'DELETE' THEN after := jsonb_strip_nulls(to_jsonb(NEW)) - ignored; END IF;
    SELECT jsonb_object_agg(name, CASE WHEN name = ANY (secret) THEN to_jsonb('changed'::text)
                                  ELSE jsonb_build_array(before -> name, after -> name) END)
    INTO found
    FROM jsonb_object_keys(before || after) AS name
    WHERE before -> name IS DISTINCT FROM after -> name;
    IF found IS NULL THEN RETURN NULL; END IF;
    subject := before || after;
    INSERT INTO audit_auditentry (
        at, team_id, actor_id, api_key_id, impersonator_id, ip, request_id, system, verb, model, row_id, changes
    ) VALUES (
        now(), (subject ->> team_column)::bigint, (actor ->> 'user')::bigint, (actor ->> 'api_key')::bigint,
        (actor ->> 'impersonator')::bigint, (actor ->> 'ip')::inet, COALESCE(actor ->> 'request_id', ''),
        CASE WHEN actor = '{}' THEN current_setting('application_name') ELSE '' END,
        lower(TG_OP), label, subject ->> key_column, found
    );
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_log")]

    operations = [migrations.RunSQL(_FUNCTION, "DROP FUNCTION mutoscope_audit")]
