# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who hosts a domain's DNS, by the names of its name servers, and where its guide is."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from .dns_asking import Asking

# A name has 127 labels at most; where the zone of a mail domain begins is found within a few.
_MOST_LABELS = 8


@dataclass(frozen=True)
class DnsHost:
    """Attributes:
    patterns: of its name servers, lower-case; "*" stands for any characters.
    guide: address of the page that says how records are entered.
    """

    name: str
    patterns: tuple[str, ...]
    guide: str


_HOSTS = (
    DnsHost(
        "Cloudflare",
        ("*.ns.cloudflare.com",),
        "https://developers.cloudflare.com/dns/manage-dns-records/how-to/create-dns-records/",
    ),
    DnsHost(
        "Amazon Route 53",
        ("*.awsdns-*",),
        "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-creating.html",
    ),
    DnsHost("GoDaddy", ("*.domaincontrol.com",), "https://www.godaddy.com/help/add-a-txt-record-19232"),
    DnsHost(
        "OVHcloud",
        ("*.ovh.net", "*.ovh.ca", "*.anycast.me"),
        "https://docs.ovh.com/us/en/domains/web_hosting_how_to_edit_my_dns_zone/",
    ),
    DnsHost("Gandi", ("*.gandi.net",), "https://docs.gandi.net/en/domain_names/common_operations/dns_records.html"),
    # Google sold its domains to Squarespace, and their name servers kept their names.
    DnsHost(
        "Squarespace",
        ("*.googledomains.com", "*.squarespacedns.com", "*.nsone.net.squarespace"),
        "https://support.squarespace.com/hc/en-us/articles/360002101888-Adding-custom-DNS-records-to-your-"
        "Squarespace-managed-domain",
    ),
    DnsHost("Google Cloud DNS", ("ns-cloud-*.googledomains.com",), "https://cloud.google.com/dns/docs/records"),
    DnsHost("Azure DNS", ("*.azure-dns.*",), "https://docs.microsoft.com/en-us/azure/dns/dns-getstarted-portal"),
    DnsHost(
        "DigitalOcean",
        ("*.digitalocean.com",),
        "https://docs.digitalocean.com/products/networking/dns/how-to/manage-records/",
    ),
    DnsHost(
        "Namecheap",
        ("*.registrar-servers.com",),
        "https://www.namecheap.com/support/knowledgebase/article.aspx/317/2237/how-do-i-add-txtspfdkimdmarc-records-for-"
        "my-domain/",
    ),
    DnsHost(
        "Hetzner",
        ("*.ns.hetzner.com", "*.ns.hetzner.de", "*.first-ns.de", "*.second-ns.de", "*.second-ns.com"),
        "https://docs.hetzner.com/networking/dns/",
    ),
    DnsHost(
        "Infomaniak",
        ("*.infomaniak.com", "*.infomaniak.ch"),
        "https://www.infomaniak.com/en/support/faq/2000/manage-dns-zone",
    ),
    DnsHost("IONOS", ("*.ui-dns.*",), "https://www.ionos.com/help/domains/configuring-dns-settings/"),
    DnsHost("Hostinger", ("*.dns-parking.com",), "https://support.hostinger.com/en/articles/1583249"),
    DnsHost(
        "DNSimple", ("*.dnsimple.com", "*.dnsimple-edge.*"), "https://support.dnsimple.com/articles/record-editor/"
    ),
)


def host_of(name_servers: list[str]) -> DnsHost | None:
    """Return who hosts a zone; None where its name servers are nobody's that is known."""
    # The longest pattern wins: ns-cloud-a1.googledomains.com is another's than ns1.googledomains.com.
    found = [
        (len(pattern), host)
        for host in _HOSTS
        for pattern in host.patterns
        if any(fnmatchcase(server, pattern) for server in name_servers)
    ]
    return max(found, key=lambda one: one[0])[1] if found else None


def find_zone(asking: Asking, domain: str) -> tuple[str, list[str]]:
    """Return (the zone that a domain belongs to, its name servers); ("", []) where nobody answered.

    The zone is what a DNS host shows as the domain, and names are typed in relative to it.
    """
    labels = domain.split(".")
    for start in range(min(len(labels) - 1, _MOST_LABELS)):
        name = ".".join(labels[start:])
        servers = asking.values(name, "NS")
        if servers is None:
            return "", []
        if servers:
            return name, sorted(servers)
    return "", []
