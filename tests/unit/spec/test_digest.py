from __future__ import annotations

import pytest

from nbcontainer.errors import Corrupt
from nbcontainer.spec.digest import Digest, sha256

HEX = "0123456789abcdef" * 4


def test_a_digest_knows_its_parts() -> None:
    digest = Digest.parse(f"sha256:{HEX}")
    assert (digest.algorithm, digest.hex, digest.short) == ("sha256", HEX, HEX[:12])
    assert digest == f"sha256:{HEX}"
    assert Digest.parse("sha512:" + HEX * 2).algorithm == "sha512"


def test_a_digest_is_taken_of_bytes() -> None:
    assert sha256(b"").hex.startswith("e3b0c44298fc1c149afbf4c8996fb924")


@pytest.mark.parametrize(
    "text",
    [
        "", HEX, "sha256:", f"sha256:{HEX[1:]}", f"sha256:{HEX}0", f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}", f"sha512:{HEX}", f"md5:{HEX[:32]}", f"sha256:{HEX}\n", f" sha256:{HEX}",
        "sha256:" + "../" * 21 + "x", f"sha256:{HEX[:-1]}\u0661", f"sha256:{HEX[:-2]}..", None, 5,
        b"sha256:", ["sha256"], "x" * 10**6,
    ],
)  # fmt: skip
def test_what_is_no_digest_never_becomes_a_path(text: object) -> None:
    with pytest.raises(Corrupt, match="^invalid digest") as caught:
        Digest.parse(text)
    assert len(caught.value.message) < 130
