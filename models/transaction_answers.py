# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Answers of the database that hold for one transaction, so that what Odoo asks for each message is asked once."""

_KEY = "spp_email_gateway"


def answers(env):
    """Return the dictionary of answers of the current transaction.

    It lives in the cursor's own cache, which Odoo empties on commit, on rollback and when a savepoint is undone.
    """
    return env.cr.cache.setdefault(_KEY, {})


def forget(env, question):
    """Forget an answer that a write has made wrong."""
    env.cr.cache.get(_KEY, {}).pop(question, None)
