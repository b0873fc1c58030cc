import pytest

from nbcontainer.spec.browser import browser_url

HUB = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}


@pytest.mark.parametrize(
    ("environ", "address", "expected"),
    [
        ({}, "0.0.0.0", "http://localhost:8080/a"),
        ({}, "127.0.0.1", "http://localhost:8080/a"),
        ({}, "192.0.2.7", "http://192.0.2.7:8080/a"),
        ({}, "fd00::7", "http://[fd00::7]:8080/a"),
        (HUB, "0.0.0.0", "/user/ada/proxy/8080/a"),
        (
            {**HUB, "JUPYTERHUB_PUBLIC_URL": "https://hub.example/user/ada/"},
            "0.0.0.0",
            "https://hub.example/user/ada/proxy/8080/a",
        ),
        (
            {"VSCODE_PROXY_URI": "https://code.example/proxy/{{port}}/"},
            "0.0.0.0",
            "https://code.example/proxy/8080/a",
        ),
        (
            {
                "CODESPACE_NAME": "ada-x",
                "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev",
            },
            "0.0.0.0",
            "https://ada-x-8080.app.github.dev/a",
        ),
    ],
)
def test_the_link_leads_to_where_this_browser_reaches_the_port(environ, address, expected):
    assert browser_url(address, 8080, "/a", environ, has_proxy=True) == expected


def test_on_a_hub_without_its_proxy_there_is_no_link():
    assert browser_url("0.0.0.0", 8080, "/", HUB, has_proxy=False) == ""
