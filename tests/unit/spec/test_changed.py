from nbcontainer.spec.changed import Changed, ContainerChange


def test_nothing_that_changed_is_false():
    assert not Changed()
    assert Changed(images=(("tag", "web:1"),))
    assert Changed(containers=(ContainerChange("web"),))
