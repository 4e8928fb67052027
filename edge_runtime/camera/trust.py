"""Decide which servers of https:// and rtsps:// are trusted."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import CameraError

# Where systems keep the certificates of the authorities that they trust: Debian, Fedora, Alpine and macOS.
AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True)
class Trust:
    """Which certificates are accepted.

    Args:
        ca_file: certificates of the only authorities that are trusted, or of the camera itself, in PEM format.
            Default: the authorities that the system trusts.
        insecure: whether any certificate is accepted. Anybody on the way can change the pictures then. Default
            no.
    """

    ca_file: Path | None = None
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """Return the settings of a connection for Python's ssl.

        Raises:
            CameraError: the file of certificates cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # ssl.SSLError too
            raise CameraError(
                f"{self.ca_file}: no certificates can be read ({error.strerror or error}). Expected a PEM file"
            ) from error
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def ffmpeg_options(self) -> dict[str, str]:
        """Return the settings of a connection for FFmpeg, which finds no authorities by itself.

        Raises:
            CameraError: there is no file of certificates.
        """
        if self.insecure:
            return {"tls_verify": "0"}
        self.context()  # FFmpeg does not say what is wrong with a file
        known = [self.ca_file, ssl.get_default_verify_paths().cafile, *AUTHORITIES]
        files = [str(file) for file in known if file and Path(file).is_file()]
        if not files:
            raise CameraError(
                "no certificates of authorities are on this system. Install the package ca-certificates, or name a "
                "file with --ca-file"
            )
        return {"tls_verify": "1", "ca_file": files[0]}
