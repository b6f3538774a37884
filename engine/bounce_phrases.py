# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Phrases in which servers say why they refuse a mail, in families: parts of patterns, matched whatever the case."""

from __future__ import annotations

from .bounce_reason import BounceReason

# Quantifiers are bounded: the text is a stranger's.
_BOX = r"(?:mail ?box|inbox|mail ?folder|mail ?dir|mail ?drop|account|user|recipient|quota|storage)"
_WHO = (
    r"(?:users?(?:\(s\))?|recipients?|mail ?box|(?<!ip )(?<!sender )address(?:ee)?|account|alias|e-?mail (?:address"
    r"|account|id)"
    r"|customer|subscriber|local.?part|person|mail ?drop|rcpt)"
)
_NOT = r"(?:not|n.t|never|no longer)"

# The first family that fits is the reason: what is said beside "user unknown" is why.
FAMILIES = (
    (
        BounceReason.SUPPRESSED,
        r"suppression list|suppressed (?:address|recipient)|previously bounced",
        r"address (?:is )?on (?:the|our) (?:bounce|suppress)",
    ),
    (
        BounceReason.SENDER_REFUSED,
        r"banned sender|anti-?spoofing",
        r"recipient preferences|blocked by the recipient|refuses to receive",
        r"only accept\w* (?:mail|messages?) from|protected by|not (?:a )?member of",
        r"restricted (?:recipient|group|distribution)",
    ),
    (
        BounceReason.VIRUS,
        r"\bvirus|malware|infected (?:with|message|file|attachment)|\btrojan|\bworm\b",
    ),
    (
        BounceReason.RATE_LIMITED,
        r"(?:daily|hourly|relay|sending|send|outbound|submission|message)\s?(?:mail |message |relay "
        r"|sending )?(?:quota|rate|limit)s? ?(?:exceeded|reached|-|has been)",
        r"reached your (?:\w+ ){0,3}(?:quota|limit)",
        r"too many (?:concurrent |simultaneous |smtp |invalid |unknown )*"
        r"(?:connections|sessions|messages|mails|e-?mails"
        r"|errors|recipients|requests)",
        r"rate.?limit|throttl|connection (?:rate|limit)",
        r"exceed\w* the (?:maximum )?(?:connection|rate|number of)",
        r"receiving (?:mail|messages) (?:at a rate|too)|unusual rate|limit on the number of",
        r"(?:sent|sending) too many|gr[ea]y.?list|(?:unexpected|unusual) volume",
        r"(?:exceeds|exceeded) .{0,30}(?:daily|hourly|per (?:day|hour|minute))",
    ),
    (
        BounceReason.MAILBOX_FULL,
        r"over ?.?quota|(?:reached|exceeded) (?:\w+ )?quota",
        r"quota.{0,20}(?:exceed|full|reached|over|violat)|exceed\w*.{0,40}quota",
        rf"{_BOX}(?: @)? (?:for @ |for user \S+ )?(?:is |was |has been |are )?(?:already |currently "
        rf"|temporarily )?full\b(?! (?:name|detail|of|text))",
        r"full mail ?box|mail ?box(?:es)? (?:\S+ ){0,3}full\b",
        rf"{_BOX}.{{0,60}}exceed\w*.{{0,20}}(?:size|limit|storage|allow|space)",
        r"exceeded (?:\w+ )?storage|out of (?:\w+ )?(?:storage|space)",
        r"(?:insufficient|not enough|no) (?:\w+ )?(?:disk ?space|storage|space)\b",
        r"(?:disk|storage|mailbox) (?:space|quota|size) ?(?:limit)?.{0,20}(?:exceed|reached|full|exhaust)",
        r"mailbox size limit|too much (?:mail|data)|full disk|disk (?:is )?full|no space left",
        r"bo[iîÎ]te .{0,30}pleine|postfach .{0,20}voll|buz[oó]n .{0,20}(?:lleno|excedi)",
        r"casella .{0,20}piena|caixa .{0,20}cheia|переполнен|メールボックス.{0,20}(?:一杯|いっぱい|容量)"
        r"|邮箱.{0,10}满",
        r"容量.{0,8}(?:超|不足)",
    ),
    (
        BounceReason.TOO_LARGE,
        r"(?:size|line|length) limit.{0,20}exceed|recipsizelimit",
        r"(?:message|mail|e-?mail|size|file|attachment|data|content).{0,40}(?:too (?:big|large|long)"
        r"|exceed\w*.{0,30}(?:limit|maximum|size|fixed|length|allowed))",
        r"(?<!headers )(?<!header )too large|max\w* (?:message |mail )?size|message size|larger than",
    ),
    (
        BounceReason.ADDRESS_MOVED,
        r"has moved|no longer (?:on|at|with) (?:this |the |our )?(?:server|company|domain|system)",
        r"(?:user|recipient|address|account|mailbox|he|she|they) (?:was |has been )?(?:moved|changed"
        r"|relocated|replaced by)",
        r"new (?:e-?mail )?address|user not local|left (?:the|our) (?:company|organi)",
    ),
    (
        BounceReason.AUTHENTICATION,
        r"\b(?:open)?spf\b|\bdkim\b|\bdmarc\b|unauthenticated|not authenticated|sender id\b",
        r"authentication (?:results|check|fail|requirement)|fails? authentication",
    ),
    (
        BounceReason.RELAY_DENIED,
        r"relay(?:ing)?.{0,20}(?:denied|not (?:permitted|allowed)|prohibited|disabled|refused)",
        r"(?:unable|not (?:permitted|allowed|authorized|authorised)|refus\w+|won.t|cannot"
        r"|do not) (?:to )?relay",
        r"no relay|insecure (?:mail )?relay|mail relay|not (?:an? )?(?:open relay|gateway)",
        r"not in (?:my|our|list of) (?:rcpthosts|allowed)|that domain isn.t in my list",
    ),
    (
        BounceReason.SENDER_REFUSED,
        r"sender.{0,60}(?:reject|refus|denied|does(?: not|n.t) exist|not (?:found|exist|allowed|permitted"
        r"|accepted|verif|valid)|invalid|unknown|unresolv|blacklist|block|disabled|could not)",
        r"(?:invalid|unknown|bad|unroute?able|unverified|fake|forged|blocked|rejected) (?:envelope )?sender",
        r"(?:envelope.from|mail from|return.path|from: ?address|from address|from header).{0,40}(?:invalid"
        r"|not|reject|refus)",
        r"not owned by user|send ?as ?denied|(?:verify|verification).{0,20}sender|sender.{0,20}verif",
    ),
    (
        BounceReason.BLOCKED,
        r"banned (?:sending )?(?:ip|host|server|client)|local policy.{0,20}(?:block|list)|host not allowed"
        r"|in the dbl\b",
        r"black ?-?list(?!ed (?:url|link))|block ?-?list|\bd?nsbl\b|\brbl\b|\bdnsbl|spamhaus|spamcop",
        r"sorbs|barracuda ?central|senderbase|(?:bad|poor|low|negative) (?:\w+ ){0,3}reputation",
        r"reputation|reverse (?:dns|lookup|hostname|name)|\b(?:r?dns )?ptr\b|\brdns\b",
        r"unverifiable sending ip|generic.{0,10}(?:host|rdns)",
        r"client.{0,60}(?:reject|block|denied|not allowed|prohibit)",
        r"(?:ip|host|server|network|address|client|connection)\b[^.]{0,40}\b(?:is |was |been "
        r"|are )*(?:block|banned|bloqu|listed|prohibited)",
        r"(?:messages|mail|e-?mails?|connections?|smtp|access) from .{0,80}(?:block|reject|refus|denied"
        r"|weren.t|not (?:accept|allow))",
        r"(?:not|no|isn.t) (?:smtp )?service (?:available|for you)|may not be mail exchanger",
        r"[eh][eh]lo\b.{0,30}(?:reject|invalid)",
        r"(?:your|this|the|sending) (?:ip|host|server|domain)\b.{0,30}(?:reject|refus|denied|not (?:allowed"
        r"|accepted|authori))",
        r"adresse ip|blocked[ -]*see|invalid (?:rdns|ip)\b|dynamic ip|dial.?up|residential",
        r"blocked using",
    ),
    (
        BounceReason.SPAM,
        r"\bspam|spammy|unsolicited|\bube\b|\buce\b|junk (?:e-?)?mail|bulk (?:e-?)?mail|phish",
        r"suspicious|content (?:was |is )?(?:rejected|refused|blocked|denied)|blacklisted (?:url|link)",
        r"(?:url|link|uri) .{0,30}listed|content (?:filter|restriction)",
        r"message (?:looks|appears|seems) (?:like|to be)|hgh score|high score|x-spam",
    ),
    (
        BounceReason.MAILBOX_DISABLED,
        r"no longer (?:accepts?|receives?|in use)|compte.{0,40}(?:bloqu|suspendu|d[eé]sactiv)"
        r"|konto.{0,30}(?:gesperrt|deaktiviert)",
        rf"{_WHO}\b[^.;:]{{0,50}}\b(?:disabled|in ?active|suspended|de-?activated|locked|blocked|closed"
        rf"|not active|dormant|has expired|terminated|discontinued|frozen|on hold|temporarily unavailable)\b",
        rf"(?:disabled|inactive|suspended|deactivated|locked|closed|expired) (?:\w+ )?{_WHO}",
        rf"{_WHO}.{{0,40}}{_NOT} (?:currently )?(?:being )?(?:accept|receiv)\w* (?:any |new "
        rf"|more )*(?:e?-?mail|message)s?",
        rf"{_WHO} (?:is )?(?:currently|temporarily) (?:unavailable|not accepting)",
        r"out of service|extended inactivity",
    ),
    (
        BounceReason.LOOP,
        r"mail loop|too many hops|routing loop|hop count|loops? back|loop detected|forwarding loop",
        r"looping|max(?:imum)? hops|too many received|delivered-to.{0,30}(?:more than|already|loop)",
    ),
    (
        BounceReason.NETWORK,
        r"name service error.{0,120}try again|temporary (?:name|dns|resolution|lookup)",
        r"(?:dns|name ?server|mx|host|lookup).{0,40}(?:time[d-]? ?out|server failure|servfail|temporar"
        r"|query fail)",
    ),
    (
        BounceReason.NOT_ACCEPTING,
        r"reject(?:s|ing)? all (?:e-?)?mails?",
        r"null ?mx|does(?: not|n.t) (?:accept|receive|handle|take) (?:any )?(?:e?-?mail|smtp|messages)",
        r"name service error.{0,120}malformed|no mail (?:is )?accepted",
        r"host .{0,60}does not (?:accept|receive)|not accepting (?:network )?(?:messages|mail)",
        r"(?:mail|smtp) (?:is )?(?:disabled|not supported) (?:for|on|by) this (?:domain|host)",
    ),
    (
        BounceReason.ADDRESS_UNKNOWN,
        r"user unknown|no such (?:user|recipient|mail ?box|address)",
        r"unable to find (?:the |a )?(?:user|recipient|mailbox)",
        r"unknown (?:user|recipient|mailbox|local)|recipient ?not ?found",
        r"(?:user|recipient|mail ?box) (?:is )?(?:unknown|not found)",
    ),
    (
        BounceReason.DOMAIN_UNKNOWN,
        r"(?:host|domain|site)(?: or (?:domain|host))?(?: ?name)?[^:;]{0,60}(?:not found|unknown"
        r"|does(?: not|n.t) exist|could ?(?:not|n.t) be (?:found|resolved)|invalid|not exist)",
        r"unknown (?:host|domain|site|system|destination)|no such (?:host|domain|site)",
        r"bad destination (?:host|domain|system)|nxdomain|find an? (?:mail exchanger|mx)|(?:invalid|illegal"
        r"|bad) (?:domain|host)|no address associated|answer with no data",
        r"(?:could ?n.t|could not|cannot|can.t) find (?:a |the |any )?(?:host|domain)",
        r"unroute?able (?:mail )?domain|find any host",
        r"no (?:mx|dns|a)(?:,? (?:or|and) \w+)? (?:records?|found)|nonexistentdomain",
        r"domain lookup fail|(?:cannot|can.t|could ?n.t|unable to|not) (?:be )?resolve",
        r"name or service not known|non-?existent (?:domain|host)",
        r"all relevant mx records point to non-existent|mx records? .{0,30}not exist",
    ),
    (
        BounceReason.EXPIRED,
        r"(?:delivery|message|envelope|retry|queue|delivery time|ttl) ?(?:time|life"
        r"|period)?(?:out)? ?(?:has |is |was )?expired",
        r"retry time(?:out)? (?:exceeded|not reached)|could not be delivered (?:for|in|within|after)",
        r"queue(?:d)? (?:for )?too long|(?:too long|max\w* time) (?:in|on) (?:the )?queue",
        r"undeliver\w* (?:for|after) [\d.]+ (?:day|hour)",
        r"(?:for|after) (?:more than )?[\d.]+ ?(?:days?|hours?(?:\(s\))?|attempts?|minutes)",
        r"failed [\d]+ attempts|giving up after|deleted from (?:the )?queue|retries exhausted",
        r"exhausted|delivery (?:has )?timed? ?out|not been able to deliver .{0,30} since|aborted after",
        r"for too long|failing for a long time|queue\.expired",
    ),
    (
        BounceReason.ADDRESS_UNKNOWN,
        r"validrcptto|not in my list of (?:users|recipients)",
        r"(?:user|recipient|mail ?box|address|account|alias|local.?part) (?:is |was "
        r"|in .{0,40} )?(?:unknown|un-?known)",
        rf"unknown {_WHO}",
        r"unknown .{0,30}(?:user|recipient|mailbox)",
        rf"(?:no|not) such {_WHO}|no such .{{0,20}}{_WHO}",
        rf"{_WHO}\b.{{0,80}}(?:{_NOT} (?:be )?(?:found|exist|known|valid|listed|available|locat|recogni[sz]"
        rf"|registered|active)|unknown|invalid|undeliverable|non-?existent|inconnue?|does ?n.?t exist"
        rf"|nonexist|removed|deleted|erroneous)",
        rf"not (?:a )?(?:valid|known|local|our) .{{0,20}}(?:{_WHO}|customer)",
        rf"(?:invalid|bad|incorrect|nonexistent|non-existent|undeliverable|unroute?able"
        rf"|illegal) (?:\w+ ){{0,2}}{_WHO}",
        r"recip(?:ient)? ?not ?found|nobody (?:here )?(?:by|with)",
        r"no (?:mailbox|account|user|recipient)s? (?:here|by|with|named|found|matching|at|for)",
        r"not (?:in|on|listed in) (?:my|our|the|domino|this)? ?(?:list|directory|database|system)",
        r"not our customer",
        r"(?:could ?n.t|could not|cannot|can.t) find (?:a |the |any )?(?:user|recipient|mail ?box|account)",
        r"no (?:one|body) (?:at|by|with)|(?:is|are) no (?:user|recipient|mail ?box|account|one)",
        r"no valid recipient|illegal (?:alias|user|recipient)|not an active",
        r"(?:does(?: not|n.t)) have (?:an? )?.{0,60}(?:account|mail ?box)|not recogni[sz]ed",
        r"mail ?box (?:not available|unavailable)|unverified address",
        r"check (?:if|that|whether) (?:the )?address|resolver\.adr",
        r"(?:adresse|destinataire|utilisateur|compte|bo[iî]te).{0,80}n.exist",
        r"did not (?:exactly )?match|no matche?s? to",
        r"adresse .{0,40}(?:invalide|inconnue|introuvable|erron)",
        r"(?:destinataire|utilisateur|compte) .{0,20}(?:inconnu|inexist|introuvable)",
        r"(?:empf(?:ä|ae?)nger|benutzer|postfach|adresse).{0,40}(?:unbekannt|existiert nicht|nicht gefunden"
        r"|nicht bekannt|nicht vorhanden)",
        r"unbekannte[rn]? (?:benutzer|empf)",
        r"(?:usuario|direcci[oó]n|cuenta|buz[oó]n|destinatario).{0,30}(?:desconocid|no existe|inexistente"
        r"|sconosciut|no encontrad)",
        r"(?:utente|indirizzo|casella).{0,30}(?:sconosciut|inesistente|non (?:esiste|trovat))",
        r"(?:usu[aá]rio|caixa|endere[cç]o).{0,30}(?:desconhecid|inexistente|n[aã]o (?:existe|encontrad))",
        r"(?:użytkownik|adres).{0,20}(?:nie istnieje|nieznany)",
        r"(?:пользовател|адрес|ящик).{0,40}(?:не найден|не существует|неизвестн|отсутству)",
        r"(?:ディレクトリ|リスト|名簿|アドレス帳).{0,20}(?:ありません|見つかりません)|用户不存在|无此用户"
        r"|收件人.{0,10}不存在|查无此",
        r"(?:ユーザー?|アドレス|宛先).{0,20}(?:存在し|見つかり|不明)|받는 사람.{0,20}(?:없|찾을)|사용자.{0,10}없",
    ),
    (
        BounceReason.NETWORK,
        r"family mismatch|error on destination mx|cname lookup failed",
        r"requests to connect|socket error",
        r"connection (?:was )?(?:refused|timed? ?out|reset|closed|lost|dropped|failed|terminated|aborted)",
        r"lost connection",
        r"(?:could ?n.t|could not|cannot|can.t|unable to|failed to|failure to|not) (?:be )?(?:connect"
        r"|establish|reach|contact)",
        r"connect to .{0,80}(?:refused|timed)|no route to host|network (?:is )?(?:unreachable|error)",
        r"host (?:is )?(?:unreachable|not reachable|down)|not reachable|not respon|no answer",
        r"connection error|timed? ?out",
        r"(?:tls|ssl|starttls).{0,40}(?:fail|error|required|not available)|dns (?:error|fail|lookup)",
        r"bad connection|name service error|conversation with .{0,100}timed",
    ),
    (
        BounceReason.POLICY,
        r"polic(?:y|ies)|administrative(?:ly)? (?:prohibit|den)|prohibit|recipient preferences",
        r"not (?:a )?members?\b|non-?members?|not subscribed|refuses? to (?:receive|accept)",
        r"reject\w* by (?:the )?(?:user|recipient)|filternotmatched|security|encrypt|tls required",
        r"tls is required|not (?:permitted|authori[sz]ed|allowed) to (?:send|post|submit)",
        r"permission to (?:post|send)|restrict",
    ),
    (
        BounceReason.CONTENT,
        r"headers? (?:too|is|are|line|field|syntax)",
        r"(?:invalid|missing|bad|malformed|duplicate|multiple|illegal) (?:\w+ ){0,2}(?:header|format"
        r"|message|content|attachment|mime|date|from)",
        r"rfc ?-?\d?822|rfc ?-?\d?5322|rfc.compliant|attachment|content (?:type|error|reject)|8.?bit",
        r"conversion|line (?:is )?too long|bare (?:cr|lf)|message.?id|mime",
    ),
    (
        BounceReason.SYSTEM,
        r"(?:system|local|internal|server|configuration|i/o|disk|database|software|resource|ldap|lookup"
        r"|protocol)s? (?:is |has |had )?(?:\w+ )?(?:error|problem|fail|down)",
        r"misconfigur|mailer error|command (?:failed|died|output|line)|pipe to",
        r"can.t (?:create|open|exec|write)|cannot (?:append|open|create|write)|out of memory|temporar",
        r"service.{0,30}(?:unavailable|refus|not available)|try (?:again )?later|unexpected",
        r"permission denied|no such file|exit(?:ed)? (?:status|code|with)|service currently",
    ),
)
