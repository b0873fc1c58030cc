import pytest

from nbcontainer.runtime import way_out


@pytest.mark.parametrize("name", [way_out.PASTA, way_out.SLIRP])
def test_no_port_of_the_host_goes_in_and_its_loopback_stays_out_of_reach(name):
    words = way_out.arguments(name, f"/usr/bin/{name}", "/run/space.net")
    assert words[0] == f"/usr/bin/{name}"
    assert "/run/space.net" in words
    if name == way_out.PASTA:
        assert "--no-map-gw" in words
        assert [words[words.index(flag) + 1] for flag in ("-t", "-u", "-T", "-U")] == ["none"] * 4
    else:
        assert "--disable-host-loopback" in words


def test_the_proxy_is_there_whatever_else_is():
    assert way_out.candidates()[-1] == way_out.PROXY
