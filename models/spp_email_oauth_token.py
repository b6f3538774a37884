# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Tokens: kept, renewed by one worker at a time, and known to work once a server let us in with them."""

import hmac
import logging
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.errors import ConfigurationError, GatewayError, OAuthError
from ..engine.oauth_client import OAuthClient, OAuthToken, client_token, refresh_token
from ..engine.retry import next_attempt
from ..engine.storable import storable
from .sealed_field import refuse_evaluated
from .spp_email_transaction import DATABASE_ILL

_logger = logging.getLogger(__name__)

# A token that ends while a session is being opened would be refused.
MARGIN = timedelta(minutes=2)
# The job renews this long before, so that a provider that is away for a while is noticed early.
AHEAD = timedelta(minutes=20)
# A token that was got just now and is refused all the same is not helped by another one.
FRESH = timedelta(minutes=1)
# Another worker renews for no longer than the request for a token may take.
WAIT_SECONDS, MOST_WAITS = 0.25, 100
# A token that was got is stored that often, so many seconds apart, within the lease of its renewal.
MOST_KEEPS, KEEP_SECONDS = 6, 2
# Whoever noted something in the same row has done so in a short transaction.
LOCK_SECONDS = 5


@dataclass(frozen=True)
class Kept:
    """A credential as it is committed. Attributes are named after the fields."""

    client: OAuthClient
    token: OAuthToken
    grant: str
    state: str
    revision: int
    obtained_date: datetime | None
    next_renewal_date: datetime | None
    failures: int
    failure_text: str
    failure_cure: str

    def lasts(self, until):
        return bool(self.token.access_token) and self.token.expires > until


