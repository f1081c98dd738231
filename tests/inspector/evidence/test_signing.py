"""Tests of the keys: signatures fit, and a key appears in no message and in no result."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from evidence_runs import OTHER_SECRET, SECRET, make_run, write_key, write_products

from inspector.app import main
from inspector.core.chain import link
from inspector.core.errors import ConfigError
from inspector.evidence.signing import load_key, load_signing_key
from tools.verify import main as verify


def test_a_signature_fits_only_its_key_and_its_value(tmp_path: Path) -> None:
    key = load_signing_key(write_key(tmp_path / "a"), "key")
    other = load_key(write_key(tmp_path / "b", OTHER_SECRET), "key")
    signature = key.sign("1" * 64)
    assert load_key(tmp_path / "a", "key").check("1" * 64, signature)
    assert not key.check("2" * 64, signature)
    assert not other.check("1" * 64, signature)
    assert not key.check("1" * 64, "")
    assert not key.check("1" * 64, "\u00fc" * 64)
    assert key.key_id != other.key_id


def test_the_documented_formula_gives_the_signature(tmp_path: Path) -> None:
    out = make_run(tmp_path, frames=4, evidence={"key_file": str(write_key(tmp_path / "key"))})
    data = (out / "summary.json").read_bytes()
    summary = json.loads(data)
    content = data[: data.rindex(b',\n  "signature": ')]
    text = "inspection evidence " + link(summary["evidence"]["chain"], content)
    expected = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert summary["signature"] == expected


@pytest.mark.parametrize(
    "content", ["", "short", "x" * 31, f"{SECRET}\n{SECRET}", "-----BEGIN PRIVATE KEY-----\nx"]
)
def test_a_wrong_key_file_is_refused_without_its_content(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"evidence\.key_file: .*key") as caught:
        load_signing_key(path, "evidence.key_file")
    assert not content or content not in str(caught.value)


def test_a_missing_key_file_ends_the_run_before_it_starts(tmp_path: Path) -> None:
    source = write_products(tmp_path / "pictures", 2)
    argv = ["--source", str(source), "--output", str(tmp_path / "out")]
    argv += ["--set", "engine.backend=fake", "--set", "log.path=null"]
    assert main([*argv, "--set", f"evidence.key_file={tmp_path / 'none'}"]) == 2
    assert not (tmp_path / "out").exists()
    assert verify([str(tmp_path), "--key", str(tmp_path / "none")]) == 2


def test_the_key_is_in_no_result_and_in_no_message(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    key = write_key(tmp_path / "key")
    (tmp_path / "copies").mkdir()
    evidence = {"key_file": str(key), "checkpoint_dir": str(tmp_path / "copies")}
    log = {"path": str(tmp_path / "program.log"), "level": "DEBUG"}
    make_run(tmp_path, frames=10, evidence=evidence, log=log)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != key]
    assert len(files) > 15
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
    assert tmp_path / "program.log" in files
    assert SECRET not in "".join(capfd.readouterr())


def write_pair(folder: Path) -> tuple[Path, Path]:
    """A private and a public key for Ed25519."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def test_a_public_key_checks_what_the_private_key_signed(tmp_path: Path) -> None:
    private, public = write_pair(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = write_pair(tmp_path / "other")
    out = make_run(tmp_path, frames=10, evidence={"key_file": str(private)})
    assert verify([str(out), "--key", str(public)]) == 0
    assert verify([str(out), "--key", str(private)]) == 0
    assert verify([str(out), "--key", str(other)]) == 8
    assert verify([str(out), "--key", str(write_key(tmp_path / "key"))]) == 8
    with pytest.raises(ConfigError, match="is a public key, which cannot sign"):
        load_signing_key(public, "evidence.key_file")
