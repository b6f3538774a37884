# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What `odoo spp_email_key` does in one database. It prints numbers and the public names of keys, nothing else."""

import contextlib
import sys

from psycopg2.errors import LockNotAvailable

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

from .engine.errors import SealError
from .models.credential_key import sealer
from .models.sealed_column import count_keys, credentials, seal_anew, seal_columns
from .models.spp_email_transaction import commit

# Rows that somebody else holds or changes just now are come to again, so often.
PASSES = 5


def _say(text):
    sys.stdout.write(f"{text}\n")


class KeyCommand:
    """The command in one database.

    Args:
        database: its name.
    """

    def __init__(self, database):
        self._database = database

    def status(self):
        """Print how many credentials each key seals; return the exit code: 1 when one cannot be opened."""
        with self._environment() as env:
            return self._tell(env) if env else 1

    def rotate(self):
        """Seal all credentials anew with the first key; return the exit code: 1 when one was left.

        Each is committed for itself: a run that is killed leaves some sealed with the new key and some with the old
        one, all of which open as long as both are configured, and the next run goes on with the rest.
        """
        with self._environment() as env:
            if not env:
                return 1
            keys = self._keys(env)
            if not keys:
                return 1
            with env["spp.email.transaction"]._autonomous_cursor() as own:
                done = sum(self._pass(own, keys) for _number in range(PASSES))
            # The parameter that names the key, by a snapshot of now.
            commit(env.cr)
            seal_columns(env)
            commit(env.cr)
            env.registry.signal_changes()
            _say(f"{self._database}: {done} credentials sealed anew.")
            failed = self._tell(env)
            left = sum(
                number for (name, remark), number in count_keys(env).items() if name != keys.current_key_id or remark
            )
            if left and not failed:
                _say(f"{self._database}: {left} were left. Run the command again.")
            return 1 if left else failed

    @contextlib.contextmanager
    def _environment(self):
        registry = Registry(self._database)
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            if "spp.email.token.key" not in env:
                _say(f"{self._database}: the Email Gateway is not installed.")
                yield None
            else:
                yield env

    def _keys(self, env):
        try:
            keys = sealer(env)
        except SealError as error:
            _say(f"{self._database}: {error}")
            return None
        if not keys.current_key_id:
            _say(
                f"{self._database}: no credential key is configured. Make one with `odoo spp_email_key new`, and put "
                "it into the environment variable SPP_EMAIL_GATEWAY_KEY or into odoo.conf."
            )
            return None
        return keys

    def _pass(self, env, keys):
        """Seal anew what is not sealed with today's key and can be opened; return how many were."""
        done = 0
        for credential in list(credentials(env)):
            if credential.text and not keys.is_current(credential.text):
                try:
                    done += seal_anew(env.cr, keys, credential)
                except LockNotAvailable:
                    env.cr.rollback()
                    continue
                commit(env.cr)
        # The next pass reads anew.
        commit(env.cr)
        env.invalidate_all()
        return done

    def _tell(self, env):
        try:
            counts, keys = count_keys(env), sealer(env)
        except SealError as error:
            _say(f"{self._database}: {error}")
            return 1
        remarks = {"old": " in the older form, bound to no row", "closed": " THAT CANNOT BE OPENED"}
        for (name, remark), number in sorted(counts.items()):
            if not name:
                _say(f"{self._database}: {number} in clear text")
                continue
            role = "seals" if name == keys.current_key_id else "opens" if name in keys.key_ids else "not configured"
            _say(f"{self._database}: {number} with key {name} ({role}){remarks.get(remark, '')}")
        for name in keys.key_ids:
            if not any(name == counted for counted, _remark in counts):
                role = "seals" if name == keys.current_key_id else "opens"
                _say(f"{self._database}: 0 with key {name} ({role})")
        if not keys.key_ids:
            _say(f"{self._database}: no credential key is configured.")
        return 1 if any(remark == "closed" for _name, remark in counts) else 0
