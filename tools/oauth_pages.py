"""The pages of the local OAuth provider: log in, then consent scope by scope, as people see them at a real one."""

import html
import secrets

STYLE = """
body { font: 16px sans-serif; background: #f3f4f6; display: flex; justify-content: center; padding-top: 60px }
form { background: #fff; border: 1px solid #d1d5db; border-radius: 8px; padding: 28px 36px; width: 340px }
h1 { font-size: 20px; margin: 0 0 6px } p { color: #374151 } .error { color: #b91c1c }
label { display: block; margin: 12px 0 4px } input[type=text], input[type=password] { width: 100%; padding: 6px }
button { margin: 18px 8px 0 0; padding: 8px 18px }
"""


def login(provider, request):
    """Return the login page for what the browser was sent with, or (address, parameters) where it is sent instead."""
    refusal = _refusal(provider, request)
    return refusal or _login(request)


def answer(provider, form):
    """Return what follows a button: the consent, the login once more, or (address, parameters) back at the client."""
    request = {name[2:]: value for name, value in form.items() if name.startswith("r_")}
    refusal = _refusal(provider, request)
    if refusal:
        return refusal
    user = provider.logins.get(form.get("login"))
    if form.get("step") == "login":
        user = form.get("user", "")
        if provider.accounts.get(user) != form.get("password"):
            return _login(request, "Wrong address or password.")
        token = secrets.token_urlsafe(16)
        provider.logins[token] = user
        return _consent(request, user, token)
    if user is None:
        return _login(request, "Log in first.")
    if form.get("step") != "allow":
        return _back(request, error="access_denied", error_description="The user denied the request.")
    scope = " ".join(name for name in request["scope"].split() if f"s_{name}" in form)
    return _back(request, code=provider.new_code(user, request, scope))


def _refusal(provider, request):
    # RFC 6749 §4.1.2.1: a wrong client or redirect URI is shown here, and never sent anywhere.
    if request.get("client_id") not in provider.applications:
        return _error("invalid_client", "The OAuth client was not found.")
    uri = request.get("redirect_uri")
    if not uri or (provider.redirect_uris and uri not in provider.redirect_uris):
        return _error("redirect_uri_mismatch", "The redirect URI is not registered for this application.")
    failure = provider.failure("/authorize")
    if failure:
        word, description = failure[3]
        return _back(request, error=word, error_description=description)
    if request.get("response_type") != "code":
        return _back(request, error="unsupported_response_type")
    if not request.get("scope"):
        return _back(request, error="invalid_scope", error_description="No scope was asked for.")
    if not request.get("code_challenge") or request.get("code_challenge_method") != "S256":
        return _back(request, error="invalid_request", error_description="A code challenge of method S256 is needed.")
    return None


def _back(request, **parameters):
    state = {"state": request["state"]} if "state" in request else {}
    return request["redirect_uri"], {**parameters, **state}


def _login(request, error=""):
    hint = html.escape(request.get("login_hint", ""))
    return _form(
        request,
        f"""<h1>Log in</h1><p>to go on to {html.escape(request["client_id"])}</p>
        <p class="error">{html.escape(error)}</p>
        <label for="user">Address</label><input type="text" id="user" name="user" value="{hint}">
        <label for="password">Password</label><input type="password" id="password" name="password">
        <button name="step" value="login">Next</button>""",
    )


def _consent(request, user, token):
    boxes = "".join(
        f'<label><input type="checkbox" name="s_{html.escape(name)}" checked> {html.escape(name)}</label>'
        for name in request["scope"].split()
    )
    return _form(
        request,
        f"""<h1>Allow access?</h1><p>{html.escape(request["client_id"])} wants the mailbox {html.escape(user)}:</p>
        <input type="hidden" name="login" value="{token}">{boxes}
        <button name="step" value="allow">Allow</button><button name="step" value="deny">Deny</button>""",
    )


def _error(word, description):
    return _document(f"<form><h1>Error 400: {html.escape(word)}</h1><p>{html.escape(description)}</p></form>")


def _form(request, content):
    hidden = "".join(
        f'<input type="hidden" name="r_{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in request.items()
    )
    return _document(f'<form method="post" action="/authorize">{hidden}{content}</form>')


def _document(body):
    head = f"<title>Example accounts</title><style>{STYLE}</style>"
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"
