from nbcontainer.registry import scope


def test_a_token_for_more_serves_for_less():
    held = (scope.push("a/b"), scope.pull("c"))
    assert scope.covers(held, (scope.pull("a/b"),))
    assert scope.covers(held, (scope.pull("a/b"), scope.pull("c")))
    assert scope.covers(held, ())
    assert scope.covers((scope.CATALOG,), (scope.CATALOG,))


def test_it_serves_for_nothing_else():
    held = (scope.pull("a/b"),)
    for wanted in (scope.push("a/b"), scope.pull("a"), scope.pull("a/b/c"), scope.delete("a/b")):
        assert not scope.covers(held, (wanted,))
    assert not scope.covers((), (scope.pull("a"),))
