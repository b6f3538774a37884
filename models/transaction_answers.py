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


# Context key while the queue sends a batch: nothing that it asks the same for each mail changes in its transaction.
DISPATCHING = "gateway_dispatching"


def asked_once(env, question, key, ask):
    """Return ``ask()``; while the queue sends, what it said before in this transaction."""
    if DISPATCHING not in env.context:
        return ask()
    known = answers(env).setdefault(question, {})
    if key not in known:
        known[key] = ask()
    return known[key]