class SppEmailOauth(models.Model):
    _inherit = "spp.email.oauth"

    def _access_token(self, *, is_refused=False, ahead=MARGIN):
        """Return an access token that lasts for ``ahead`` at least, got from the provider where there is none.

        What is got is committed at once: a provider that gives a new refresh token takes the old one no more, so that
        a caller's rollback must not lose it.

        Args:
            is_refused: a server did not take the present one.

        Raises:
            ConfigurationError: a setting is missing, or this database may be a copy.
            OAuthError: there is no token: nobody is connected, or the provider refuses.
            GatewayError: the provider could not be reached.
        """
        self.ensure_one()
        refuse_evaluated(self.env)
        # A refresh token that a copy uses may be worth nothing to the original afterwards.
        self.env["spp.email.binding"]._require_original(ConfigurationError)
        for _wait in range(MOST_WAITS):
            now = fields.Datetime.now()
            kept = self._kept()
            is_enough = kept.lasts(now + ahead) and not (is_refused and not _is_fresh(kept, now))
            if is_enough:
                return kept.token.access_token
            self._require_renewable(kept, now)
            lease = self.env["spp.email.lease"]._acquire(f"oauth:{self.id}")
            if lease is not None:
                try:
                    return self._renew(is_refused, ahead)
                finally:
                    self.env["spp.email.lease"]._release(lease)
            if kept.lasts(now + MARGIN) and not is_refused:
                # Another worker renews it ahead of time.
                return kept.token.access_token
            time.sleep(WAIT_SECONDS)
        raise GatewayError(self.env._("Another process has been renewing the access for too long."), phase="oauth")

    def _gateway_get_token(self, is_refused):
        self._access_token(is_refused=is_refused)

    def _renew(self, is_refused, ahead):
        """Get a new token, in the name of all workers; return it."""
        refuse_evaluated(self.env)
        now = fields.Datetime.now()
        # Who had the lease before may just have done it.
        kept = self._kept()
        if kept.lasts(now + ahead) and not (is_refused and not _is_fresh(kept, now)):
            return kept.token.access_token
        self._require_renewable(kept, now)
        try:
            if kept.grant == "client":
                token = client_token(kept.client, post=self._post(), now=now)
            else:
                token = refresh_token(kept.client, kept.token, post=self._post(), now=now)
        except (GatewayError, ConfigurationError) as error:
            if not self._keep_failure(kept, error):
                # Somebody connected again, or disconnected, meanwhile.
                kept = self._kept()
                if kept.lasts(fields.Datetime.now() + MARGIN):
                    return kept.token.access_token
            raise
        self._keep_surely(token, kept)
        return token.access_token

    def _require_renewable(self, kept, now):
        """Raise where it is known without asking that there will be no token."""
        if kept.state == "dead":
            raise OAuthError(
                kept.failure_text or self.env._("The connection has ended."),
                permanent=True,
                code="dead",
                field="token",
                cure=kept.failure_cure or self.env._("Open the OAuth credential and press Reconnect."),
                remedy="reconnect",
            )
        if kept.grant == "code" and not kept.token.refresh_token:
            raise OAuthError(
                self.env._("The OAuth credential is not connected yet."),
                permanent=True,
                code="not_connected",
                field="token",
                cure=self.env._("Open the OAuth credential and press Connect."),
                remedy="reconnect",
            )
        if kept.next_renewal_date and kept.next_renewal_date > now:
            raise OAuthError(kept.failure_text or "", code="waiting", cure=kept.failure_cure or "", remedy="wait")

    # ------------------------------------------------------------------
    # What is kept, each in a transaction of its own
    # ------------------------------------------------------------------

    @contextmanager
    def _own_transaction(self):
        """Yield the record on a cursor of its own, as it is committed now.

        Raises:
            ConfigurationError: it is not committed yet, or was deleted.
        """
        with self._gateway_cursor(read_committed=True) as env:
            env.cr.execute(SQL("SET LOCAL lock_timeout = %s", LOCK_SECONDS * 1000))
            # sudo: tokens are nobody's to read or write; they go to the server that the record is for.
            credential = self.with_env(env).sudo().exists()  # nosemgrep: odoo-sudo-without-context
            if not credential:
                raise ConfigurationError(self.env._("Save the OAuth credential first."))
            credential.invalidate_recordset()
            yield credential
        self.invalidate_recordset()

    def _kept(self):
        refuse_evaluated(self.env)
        with self._own_transaction() as credential:
            return Kept(
                client=credential._client(),
                token=OAuthToken(
                    credential._fields["access_token"].reveal(credential) or "",
                    credential._fields["refresh_token"].reveal(credential) or "",
                    credential.access_until or datetime.min,
                    credential.granted_scopes or "",
                ),
                grant=credential.grant,
                state=credential.state,
                revision=credential.revision,
                obtained_date=credential.obtained_date or None,
                next_renewal_date=credential.next_renewal_date or None,
                failures=credential.failures,
                failure_text=credential.failure_text or "",
                failure_cure=credential.failure_cure or "",
            )

    def _keep_surely(self, token, kept):
        """Commit a token, again where the database was away for a moment.

        A provider that gave a new refresh token takes the old one no more: what is lost now, a person has to mend.

        Raises:
            psycopg2.Error: the database is away for longer.
        """
        for attempt in range(MOST_KEEPS):
            try:
                return self._keep(token, kept)
            except DATABASE_ILL:
                if attempt == MOST_KEEPS - 1:
                    raise
                _logger.warning("The new token of credential %s could not be stored, and is tried again.", self.id)
                time.sleep(KEEP_SECONDS)

    def _keep(self, token, kept=None):
        """Commit a token.

        Args:
            kept: what the token was got with; None for one that a person logged in for, which is newer than all.
        """
        now = fields.Datetime.now()
        with self._own_transaction() as credential:
            if not credential._take_turn(kept):
                # Somebody connected again, or disconnected: what came late is not put in the place of that.
                _logger.info("A token of credential %s came too late and was left.", self.id)
                return
            values = {
                "access_token": token.access_token,
                "access_until": token.expires,
                "granted_scopes": token.scopes,
                "obtained_date": now,
                "failures": 0,
                "next_renewal_date": False,
            }
            if kept is None or not hmac.compare_digest(
                token.refresh_token.encode(), kept.token.refresh_token.encode()
            ):
                values.update(refresh_token=token.refresh_token, refresh_date=now)
            if kept is None:
                values.update(used_date=False, state="new")
            # What a mail server refused is over when one lets us in, not when there is another token to try.
            is_provider_well = kept is not None and kept.state == "failing" and kept.failures > 0
            if kept is None or is_provider_well:
                values.update(failing_date=False, failure_text=False, failure_cure=False)
            if is_provider_well:
                values["state"] = "valid" if credential.used_date else "new"
            credential.write(values)

    def _keep_failure(self, kept, error):
        """Commit that no token was got; return False where the tokens were replaced meanwhile."""
        now = fields.Datetime.now()
        is_dead = isinstance(error, OAuthError) and error.permanent
        with self._own_transaction() as credential:
            if not credential._take_turn(kept):
                return False
            # Not the provider's words, which may name an account.
            _logger.warning("Credential %s got no token: %s.", self.id, type(error).__name__)
            credential.write(
                {
                    "state": "dead" if is_dead else "failing",
                    "failing_date": credential.failing_date or now,
                    "failure_text": storable(words_of(error)),
                    "failure_cure": getattr(error, "cure", "") or False,
                    "failures": kept.failures + 1,
                    "next_renewal_date": next_attempt(now, kept.failures + 1, random.Random()),  # noqa: S311 - jitter
                }
            )
        if is_dead:
            self._call_health()
        return True

    def _call_health(self):
        """Let managers hear now of what ended or is well again, and not at the next check."""
        # sudo: the job looks at everything in any case.
        job = self.env["spp.email.health"]._job().sudo()  # nosemgrep: odoo-sudo-without-context
        with self._gateway_cursor() as env:
            if job:
                job.with_env(env)._trigger()

    def _take_turn(self, kept):
        """Count the tokens' revision up; return False, and count nothing, if it is not that of ``kept`` any more."""
        wanted = SQL("AND COALESCE(revision, 0) = %s", kept.revision) if kept else SQL()
        rows = self.env.execute_query(
            SQL(
                "UPDATE %s SET revision = COALESCE(revision, 0) + 1 WHERE id = %s %s RETURNING id",
                SQL.identifier(self._table),
                self.id,
                wanted,
            )
        )
        self.invalidate_recordset(["revision"])
        return bool(rows)

    # ------------------------------------------------------------------
    # Ahead of time
    # ------------------------------------------------------------------

    @api.model
    def _cron_renew(self):
        """Renew what ends soon. Called by the job."""
        soon = fields.Datetime.now() + AHEAD
        due = self.search([("state", "in", ("new", "valid", "failing")), ("access_until", "<=", soon)])
        left = self.env["ir.cron"]._commit_progress(remaining=len(due))
        for number, credential in enumerate(due, 1):
            if not left:
                # The others are renewed when they are used, or by the next run.
                return
            try:
                credential._access_token(ahead=AHEAD)
            except (GatewayError, ConfigurationError) as error:
                # Noted on the record; health tells the managers.
                _logger.info("Credential %s was not renewed: %s.", credential.id, type(error).__name__)
            left = self.env["ir.cron"]._commit_progress(1, remaining=len(due) - number)


def _is_fresh(kept, now):
    return bool(kept.obtained_date) and kept.obtained_date > now - FRESH


def words_of(error):
    """Return what went wrong, with the provider's own words."""
    detail = getattr(error, "detail", "")
    return f"{error} ({detail})" if detail and detail not in str(error) else str(error)
