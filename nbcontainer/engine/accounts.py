"""login and logout: whether a registry takes an account, and keeping it where Docker keeps it."""

from __future__ import annotations

from ..errors import InvalidArgument, RegistryDenied, RegistryUnreachable, Unsupported
from ..registry.access import Access
from ..registry.credentials import HUB_KEY, Account
from ..registry.endpoints import endpoints, without_account
from ..results import Text
from ..spec.reference import DEFAULT_REGISTRY, Reference
from .host import Host
from .registries import access_of

_ADVICE = (
    "Configure a credential helper to remove this warning. See\n"
    "https://docs.docker.com/engine/reference/commandline/login/#credentials-store"
)


def registry_name(server: str) -> str:
    """Return the registry that a login's argument means; "" is docker.io.

    Raises: InvalidArgument for what is no host.
    """
    name = server.partition("://")[2] if "://" in server else server
    name = name.partition("/")[0]
    if name in ("", "index.docker.io", "docker.io", "registry-1.docker.io"):
        return DEFAULT_REGISTRY
    try:
        parsed = Reference.parse(f"{name}/x").registry
    except Exception:
        parsed = ""
    # a name without a dot or a port is a host here, though it would be a repository in a reference
    if parsed != name and not name.replace("-", "").isalnum():
        raise InvalidArgument(
            f"invalid registry: {without_account(server)!r}", "Write it as HOST or HOST:PORT."
        )
    return name


def known_user(host: Host, server: str) -> str:
    """Return whose account is kept for a registry, "" where there is none."""
    account = access_of(host).credentials.get(registry_name(server))
    return account.user if account is not None else ""


def login(host: Host, server: str, user: str, secret: str) -> Text:
    """Have a registry judge an account, and keep it; without a user, the one that is kept is judged.

    Raises: RegistryDenied, RegistryUnreachable, InvalidArgument; nothing is kept then.
    """
    name = registry_name(server)
    access = access_of(host)
    if not user:
        account = access.credentials.get(name)
        if account is None:
            raise InvalidArgument(
                "username is empty", f"`login -u NAME --password-stdin {server}`".replace(" `", "`")
            )
        _judge(access, name, account)
        return Text(["Authenticating with existing credentials...", "Login Succeeded"])
    if not secret:
        raise InvalidArgument("password is empty", "Give it with --password-stdin.")
    account = Account(user, secret)
    _judge(access, name, account)
    helper = access.credentials.put(name, account)
    if helper:
        return Text(["Login Succeeded"])
    warning = f"WARNING! Your password will be stored unencrypted in {access.credentials.path}."
    return Text([warning, *_ADVICE.splitlines(), "", "Login Succeeded"])


def _judge(access: Access, name: str, account: Account) -> None:
    failure: Exception | None = None
    for endpoint in endpoints(name, access.options.network):
        if endpoint.is_mirror:
            continue
        client = access.client(endpoint, account)
        try:
            client.ping()
            return
        except RegistryDenied as error:
            if "incorrect username" in error.message:
                raise RegistryDenied(f'Get "{endpoint.url}/v2/": {error.message}') from None
            raise RegistryDenied(
                f"login attempt to {endpoint.url}/v2/ failed with status: 401 Unauthorized",
                "Are name and password right?",
            ) from None
        except (RegistryUnreachable, Unsupported) as error:
            failure = failure or error
        finally:
            client.close()
    assert failure is not None
    raise failure


def logout(host: Host, server: str) -> Text:
    """Forget the account for a registry."""
    name = registry_name(server)
    shown = HUB_KEY if name == DEFAULT_REGISTRY else name
    if access_of(host).credentials.erase(name):
        return Text([f"Removing login credentials for {shown}"])
    return Text([f"Not logged in to {shown}"])
