"""Private Numba kernels: NumPy arrays in, NumPy arrays out. Everything above reads like the mathematics."""
