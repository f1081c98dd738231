"""The commands of the program."""

import os

# The matrices of fitting are small. With more threads OpenBLAS takes up to three times the CPU time
# (PaDiM), and the last bit of its results depends on the number of cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
