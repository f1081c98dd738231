"""Makes the TLS settings of a connection to a server whose certificate is always checked."""

import ssl

from inspector.core.errors import ConfigError


def make_tls_context(
    ca_file: str | None, cert_file: str | None, key_file: str | None, key: str
) -> ssl.SSLContext:
    """ca_file: certificates that are trusted; None: those of the system. cert_file, key_file:
    certificate of this machine and its private key, in PEM; the certificate file may hold both.
    key: of the section in the configuration, for messages. Raises ConfigError for a file that
    cannot be used."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        raise ConfigError(f"{key}.ca_file: {ca_file}: {exc}") from exc
    if cert_file is not None:
        try:
            # Without a password, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(cert_file, key_file, password="")
        except OSError as exc:
            files = " or ".join(filter(None, (cert_file, key_file)))
            raise ConfigError(f"{key}.cert_file: cannot use {files}: {exc}") from exc
    return context
