import hashlib
import os

from inspector.core.names import names_hash


def test_the_hash_is_computed_from_the_bytes_of_the_names():
    names = (os.fsdecode(b"\xff.png"), "ä.png")
    expected = hashlib.sha256(b"\xff.png\n" + "ä.png".encode()).hexdigest()
    assert names_hash(names) == expected


def test_the_hash_depends_on_the_order():
    assert names_hash(("a", "b")) != names_hash(("b", "a"))
