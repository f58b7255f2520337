"""Whether compiled kernels are worth the time that loading the compiler takes."""

SHORT = 2**18  # bytes of one file that NumPy reads in less time than that
PATIENCE = 2**22  # bytes of short files, all together, after which it would have paid
_read_by_numpy = 0


def kernels_pay(size: int) -> bool:
    """Is a piece of `size` bytes to be read by compiled kernels rather than by NumPy? Both give the same.

    One long piece loads the compiler, and so do many short ones: at worst that takes twice the time of the better way.
    """
    global _read_by_numpy
    if size < SHORT and _read_by_numpy <= PATIENCE:
        _read_by_numpy += size
        return False
    _read_by_numpy = PATIENCE + 1  # from now on there is nothing to load
    return True
