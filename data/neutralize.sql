-- A neutralized copy neither sends nor reads, whatever Odoo's own statements leave. What Odoo puts in the place of all
-- outgoing servers stays: without it the server of the configuration file would be used.
UPDATE ir_mail_server SET active = FALSE WHERE smtp_host IS DISTINCT FROM 'invalid';
UPDATE fetchmail_server SET active = FALSE;
UPDATE spp_email_intake SET active = FALSE;
UPDATE ir_cron SET active = FALSE
 WHERE id IN (SELECT res_id FROM ir_model_data WHERE model = 'ir.cron' AND module = 'spp_email_gateway');
-- What the original's workers held is nobody's here.
DELETE FROM spp_email_lease;
-- A refresh token that a copy uses may be worth nothing to the original afterwards; nor is the secret the copy's.
UPDATE spp_email_oauth
   SET access_token = NULL, refresh_token = NULL, client_secret = NULL, access_until = NULL, state = 'new', active = FALSE;
-- Bound to no database: also with new servers nothing is sent or read until a person says so under Health.
UPDATE spp_email_binding SET database_uuid = 'neutralized';
INSERT INTO spp_email_binding (database_uuid, database_name, bound_date)
SELECT 'neutralized', current_database(), now() AT TIME ZONE 'UTC'
 WHERE NOT EXISTS (SELECT 1 FROM spp_email_binding);
-- A copy signs nothing in the original's name.
UPDATE spp_email_dkim_key SET private_key = NULL, state = 'retired', retired_date = now() AT TIME ZONE 'UTC';
UPDATE spp_email_domain SET dkim_is_required = FALSE;
