from nbcontainer.spec import codec
from nbcontainer.spec.anatomy import Anatomy, Namespace
from tests.anatomies import RUNNING


def test_a_namespace_is_its_own_where_its_inode_is_not_the_hosts():
    assert Namespace("pid", 2, 1).is_own
    assert not Namespace("net", 7, 7).is_own


def test_the_facts_survive_json():
    assert codec.decode(Anatomy, codec.encode(RUNNING)) == RUNNING
