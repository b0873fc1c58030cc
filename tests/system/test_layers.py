"""The layers of real images, explored."""

from __future__ import annotations

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import ImageNotFound, InvalidArgument, NotFound
from tests.needs import needs


@needs("userns")
def test_the_layers_of_an_image_tell_what_they_cost(engine: Engine) -> None:
    first = "head -c 500000 /dev/zero > /big; echo one > /kept"
    engine.run("toolbox", ["sh", "-c", first], name="made")
    engine.commit("made", "app:1", message="big")
    engine.run("app:1", ["sh", "-c", "rm /big; echo two > /kept"], name="again")
    engine.commit("again", "app:2")
    found = engine.layers("app:2")
    layers = found["Layers"]
    assert [(one["Added"], one["Changed"], one["Removed"]) for one in layers[1:]] == [
        (2, 0, 0),
        (0, 1, 1),
    ]
    assert layers[1]["SizeBytes"] == 500_004
    assert layers[1]["KeptBytes"] == 0
    assert found["WastedBytes"] == 500_008
    assert [one["path"] for one in found["Wasted"]] == ["/big", "/kept"]
    assert found["Efficiency"] < 1
    assert "Efficiency: " in repr(found)
    assert engine.layers("app:2", path="/kept")["Owner"]["Layer"] == 3
    with pytest.raises(NotFound, match="/big: no such file in the image app:2"):
        engine.layers("app:2", path="/big")
    compared = engine.layers("app:1", "app:2")
    assert (len(compared["Shared"]), compared["OnlyFirst"]) == (2, [])
    assert compared["FetchSecond"] > 0
    with pytest.raises(InvalidArgument, match="--path is of one image"):
        engine.layers("app:1", "app:2", path="/kept")
    with pytest.raises(ImageNotFound):
        engine.layers("no-such")
