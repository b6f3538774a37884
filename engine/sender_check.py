# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether a message comes from whom its From field names: what trusted servers noted, then what can be proved here.

SPF cannot: whoever reads a mailbox, or is handed a message, does not see from which address it came. It counts where a
trusted server noted it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .authentication_results import judge_field, parse_field, trusted_field
from .dkim_signature import Signature, SignedMessage
from .dmarc import is_aligned, walk
from .errors import GatewayError
from .resolver import Questions
from .sender_address import SenderAddress, plain_address
from .sender_verdict import SenderResult, SenderVerdict
from .summary import Summary, addresses
from .trace import TraceStep


@dataclass(frozen=True, slots=True)
class SenderTrust:
    """Whom the way that a message came by trusts.

    Attributes:
        servers: authserv-ids whose Authentication-Results are believed, lower-case.
        sealers: domains whose ARC seals are believed, lower-case.
    """

    servers: tuple[str, ...] = ()
    sealers: tuple[str, ...] = ()


def keys_to_ask(content: bytes, sender: SenderAddress, trust: SenderTrust) -> list[str]:
    """Return the DNS names that ``check_sender`` will ask for first: to be asked for many messages side by side."""
    if trust.servers or not sender.address:
        return []
    return [one.key_name for one in SignedMessage(content, 0).signatures(sender.domain)[:1]]


def check_sender(
    content: bytes, summary: Summary, sender: SenderAddress, trust: SenderTrust, questions: Questions, now: float
) -> SenderVerdict:
    """Return the verdict about the very address in ``sender``. Never fails on any message.

    Args:
        content: the bytes as received.
        summary: of the same message.
        sender: see engine.sender_address.
        questions: to the DNS. One that is not answered proves nothing, and disproves nothing.
        now: seconds since 1970, when the message came.
    """
    if not sender.address:
        step = TraceStep("From", sender.doubt, SenderResult.NONE.value)
        return SenderVerdict(SenderResult.NONE, (f"{sender.doubt} Nobody can prove such a sender.",), (step,))
    work = _Work(content, summary, sender, trust, questions, now)
    for find in (work.by_trusted_server, work.by_chain, work.by_signature):
        result = find()
        if result is not SenderResult.NONE:
            return SenderVerdict(result, tuple(work.reasons[-1:]), tuple(work.steps), work.is_noted)
    return SenderVerdict(SenderResult.NONE, tuple(work.reasons), tuple(work.steps))


class _Work:
    def __init__(self, content, summary, sender, trust, questions, now):
        self._content, self._summary, self._sender, self._trust = content, summary, sender, trust
        self._questions, self._now = questions, now
        self._message: SignedMessage | None = None
        self.is_noted = False
        self.reasons: list[str] = []
        self.steps: list[TraceStep] = []

    def by_trusted_server(self) -> SenderResult:
        if not self._trust.servers:
            return SenderResult.NONE
        field = trusted_field(self._summary.headers, self._trust.servers)
        if field is None:
            self.reasons.append("No trusted server noted who sent it.")
            self.steps.append(TraceStep("Authentication-Results", "none of a trusted server", "looked for a signature"))
            return SenderResult.NONE
        self.is_noted = True
        return self._judge(field)

    def by_chain(self) -> SenderResult:
        """ARC: what the first of the trusted servers through which it went since has noted (RFC 8617 §7.2)."""
        if not self._trust.sealers or not self._summary.has_header("ARC-Seal"):
            return SenderResult.NONE
        try:
            chain = self._signed().chain(self._questions.texts)
        except GatewayError as error:
            self.steps.append(TraceStep("ARC seals", str(error), ""))
            return SenderResult.NONE
        believed = None
        for _instance, domain, value in chain:
            if domain not in self._trust.sealers:
                # Whoever handled it after that one could have changed it.
                break
            believed = (domain, value)
        if believed is None:
            self.steps.append(TraceStep("ARC seals", "no valid chain of trusted servers", ""))
            return SenderResult.NONE
        return self._judge(parse_field(believed[1], f"{believed[0]} (ARC)"))

    def by_signature(self) -> SenderResult:
        if self.is_noted:
            # The trusted server looked at signatures itself, and before anything was added to the text.
            return SenderResult.NONE
        message = self._signed()
        signatures = message.signatures(self._sender.domain)
        if not signatures:
            found = message.problem or f"no signature that could speak for {self._sender.domain}"
            self.reasons.append(f"No signature proves {self._sender.domain}: {found}.")
            self.steps.append(TraceStep("DKIM-Signature", found, SenderResult.NONE.value))
            return SenderResult.NONE
        if not self._is_same_from(message):
            self.reasons.append("Its From field is not the one that was signed.")
            self.steps.append(TraceStep("From", "read in two ways", SenderResult.NONE.value))
            return SenderResult.NONE
        return self._judge_signatures(message, signatures)

    def _judge_signatures(self, message: SignedMessage, signatures: list[Signature]) -> SenderResult:
        contradicted = False
        for signature in signatures:
            check = message.check(signature, self._questions.texts)
            where = f"DKIM-Signature {signature.index + 1} of {signature.domain}"
            if check.is_valid and self._is_aligned(signature.domain, False):
                self.reasons.append(f"{signature.domain} signed it (DKIM).")
                self.steps.append(TraceStep(where, "valid", SenderResult.PASS.value))
                return SenderResult.PASS
            problem = check.problem or f"it does not speak for {self._sender.domain}"
            self.reasons.append(f"The signature of {signature.domain} proves nothing: {problem}.")
            self.steps.append(TraceStep(where, problem, ""))
            contradicted = contradicted or (check.is_contradicted and signature.domain == self._sender.domain)
        return self._by_policy() if contradicted else SenderResult.NONE

    def _by_policy(self) -> SenderResult:
        """Return what the domain says of mail whose signature does not hold."""
        domain = self._sender.domain
        try:
            policy = walk(domain, self._questions.texts).policy
        except GatewayError as error:
            self.steps.append(TraceStep(f"DMARC policy of {domain}", str(error), SenderResult.NONE.value))
            return SenderResult.NONE
        result = SenderResult.FAIL if policy in ("quarantine", "reject") else SenderResult.NONE
        self.steps.append(TraceStep(f"DMARC policy of {domain}", policy or "none", result.value))
        if result is SenderResult.FAIL:
            self.reasons.append(
                f"It was changed after {domain} signed it, or is forged. {domain} asks not to believe it (DMARC)."
            )
        return result

    def _judge(self, field) -> SenderResult:
        result, reason, step = judge_field(field, self._sender, self._is_aligned)
        self.reasons.append(reason)
        self.steps.append(step)
        return result

    def _is_aligned(self, domain: str, for_spf: bool) -> bool:
        try:
            return is_aligned(self._sender.domain, domain, self._questions.texts, for_spf=for_spf)
        except GatewayError as error:
            self.steps.append(
                TraceStep(f"whether {domain} speaks for {self._sender.domain}", str(error), "taken for no")
            )
            return False

    def _is_same_from(self, message: SignedMessage) -> bool:
        values = message.from_values
        if len(values) != 1:
            return False
        found = addresses(values[0].decode("utf-8", "replace"))
        return len(found) == 1 and plain_address(found[0]) == self._sender.address

    def _signed(self) -> SignedMessage:
        if self._message is None:
            self._message = SignedMessage(self._content, self._now)
        return self._message
