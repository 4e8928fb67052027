"""Refuse to begin where the libraries of a command would crash, or wait for ever, for lack of address space."""

from __future__ import annotations

from edge_runtime.errors import CatdogError

# By extra, what its libraries map, MiB. TensorFlow ends with SIGSEGV where it may map less, and the OpenBLAS of
# SciPy asks for memory for ever. Measured: they need 5,700 and 600.
ADDRESS_MIB = {"train": 6144, "export": 6144, "bench": 1024}


def require_address_space(extra: str) -> None:
    """Refuse a limit of address space that is too small for the libraries of a command.

    Args:
        extra: the extra of catdog-edge that installs them.

    Raises:
        CatdogError: this process may map less (`ulimit -v`).
    """
    import resource

    limit, least_mib = resource.getrlimit(resource.RLIMIT_AS)[0], ADDRESS_MIB[extra]
    if limit != resource.RLIM_INFINITY and limit < least_mib * 2**20:
        raise CatdogError(
            f"the address space of this process is limited to {limit // 2**20:,} MiB, expected at least "
            f"{least_mib:,} MiB for the libraries of this command. Raise the limit: ulimit -v unlimited"
        )
