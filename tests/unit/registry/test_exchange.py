from nbcontainer.registry.exchange import Request


def test_only_what_does_no_harm_is_repeated():
    assert all(Request(method, "u").is_repeatable for method in ("GET", "HEAD", "PUT", "DELETE"))
    assert not any(Request(method, "u").is_repeatable for method in ("POST", "PATCH"))
    assert not Request("PUT", "u", once=True).is_repeatable
