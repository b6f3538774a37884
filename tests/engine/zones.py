# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""DNS zones for tests: one as it should be, and ways to break it."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_KEY = rsa.generate_private_key(65537, 1024).public_key()
KEY = "v=DKIM1; k=rsa; p=" + base64.b64encode(
    _KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode("ascii")


def text(value: str) -> str:
    """Return a TXT value as a zone file has it: strings of at most 255 octets (RFC 1035 §3.3)."""
    return " ".join(f'"{value[start : start + 255]}"' for start in range(0, max(1, len(value)), 255))


def good_zone(domain: str = "ngo.test", spf: str = "v=spf1 include:_spf.google.com ~all") -> dict:
    """Return the records of a domain that sends through Google, all as they should be."""
    return {
        (domain, "NS"): ["amy.ns.cloudflare.com.", "bob.ns.cloudflare.com."],
        (domain, "TXT"): [text(spf), text("google-site-verification=1")],
        (domain, "MX"): ["1 smtp.google.com."],
        ("smtp.google.com", "A"): ["142.250.0.1"],
        (f"google._domainkey.{domain}", "TXT"): [text(KEY)],
        (f"_dmarc.{domain}", "TXT"): [text(f"v=DMARC1; p=quarantine; rua=mailto:catchall@{domain}")],
        ("_spf.google.com", "TXT"): [text("v=spf1 ip4:35.190.247.0/24 ip4:64.233.160.0/19 ~all")],
        ("spf.protection.outlook.com", "TXT"): [text("v=spf1 ip4:40.92.0.0/15 -all")],
        ("spf.mailjet.com", "TXT"): [text("v=spf1 ip4:87.253.232.0/21 ~all")],
        ("mail.ngo.test", "A"): ["93.184.216.34"],
        ("34.216.184.93.in-addr.arpa", "PTR"): ["mail.ngo.test."],
    }
