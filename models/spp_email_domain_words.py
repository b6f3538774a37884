# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is said of a DNS record: a sentence, and what to do about it, for each verdict of the engine."""

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

_PUBLISH = _lt("Enter this record at your DNS host: type %(type)s, name %(relative)s, value %(expected)s")
_PROVIDER = _lt("Your provider shows the record to enter when you add and authenticate the domain there.")
_REPLACE = _lt("Replace the value of the record by: %(expected)s")

# verdict: (what was seen, what to do); None where nothing is to be done.
WORDS = {
    "": (_lt("It was not looked at yet."), _lt("Press Check Now.")),
    "no_answer": (
        _lt("The DNS gave no answer. That says nothing about the record."),
        _lt(
            "Check again later. If it stays so, this server cannot reach a DNS server: see the system parameter "
            "spp_email_gateway.dns_servers."
        ),
    ),
    "spf_right": (_lt("It names all servers that send for this domain. Lookups: %(lookups)s of 10."), None),
    "spf_not_needed": (
        _lt("There is none, and none is asked for: the provider sends with a return path of its own."),
        None,
    ),
    "spf_missing": (_lt("There is none: nobody can tell your mail from a forger's."), _PUBLISH),
    "spf_missing_host_unknown": (
        _lt("There is none, and it is not known from which public address %(hosts)s sends."),
        _lt("Type the public IP address of your own server under Public Addresses, and check again."),
    ),
    "spf_host_unknown": (
        _lt(
            "There is one; whether it names your own server cannot be said: the public address of %(hosts)s is unknown."
        ),
        _lt("Type the public IP address of your own server under Public Addresses, and check again."),
    ),
    "spf_incomplete": (
        _lt("It does not name all servers that send for this domain. Missing: %(missing)s"),
        _lt(
            "Change the record that is there; do not add a second one, which would make both void. "
            "Its whole new value: %(expected)s"
        ),
    ),
    "spf_two": (
        _lt("There is more than one SPF record. Receivers then use none of them."),
        _lt("Remove all but one, and give that one this value, which holds what each of them said: %(expected)s"),
    ),
    "spf_anybody": (_lt("It ends with +all: everybody may send as this domain."), _REPLACE),
    "spf_open_end": (_lt("It does not say what becomes of mail from other servers."), _REPLACE),
    "spf_broken": (
        _lt("Receivers cannot use it: %(error)s"),
        _lt("Correct what is named, or remove a part that belongs to a service you no longer use."),
    ),
    "spf_too_many": (
        _lt(
            "It takes %(lookups)s DNS lookups, and receivers stop at 10: they then use none of it. "
            "What costs most:\n%(costs)s"
        ),
        _lt(
            "Remove the services you no longer use. If all are needed, let campaigns be sent from a domain below this "
            "one, such as news.%(name)s, which has a record of its own."
        ),
    ),
    "spf_missing_too_many": (
        _lt(
            "It does not name all servers (missing: %(missing)s), and with them it would take %(lookups)s DNS lookups. "
            "Receivers stop at 10. What costs most:\n%(costs)s"
        ),
        _lt("Remove the services you no longer use, then change the record to: %(expected)s"),
    ),
    "spf_nearly_too_many": (
        _lt(
            "It is right, and takes %(lookups)s of the 10 DNS lookups that receivers allow. What costs most:\n%(costs)s"
        ),
        _lt("Remove the services you no longer use, before another one makes it too many."),
    ),
    "dkim_right": (_lt("The key is published."), None),
    "dkim_missing": (_lt("The key is not published: signatures prove nothing."), _PUBLISH),
    "dkim_missing_provider": (_lt("No key of the provider is published at %(name)s."), _PROVIDER),
    "dkim_selector_unknown": (
        _lt("The provider makes names of its own for its keys, so it cannot be seen whether they are published."),
        _lt("Type them under DKIM Selectors: what stands before ._domainkey in the records that the provider shows."),
    ),
    "dkim_other": (
        _lt("Another key is published than the one that signs: receivers take the mail for forged."),
        _REPLACE,
    ),
    "dkim_no_key": (_lt("There is a record, and no key behind it."), _PROVIDER),
    "dkim_revoked": (_lt("The key was taken back: its p= is empty."), _PROVIDER),
    "dkim_trial": (
        _lt("The key is published with t=y: receivers treat the mail as if it were not signed."),
        _lt("Remove t=y from the record once all works."),
    ),
    "dmarc_right": (_lt("There is one, with the policy %(policy)s (from %(location)s)."), None),
    "dmarc_none": (
        _lt("There is one, with the policy none: forged mail is reported, and let through."),
        _lt("Once the reports show that all of your own mail passes, change p=none to p=quarantine."),
    ),
    "dmarc_blind": (
        _lt(
            "There is one, with the policy none and without an address for reports: it changes "
            "nothing, and shows nothing."
        ),
        _lt("Add rua=mailto: with an address that this database reads, to see who sends in your name."),
    ),
    "dmarc_missing": (
        _lt("There is none. Google, Yahoo and Microsoft refuse mail in bulk without it."),
        _PUBLISH,
    ),
    "dmarc_two": (
        _lt("There is more than one DMARC record. Receivers then use none of them."),
        _lt("Remove all but one."),
    ),
    "dmarc_broken": (_lt("Receivers cannot use it: %(error)s"), _lt("Correct what is named.")),
    "mx_right": (_lt("Mail to this domain has somewhere to go."), None),
    "mx_missing": (
        _lt("There is none: answers and bounces to this domain cannot be delivered."),
        _lt("Enter the MX records that whoever hosts your mailboxes shows."),
    ),
    "mx_implicit": (
        _lt("There is none, so mail goes to the host of the domain's own name, most often a web server."),
        _lt("Enter the MX records that whoever hosts your mailboxes shows."),
    ),
    "mx_null": (
        _lt("It says that this domain takes no mail at all: answers and bounces come back."),
        _lt("Replace it by the MX records that whoever hosts your mailboxes shows."),
    ),
    "mx_dead": (
        _lt("It leads to hosts without an address: %(hosts)s"),
        _lt("Correct the names, or enter the hosts in the DNS."),
    ),
    "mx_partly_dead": (
        _lt("Some of its hosts have no address: %(hosts)s"),
        _lt("Remove them, or enter them in the DNS."),
    ),
    "return_path_aligned": (_lt("Bounces go to %(other)s, so SPF counts for DMARC."), None),
    "return_path_not_aligned": (
        _lt(
            "Bounces go to %(other)s, which is another organization's domain: SPF does not count for "
            "DMARC, and only DKIM does."
        ),
        _lt("See that the DKIM key is right. Or let the server use a bounce address of %(domain)s."),
    ),
    "return_path_strict": (
        _lt("Bounces go to %(other)s, and DMARC is strict here (aspf=s): SPF does not count, and only DKIM does."),
        _lt("Remove aspf=s from the DMARC record, or let the server use a bounce address of %(domain)s."),
    ),
    "return_path_cname_right": (
        _lt("Bounces go to the provider by a name of this domain, so SPF counts for DMARC."),
        None,
    ),
    "return_path_cname_missing": (
        _lt("The provider's return path is its own, so only DKIM counts for DMARC."),
        _PUBLISH,
    ),
    "return_path_cname_other": (_lt("It does not lead to the provider."), _REPLACE),
}


def words_of(env, verdict, facts):
    """Return (what was seen, what to do) in the reader's language; "" where there is nothing to do."""
    text, cure = WORDS.get(verdict or "", (None, None))
    return filled(env, text, facts), filled(env, cure, facts)


def filled(env, words, facts):
    """Return lazily translated words with what they name put in; "" for None."""
    return env._(words) % _Facts(facts) if words else ""


class _Facts(dict):
    def __missing__(self, key):
        # A translation, or words of another version, may name what this verdict does not have.
        return "?"
